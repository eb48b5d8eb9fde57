/**
 * Has a service restarted by whoever supervises it. launchd is asked by its own command; everywhere else a file with the
 * service's name asks: systemd's path unit and the foreground suite watch for it.
 */

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceName } from '../manifest.ts';
import type { Home } from './home.ts';

/** @param why in one line: it is what the file says */
export async function restart(home: Home, service: ServiceName, why: string): Promise<void> {
  const label = process.env.XPC_SERVICE_NAME;
  if (label && label !== '0') {
    const { kickstart } = await import('./launchctl.ts');
    return kickstart(service);
  }
  mkdirSync(home.restarts, { recursive: true });
  // Whole when it appears: whoever watches the folder may look at once.
  const made = join(home.state, 'run', `${service}.restart`);
  writeFileSync(made, `${why.replace(/\s+/g, ' ')}\n`);
  renameSync(made, join(home.restarts, service));
}
