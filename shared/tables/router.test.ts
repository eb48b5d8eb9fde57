/** The router's tables on a real store: what a budget, a limit and a breaker let through, to the last unit. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SET_BACK_ms } from '../base/clock.ts';
import { Fenced, openStore, type Store } from '../store/store.ts';
import { scratch } from '../testing/scratch.ts';
import * as access_key from './access_key.ts';
import * as allowance from './allowance.ts';
import * as breaker from './breaker.ts';
import * as call from './call.ts';
import * as exchange from './exchange.ts';
import * as incident from './incident.ts';
import type { Op } from './op.ts';
import * as press from './press.ts';
import * as spend from './spend.ts';
import * as throttle from './throttle.ts';
import * as total from './total.ts';

const NOW = 1_800_000_000_000;

async function open(t: TestContext, principal = 'router', directory = scratch(t)): Promise<Store> {
  const store = await openStore({ directory, principal });
  t.after(() => store.close());
  return store;
}

/** Whether the unit went through; a verb that found no room says no, and anything else is a fault. */
async function passes(store: Store, ...ops: Op[]): Promise<boolean> {
  try {
    await store.commit(ops);
    return true;
  } catch (error) {
    assert.ok(error instanceof Fenced, String(error));
    return false;
  }
}

// ── spend and allowance ─────────────────────────────────────────────────────────────────────────────────────────────

const window = (more: Partial<spend.Window> = {}): spend.Window => ({
  id: 'day 2026-11-22',
  budget: 'day',
  starts_at: NOW,
  ends_at: NOW + 86_400_000,
  limit_nanousd: 1000,
  limit_calls: null,
  ...more,
});

const standing = async (store: Store, id: string) => {
  const [row] = await store.read(spend.of([id]));
  return [row?.spent_nanousd, row?.held_nanousd, row?.calls];
};

test('a budget is reserved to the last nano-dollar, and not one further', async (t) => {
  const one = window();
  const store = await open(t);
  assert.equal(await passes(store, spend.hold(one, 999)), true);
  assert.equal(await passes(store, spend.hold(one, 2)), false);
  assert.equal(await passes(store, spend.hold(one, 1)), true);
  assert.equal(await passes(store, spend.hold(one, 1)), false);
  assert.deepEqual(await standing(store, one.id), [0, 1000, 2]);
});

test('a first call larger than the whole budget is refused, one just as large is not', async (t) => {
  const [a, b] = [window({ id: 'a' }), window({ id: 'b' })];
  const store = await open(t);
  assert.equal(await passes(store, spend.hold(a, 1001)), false);
  assert.equal(await passes(store, spend.hold(b, 1000)), true);
});

test('what was reserved and not used is free again, what was used is not', async (t) => {
  const one = window();
  const store = await open(t);
  await store.commit([spend.hold(one, 1000)]);
  await store.commit([spend.settle(JSON.stringify([one.id]), 1000, 400)]);
  assert.deepEqual(await standing(store, one.id), [400, 0, 1]);
  assert.equal(await passes(store, spend.hold(one, 601)), false);
  assert.equal(await passes(store, spend.hold(one, 600)), true);
});

test('a call that has no room in one of its windows is reserved in none', async (t) => {
  const [day, turn] = [window(), window({ id: 'turn T', budget: 'turn', ends_at: null, limit_nanousd: 10 })];
  const store = await open(t);
  assert.equal(await passes(store, spend.hold(day, 11), spend.hold(turn, 11)), false);
  assert.deepEqual(await standing(store, day.id), [undefined, undefined, undefined]);
});

test('what is free passes a budget that is used up, or of nothing; without a limit everything passes', async (t) => {
  const [used, none, any] = [
    window(),
    window({ id: 'none', limit_nanousd: 0 }),
    window({ id: 'any', limit_nanousd: null }),
  ];
  const store = await open(t);
  await store.commit([spend.hold(used, 1000)]);
  assert.equal(await passes(store, spend.hold(used, 0), spend.hold(none, 0)), true);
  assert.equal(await passes(store, spend.hold(none, 1)), false);
  assert.equal(await passes(store, spend.hold(any, 2 ** 50)), true);
});

