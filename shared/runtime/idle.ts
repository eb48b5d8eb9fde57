/** Why a service does nothing now that it is asked to do. */

import type { ServiceName } from '../manifest.ts';
import { isLocked } from '../store/liveness.ts';
import { haltedBecause } from './halt.ts';
import { type Home, lockOf } from './home.ts';

/**
 * Null: it is at work.
 * @param halts whether what it is asked for waits while all is halted
 */
export function idleBecause(home: Home, service: ServiceName, halts = true): string | null {
  if (!isLocked(lockOf(home, service)))
    return `the service ${service} is not running, and does it at its next start (scripts/start)`;
  if (halts && haltedBecause(home.halted) !== null) return 'all is halted, and it is done after vigil resume';
  return null;
}
