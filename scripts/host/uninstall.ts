/** Takes an installation away again: all but its data, or its data too. */

import { existsSync, lstatSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { forgetFolders, removeAccounts } from './accounts.ts';
import { supervisorOf } from './host.ts';
import { isEmpty, removeEmpty } from './owner.ts';
import { demandRoot } from './permit.ts';
import type { Place } from './place.ts';
import { isOurs } from './preflight.ts';
import { carryOut, type Step } from './step.ts';
import { installedUnits } from './units.ts';

export type Uninstalling = {
  place: Place;
  /** Config, credentials, store, workspace, logs, and the users whose they are. */
  purge: boolean;
  dryRun: boolean;
  say(line: string): void;
};

/** What is kept when nothing is purged. */
export function dataOf({ home }: Place): string[] {
  return [...new Set([home.config, home.credentials, home.state, home.logs])];
}

/** Returns how many steps there were to do. */
export async function uninstall(options: Uninstalling): Promise<number> {
  if (options.place.profile === 'system') demandRoot('to take away an installation of the machine');
  return carryOut(uninstallSteps(options), options);
}

function uninstallSteps({ place, purge }: Uninstalling): Step[] {
  const { prefix, home, command } = place;
  const system = place.profile === 'system';
  const parts = [
    'current',
    'previous',
    'releases',
    'snapshots',
    'runtime',
    'upgrade.json',
    'rollback.json',
  ].map((name) => join(prefix, name));
  const data = system ? [dirname(home.config), home.state, home.logs] : [prefix];
  return [
    {
      words: `stop every service, and remove the units from ${place.units}`,
      due: () => installedUnits(place).size > 0,
      act: () => supervisorOf(place).uninstall(),
    },
    {
      words: `remove ${command}`,
      due: () => isOurs(command, prefix),
      act: () => rmSync(command),
    },
    ...(system ? [forgetFolders] : []),
    ...(system ? [prefix] : parts).map(removal),
    ...(place.profile === 'user' ? [emptied(place)] : []),
    ...(purge ? data.map(removal) : []),
    ...(purge && system ? [removeAccounts] : []),
  ];
}

function removal(path: string): Step {
  return {
    words: `remove ${path}`,
    due: () => lstatSync(path, { throwIfNoEntry: false }) !== undefined,
    act: () => rmSync(path, { recursive: true }),
  };
}

/** Folders of the user's that others could have things in as well. */
function emptied({ units, command }: Place): Step {
  const folders = [units, dirname(command)].flatMap((path) => [path, dirname(path)]);
  return {
    words: `remove what is empty now of ${folders.join(', ')}`,
    due: () => folders.some((path) => existsSync(path) && isEmpty(path)),
    act: () => removeEmpty(...folders, dirname(dirname(units))),
  };
}
