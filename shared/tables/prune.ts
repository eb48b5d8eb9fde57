/**
 * Old rows, found and removed as each table's `keeps` says: the one place that knows how. They are found by reading,
 * a stretch of the table at a time, which holds up nobody; each removal is a small write of its own, and asks again.
 * The guard lets `backup` remove from tables of other services what these conditions name, and nothing younger.
 */

import type { Keeps, Op, Query, Table } from './op.ts';

/** How tables are walked: by the key of the last row that was looked at. */
export type Found = { key: number; old: 0 | 1 };

const DAY_ms = 86_400_000;

type Rule = Exclude<Keeps, string>;

const keyOf = (rule: Rule) => ('key' in rule && rule.key) || 'rowid';

/** That a row has outlived what its table keeps; `now` is SQL too. A column that is NULL makes it neither true nor false. */
function isOld(rule: Rule, now: string, row = ''): string {
  if ('as' in rule) return `NOT EXISTS (SELECT 1 FROM ${rule.as} WHERE id = ${row}${rule.by})`;
  const old = `${row}${rule.since} < ${now} - ${rule.days * DAY_ms}`;
  return rule.only ? `${old} AND ${row}${rule.only}` : old;
}

function mayGo(rule: Rule): string {
  const old = isOld(rule, '?');
  return 'unless' in rule && rule.unless ? `(${old}) AND NOT (${rule.unless})` : old;
}

/** What the condition asks for. */
const asked = (rule: Rule, now: number) => ('as' in rule ? [] : [now]);

/** A stretch of the table after `after`, and which rows of it are old. */
export function look(
  table: Table,
  rule: Rule,
  of: { now: number; after: number; most: number },
): Query<Found> {
  const key = keyOf(rule);
  return {
    verb: `${table.name}.look`,
    sql: `SELECT ${key} AS key, coalesce(${mayGo(rule)}, 0) AS old FROM ${table.name} WHERE ${key} > ? ORDER BY ${key} LIMIT ?`,
    args: [...asked(rule, of.now), of.after, of.most],
  };
}

/** Removes those of these rows that are still old. */
export function remove(table: Table, rule: Rule, keys: readonly number[], now: number): Op<{ key: number }> {
  const key = keyOf(rule);
  return {
    verb: `${table.name}.prune`,
    sql: `DELETE FROM ${table.name} WHERE ${key} IN (SELECT value FROM json_each(?)) AND ${mayGo(rule)} RETURNING ${key} AS key`,
    args: [JSON.stringify(keys), ...asked(rule, now)],
  };
}

/** The condition, for the guard, under which a row of the table may not be removed by `backup`. */
export function tooYoung(keeps: Keeps): string {
  if (typeof keeps === 'string') return 'true';
  return `(${isOld(keeps, "unixepoch('subsec') * 1000", 'OLD.')}) IS NOT TRUE`;
}
