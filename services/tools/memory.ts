/** Memory: what the owner wants remembered, and forgotten. A wish of a turn that has read words of strangers is marked so. */

import * as z from 'zod/mini';
import { untrusted } from '#shared/base/untrusted.ts';
import { integer } from '#shared/runtime/setting.ts';
import * as note from '#shared/tables/note.ts';
import * as taint from '#shared/tables/taint.ts';
import { type Call, type Hands, tool } from './registry.ts';
import { text } from './result.ts';

const allow = { do: 'allow' } as const;

/** What is recalled at once. */
const MOST_NOTES = 50;

export const remember = tool({
  name: 'remember',
  description: 'Remember a fact or wish of the owner for later conversations.',
  input: z.strictObject({ text: z.string().check(z.minLength(1), z.maxLength(2000)) }),
  offer: 'on demand',
  repeatable: true,
  about: (input) => `remember: ${input.text}`,
  policy: () => allow,
  async run(call, hands) {
    return {
      content: text('Remembered.'),
      ops: [await noteOf(call, hands, 'remember', call.input.text, null)],
    };
  },
});

export const recall = tool({
  name: 'recall',
  description: 'What is remembered: all of it, or what has these words in it.',
  input: z.strictObject({ query: z.optional(z.string().check(z.maxLength(200))) }),
  offer: 'on demand',
  repeatable: true,
  about: (input) => `recall ${input.query ?? 'everything'}`,
  policy: () => allow,
  async run(call, hands) {
    const words = (call.input.query ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    const all = await hands.ctx.store.read(note.kept(call.conversation));
    const found = all.filter((one) => words.every((word) => one.text.toLowerCase().includes(word)));
    if (found.length === 0) return { content: text('Nothing is remembered of that.') };
    const shown = found.slice(0, MOST_NOTES);
    const source = shown.some(({ tainted }) => tainted) ? 'memory' : null;
    const lines = shown.map((one) => `#${one.id} ${one.tainted ? untrusted('memory', one.text) : one.text}`);
    const more =
      found.length > shown.length ? [`[${found.length - shown.length} older ones: ask with a query]`] : [];
    return { content: text([...lines, ...more].join('\n')), source };
  },
});

export const forget = tool({
  name: 'forget',
  description: 'Forget what is remembered, by the number that recall shows.',
  input: z.strictObject({ id: integer(1, Number.MAX_SAFE_INTEGER) }),
  offer: 'on demand',
  repeatable: true,
  about: (input) => `forget #${input.id}`,
  policy: () => allow,
  async run(call, hands) {
    const { id } = call.input;
    const kept = await hands.ctx.store.read(note.kept(call.conversation));
    if (!kept.some((one) => one.id === id))
      throw new Error(`nothing is remembered as #${id}: recall shows the numbers`);
    return {
      content: text(`#${id} is forgotten.`),
      ops: [await noteOf(call, hands, 'forget', `#${id}`, id)],
    };
  },
});

async function noteOf(
  call: Call,
  { ctx }: Hands,
  kind: note.Note['kind'],
  words: string,
  forgets: number | null,
) {
  const { conversation, turn_id, sender } = call;
  const tainted = (await ctx.store.read(taint.ofTurn(turn_id))).length > 0 ? 1 : 0;
  const given_by = sender ?? 'agent';
  return note.post({
    kind,
    text: words,
    forgets,
    conversation,
    turn_id,
    tainted,
    given_by,
    at: ctx.clock.now(),
  });
}
