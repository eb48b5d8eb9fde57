/** console_action: whatever was changed from the console: who, when, what, and what came of it. */

import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'console_action',
  about: 'what was done in the console, by whom',
  pen: { record: 'console' },
  keeps: { days: 400, since: 'at' },
};

export type ConsoleAction = {
  id: number;
  session: string;
  by: string;
  page: string;
  action: string;
  subject: string | null;
  fields: string;
  at: number;
  outcome: string;
};

export function latest(most: number): Query<ConsoleAction> {
  return {
    verb: 'console_action.latest',
    sql: 'SELECT * FROM console_action ORDER BY id DESC LIMIT ?',
    args: [most],
  };
}
