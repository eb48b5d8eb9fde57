/** console_action: whatever was changed from the console: who, when, what, and what came of it. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'console_action',
  about: 'what was done in the console, by whom',
  pen: { record: 'console' },
  keeps: { days: 400, since: 'at' },
};

export type ConsoleAction = {
  id: number;
  /** The random part of its addresses, shortened: whole, it would be half of what lets one in. */
  session: string;
  by: string;
  page: string;
  action: string;
  /** What it was done to. */
  subject: string | null;
  /** What the form said, each field cut short. JSON. */
  fields: string;
  at: number;
  /** In a sentence; null while it is being done, and where that was cut off. */
  outcome: string | null;
};

/** Before it is done: one that is cut off is known too. */
export function begin(
  action: Omit<ConsoleAction, 'id' | 'subject' | 'outcome'>,
): Op<Pick<ConsoleAction, 'id'>> {
  return {
    verb: 'console_action.begin',
    sql: 'INSERT INTO console_action (session, by, page, action, fields, at) VALUES (?,?,?,?,?,?) RETURNING id',
    args: [action.session, action.by, action.page, action.action, action.fields, action.at],
  };
}

export function end(id: number, outcome: string, subject: string | null): Op {
  return {
    verb: 'console_action.end',
    sql: 'UPDATE console_action SET outcome = ?, subject = ? WHERE id = ? AND outcome IS NULL',
    args: [outcome, subject, id],
  };
}

export function latest(most: number): Query<ConsoleAction> {
  return {
    verb: 'console_action.latest',
    sql: 'SELECT * FROM console_action ORDER BY id DESC LIMIT ?',
    args: [most],
  };
}