test('so many calls as are allowed are made, free ones too, and not one more', async (t) => {
  const [two, none] = [window({ limit_calls: 2 }), window({ id: 'none', limit_calls: 0 })];
  const store = await open(t);
  assert.equal(await passes(store, spend.hold(none, 0)), false);
  const made = [];
  for (let i = 0; i < 3; i++) made.push(await passes(store, spend.hold(two, 0)));
  assert.deepEqual(made, [true, true, false]);
});

test('money that the owner adds counts with the next call, in that window and in no other', async (t) => {
  const directory = scratch(t);
  const store = await open(t, 'router', directory);
  const [today, other] = [window(), window({ id: 'day 2026-11-23' })];
  await store.commit([spend.hold(today, 1000), spend.hold(other, 1000)]);
  const cli = await open(t, 'cli', directory);
  await cli.commit([allowance.give({ spend_id: today.id, nanousd: 3, by: 'cli', now: NOW })]);
  await cli.commit([allowance.give({ spend_id: today.id, nanousd: 4, by: 'telegram', now: NOW })]);
  assert.deepEqual(await store.read(spend.added([today.id, other.id])), [{ id: today.id, nanousd: 7 }]);
  assert.equal(await passes(store, spend.hold(today, 8)), false);
  assert.equal(await passes(store, spend.hold(today, 7)), true);
  assert.equal(await passes(store, spend.hold(other, 1)), false);
});

test('a limit that is changed is in force with the next call', async (t) => {
  const one = window();
  const store = await open(t);
  await store.commit([spend.hold(one, 1000)]);
  assert.equal(await passes(store, spend.hold({ ...one, limit_nanousd: 1001 }, 1)), true);
  assert.equal(await passes(store, spend.hold({ ...one, limit_nanousd: 500 }, 1)), false);
  const [row] = await store.read(spend.of([one.id]));
  assert.equal(row?.limit_nanousd, 1001);
});

test('however many processes reserve at once, the limit holds to the nano-dollar', async (t) => {
  const directory = scratch(t);
  const stores = await Promise.all([1, 2, 3, 4].map(() => open(t, 'router', directory)));
  const one = window();
  const tries = stores.flatMap((store) =>
    Array.from({ length: 50 }, () => passes(store, spend.hold(one, 7))),
  );
  const through = (await Promise.all(tries)).filter(Boolean).length;
  assert.equal(through, Math.floor(1000 / 7));
});

test('what a dead router has reserved is charged in full, and what others have is not', async (t) => {
  const one = window();
  const store = await open(t);
  const opened = (id: string, owner: string, hold_nanousd: number) =>
    call.open({ ...aCall, id, owner, hold_nanousd, windows_json: JSON.stringify([one.id]) });
  await store.commit([spend.hold(one, 30), opened('a', 'dead', 30)]);
  await store.commit([spend.hold(one, 5), opened('b', 'alive', 5)]);
  await store.commit([
    spend.abandon(0, 'alive'),
    total.abandon(0, 'alive', NOW),
    call.abandon(0, 'alive', NOW),
  ]);
  assert.deepEqual(await standing(store, one.id), [30, 5, 2]);
  const [sums] = await store.read(total.by('model', 0, NOW + 1));
  assert.deepEqual(
    [sums?.calls, sums?.failures, sums?.cost_nanousd, sums?.estimated_nanousd],
    [1, 1, 30, 30],
  );
});

const aCall = {
  kind: 'message',
  request: 'r',
  attempt: 1,
  caller: 'core',
  turn_id: null,
  conversation: null,
  alias: 'quick',
  task: null,
  unasked: false,
  provider: 'anthropic',
  model: 'm',
  target: 'anthropic/m',
  reason_json: '{}',
  stream: false,
  worker: 0,
  opened_at: NOW,
  price_rev: 'x',
} as const;

