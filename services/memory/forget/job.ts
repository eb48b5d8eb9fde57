/**
 * What is being forgotten: the plan of each wish, as a file of `state/forgetting`, from before anything is erased until all
 * of it is proved gone. It holds the words that are looked for, so it is no row of the store, and in no backup.
 */

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '#shared/base/errors.ts';
import type { Plan } from '#shared/forget/plan.ts';
import type { Wish } from '#shared/tables/wish.ts';

export type Job = {
  /** When it was wished: in a store that was restored, another wish may have its number. */
  wished_at: number;
  plan: Plan;
  /** What could not be removed, and why. */
  unremoved: string[];
  /** The request for a backup that holds none of it. */
  request_id: number | null;
};

export type Jobs = {
  /** Null: there is none, or it is of another wish. */
  of(wish: Pick<Wish, 'id' | 'at'>): Job | null;
  /** It is on the disk when this returns. */
  keep(wish: Pick<Wish, 'id'>, job: Job): void;
  drop(id: number): void;
  ids(): number[];
};

export const folderOf = (state: string) => join(state, 'forgetting');

export function openJobs(state: string): Jobs {
  const folder = folderOf(state);
  const fileOf = (id: number) => join(folder, `${id}.json`);
  return {
    of({ id, at }) {
      try {
        const job: Job = JSON.parse(readFileSync(fileOf(id), 'utf8'));
        return job.wished_at === at ? job : null;
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return null;
        throw error;
      }
    },
    keep({ id }, job) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const part = `${fileOf(id)}.part`;
      rmSync(part, { force: true });
      const file = openSync(part, 'wx', 0o600);
      try {
        writeSync(file, JSON.stringify(job));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(part, fileOf(id));
      const directory = openSync(folder, 'r');
      try {
        fsyncSync(directory);
      } finally {
        closeSync(directory);
      }
    },
    drop(id) {
      rmSync(fileOf(id), { force: true });
      rmSync(`${fileOf(id)}.part`, { force: true });
    },
    ids() {
      try {
        return [...new Set(readdirSync(folder).flatMap((name) => Number.parseInt(name, 10) || []))];
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return [];
        throw error;
      }
    },
  };
}
