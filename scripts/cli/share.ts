import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { codeOf, Misconfigured } from '#shared/base/errors.ts';
import { periodOf } from '#shared/base/period.ts';
import * as shareTable from '#shared/tables/share.ts';
import { openHouse } from './house.ts';
import { table } from './table.ts';

type Options = { read?: boolean; write?: boolean; revoke?: boolean; json?: boolean };

export function share(program: Command): void {
  program
    .command('share')
    .description('Show a folder to the agent and the programs that it runs. Without a path: what is shared.')
    .argument('[path]', 'a folder')
    .option('--read', 'they may read it')
    .option('--write', 'they may read and change it')
    .option('--revoke', 'they shall not see it any more, from the next call on')
    .option('--json', 'print the list for a program')
    .addHelpText('after', EXAMPLES)
    .action((path: string | undefined, options: Options, command: Command) => {
      const asked = [options.read, options.write, options.revoke].filter(Boolean).length;
      if (asked !== (path === undefined ? 0 : 1)) {
        command.error(
          'error: expected a path with one of --read, --write and --revoke, or nothing to see the list',
        );
      }
      if (path === undefined) return list(options);
      return options.revoke ? revoke(path) : open(path, options.write ? 'write' : 'read');
    });
}

const EXAMPLES = `
Examples:
  vigil share ~/Documents/recipes --read
  vigil share ~/projects/garden --write
  vigil share --revoke ~/projects/garden`;

async function open(given: string, mode: shareTable.Share['mode']): Promise<void> {
  const { isWithin, whyNotShare } = await import('../../services/tools/shareable.ts');
  const { home, store } = await openHouse();
  try {
    const path = folderAt(given);
    const why = whyNotShare(path, home);
    if (why !== null) throw new Misconfigured(`share: ${path} is not shared: ${why}`, 'name another folder');
    // One in the other would have two modes, and whoever writes in the outer one could put a link in the place of the inner.
    const over = (await store.read(shareTable.all)).find(
      (other) => other.path !== path && (isWithin(path, other.path) || isWithin(other.path, path)),
    );
    if (over) {
      throw new Misconfigured(
        `share: ${path} overlaps ${over.path}, which is shared to ${over.mode}`,
        `vigil share --revoke ${over.path}, then try again`,
      );
    }
    await store.commit([shareTable.open({ path, mode, given_at: systemClock.now() })]);
    const what = mode === 'write' ? 'read and change' : 'read';
    process.stdout.write(`the agent may ${what} ${path}, from its next call on\n`);
  } finally {
    await store.close();
  }
}

async function revoke(given: string): Promise<void> {
  const { store } = await openHouse();
  try {
    // What is gone or has become a link is revoked by the name that the list shows.
    const names = [resolve(given), ...real(given)];
    const shares = await store.read(shareTable.all);
    const found = shares.find(({ path }) => names.includes(path));
    if (!found) {
      throw new Misconfigured(
        `share: ${resolve(given)} is not shared`,
        shares.length > 0
          ? `choose one of ${shares.map(({ path }) => path).join(', ')}`
          : 'nothing is to be done',
      );
    }
    await store.commit([shareTable.close(found.path)]);
    process.stdout.write(`${found.path} is not shared any more, from the next call on\n`);
  } finally {
    await store.close();
  }
}

async function list({ json }: Options): Promise<void> {
  const { store } = await openHouse();
  try {
    const shares = await store.read(shareTable.all);
    if (json) process.stdout.write(`${JSON.stringify(shares)}\n`);
    else if (shares.length === 0)
      process.stdout.write('Nothing is shared. vigil share <path> --read shares a folder.\n');
    else {
      const rows = shares.map(({ path, mode, given_at }) => [path, mode, periodOf('day', given_at).name]);
      process.stdout.write(table(['folder', 'may', 'since'], rows));
    }
  } finally {
    await store.close();
  }
}

/** The folder itself, whatever links lead to it. */
function folderAt(given: string): string {
  const [path] = real(given);
  if (path !== undefined && statSync(path).isDirectory()) return path;
  const what = path === undefined ? 'there is nothing at' : 'expected a folder, got the file';
  throw new Misconfigured(`share: ${what} ${resolve(given)}`, 'name a folder that is there');
}

function real(given: string): string[] {
  try {
    return [realpathSync(given)];
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error))) throw error;
    return [];
  }
}