test('an alert is given once', async (t) => {
  const one = window();
  const store = await open(t);
  await store.commit([spend.hold(one, 1)]);
  assert.equal((await store.read(spend.unalerted(NOW))).length, 1);
  assert.equal(await passes(store, spend.alerted(one.id, NOW)), true);
  assert.equal(await passes(store, spend.alerted(one.id, NOW)), false);
  assert.deepEqual(await store.read(spend.unalerted(NOW)), []);
});

// ── throttle ────────────────────────────────────────────────────────────────────────────────────────────────────────

const bucket = 'all';
const take = (request_ms: number, tokens_ms: number, now: number) =>
  throttle.take([{ bucket, request_ms, tokens_ms }], now);

test('a minute’s requests pass at once, the next when one of them is a share of a minute old', async (t) => {
  const store = await open(t);
  const made = [];
  for (let i = 0; i < 61; i++) made.push(await passes(store, take(1000, 0, NOW)));
  assert.deepEqual([made.filter(Boolean).length, made[60]], [60, false]);
  assert.equal(await passes(store, take(1000, 0, NOW + 999)), false);
  assert.equal(await passes(store, take(1000, 0, NOW + 1000)), true);
  assert.equal(await passes(store, take(1000, 0, NOW + 1000)), false);
});

test('tokens are a limit of their own, beside the requests', async (t) => {
  const store = await open(t);
  assert.equal(await passes(store, take(1, 40_000, NOW)), true);
  assert.equal(await passes(store, take(1, 20_001, NOW)), false);
  assert.equal(await passes(store, take(1, 20_000, NOW)), true);
  assert.equal(await passes(store, take(1, 1, NOW)), false);
  assert.equal(await passes(store, take(1, 0, NOW)), true);
});

test('what takes a whole bucket passes into an empty one alone', async (t) => {
  const store = await open(t);
  await store.commit([take(1, 500, NOW)]);
  assert.equal(await passes(store, take(1, 60_000, NOW + 499)), false);
  assert.equal(await passes(store, take(1, 60_000, NOW + 500)), true);
});

test('a clock that was set back finds an empty bucket, and never waits for the old time to come again', async (t) => {
  const store = await open(t);
  await store.commit([take(1000, 60_000, NOW)]);
  await store.commit([throttle.block(bucket, NOW + 1_000_000, NOW)]);
  const back = NOW - 3_600_000;
  assert.equal(await passes(store, take(1000, 59_999, back)), true);
  assert.equal(await passes(store, take(1000, 1, back)), true);
  assert.equal(await passes(store, take(1000, 1, back)), false);
});

test('a bucket is full also for a call that read the clock a little earlier, and was slower', async (t) => {
  const store = await open(t);
  await store.commit([take(1000, 60_000, NOW + SET_BACK_ms)]);
  assert.equal(await passes(store, take(1000, 1, NOW)), false);
  assert.equal(await passes(store, take(1000, 1, NOW - 1)), true);
});

test('a block on a clock that was set back does not keep what was taken by the old time', async (t) => {
  const store = await open(t);
  await store.commit([take(1000, 60_000, NOW)]);
  const back = NOW - 3_600_000;
  await store.commit([throttle.block(bucket, back + 2000, back)]);
  assert.equal(await passes(store, take(1000, 60_000, back + 1999)), false);
  assert.equal(await passes(store, take(1000, 60_000, back + 2000)), true);
});

test('a block lasts until its end, also over one that would end sooner', async (t) => {
  const store = await open(t);
  await store.commit([throttle.block(bucket, NOW + 5000, NOW)]);
  await store.commit([throttle.block(bucket, NOW + 1000, NOW + 1)]);
  assert.equal(await passes(store, take(1, 1, NOW + 4999)), false);
  assert.equal(await passes(store, take(1, 1, NOW + 5000)), true);
  await store.commit([throttle.block('new', NOW + 1, NOW)]);
  assert.equal((await store.read(throttle.of(['new'])))[0]?.blocked_until_at, NOW + 1);
});

