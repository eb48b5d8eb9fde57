/** The files of a release that its supervisor reads, and what of them lies where the supervisor reads it. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { note } from '#shared/units/process.ts';
import type { Place } from './place.ts';

const folders = { system: 'systemd', user: 'systemd/user', mac: 'launchd' };

/** The text of each unit file or property list that the release has for such a place, by name. */
function unitsOf(place: Place, release: string): Map<string, string> {
  return textsIn(
    join(release, folders[place.profile]),
    /^(vigil|ai\.vigil)[-.@].*(service|target|slice|path|timer|plist)$/,
  );
}

/** Those that are installed: generated files alone, nobody's own. */
export function installedUnits(place: Place): Map<string, string> {
  const found = textsIn(place.units, /^(vigil|ai\.vigil)[-.@]/);
  return new Map([...found].filter(([, text]) => text.includes(note)));
}

/** What an installation of the release's units would write, and remove. */
export function unitChanges(place: Place, release: string): { write: Map<string, string>; remove: string[] } {
  const wanted = unitsOf(place, release);
  const there = installedUnits(place);
  return {
    write: new Map([...wanted].filter(([name, text]) => there.get(name) !== text)),
    remove: [...there.keys()].filter((name) => !wanted.has(name)),
  };
}

function textsIn(folder: string, pattern: RegExp): Map<string, string> {
  const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
  const names = entries.filter((entry) => entry.isFile() && pattern.test(entry.name)).map(({ name }) => name);
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
