/**
 * What a model answered, as changes. Its form is judged as a whole, each entry by itself: one that cites what it was not
 * shown, or names a memory that it was not shown, is left out, and the rest counts. Pure.
 */

import type { Message } from '@anthropic-ai/sdk/resources/messages';
import * as z from 'zod/mini';
import type { Memory } from '#shared/tables/memory.ts';
import type { Change, Cited } from '../change.ts';
import type { Input } from './input.ts';
import { timeOf } from './period.ts';
import { KINDS } from './prompt.ts';

const LONGEST = { text: 500, slot: 80, summary: 1500, quote: 2000 };

const words = (most: number) => z.string().check(z.trim(), z.minLength(1), z.maxLength(most));
const id = z.int();
const sources = z.array(z.strictObject({ message: id, quote: words(LONGEST.quote) })).check(z.minLength(1));

const entries = {
  add: z.strictObject({
    kind: z.enum(KINDS),
    text: words(LONGEST.text),
    slot: z.nullable(words(LONGEST.slot)),
    replaces: z.nullable(id),
    valid_from: z.nullable(z.string()),
    due_at: z.nullable(z.string()),
    confidence: z.number(),
    sources,
  }),
  retract: z.strictObject({ memory: id, sources }),
  dispute: z.strictObject({ memory: id, other: id, sources }),
  summaries: z.strictObject({ session: id, text: words(LONGEST.summary) }),
};

const many = z.array(z.unknown());
const Remembered = z.strictObject({ add: many, retract: many, dispute: many, summaries: many });
const SummedUp = z.strictObject({ summary: words(LONGEST.summary) });

/** What is kept of an answer until it is applied. */
export type Answer =
  | { tool: 'remember'; input: z.infer<typeof Remembered> }
  | { tool: 'sum_up'; input: z.infer<typeof SummedUp> };

/** null: it is not of the form that was asked for. */
export function answerIn({ content, stop_reason }: Message, tool: Answer['tool']): Answer | null {
  // Cut off, it may still be JSON, of half of what was meant.
  if (stop_reason === 'max_tokens') return null;
  const [call, ...more] = content.filter((block) => block.type === 'tool_use');
  if (call?.name !== tool || more.length > 0) return null;
  const form = tool === 'remember' ? Remembered : SummedUp;
  const parsed = form.safeParse(call.input);
  return parsed.success ? ({ tool, input: parsed.data } as Answer) : null;
}

export type Read = { changes: Change[]; left_out: string[] };

/** @param shown the memories that the model was shown, as they are now */
export function changesOf(answer: Answer, input: Input, shown: readonly Memory[]): Read {
  const read: Read = { changes: [], left_out: [] };
  if (answer.tool === 'sum_up') return { ...read, changes: summaryOf(input, 1, answer.input.summary) };
  const given = answer.input;
  const memories = new Map(shown.map((one) => [one.id, one]));

  function each<Kind extends keyof typeof entries>(
    kind: Kind,
    changesIn: (entry: z.infer<(typeof entries)[Kind]>) => Change[] | string,
  ): void {
    for (const [index, raw] of given[kind].entries()) {
      const parsed = entries[kind].safeParse(raw);
      const changes = parsed.success
        ? changesIn(parsed.data as z.infer<(typeof entries)[Kind]>)
        : 'it is not of the form that was asked for';
      if (typeof changes === 'string') read.left_out.push(`${kind} ${index + 1}: ${changes}`);
      else read.changes.push(...changes);
    }
  }

  const unshown = (ids: readonly number[]) => ids.find((id) => !memories.has(id));
  const cited = (of: z.infer<typeof sources>): Cited[] | string => {
    const stranger = of.find(({ message }) => !input.messages.has(message));
    if (stranger) return `it cites message ${stranger.message}, which was not shown`;
    const last = new Map(of.map(({ message, quote }) => [message, quote]));
    return [...last].map(([message_id, quote]) => ({ message_id, quote }));
  };

  each('add', ({ kind, text, slot, replaces, confidence, ...entry }) => {
    const sources = cited(entry.sources);
    if (typeof sources === 'string') return sources;
    const old = replaces === null ? undefined : memories.get(replaces);
    if (replaces !== null && !old) return `it replaces memory ${replaces}, which was not shown`;
    const [valid_from, due_at] = [entry.valid_from, entry.due_at].map((at) =>
      at === null ? null : timeOf(at),
    );
    if ((entry.valid_from !== null && valid_from === null) || (entry.due_at !== null && due_at === null)) {
      return 'its date is none';
    }
    const add: Change = {
      op: 'add',
      kind,
      slot: old?.slot ?? slot,
      text,
      sources,
      confidence,
      valid_from: valid_from ?? null,
      due_at: due_at ?? null,
    };
    // In the same slot the new one takes its place by itself.
    return old && old.slot === null ? [add, { op: 'retract', memory_id: old.id, sources }] : [add];
  });
  each('retract', ({ memory, sources: of }) => {
    if (unshown([memory]) !== undefined) return `memory ${memory} was not shown`;
    const sources = cited(of);
    return typeof sources === 'string' ? sources : [{ op: 'retract', memory_id: memory, sources }];
  });
  each('dispute', ({ memory, other, sources: of }) => {
    const stranger = unshown([memory, other]);
    if (stranger !== undefined) return `memory ${stranger} was not shown`;
    if (memory === other) return `memory ${memory} does not contradict itself`;
    const sources = cited(of);
    return typeof sources === 'string'
      ? sources
      : [{ op: 'dispute', memory_id: memory, other_id: other, sources }];
  });
  const summed = new Set<number>();
  each('summaries', ({ session, text }) => {
    if (summed.has(session)) return `session ${session} has one already`;
    const changes = summaryOf(input, session, text);
    if (changes.length === 0) return `there is no session ${session}`;
    summed.add(session);
    return changes;
  });
  return read;
}

/** @param nth which of the input's spans, from 1 */
function summaryOf({ spans }: Input, nth: number, text: string): Change[] {
  const span = spans[nth - 1];
  if (!span) return [];
  const { period, starts_at, ends_at, messages } = span;
  return [
    {
      op: 'add',
      kind: 'summary',
      slot: null,
      text,
      sources: messages.map((message_id) => ({ message_id, quote: null })),
      confidence: null,
      valid_from: ends_at,
      due_at: null,
      period,
      starts_at,
      ends_at,
    },
  ];
}
