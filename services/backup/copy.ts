/** Places elsewhere that backups are copied to. What a place does not encrypt by itself, we do. */

import type { Secret } from '#shared/runtime/credentials.ts';
import type { Config, CopySetting } from './config.ts';
import { folderCopy } from './copy/folder.ts';
import { resticCopy } from './copy/restic.ts';
import { rsyncCopy } from './copy/rsync.ts';
import { s3Copy } from './copy/s3.ts';
import type { Manifest } from './folder.ts';

export type Copy = {
  /** Whom it asks, for the accounts. */
  target: string;
  /** Copies the backup in `folder`, whose name is its id. It is there as a whole, or not at all. */
  put(id: string, folder: string): Promise<void>;
  /** The ids of those that are there. */
  list(): Promise<string[]>;
  remove(ids: readonly string[]): Promise<void>;
  /** Puts it into the folder `to`, which is not there yet. */
  fetch(id: string, to: string): Promise<Manifest>;
};

/** What the places need to be reached and read. `scratch`: a folder for what is on its way. `signal`: ends it. */
export type Means = { secret: Secret; scratch: string; signal?: AbortSignal | undefined };

export function copiesOf(config: Config, means: Means): Map<string, Copy> {
  return new Map(Object.entries(config.copies).map(([name, setting]) => [name, copyOf(setting, means)]));
}

function copyOf(setting: CopySetting, means: Means): Copy {
  if (setting.kind === 'folder') return folderCopy(setting, means);
  if (setting.kind === 'rsync') return rsyncCopy(setting, means);
  if (setting.kind === 's3') return s3Copy(setting, means);
  return resticCopy(setting, means);
}
