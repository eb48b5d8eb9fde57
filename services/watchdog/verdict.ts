/**
 * What is wrong, and what is to be done about it: all facts in, findings out. Pure. A finding's cause is the same words
 * each time, so that as long as it lasts there is one incident of it.
 */

import { spell } from '#shared/base/span.ts';
import type { Service, ServiceName } from '#shared/manifest.ts';
import type { Heartbeat } from '#shared/tables/heartbeat.ts';
import type { Canary } from '#shared/tables/inbound.ts';
import type { Config } from './config.ts';

export type Facts = {
  now: number;
  /** It has watched without a gap since then: its own start, or the end of a sleep. */
  watched_from_at: number;
  config: Config;
  /** The services that should be at work. */
  expected: readonly Service[];
  /** The first process of each. */
  beats: ReadonlyMap<string, Heartbeat>;
  /** Whose process is there, whatever it is at. */
  alive: ReadonlySet<string>;
  /** Since when each has not been ready, as far as it was seen. */
  unready_since: ReadonlyMap<string, number>;
  /** Since when each has had the problem that it has. */
  problem_since: ReadonlyMap<string, number>;
  /** What the supervisor has reported as failed, and not been ready since. */
  failed: ReadonlyMap<string, string>;
  halted: boolean;
  /** Since when the first of each queue could have been done. */
  queues: readonly { name: string; since_at: number }[];
  turns: readonly { id: string; conversation: string; changed_at: number }[];
  slots: readonly { job: string; due_at: number; state: string }[];
  /** When all were last silent at once: one beats again before the others. */
  silent_at: number;
  /** When Telegram last answered a poll; null: nobody polls. */
  polled_at: number | null;
  canary: Canary | null;
  disk_free_mb: number | null;
  wal_mb: number;
};

export type Finding = {
  cause: string;
  severity: 'warning' | 'critical';
  text: string;
  /** Whose restart may help. */
  restart?: ServiceName;
  /** It follows from what is told already: no incident is opened for it, and none of it ends meanwhile. */
  follows?: boolean;
};

/** That a process is not there any more is known sooner than that one which is there hangs. */
const GONE_ms = 30_000;
/** A problem that a service has itself is told when it has lasted so long. */
const PROBLEM_ms = 45_000;
/** A long poll takes 50 s, and is noted once a minute. */
const UNPOLLED_ms = 240_000;

/** `blind`: of what is not found nobody knows whether it is over. */
export function judge(facts: Facts): { findings: Finding[]; blind: boolean; silent?: true } {
  const machine = ofMachine(facts);
  if (inGrace(facts)) return { findings: machine, blind: true };
  const all = allAtOnce(facts);
  if (all) return { findings: all === 'perhaps' ? machine : [all, ...machine], blind: true, silent: true };
  if (facts.now - facts.silent_at < 2 * BEAT_ms) return { findings: machine, blind: true };
  const services = facts.expected.flatMap((service) => ofService(facts, service));
  const down = new Set(
    services.flatMap(({ cause }) => (cause.startsWith('service ') ? [cause.slice(8)] : [])),
  );
  const work = facts.halted ? [] : ofWork(facts, down);
  return { findings: [...services, ...work, ...ofBridge(facts, down), ...machine], blind: false };
}

export function inGrace({ now, watched_from_at, config }: Facts): boolean {
  return now - watched_from_at < config.grace_s * 1000;
}

/** How long there was no sign of life, as far as it was watched. */
function silence_ms({ now, watched_from_at }: Facts, beat: Heartbeat): number {
  return now - Math.max(beat.beat_at, watched_from_at);
}

function patience_ms({ config }: Facts, service: Service): number {
  return (config.stale_s || service.quiet_s) * 1000;
}

const RUNS = ['starting', 'ready', 'stopping'];

/** Everyone beats once in this time. */
export const BEAT_ms = 6_000;

/**
 * All silent at once: the store, the supervisor or the machine, and nothing that a restart of one could mend. Since they
 * do not beat at the same moment, one is silent for too long before the others: as soon as all have missed a beat, none is
 * judged alone.
 */
