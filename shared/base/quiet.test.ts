import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { quietUntil } from './quiet.ts';

function zone(t: TestContext, name: string): void {
  const before = process.env.TZ;
  process.env.TZ = name;
  t.after(() => {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  });
}

const until = (hours: string, now: string) => {
  const at = quietUntil(hours, Date.parse(now));
  return at === null ? null : new Date(at).toISOString();
};

test('a night is quiet from its first minute to its last, over midnight', (t) => {
  zone(t, 'UTC');
  const cases: [string, string | null][] = [
    ['2026-11-22T21:59:59.999Z', null],
    ['2026-11-22T22:00:00Z', '2026-11-23T07:30:00.000Z'],
    ['2026-11-23T00:00:00Z', '2026-11-23T07:30:00.000Z'],
    ['2026-11-23T07:29:59.999Z', '2026-11-23T07:30:00.000Z'],
    ['2026-11-23T07:30:00Z', null],
    ['2026-12-31T23:00:00Z', '2027-01-01T07:30:00.000Z'],
  ];
  for (const [now, end] of cases) assert.equal(until('22:00-07:30', now), end, now);
});

test('quiet within a day ends the same day, and nothing or no time at all is never quiet', (t) => {
  zone(t, 'UTC');
  assert.equal(until('13:00-14:00', '2026-11-22T13:30:00Z'), '2026-11-22T14:00:00.000Z');
  assert.equal(until('13:00-14:00', '2026-11-22T14:00:00Z'), null);
  assert.equal(until('13:00-14:00', '2026-11-22T12:59:59Z'), null);
  for (const never of ['', '08:00-08:00']) assert.equal(until(never, '2026-11-22T08:00:00Z'), null);
});

test('the night in which the clock changes ends when the clock on the wall says so', (t) => {
  zone(t, 'Europe/Berlin');
  assert.equal(until('22:00-07:30', '2027-03-27T21:00:00Z'), '2027-03-28T05:30:00.000Z', 'one hour less');
  assert.equal(until('22:00-07:30', '2026-10-24T20:00:00Z'), '2026-10-25T06:30:00.000Z', 'one hour more');
  assert.equal(until('22:00-02:30', '2027-03-28T01:15:00Z'), '2027-03-28T01:30:00.000Z', 'an end left out');
});
