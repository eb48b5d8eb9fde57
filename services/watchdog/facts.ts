/** Gathers what the verdict rests on: a few cheap reads, and a look at the disk. */

import { existsSync, lstatSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { quietUntil } from '#shared/base/quiet.ts';
import { services } from '#shared/manifest.ts';
import { readSection } from '#shared/runtime/config.ts';
import type { Context } from '#shared/runtime/context.ts';
import { freeBytes } from '#shared/runtime/facts.ts';
import { lockOf } from '#shared/runtime/home.ts';
import { walBytes } from '#shared/store/inspect.ts';
import { isLocked } from '#shared/store/liveness.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as poller from '#shared/tables/poller.ts';
import * as press from '#shared/tables/press.ts';
import * as slot from '#shared/tables/slot.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import * as turn from '#shared/tables/turn.ts';
import type { Config } from './config.ts';
import { BEAT_ms, type Facts } from './verdict.ts';

type Watchdog = Context<Config>;

/** As much of core's section as it needs. */
const bounds = z.looseObject({ turn_minutes: z._default(z.number(), 30) });

/** What is remembered from look to look. */
export type Seen = {
  watched_from_at: number;
  /** When the machine woke last, or its clock was set. */
  jumped_at: number;
  silent_at: number;
  unready_since: Map<string, number>;
  problem_since: Map<string, number>;
  /** Which units the supervisor has given up, how and when. */
  failed: Map<string, { how: string; at: number }>;
  /** Later than this after its begin, an answer is past its time. */
  turn_ms: number;
};

export function unseen(file: string, now: number): Seen {
  return {
    turn_ms: readSection(file, 'core', bounds).turn_minutes * 60_000 + TURN_SLACK_ms,
    watched_from_at: now,
    jumped_at: now,
    silent_at: 0,
    unready_since: new Map(),
    problem_since: new Map(),
    failed: new Map(),
  };
}

/** A lease is renewed every 40 s. */
const LEASE_ms = 60_000;
const TURN_SLACK_ms = 600_000;
const SLOT_BEGINS_ms = 900_000;
const SLOT_ENDS_ms = 6 * 3_600_000;

export async function gather(ctx: Watchdog, seen: Seen): Promise<Facts> {
  const { store, home, config } = ctx;
  const now = ctx.clock.now();
  const [rows, [message], [answer], [pressed], [call], turns, slots, [polled], [canary]] = await Promise.all([
    store.read(heartbeat.all),
    store.read(inbound.overdue(now)),
    store.read(outbound.overdue(now, quietUntil(ctx.shared.owner.quiet, now) !== null)),
    store.read(press.next),
    store.read(tool_call.next),
    store.read(turn.overdue(now - LEASE_ms, now - seen.turn_ms)),
    store.read(slot.overdue(now - SLOT_BEGINS_ms, now - SLOT_ENDS_ms)),
    store.read(poller.latest),
    store.read(inbound.lastCanary),
  ]);
  const expected = services.filter(
    ({ name, needs }) =>
      name !== 'watchdog' &&
      // Credentials that were handed over are the others' alone: whoever has begun to beat is expected to go on.
      (!needs || home.handedOver || existsSync(join(home.credentials, `${needs}.env`))),
  );
  const beats = new Map(rows.filter(({ worker }) => worker === 0).map((row) => [row.service, row]));
  const names = expected.map(({ name }) => name);
  const old = names.filter((name) => now - (beats.get(name)?.beat_at ?? now) > BEAT_ms);
  // Not looked for before its next beat is missed: the look takes the lock for a moment, and whoever starts would come upon it.
  const alive = new Set(names.filter((name) => !old.includes(name) || isLocked(lockOf(home, name))));
  hearReports(home.state, seen);
  for (const name of names) remember(seen, name, beats.get(name), now);
  const free_bytes = await freeBytes(home.state);
  const queues = [
    { name: 'message', since_at: message?.since_at },
    { name: 'answer', since_at: names.includes('telegram') ? answer?.since_at : undefined },
    { name: 'press of a button', since_at: pressed?.received_at },
    { name: 'call of a tool', since_at: call?.created_at },
  ].flatMap(({ name, since_at }) => (since_at === undefined ? [] : [{ name, since_at }]));
  return {
    now,
    watched_from_at: seen.watched_from_at,
    silent_at: seen.silent_at,
    config,
    expected,
    beats,
    alive,
    unready_since: seen.unready_since,
    problem_since: seen.problem_since,
    failed: new Map([...seen.failed].map(([name, { how }]) => [name, how])),
    halted: ctx.halt.on(),
    queues,
    turns,
    slots,
    polled_at: polled?.heard_at ?? null,
    canary: canary ?? null,
    disk_free_mb: free_bytes === null ? null : free_bytes / 2 ** 20,
    wal_mb: walBytes(store.file) / 2 ** 20,
  };
}

function remember(seen: Seen, name: string, beat: heartbeat.Heartbeat | undefined, now: number): void {
  if (!beat || beat.phase === 'ready') seen.unready_since.delete(name);
  else if (!seen.unready_since.has(name)) seen.unready_since.set(name, now);
  // The last beat of one that was killed says ready for ever.
  if (beat?.phase === 'ready' && beat.beat_at > (seen.failed.get(name)?.at ?? 0)) seen.failed.delete(name);
  if (!beat?.problem) seen.problem_since.delete(name);
  else if (!seen.problem_since.has(name)) seen.problem_since.set(name, now);
}

/** What the supervisor has written of units that failed, taken over once. A service may write there too: what is no file is not the supervisor's. */
export function hearReports(state: string, seen: Seen): void {
  const folder = join(state, 'failed');
  for (const { name } of services) {
    const file = join(folder, name);
    const found = lstatSync(file, { throwIfNoEntry: false });
    if (!found?.isFile()) continue;
    seen.failed.set(name, { how: reportOf(file), at: found.mtimeMs });
    rmSync(file, { force: true });
  }
}

function reportOf(file: string): string {
  let report = '';
  try {
    report = readFileSync(file, 'utf8');
  } catch {
    // That it is there says enough.
  }
  if (/"status":78\b/.test(report)) return 'waits for somebody to mend it; its log says what';
  const result = /"result":"([a-z-]+)"/.exec(report)?.[1] ?? 'failed';
  return `has failed too often in a row (${result}), and is started again in some minutes`;
}
