import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { uuid } from '../base/ids.ts';
import { nanousdOf } from '../base/money.ts';
import { periodOf } from '../base/period.ts';
import { openStore } from '../store/store.ts';
import * as allowance from '../tables/allowance.ts';
import * as breaker from '../tables/breaker.ts';
import * as call from '../tables/call.ts';
import * as heartbeat from '../tables/heartbeat.ts';
import * as inbound from '../tables/inbound.ts';
import * as incident from '../tables/incident.ts';
import * as quality from '../tables/quality.ts';
import * as spend from '../tables/spend.ts';
import { scratch } from '../testing/scratch.ts';
import { families } from './families.ts';
import { type Facts, gaugesOf } from './gauges.ts';

const NOW = Date.now();

const FACTS: Facts = {
  halted: false,
  quiet: false,
  off: new Set(['telegram']),
  watched_from_at: NOW - 600_000,
  budget: { hour_usd: 1, day_usd: 3, month_usd: 40 },
  disk_free_bytes: 5e9,
  store_bytes: 1000,
  wal_bytes: 10,
};

function beat(service: string, with_: Partial<heartbeat.Heartbeat> = {}): heartbeat.Heartbeat {
  return {
    service,
    worker: 0,
    pid: 1,
    instance: `${service}-${uuid(NOW - 90_000)}`,
    boot_id: 'b',
    version: '1',
    phase: 'ready',
    doing: '',
    since_at: NOW,
    progressed_at: NOW,
    beat_at: NOW - 2000,
    rss_bytes: 70e6,
    loop_delay_ms: 25,
    problem: null,
    ...with_,
  };
}

const aCall = {
  kind: 'message',
  request: 'r',
  attempt: 1,
  caller: 'core',
  turn_id: null,
  conversation: null,
  alias: null,
  task: null,
  unasked: false,
  provider: 'p',
  model: 'm',
  target: 'p/m',
  reason_json: '{}',
  stream: true,
  worker: 0,
  owner: 'o',
  opened_at: NOW - 9000,
  hold_nanousd: 1,
  windows_json: '[]',
  price_rev: '1',
} as const;

function billOf(closed_at: number, usd: number, outcome: call.Bill['outcome'] = 'ok'): call.Bill {
  const usage: call.Usage = {
    input_tokens: 1,
    output_tokens: 1,
    cache_read_tokens: 0,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 0,
    web_searches: 0,
  };
  const rest = { status: 200, error_type: null, request_id: null, estimated: false };
  return {
    closed_at,
    outcome,
    ...rest,
    usage,
    cost_nanousd: nanousdOf(usd),
    first_byte_ms: 9,
    latency_ms: 99,
  };
}

/** A store as the service of that name has it open, closed after the test. */
async function storeOf(t: TestContext, directory: string, principal: string) {
  const store = await openStore({ directory, principal });
  t.after(() => store.close());
  return store;
}

async function measured(t: TestContext, facts: Partial<Facts> = {}) {
  const directory = scratch(t);
  const store = await storeOf(t, directory, 'metrics');
  const as = (principal: string) => storeOf(t, directory, principal);
  return {
    as,
    async gauges() {
      const samples = await gaugesOf(store.read, { ...FACTS, ...facts }, NOW);
      return Object.fromEntries(
        samples.map(({ name, labels, value }) => [
          [name.replace('agent_', ''), ...Object.values(labels)].join(' '),
          value,
        ]),
      );
    },
  };
}

test('each gauge that is measured is declared, with the labels that it has', async (t) => {
  const { as } = await measured(t);
  const store = await as('metrics');
  for (const { name, labels } of await gaugesOf(store.read, FACTS, NOW)) {
    const family = families.find((family) => family.name === name);
    assert.equal(family?.type, 'gauge');
    assert.deepEqual(Object.keys(labels), family?.labels);
  }
});

test('a service is up while it is ready and beats, and one without its token is not missed', async (t) => {
  const { as, gauges } = await measured(t);
  for (const row of [
    beat('core'),
    beat('router', { beat_at: NOW - 29_000 }),
    beat('tools', { beat_at: NOW - 31_000 }),
    beat('cron', { phase: 'starting' }),
    // Before the clock was set back it was there; nobody knows whether it still is.
    beat('memory', { beat_at: NOW + 3_600_000 }),
  ]) {
    await (await as(row.service)).commit([heartbeat.beat(row)]);
  }
  const found = await gauges();
  assert.equal(found['service_up core'], 1);
  assert.equal(found['service_up router'], 1);
  assert.equal(found['service_up tools'], 0);
  assert.equal(found['service_up cron'], 0);
  assert.equal(found['service_up memory'], 0);
  assert.equal(found['service_up backup'], 0, 'one that never came is missed');
  assert.equal(found['service_up telegram'], undefined);
  assert.equal(found['service_last_beat_timestamp_seconds core'], (NOW - 2000) / 1000);
  assert.equal(found['service_event_loop_delay_seconds core'], 0.025);
  assert.equal(found['service_resident_memory_bytes core'], 70e6);
  assert.equal(found.uptime_seconds, 90);
});

