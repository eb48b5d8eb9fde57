/** What of all that was said and is remembered bears on a question: by its words alone, without a model. */

import type { Trust } from '#shared/tables/message.ts';
import type { Query } from '#shared/tables/op.ts';
import { fill } from './fill.ts';
import { find } from './find.ts';
import { rank } from './rank.ts';

export type Read = <Row>(query: Query<Row>) => Promise<Row[]>;

export type Question = {
  /** Whose memory: see `scopeOf`. */
  scope: string;
  text: string;
  now: number;
  budget_tokens: number;
  /** What the model is told word for word anyway. */
  except_turns?: readonly string[];
};

export type Found = {
  kind: 'message' | 'memory';
  /** Of the message or memory. */
  id: number;
  role: 'user' | 'assistant' | null;
  author: string | null;
  at: number;
  trust: Trust;
  text: string;
  score: number;
  /** What it scored by, feature by feature. */
  why: Readonly<Record<string, number>>;
};

/** The best first, each once, as many as fit into the budget. Nothing when nothing bears on it. */
export async function recall(read: Read, question: Question): Promise<Found[]> {
  const { asked, idf, candidates } = await find(read, question);
  const found = rank(asked, idf, candidates).map(
    ({ candidate: { id, role, author, at, trust }, part, score, why }): Found => ({
      kind: 'message',
      id,
      role,
      author: author || null,
      at,
      trust,
      text: part,
      score,
      why,
    }),
  );
  return fill(found, question.budget_tokens, ({ id }) => [`message ${id}`]);
}
