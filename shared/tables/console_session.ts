/** console_session: a browser that was let in, under addresses of its own, until it ends. */

import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'console_session',
  about: 'browsers that may look at the console',
  pen: { record: 'console' },
  keeps: { days: 30, since: 'seen_at' },
};

export type Session = {
  path: string;
  hash: string;
  made_by: string;
  agent: string;
  started_at: number;
  seen_at: number;
  ended_at: number | null;
};

export const current: Query<Session> = {
  verb: 'console_session.current',
  sql: 'SELECT * FROM console_session WHERE ended_at IS NULL ORDER BY started_at',
  args: [],
};
