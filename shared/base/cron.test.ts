import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createTask } from 'node-cron';
import { nextOf, nextTimes, readSpec } from './cron.ts';

/** The next times in a zone, as local ISO times with their offset. */
function next(zone: string, spec: string, after: string, count = 1): string[] {
  const script = `
    import { nextOf, readSpec } from ${JSON.stringify(join(import.meta.dirname, 'cron.ts'))};
    let at = Date.parse(${JSON.stringify(after)});
    const found = [];
    for (let i = 0; i < ${count}; i++) found.push(at = nextOf(readSpec(${JSON.stringify(spec)}), at));
    console.log(JSON.stringify(found.map((one) => one === null ? null : new Date(one).toISOString())));`;
  const env = { ...process.env, TZ: zone };
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
      env,
      encoding: 'utf8',
    }),
  );
}

const cases: [string, string, string[]][] = [
  ['* * * * *', '2026-11-22T10:00:00Z', ['2026-11-22T10:01:00.000Z', '2026-11-22T10:02:00.000Z']],
  ['*/20 8-9 * * *', '2026-11-22T08:30:00Z', ['2026-11-22T08:40:00.000Z', '2026-11-22T09:00:00.000Z']],
  ['0 8 * * mon-fri', '2026-11-20T08:00:00Z', ['2026-11-23T08:00:00.000Z', '2026-11-24T08:00:00.000Z']],
  ['0 0 13 * 5', '2026-11-01T00:00:00Z', ['2026-11-06T00:00:00.000Z', '2026-11-13T00:00:00.000Z']],
  ['0 0 29 2 *', '2026-11-01T00:00:00Z', ['2028-02-29T00:00:00.000Z', '2032-02-29T00:00:00.000Z']],
  ['0 12 * * 7', '2026-11-22T12:00:00Z', ['2026-11-29T12:00:00.000Z', '2026-12-06T12:00:00.000Z']],
  ['30 1,13 1 JAN,jul *', '2026-11-01T00:00:00Z', ['2027-01-01T01:30:00.000Z', '2027-01-01T13:30:00.000Z']],
];

for (const [spec, after, expected] of cases) {
  test(`${spec} is next due at ${expected[0]}`, () =>
    assert.deepEqual(next('UTC', spec, after, 2), expected));
}

