/** A copy by rsync: to a folder of another machine by ssh. */

import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SUFFIX } from '../archive.ts';
import type { Copy, Means } from '../copy.ts';
import { folderCopy, idsOf } from './folder.ts';
import { program } from './program.ts';

export type RsyncSetting = { target: string; key?: string | undefined; port?: number | undefined };

export function rsyncCopy({ target, key, port }: RsyncSetting, means: Means): Copy {
  const folder = target.endsWith('/') ? target : `${target}/`;
  const ssh = ['ssh', ...sshArguments(key), ...(port ? [`-p ${port}`] : [])].join(' ');
  const rsync = (...args: string[]) => program('rsync', ['-e', ssh, '--timeout=60', ...args], means);

  /** A folder for what comes or goes, which is gone afterwards. */
  async function passing<T>(step: (folder: string) => Promise<T>): Promise<T> {
    const passage = join(means.scratch, 'rsync.part');
    await rm(passage, { recursive: true, force: true });
    await mkdir(passage, { recursive: true, mode: 0o700 });
    return step(passage).finally(() => rm(passage, { recursive: true, force: true }));
  }

  return {
    target: target.replace(/:.*/s, ''),
    put: (id, from) =>
      passing(async (passage) => {
        await folderCopy({ path: passage }, means).put(id, from);
        // rsync itself writes beside and renames.
        await rsync('--times', '--chmod=F600', join(passage, `${id}${SUFFIX}`), folder);
      }),
    async list() {
      const lines = (await rsync('--list-only', folder)).trim().split('\n');
      return idsOf(lines.map((line) => line.split(/\s+/).at(-1) ?? ''));
    },
    remove: (ids) =>
      passing(async (empty) => {
        if (ids.length === 0) return;
        // From an empty folder it deletes what it may: what is left out by the last pattern is not its business.
        const doomed = ids.map((id) => `--include=/${id}${SUFFIX}`);
        await rsync('--recursive', '--delete', ...doomed, '--exclude=*', `${empty}/`, folder);
      }),
    fetch: (id, to) =>
      passing(async (passage) => {
        await rsync(`${folder}${basename(id)}${SUFFIX}`, `${passage}/`);
        return folderCopy({ path: passage }, means).fetch(id, to);
      }),
  };
}

/** BatchMode: nobody is there to answer a question. A service has no home where ssh would note whom it knows. */
export function sshArguments(key: string | undefined): string[] {
  const own = [
    `-i ${key}`,
    `-o UserKnownHostsFile=${key}.known_hosts`,
    '-o StrictHostKeyChecking=accept-new',
  ];
  return ['-o BatchMode=yes', ...(key ? own : [])];
}
