/** embedding_trial: whether vectors find more of the owner's own words than words alone do. The latest one decides. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'embedding_trial',
  about: 'whether vectors help recall, tried on what was said',
  pen: { record: 'memory' },
  keeps: { days: 400, since: 'at' },
};

export type Trial = {
  id: number;
  at: number;
  /** The model as it is asked for, and as its vectors are marked. */
  alias: string;
  model: string;
  /** It is judged by so many; as many again have chosen the weight. */
  pairs: number;
  /** The share that is found among the first ten: by words alone, and with vectors. */
  by_words: number;
  by_both: number;
  /** How many were found better, and worse. */
  better: number;
  worse: number;
  /** What is less near (a cosine) has nothing to do with a question; and how much it counts to be the nearest. */
  floor: number;
  weight: number;
  used: 0 | 1;
  why: string;
};

export function add(trial: Omit<Trial, 'id'>): Op {
  const { at, alias, model, pairs, by_words, by_both, better, worse, floor, weight, used, why } = trial;
  return {
    verb: 'embedding_trial.add',
    sql: `INSERT INTO embedding_trial (at, alias, model, pairs, by_words, by_both, better, worse, floor, weight, used, why)
          VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`,
    args: [at, alias, model, pairs, by_words, by_both, better, worse, floor, weight, used, why],
  };
}

export const latest: Query<Trial> = {
  verb: 'embedding_trial.latest',
  sql: 'SELECT * FROM embedding_trial WHERE id = (SELECT max(id) FROM embedding_trial)',
  args: [],
};

export const clear: Op = { verb: 'embedding_trial.clear', sql: 'DELETE FROM embedding_trial', args: [] };

/** What was said or written in words of its own, and the messages that say the same. */
export type Pair = { scope: string; text: string; turn_id: string | null; refs_json: string };

/** What a model made of messages, and those messages. */
export function paraphrased(most: number): Query<Pair> {
  return {
    verb: 'embedding_trial.paraphrased',
    sql: `SELECT m.scope, m.text, NULL AS turn_id, (SELECT json_group_array(p.id) FROM memory_source s JOIN passage p ON p.id = s.message_id
            WHERE s.memory_id = m.id) AS refs_json
          FROM memory m WHERE m.origin = 'model' AND m.kind <> 'summary' AND m.trust >= 2
            AND EXISTS (SELECT 1 FROM memory_source s JOIN passage p ON p.id = s.message_id WHERE s.memory_id = m.id)
          ORDER BY m.id DESC LIMIT ?`,
    args: [most],
  };
}

/** What was said of something, and what had been said of the same before. */
export function restated(most: number): Query<Pair> {
  return {
    verb: 'embedding_trial.restated',
    sql: `SELECT p.scope, p.text, p.turn_id, json_group_array(DISTINCT q.id) AS refs_json
          FROM (SELECT * FROM memory WHERE kind <> 'summary' AND trust >= 2 ORDER BY id DESC LIMIT 5000) n
          JOIN memory_source sn ON sn.memory_id = n.id JOIN passage p ON p.id = sn.message_id
          JOIN memory o ON o.scope = n.scope AND (o.id = n.id OR o.slot = n.slot)
          JOIN memory_source so ON so.memory_id = o.id JOIN passage q ON q.id = so.message_id AND q.id < p.id AND q.turn_id <> p.turn_id
          GROUP BY p.id ORDER BY p.id DESC LIMIT ?`,
    args: [most],
  };
}

export type Answered = {
  question_id: number;
  scope: string;
  question: string;
  turn_id: string;
  /** A message that was recalled with it, and its words. */
  ref: number;
  told: string;
  answer: string;
};

/** What was asked, what was recalled with it, and what was answered. */
export function answered(most: number): Query<Answered> {
  return {
    verb: 'embedding_trial.answered',
    sql: `SELECT q.id AS question_id, q.scope, q.text AS question, q.turn_id, p.id AS ref, p.text AS told, a.text AS answer
          FROM (SELECT * FROM recalled WHERE kind = 'message' ORDER BY id DESC LIMIT ?) r
          JOIN passage p ON p.id = r.ref
          JOIN passage q ON q.turn_id = r.turn_id AND q.role = 'user' AND q.text LIKE '%?%'
          JOIN passage a ON a.turn_id = r.turn_id AND a.role = 'assistant'
          ORDER BY q.id DESC`,
    args: [most],
  };
}
