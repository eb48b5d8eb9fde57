/** The store of an installation kept before an upgrade, and put back after one, with the rights that it had. */

import {
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { putBack, takeSnapshot } from '#shared/store/snapshot.ts';
import { FILE, REFUSED } from '#shared/store/store.ts';
import { flush } from './releases.ts';

/** A copy of the store, which may be in use, on the disk under its name or not there at all. */
export async function keepStore(directory: string, to: string): Promise<void> {
  const folder = dirname(to);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const part = `${to}.part`;
  rmSync(part, { force: true });
  await takeSnapshot(directory, part);
  like(part, statSync(join(directory, FILE)));
  flush(part);
  renameSync(part, to);
  flush(folder);
}

/** Puts the copy back; nobody may have the store open. What was there is kept `aside`. The second call does nothing. */
export function restoreStore(directory: string, snapshot: string, schema: number, aside: string): void {
  if (existsSync(aside) && !existsSync(join(directory, REFUSED))) return;
  const part = join(directory, `${FILE}.part`);
  // Root writes here where services may: a link that one has left is not followed.
  rmSync(part, { force: true });
  copyFileSync(snapshot, part, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  like(part, statSync(snapshot));
  flush(part);
  putBack(directory, part, { application_id: 0, schema, rows: {} }, aside);
  flush(directory);
}

/** The same owner, group and rights: whoever shares the store shares its copies, and nobody else. */
function like(path: string, { uid, gid, mode }: Stats): void {
  const now = statSync(path);
  if (now.uid !== uid || now.gid !== gid) chownSync(path, uid, gid);
  chmodSync(path, mode & 0o7777);
}
