/** What /status says: read from the store alone, so that it is true also of a service that no longer answers. */

import { usd } from '#shared/base/money.ts';
import { version } from '#shared/base/root.ts';
import { services } from '#shared/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { haltedBecause } from '#shared/runtime/halt.ts';
import { lockOf } from '#shared/runtime/home.ts';
import { isLocked } from '#shared/store/liveness.ts';
import * as chat from '#shared/tables/chat.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as incident from '#shared/tables/incident.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as poller from '#shared/tables/poller.ts';
import * as spend from '#shared/tables/spend.ts';

export async function report(ctx: Context<unknown>, bot_id: number): Promise<string> {
  const { store, home } = ctx;
  const now = ctx.clock.now();
  const beats = await store.read(heartbeat.all);
  const [waiting] = await store.read(inbound.backlog);
  const leaving = await store.read(outbound.backlog);
  const [today] = await store.read(spend.of([spend.windowId('day', 'day', now)]));
  const [bot] = await store.read(poller.position(bot_id));
  const muted = await store.read(chat.muted);
  const halted = haltedBecause(home.halted);
  const limit_nanousd = ctx.shared.budget.day_usd * 1e9;
  const lines = services.flatMap(({ name, quiet_s }) => {
    const beat = beats.find((row) => row.service === name && row.worker === 0);
    if (!beat) return [];
    const alive = name === 'telegram' || isLocked(lockOf(home, name));
    const quiet_ms = now - beat.beat_at;
    const hangs = alive && quiet_ms > quiet_s * 1000 ? `no sign of life for ${span(quiet_ms)}` : null;
    return [`${name}: ${alive ? (hangs ?? beat.problem ?? beat.phase) : 'not running'}`];
  });
  const since = waiting?.oldest_at ? `, the oldest for ${span(now - waiting.oldest_at)}` : '';
  return [
    `Vigil ${version}`,
    ...(halted === null ? [] : [`HALTED: ${halted}`]),
    ...lines,
    '',
    `Waiting for an answer: ${waiting?.count ?? 0}${since}`,
    `Going out: ${leaving.reduce((sum, { count }) => sum + count, 0)}${muted.length > 0 ? `; chats that have shut me out: ${muted.length}` : ''}`,
    `Today: ${usd(today?.spent_nanousd ?? 0)} of ${usd(limit_nanousd)}`,
    bot?.reads_groups === 0
      ? 'In groups I hear what is said to me alone (BotFather: /setprivacy).'
      : 'In groups I can hear everything.',
    ...(await store.read(incident.ongoing)).slice(0, 5).map(({ text }) => `! ${text}`),
  ].join('\n');
}

function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  return s < 7200 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`;
}
