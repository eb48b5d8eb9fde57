/**
 * embedding: passages and memories as vectors, where the owner has named a model that makes them. Can be made anew. A vector
 * goes with its words: triggers see to it, whoever takes them away.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'embedding',
  about: 'what was said and is remembered, as vectors',
  pen: { record: 'memory' },
  keeps: 'with its passage or memory',
};

/** Whose it is: a passage's id, or a memory's below 0. */
export type Ref = number;

/** A signed byte for each dimension, and how long it is. */
export type Vector = { readonly bytes: Uint8Array; readonly norm: number };

/** `text`: null where it has its vector. */
export type Row = { ref: Ref; text: string | null };

export type Bare = { ref: Ref; text: string };

/** The next so many passages, or memories in force, before this id, the newest first; and which have no vector of this model. */
export function stretch(
  of: 'passage' | 'memory',
  model: string,
  before: number,
  most: number,
): Query<Row & { id: number }> {
  const [sign, text] =
    of === 'passage' ? ['', 'text'] : ['-', `CASE WHEN status IN ('active', 'disputed') THEN text END`];
  return {
    verb: 'embedding.stretch',
    sql: `WITH stretch (id, ref, text) AS MATERIALIZED (
            SELECT id, ${sign}id, ${text} FROM ${of} WHERE id < ? ORDER BY id DESC LIMIT ?)
          SELECT id, stretch.ref, CASE WHEN e.ref IS NULL THEN text END AS text
          FROM stretch LEFT JOIN embedding e ON e.ref = stretch.ref AND e.model = ? ORDER BY id DESC`,
    args: [before, most, model],
  };
}

/** Nothing is kept of what was forgotten, or has changed, while its vector was made. */
export function keep({ ref, text }: Bare, model: string, { bytes, norm }: Vector): Op {
  const from =
    ref > 0
      ? 'passage WHERE id = ? AND text = ?'
      : `memory WHERE id = ? AND text = ? AND status IN ('active', 'disputed')`;
  return {
    verb: 'embedding.keep',
    sql: `INSERT INTO embedding (ref, scope, model, norm, vector) SELECT ?, scope, ?, ?, ? FROM ${from}
          ON CONFLICT (ref) DO UPDATE SET scope = excluded.scope, model = excluded.model, norm = excluded.norm,
            vector = excluded.vector`,
    args: [ref, model, norm, bytes, Math.abs(ref), text],
  };
}

/** So many of the newest passages are compared with each question: its time does not grow with the years. */
const WINDOW = 20_000;

/** What lies nearest to a vector in a scope, and how near these lie besides; the nearness is the cosine. */
export function near(of: {
  scope: string;
  model: string;
  vector: Vector;
  refs: readonly Ref[];
  most: number;
}): Query<{ ref: Ref; nearness: number }> {
  const { scope, model, vector, refs, most } = of;
  return {
    verb: 'embedding.near',
    sql: `WITH given (ref) AS MATERIALIZED (SELECT value FROM json_each(?)),
          looked (ref) AS MATERIALIZED (
            SELECT ref FROM (SELECT ref FROM embedding WHERE scope = ? AND model = ? AND ref > 0 ORDER BY ref DESC LIMIT ${WINDOW})
            UNION SELECT ref FROM embedding WHERE scope = ? AND model = ? AND ref < 0
            UNION SELECT ref FROM given
          ), compared AS MATERIALIZED (
            SELECT e.ref, dot(e.vector, ?) / e.norm / ? AS nearness FROM looked CROSS JOIN embedding e ON e.ref = looked.ref
            WHERE e.model = ? AND length(e.vector) = ?
          )
          SELECT * FROM (SELECT * FROM compared ORDER BY nearness DESC, ref DESC LIMIT ?)
          UNION SELECT * FROM compared WHERE ref IN (SELECT ref FROM given) ORDER BY nearness DESC, ref DESC`,
    args: [
      JSON.stringify(refs),
      scope,
      model,
      scope,
      model,
      vector.bytes,
      vector.norm,
      model,
      vector.bytes.length,
      most,
    ],
    long: true,
  };
}

export const any: Query<{ ref: Ref }> = {
  verb: 'embedding.any',
  sql: 'SELECT ref FROM embedding LIMIT 1',
  args: [],
};

/** Some of them go; gone when it returns none. */
export function clear(most: number): Op<{ ref: Ref }> {
  return {
    verb: 'embedding.clear',
    sql: 'DELETE FROM embedding WHERE ref IN (SELECT ref FROM embedding LIMIT ?) RETURNING ref',
    args: [most],
  };
}

/** How many there are of each model, and what they take. */
export const sizes: Query<{ model: string; count: number; bytes: number }> = {
  verb: 'embedding.sizes',
  sql: 'SELECT model, count(*) AS count, sum(length(vector)) AS bytes FROM embedding GROUP BY model ORDER BY model',
  args: [],
};