test('tokens that were not used are given back, and those that were more are taken', async (t) => {
  const store = await open(t);
  await store.commit([take(1, 60_000, NOW)]);
  await store.commit([throttle.correct([{ bucket, tokens_ms: -20_000 }])]);
  assert.equal(await passes(store, take(1, 20_001, NOW)), false);
  assert.equal(await passes(store, take(1, 20_000, NOW)), true);
  await store.commit([throttle.correct([{ bucket, tokens_ms: 10_000 }])]);
  assert.equal(await passes(store, take(1, 1, NOW + 10_000)), false);
  assert.equal(await passes(store, take(1, 1, NOW + 10_001)), true);
});

// ── breaker ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const failed = (now = NOW, threshold = 3) =>
  breaker.failed('t', { now, due_at: now + 60_000, threshold, error: '529' });
const state = async (store: Store) => (await store.read(breaker.all))[0]?.state;

test('a breaker opens with the failure that reaches the threshold, and not before', async (t) => {
  const store = await open(t);
  await store.commit([failed(), failed()]);
  assert.equal(await state(store), 'closed');
  await store.commit([failed()]);
  assert.equal(await state(store), 'open');
});

test('with a threshold of one the first failure opens it; an answer in between starts the count anew', async (t) => {
  const store = await open(t);
  await store.commit([failed(NOW, 1)]);
  assert.equal(await state(store), 'open');
  await store.commit([breaker.worked('t')]);
  assert.equal(await state(store), undefined);
  await store.commit([failed(), failed()]);
  assert.equal(await state(store), 'closed');
});

test('when its time has come one call tries it, and no second one meanwhile', async (t) => {
  const store = await open(t);
  await store.commit([failed(), failed(), failed()]);
  const probe = (now: number) => passes(store, breaker.probe('t', now, now + 120_000));
  assert.equal(await probe(NOW + 59_999), false);
  assert.equal(await probe(NOW + 60_000), true);
  assert.equal(await state(store), 'half open');
  assert.equal(await probe(NOW + 60_001), false);
  assert.equal(await probe(NOW + 179_999), false);
  assert.equal(await probe(NOW + 180_000), true, 'a probe that nobody heard of again is lost');
});

test('one call tries it, also when another read the clock before it and is slower', async (t) => {
  const store = await open(t);
  await store.commit([failed(), failed(), failed()]);
  const probe = (now: number) => passes(store, breaker.probe('t', now, NOW + 300_000));
  assert.equal(await probe(NOW + 60_003), true);
  assert.equal(await probe(NOW + 60_000), false);
  assert.equal(await probe(NOW + 60_003 - SET_BACK_ms), false);
  assert.equal(await probe(NOW + 60_002 - SET_BACK_ms), true, 'the clock was set back');
});

test('a probe that fails opens it again at once, one that comes to nothing leaves it to the next', async (t) => {
  const store = await open(t);
  await store.commit([failed(), failed(), failed(), breaker.probe('t', NOW + 60_000, NOW + 70_000)]);
  await store.commit([failed(NOW + 61_000, 100)]);
  assert.equal(await state(store), 'open');
  await store.commit([breaker.probe('t', NOW + 121_000, NOW + 130_000)]);
  await store.commit([breaker.release('t', NOW + 122_000)]);
  assert.equal(await passes(store, breaker.probe('t', NOW + 122_000, NOW + 130_000)), true);
});

test('a clock that was set back does not keep a target out for longer', async (t) => {
  const store = await open(t);
  await store.commit([failed(), failed(), failed()]);
  assert.equal(await passes(store, breaker.probe('t', NOW - 3_600_000, NOW)), true);
});

// ── exchange, total ─────────────────────────────────────────────────────────────────────────────────────────────────

