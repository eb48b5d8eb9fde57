import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { NANO } from '#shared/base/money.ts';
import { periodOf } from '#shared/base/period.ts';
import type { Budget } from '#shared/runtime/budgets.ts';
import { openStore } from '#shared/store/store.ts';
import type { AccessKey } from '#shared/tables/access_key.ts';
import * as allowance from '#shared/tables/allowance.ts';
import * as incident from '#shared/tables/incident.ts';
import * as spend from '#shared/tables/spend.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { alerts, type Caller, refusal, windowsOf } from './budget.ts';

const NOW = new Date(2026, 10, 22, 14, 30).getTime();
const budget: Budget = {
  hour_usd: 1,
  day_usd: 3,
  month_usd: 40,
  turn_usd: 0.5,
  calls_per_hour: 1000,
  unasked_percent: 30,
  alert_usd: 0,
};
const core: Caller = {
  name: 'core',
  key: null,
  turn_id: null,
  conversation: null,
  task: null,
  unasked: false,
  step: null,
  day_nanousd: null,
};
const laptop = {
  name: 'laptop',
  hour_nanousd: null,
  day_nanousd: 2 * NANO,
  month_nanousd: null,
  calls_per_hour: 10,
} as AccessKey;

const house = async (t: TestContext) => {
  const store = await openStore({ directory: scratch(t), principal: 'router' });
  t.after(() => store.close());
  const incidents = () => store.read(incident.ongoing);
  /** Reserves so much in each of the windows … */
  const hold = (windows: readonly spend.Window[], nanousd: number) =>
    store.commit(windows.map((window) => spend.hold(window, nanousd)));
  /** … or spends it. */
  const spent = async (windows: readonly spend.Window[], nanousd: number) => {
    await hold(windows, 0);
    await store.commit([spend.settle(JSON.stringify(windows.map(({ id }) => id)), 0, nanousd)]);
  };
  return { store, incidents, spent, hold };
};

test('a call of the house counts in the hour, the day and the month', () => {
  const hour = periodOf('hour', NOW);
  assert.deepEqual(windowsOf(budget, core, NOW), [
    {
      id: `hour ${hour.name}`,
      budget: 'hour',
      starts_at: hour.starts_at,
      ends_at: hour.ends_at,
      limit_nanousd: NANO,
      limit_calls: 1000,
    },
    {
      id: 'day 2026-11-22',
      budget: 'day',
      starts_at: new Date(2026, 10, 22).getTime(),
      ends_at: new Date(2026, 10, 23).getTime(),
      limit_nanousd: 3 * NANO,
      limit_calls: null,
    },
    {
      id: 'month 2026-11',
      budget: 'month',
      starts_at: new Date(2026, 10, 1).getTime(),
      ends_at: new Date(2026, 11, 1).getTime(),
      limit_nanousd: 40 * NANO,
      limit_calls: null,
    },
  ]);
});

test('a turn, a key, work that nobody asked for and the alert have windows of their own', () => {
  const short = (caller: Partial<Caller>, more: Partial<Budget> = {}) =>
    windowsOf({ ...budget, ...more }, { ...core, ...caller }, NOW)
      .slice(3)
      .map(({ id, limit_nanousd, limit_calls, ends_at }) => [
        id,
        limit_nanousd,
        limit_calls,
        ends_at !== null,
      ]);
  assert.deepEqual(short({ turn_id: 'T' }), [['turn T', 0.5 * NANO, null, false]]);
  assert.deepEqual(short({ unasked: true }), [['unasked 2026-11-22', 0.9 * NANO, null, true]]);
  assert.deepEqual(short({ unasked: true }, { unasked_percent: 0 }), [['unasked 2026-11-22', 0, null, true]]);
  assert.deepEqual(short({}, { alert_usd: 2 }), [['alert 2026-11-22', null, null, true]]);
  assert.deepEqual(short({ key: laptop }), [
    [`key laptop hour ${periodOf('hour', NOW).name}`, null, 10, true],
    ['key laptop day 2026-11-22', 2 * NANO, null, true],
  ]);
});

test('dollars become nano-dollars without the errors of fractions', () => {
  const [hour] = windowsOf({ ...budget, hour_usd: 0.1 + 0.2 }, core, NOW);
  assert.equal(hour?.limit_nanousd, 300_000_000);
});

