/** permission: what was always allowed, until it is revoked. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'permission',
  about: 'what the owner has always allowed',
  pen: { record: 'tools' },
  keeps: 'until revoked, and then 400 days',
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
