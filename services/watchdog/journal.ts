/**
 * What the watchdog must know without the store: whom to tell, what it has told of a store that is out, and whom it had
 * restarted. A small file, written when something of it changes; on a disk that takes none it is kept in memory.
 */

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Routes } from '#shared/tables/telling.ts';

export type Outage = { text: string; since_at: number; told: Routes; tries: number; due_at: number };

export type Journal = {
  owners: number[];
  outage: Outage | null;
  restarts: { [service: string]: number[] };
};

export function openJournal(state: string): { read: Journal; write(): void } {
  const file = join(state, 'run', 'watchdog.json');
  const journal: Journal = { owners: [], outage: null, restarts: {} };
  let written = '';
  try {
    written = readFileSync(file, 'utf8');
    Object.assign(journal, JSON.parse(written));
  } catch {
    // None yet, or half of one: it begins anew.
  }
  return {
    read: journal,
    write() {
      const text = JSON.stringify(journal);
      if (text === written) return;
      try {
        writeFileSync(`${file}.new`, text, { mode: 0o600 });
        renameSync(`${file}.new`, file);
        written = text;
      } catch {
        // The next change tries again.
      }
    },
  };
}