test('bytes are kept as they are, and the oldest go first: by their age, and by how much there is', async (t) => {
  const store = await open(t);
  for (let i = 0; i < 10; i++) {
    const request = Buffer.from([0, 255, i]);
    await store.commit([
      exchange.keep({
        call_id: `c${i}`,
        at: NOW + i,
        encoding: 'identity',
        request,
        response: Buffer.alloc(97, i),
      }),
    ]);
  }
  assert.deepEqual(await store.read(exchange.size), [{ count: 10, bytes: 1000 }]);
  const [kept] = await store.read(exchange.of('c7'));
  assert.deepEqual([...(kept?.request ?? [])], [0, 255, 7]);
  const prune = async (before_at: number, bytes: number, most = 100) =>
    (await store.commit([exchange.prune(before_at, bytes, most)]))[0].length;
  assert.equal(await prune(NOW, 0), 0);
  assert.equal(await prune(NOW + 2, 0), 2, 'those before, and not the one at that time');
  assert.equal(await prune(0, 1), 1, 'one byte too many costs one exchange');
  assert.equal(await prune(0, 100), 1);
  assert.equal(await prune(0, 101), 2);
  assert.equal(await prune(NOW + 100, 0, 3), 3, 'no more at once than it may');
  const [last] = await store.read(exchange.size);
  assert.equal(last?.count, 1);
  assert.equal((await store.read(exchange.of('c9'))).length, 1, 'the newest is what stays');
});

test('totals add up hour by hour, and by each dimension', async (t) => {
  const store = await open(t);
  const usage = {
    input_tokens: 10,
    output_tokens: 20,
    cache_read_tokens: 1,
    cache_write_5m_tokens: 2,
    cache_write_1h_tokens: 3,
    web_searches: 4,
  };
  const at = { hour_at: 0, model: 'm', alias: 'quick', task: '', caller: 'core', conversation: '' };
  const bill = { failed: false, usage, cost_nanousd: 7, estimated: false };
  await store.commit([
    total.add(at, bill),
    total.add(at, { ...bill, failed: true, estimated: true }),
    total.add({ ...at, hour_at: 3_600_000, model: 'n' }, bill),
  ]);
  const sums = async (what: total.By, from = 0, to = 1e12) =>
    (await store.read(total.by(what, from, to))).map(
      ({ name, calls, cost_nanousd, estimated_nanousd, failures }) => [
        name,
        calls,
        cost_nanousd,
        estimated_nanousd,
        failures,
      ],
    );
  assert.deepEqual(await sums('model'), [
    ['m', 2, 14, 7, 1],
    ['n', 1, 7, 0, 0],
  ]);
  assert.deepEqual(await sums('key'), [['core', 3, 21, 7, 1]]);
  assert.deepEqual(await sums('hour', 3_600_000), [[3_600_000, 1, 7, 0, 0]]);
  assert.deepEqual(await sums('hour', 0, 3_600_000), [[0, 2, 14, 7, 1]]);
});

// ── access_key, press, incident ─────────────────────────────────────────────────────────────────────────────────────

const aKey = {
  name: 'laptop',
  hash: 'h',
  aliases_json: null,
  hour_nanousd: null,
  day_nanousd: null,
  month_nanousd: null,
  calls_per_hour: null,
  created_at: NOW,
};

test('a key is good until it is revoked, and its name is never given again', async (t) => {
  const store = await open(t, 'cli');
  await store.commit([access_key.add(aKey)]);
  assert.equal(await passes(store, access_key.add({ ...aKey, hash: 'other' })), false);
  assert.equal(await passes(store, access_key.add({ ...aKey, name: 'other' })), false);
  assert.deepEqual(
    (await store.read(access_key.all)).map(({ name, revoked_at }) => [name, revoked_at]),
    [['laptop', null]],
  );
  assert.equal(await passes(store, access_key.revoke('nobody', NOW)), false);
  assert.equal(await passes(store, access_key.revoke('laptop', NOW)), true);
  assert.equal(await passes(store, access_key.revoke('laptop', NOW + 1)), false);
  assert.equal(await passes(store, access_key.add({ ...aKey, hash: 'other' })), false);
  assert.equal((await store.read(access_key.all))[0]?.revoked_at, NOW);
});

