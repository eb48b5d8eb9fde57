/**
 * What is left of words on the disk, after the rows that held them are gone: the write-ahead log is cut, and the bytes of the
 * store are looked through, in a process of their own: one that has the store open may not open its file beside it.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import Database from 'better-sqlite3';
import { codeOf } from '../base/errors.ts';

/** Folds the log into the store and cuts it to nothing. False: somebody reads or writes meanwhile, and it is still there. */
export function cutLog(file: string): boolean {
  const db = new Database(file, { timeout: 0, fileMustExist: true });
  try {
    // As much as goes without making anybody wait; the cut itself, which they wait for, is short then.
    db.pragma('wal_checkpoint(PASSIVE)');
    const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    return result?.busy === 0;
  } finally {
    db.close();
  }
}

/**
 * Writes the store anew, row by row: what a page has kept of a row that moved elsewhere is not copied. Everybody waits for
 * it. False: somebody else is writing.
 */
export function rewrite(file: string): boolean {
  const db = new Database(file, { timeout: 0, fileMustExist: true });
  try {
    db.pragma('secure_delete = ON');
    db.exec('VACUUM');
    return true;
  } catch (error) {
    if (!codeOf(error).startsWith('SQLITE_BUSY')) throw error;
    return false;
  } finally {
    db.close();
  }
}

export type Remains = {
  /** In the store: its file or its log. */
  store: boolean;
  /** Other files in which the words stand. */
  elsewhere: string[];
  /** What could not be read. */
  unread: string[];
};

/** Small letters of ASCII; links are not followed, and what goes away meanwhile is nothing. Two bytes decide whether to look closer. */
const SCAN = `
  const { readdirSync, openSync, readSync, closeSync, lstatSync } = require('node:fs');
  const { join } = require('node:path');
  const { store, places, except, needles } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
  try { require('node:os').setPriority(19); } catch { /* Not every system lets it: then it looks at the usual pace. */ }
  const small = Uint8Array.from({ length: 256 }, (_, byte) => byte >= 65 && byte <= 90 ? byte + 32 : byte);
  const byStart = new Map();
  let longest = 1;
  for (const needle of needles) {
    const bytes = Buffer.from(needle).map((byte) => small[byte]);
    const start = bytes[0] | bytes[1] << 8;
    byStart.set(start, [...byStart.get(start) ?? [], bytes]);
    longest = Math.max(longest, bytes.length);
  }
  const starts = new Uint8Array(65536);
  for (const start of byStart.keys()) starts[start] = 1;
  const buffer = Buffer.alloc(2 ** 20 + longest);
  const unread = [], elsewhere = [];
  const gone = ({ code }) => code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO';
  function holds(file) {
    const descriptor = openSync(file, 'r');
    try {
      for (let kept = 0; ; ) {
        const end = kept + readSync(descriptor, buffer, kept, 2 ** 20, null);
        if (end === kept) return false;
        for (let at = kept; at < end; at++) buffer[at] = small[buffer[at]];
        for (let at = 0; at < end - 1; at++) {
          if (!starts[buffer[at] | buffer[at + 1] << 8]) continue;
          for (const needle of byStart.get(buffer[at] | buffer[at + 1] << 8))
            if (at + needle.length <= end && buffer.compare(needle, 0, needle.length, at, at + needle.length) === 0) return true;
        }
        // What begins at the end of this piece is seen whole with the next.
        kept = Math.min(end, longest - 1);
        buffer.copyWithin(0, end - kept, end);
      }
    } finally {
      closeSync(descriptor);
    }
  }
  function looked(file) {
    try { return holds(file); } catch (error) { if (!gone(error)) unread.push(file); return false; }
  }
  function walk(path) {
    if (except.includes(path)) return;
    try {
      const found = lstatSync(path);
      if (found.isDirectory()) for (const name of readdirSync(path)) walk(join(path, name));
      else if (found.isFile() && looked(path)) elsewhere.push(path);
    } catch (error) { if (!gone(error)) unread.push(path); }
  }
  const parts = [store, store + '-wal'];
  except.push(...parts, store + '-shm');
  const inStore = parts.filter(looked).length > 0;
  for (const place of places) walk(place);
  console.log(JSON.stringify({ store: inStore, elsewhere, unread }));
`;

/**
 * Looks for the words, whatever the case of their letters, in the store and in all files of these places.
 * @param except files and folders that are not looked into
 */
export async function remainsOf(
  of: {
    store: string;
    places: readonly string[];
    except: readonly string[];
    needles: readonly string[];
  },
  signal?: AbortSignal,
): Promise<Remains> {
  if (of.needles.length === 0) return { store: false, elsewhere: [], unread: [] };
  const child = spawn(process.execPath, ['-e', SCAN], { stdio: ['pipe', 'pipe', 'pipe'], signal });
  const ended = once(child, 'close');
  ended.catch(() => {}); // it is waited for below, and may fail before
  child.stdin.on('error', () => {}); // it has died: its code tells
  // By its input: what stands in a command line, everybody on the machine can read.
  child.stdin.end(JSON.stringify(of));
  const [said, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await ended;
  if (code !== 0) throw new Error(`the search for what remains ended with ${code}: ${complaint.slice(-500)}`);
  return JSON.parse(said);
}
