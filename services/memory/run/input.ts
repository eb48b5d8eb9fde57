/**
 * What a run is about, read anew from the store each time, with a hash of it: should something of it be forgotten while a
 * model reads it, nothing of the answer is kept, and the rest is asked about again.
 */

import { createHash } from 'node:crypto';
import { stamp } from '#shared/base/period.ts';
import { recall } from '#shared/recall/recall.ts';
import type { Store } from '#shared/store/store.ts';
import * as memory from '#shared/tables/memory.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import * as memory_source from '#shared/tables/memory_source.ts';
import type { Config } from '../config.ts';
import type { Params } from './ask.ts';
import { type Period, periodAt } from './period.ts';
import { PROMPT, READ, remember, SUM_UP, sumUp } from './prompt.ts';
import { BELIEVED, isWorth, LONGEST_chars, type Said, sittingsOf } from './sitting.ts';

export type Input = {
  hash: string;
  /** What can be cited. */
  messages: ReadonlySet<number>;
  /** What each summary of the answer sums up, in order. */
  spans: readonly Span[];
  /** As the model is told it. */
  told: string;
  /** What was said by the person, to find what is remembered of it. */
  asked: string;
};

type Span = Omit<Period, 'period'> & {
  period: NonNullable<memory.Memory['period']>;
  messages: readonly number[];
};
type Of = Pick<memory_run.Run, 'scope' | 'conversation' | 'period' | 'starts_at' | 'after_id' | 'upto_id'>;

/** So much is read of the store at once. */
export const PAGE = 2000;
const CHARS_PER_TOKEN = 4;

export const mostChars = ({ run_tokens }: Pick<Config, 'run_tokens'>) => run_tokens * CHARS_PER_TOKEN;
export const gap_ms = ({ session_min }: Pick<Config, 'session_min'>) => session_min * 60_000;

/** null: nothing of it is left. */
export async function inputOf(store: Store, config: Config, run: Of): Promise<Input | null> {
  if (run.period !== null) {
    const span = periodAt(run.period, run.starts_at ?? 0);
    return ofPeriod(await partsOf(store, run.scope, span), span);
  }
  const said = await store.read(memory_run.said(run.conversation, run.after_id, run.upto_id, PAGE));
  return ofSittings(sittingsOf(said, gap_ms(config), mostChars(config)).filter(isWorth));
}

export function ofSittings(sittings: readonly Said[][]): Input | null {
  if (sittings.length === 0) return null;
  const believed = sittings.flat().filter(({ trust }) => trust >= BELIEVED);
  const lines = sittings.flatMap((sitting, index) => [
    `Session ${index + 1}`,
    ...sitting.map(({ id, role, at, trust, text }) =>
      JSON.stringify({
        id,
        at: stamp(at),
        by: role === 'user' ? 'person' : 'agent',
        // Whose words nobody vouches for does not become a memory, so there is no need to show it.
        ...(trust < BELIEVED ? { by: 'somebody', omitted: true } : { text: text.slice(0, LONGEST_chars) }),
      }),
    ),
  ]);
  return {
    hash: hashOf(
      sittings.map((sitting) => sitting.map(({ id, trust, text }) => [id, trust < BELIEVED ? 0 : text])),
    ),
    messages: new Set(believed.map(({ id }) => id)),
    spans: sittings.map((sitting) => ({
      period: 'session',
      starts_at: sitting[0]?.at ?? 0,
      ends_at: sitting.at(-1)?.at ?? 0,
      messages: sitting.filter(({ trust }) => trust >= BELIEVED).map(({ id }) => id),
    })),
    told: lines.join('\n'),
    asked: believed
      .filter(({ role }) => role === 'user')
      .map(({ text }) => text)
      .join('\n')
      .slice(0, LONGEST_chars),
  };
}

/** What a day or week is summed up from: its sessions; of a week the days, and sessions of days that had but one. */
export async function partsOf(store: Store, scope: string, { period, starts_at, ends_at }: Period) {
  const all = await store.read(memory.summaries(scope, starts_at, ends_at));
  const days = period === 'day' ? [] : all.filter((one) => one.period === 'day');
  const within = (at: number) => days.some((day) => at >= (day.starts_at ?? 0) && at < (day.ends_at ?? 0));
  const sessions = all.filter((one) => one.period === 'session' && !within(one.starts_at ?? 0));
  const summaries = [...days, ...sessions].sort((a, b) => (a.starts_at ?? 0) - (b.starts_at ?? 0));
  const cited = await store.read(memory_source.of(summaries.map(({ id }) => id)));
  return { summaries, messages: [...new Set(cited.map(({ message_id }) => message_id))] };
}

/** A single summary is nothing to sum up. */
export function ofPeriod(
  { summaries, messages }: Awaited<ReturnType<typeof partsOf>>,
  span: Period,
): Input | null {
  if (summaries.length < 2) return null;
  return {
    hash: hashOf([span.period, span.starts_at, summaries.map(({ id, text }) => [id, text])]),
    messages: new Set(messages),
    spans: [{ ...span, messages }],
    told: summaries
      .map(({ starts_at, text }) => JSON.stringify({ at: stamp(starts_at ?? 0), summary: text }))
      .join('\n'),
    asked: '',
  };
}

function hashOf(content: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([PROMPT, content]))
    .digest('hex');
}

const MOST_KNOWN = 80;
const RECALLED_tokens = 1000;
/** An answer has room for what may be said of so much. */
const ANSWER = { least_tokens: 1500, share: 0.3 };

/** What the model is asked, and which memories it is shown with it. */
export async function questionOf(
  store: Store,
  config: Config,
  { scope, period }: Pick<Of, 'scope' | 'period'>,
  input: Input,
  now: number,
): Promise<{ params: Params; shown: number[] }> {
  const max_tokens = Math.max(ANSWER.least_tokens, Math.ceil(config.run_tokens * ANSWER.share));
  if (period !== null) return { params: paramsOf(config, max_tokens, SUM_UP, sumUp, input.told), shown: [] };
  const found = await recall(store.read, { scope, text: input.asked, now, budget_tokens: RECALLED_tokens });
  // Also what rests on the messages that were found, or on these: what the rules have made of them.
  const messages = found.filter(({ kind }) => kind === 'message').map(({ id }) => id);
  const resting = await store.read(memory_source.restingOn([...messages, ...input.messages]));
  const memories = found.filter(({ kind }) => kind === 'memory').map(({ id }) => id);
  const ids = [...memories, ...resting.map(({ memory_id }) => memory_id)];
  const known = await store.read(memory.known(scope, ids, MOST_KNOWN));
  const lines = known.map(({ id, kind, slot, text, valid_from }) =>
    JSON.stringify({ id, kind, slot, since: valid_from === null ? null : stamp(valid_from), text }),
  );
  const told = `Remembered already:\n${lines.join('\n') || 'nothing'}\n\nWhat was said:\n${input.told}`;
  return { params: paramsOf(config, max_tokens, READ, remember, told), shown: known.map(({ id }) => id) };
}

function paramsOf(
  { alias }: Config,
  max_tokens: number,
  system: string,
  tool: typeof remember,
  content: string,
): Params {
  return {
    model: alias,
    max_tokens,
    system,
    tools: [tool],
    tool_choice: { type: 'tool', name: tool.name },
    messages: [{ role: 'user', content }],
  };
}
