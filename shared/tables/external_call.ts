/** external_call: what a service asked of the world outside, models apart (those are in `call`). */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'external_call',
  about: 'what each service asked of the world outside',
  pen: { ownRow: 'service' },
  keeps: { days: 90, since: 'at' },
  erase: { where: 'turn_id IN gone_turn', set: 'payload = NULL' },
};

export type ExternalCall = {
  service: string;
  /** Whom: `api.telegram.org`, `https://example.com`, `mcp mail`. Never with a secret in it. */
  target: string;
  /** What for: a method's or a tool's name. */
  action: string;
  /** Where what was sent is kept: `outbound 12`, `tool_call <id>`. */
  payload: string | null;
  /** `ok`, an HTTP status, or an error's code. */
  status: string;
  latency_ms: number;
  retries: number;
  turn_id: string | null;
  at: number;
};

export function record(call: ExternalCall): Op {
  const { service, target, action, payload, status, latency_ms, retries, turn_id, at } = call;
  return {
    verb: 'external_call.record',
    sql: `INSERT INTO external_call (service, target, action, payload, status, latency_ms, retries, turn_id, at)
          VALUES (?,?,?,?,?,?,?,?,?)`,
    args: [service, target, action, payload, status, latency_ms, retries, turn_id, at],
  };
}

export function ofTurn(turn_id: string): Query<ExternalCall> {
  return {
    verb: 'external_call.ofTurn',
    sql: 'SELECT * FROM external_call WHERE turn_id = ? ORDER BY id',
    args: [turn_id],
  };
}
