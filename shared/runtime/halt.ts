/**
 * The halt: one file, which anybody may make, by hand too, and which outlives every restart. It is looked for all the
 * time, so that no program needs to be alive, or to listen, for it to work; whoever makes it with us rings a bell as well.
 */

import {
  closeSync,
  existsSync,
  type FSWatcher,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  watch,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from '../base/errors.ts';

/** Within a second all has stopped, bell or no bell; four looks a second took a third of an idle house's processor. */
const LOOK_ms = 750;

/** Rung as the queues' bells are (see store/bell.ts). */
function bellOf(file: string): string {
  return join(dirname(file), 'bells', 'halt');
}

function ring(file: string): void {
  try {
    const bell = openSync(bellOf(file), 'r+');
    writeSync(bell, '\n', 0);
    closeSync(bell);
  } catch (error) {
    // Nobody has started here yet, or this user may not ring: the file alone is looked for too.
    if (!/^(ENOENT|ENOTDIR|EACCES|EPERM|EROFS)$/.test(codeOf(error))) throw error;
  }
}

export type Halt = {
  /** Whether all is halted now; asks the disk. */
  on(): boolean;
  /** Tells of each change, from now on; of a halt that has followed a resume at once, too. */
  onChange(handler: (halted: boolean) => void): void;
  close(): void;
};

export function watchHalt(file: string): Halt {
  const handlers: ((halted: boolean) => void)[] = [];
  /** Its time too: one file can have taken the place of another, and what began between them must end. */
  const made = () => statSync(file, { bigint: true, throwIfNoEntry: false })?.ctimeNs ?? null;
  let known = made();
  /** Whoever asks is told no more than all are: work that was held back would not hear that it may go on. */
  function look(): boolean {
    const now = made();
    if (now !== known) {
      known = now;
      for (const handler of handlers) handler(now !== null);
    }
    return now !== null;
  }
  const timer = setInterval(look, LOOK_ms).unref();
  const bells = hearing(bellOf(file), look);
  return {
    on: look,
    onChange: (handler) => void handlers.push(handler),
    close() {
      clearInterval(timer);
      bells?.close();
    },
  };
}

/** A disk that takes no bell leaves the looks. */
function hearing(bell: string, look: () => void): FSWatcher | undefined {
  try {
    mkdirSync(dirname(bell), { recursive: true });
    closeSync(openSync(bell, 'a'));
  } catch (error) {
    if (!/^(EROFS|EACCES|EPERM|ENOSPC|ENOENT|ENOTDIR)$/.test(codeOf(error))) throw error;
    return undefined;
  }
  return watch(bell, { persistent: false }, () => setImmediate(look));
}

/** @param why who, and what for: it is what the file says. @returns false when all is halted already */
export function halt(file: string, why: string): boolean {
  let made: number;
  try {
    made = openSync(file, 'wx', 0o660);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  try {
    writeSync(made, `${new Date().toISOString()} ${why}\n`);
    fsyncSync(made);
  } catch (error) {
    // A full disk has no room for the words; the file alone halts.
    if (codeOf(error) !== 'ENOSPC') throw error;
  } finally {
    closeSync(made);
  }
  // Its name is in the folder: unflushed, a power cut would end the halt.
  const folder = openSync(dirname(file), 'r');
  fsyncSync(folder);
  closeSync(folder);
  ring(file);
  return true;
}

/** @returns false when nothing was halted */
export function resume(file: string): boolean {
  const was = existsSync(file);
  rmSync(file, { force: true, recursive: true });
  ring(file);
  return was;
}

/** What the file says, for whoever asks why nothing moves; null when nothing is halted. */
export function haltedBecause(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    // It halts all the same: what root made, or a folder.
    return `${file} cannot be read (${codeOf(error)})`;
  }
}
