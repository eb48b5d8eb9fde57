/** permission: what was always allowed, until it is revoked. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'permission',
  about: 'what the owner has always allowed',
  pen: { record: 'tools' },
  keeps: { days: 400, since: 'revoked_at' },
};

export type Permission = {
  id: number;
  tool: string;
  rule_json: string;
  /** In words. */
  scope: string;
  given_by: string;
  given_at: number;
  revoked_at: number | null;
};

export const inForce: Query<Permission> = {
  verb: 'permission.inForce',
  sql: 'SELECT * FROM permission WHERE revoked_at IS NULL ORDER BY id',
  args: [],
};

/** Whatever was allowed of these tools: they are not any more what was allowed, or are gone. */
export function revokeOf(tools: readonly string[], now: number): Op<{ tool: string; scope: string }> {
  return {
    verb: 'permission.revokeOf',
    sql: `UPDATE permission SET revoked_at = ? WHERE revoked_at IS NULL AND tool IN (SELECT value FROM json_each(?))
          RETURNING tool, scope`,
    args: [now, JSON.stringify(tools)],
  };
}

export function give(permission: Omit<Permission, 'id' | 'revoked_at'>): Op {
  const { tool, rule_json, scope, given_by, given_at } = permission;
  return {
    verb: 'permission.give',
    sql: 'INSERT INTO permission (tool, rule_json, scope, given_by, given_at) VALUES (?,?,?,?,?)',
    args: [tool, rule_json, scope, given_by, given_at],
    durable: true,
  };
}

export function revoke(id: number, now: number): Op {
  return {
    verb: 'permission.revoke',
    sql: 'UPDATE permission SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL',
    args: [now, id],
    expect: 1,
    durable: true,
  };
}
