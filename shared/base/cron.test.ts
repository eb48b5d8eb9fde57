import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { nextOf, readSpec } from './cron.ts';

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

test('what never comes is never due', () => {
  assert.equal(nextOf(readSpec('0 0 30 2 *'), Date.parse('2026-01-01')), null);
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
    '5-1 * * * *',
    '*/0 * * * *',
    'x * * * *',
    '1,, * * * *',
    '*-5 * * * *',
    'at',
    'at tomorrow',
    'at 2027-02-01',
    'at 2027-13-01T09:00',
    'at 2027-01-01T09:00 x',
    '@daily',
  ];
  for (const text of wrong) assert.throws(() => readSpec(text), /expected/, text);
});