test('with room for it to the nano-dollar nothing is refused, and one nano-dollar more is', async (t) => {
  const { store, spent } = await house(t);
  const windows = windowsOf(budget, core, NOW);
  await spent(windows, 400_000_000);
  assert.equal(await refusal(store, windows, 600_000_000, NOW), null);
  const error = await refusal(store, windows, 600_000_001, NOW);
  assert.deepEqual(
    [error?.status, error?.type, error?.error_code],
    [402, 'billing_error', 'budget_exceeded'],
  );
  assert.equal(await refusal(store, windows, 0, NOW), null, 'what is free is never refused');
});

test('a refusal names budget, spent, limit, what the call may cost, when it goes on, and the command that helps', async (t) => {
  const { store, spent, hold } = await house(t);
  const windows = windowsOf(budget, core, NOW);
  await spent(windows, 900_000_000);
  await hold(windows, 50_000_000);
  const error = await refusal(store, windows, 200_000_000, NOW);
  assert.equal(
    error?.message,
    'budget: this hour has $1.00: $0.90 spent, $0.050 reserved by calls under way, and this call may cost up to $0.20; it resumes on 2026-11-22 at 15:00, or at once with: scripts/vigil budget raise hour 1',
  );
  assert.deepEqual(error.headers, {
    'x-should-retry': 'false',
    'x-vigil-budget': windows[0]?.id,
    'retry-after': '1800',
  });
});

test('the command raises a budget by as many dollars as are missing', async (t) => {
  const { store } = await house(t);
  const windows = windowsOf({ ...budget, hour_usd: 100 }, core, NOW);
  for (const [hold_nanousd, dollars] of [
    [3 * NANO + 1, 1],
    [4 * NANO, 1],
    [4 * NANO + 1, 2],
  ] as const) {
    const error = await refusal(store, windows, hold_nanousd, NOW);
    assert.match(error?.message ?? '', new RegExp(`scripts/vigil budget raise day ${dollars}$`));
  }
});

for (const [what, caller, more, expected] of [
  [
    'a turn',
    { turn_id: 'T' },
    {},
    /budget: this answer has \$0.50: .*; at once with: scripts\/vigil budget raise turn:T 1$/,
  ],
  [
    'a key',
    { key: laptop },
    { hour_usd: 9 },
    /the key 'laptop', this day, has \$2.00: .* raise key:laptop:day 1$/,
  ],
  [
    'unasked work',
    { unasked: true },
    { hour_usd: 9 },
    /work that nobody asked for, today, has \$0.90: .* raise unasked 2$/,
  ],
  ['the month', {}, { hour_usd: 9, day_usd: 9, month_usd: 0 }, /this month has \$0.00: .* raise month 3$/],
] as const) {
  test(`the refusal for ${what} says how to raise it`, async (t) => {
    const { store } = await house(t);
    const windows = windowsOf({ ...budget, ...more }, { ...core, ...caller }, NOW);
    const hold_nanousd = what === 'a turn' ? NANO : 2_500_000_000;
    const error = await refusal(store, windows, hold_nanousd, NOW);
    assert.match(error?.message ?? '', expected);
    assert.equal(error?.headers['retry-after'], undefined, 'what is larger than the limit never has room');
  });
}

test('a call for which others hold the room is to come back when they are over', async (t) => {
  const { store, hold } = await house(t);
  const windows = windowsOf(budget, core, NOW);
  await hold(windows, 900_000_000);
  const error = await refusal(store, windows, 200_000_000, NOW);
  assert.match(error?.message ?? '', /; it goes on when they are over, or at once with/);
  assert.deepEqual(error?.headers, { 'x-should-retry': 'false', 'retry-after': '5' });
});

test('when all calls of an hour are made, the refusal says so, and what to do about it', async (t) => {
  const { store, hold } = await house(t);
  const windows = windowsOf({ ...budget, calls_per_hour: 1 }, core, NOW);
  assert.equal(await refusal(store, windows, 1, NOW), null);
  await hold(windows, 1);
  const error = await refusal(store, windows, 1, NOW);
  assert.match(
    error?.message ?? '',
    /all 1 calls of this hour are made; .* with: a higher \[budget\] calls_per_hour/,
  );
  const own = windowsOf(budget, { ...core, key: { ...laptop, calls_per_hour: 0 } }, NOW);
  const refused = await refusal(store, own, 0, NOW);
  assert.match(
    refused?.message ?? '',
    /all 0 calls of the key 'laptop', this hour, .*scripts\/vigil key add/,
  );
});

