/** ruling: what the owner has said to an approval or a question, or about a permission. Anyone posts; `tools` acts on it. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'ruling',
  about: 'what the owner has ruled on',
  pen: { mailbox: 'tools' },
  keeps: { days: 400, since: 'handled_at' },
};

export type Ruling = {
  id: number;
  /** `approval <id>` or `permission <id>`. */
  about: string;
  /** `once`, `always`, `deny`, the number of a question's choice from 0; `revoke` for a permission. */
  choice: string;
  given_by: string;
  given_at: number;
  /** Once it is handled: what came of it. */
  outcome: string | null;
};

export function give(
  ruling: Pick<Ruling, 'about' | 'choice'> & { by: string; now: number },
): Op<{ id: number }> {
  return {
    verb: 'ruling.give',
    sql: 'INSERT INTO ruling (about, choice, given_by, given_at) VALUES (?,?,?,?) RETURNING id',
    args: [ruling.about, ruling.choice, ruling.by, ruling.now],
    durable: true,
    rings: 'tool',
  };
}

export const next: Query<Ruling> = {
  verb: 'ruling.next',
  sql: 'SELECT * FROM ruling WHERE handled_at IS NULL ORDER BY id LIMIT 1',
  args: [],
};

export function of(id: number): Query<Ruling> {
  return { verb: 'ruling.of', sql: 'SELECT * FROM ruling WHERE id = ?', args: [id] };
}

/** In the unit that does what was ruled: done once. */
export function handled(id: number, outcome: string, now: number): Op {
  return {
    verb: 'ruling.handled',
    sql: 'UPDATE ruling SET handled_at = ?, outcome = ? WHERE id = ? AND handled_at IS NULL',
    args: [now, outcome, id],
    expect: 1,
    durable: true,
  };
}
