/**
 * What of a long conversation is found again for a question: the share of the messages that hold the answer, among the
 * first 5, 10 and 20, and within a budget of tokens, beside plain full-text search in the same run.
 *
 *   node bench/recall.ts <dataset.json> [--json]
 *
 * The dataset is in the form of LoCoMo: see bench/recall/locomo.ts. bench/recall/assistant.json is one of our own, of people
 * who talk to an assistant. Everything goes through the library that core uses, over a store in a temporary folder.
 *
 * The weights were fitted on LoCoMo's first five conversations and on that set: for these, `node bench/recall/fit.ts` says
 * what is found in a conversation by weights that were fitted on the others. The words of shared/recall/kin.ts were written
 * with those conversations in view, so that a figure which owes nothing to them needs others.
 */

import { parseArgs } from 'node:util';
import { readConversations } from './recall/locomo.ts';
import { BUDGETS, FIRST, type Measured, meanOf, ours, plain, sharesOf, storeOf } from './recall/measure.ts';
import { quantile, table } from './table.ts';

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  allowPositionals: true,
});
const [file] = positionals;
if (values.help || file === undefined) {
  console.log('usage: node bench/recall.ts <dataset.json> [--json]   (a dataset in the form of LoCoMo)');
  process.exit(values.help ? 0 : 2);
}

const measured: { plain: Measured[]; ours: Measured[] } = { plain: [], ours: [] };
const took_ms: number[] = [];
for (const conversation of readConversations(file)) {
  const { store, close } = await storeOf(conversation);
  for (const { text, category, evidence } of conversation.questions) {
    const row = { conversation: conversation.name, category };
    measured.plain.push({ ...row, shares: sharesOf(await plain(store, text), evidence) });
    const began = performance.now();
    const answer = await ours(store, conversation, text);
    took_ms.push(performance.now() - began);
    measured.ours.push({ ...row, shares: sharesOf(answer, evidence) });
  }
  await close();
}

const groups: [string, (row: Measured) => boolean][] = [
  ['all', () => true],
  ...[...new Set(measured.ours.map(({ category }) => category))]
    .sort()
    .map((name): [string, (row: Measured) => boolean] => [name, ({ category }) => category === name]),
  ...[...new Set(measured.ours.map(({ conversation }) => conversation))].map(
    (name): [string, (row: Measured) => boolean] => [name, ({ conversation }) => conversation === name],
  ),
];
const figures = groups.map(([name, within]) => ({
  name,
  questions: measured.ours.filter(within).length,
  plain: meanOf(measured.plain.filter(within)),
  ours: meanOf(measured.ours.filter(within)),
}));
if (values.json) {
  console.log(JSON.stringify({ first: FIRST, budgets: BUDGETS, figures }));
} else {
  const percent = (share: number) => (100 * share).toFixed(1);
  const rows = figures.flatMap(({ name, questions, plain, ours }) => [
    [name, String(questions), 'plain', ...plain.map(percent)],
    ['', '', 'recall', ...ours.map(percent)],
    ...(name === 'all'
      ? [['', '', 'ratio', ...ours.map((share, i) => (share / (plain[i] ?? 1)).toFixed(2))]]
      : []),
  ]);
  const head = ['', 'questions', '', ...FIRST.map((k) => `@${k}`), ...BUDGETS.map((n) => `${n} tokens`)];
  console.log(table(head, rows));
  console.log(
    `\na recall took ${quantile(took_ms, 0.5).toFixed(1)} ms (p50), ${quantile(took_ms, 0.95).toFixed(1)} ms (p95)`,
  );
}
