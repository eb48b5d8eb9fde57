/** How each service stands, by its heartbeat alone. */

import { SET_BACK_ms } from '../base/clock.ts';
import { type ServiceName, services } from '../manifest.ts';
import type { Heartbeat } from '../tables/heartbeat.ts';

export type State = 'up' | 'starting' | 'stopping' | 'stopped' | 'misconfigured' | 'silent' | 'off';

export type Standing = {
  service: ServiceName;
  /** `off`: it has nothing to do here. `silent`: it should beat and does not. */
  state: State;
  /** null: it has never been there. */
  beat: Heartbeat | null;
  /** How long it has been silent, as far as anybody could have seen it. */
  silent_ms: number;
};

/**
 * The first process of each service.
 * @param of `off`: those whose secret is not there; `watched_from_at`: since when time has passed without a gap
 */
export function standings(
  beats: readonly Heartbeat[],
  of: { now: number; off: ReadonlySet<string>; watched_from_at: number },
): Standing[] {
  return services.map(({ name, quiet_s, needs }) => {
    const beat = beats.find(({ service, worker }) => service === name && worker === 0) ?? null;
    const seen_at = beat && beat.beat_at <= of.now + SET_BACK_ms ? beat.beat_at : 0;
    const silent_ms = Math.max(0, of.now - Math.max(seen_at, of.watched_from_at));
    return { service: name, state: stateOf(), beat, silent_ms };

    function stateOf(): State {
      if (of.off.has(name) || (!beat && needs)) return 'off';
      if (!beat) return 'silent';
      if (beat.phase === 'stopped' || beat.phase === 'misconfigured') return beat.phase;
      if (silent_ms > quiet_s * 1000) return 'silent';
      return beat.phase === 'ready' ? 'up' : beat.phase;
    }
  });
}

/** Since when the process is there: an instance's name ends with a UUID that begins with its time. */
export function bornAt(instance: string): number | null {
  const [, high = '', low = ''] =
    /-([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/.exec(instance) ?? [];
  return high === '' ? null : Number.parseInt(high + low, 16);
}