function allAtOnce(facts: Facts): Finding | 'perhaps' | null {
  const running = facts.expected.flatMap((service) => {
    const beat = facts.beats.get(service.name);
    return beat && RUNS.includes(beat.phase) ? [{ service, silent_ms: silence_ms(facts, beat) }] : [];
  });
  const least_ms = Math.min(...running.map(({ silent_ms }) => silent_ms));
  if (running.length < 2 || least_ms <= BEAT_ms) return null;
  if (least_ms <= Math.min(...running.map(({ service }) => patience_ms(facts, service)))) return 'perhaps';
  const living = running.filter(({ service }) => facts.alive.has(service.name)).length;
  const why =
    living === 0
      ? 'none of their processes is there'
      : 'their processes are there, so the store cannot be written, or the machine is stuck';
  return {
    cause: 'everything',
    severity: 'critical',
    text: `All services are silent, for ${spell(least_ms)}: ${why}. Nobody is answered. I restart nobody for that; please look at the machine.`,
  };
}

function ofService(facts: Facts, service: Service): Finding[] {
  const { name } = service;
  const beat = facts.beats.get(name);
  if (!beat) return [];
  const outage = outageOf(facts, service, beat);
  if (outage) {
    const text = `${outage.text} Meanwhile ${service.without}.`;
    return [{ cause: `service ${name}`, severity: 'critical', ...outage, text }];
  }
  const findings: Finding[] = [];
  const { config, now } = facts;
  const still_ms = now - Math.max(beat.progressed_at, facts.watched_from_at);
  // A snapshot of a large store is one step.
  const still_limit_ms = config.still_s * 1000 * (service.pace === 'standard' ? 8 : 1);
  if (still_ms > still_limit_ms) {
    findings.push({
      cause: `progress ${name}`,
      severity: 'warning',
      text: `${name} beats, but has ended no step of its work for ${spell(still_ms)} (${beat.doing}).`,
      restart: name,
    });
  }
  const problem_at = facts.problem_since.get(name);
  if (beat.problem !== null && problem_at !== undefined && now - problem_at > PROBLEM_ms) {
    findings.push({
      cause: `problem ${name}`,
      severity: 'warning',
      text: `${beat.problem} (${name})`,
    });
  }
  const used_percent = Math.round((beat.rss_bytes / (service.memory_mb * 2 ** 20)) * 100);
  if (used_percent > config.memory_percent) {
    findings.push({
      cause: `memory ${name}`,
      severity: 'warning',
      text: `${name} takes ${Math.round(beat.rss_bytes / 2 ** 20)} MB of memory, ${used_percent} % of its limit.`,
      // Where the system itself knows no limit, this is what keeps one.
      ...(used_percent > 100 && { restart: name }),
    });
  }
  return findings;
}

function outageOf(
  facts: Facts,
  service: Service,
  beat: Heartbeat,
): { text: string; restart?: ServiceName; severity?: 'warning' } | null {
  const { name } = service;
  const silent_ms = silence_ms(facts, beat);
  const limit_ms = patience_ms(facts, service);
  const there = facts.alive.has(name);
  if (beat.phase === 'misconfigured') {
    return there ? null : { text: `${name} is down, until somebody mends it: ${mended(beat.problem)}` };
  }
  if (beat.phase === 'stopped') {
    const text = `${name} is down: it was stopped ${spell(silent_ms)} ago, and has not been started again.`;
    return !there && silent_ms > limit_ms ? { text, severity: 'warning' } : null;
  }
  // Its supervisor tries it again by itself; a restart now would be refused.
  const failed = facts.failed.get(name);
  if (failed !== undefined) return { text: `${name} is down: it ${failed}.` };
  if (silent_ms > Math.min(limit_ms, GONE_ms) && !there) {
    return {
      text: `${name} is down: it died ${spell(silent_ms)} ago, and has not come back.`,
      restart: name,
    };
  }
  if (silent_ms > (beat.phase === 'starting' ? facts.config.starting_s * 1000 : limit_ms)) {
    const text = `${name} hangs: no sign of life for ${spell(silent_ms)} (last ${beat.phase === 'ready' ? 'at' : 'in'}: ${beat.doing}).`;
    return { text, ...(beat.phase !== 'starting' && { restart: name }) };
  }
  const unready_at = facts.unready_since.get(name);
  if (unready_at !== undefined && facts.now - unready_at > facts.config.starting_s * 1000) {
    return {
      text: `${name} has not become ready for ${spell(facts.now - unready_at)} (${beat.problem ?? beat.doing}).`,
    };
  }
  return null;
}