test('a press that is told twice is stored once, rings, and is handled once', async (t) => {
  const store = await open(t, 'core');
  const pressed = (source_key: string) =>
    press.receive({
      source: 'telegram',
      channel: 'telegram',
      source_key,
      conversation: 'c',
      chat: '1',
      sender: '2',
      data: `budget ${source_key}`,
      message_ref: null,
      received_at: NOW,
    });
  let heard = 0;
  const stop = store.listen('press', () => {
    heard += 1;
  });
  t.after(stop);
  await store.commit([pressed('1')]);
  await store.commit([pressed('1')]);
  await store.commit([pressed('2')]);
  const [first] = await store.read(press.next);
  assert.equal(first?.data, 'budget 1');
  assert.equal(await passes(store, press.handled(first.id, 'done', NOW)), true);
  assert.equal(await passes(store, press.handled(first.id, 'again', NOW)), false);
  assert.equal((await store.read(press.next))[0]?.data, 'budget 2');
  while (heard === 0) await new Promise((resolve) => setImmediate(resolve));
});

test('a cause that is open opens no second incident', async (t) => {
  const store = await open(t);
  const opened = (cause: string, text: string) =>
    incident.open({ cause, service: 'router', severity: 'warning', text, now: NOW });
  await store.commit([opened('a', 'first'), opened('a', 'second'), opened('b', 'other')]);
  assert.deepEqual(
    (await store.read(incident.ongoing)).map(({ text }) => text),
    ['first', 'other'],
  );
});

test('whoever has no pen for a table cannot write it', async (t) => {
  const directory = scratch(t);
  const foreign: Record<string, [string, Op][]> = {
    core: [
      ['spend', spend.hold(window(), 1)],
      ['throttle', take(1, 1, NOW)],
      ['breaker', failed()],
      [
        'exchange',
        exchange.keep({
          call_id: 'x',
          at: NOW,
          encoding: 'identity',
          request: Buffer.alloc(1),
          response: Buffer.alloc(1),
        }),
      ],
      ['access_key', access_key.add(aKey)],
    ],
    router: [['access_key', access_key.add(aKey)]],
    cli: [['spend', spend.hold(window(), 1)]],
  };
  for (const [principal, ops] of Object.entries(foreign)) {
    const store = await open(t, principal, directory);
    for (const [table, op] of ops) {
      await assert.rejects(
        store.commit([op]),
        new RegExp(`${principal} tried to insert into ${table}, whose pen`),
      );
    }
  }
  const [router, core] = [await open(t, 'router', directory), await open(t, 'core', directory)];
  const given = { spend_id: 'x', nanousd: 1, by: 'core', now: NOW };
  await core.commit([
    allowance.give(given),
    incident.open({ cause: 'c', service: 'core', severity: 'info', text: '', now: NOW }),
  ]);
  const change = (table: string): Op => ({ verb: 'test', sql: `DELETE FROM ${table}`, args: [] });
  await assert.rejects(
    core.commit([change('allowance')]),
    /core tried to delete from allowance, whose pen router holds: core may only append/,
  );
  await assert.rejects(
    router.commit([change('incident')]),
    /router tried to delete from incident, whose pen the service whose row it is holds/,
  );
});

test('a probe whose router has died is free for the next call, one in living hands is not', async (t) => {
  const store = await open(t);
  await store.commit([failed(), failed(), failed()]);
  const probed = (owner: string, now: number) =>
    store.commit([
      breaker.probe('t', now, now + 120_000),
      call.open({ ...aCall, id: owner, owner, target: 't', hold_nanousd: 1, windows_json: '[]' }),
    ]);
  const died = () => store.commit([call.abandon(0, 'alive', NOW), breaker.abandon(NOW + 60_001)]);
  await probed('dead', NOW + 60_000);
  await died();
  assert.equal(await state(store), 'open');
  await probed('alive', NOW + 60_001);
  await died();
  assert.equal(await state(store), 'half open');
});
