/** A model that answers by a script: it files what the made-up person states, and sums up whatever it is shown. */

import type { Message } from '@anthropic-ai/sdk/resources/messages';
import type { Asker, Params } from '../../services/memory/run/ask.ts';

/** What it reads, and the slot that it files it under. */
const READ: readonly [RegExp, string][] = [
  [/^I live in /, 'owner.city'],
  [/^I work at /, 'owner.employer'],
  [/^My favourite colour is /, 'owner.favourite.colour'],
  [/^Remember that the ([\w ]+?) is /, 'place.$1'],
];

type Known = { id: number; slot: string | null; text: string };
type Said = { id: number; by: string; text?: string };

export type ScriptedModel = Asker & { asked: number; tokens: number };

export function scriptedModel(): ScriptedModel {
  const model = {
    asked: 0,
    tokens: 0,
    isReal: async (_alias: string) => true,
    async message(params: Params) {
      model.asked += 1;
      const name = params.tool_choice?.type === 'tool' ? params.tool_choice.name : '';
      const told = String(params.messages[0]?.content);
      const input = name === 'sum_up' ? { summary: `They talked: ${told.length} letters.` } : answerTo(told);
      const usage = { input_tokens: tokensOf(params), output_tokens: tokensOf(input) };
      model.tokens += usage.input_tokens + usage.output_tokens;
      // As much of a message as is read.
      const message = { stop_reason: 'tool_use', usage, content: [{ type: 'tool_use', name, input }] };
      return { message: message as unknown as Message, call_id: null };
    },
    submit: () => Promise.reject(new Error('it takes no batches')),
    results: async () => null,
    drop: async () => {},
  };
  return model;
}

const tokensOf = (value: unknown) => Math.ceil(JSON.stringify(value).length / 4);

function answerTo(told: string): object {
  const [before = '', after = ''] = told.split('\nWhat was said:\n');
  const rows = (text: string) => text.split('\n').filter((line) => line.startsWith('{'));
  const known: Known[] = rows(before).map((line) => JSON.parse(line));
  const said: Said[] = rows(after).map((line) => JSON.parse(line));
  const add = said.flatMap(({ id, by, text = '' }) =>
    READ.flatMap(([form, slot]) => {
      const found = by === 'person' && form.exec(text);
      if (!found) return [];
      const filed = slot.replace('$1', () => (found[1] ?? '').replaceAll(' ', '_'));
      const same = known.find((one) => text.toLowerCase().includes(one.text.toLowerCase()));
      // It is remembered already, and filed.
      if (same && same.slot !== null) return [];
      const sources = [{ message: id, quote: text }];
      const more = { replaces: same?.id ?? null, valid_from: null, due_at: null, confidence: 0.9, sources };
      return [{ kind: 'fact', text: `Told: ${text}`, slot: filed, ...more }];
    }),
  );
  const sessions = after.split('\n').filter((line) => line.startsWith('Session ')).length;
  const summaries = Array.from({ length: sessions }, (_, n) => ({
    session: n + 1,
    text: `They talked about ${said.length} things, session ${n + 1}.`,
  }));
  return { add, retract: [], dispute: [], summaries };
}
