/**
 * What an answer rests on, as a model is shown it: what was said before, what was asked and remembered, what tools were called
 * and brought, and the answer. All of it is data in frames that it cannot close.
 */

import { untrusted } from '#shared/base/untrusted.ts';
import type { Store } from '#shared/store/store.ts';
import * as message from '#shared/tables/message.ts';
import * as step from '#shared/tables/step.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import * as turn from '#shared/tables/turn.ts';

/** With more than that it would have to be judged without having been read. */
const LONGEST_chars = 60_000;
/** What was said before the turn. */
const EARLIER_messages = 12;

/** @returns the whole, or why it cannot be judged */
export async function sourcesOf(
  read: Store['read'],
  turn_id: string,
): Promise<{ told: string } | { unfit: string }> {
  const [[mine], [answer], asked, steps, calls] = await Promise.all([
    read(turn.of(turn_id)),
    read(message.answer(turn_id)),
    read(message.ofTurn(turn_id)),
    read(step.of(turn_id)),
    read(tool_call.ofTurn(turn_id)),
  ]);
  const [first] = asked;
  if (!mine || !answer || !first) return { unfit: 'it was forgotten' };
  const before = { after_id: first.id - 1, upto_id: first.id - 1, before: EARLIER_messages, most: 0 };
  const earlier = await read(message.span(mine.conversation, before));
  const parts = earlier.map(({ role, text }) =>
    untrusted(role === 'user' ? 'earlier, the person' : 'earlier, the agent', text),
  );
  for (const { kind, content_json } of steps) {
    // What it said on the way is no source, and what it called is told with what came of it.
    if (kind === 'model' || kind === 'tools') continue;
    const texts = textsIn(content_json);
    if (texts === null) return { unfit: 'it rests on more than text' };
    parts.push(...texts.map((text) => untrusted(kind === 'heard' ? 'the person' : 'remembered', text)));
  }
  if (steps.some(({ kind, content_json }) => kind === 'model' && hasSearched(content_json)))
    return { unfit: 'it rests on a search of the provider' };
  for (const { tool, state, input_json, result_json } of calls) {
    const texts = textsIn(result_json ?? '[]');
    if (texts === null) return { unfit: 'it rests on more than text' };
    parts.push(untrusted(`tool ${tool}, ${state}`, [`input: ${input_json}`, ...texts].join('\n')));
  }
  parts.push(untrusted('the answer', answer.text));
  const told = parts.join('\n\n');
  return told.length <= LONGEST_chars ? { told } : { unfit: 'it rests on too much to be read' };
}

type Block = { type?: unknown; text?: unknown };

/** null: there is something that is no text. */
function textsIn(content_json: string): string[] | null {
  const blocks: Block[] = JSON.parse(content_json);
  const texts = blocks.map(({ type, text }) => (type === 'text' && typeof text === 'string' ? text : null));
  return texts.every((text) => text !== null) ? texts : null;
}

function hasSearched(content_json: string): boolean {
  const blocks: Block[] = JSON.parse(content_json);
  return blocks.some(({ type }) => type === 'server_tool_use');
}
