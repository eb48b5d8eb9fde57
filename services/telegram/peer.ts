/**
 * Who watches the watchdog: when it has not beaten for a while, though others have, its restart is asked for, and that is
 * an incident like any other's. `alerts` tells of it; as long as the watchdog is away, what that leaves lying is told here.
 */

import { serviceOf } from '#shared/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { restart } from '#shared/runtime/restart.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as incident from '#shared/tables/incident.ts';
import { announce } from '#shared/telling/announce.ts';
import { type Settings, watchAccess } from './access.ts';

/** How often it looks. */
export const PEER_ms = 5_000;
const SILENT_ms = 40_000;
/** What `alerts` has not announced in so long, it does not. */
const UNANNOUNCED_ms = 10_000;

/** As `alerts` calls it, which finds it too, a little later. */
const CAUSE = 'service watchdog';
const TEXT = `watchdog hangs or died: no sign of life for ${SILENT_ms / 1000} s. Meanwhile ${serviceOf('watchdog').without}. I have asked for its restart.`;

type Beat = Pick<heartbeat.Heartbeat, 'service' | 'phase' | 'beat_at'>;

/** null: nobody can know. Pure. */
export function isSilent(beats: readonly Beat[], watched_from_at: number, now: number): boolean | null {
  const mine = beats.find(({ service }) => service === 'watchdog');
  const others = beats.filter(({ service }) => service !== 'watchdog' && service !== 'telegram');
  // When all are silent it is the store, or the machine.
  const someBeat = others.some(({ beat_at }) => now - beat_at < SILENT_ms);
  if (!mine || mine.phase === 'stopped' || !someBeat) return null;
  if (now - mine.beat_at <= SILENT_ms) return false;
  return now - watched_from_at > SILENT_ms ? true : null;
}

type Desk = Pick<Context<Settings>, 'home' | 'config' | 'store' | 'clock' | 'log' | 'onJump'>;

export function watchPeer(ctx: Desk): () => Promise<void> {
  const { home, store, clock } = ctx;
  const access = watchAccess(ctx);
  let watched_from_at = clock.now();
  let silent: boolean | null = null;
  ctx.onJump(() => {
    watched_from_at = clock.now();
  });
  return async () => {
    const now = clock.now();
    const found = isSilent(await store.read(heartbeat.all), watched_from_at, now);
    if (found !== null && found !== silent) {
      const news = { cause: CAUSE, service: 'telegram', severity: 'critical', text: TEXT, now } as const;
      await store.commit([found ? incident.open(news) : incident.close(CAUSE, 'telegram', now)]);
      if (found) await restart(home, 'watchdog', `no sign of life for ${SILENT_ms / 1000} s`);
      // At the end: what failed on the way is done again.
      silent = found;
    }
    if (found) {
      const { owners } = await access();
      await announce(ctx, { owners: [...owners], patience_ms: UNANNOUNCED_ms });
    }
  };
}
