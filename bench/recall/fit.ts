/**
 * Fits the weights of the ranking (shared/recall/weights.ts), and says what they are worth on conversations that they were
 * not fitted on: one conversation of each set in turn is left out, and ranked by what was fitted on the others.
 *
 *   node bench/recall/fit.ts <dataset.json>… [--write] [--without feature,…]
 *
 * For each message of the evidence the weights are those that make it likelier than all candidates that are none
 * (softmax), held small (L2). No chance is in it: the same data gives the same weights.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Feature, FIRST, firstLook, SECOND, secondLook } from '#shared/recall/features.ts';
import { find } from '#shared/recall/find.ts';
import { FIRST_WEIGHTS, WEIGHTS } from '#shared/recall/weights.ts';
import { table } from '../table.ts';
import { type Conversation, readConversations } from './locomo.ts';
import { BUDGETS, FIRST as FIRSTS, type Measured, meanOf, sharesOf, storeOf } from './measure.ts';

const { values, positionals } = parseArgs({
  options: { write: { type: 'boolean' }, without: { type: 'string' }, l2: { type: 'string' } },
  allowPositionals: true,
});
if (positionals.length === 0) {
  console.log('usage: node bench/recall/fit.ts <dataset.json>… [--write] [--without feature,…]');
  process.exit(2);
}
const without = (values.without ?? '').split(',');
const L2 = Number(values.l2 ?? 0.002);
const ROUNDS = 60;
/** Of each question so many candidates are fitted on, the best by the weights there are: what is far off teaches nothing. */
const NEAR = 80;
/** A spread that nothing is taken to be below: what hardly ever occurs would be blown up. */
const RARE = 0.02;
const ALL: readonly Feature[] = [...FIRST, ...SECOND];

/** A question with its candidates, a row of features each. */
type Case = {
  fold: number;
  set: string;
  weight: number;
  category: string;
  conversation: string;
  evidence: ReadonlySet<number>;
  candidates: { id: number; text: string }[];
  /** Those of them that it is fitted on. */
  kept: number[];
  first: Float64Array[];
  /** By fold that is left out (the last: none), since the second look rests on the weights of the first. */
  both: Float64Array[][];
};

const sets = positionals.map((file) => ({ file, conversations: readConversations(file) }));
const conversations = sets.flatMap(({ file, conversations }) =>
  conversations.map((each) => ({ file, each })),
);
const questions = (file: string) =>
  conversations.filter((c) => c.file === file).reduce((n, { each }) => n + each.questions.length, 0);
/** Each set counts by the root of its size, or the larger would drown the smaller. */
const weightOf = (file: string) => 1 / Math.sqrt(questions(file));

const cases: Case[] = [];
await look(async (one, { asked, idf, candidates }, fold, file, evidence) => {
  const looked = firstLook(asked, idf, candidates);
  const scores = looked.map(({ first }) => FIRST.reduce((sum, f) => sum + FIRST_WEIGHTS[f] * first[f], 0));
  const kept = looked
    .map((_, i) => i)
    .sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0))
    .filter((i, place) => place < NEAR || evidence.has(looked[i]?.candidate.id ?? 0));
  cases.push({
    fold,
    set: file,
    weight: weightOf(file),
    category: one.category,
    conversation: one.conversation,
    evidence,
    candidates: looked.map(({ candidate, part }) => ({ id: candidate.id, text: part })),
    kept,
    first: looked.map(({ first }) => Float64Array.from(FIRST, (name) => first[name])),
    both: [],
  });
});
const NONE = Math.max(...sets.map(({ conversations }) => conversations.length));
const firsts = Array.from({ length: NONE + 1 }, (_, left) =>
  fit(
    cases.filter(({ fold }) => fold !== left),
    ({ first }) => first,
    FIRST,
  ),
);
let nth = 0;
await look(async (_, { asked, idf, candidates }) => {
  const looked = firstLook(asked, idf, candidates);
  const one = cases[nth++];
  for (const weights of firsts) {
    const scores = (one?.first ?? []).map((row) => dot(weights, row));
    const both = secondLook(asked, idf, looked, scores);
    one?.both.push(both.map((features) => Float64Array.from(ALL, (name) => features[name])));
  }
});
const fitted = firsts.map((_, left) =>
  fit(
    cases.filter(({ fold }) => fold !== left),
    ({ both }) => both[left] ?? [],
    ALL,
  ),
);

const held = cases.map((one) => measure(one, one.fold));
const inSample = cases.map((one) => measure(one, NONE));
const percent = (share: number) => (100 * share).toFixed(1);
const rows = positionals.flatMap((file) => {
  const of = (rows: Measured[], within: (one: Case) => boolean) =>
    meanOf(rows.filter((_, i) => within(cases[i] as Case))).map(percent);
  const inSet = (one: Case) => one.set === file;
  const names = (key: 'category' | 'conversation') => [
    ...new Set(cases.filter(inSet).map((one) => one[key])),
  ];
  return [
    [file.split('/').at(-1) ?? '', ...of(held, inSet)],
    ['  fitted on it as well', ...of(inSample, inSet)],
    ...(['category', 'conversation'] as const).flatMap((key) =>
      names(key).map((name) => [`  ${name}`, ...of(held, (one) => inSet(one) && one[key] === name)]),
    ),
  ];
});
console.log(table(['held out', ...FIRSTS.map((k) => `@${k}`), ...BUDGETS.map((n) => `${n} tokens`)], rows));
const final = fitted[NONE] ?? new Float64Array();
const first = firsts[NONE] ?? new Float64Array();
console.log(
  ALL.map((name, i) => `${name} ${(first[i] ?? 0).toFixed(2)} ${(final[i] ?? 0).toFixed(2)}`).join('\n'),
);
if (values.write) write();

