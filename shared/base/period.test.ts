import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { PERIODS, type Period, type PeriodKind, periodOf } from './period.ts';
import { root } from './root.ts';

const HOUR_ms = 3_600_000;

/** What a process in that time zone finds at each of these moments. */
function allPeriodsIn(zone: string, at: readonly number[]): Record<PeriodKind, Period[]> {
  const script = `import { periodOf } from ${JSON.stringify(join(root, 'shared/base/period.ts'))};
    const all = (kind) => ${JSON.stringify(at)}.map((at) => periodOf(kind, at));
    console.log(JSON.stringify({ hour: all('hour'), day: all('day'), month: all('month') }))`;
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, TZ: zone },
      encoding: 'utf8',
    }),
  );
}

const periodsIn = (zone: string, kind: PeriodKind, at: readonly number[]) => allPeriodsIn(zone, at)[kind];

const hours = ({ starts_at, ends_at }: Period) => (ends_at - starts_at) / HOUR_ms;

/** Moments of a few days, some at odd minutes, and each full hour to the millisecond on both sides. */
function around(from: string, days: number): number[] {
  const begin = Date.parse(from);
  const every = Array.from({ length: days * 96 }, (_, i) => begin + i * 900_000);
  return every.flatMap((at) => [at - 1, at, at + 123_457]);
}

for (const [what, zone, from] of [
  ['into summer', 'America/New_York', '2026-03-06T00:00Z'],
  ['out of summer', 'America/New_York', '2026-10-30T00:00Z'],
  ['into summer', 'Europe/Berlin', '2026-03-27T00:00Z'],
  ['out of summer', 'Europe/Berlin', '2026-10-23T00:00Z'],
  ['half an hour into summer', 'Australia/Lord_Howe', '2026-10-02T00:00Z'],
  ['half an hour out of summer', 'Australia/Lord_Howe', '2026-04-03T00:00Z'],
  ['with a quarter of an hour', 'Asia/Kathmandu', '2026-02-27T00:00Z'],
  ['into summer at midnight, which is not there', 'America/Sao_Paulo', '2018-11-02T00:00Z'],
  ['out of summer at midnight', 'America/Sao_Paulo', '2018-02-16T00:00Z'],
  ['into summer at midnight', 'Africa/Cairo', '2026-04-22T00:00Z'],
  ['over a day that is not there', 'Pacific/Apia', '2011-12-28T00:00Z'],
  ['without summer', 'UTC', '2026-12-30T00:00Z'],
] as const) {
  test(`in ${zone}, ${what}, every moment is in one hour, one day and one month, and none in two`, () => {
    const moments = around(from, 5);
    const all = allPeriodsIn(zone, moments);
    for (const kind of PERIODS) {
      const found = all[kind];
      let last: Period | undefined;
      for (const [i, period] of found.entries()) {
        const at = moments[i] ?? 0;
        assert.ok(
          period.starts_at <= at && at < period.ends_at,
          `${kind} ${period.name} holds ${new Date(at).toISOString()}`,
        );
        if (last && last.name !== period.name && period.starts_at > last.starts_at) {
          assert.equal(
            period.starts_at,
            last.ends_at,
            `${kind} ${period.name} begins where ${last.name} ends`,
          );
        }
        if (last?.name === period.name) assert.deepEqual(period, last);
        if (!last || period.starts_at > last.starts_at) last = period;
      }
      const names = new Map(found.map((period) => [period.starts_at, period.name]));
      assert.equal(new Set(names.values()).size, names.size, 'no two periods have one name');
    }
  });
}

test('a day has 23 hours when summer begins and 25 when it ends', () => {
  const day = (zone: string, at: string) => {
    const [period] = periodsIn(zone, 'day', [Date.parse(at)]);
    assert.ok(period);
    return [period.name, hours(period)];
  };
  assert.deepEqual(day('America/New_York', '2026-03-08T15:00Z'), ['2026-03-08', 23]);
  assert.deepEqual(day('America/New_York', '2026-11-01T15:00Z'), ['2026-11-01', 25]);
  assert.deepEqual(day('Europe/Berlin', '2026-03-29T15:00Z'), ['2026-03-29', 23]);
  assert.deepEqual(day('Australia/Lord_Howe', '2026-10-03T20:00Z'), ['2026-10-04', 23.5]);
  assert.deepEqual(day('Australia/Lord_Howe', '2026-04-04T20:00Z'), ['2026-04-05', 24.5]);
  assert.deepEqual(day('Asia/Kathmandu', '2026-03-01T18:14:59Z'), ['2026-03-01', 24]);
  assert.deepEqual(day('Asia/Kathmandu', '2026-03-01T18:15:00Z'), ['2026-03-02', 24]);
});

test('the day whose midnight is not there begins at one', () => {
  const moments = [Date.parse('2018-11-04T02:59:59.999Z'), Date.parse('2018-11-04T03:00:00.000Z')];
  const [before, after] = periodsIn('America/Sao_Paulo', 'day', moments);
  assert.deepEqual([before?.name, after?.name], ['2018-11-03', '2018-11-04']);
  assert.equal(after?.starts_at, moments[1]);
  assert.equal(before?.ends_at, moments[1]);
  assert.equal(after && hours(after), 23);
});

test('the hour that a clock set back repeats is two hours, each with its name', () => {
  const moments = [Date.parse('2026-11-01T05:30Z'), Date.parse('2026-11-01T06:30Z')];
  const [first, second] = periodsIn('America/New_York', 'hour', moments);
  assert.deepEqual([first?.name, second?.name], ['2026-11-01T05:00Z', '2026-11-01T06:00Z']);
});

test('hours begin at the local hour, also where that is at a quarter', () => {
  const [period] = periodsIn('Asia/Kathmandu', 'hour', [Date.parse('2026-03-01T10:14:59Z')]);
  assert.equal(period?.name, '2026-03-01T09:15Z');
});

test('a month ends where the next begins, the year too, and leap days are in theirs', () => {
  const month = periodOf('month', new Date(2026, 11, 31, 23, 59, 59, 999).getTime());
  assert.deepEqual([month.name, month.ends_at], ['2026-12', new Date(2027, 0, 1).getTime()]);
  assert.equal(periodOf('month', month.ends_at).name, '2027-01');
  assert.equal(periodOf('day', new Date(2028, 1, 29, 12).getTime()).name, '2028-02-29');
});
