/** profile: what the model is told of each scope before every conversation; changed only when memory is. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'profile',
  about: 'what the model knows of each person before it is asked anything',
  pen: { record: 'memory' },
  keeps: 'one row a scope',
  // It is made anew of what is left.
  erase: { where: 'scope IN gone_scope' },
};

export type Profile = {
  scope: string;
  text: string;
  /** The memories in it, in order. */
  items_json: string;
  at: number;
};

export function of(scope: string): Query<Profile> {
  return { verb: 'profile.of', sql: 'SELECT * FROM profile WHERE scope = ?', args: [scope] };
}

/** Whose there are. */
export const scopes: Query<Pick<Profile, 'scope'>> = {
  verb: 'profile.scopes',
  sql: 'SELECT scope FROM profile ORDER BY scope LIMIT 100',
  args: [],
};

export function put({ scope, text, items_json, at }: Profile): Op {
  return {
    verb: 'profile.put',
    sql: `INSERT INTO profile (scope, text, items_json, at) VALUES (?,?,?,?)
          ON CONFLICT (scope) DO UPDATE SET text = excluded.text, items_json = excluded.items_json, at = excluded.at`,
    args: [scope, text, items_json, at],
  };
}
