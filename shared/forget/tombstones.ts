/**
 * What was forgotten, as hashes under a key of this house's own: rows of `tombstone`, and lines of `state/tombstones`, which
 * no restore of the store takes back. Where a line has no row, an older store was put in place, and what it brought back is
 * to be forgotten again.
 *
 * The key is in no backup: with it, short words could be guessed from their hashes. So a backup that is restored on another
 * machine brings back what it holds.
 */

import { createHmac, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import * as erase from '../tables/erase.ts';
import * as tombstone from '../tables/tombstone.ts';
import type { Desk } from './erasing.ts';
import { all, type Targets } from './plan.ts';
import { normalised } from './words.ts';

type Kind = tombstone.Tombstone['kind'];
type Read = Desk['read'];

export type Tombstones = {
  /** The hash of the name of a turn, of what came in for it, or of a memory; or of a text whatever its case and spaces. */
  of(kind: Kind, name: string): string;
  /** Which of these were forgotten. */
  among(read: Read, kind: Kind, names: readonly string[]): Promise<Set<string>>;
  /** Writes them down where a restore does not reach; they are on the disk when it returns. */
  write(stones: readonly tombstone.Tombstone[]): void;
  /** Those that were written down there. */
  written(): tombstone.Tombstone[];
};

/** @param state the folder of the store */
export function openTombstones(state: string): Tombstones {
  const file = join(state, 'tombstones');
  let key: Buffer | undefined;

  function of(kind: Kind, name: string): string {
    key ??= keyIn(state);
    const words = kind === 'text' ? normalised(name) : name;
    return createHmac('sha256', key).update(`${kind}:${words}`).digest('hex');
  }

  function text(): string {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      return '';
    }
  }

  return {
    of,
    async among(read, kind, names) {
      const byHash = new Map(names.map((name) => [of(kind, name), name]));
      const found = await read(tombstone.among([...byHash.keys()]));
      return new Set(found.flatMap(({ hmac }) => byHash.get(hmac) ?? []));
    },
    write(stones) {
      const before = text();
      const lines = stones
        .filter(({ hmac }) => !before.includes(hmac))
        .map(({ kind, hmac, at }) => `${kind} ${hmac} ${at}\n`);
      // A line that a power cut has torn stays by itself.
      if (lines.length > 0)
        flushed(file, 'a', `${before === '' || before.endsWith('\n') ? '' : '\n'}${lines.join('')}`);
    },
    written() {
      return [...text().matchAll(/^(turn|memory|text) ([0-9a-f]{64}) (\d+)$/gm)].map(
        ([, kind, hmac, at]) => ({ kind: kind as Kind, hmac: hmac ?? '', at: Number(at) }),
      );
    },
  };
}

function keyIn(state: string): Buffer {
  const file = join(state, 'tombstone.key');
  try {
    flushed(file, 'wx', `${randomBytes(32).toString('hex')}\n`);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  const text = readFileSync(file, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new Error(`${file}: expected 64 hexadecimal digits, got ${text.length} characters`);
  return Buffer.from(text, 'hex');
}

function flushed(file: string, flag: 'a' | 'wx', text: string): void {
  const descriptor = openSync(file, flag, 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  const folder = openSync(join(file, '..'), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** What an older store has brought back; null: nothing. */
export async function returned(read: Read, stones: Tombstones): Promise<Targets | null> {
  const rows = new Set((await read(tombstone.all)).map(({ hmac }) => hmac));
  const lost = stones.written().filter(({ hmac }) => !rows.has(hmac));
  if (lost.length === 0) return null;
  const hashes = new Set(lost.map(({ hmac }) => hmac));
  const isLost = (kind: Kind) => (row: { name: string }) => hashes.has(stones.of(kind, row.name));
  const open = await read(erase.openTurns);
  const turns = new Set(open.filter(isLost('turn')).map(({ name }) => name));
  let last = '';
  for await (const row of all(read, (after, most) => erase.names('turn', after, most))) {
    // A turn's messages stand together.
    if (row.name !== last && isLost('turn')(row)) turns.add(row.name);
    last = row.name;
  }
  const memories: number[] = [];
  for await (const row of all(read, (after, most) => erase.names('memory', after, most)))
    if (isLost('memory')(row)) memories.push(row.id);
  const inbound = (await read(erase.pending)).filter(isLost('turn')).map(({ id }) => id);
  return turns.size + memories.length + inbound.length > 0 ? { turns: [...turns], memories, inbound } : null;
}

/** Makes the rows of those that are written down: from now on the store knows them too. */
export async function settle({ read, commit }: Desk, stones: Tombstones): Promise<void> {
  const rows = await read(tombstone.all);
  stones.write(rows);
  const written = stones.written();
  if (written.length > rows.length) await commit([tombstone.set(written)]);
}
