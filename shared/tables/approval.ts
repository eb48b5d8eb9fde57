/**
 * approval: what the owner is asked before a tool may go on, with the exact scope: open → granted | answered | denied |
 * expired | moot. A `question` is the model's own, with choices of its own. It works once, and over a restart.
 */

import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'approval',
  about: 'what the owner was asked to allow or to choose, and what they said',
  pen: { record: 'tools' },
  keeps: '400 days',
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
