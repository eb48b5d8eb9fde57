/**
 * Who watches the watchdog: when it has not beaten for a while, though others have, its restart is asked for, and the
 * owners are told; and again when it beats.
 */

import type { Context } from '#shared/runtime/context.ts';
import { restart } from '#shared/runtime/restart.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as outbound from '#shared/tables/outbound.ts';
import { type Settings, watchAccess } from './access.ts';

/** How often it looks. */
export const PEER_ms = 5_000;
const SILENT_ms = 40_000;

type Beat = Pick<heartbeat.Heartbeat, 'service' | 'phase' | 'beat_at'>;

/** Since when the watchdog is silent; null: it is well, or nobody can know. Pure. */
export function silentSince(beats: readonly Beat[], watched_from_at: number, now: number): number | null {
  const mine = beats.find(({ service }) => service === 'watchdog');
  const others = beats.filter(({ service }) => service !== 'watchdog' && service !== 'telegram');
  // When all are silent it is the store, or the machine.
  const someBeat = others.some(({ beat_at }) => now - beat_at < SILENT_ms);
  if (!mine || mine.phase === 'stopped' || !someBeat) return null;
  return now - Math.max(mine.beat_at, watched_from_at) > SILENT_ms ? mine.beat_at : null;
}

type Desk = Pick<Context<Settings>, 'home' | 'config' | 'store' | 'clock' | 'log' | 'onJump'>;

export function watchPeer(ctx: Desk): () => Promise<void> {
  const access = watchAccess(ctx);
  let watched_from_at = ctx.clock.now();
  let told: number | null = null;
  ctx.onJump(() => {
    watched_from_at = ctx.clock.now();
  });
  return async () => {
    const now = ctx.clock.now();
    const since_at = silentSince(await ctx.store.read(heartbeat.all), watched_from_at, now);
    if (since_at === told) return;
    const { owners } = await access();
    const [key, text] =
      since_at === null
        ? [`watchdog-back:${told}`, '✅ Over: the watchdog is at work again.']
        : [
            `watchdog:${since_at}`,
            '⚠️ watchdog hangs or died: no sign of life for 40 s. Meanwhile nobody looks whether the others work. I have asked for its restart.',
          ];
    await ctx.store.commit([...owners].map((owner) => word(`${key}:${owner}`, owner, text, now)));
    if (since_at !== null) await restart(ctx.home, 'watchdog', 'no sign of life for 40 s');
    // At the end: what failed on the way is done again, and the keys see to it that it is told once.
    told = since_at;
  };
}

function word(key: string, owner: number, text: string, now: number) {
  return outbound.post({
    key,
    channel: 'telegram',
    conversation: `telegram:${owner}`,
    chat: String(owner),
    kind: 'notice',
    turn_id: null,
    text,
    message_ref: null,
    urgency: 'critical',
    now,
  });
}
