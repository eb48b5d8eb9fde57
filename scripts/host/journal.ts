/** What a switch from one release to another writes down before it does it: `<prefix>/upgrade.json`. */

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ServiceName } from '#shared/manifest.ts';
import type { Place } from './place.ts';
import { flush } from './releases.ts';

export type Journal = {
  verb: 'upgrade' | 'rollback';
  step: 'preparing' | 'stopping' | 'switching';
  from: string;
  to: string;
  /** What `previous` was when it began. */
  previous: string | null;
  /** Must be ready afterwards. */
  expected: ServiceName[];
  /** upgrade: of the store before it. rollback: to be put back. */
  snapshot: string | null;
  /** Where a newer store is kept. */
  aside: string | null;
};

const journalOf = (place: Place) => join(place.prefix, 'upgrade.json');

/** What was begun and not ended. */
export function unfinished(place: Place): Journal | null {
  const file = journalOf(place);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

/** Writes down what is about to be done. */
export function note(place: Place, journal: Journal): Journal {
  const file = journalOf(place);
  const fd = openSync(`${file}.next`, 'w', 0o600);
  writeFileSync(fd, `${JSON.stringify(journal, null, 1)}\n`);
  fsyncSync(fd);
  closeSync(fd);
  renameSync(`${file}.next`, file);
  flush(place.prefix);
  return journal;
}

export function ended(place: Place): void {
  rmSync(journalOf(place), { force: true });
  flush(place.prefix);
}
