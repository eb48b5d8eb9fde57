/** passage: what was said, as it is searched: each message once, with what stood beside it. Made of `message`, and can be made anew. */

import type { Trust } from './message.ts';
import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'passage',
  about: 'what was said, as it is searched',
  pen: { record: 'memory' },
  keeps: 'with its message',
  erase: { where: 'turn_id IN gone_turn' },
};

export type Passage = {
  /** Of its message. */
  id: number;
  scope: string;
  conversation: string;
  turn_id: string;
  role: 'user' | 'assistant';
  author: string;
  at: number;
  trust: Trust;
  /** Its date in words, to be searched too. */
  day: string;
  text: string;
  /** Short messages beside it: those before it, a line each, an empty line, those after it. */
  context: string;
  /** Of what is written without spaces, each two characters that stand together. */
  pairs: string;
};

/** Adds it, or puts it in the place of what was there, where that says something else: what stands beside it may have changed. */
export function add(passage: Passage): Op {
  const { id, scope, conversation, turn_id, role, author, at, trust, day, text, context, pairs } = passage;
  return {
    verb: 'passage.add',
    sql: `INSERT INTO passage (id, scope, conversation, turn_id, role, author, at, trust, day, text, context, pairs)
          VALUES (?,?,?,?,?,?,?,?,?,?,?,?)
          ON CONFLICT (id) DO UPDATE SET scope = excluded.scope, author = excluded.author, trust = excluded.trust,
            day = excluded.day, text = excluded.text, context = excluded.context, pairs = excluded.pairs
          WHERE (scope, author, trust, day, text, context, pairs) IS NOT (excluded.scope, excluded.author,
            excluded.trust, excluded.day, excluded.text, excluded.context, excluded.pairs)`,
    args: [id, scope, conversation, turn_id, role, author, at, trust, day, text, context, pairs],
  };
}

/** Of these messages, none but `ids` are searched. */
export function keepOnly(after_id: number, upto_id: number, ids: readonly number[]): Op {
  return {
    verb: 'passage.keepOnly',
    sql: 'DELETE FROM passage WHERE id > ? AND id <= ? AND id NOT IN (SELECT value FROM json_each(?))',
    args: [after_id, upto_id, JSON.stringify(ids)],
  };
}

export function remove(id: number): Op {
  return { verb: 'passage.remove', sql: 'DELETE FROM passage WHERE id = ?', args: [id] };
}

/** What has these words in a row, the newest first: a `phrase` as passage_fts knows it, or `pairs` as passage_pairs does. */
export function holding(
  { scope, upto_at, most }: { scope: string; upto_at: number; most: number },
  words: { phrase: string } | { pairs: string },
): Query<Pick<Passage, 'turn_id' | 'text'>> {
  const [index, match] =
    'phrase' in words ? ['passage_fts', `text : ${words.phrase}`] : ['passage_pairs', words.pairs];
  return {
    verb: 'passage.holding',
    sql: `SELECT p.turn_id, p.text FROM ${index} f JOIN passage p ON p.id = f.rowid
          WHERE ${index} MATCH ? AND p.scope = ? AND p.at <= ? ORDER BY p.id DESC LIMIT ?`,
    args: [match, scope, upto_at, most],
  };
}

/** What is counted in: the newest so many ids. */
const SAMPLE = 20_000;

/** In how many of the newest passages each of the matches (FTS5 expressions) is, in their order, and how many those are. */
export function counts(matches: readonly string[]): Query<{ found: number; newest: number; among: number }> {
  return {
    verb: 'passage.counts',
    sql: `SELECT newest, min(newest - oldest + 1, ${SAMPLE}) AS among,
            (SELECT count(*) FROM passage_fts WHERE passage_fts MATCH q.value AND rowid > newest - ${SAMPLE}) AS found
          FROM (SELECT (SELECT max(id) FROM passage) AS newest, (SELECT min(id) FROM passage) AS oldest), json_each(?) q
          WHERE newest IS NOT NULL ORDER BY q.key`,
    args: [JSON.stringify(matches)],
  };
}

/** An FTS5 expression, what it is worth, and the oldest id that is looked at. */
export type Match = readonly [match: string, weight: number, from: number];

/**
 * In which passages each of the matches is: `ids_json`, ascending. Thousands, which the caller adds up: SQLite would sort
 * them twice, and hand them over one by one.
 * @param pairs of the index of pairs
 */
