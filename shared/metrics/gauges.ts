/** All that is measured at a moment, from rows that are kept short anyway: what it costs does not grow with history. */

import { NANO } from '../base/money.ts';
import { PERIODS, periodOf } from '../base/period.ts';
import { houseJobs, serviceOf } from '../manifest.ts';
import * as attachment from '../tables/attachment.ts';
import * as backup from '../tables/backup.ts';
import * as breaker from '../tables/breaker.ts';
import * as call from '../tables/call.ts';
import * as heartbeat from '../tables/heartbeat.ts';
import * as inbound from '../tables/inbound.ts';
import * as incident from '../tables/incident.ts';
import * as metric from '../tables/metric.ts';
import type { Query } from '../tables/op.ts';
import * as outbound from '../tables/outbound.ts';
import * as press from '../tables/press.ts';
import * as quality from '../tables/quality.ts';
import * as slot from '../tables/slot.ts';
import * as spend from '../tables/spend.ts';
import * as telling from '../tables/telling.ts';
import * as tool_call from '../tables/tool_call.ts';
import * as turn from '../tables/turn.ts';
import { BREAKER, type GaugeName, type Labels, QUEUES } from './families.ts';
import { ALL, figureIn, figures, summed } from './quality.ts';
import { bornAt, type Standing, standings } from './standing.ts';

export type Read = <Row>(query: Query<Row>) => Promise<Row[]>;

/** What the store does not know. */
export type Facts = {
  halted: boolean;
  /** It is an hour in which what can wait does. */
  quiet: boolean;
  /** The services that have nothing to do here: the secret that they need is not there. */
  off: ReadonlySet<string>;
  /** When the machine woke last or its clock was set, as far as whoever looks has seen it; else 0. */
  watched_from_at: number;
  budget: Readonly<Record<`${(typeof PERIODS)[number]}_usd`, number>>;
  /** null: it cannot be told. */
  disk_free_bytes: number | null;
  store_bytes: number;
  wal_bytes: number;
};

export type Sample = { name: GaugeName; labels: Labels; value: number };

/** The rate by which an hour is estimated is that of so long. */
export const RATE_ms = 600_000;

export async function gaugesOf(read: Read, facts: Facts, now: number): Promise<Sample[]> {
  const samples = await Promise.all([
    ofServices(read, facts, now),
    ofQueues(read, facts, now),
    ofMoney(read, facts, now),
    ofTargets(read, now),
    ofHouse(read),
    ofTrouble(read, facts, now),
    ofAnswers(read, now),
  ]);
  const { halted, disk_free_bytes, store_bytes, wal_bytes } = facts;
  return [
    ...samples.flat(),
    one('agent_halted', halted ? 1 : 0),
    ...(disk_free_bytes === null ? [] : [one('agent_disk_free_bytes', disk_free_bytes)]),
    one('agent_store_bytes', store_bytes),
    one('agent_store_wal_bytes', wal_bytes),
  ];
}

function one(name: GaugeName, value: number, labels: Labels = {}): Sample {
  return { name, labels, value };
}

async function ofServices(read: Read, { off, watched_from_at }: Facts, now: number): Promise<Sample[]> {
  const stood = standings(await read(heartbeat.all), { now, off, watched_from_at });
  const samples = stood
    .filter(({ state }) => state !== 'off')
    .flatMap(({ service, state, beat }) => {
      const labels = { service };
      const up = one('agent_service_up', state === 'up' ? 1 : 0, labels);
      if (!beat) return [up];
      const there = state === 'up' || state === 'starting' || state === 'stopping';
      return [
        up,
        one('agent_service_last_beat_timestamp_seconds', beat.beat_at / 1000, labels),
        one('agent_service_resident_memory_bytes', there ? beat.rss_bytes : 0, labels),
        one('agent_service_memory_limit_bytes', serviceOf(service).memory_mb * 2 ** 20, labels),
        one('agent_service_event_loop_delay_seconds', there ? beat.loop_delay_ms / 1000 : 0, labels),
      ];
    });
  return [...samples, one('agent_uptime_seconds', uptime_s(stood, now))];
}

/** Since when core is at work; 0: it is not. */
export function uptime_s(stood: readonly Standing[], now: number): number {
  const core = stood.find(({ service }) => service === 'core');
  const born_at = core?.state === 'up' && core.beat ? bornAt(core.beat.instance) : null;
  return born_at === null ? 0 : Math.max(0, (now - born_at) / 1000);
}

async function ofQueues(read: Read, { quiet, off, watched_from_at }: Facts, now: number): Promise<Sample[]> {
  const [[messages], [message], answers, [answer], [presses], [calls], [jobs], [job], [files], [turns]] =
    await Promise.all([
      read(inbound.backlog),
      read(inbound.overdue(now)),
      read(outbound.backlog),
      read(outbound.overdue(now, quiet)),
      read(press.backlog),
      read(tool_call.backlog),
      read(slot.backlog),
      read(slot.overdue(now, 0)),
      read(attachment.backlog),
      read(turn.inWork),
    ]);
  const depth: Record<
    (typeof QUEUES)[number],
    [count: number | undefined, since_at: number | null | undefined]
  > = {
    message: [messages?.count, message?.since_at],
    answer: [
      answers.reduce((sum, { count }) => sum + count, 0),
      off.has('telegram') ? null : answer?.since_at,
    ],
    'press of a button': [presses?.count, presses?.oldest_at],
    'call of a tool': [calls?.count, calls?.oldest_at],
    job: [jobs?.count, job?.created_at],
    file: [files?.count, files?.oldest_at],
  };
  return [
    one('agent_active_tasks', turns?.count ?? 0),
    one('agent_budget_waiting', turns?.unpaid ?? 0),
    ...QUEUES.flatMap((queue) => {
      const [count = 0, since_at] = depth[queue];
      const age_s = since_at ? waited_s(since_at, watched_from_at, now) : 0;
      return [
        one('agent_queue_depth', count, { queue }),
        one('agent_queue_oldest_age_seconds', age_s, { queue }),
      ];
    }),
  ];
}

