import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSpec } from '#shared/base/cron.ts';
import { firesOf, inWords } from './due.ts';

test('a schedule is told in words', () => {
  for (const [spec, words] of [
    ['0 8 * * 1-5', 'at 08:00, on Monday to Friday'],
    ['0 8,20 * * *', 'at 08:00 and 20:00, every day'],
    ['30 7 * * sat,sun', 'at 07:30, on Saturday and Sunday'],
    ['*/15 * * * *', 'every 15 minutes, every day'],
    ['*/15 9-17 * * 1-5', 'every 15 minutes from 09:00 to 17:59, on Monday to Friday'],
    ['* * * * *', 'every minute, every day'],
    ['5 * * * *', 'at minute 5 of every hour, every day'],
    ['0 */6 * * *', 'at minute 0 of every 6 hours, every day'],
    ['0 9 1,15 * *', 'at 09:00, on day 1 and 15 of the month'],
    ['0 9 13 * 5', 'at 09:00, on day 13 of the month or on Friday'],
    ['0 0 29 2 *', 'at 00:00, on day 29 of the month, in February'],
    ['0 0 * jan-mar 7', 'at 00:00, on Sunday, in January to March'],
    ['0,10,20,30 1,2 * * *', 'at minute 0, 10, 20 and 30 of hour 1 and 2, every day'],
    ['@daily', 'at 00:00, every day'],
    ['at 2027-03-01T09:00', 'once'],
    ['every 15m from 2027-03-01T09:00:00Z', 'every 15 minutes'],
    ['every 1d from 2027-03-01T09:00:00Z', 'every day'],
    ['no spec', 'no spec'],
  ] as const)
    assert.equal(inWords(spec), words, spec);
});

test('the next times are those of the wall, and say where the clocks are changed', () => {
  const zone = 'Europe/Berlin';
  const now = Date.parse('2027-03-26T12:00:00Z');
  assert.deepEqual(firesOf(readSpec('0 8 * * *', zone), zone, now, 3), [
    { at: Date.parse('2027-03-27T07:00:00Z'), wall: 'Sat 2027-03-27 08:00', changed: null },
    {
      at: Date.parse('2027-03-28T06:00:00Z'),
      wall: 'Sun 2027-03-28 08:00',
      changed: 'the clocks go forward by 60 min before it',
    },
    { at: Date.parse('2027-03-29T06:00:00Z'), wall: 'Mon 2027-03-29 08:00', changed: null },
  ]);
  const autumn = firesOf(readSpec('0 8 * * *', zone), zone, Date.parse('2027-10-30T12:00:00Z'), 1);
  assert.equal(autumn[0]?.changed, 'the clocks go back by 60 min before it');
  assert.deepEqual(firesOf(readSpec('at 2020-01-01T09:00'), null, now, 5), []);
});
