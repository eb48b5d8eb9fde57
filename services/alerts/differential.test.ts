/**
 * A real house, a real Prometheus that scrapes it, and its Alertmanager: under the same faults they find what we find, and
 * tell it; and when all is mended, nobody finds anything.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { uuid } from '#shared/base/ids.ts';
import { nanousdOf } from '#shared/base/money.ts';
import { periodOf } from '#shared/base/period.ts';
import { readConfig } from '#shared/runtime/config.ts';
import { FILE, openStore } from '#shared/store/store.ts';
import * as alert from '#shared/tables/alert.ts';
import * as backup from '#shared/tables/backup.ts';
import * as inbound from '#shared/tables/inbound.ts';
import type { Op } from '#shared/tables/op.ts';
import * as spend from '#shared/tables/spend.ts';
import { freeze } from '#shared/testing/freeze.ts';
import { alive, buildHouse, type House } from '#shared/testing/house.ts';
import { freePort } from '#shared/testing/ports.ts';
import { type Firing, startPrometheus } from '#shared/testing/prometheus.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { config } from './config.ts';
import { limitsOf } from './limits.ts';
import { alertmanagerText, rulesText, scrapeText } from './prometheus.ts';
import { rulesOf } from './rules.ts';

const PROGRAMS = ['prometheus', 'prometheus-alertmanager'];
const absent = PROGRAMS.filter((program) => spawnSync(program, ['--version']).status !== 0);
const skip = absent.length > 0 && `${absent.join(' and ')} not installed`;

/** Five minutes are ten seconds. Nobody is restarted meanwhile. */
const QUICK = `[alerts]
look_s = 0.5
window_s = 10
calm_s = 4
latency_s = 1
model_latency_s = 0.5
unresponsive_s = 16
queue_depth = 3
backup_hours = 0.1
[watchdog]
grace_s = 3
canary_s = 0
stale_s = 3000
[router]
breaker_failures = 14
breaker_recovery_s = 5
retries = 0
[budget]
hour_usd = 100
day_usd = 100000
month_usd = 100000
turn_usd = 100000
calls_per_hour = 1000000000
[limits]
requests_per_minute = 10000000
tokens_per_minute = 1000000000
`;

const SLOW = 'claude-haiku-5-5';
const BROKEN = 'claude-opus-5-5';

/** What must be found, by rule and labels. */
const WANTED = [
  'AgentAlertsUntold {}',
  'AgentBackupOld {}',
  `AgentBreakerOpen {"target":"anthropic/${BROKEN}"}`,
  'AgentBudgetNearlySpent {"budget":"hour"}',
  'AgentCronSlotMissed {"queue":"job"}',
  'AgentErrorRateHigh {}',
  'AgentJobFailed {"house_job":"prune"}',
  `AgentModelApiSlow {"model":"${SLOW}"}`,
  'AgentP95LatencyHigh {}',
  'AgentQueueLong {"queue":"message"}',
  'AgentServiceUnresponsive {"service":"core"}',
];

/** As our rows have it. */
function nameOf({ alertname, severity: _, instance: __, job: ___, ...labels }: Firing) {
  return `${alertname} ${JSON.stringify(labels)}`;
}

test('under the same faults Prometheus fires what we fire, Alertmanager tells it, and all of it ends', {
  skip,
}, async (t) => {
  const house = await buildHouse({ config: QUICK });
  let close = async () => {};
  // Whoever reads its store stops before it goes.
  t.after(() => close().then(() => house.close()));
  await house.start();
  const { seen, known, ...watching } = await watchers(t, house);
  close = watching.close;
  const call = await caller(house);

  const from_at = Date.now();
  const core = await house.pidOf('core');
  freeze(join(house.home.state, FILE), core);
  t.after(() => alive(core) && process.kill(core, 'SIGCONT'));
  // What is not there yet shows no increase.
  await Promise.all([call(SLOW), call(BROKEN)]);
  await until('Prometheus knows both models', async () => (await known()).length === 2);
  const [hour] = await injected(house, from_at);
  house.model.latency({ first_ms: 1200 });
  await Promise.all(Array.from({ length: 24 }, () => call(SLOW)));
  house.model.latency({});
  await until('slowness is seen by all', () => all(seen, /Slow|P95/));
  house.model.fault({ kind: 'api_error', model: BROKEN });
  for (let nth = 0; nth < 14; nth++) await call(BROKEN);
  await until('all is seen by all', async () =>
    WANTED.every((one) => seen.every((fired) => fired().ever.has(one))),
  ).catch(() => {});
  for (const fired of seen) assert.deepEqual([...fired().ever].toSorted(), WANTED, fired.name);

  // Mended.
  process.kill(core, 'SIGCONT');
  house.model.clear();
  await mended(house, hour);
  await until('the model is tried again', async () => (await call(BROKEN)) === 200);
  await until('all is over for all', () => seen.every((fired) => fired().now.size === 0));
  const [ours] = seen;
  assert.deepEqual([...(ours?.().ever ?? [])].toSorted(), WANTED, 'nothing came of the repair');
});

