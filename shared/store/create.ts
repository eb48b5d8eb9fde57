import { closeSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../base/errors.ts';

/**
 * A database that is not there yet begins as an empty file with the right mode, which SQLite then gives to the -wal and
 * -shm too: closed to others, or open to the group that shares its folder. Only a file that did not exist is opened
 * here, so no lock of this process can be on it.
 */
export function create(file: string): void {
  try {
    closeSync(openSync(file, 'wx', statSync(dirname(file)).mode & 0o020 ? 0o660 : 0o600));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}
