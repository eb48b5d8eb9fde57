/** A copy by restic, which encrypts, and stores what is the same in several backups once. */

import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Copy, Means } from '../copy.ts';
import { manifestOf } from '../folder.ts';
import { madeAt } from '../retention.ts';
import { ProgramFailed, program } from './program.ts';
import { sshArguments } from './rsync.ts';
import { needed } from './secret.ts';

const TAG = 'vigil';

export type ResticSetting = { repository: string; key?: string | undefined };

export function resticCopy({ repository, key }: ResticSetting, { secret, scratch, signal }: Means): Copy {
  // Not `sftp.args`, which restic 0.14 of Debian 12 does not know.
  const [, host = '', port] = /^sftp:(?:\/\/)?([^:/]+)(?::(\d+)\/)?/.exec(repository) ?? [];
  const command = ['ssh', ...sshArguments(key), ...(port ? [`-p ${port}`] : []), host, '-s', 'sftp'];
  const ssh = key && host ? ['-o', `sftp.command=${command.join(' ')}`] : [];
  const restic = (...args: string[]) =>
    program('restic', ['--quiet', '--cache-dir', join(scratch, 'restic'), ...ssh, ...args], {
      env: {
        ...secret,
        RESTIC_REPOSITORY: repository,
        RESTIC_PASSWORD: needed(secret, 'RESTIC_PASSWORD', 'BACKUP_PASSPHRASE'),
      },
      signal,
    });

  async function snapshots(): Promise<Map<string, string>> {
    const found: { id: string; tags?: string[] }[] | null = JSON.parse(
      await restic('snapshots', '--json', '--tag', TAG),
    );
    const named = (found ?? []).flatMap(({ id, tags = [] }) =>
      tags.filter((tag) => madeAt(tag) !== null).map((tag) => [tag, id] as const),
    );
    return new Map(named);
  }

  /** A repository is made by its first backup. One that is there refuses to be made again. */
  async function ready(): Promise<void> {
    try {
      await restic('cat', 'config');
    } catch (error) {
      if (!(error instanceof ProgramFailed)) throw error;
      await restic('init').catch(() => {
        throw error;
      });
    }
  }

  return {
    target: `restic ${repository.replace(/:\/\/[^@/]*@/, '://')}`,
    async put(id, folder) {
      await ready();
      await restic('backup', '--tag', `${TAG},${id}`, '--host', 'vigil', folder);
    },
    list: async () => [...(await snapshots()).keys()].toSorted(),
    async remove(ids) {
      const known = await snapshots();
      const doomed = ids.flatMap((id) => known.get(id) ?? []);
      if (doomed.length > 0) await restic('forget', '--prune', ...doomed);
    },
    async fetch(id, to) {
      const snapshot = (await snapshots()).get(id);
      if (!snapshot) throw new Error(`restic has no backup ${id}`);
      const passage = join(scratch, 'restic.part');
      await mkdir(passage, { recursive: true, mode: 0o700 });
      try {
        await restic('restore', snapshot, '--target', passage);
        // It restores the whole path that the backup had.
        const inside = (await readdir(passage, { recursive: true })).find((path) => path.endsWith(id));
        if (!inside) throw new Error(`restic restored no folder ${id}`);
        await rename(join(passage, inside), to);
        return await manifestOf(to);
      } finally {
        await rm(passage, { recursive: true, force: true });
      }
    },
  };
}
