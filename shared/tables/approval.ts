/**
 * approval: what the owner is asked before a tool may go on, with the exact scope: open → granted | answered | denied |
 * expired | moot. A `question` is the model's own, with choices of its own. It works once, and over a restart.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'approval',
  about: 'what the owner was asked to allow or to choose, and what they said',
  pen: { record: 'tools' },
  keeps: { days: 400, since: 'asked_at', unless: "state = 'open'" },
  erase: { where: 'turn_id IN gone_turn OR id IN gone_approval' },
};

export type Approval = {
  id: string;
  call_id: string;
  turn_id: string;
  conversation: string;
  kind: 'approval' | 'question';
  tool: string;
  /** What it would do, in the words that the owner was shown. */
  scope: string;
  /** What "always for this" would allow; null: it can be allowed once only. */
  rule_json: string | null;
  /** What the call may do beyond what all may, once it is granted. */
  grants_json: string | null;
  /** The choices that there are: `once`, `always`, `deny`, or the question's own. */
  choices_json: string;
  /** Where the words of strangers come from that the turn had read. */
  taint: string | null;
  state: 'open' | 'granted' | 'answered' | 'denied' | 'expired' | 'moot';
  choice: string | null;
  answered_by: string | null;
  answered_at: number | null;
  asked_at: number;
  expires_at: number;
};

export function of(id: string): Query<Approval> {
  return { verb: 'approval.of', sql: 'SELECT * FROM approval WHERE id = ?', args: [id] };
}

export const open: Query<Approval> = {
  verb: 'approval.open',
  sql: `SELECT * FROM approval INDEXED BY approval_open WHERE state = 'open' ORDER BY expires_at`,
  args: [],
};

export type Wish = Omit<Approval, 'state' | 'choice' | 'answered_by' | 'answered_at'>;

export function ask(wish: Wish): Op {
  return {
    verb: 'approval.ask',
    sql: `INSERT INTO approval (id, call_id, turn_id, conversation, kind, tool, scope, rule_json, grants_json, choices_json,
            taint, state, asked_at, expires_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,'open',?,?)`,
    args: [
      wish.id,
      wish.call_id,
      wish.turn_id,
      wish.conversation,
      wish.kind,
      wish.tool,
      wish.scope,
      wish.rule_json,
      wish.grants_json,
      wish.choices_json,
      wish.taint,
      wish.asked_at,
      wish.expires_at,
    ],
    durable: true,
  };
}

/** The one end of it: whoever comes second finds it closed (`Fenced`). */
export function close(
  id: string,
  how: { state: Exclude<Approval['state'], 'open'>; choice: string | null; by: string | null; now: number },
): Op {
  return {
    verb: 'approval.close',
    sql: `UPDATE approval SET state = ?, choice = ?, answered_by = ?, answered_at = ? WHERE id = ? AND state = 'open'`,
    args: [how.state, how.choice, how.by, how.now, id],
    expect: 1,
    durable: true,
  };
}

/** Those that a person may mean by the end of an id, or its beginning. */
export function called(part: string): Query<Approval> {
  return {
    verb: 'approval.called',
    sql: `SELECT * FROM approval INDEXED BY approval_open WHERE state = 'open'
            AND ? IN (substr(id, -length(?)), substr(id, 1, length(?)))`,
    args: [part, part, part],
  };
}

/** One that nobody can answer any more: its time is over, or its call waits no longer. */
export function over(now: number): Query<Approval & { waits: number }> {
  return {
    verb: 'approval.over',
    sql: `SELECT * FROM (
            SELECT a.*, EXISTS (SELECT 1 FROM tool_call c JOIN turn t ON t.id = c.turn_id
              WHERE c.id = a.call_id AND c.approval_id = a.id AND c.state = 'asking' AND t.state IN ('running', 'waiting')) AS waits
            FROM approval a INDEXED BY approval_open WHERE a.state = 'open')
          WHERE waits = 0 OR expires_at <= ? LIMIT 1`,
    args: [now],
  };
}

export const nextExpiry: Query<{ expires_at: number | null }> = {
  verb: 'approval.nextExpiry',
  sql: `SELECT min(expires_at) AS expires_at FROM approval WHERE state = 'open'`,
  args: [],
};

/** Those that are over, the latest first: the ids grow with time. */
export function closed(before_id: string, most: number): Query<Approval> {
  return {
    verb: 'approval.closed',
    sql: `SELECT * FROM approval WHERE id < ? AND state <> 'open' ORDER BY id DESC LIMIT ?`,
    args: [before_id, most],
  };
}