export function hits(
  matches: readonly Match[],
  pairs: readonly Match[],
): Query<{ weight: number; ids_json: string }> {
  const given = 'AS MATERIALIZED (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?))';
  const within = (index: string) =>
    `(SELECT json_group_array(rowid) FROM ${index} WHERE ${index} MATCH words AND rowid >= since) AS ids_json`;
  return {
    verb: 'passage.hits',
    // What is asked is taken out of the JSON once, not for each hit.
    sql: `WITH wanted (words, weight, since) ${given}, paired (words, weight, since) ${given}
          SELECT weight, ${within('passage_fts')} FROM wanted UNION ALL
          SELECT weight, ${within('passage_pairs')} FROM paired`,
    args: [JSON.stringify(matches), JSON.stringify(pairs)],
  };
}

/** What of a passage it takes to say how well it answers. */
export type Candidate = Pick<
  Passage,
  'id' | 'conversation' | 'role' | 'author' | 'at' | 'trust' | 'text' | 'context'
>;

/** The first of these that belong to the scope, in their order. Ends once it has enough: few rows are read. */
export function candidates(of: {
  ids: readonly number[];
  scope: string;
  except_turns: readonly string[];
  limit: number;
}): Query<Candidate> {
  return {
    verb: 'passage.candidates',
    sql: `SELECT p.id, p.conversation, p.role, p.author, p.at, p.trust, p.text, p.context
          FROM json_each(?) AS best CROSS JOIN passage p ON p.id = best.value
          WHERE p.scope = ? AND p.turn_id NOT IN (SELECT value FROM json_each(?)) LIMIT ?`,
    args: [JSON.stringify(of.ids), of.scope, JSON.stringify(of.except_turns), of.limit],
  };
}

/** The newest; as many there are at most. */
export const newest: Query<{ id: number | null }> = {
  verb: 'passage.newest',
  sql: 'SELECT max(id) AS id FROM passage',
  args: [],
};

/** Fails when what is searched is not what the passages say. Takes a second for each 100,000. */
export const check: readonly Op[] = [
  {
    verb: 'passage.check',
    sql: `INSERT INTO passage_fts (passage_fts, rank) VALUES ('integrity-check', 1)`,
    args: [],
  },
  // Of its rows most have no pairs, which the comparison with the passages takes for missing.
  {
    verb: 'passage.check',
    sql: `INSERT INTO passage_pairs (passage_pairs) VALUES ('integrity-check')`,
    args: [],
  },
];

/** The same by the number of every passage alone, in a thirtieth of the time and without a lock: one that is on one side only. */
export const astray: Query<{ id: number }> = {
  verb: 'passage.astray',
  sql: `SELECT id FROM (SELECT id FROM passage EXCEPT SELECT id FROM passage_fts_docsize)
        UNION ALL SELECT id FROM (SELECT id FROM passage_fts_docsize EXCEPT SELECT id FROM passage)
        UNION ALL SELECT id FROM (SELECT id FROM passage WHERE pairs <> '' EXCEPT SELECT id FROM passage_pairs_docsize)
        UNION ALL SELECT id FROM (SELECT id FROM passage_pairs_docsize EXCEPT SELECT id FROM passage WHERE pairs <> '')
        LIMIT 1`,
  args: [],
};

/** What is searched is made anew from the passages. The one write that takes long: two seconds for each 100,000. */
export const rebuild: readonly Op[] = [
  { verb: 'passage.rebuild', sql: `INSERT INTO passage_fts (passage_fts) VALUES ('rebuild')`, args: [] },
  {
    verb: 'passage.rebuild',
    sql: `INSERT INTO passage_pairs (passage_pairs) VALUES ('delete-all')`,
    args: [],
  },
  {
    verb: 'passage.rebuild',
    sql: `INSERT INTO passage_pairs (rowid, pairs) SELECT id, pairs FROM passage WHERE pairs <> ''`,
    args: [],
  },
];

/** Of these, those of a scope, without what was said in some turns. */
export function named(
  scope: string,
  ids: readonly number[],
  except_turns: readonly string[],
): Query<Passage> {
  return {
    verb: 'passage.named',
    sql: `SELECT * FROM passage WHERE id IN (SELECT value FROM json_each(?))
            AND scope = ? AND turn_id NOT IN (SELECT value FROM json_each(?))`,
    args: [JSON.stringify(ids), scope, JSON.stringify(except_turns)],
  };
}

export const size: Query<{ count: number; bytes: number }> = {
  verb: 'passage.size',
  sql: 'SELECT count(*) AS count, coalesce(sum(octet_length(text)), 0) AS bytes FROM passage',
  args: [],
};
