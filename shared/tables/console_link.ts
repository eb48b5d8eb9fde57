/**
 * console_link: a link into the console, for one use within a minute; or the word that all who are in shall be out. The
 * command line makes it; `console` takes it.
 */

import type { Op, Table } from './op.ts';

export const table: Table = {
  name: 'console_link',
  about: 'links into the console, each for one use',
  pen: { mailbox: 'console' },
  // Longer than any session lasts that one could have ended.
  keeps: { days: 1, since: 'expires_at' },
};

export type Link = {
  /** Of the token: the token itself is written nowhere. */
  hash: string;
  /** `end`: whoever came in before is out, and links made before lead nowhere. */
  kind: 'in' | 'end';
  made_by: string;
  made_at: number;
  expires_at: number;
  used_at: number | null;
};

export function make(link: Omit<Link, 'used_at'>): Op {
  return {
    verb: 'console_link.make',
    sql: 'INSERT INTO console_link (hash, kind, made_by, made_at, expires_at) VALUES (?,?,?,?,?)',
    args: [link.hash, link.kind, link.made_by, link.made_at, link.expires_at],
    durable: true,
  };
}

/**
 * Uses it up: no row where there is none, it was used, it is too late, or all were told to leave since. One statement, so
 * that of two only one gets in.
 */
export function use(hash: string, now: number): Op<Pick<Link, 'made_by'>> {
  return {
    verb: 'console_link.use',
    sql: `UPDATE console_link SET used_at = ? WHERE hash = ? AND kind = 'in' AND used_at IS NULL AND expires_at > ?
            AND made_at <= ? AND NOT EXISTS (SELECT 1 FROM console_link e INDEXED BY console_link_end
              WHERE e.kind = 'end' AND e.made_at >= console_link.made_at) RETURNING made_by`,
    args: [now, hash, now, now],
    durable: true,
  };
}
