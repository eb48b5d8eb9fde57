import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idOf, madeAt, outdated } from './retention.ts';

const HOUR_ms = 3_600_000;
const KEEP = { keep_hourly: 24, keep_daily: 14, keep_weekly: 8 };
const NOON = Date.parse('2026-11-22T12:07:00Z');
const hourly = (hours: number, from = NOON) =>
  Array.from({ length: hours }, (_, i) => idOf(from - i * HOUR_ms));
const kept = (ids: string[], keep = KEEP) => {
  const gone = new Set(outdated(ids, keep));
  return ids.filter((id) => !gone.has(id));
};

test('a name says when the backup was made, and nothing else is one', () => {
  assert.equal(idOf(NOON), '2026-11-22T120700.000Z');
  assert.equal(madeAt(idOf(NOON + 123)), NOON + 123);
  for (const name of ['', 'copying', '2026-11-22T120700.000Z.part', '2026-11-22', '2026-99-22T120700.000Z'])
    assert.equal(madeAt(name), null, name);
});

test('of a year of hourly backups there stay 24 of the hours, 14 of the days and 8 of the weeks', () => {
  const ids = hourly(365 * 24);
  const left = kept(ids);
  assert.deepEqual(left.slice(0, 24), ids.slice(0, 24), 'the newest 24');
  // The first day of the fourteen is among the hours, and so is the first week among the days.
  assert.ok(left.length >= 24 + 12 + 5 && left.length <= 24 + 14 + 8, String(left.length));
  const oldest = madeAt(left.at(-1) ?? '') ?? 0;
  const weeks = (NOON - oldest) / (7 * 24 * HOUR_ms);
  assert.ok(weeks > 6.5 && weeks <= 8, `${weeks} weeks`);
});

test('what was decided yesterday is decided again today: nothing that stayed comes to be missed', () => {
  let ids: string[] = [];
  for (let i = 0; i < 100 * 24; i++) {
    ids = kept([...ids, idOf(NOON + i * HOUR_ms)]);
  }
  assert.ok(ids.length >= 24 + 12 + 5, String(ids.length));
});

test('machines that sleep keep as many: hours without a backup do not count', () => {
  const ids = [...hourly(12), ...hourly(12, NOON - 1000 * HOUR_ms)];
  assert.deepEqual(kept(ids, { keep_hourly: 24, keep_daily: 0, keep_weekly: 0 }), ids);
  assert.equal(kept(ids, { keep_hourly: 23, keep_daily: 0, keep_weekly: 0 }).length, 23);
});

test('the newest stays whatever the rules say, and what is no backup is left alone', () => {
  const [id = ''] = hourly(1);
  assert.deepEqual(
    outdated([id, 'notes', idOf(NOON - HOUR_ms)], { keep_hourly: 1, keep_daily: 0, keep_weekly: 0 }),
    [idOf(NOON - HOUR_ms)],
  );
  assert.deepEqual(outdated([id], { keep_hourly: 0, keep_daily: 0, keep_weekly: 0 }), []);
});

test('of several in one hour the newest stays', () => {
  const three = [NOON, NOON + 1, NOON + 2].map(idOf);
  assert.deepEqual(kept(three), three.slice(2));
});
