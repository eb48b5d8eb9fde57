/** The log files of several services, read as one: from the end backwards, and then what is appended. */

import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from './errors.ts';
import type { Level } from './log.ts';

/** `time` is ISO 8601 in UTC: it sorts as text. */
export type Line = { line: string; time: string };

export const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error', 'fatal'];

const CHUNK_bytes = 64 * 1024;

export type Logs = {
  /** What there was when they were opened, newest first. */
  backwards(): Generator<Line>;
  /** What has come since the last call, oldest first. */
  more(): Line[];
};

/**
 * @param names whose; all when there are none. A service's further workers belong to it.
 * @param before only what is older, found without reading what is not
 */
export function openLogs(folder: string, names: readonly string[], before?: string): Logs {
  /** Of each role the file that is read and how far, so that nothing between the past and what comes is missed. */
  const ends = new Map(
    rolesIn(folder, names).map((role) => [
      role,
      before === undefined ? endOf(folder, role) : endBefore(folder, role, before),
    ]),
  );
  return {
    *backwards() {
      const newest = [...ends].map(([role, end]) => {
        const lines = lastFirst(folder, role, end);
        return { lines, next: lines.next() };
      });
      for (;;) {
        const left = newest.filter(({ next }) => !next.done);
        const latest = left.reduce<(typeof left)[number] | undefined>(
          (best, one) => (!best || timeOf(one) > timeOf(best) ? one : best),
          undefined,
        );
        if (!latest || latest.next.done) return;
        yield latest.next.value;
        latest.next = latest.lines.next();
      }
    },
    more() {
      const found = rolesIn(folder, names).flatMap((role) => {
        const end = ends.get(role) ?? { number: 0, bytes: 0 };
        ends.set(role, end);
        return appended(folder, role, end);
      });
      return found.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    },
  };
}

/** Which lines are wanted. What is no JSON is none of ours. */
export function filterOf({ id, level }: { id?: string; level: Level }): (line: string) => boolean {
  const levels = LEVELS.slice(LEVELS.indexOf(level));
  return (line) => {
    const said = /^\{"level":"(\w+)"/.exec(line)?.[1];
    if (!levels.some((name) => name === said)) return false;
    if (id === undefined) return true;
    if (!line.includes(id)) return false;
    // Of an id its beginning will do, as elsewhere; the words of a message are none.
    return Object.values(JSON.parse(line)).some((value) => String(value).startsWith(id));
  };
}

function timeOf({ next }: { next: IteratorResult<Line> }): string {
  return next.done ? '' : next.value.time;
}

function rolesIn(folder: string, names: readonly string[]): string[] {
  const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
  const all = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  if (names.length === 0) return all;
  return all.filter((role) => names.includes(role.replace(/-\d+$/, '')));
}

/** The numbers of a role's files, oldest first. */
function numbersOf(folder: string, role: string): number[] {
  const pattern = new RegExp(`^${role}\\.(\\d+)\\.log$`);
  return readdirSync(join(folder, role))
    .flatMap((file) => pattern.exec(file)?.slice(1).map(Number) ?? [])
    .sort((a, b) => a - b);
}

type End = { number: number; bytes: number };

function endOf(folder: string, role: string): End {
  const number = numbersOf(folder, role).at(-1) ?? 0;
  return { number, bytes: withFile(folder, role, number, (fd) => fstatSync(fd).size) ?? 0 };
}

/** Where the first line begins that is not older; the lines of a role are in the order of their time. */
function endBefore(folder: string, role: string, before: string): End {
  for (const number of numbersOf(folder, role).reverse()) {
    const bytes = withFile(folder, role, number, (fd) => {
      let [older, newer] = [-1, fstatSync(fd).size];
      while (newer - older > 1) {
        const middle = Math.floor((older + newer) / 2);
        if (isSince(fd, middle, before)) newer = middle;
        else older = middle;
      }
      return lineBehind(fd, newer);
    });
    if (bytes) return { number, bytes };
  }
  return { number: 0, bytes: 0 };
}

/** Whether the first line of ours from here on is not older. */
function isSince(fd: number, from: number, before: string): boolean {
  for (let at = lineBehind(fd, from); ; at = lineBehind(fd, at + 1)) {
    const text = read(fd, at, at + HEAD_bytes).toString('utf8');
    if (text === '') return true;
    const time = timeIn(text);
    if (time !== undefined) return time >= before;
  }
}

/** A line's time is in so many of its first bytes. */
const HEAD_bytes = 128;

/** Where the first line begins from here on. */
function lineBehind(fd: number, from: number): number {
  if (from === 0) return 0;
  for (let at = from - 1; ; at += CHUNK_bytes / 16) {
    const bytes = read(fd, at, at + CHUNK_bytes / 16);
    const end = bytes.indexOf(10);
    if (end >= 0) return at + end + 1;
    if (bytes.length === 0) return at;
  }
}

/** Null when the file is gone: the oldest go while they are read. */
function withFile<T>(folder: string, role: string, number: number, use: (fd: number) => T): T | null {
  let fd: number;
  try {
    fd = openSync(join(folder, role, `${role}.${number}.log`), 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function read(fd: number, from: number, to: number): Buffer {
  const bytes = Buffer.alloc(to - from);
  return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, from));
}

function timeIn(text: string): string | undefined {
  return /"time":"([^"]+)"/.exec(text)?.[1];
}

/** Lines as they are written: without a time it is none of ours. */
function lineOf(line: string): Line[] {
  const time = timeIn(line);
  return time && line.startsWith('{') && line.endsWith('}') ? [{ line, time }] : [];
}

function* lastFirst(folder: string, role: string, end: End): Generator<Line> {
  for (const number of numbersOf(folder, role).reverse()) {
    if (number > end.number) continue;
    let to =
      number === end.number ? end.bytes : (withFile(folder, role, number, (fd) => fstatSync(fd).size) ?? 0);
    /** The beginning of what follows: its line began before. */
    let rest = Buffer.alloc(0);
    while (to > 0) {
      const from = Math.max(0, to - CHUNK_bytes);
      const stop = to;
      const bytes = withFile(folder, role, number, (fd) => read(fd, from, stop));
      if (bytes === null) break;
      const text = Buffer.concat([bytes, rest]);
      const first = from === 0 ? 0 : text.indexOf(10) + 1;
      const torn = from > 0 && first === 0; // one line fills it all
      rest = torn ? text : text.subarray(0, first);
      if (!torn) yield* text.subarray(first).toString('utf8').split('\n').reverse().flatMap(lineOf);
      to = from;
    }
  }
}

/** What came behind `end`, which moves on; a line that is not whole yet stays for the next time. */
function appended(folder: string, role: string, end: End): Line[] {
  const found: Line[] = [];
  for (const number of numbersOf(folder, role)) {
    if (number < end.number) continue;
    if (number > end.number) Object.assign(end, { number, bytes: 0 });
    const bytes = withFile(folder, role, number, (fd) => read(fd, end.bytes, fstatSync(fd).size));
    const whole = bytes?.subarray(0, bytes.lastIndexOf(10) + 1) ?? Buffer.alloc(0);
    end.bytes += whole.length;
    found.push(...whole.toString('utf8').split('\n').flatMap(lineOf));
  }
  return found;
}
