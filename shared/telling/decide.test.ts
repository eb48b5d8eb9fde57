import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Due, Told } from '../tables/telling.ts';
import { decide, isRipe, type Sight } from './decide.ts';

const NOW = 1_800_000_000_000;
const HOUR_ms = 3_600_000;

const incident = (id: number, cause: string) => ({
  ...{ id, cause, service: 'router', severity: 'critical' as const, text: `${cause}.` },
  ...{ opened_at: NOW - 10, closed_at: null },
});
const begun = (id: number, cause: string): Due => ({ ...incident(id, cause), phase: 'begun', times: 1 });
const over = (id: number, cause: string): Due => ({
  ...incident(id, cause),
  ...{ phase: 'over', times: 1, closed_at: NOW },
});
const told = (id: number, cause: string, more: Partial<Told> = {}): Told => ({
  ...{ ...incident(id, cause), last_at: NOW - HOUR_ms, nth: 0, acknowledged_at: null },
  ...more,
});
const silent = (cause: string, until_at = NOW + 1) => ({
  ...{ id: 1, cause, reason: null, given_by: 'me', at: NOW - HOUR_ms, until_at, ended_at: null },
});

function decided(sight: Partial<Sight>) {
  const { say, quietly } = decide({
    ...{ now: NOW, due: [], recent: [], ongoing: [], silences: [], seen: new Set() },
    ...{ remind_ms: 4 * HOUR_ms, ...sight },
  });
  return [
    ...say.map(({ cause, phase, nth }) => `${cause} ${phase}${nth || ''}`),
    ...quietly.map(({ one, told }) => `(${one.cause} ${one.phase}: ${Object.keys(told).join()})`),
  ];
}

test('what begins in silence waits for its end, and what ends in it is let go', () => {
  const due = [begun(1, 'a'), over(2, 'b'), begun(3, 'c')];
  assert.deepEqual(decided({ due }), ['a begun', 'b over', 'c begun']);
  const silences = [silent('a'), silent('b')];
  assert.deepEqual(decided({ due, silences }), ['c begun', '(b over: silenced)']);
  assert.deepEqual(decided({ due: [begun(1, 'a')], silences: [silent('a', NOW)] }), ['a begun']);
});

test('what somebody looks after already is not told, but its end is', () => {
  const seen = new Set([1, 2]);
  assert.deepEqual(decided({ due: [begun(1, 'a'), over(2, 'b')], seen }), ['b over', '(a begun: seen)']);
});

test('a silenced whole speaks for its parts', () => {
  const due = [begun(1, 'provider x'), begun(2, 'breaker x/y')];
  const recent = due.map((one) => ({ ...one, told: 'no' as const }));
  assert.deepEqual(decided({ due, recent, silences: [silent('provider *')] }), ['(breaker x/y begun: with)']);
});

test('what is critical and goes on is told again after four hours, unless somebody looks after it', () => {
  const at = (hours: number, more: Partial<Told> = {}) =>
    told(1, 'a', { last_at: NOW - hours * HOUR_ms, ...more });
  assert.deepEqual(decided({ ongoing: [at(4)] }), ['a reminder1']);
  assert.deepEqual(decided({ ongoing: [told(1, 'a', { last_at: NOW - 4 * HOUR_ms + 1 })] }), []);
  assert.deepEqual(decided({ ongoing: [at(4, { nth: 2 })] }), ['a reminder3']);
  assert.deepEqual(decided({ ongoing: [at(4, { severity: 'warning' })] }), []);
  assert.deepEqual(decided({ ongoing: [at(4, { acknowledged_at: NOW - 1 })] }), []);
  assert.deepEqual(decided({ ongoing: [at(4)], silences: [silent('a')] }), []);
  assert.deepEqual(decided({ ongoing: [at(4)], remind_ms: 0 }), []);
});

test('reminders go together, and from then on at one time', () => {
  const ongoing = [
    told(1, 'a', { last_at: NOW - 4 * HOUR_ms }),
    told(2, 'b', { last_at: NOW - 2 * HOUR_ms }),
    told(3, 'c', { last_at: NOW - 2 * HOUR_ms + 1 }),
  ];
  assert.deepEqual(decided({ ongoing }), ['a reminder1', 'b reminder1']);
});

test('what outlasts its silence is told when that ends, once, warnings too', () => {
  const ongoing = [told(1, 'a', { severity: 'warning' })];
  assert.deepEqual(decided({ ongoing, silences: [silent('a', NOW)] }), ['a reminder1']);
  assert.deepEqual(decided({ ongoing, silences: [silent('a', NOW + 1)] }), []);
  const again = [told(1, 'a', { severity: 'warning', last_at: NOW })];
  assert.deepEqual(decided({ ongoing: again, silences: [silent('a', NOW)] }), []);
});

test('nobody is told before the first of it has waited, or has a time that is still to come', () => {
  const ripe = (opened_at: number) =>
    isRipe({ say: [{ ...begun(1, 'a'), nth: 0, opened_at }], quietly: [] }, NOW, 2000);
  assert.equal(ripe(NOW - 1999), false);
  assert.equal(ripe(NOW - 2000), true);
  assert.equal(ripe(NOW + 1), true);
  assert.equal(isRipe({ say: [], quietly: [] }, NOW, 0), false);
});