/** As a service says it, for a sentence that goes on. */
function mended(problem: string | null): string {
  return `${(problem ?? 'see its log').replace(/\s*\n\s*cure: /, '. To mend it: ').replace(/\s*\n\s*/g, ' ')}.`;
}

/** What does not move, although all who should move it are there. */
function ofWork(facts: Facts, down: ReadonlySet<string>): Finding[] {
  const { now, config, watched_from_at } = facts;
  const findings: Finding[] = [];
  for (const { name, since_at } of facts.queues) {
    const waited_ms = now - Math.max(since_at, watched_from_at);
    if (waited_ms <= config.queue_s * 1000) continue;
    const text = `The oldest ${name} has waited for ${spell(now - since_at)}, and could go.`;
    findings.push({ cause: `queue ${name}`, severity: 'warning', text });
  }
  const [oldest] = facts.turns;
  if (oldest) {
    const more = facts.turns.length > 1 ? `, and ${facts.turns.length - 1} more` : '';
    const text = `An answer in ${oldest.conversation} is past its time: at work since ${spell(now - oldest.changed_at)}${more}.`;
    findings.push({ cause: 'turns past their time', severity: 'warning', text, follows: down.has('core') });
  }
  const [slot] = facts.slots;
  if (slot) {
    const more = facts.slots.length > 1 ? `, and ${facts.slots.length - 1} more` : '';
    const what = slot.state === 'due' ? 'has not begun' : 'has not ended';
    const text = `The job '${slot.job}' was due ${spell(now - slot.due_at)} ago and ${what}${more}.`;
    findings.push({ cause: 'jobs past their time', severity: 'warning', text });
  }
  const { canary } = facts;
  if (canary && config.canary_s > 0) {
    const waited_ms = now - Math.max(canary.received_at, watched_from_at);
    const late = canary.state === 'pending' || canary.state === 'taken';
    if (canary.state === 'dead' || (late && waited_ms > config.canary_wait_s * 1000)) {
      const why = canary.error ? `: ${canary.error}` : ` within ${spell(waited_ms)}`;
      const text = `Messages are not being answered: one of my own got no answer${why}.`;
      const follows = down.has('core') || down.has('router');
      findings.push({ cause: 'canary', severity: 'critical', text, follows });
    }
  }
  return findings;
}

/** A bridge that lives, and completes no poll. */
function ofBridge({ now, polled_at, watched_from_at, beats }: Facts, down: ReadonlySet<string>): Finding[] {
  if (polled_at === null || down.has('telegram') || beats.get('telegram')?.phase !== 'ready') return [];
  const deaf_ms = now - Math.max(polled_at, watched_from_at);
  // It says itself that the network or Telegram is away, and a restart brings neither back.
  if (deaf_ms <= UNPOLLED_ms || beats.get('telegram')?.problem != null) return [];
  const text = `telegram has heard nothing from Telegram for ${spell(deaf_ms)}, and says that all is well.`;
  return [{ cause: 'polling', severity: 'critical', text, restart: 'telegram' }];
}

function ofMachine({ disk_free_mb, wal_mb, config }: Facts): Finding[] {
  const findings: Finding[] = [];
  if (disk_free_mb !== null && disk_free_mb < config.disk_free_mb) {
    findings.push({
      cause: 'disk',
      severity: disk_free_mb < config.disk_free_mb / 4 ? 'critical' : 'warning',
      text: `The disk that holds the store has ${Math.round(disk_free_mb)} MB left.`,
    });
  }
  if (wal_mb > config.wal_mb) {
    const text = `The store's write-ahead log has grown to ${Math.round(wal_mb)} MB: something reads, and does not end.`;
    findings.push({ cause: 'wal', severity: 'warning', text });
  }
  return findings;
}
