/** A copy in a folder: another disk, a share of the network. */

import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { codeOf } from '#shared/base/errors.ts';
import { packed, SUFFIX, unpacked } from '../archive.ts';
import type { Copy, Means } from '../copy.ts';
import { needed } from './secret.ts';

/** Their folder must be there: one that is made where a disk is not mounted would fill the wrong one. */
export function folderCopy({ path }: { path: string }, { secret, signal }: Means): Copy {
  const fileOf = (id: string) => join(path, `${id}${SUFFIX}`);
  return {
    target: path,
    async put(id, folder) {
      const part = `${fileOf(id)}.part`;
      try {
        await pipeline(
          packed(folder, needed(secret, 'BACKUP_PASSPHRASE')),
          createWriteStream(part, { mode: 0o600, flush: true }),
          ...(signal ? [{ signal }] : []),
        );
        await rename(part, fileOf(id));
      } catch (error) {
        // Neither is there anything to remove where nothing may be written.
        if (codeOf(error) === 'EROFS') throw closed(path, error);
        await rm(part, { force: true });
        throw error;
      }
    },
    list: async () => idsOf(await readdir(path)),
    async remove(ids) {
      for (const id of ids) await rm(fileOf(id), { force: true });
    },
    async fetch(id, to) {
      const passphrase = needed(secret, 'BACKUP_PASSPHRASE');
      return unpacked(createReadStream(fileOf(id)), passphrase, to);
    },
  };
}

/** The unit of the service lets it write to the state alone. */
function closed(path: string, cause: unknown): Error {
  return new Error(
    `${path} is read-only for the service backup; cure: open it, as docs/backup.md says (ReadWritePaths=)`,
    { cause },
  );
}

/** The ids among names of files. */
export function idsOf(names: readonly string[]): string[] {
  return names
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => name.slice(0, -SUFFIX.length))
    .toSorted();
}
