/** Which way a message takes next, and whether it has been told. Pure. */

import type { Routes } from '#shared/tables/telling.ts';

export type Standing = {
  critical: boolean;
  age_ms: number;
  /** How far the bridge is with it; `none`: there is nothing for it to send, or nobody to send it to. */
  usual: 'none' | 'waiting' | 'sending' | 'sent' | 'dead';
  /** The bridge is at work, as far as is known. */
  bridge: boolean;
  /** It waits for the end of the quiet hours. */
  held: boolean;
  routes: Routes;
  /** How often a way has been tried. */
  tries: number;
  /** There is a second route, and a token for its own word. */
  second: boolean;
  direct: boolean;
};

/** How often a test tries what fails, and how long the bridge has for it. */
const TRIES = 3;
const BRIDGE_ms = 60_000;

export type Step = { told: boolean; take: ('direct' | 'second')[] };

export function nextStep(standing: Standing, untold_ms: number): Step {
  const { critical, age_ms, usual, bridge, held, routes, tries } = standing;
  if (usual === 'sent' || routes.direct !== undefined) {
    // A bridge that was quicker than this look spares nobody the second route.
    const owed = critical && standing.second && !hasSecond(routes) && tries === 0;
    return owed ? { told: false, take: ['second'] } : { told: true, take: [] };
  }
  const take: Step['take'] = [];
  if (critical && standing.second && !hasSecond(routes)) take.push('second');
  // What is on its way just now would be told twice.
  const patience_ms = usual === 'sending' ? 2 * untold_ms : untold_ms;
  const late =
    usual === 'none' || usual === 'dead' || age_ms >= patience_ms || (!bridge && usual !== 'sending');
  if (late && !held) take.push('direct');
  return { told: false, take };
}

/** A test takes each way for itself, again where it fails, and gives the bridge its time. */
export function nextOfTrial({ age_ms, usual, routes, tries, second, direct }: Standing): Step {
  const take: Step['take'] = [];
  if (direct && routes.direct === undefined) take.push('direct');
  if (second && !hasSecond(routes)) take.push('second');
  if (take.length > 0 && tries < TRIES) return { told: false, take };
  const settled = usual === 'sent' || usual === 'dead' || usual === 'none';
  return { told: settled || age_ms >= BRIDGE_ms, take: [] };
}

export function hasSecond({ ntfy, webhook }: Routes): boolean {
  return ntfy !== undefined || webhook !== undefined;
}
