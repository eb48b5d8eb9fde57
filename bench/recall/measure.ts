/** Recall of evidence: the share of the messages that hold the answer among the first k, or within so many tokens. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fill } from '#shared/recall/fill.ts';
import { passageOf } from '#shared/recall/passage.ts';
import { recall } from '#shared/recall/recall.ts';
import { isStop, wordsOf } from '#shared/recall/terms.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import * as passage from '#shared/tables/passage.ts';
import type { Conversation } from './locomo.ts';

export const FIRST = [5, 10, 20] as const;
export const BUDGETS = [256, 512, 1024, 2048, 4096] as const;

/** What came, best first; `tokens` for what it takes to tell it. */
type Answer = { id: number; text: string }[];
export type Measured = { conversation: string; category: string; shares: number[] };

/** A real store that holds the conversation as its passages, and a plain full-text index of its words beside it. */
export async function storeOf(conversation: Conversation): Promise<{ store: Store; close(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'vigil-recall-'));
  const store = await openStore({ directory, principal: 'memory', flush: 'normal' });
  const { messages } = conversation;
  const passages = messages.map((message, i) =>
    passageOf(message, messages.slice(Math.max(0, i - 4), i + 5)),
  );
  await store.commit([
    {
      verb: 'bench.plain',
      sql: `CREATE VIRTUAL TABLE plain USING fts5 (text, tokenize = 'porter unicode61')`,
      args: [],
    },
    ...passages.map((each) => passage.add(each)),
  ]);
  await store.commit(
    passages.map(({ id, text }) => ({
      verb: 'bench.plain',
      sql: 'INSERT INTO plain (rowid, text) VALUES (?, ?)',
      args: [id, text],
    })),
  );
  return {
    store,
    async close() {
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
}

/** Full-text search as it comes: porter, any of the words, stop words left out, whole messages. */
export async function plain(store: Store, question: string): Promise<Answer> {
  const words = [...new Set(wordsOf(question).filter((word) => !isStop(word)))];
  if (words.length === 0) return [];
  return store.read<{ id: number; text: string }>({
    verb: 'bench.plain',
    sql: 'SELECT rowid AS id, text FROM plain WHERE plain MATCH ? ORDER BY bm25(plain) LIMIT 200',
    args: [words.map((word) => `"${word}"`).join(' OR ')],
  });
}

export async function ours(store: Store, conversation: Conversation, question: string): Promise<Answer> {
  const { scope, now } = conversation;
  return recall(store.read, { scope, text: question, now, budget_tokens: 1_000_000 });
}

/** For each of `FIRST` and of `BUDGETS`, the share of the evidence that is there. */
export function sharesOf(answer: Answer, evidence: ReadonlySet<number>): number[] {
  const share = (some: Answer) => some.filter(({ id }) => evidence.has(id)).length / evidence.size;
  return [
    ...FIRST.map((k) => share(answer.slice(0, k))),
    ...BUDGETS.map((tokens) => share(fill(answer, tokens, ({ id }) => [String(id)]))),
  ];
}

export function meanOf(measured: readonly Measured[]): number[] {
  return [...FIRST, ...BUDGETS].map(
    (_, i) => measured.reduce((sum, { shares }) => sum + (shares[i] ?? 0), 0) / measured.length,
  );
}