/** While the machine slept nothing waited: all that is there would be late as soon as it wakes. */
function waited_s(since_at: number, watched_from_at: number, now: number): number {
  return Math.max(0, now - Math.max(since_at, watched_from_at)) / 1000;
}

export type Budget = { budget: string; spent_usd: number; held_usd: number; limit_usd: number | null };

/** The budgets in their present periods; those of single turns are left out. */
export async function budgetsOf(read: Read, facts: Pick<Facts, 'budget'>, now: number): Promise<Budget[]> {
  const rows = await read(spend.present(now));
  // The router reads its budgets anew while it runs: what it went by last counts before what they were at a start.
  const main = PERIODS.map((budget) => {
    const row = rows.find((row) => row.budget === budget);
    if (row) return budgetOf(row);
    return { budget, spent_usd: 0, held_usd: 0, limit_usd: facts.budget[`${budget}_usd`] };
  });
  const others = rows.filter(({ budget }) => !PERIODS.some((name) => name === budget) && budget !== 'alert');
  return [...main, ...others.map(budgetOf)];
}

function budgetOf(row: spend.Spend & { added_nanousd: number }): Budget {
  const { budget, spent_nanousd, held_nanousd, limit_nanousd, added_nanousd } = row;
  return {
    budget,
    spent_usd: spent_nanousd / NANO,
    held_usd: held_nanousd / NANO,
    limit_usd: limit_nanousd === null ? null : (limit_nanousd + added_nanousd) / NANO,
  };
}

async function ofMoney(read: Read, facts: Facts, now: number): Promise<Sample[]> {
  const [budgets, [recent]] = await Promise.all([
    budgetsOf(read, facts, now),
    read(call.costBetween(now - RATE_ms, now)),
  ]);
  const rate = ((recent?.cost_nanousd ?? 0) / NANO) * (3_600_000 / RATE_ms);
  return [
    one('agent_cost_estimate_hourly', rate),
    one('agent_budget_hourly_usd', budgets.find(({ budget }) => budget === 'hour')?.limit_usd ?? 0),
    ...budgets.flatMap(({ budget, spent_usd, held_usd, limit_usd }) => [
      one('agent_budget_spent_usd', spent_usd, { budget }),
      one('agent_budget_held_usd', held_usd, { budget }),
      ...(limit_usd === null ? [] : [one('agent_budget_limit_usd', limit_usd, { budget })]),
    ]),
  ];
}

/** A target that works has no row, and one that was ever asked is told as closed. */
export async function breakersOf(read: Read): Promise<Map<string, breaker.Breaker['state']>> {
  const [rows, asked] = await Promise.all([
    read(breaker.all),
    read(metric.labelsOf('agent_target_requests_total', 'target')),
  ]);
  return new Map([
    ...asked.map(({ value }) => [value, 'closed'] as const),
    ...rows.map(({ target, state }) => [target, state] as const),
  ]);
}

async function ofTargets(read: Read, now: number): Promise<Sample[]> {
  const [breakers, [last]] = await Promise.all([breakersOf(read), read(call.lastAnswer(now))]);
  return [
    ...[...breakers].map(([target, state]) => one('agent_breaker_state', BREAKER[state], { target })),
    ...(last?.at ? [one('agent_last_inference_timestamp_seconds', last.at / 1000)] : []),
  ];
}

async function ofHouse(read: Read): Promise<Sample[]> {
  const [[newest], open] = await Promise.all([read(backup.latest), read(incident.ongoing)]);
  const severities = ['info', 'warning', 'critical'] as const;
  return [
    ...(newest ? [one('agent_backup_last_timestamp_seconds', newest.made_at / 1000)] : []),
    ...severities.map((severity) =>
      one('agent_incidents_open', open.filter((incident) => incident.severity === severity).length, {
        severity,
      }),
    ),
  ];
}

async function ofTrouble(read: Read, { watched_from_at }: Facts, now: number): Promise<Sample[]> {
  const [jobs, [untold]] = await Promise.all([
    read(slot.lastOf(houseJobs.map(({ name }) => name))),
    read(telling.inVain),
  ]);
  return [
    ...jobs.map(({ job, state }) => one('agent_job_failed', state === 'failed' ? 1 : 0, { house_job: job })),
    one('agent_telling_age_seconds', untold?.since_at ? waited_s(untold.since_at, watched_from_at, now) : 0),
  ];
}

/** Those of today that there are. */
async function ofAnswers(read: Read, now: number): Promise<Sample[]> {
  const { starts_at, ends_at } = periodOf('day', now);
  const today = summed(await read(quality.between(starts_at, ends_at)));
  return [...today].flatMap(([model, counts]) =>
    figures.flatMap((figure) => {
      const value = figureIn(figure, counts);
      const labels = { name: figure.name, model: model === ALL ? 'all' : model };
      return value === null ? [] : [one('agent_quality', value, labels)];
    }),
  );
}
