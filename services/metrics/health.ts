/**
 * `/health`: how all is, for a monitor and for a person. `unhealthy`: nobody is answered. `degraded`: somebody should look.
 * All facts in, a verdict out. What it says is in our own words alone: whoever may ask need not be the owner.
 */

import { version } from '#shared/base/root.ts';
import { type Budget, type Facts, uptime_s } from '#shared/metrics/gauges.ts';
import type { Standing } from '#shared/metrics/standing.ts';
import type { Breaker } from '#shared/tables/breaker.ts';

export type Status = 'healthy' | 'degraded' | 'unhealthy';
export type Check = { status: Status | 'off'; detail: string };

export type Health = {
  status: Status;
  version: string;
  uptime_s: number;
  /** null: no model has answered yet. */
  last_inference_age_s: number | null;
  waiting_turns: number;
  /** It can take a message in, and answer it. */
  ready: boolean;
  checks: Record<string, Check>;
  /** `silent_s`: since its last beat; null: it has never been there. */
  services: { service: string; state: Standing['state']; silent_s: number | null }[];
};

export type Seen = {
  now: number;
  facts: Pick<Facts, 'halted' | 'disk_free_bytes'>;
  /** What the store did not take, and in how long it took the rest. */
  store: { problem: string | null; took_ms: number };
  stood: readonly Standing[];
  /** The breakers of the targets that were asked of late. */
  breakers: ReadonlyMap<string, Breaker['state']>;
  budgets: readonly Budget[];
  /** What waits for an answer, and since when the first could have one. */
  waiting: { count: number; since_at: number | null };
  /** Turns that wait for money that all may spend. */
  unpaid: number;
  answered_at: number | null;
  /** Incidents; what is told for information only is no fault. */
  open: { critical: number; warning: number };
  backup_at: number | null;
  disk_low_bytes: number;
};

/** A model that has not answered for so long, while somebody waits for it. */
const INFERENCE_ms = 300_000;
const BACKUP_ms = 48 * 3_600_000;

const fine = (detail: string): Check => ({ status: 'healthy', detail });
const degraded = (detail: string): Check => ({ status: 'degraded', detail });
const unhealthy = (detail: string): Check => ({ status: 'unhealthy', detail });

export function judge(seen: Seen): Health {
  const { now, facts, stood, waiting, answered_at } = seen;
  const checks: Record<string, Check> = {
    store: ofStore(seen.store),
    core: ofService(stood, 'core', unhealthy),
    router: ofService(stood, 'router', unhealthy),
    bridge: ofService(stood, 'telegram', unhealthy),
    watchdog: ofService(stood, 'watchdog', degraded),
    services: ofOthers(stood),
    halt: facts.halted
      ? degraded('halted: no model is asked and no tool runs, until it is resumed')
      : fine('no'),
    provider: ofProvider(seen.breakers),
    inference: ofInference(seen),
    budget: ofBudget(seen),
    disk: ofDisk(seen),
    backup: ofBackup(seen),
    incidents: ofIncidents(seen.open),
  };
  return {
    status: worst(Object.values(checks)),
    version,
    uptime_s: Math.round(uptime_s(stood, now)),
    last_inference_age_s: answered_at === null ? null : Math.max(0, Math.round((now - answered_at) / 1000)),
    waiting_turns: waiting.count,
    ready:
      !facts.halted &&
      checks.budget?.status === 'healthy' &&
      ['store', 'core', 'router', 'provider'].every((name) => checks[name]?.status !== 'unhealthy'),
    checks,
    services: stood.map(({ service, state, beat, silent_ms }) => ({
      service,
      state,
      silent_s: beat === null ? null : Math.round(silent_ms / 1000),
    })),
  };
}

/** Of a store that cannot be read nothing else is known. */
export function blind(problem: string): Health {
  return {
    status: 'unhealthy',
    version,
    uptime_s: 0,
    last_inference_age_s: null,
    waiting_turns: 0,
    ready: false,
    checks: { store: unhealthy(problem) },
    services: [],
  };
}

function worst(checks: readonly Check[]): Status {
  if (checks.some(({ status }) => status === 'unhealthy')) return 'unhealthy';
  return checks.some(({ status }) => status === 'degraded') ? 'degraded' : 'healthy';
}

function ofStore({ problem, took_ms }: Seen['store']): Check {
  return problem === null ? fine(`read and written in ${Math.round(took_ms)} ms`) : unhealthy(problem);
}

/** @param otherwise what it means when it is not up */
function ofService(stood: readonly Standing[], name: string, otherwise: (detail: string) => Check): Check {
  const standing = stood.find(({ service }) => service === name);
  if (!standing || standing.state === 'off') return { status: 'off', detail: 'has nothing to do here' };
  if (standing.state !== 'up') return otherwise(standing.state);
  return standing.beat?.problem ? degraded('up, with a problem: vigil status tells it') : fine('up');
}

function ofOthers(stood: readonly Standing[]): Check {
  const down = stood.filter(({ state }) => state !== 'up' && state !== 'off');
  return down.length === 0
    ? fine('all are up')
    : degraded(down.map(({ service, state }) => `${service} ${state}`).join(', '));
}

function ofProvider(breakers: Seen['breakers']): Check {
  const open = [...breakers].filter(([, state]) => state === 'open').map(([target]) => target);
  if (open.length === 0) return fine(breakers.size === 0 ? 'none asked yet' : 'no breaker is open');
  const detail = `breaker open: ${open.join(', ')}`;
  return open.length === breakers.size ? unhealthy(detail) : degraded(detail);
}

/** After a quiet night the last answer is old, and nothing is wrong. */
function ofInference({ now, facts, waiting, answered_at }: Seen): Check {
  const since_at = Math.max(waiting.since_at ?? now, answered_at ?? 0);
  const late = !facts.halted && waiting.count > 0 && now - since_at > INFERENCE_ms;
  if (!late) return fine(waiting.count > 0 ? 'in time' : 'nothing waits');
  return degraded(
    `no model has answered for ${Math.round((now - since_at) / 1000)} s, and ${waiting.count} wait`,
  );
}

function ofBudget({ budgets, unpaid }: Seen): Check {
  const used = budgets
    .filter(({ budget }) => budget === 'hour' || budget === 'day' || budget === 'month')
    .filter(({ spent_usd, limit_usd }) => limit_usd !== null && limit_usd > 0 && spent_usd >= limit_usd);
  if (used.length > 0) return degraded(`used up: ${used.map(({ budget }) => budget).join(', ')}`);
  return unpaid > 0 ? degraded(`${unpaid} wait for room in it`) : fine('there is room');
}

function ofDisk({ facts: { disk_free_bytes }, disk_low_bytes }: Seen): Check {
  if (disk_free_bytes === null) return degraded('its room cannot be told');
  const free = `${Math.round(disk_free_bytes / 2 ** 20)} MB free`;
  return disk_free_bytes < disk_low_bytes ? degraded(free) : fine(free);
}

function ofBackup({ now, backup_at }: Seen): Check {
  if (backup_at === null) return fine('none yet');
  const detail = `the newest is ${Math.max(0, Math.round((now - backup_at) / 3_600_000))} h old`;
  return now - backup_at > BACKUP_ms ? degraded(detail) : fine(detail);
}

function ofIncidents({ critical, warning }: Seen['open']): Check {
  if (critical + warning === 0) return fine('none is open');
  return degraded(`open: ${critical} critical, ${warning} warning${warning === 1 ? '' : 's'}`);
}