test('an hour is estimated at the rate of the last ten minutes, and the owner’s additions count', async (t) => {
  const { as, gauges } = await measured(t);
  const router = await as('router');
  const settled = (id: string, ago_ms: number, usd: number) => [
    call.open({ ...aCall, id }),
    call.settle(id, billOf(NOW - ago_ms, usd)),
  ];
  await router.commit([
    ...settled('in', 599_000, 0.5),
    ...settled('out', 601_000, 9),
    ...settled('ahead', -60_000, 9),
  ]);
  const { name, starts_at, ends_at } = periodOf('hour', NOW);
  const window = {
    id: `hour ${name}`,
    budget: 'hour',
    starts_at,
    ends_at,
    limit_nanousd: nanousdOf(1),
    limit_calls: null,
  };
  const turn = { ...window, id: 'turn t', budget: 'turn', ends_at: null };
  await router.commit([spend.hold(window, nanousdOf(0.4)), spend.hold(turn, 1)]);
  await router.commit([spend.settle(`["${window.id}"]`, nanousdOf(0.1), nanousdOf(0.2))]);
  await router.commit([
    allowance.give({ spend_id: window.id, nanousd: nanousdOf(2), by: 'owner', now: NOW }),
  ]);
  const found = await gauges();
  assert.equal(found.cost_estimate_hourly, 3);
  assert.equal(found.budget_hourly_usd, 3);
  assert.equal(found['budget_spent_usd hour'], 0.2);
  assert.ok(Math.abs((found['budget_held_usd hour'] ?? 0) - 0.3) < 1e-9);
  assert.equal(found['budget_limit_usd day'], 3, 'a period without a call has its limit too');
  assert.equal(found['budget_spent_usd turn'], undefined);
});

test('what waits is counted, and is as old as the first that could be done', async (t) => {
  const { as, gauges } = await measured(t);
  const message = (source_key: string, ready_at: number): inbound.Inbound => ({
    source: 'terminal',
    source_key,
    channel: 'terminal',
    conversation: source_key,
    chat: null,
    sender: 'owner',
    text: 'hello',
    message_ref: null,
    payload_json: '{}',
    received_at: NOW - 40_000,
    state: 'pending',
    note: null,
    ready_at,
  });
  const cli = await as('cli');
  // More may come that belongs to it.
  await cli.commit([inbound.receive(message('a', NOW + 1000))]);
  assert.equal((await gauges())['queue_oldest_age_seconds message'], 0);
  assert.equal((await gauges())['queue_depth message'], 1);
  await cli.commit([inbound.receive(message('b', NOW - 30_000))]);
  assert.equal((await gauges())['queue_depth message'], 2);
  assert.equal((await gauges())['queue_oldest_age_seconds message'], 30);
  const woken = await gaugesOf(cli.read, { ...FACTS, watched_from_at: NOW - 10_000 }, NOW);
  const age = woken.find(
    ({ name, labels }) => name === 'agent_queue_oldest_age_seconds' && labels.queue === 'message',
  );
  assert.equal(age?.value, 10, 'while the machine slept nothing waited');
});

test('a breaker is told as a number, and what is wrong is counted', async (t) => {
  const { as, gauges } = await measured(t, { halted: true, disk_free_bytes: null });
  const router = await as('router');
  const how = { now: NOW, due_at: NOW + 1, error: 'no' };
  await router.commit([
    breaker.failed('p/open', { ...how, threshold: 1 }),
    breaker.failed('p/half', { ...how, threshold: 1 }),
    breaker.failed('p/once', { ...how, threshold: 3 }),
    breaker.probe('p/half', NOW + 1, NOW + 9),
    call.open({ ...aCall, id: 'ok' }),
    call.settle('ok', billOf(NOW - 5000, 0)),
    call.open({ ...aCall, id: 'no' }),
    call.settle('no', billOf(NOW - 1000, 0, 'refused')),
    incident.open({
      cause: 'breaker p/open',
      service: 'router',
      severity: 'warning',
      text: '',
      now: NOW,
    }),
  ]);
  const found = await gauges();
  assert.equal(found['breaker_state p/open'], 2);
  assert.equal(found['breaker_state p/half'], 1);
  assert.equal(found['breaker_state p/once'], 0);
  assert.equal(found.last_inference_timestamp_seconds, (NOW - 5000) / 1000);
  assert.equal(found['incidents_open warning'], 1);
  assert.equal(found['incidents_open critical'], 0);
  assert.equal(found.halted, 1);
  assert.equal(found.disk_free_bytes, undefined, 'what is not known is not told');
  assert.equal(found.backup_last_timestamp_seconds, undefined);
});

test('how good the answers of today are is told of each model and of all, and nothing of what nobody knows', async (t) => {
  const { as, gauges } = await measured(t);
  const metrics = await as('metrics');
  const { starts_at, ends_at } = periodOf('day', NOW);
  const row = (model: string, name: string, value: number) => ({ model, name, value });
  await metrics.commit([
    ...quality.put(starts_at - 86_400_000, starts_at, [row('', 'answered', 5)]),
    ...quality.put(starts_at, ends_at, [row('', 'up', 3), row('', 'down', 1), row('m', 'down', 1)]),
  ]);
  const found = await gauges();
  assert.equal(found['quality satisfied_share all'], 0.75);
  assert.equal(found['quality satisfied_share m'], 0);
  assert.equal(found['quality completed_share all'], undefined);
});
