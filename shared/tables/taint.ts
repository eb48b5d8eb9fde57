/**
 * taint: which words of strangers a turn has read: a page, a file, a forwarded message, what a tool brought. Such a turn
 * may not send anything to new hosts or people unasked. Anyone notes one.
 */

import { type Op, type Query, type Table, TURN_LASTS } from './op.ts';

export const table: Table = {
  name: 'taint',
  about: 'whose words each turn has read',
  pen: { mailbox: 'tools' },
  keeps: { days: 400, since: 'at', unless: TURN_LASTS },
  erase: { where: 'turn_id IN gone_turn OR id IN gone_taint', set: "source = 'forgotten ' || id" },
};

export type Taint = { turn_id: string; source: string; at: number };

export function note({ turn_id, source, at }: Taint): Op {
  return {
    verb: 'taint.note',
    sql: 'INSERT INTO taint (turn_id, source, at) VALUES (?,?,?) ON CONFLICT DO NOTHING',
    args: [turn_id, source, at],
  };
}

export function ofTurns(turn_ids: readonly string[]): Query<{ source: string }> {
  return {
    verb: 'taint.ofTurns',
    sql: 'SELECT DISTINCT source FROM taint WHERE turn_id IN (SELECT value FROM json_each(?))',
    args: [JSON.stringify(turn_ids)],
  };
}

export function ofTurn(turn_id: string): Query<Taint> {
  return {
    verb: 'taint.ofTurn',
    sql: 'SELECT turn_id, source, at FROM taint WHERE turn_id = ? ORDER BY id',
    args: [turn_id],
  };
}
