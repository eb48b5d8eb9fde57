/** What ends a turn that does not end by itself. Pure. */

import type { ToolCall } from '#shared/tables/tool_call.ts';
import type { Wish } from './reply.ts';

/** The same call, with the same input, wanted for this time is a loop. */
const MOST_REPEATS = 3;

export type Bounds = { rounds: number; turn_minutes: number; turn_tokens: number };

/** Why no further round may begin; null: it may. */
export function boundReached(
  used: { round: number; worked_ms: number; tokens: number },
  bounds: Bounds,
): string | null {
  if (used.round > bounds.rounds) return `after ${bounds.rounds} rounds ([core] rounds)`;
  if (used.worked_ms > bounds.turn_minutes * 60_000)
    return `after ${bounds.turn_minutes} minutes of work ([core] turn_minutes)`;
  if (used.tokens > bounds.turn_tokens)
    return `after ${used.tokens} tokens ([core] turn_tokens is ${bounds.turn_tokens})`;
  return null;
}

/** The wish that has been granted too often already; undefined: none. */
export function repeated(
  wishes: readonly Wish[],
  before: readonly Pick<ToolCall, 'tool' | 'input_json'>[],
): Wish | undefined {
  const calls = before.map(({ tool, input_json }) => `${tool} ${input_json}`);
  return wishes.find((wish) => {
    const call = `${wish.tool} ${JSON.stringify(wish.input)}`;
    calls.push(call);
    return calls.filter((other) => other === call).length >= MOST_REPEATS;
  });
}
