/** What is decided without looking anywhere. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stamp } from '#shared/base/period.ts';
import { verdictOn } from './ask.ts';
import { periodAt, timeOf } from './period.ts';
import { looked, restOf } from './rest.ts';
import { isWorth, packed, type Said, sittingsOf } from './sitting.ts';

const HOUR_ms = 3_600_000;
const DAY_ms = 24 * HOUR_ms;
const NOW = new Date(2026, 10, 22, 9, 5).getTime();

let id = 0;
const said = (at: number, text = 'x', trust: Said['trust'] = 3, role: Said['role'] = 'user'): Said => ({
  id: ++id,
  scope: 'owner',
  role,
  at,
  trust,
  text,
});
const sizes = (sittings: readonly Said[][]) => sittings.map(({ length }) => length);

test('a sitting ends where nobody spoke for as long as the gap, and no sooner', () => {
  const all = [said(0), said(HOUR_ms - 1), said(2 * HOUR_ms - 1)];
  assert.deepEqual(sizes(sittingsOf(all, HOUR_ms, 1e6)), [2, 1]);
  assert.deepEqual(sizes(sittingsOf(all, HOUR_ms + 1, 1e6)), [3]);
  assert.deepEqual(sittingsOf([], HOUR_ms, 1e6), []);
});

test('what is too much for one is cut into several, the same from wherever one of them begins', () => {
  const all = Array.from({ length: 100 }, (_, nth) => said(nth * 1000, 'word '.repeat(nth % 7)));
  const cut = sittingsOf(all, HOUR_ms, 1000);
  assert.ok(cut.length > 5);
  assert.deepEqual(cut.flat(), all);
  for (const [nth, sitting] of cut.entries()) {
    const rest = all.slice(all.indexOf(sitting[0] as Said));
    assert.deepEqual(sittingsOf(rest, HOUR_ms, 1000), cut.slice(nth));
  }
});

test('a message longer than all that fits is a sitting of its own; a stranger’s takes but its frame', () => {
  const long = 'x'.repeat(5000);
  assert.deepEqual(sizes(sittingsOf([said(0), said(1, long), said(2)], HOUR_ms, 1000)), [1, 1, 1]);
  assert.deepEqual(sizes(sittingsOf([said(0), said(1, long, 0), said(2)], HOUR_ms, 1000)), [3]);
});

test('sittings are packed in order, as many as fit', () => {
  const sittings = Array.from({ length: 7 }, (_, nth) => [said(nth * DAY_ms, 'x'.repeat(220))]);
  const packs = packed(sittings, 900);
  assert.deepEqual(
    packs.map(({ length }) => length),
    [3, 3, 1],
  );
  assert.deepEqual(packs.flat(), sittings);
});

test('only what a believed person said makes a sitting worth reading', () => {
  assert.equal(isWorth([said(0, 'x', 3)]), true);
  assert.equal(isWorth([said(0, 'x', 1), said(1, 'x', 2, 'assistant')]), false);
  assert.equal(isWorth([]), false);
});

test('runs rest after so many barren ones, twice as long after each more, for 32 days at most', () => {
  const barren = (count: number) =>
    Array.from({ length: count }, (_, nth) => ({ changes: 0, finished_at: NOW - nth }));
  const fruitful = { changes: 1, finished_at: NOW - 100 };
  assert.equal(restOf([], 5), null);
  assert.equal(restOf([...barren(4), fruitful], 5), null);
  assert.equal(restOf([fruitful, ...barren(9)], 5), null);
  const days = [5, 6, 7, 8, 9, 10, 40].map(
    (count) => ((restOf(barren(count), 5)?.until_at ?? 0) - NOW) / DAY_ms,
  );
  assert.deepEqual(days, [1, 2, 4, 8, 16, 32, 32]);
  assert.equal(looked(5), 10);
});

test('days begin at midnight and weeks on Monday, also where a day has 23 hours', () => {
  const day = periodAt('day', NOW);
  assert.deepEqual([stamp(day.starts_at), stamp(day.ends_at)], ['2026-11-22 00:00', '2026-11-23 00:00']);
  const week = periodAt('week', NOW);
  assert.deepEqual([week.starts_at, week.ends_at].map(stamp), ['2026-11-16 00:00', '2026-11-23 00:00']);
  assert.equal(stamp(periodAt('week', NOW, 1).starts_at), '2026-11-09 00:00');
  for (let back = 0; back < 400; back += 1) {
    const one = periodAt('day', NOW, back);
    assert.equal(one.ends_at, periodAt('day', NOW, back - 1).starts_at);
    assert.equal(periodAt('week', one.ends_at - 1).starts_at, periodAt('week', one.starts_at).starts_at);
  }
});

test('a date is one that there is', () => {
  assert.equal(timeOf('2026-11-22'), new Date(2026, 10, 22).getTime());
  assert.equal(timeOf('2026-11-22T09:05:00'), NOW);
  assert.equal(timeOf(' 2026-11-22 09:05 '), NOW);
  for (const words of ['2026-02-30', '2026-13-01', 'tomorrow', '', '22.11.2026', '2026-11-22 9:05'])
    assert.equal(timeOf(words), null, words);
});

test('what no answer came to is asked again, later, or not: by what is known of it', () => {
  const tomorrow_at = NOW + 10 * HOUR_ms;
  const error = (status?: number, retry_after?: string) => ({
    status,
    headers: new Headers(retry_after ? { 'retry-after': retry_after } : {}),
  });
  const on = (what: 'message' | 'batch', ...of: Parameters<typeof error>) => {
    const verdict = verdictOn(what, error(...of), NOW, tomorrow_at);
    return [verdict.kind, 'again_at' in verdict ? (verdict.again_at - NOW) / 60_000 : null];
  };
  assert.deepEqual(on('message'), ['unheard', 1]);
  assert.deepEqual(on('batch', 409), ['unheard', 1]);
  assert.deepEqual(on('batch', 502), ['unheard', 1]);
  assert.deepEqual(on('message', 502), ['useless', 60]);
  assert.deepEqual(on('message', 402, '7200'), ['later', 120]);
  assert.deepEqual(on('message', 402), ['later', 600]);
  assert.deepEqual(on('message', 429, '5'), ['later', 1]);
  assert.deepEqual(on('batch', 529), ['later', 60]);
  assert.deepEqual(on('message', 401), ['impossible', null]);
  assert.deepEqual(on('message', 400), ['useless', 60]);
});
