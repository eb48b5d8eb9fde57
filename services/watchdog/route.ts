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
  /** There is a second route. */
  second: boolean;
};

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

export function hasSecond({ ntfy, webhook }: Routes): boolean {
  return ntfy !== undefined || webhook !== undefined;
}