test('an hour that the clock leaves out moves on, and one that it repeats counts once', () => {
  const [spring] = next('Europe/Berlin', '30 2 * * *', '2027-03-28T00:00:00Z');
  assert.equal(spring, '2027-03-28T01:30:00.000Z', '03:30 in summer time');
  const autumn = next('Europe/Berlin', '30 2 * * *', '2026-10-24T12:00:00Z', 2);
  assert.deepEqual(autumn, ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']);
});

const iso = (times: readonly number[]) => times.map((at) => new Date(at).toISOString());

test('a zone that a job names goes by its own clocks, whatever the machine says', () => {
  const berlin = (spec: string, after: string) =>
    iso(nextTimes(readSpec(spec, 'Europe/Berlin'), Date.parse(after), 2));
  assert.deepEqual(berlin('30 2 * * *', '2027-03-27T12:00Z'), [
    '2027-03-28T01:30:00.000Z',
    '2027-03-29T00:30:00.000Z',
  ]);
  assert.deepEqual(berlin('30 2 * * *', '2026-10-24T12:00Z'), [
    '2026-10-25T00:30:00.000Z',
    '2026-10-26T01:30:00.000Z',
  ]);
  const once = readSpec('at 2027-07-01T09:00', 'America/New_York');
  assert.equal(nextOf(once, 0), Date.parse('2027-07-01T13:00Z'));
  assert.throws(() => readSpec('0 8 * * *', 'Mars/Olympus'), /expected the name of a time zone/);
});

test('an hour that is left out at the end of a day moves on into the next', () => {
  // In Nuuk the clock goes from 23:00 to 24:00 on a Saturday in March.
  const late = readSpec('50 23 * * *', 'America/Nuuk');
  const early = readSpec('10 0,23 * * *', 'America/Nuuk');
  assert.deepEqual(iso(nextTimes(late, Date.parse('2027-03-27T12:00Z'), 2)), [
    '2027-03-28T01:50:00.000Z',
    '2027-03-29T00:50:00.000Z',
  ]);
  const times = nextTimes(early, Date.parse('2027-03-26T12:00Z'), 6);
  assert.deepEqual(times, [...new Set(times)].sort(), 'in order, none twice');
});

test('an interval counts from when it was set, and a time in a while is one time', () => {
  const now = Date.parse('2026-11-22T10:07:30.400Z');
  const every = readSpec('every 15m', null, now);
  assert.equal(every.text, 'every 15m from 2026-11-22T10:07:30Z');
  assert.deepEqual(readSpec(every.text), every, 'its text says all of it');
  assert.deepEqual(iso(nextTimes(every, now + 3_600_000, 2)), [
    '2026-11-22T11:22:30.000Z',
    '2026-11-22T11:37:30.000Z',
  ]);
  assert.equal(nextOf(every, 0), Date.parse('2026-11-22T10:22:30Z'));
  const soon = readSpec('in 2h', null, now);
  assert.equal(soon.text, 'at 2026-11-22T12:07:30Z');
  assert.equal(nextOf(soon, now + 7_200_000), null);
});

test('@daily is midnight, and a range may go over the end', () => {
  assert.deepEqual(next('UTC', '@daily', '2026-11-22T10:00:00Z'), ['2026-11-23T00:00:00.000Z']);
  assert.deepEqual(next('UTC', '0 23-1 * * *', '2026-11-22T22:00:00Z', 3), [
    '2026-11-22T23:00:00.000Z',
    '2026-11-23T00:00:00.000Z',
    '2026-11-23T01:00:00.000Z',
  ]);
});

test('a time for once is local unless it says where, and over when it has passed', () => {
  assert.deepEqual(next('Europe/Berlin', 'at 2027-01-01T09:00', '2026-01-01T00:00:00Z'), [
    '2027-01-01T08:00:00.000Z',
  ]);
  assert.deepEqual(next('Europe/Berlin', 'at 2027-01-01T09:00Z', '2026-01-01T00:00:00Z'), [
    '2027-01-01T09:00:00.000Z',
  ]);
  const at = Date.parse('2027-01-01T09:00:00Z');
  const spec = readSpec('at 2027-01-01T09:00:00Z');
  assert.equal(nextOf(spec, at - 1), at);
  assert.equal(nextOf(spec, at), null);
});

/** What node-cron says of the times after `now`. */
function nodeCron(t: TestContext, spec: string, zone: string, now: string, count: number): string[] {
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse(now) });
  const times = createTask(spec, () => {}, { timezone: zone }).getNextRuns(count);
  t.mock.timers.reset();
  return times.map((at) => at.toISOString());
}

test('the times are those of node-cron, where no clock is changed and one kind of day is named', (t) => {
  const specs = [
    '*/7 * * * *',
    '15 3,17 * * *',
    '0 8 * * 1-5',
    '5 0 1,15 * *',
    '59 23 31 12 *',
    '0 */6 * 2 *',
  ];
  for (const spec of specs) {
    for (const zone of ['UTC', 'Europe/Berlin', 'Asia/Kolkata', 'Pacific/Chatham']) {
      const now = '2026-11-22T10:11:12Z';
      assert.deepEqual(
        iso(nextTimes(readSpec(spec, zone), Date.parse(now), 5)),
        nodeCron(t, spec, zone, now, 5),
        `${spec} in ${zone}`,
      );
    }
  }
});

test('node-cron leaves out a day whose hour is left out, and takes two kinds of days as both', (t) => {
  const [spring] = nodeCron(t, '30 2 * * *', 'Europe/Berlin', '2027-03-27T12:00Z', 1);
  assert.equal(spring, '2027-03-29T00:30:00.000Z', 'the 28th has no run: hence our own times');
  const [friday] = nodeCron(t, '0 0 13 * 5', 'UTC', '2026-11-01T00:00Z', 1);
  assert.equal(friday, '2026-11-13T00:00:00.000Z', 'crontab(5) says the 6th, a Friday');
});

test('what is no time is refused, with what was expected', () => {
  const wrong = [
    '',
    '* * * *',
    '* * * * * *',
    '60 * * * *',
    '-1 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '0 0 L * *',
    '0 0 30 2 *',
    'every',
    'every 0m',
    'every 5s',
    'every 15m to 16:00',
    'in a while',
    '*/0 * * * *',
    'x * * * *',
    '1,, * * * *',
    '*-5 * * * *',
    'at',
    'at tomorrow',
    'at 2027-02-01',
    'at 2027-13-01T09:00',
    'at 2027-01-01T09:00 x',
    '@often',
    'at 2027-02-30T09:00',
  ];
  for (const text of wrong) assert.throws(() => readSpec(text), /expected/, text);
});