async function look(
  see: (
    one: { category: string; conversation: string },
    field: Awaited<ReturnType<typeof find>>,
    fold: number,
    file: string,
    evidence: ReadonlySet<number>,
  ) => Promise<void>,
): Promise<void> {
  for (const { file, conversations } of sets) {
    for (const [fold, each] of conversations.entries()) await lookAt(each, fold, file);
  }
  async function lookAt(conversation: Conversation, fold: number, file: string) {
    const { store, close } = await storeOf(conversation);
    const { scope, now, name } = conversation;
    for (const { text, category, evidence } of conversation.questions) {
      const field = await find(store.read, { scope, text, now, budget_tokens: 1 });
      await see({ category, conversation: name }, field, fold, file, evidence);
    }
    await close();
  }
}

/** Gradient descent (Adam) on features in their standard deviations. */
function fit(
  from: readonly Case[],
  rowsOf: (one: Case) => readonly Float64Array[],
  names: readonly Feature[],
): Float64Array {
  const size = names.length;
  const use = from
    .map((one) => ({
      weight: one.weight,
      rows: one.kept.map((i) => rowsOf(one)[i] ?? new Float64Array(size)),
      right: one.kept.map((i) => one.evidence.has(one.candidates[i]?.id ?? 0)),
    }))
    .filter(({ right }) => right.includes(true));
  const spread = deviations(
    use.flatMap(({ rows }) => rows),
    size,
  );
  const total = use.reduce((sum, { weight }) => sum + weight, 0);
  const w = new Float64Array(size);
  const mean = new Float64Array(size);
  const square = new Float64Array(size);
  for (let round = 1; round <= ROUNDS; round++) {
    const gradient = new Float64Array(size);
    const scaled = w.map((weight, f) => weight / (spread[f] ?? 1));
    for (const { rows, right, weight } of use) {
      const scores = rows.map((row) => dot(scaled, row));
      const most = Math.max(...scores);
      const odds = scores.map((score) => Math.exp(score - most));
      const wrong = odds.reduce((sum, odd, i) => (right[i] ? sum : sum + odd), 0);
      const share = weight / total / right.filter(Boolean).length;
      const against = odds.reduce((sum, odd, i) => (right[i] ? sum + share / (odd + wrong) : sum), 0);
      rows.forEach((row, i) => {
        const odd = odds[i] ?? 0;
        const by = right[i] ? share * (odd / (odd + wrong) - 1) : against * odd;
        for (let f = 0; f < size; f++)
          gradient[f] = (gradient[f] ?? 0) + (by * (row[f] ?? 0)) / (spread[f] ?? 1);
      });
    }
    const step = 0.1 * Math.min(1, (1.5 * (ROUNDS - round + 20)) / ROUNDS);
    for (let f = 0; f < size; f++) {
      if (without.includes(names[f] ?? '')) continue;
      const g = (gradient[f] ?? 0) + L2 * (w[f] ?? 0);
      mean[f] = 0.9 * (mean[f] ?? 0) + 0.1 * g;
      square[f] = 0.99 * (square[f] ?? 0) + 0.01 * g * g;
      const m = (mean[f] ?? 0) / (1 - 0.9 ** round);
      const s = (square[f] ?? 0) / (1 - 0.99 ** round);
      w[f] = (w[f] ?? 0) - (step * m) / (Math.sqrt(s) + 1e-8);
    }
  }
  // What occurs nowhere in the data keeps the weight it has.
  return w.map((weight, f) => (spread[f] === RARE ? WEIGHTS[names[f] ?? 'text'] : weight / (spread[f] ?? 1)));
}

function deviations(rows: readonly Float64Array[], size: number): Float64Array {
  const mean = new Float64Array(size);
  for (const row of rows)
    for (let f = 0; f < size; f++) mean[f] = (mean[f] ?? 0) + (row[f] ?? 0) / rows.length;
  const square = new Float64Array(size);
  for (const row of rows) {
    for (let f = 0; f < size; f++) {
      square[f] = (square[f] ?? 0) + ((row[f] ?? 0) - (mean[f] ?? 0)) ** 2 / rows.length;
    }
  }
  return square.map((s) => Math.max(RARE, Math.sqrt(s)));
}

function dot(weights: Float64Array, row: Float64Array): number {
  let sum = 0;
  for (let f = 0; f < row.length; f++) sum += (weights[f] ?? 0) * (row[f] ?? 0);
  return sum;
}

function measure(one: Case, left: number): Measured {
  const weights = fitted[left] ?? new Float64Array();
  const order = (one.both[left] ?? [])
    .map((row, i) => ({ score: dot(weights, row), candidate: one.candidates[i] }))
    .sort((a, b) => b.score - a.score)
    .flatMap(({ candidate }) => (candidate ? [candidate] : []));
  return {
    conversation: one.conversation,
    category: one.category,
    shares: sharesOf(order, one.evidence),
  };
}

function write(): void {
  const lines = (names: readonly Feature[], weights: Float64Array) =>
    names.map((name, i) => `  ${name}: ${(weights[i] ?? 0).toFixed(2)},`).join('\n');
  writeFileSync(
    join(import.meta.dirname, '../../shared/recall/weights.ts'),
    `/** How much each feature speaks for a candidate. Generated: \`node bench/recall/fit.ts <dataset.json>… --write\`. */

import type { Feature, First } from './features.ts';

/** At first look, each by itself. */
export const FIRST_WEIGHTS: Readonly<Record<First, number>> = {
${lines(FIRST, first)}
};

/** At second look, with what the first has found around it. */
export const WEIGHTS: Readonly<Record<Feature, number>> = {
${lines(ALL, final)}
};
`,
  );
}