const all = (seen: Seen[], what: RegExp) =>
  WANTED.filter((one) => what.test(one)).every((one) => seen.every((fired) => fired().ever.has(one)));

/** What has ever fired, and what does now. */
type Seen = () => { ever: ReadonlySet<string>; now: ReadonlySet<string> };

async function watchers(
  t: TestContext,
  house: House,
): Promise<{ seen: Seen[]; known(): Promise<unknown[]>; close(): Promise<void> }> {
  const folder = scratch(t);
  const own = readConfig(house.home.config, { name: 'alerts', section: config }).own;
  const [port, alertmanager] = [await freePort(), await freePort()];
  const told = { ever: new Set<string>(), now: new Set<string>() };
  const webhook = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const { alerts } = JSON.parse(body) as {
      alerts: { status: string; labels: Firing }[];
    };
    for (const { status, labels } of alerts) {
      if (status === 'firing') told.now.add(nameOf(labels));
      else told.now.delete(nameOf(labels));
      if (status === 'firing') told.ever.add(nameOf(labels));
    }
    response.end();
  });
  await once(webhook.listen(0, '127.0.0.1'), 'listening');
  t.after(() => webhook.close());
  const address = webhook.address();
  const told_port = typeof address === 'object' ? address?.port : 0;
  // That a machine with other work to do is late with an answer is nothing that we could find too.
  const rules = rulesOf(limitsOf(house.home.config, own)).filter(({ measure }) => measure.kind !== 'absent');
  const files = {
    'rules.yml': rulesText(rules),
    'prometheus.yml': scrapeText({
      metrics: `127.0.0.1:${house.port + 4}`,
      alertmanager: `127.0.0.1:${alertmanager}`,
      every: '2s',
    }),
    'alertmanager.yml': alertmanagerText({ webhook: `http://127.0.0.1:${told_port}/`, wait: '1s' }),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  run(t, 'prometheus-alertmanager', [
    `--config.file=${join(folder, 'alertmanager.yml')}`,
    `--storage.path=${join(folder, 'alertmanager')}`,
    `--web.listen-address=127.0.0.1:${alertmanager}`,
    '--cluster.listen-address=',
  ]);
  const prometheus = startPrometheus(folder, port);
  t.after(prometheus.close);
  const theirs = { ever: new Set<string>(), now: new Set<string>() };
  const ours = { ever: new Set<string>(), now: new Set<string>() };
  const store = await house.store();
  let ended = false;
  const asking = (async () => {
    while (!ended) {
      const [firing, rows] = await Promise.all([prometheus.firing(), store.read(alert.open)]);
      keep(theirs, firing?.map(nameOf) ?? [...theirs.now]);
      keep(
        ours,
        rows.filter(({ state }) => state === 'firing').map(({ rule, labels }) => `${rule} ${labels}`),
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  await until('Prometheus is up', prometheus.firing);
  return {
    seen: [
      function byUs() {
        return ours;
      },
      function byPrometheus() {
        return theirs;
      },
      function byAlertmanager() {
        return told;
      },
    ],
    async close() {
      ended = true;
      await asking;
    },
    async known() {
      const response = await fetch(
        `http://127.0.0.1:${port}/api/v1/query?query=agent_time_to_first_token_seconds_count`,
      );
      return ((await response.json()) as { data: { result: unknown[] } }).data.result;
    },
  };
}

function keep(seen: { ever: Set<string>; now: Set<string> }, firing: readonly string[]): void {
  seen.now = new Set(firing);
  for (const one of firing) seen.ever.add(one);
}

function run(t: TestContext, program: string, args: string[]): ChildProcess {
  const child = spawn(program, args, { stdio: 'ignore' });
  const closed = once(child, 'close');
  t.after(async () => {
    child.kill('SIGTERM');
    await closed;
  });
  return child;
}

/** A client of the router's; says with what status it was answered. */
async function caller(house: House): Promise<(model: string) => Promise<number>> {
  const key = await house.accessKey();
  return async (model) => {
    const response = await fetch(`http://127.0.0.1:${house.port}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01', 'content-type': 'application/json' },
      body: JSON.stringify({
        model,
        max_tokens: 16,
        stream: true,
        messages: [{ role: 'user', content: 'hello' }],
      }),
    });
    await response.text();
    return response.status;
  };
}

/** Into the tables of a service, by its pen. */
async function as(house: House, principal: string, ops: readonly Op[]): Promise<void> {
  const store = await openStore({ directory: house.home.state, principal });
  await store.commit(ops);
  await store.close();
}

const raw = (sql: string, ...args: (string | number | null)[]): Op => ({ verb: 'test', sql, args });

const HOUR_ms = 3_600_000;

/** What would take too long to happen by itself. */
async function injected(house: House, now: number): Promise<[hour: string]> {
  const period = periodOf('hour', now);
  const id = spend.windowId('hour', 'hour', now);
  const limits = { limit_nanousd: nanousdOf(100), limit_calls: null };
  const window = { id, budget: 'hour', starts_at: period.starts_at, ends_at: period.ends_at, ...limits };
  await as(house, 'router', [
    spend.hold(window, nanousdOf(85)),
    spend.settle(JSON.stringify([id]), nanousdOf(85), nanousdOf(85)),
  ]);
  const before = now - HOUR_ms;
  const made = { id: uuid(before), job: 'test', made_at: before, took_ms: 1, bytes: 1, store_bytes: 1 };
  await as(house, 'backup', [backup.record(made)]);
  const slot = `INSERT INTO slot (job, due_at, service, state, created_at, finished_at) VALUES (?,?,?,?,?,?)`;
  await as(house, 'cron', [
    raw(slot, 'of nobody', before, 'nobody', 'due', before, null),
    raw(slot, 'prune', before, 'backup', 'failed', before, before),
  ]);
  await as(house, 'watchdog', [
    raw(
      `INSERT INTO telling (incident_id, phase, message, posted_at, tries, due_at) VALUES (-1, 'begun', 'm', ?, 3, ?)`,
      before,
      before,
    ),
  ]);
  const message = {
    source: 'test',
    channel: 'terminal' as const,
    conversation: 'terminal:test',
    sender: 'test',
  };
  await as(
    house,
    'cli',
    Array.from({ length: 5 }, (_, nth) =>
      inbound.receive({
        ...message,
        source_key: String(nth),
        chat: null,
        text: 'hello',
        message_ref: null,
        payload_json: '{}',
        received_at: now,
        state: 'pending',
        note: null,
      }),
    ),
  );
  return [id];
}

async function mended(house: House, hour: string): Promise<void> {
  const now = Date.now();
  await as(house, 'router', [raw('UPDATE spend SET spent_nanousd = 0 WHERE id = ?', hour)]);
  const made = { id: uuid(now), job: 'test', made_at: now, took_ms: 1, bytes: 1, store_bytes: 1 };
  await as(house, 'backup', [backup.record(made)]);
  await as(house, 'cron', [
    raw(`UPDATE slot SET state = 'skipped', finished_at = ? WHERE job = 'of nobody'`, now),
    raw(`UPDATE slot SET state = 'done' WHERE job = 'prune' AND state = 'failed'`),
  ]);
  await as(house, 'watchdog', [raw(`UPDATE telling SET told_at = ? WHERE incident_id = -1`, now)]);
}