test('what the owner has added counts with the next call', async (t) => {
  const { store, spent } = await house(t);
  const windows = windowsOf(budget, core, NOW);
  await spent(windows, NANO);
  assert.ok(await refusal(store, windows, NANO, NOW));
  await store.commit([
    allowance.give({ spend_id: windows[0]?.id ?? '', nanousd: NANO, by: 'cli', now: NOW }),
  ]);
  assert.equal(await refusal(store, windows, NANO, NOW), null);
  assert.ok(await refusal(store, windows, NANO + 1, NOW));
});

test('at four fifths of a budget the owner hears of it, once', async (t) => {
  const { store, incidents, spent } = await house(t);
  const windows = windowsOf(budget, core, NOW);
  const look = async () => {
    await alerts(store, budget, NOW, NOW);
    return (await incidents()).map(({ cause, text }) => `${cause}: ${text}`);
  };
  await spent(windows, 799_999_999);
  assert.deepEqual(await look(), []);
  await spent(windows, 1);
  const told = await look();
  assert.deepEqual(told.length, 1);
  assert.match(
    told[0] ?? '',
    /^budget hour .*: The budget of this hour is nearly used: \$0.80 of \$1.00. At the limit, calls are refused until 2026-11-22 at 15:00.$/,
  );
  await spent(windows, 100_000_000);
  assert.deepEqual(await look(), told);
});

test('alert_usd is told when that much is spent, and a turn never is', async (t) => {
  const { store, incidents, spent } = await house(t);
  const own = { ...budget, hour_usd: 100, day_usd: 100, alert_usd: 2 };
  const windows = windowsOf(own, { ...core, turn_id: 'T' }, NOW);
  const look = async () => {
    await alerts(store, own, NOW, NOW);
    return (await incidents()).map(({ text }) => text);
  };
  await spent(windows, 2 * NANO - 1);
  assert.deepEqual(await look(), []);
  await spent(windows, 1);
  assert.deepEqual(await look(), ["Today's model calls have cost $2.00: alert_usd is $2.00."]);
});

test('free calls in a budget of nothing are no news', async (t) => {
  const { store, incidents, spent } = await house(t);
  await spent(windowsOf({ ...budget, month_usd: 0 }, core, NOW), 0);
  await alerts(store, budget, NOW, NOW);
  assert.deepEqual(await incidents(), []);
});

test('a period that has just ended is still told, one that ended before it was looked at is not', async (t) => {
  const { store, incidents, spent } = await house(t);
  const [hour] = windowsOf(budget, core, NOW);
  assert.ok(hour?.ends_at);
  await spent([hour], NANO);
  await alerts(store, budget, hour.ends_at, hour.ends_at);
  assert.deepEqual(await incidents(), []);
  await alerts(store, budget, hour.ends_at - 1, hour.ends_at);
  const [told] = await store.read(incident.latest(1));
  assert.equal(told?.closed_at, hour.ends_at, 'it has been, and is over');
});

test('an alert is over when its period is, or when there is room again', async (t) => {
  const { store, incidents, spent } = await house(t);
  const [hour, day] = windowsOf(budget, core, NOW);
  assert.ok(hour?.ends_at && day);
  await spent([hour, day], Math.ceil(0.8 * Math.max(hour.limit_nanousd ?? 0, day.limit_nanousd ?? 0)));
  await alerts(store, budget, NOW, NOW);
  assert.equal((await incidents()).length, 2);
  const given = { spend_id: day.id, nanousd: day.limit_nanousd ?? 0, by: 'cli', now: NOW };
  await store.commit([allowance.give(given)]);
  await alerts(store, budget, NOW, NOW);
  assert.equal((await incidents()).length, 1);
  await alerts(store, budget, hour.ends_at, hour.ends_at);
  assert.deepEqual(await incidents(), []);
});

test('what a service has set for itself a day is one more window; its end is told, and no alert is given', async (t) => {
  const { store, incidents, spent } = await house(t);
  const memory: Caller = { ...core, name: 'memory', day_nanousd: NANO / 4 };
  const own = windowsOf(budget, memory, NOW).find(({ id }) => id === 'own memory 2026-11-22');
  assert.equal(own?.limit_nanousd, NANO / 4);
  assert.ok(own);
  await spent([own], NANO / 4);
  await alerts(store, budget, NOW, NOW);
  assert.deepEqual(await incidents(), []);
  const error = await refusal(store, [own], NANO / 100, NOW);
  assert.match(
    error?.message ?? '',
    /what memory asks by itself today has \$0\.25: .* a higher day_usd in config\.toml, \[memory\]/,
  );
  assert.equal(await refusal(store, [{ ...own, limit_nanousd: NANO }], NANO / 100, NOW), null);
});
