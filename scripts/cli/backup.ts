/** Backups by hand: made now, listed, checked, put back. */

import { createReadStream, existsSync, rmSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { Misconfigured, messageOf } from '#shared/base/errors.ts';
import { type Home, homeOf, lockOf } from '#shared/runtime/home.ts';
import * as request from '#shared/tables/backup_request.ts';
import type { Copy } from '../../services/backup/copy.ts';
import { follow, openHouse } from './house.ts';
import { type PassphraseOption, passphraseOf } from './passphrase.ts';
import { table } from './table.ts';

type Source = PassphraseOption & { from?: string };

export function backup(program: Command): void {
  const verb = program.command('backup').description('Backups: made, listed, checked, put back.');
  verb.command('now').description('Make one, and copy it to every place elsewhere.').action(now);
  verb
    .command('list', { isDefault: true })
    .description('Show those that there are.')
    .option('--from <name>', 'those of this place of [backup.copies]')
    .option('--json', 'print it for a program')
    .action(list);
  verb
    .command('verify')
    .description('Read a backup through, and restore its store to a scratch place.')
    .argument('[backup]', 'its id, its folder, or an encrypted file; the newest when left out')
    .option('--from <name>', 'fetch it from this place of [backup.copies]')
    .option('--passphrase-file <file>', 'what it is encrypted with; asked for when left out')
    .action(verify);
  verb
    .command('restore')
    .description('Put a backup in place. Vigil must be stopped; what is there stays beside.')
    .argument('[backup]', 'its id, its folder, or an encrypted file; the newest when left out')
    .option('--to <dir>', 'the home to restore into (VIGIL_HOME), instead of this one')
    .option('--from <name>', 'fetch it from this place of [backup.copies]')
    .option('--passphrase-file <file>', 'what it is encrypted with; asked for when left out')
    .action(restore);
}

async function now(): Promise<void> {
  const { home, store } = await openHouse();
  try {
    const { isLocked } = await import('#shared/store/liveness.ts');
    if (!isLocked(lockOf(home, 'backup'))) {
      throw new Misconfigured(
        `backup: the service is not running on ${home.directory}`,
        'start it: scripts/start --no-chat',
      );
    }
    const asked = userInfo().username;
    const [[row]] = await store.commit([request.ask(asked, systemClock.now())]);
    if (!row) throw new Error('backup_request.ask: no row came back');
    let outcome: string | null = null;
    await follow(store, async () => {
      outcome = (await store.read(request.of(row.id)))[0]?.outcome ?? null;
      return outcome !== null;
    });
    process.stdout.write(`${outcome}\n`);
  } finally {
    await store.close();
  }
}

async function list(options: { from?: string; json?: boolean }): Promise<void> {
  const { listBackups, manifestOf, bytesOf } = await import('../../services/backup/folder.ts');
  const home = homeOf();
  if (options.from !== undefined) {
    const from = options.from;
    const ids = await aside(home, async (scratch) => (await copyNamed(home, from, scratch)).list());
    process.stdout.write(options.json ? `${JSON.stringify(ids)}\n` : ids.map((id) => `${id}\n`).join(''));
    return;
  }
  const rows = await Promise.all(
    (await listBackups(home.backups)).map(async (id) => {
      const manifest = await manifestOf(join(home.backups, id)).catch(() => null);
      return { id, job: manifest?.job ?? 'unreadable', bytes: manifest ? bytesOf(manifest) : null };
    }),
  );
  if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else if (rows.length === 0) process.stdout.write('There is no backup yet.\n');
  else {
    const mb = (bytes: number | null) => (bytes === null ? '–' : (bytes / 1e6).toFixed(1));
    process.stdout.write(
      table(
        ['backup', '>MB', 'made for'],
        rows.map((row) => [row.id, mb(row.bytes), row.job]),
      ),
    );
  }
}

async function verify(which: string | undefined, options: Source): Promise<void> {
  const { checkBackup } = await import('../../services/backup/folder.ts');
  const home = homeOf();
  await found(home, which, options, async (folder, scratch) => {
    const wrong = await checkBackup(folder, join(scratch, 'check'));
    if (wrong !== null)
      throw new Misconfigured(`backup: ${which ?? folder} is damaged: ${wrong}`, 'make a new one');
    process.stdout.write('whole: every file is as it was, and its store restores\n');
  });
}

async function restore(which: string | undefined, options: Source & { to?: string }): Promise<void> {
  const { restore: putBack } = await import('../../services/backup/restore.ts');
  const here = homeOf();
  const to = options.to === undefined ? here : homeOf({ VIGIL_HOME: resolve(options.to) });
  await found(here, which, options, async (folder) => {
    const kept = await putBack(folder, to, systemClock.now());
    process.stdout.write(`restored into ${to.directory}\n`);
    for (const path of kept) process.stdout.write(`what was there before is now ${path}\n`);
  });
}

/** Finds the backup that is meant, and has it as a folder for as long as `step` takes, beside a scratch one. */
async function found(
  home: Home,
  which: string | undefined,
  options: Source,
  step: (folder: string, scratch: string) => Promise<void>,
): Promise<void> {
  const { listBackups } = await import('../../services/backup/folder.ts');
  const failed = (error: unknown) => {
    throw new Misconfigured(`backup: ${messageOf(error)}`, 'see which there are: vigil backup list', {
      cause: error,
    });
  };
  await aside(home, async (scratch) => {
    const fetched = join(scratch, 'fetched');
    if (options.from !== undefined) {
      const copy = await copyNamed(home, options.from, scratch, options);
      const id = which ?? (await copy.list()).at(-1);
      if (!id) throw new Misconfigured(`backup: ${options.from} holds none`, 'choose another place');
      await copy.fetch(id, fetched).catch(failed);
      return step(fetched, scratch);
    }
    const path = which ?? (await listBackups(home.backups)).at(-1);
    if (!path)
      throw new Misconfigured(
        `backup: there is none in ${home.backups}`,
        'name a folder or an encrypted file',
      );
    const place = [join(home.backups, path), resolve(path)].find((one) => existsSync(one));
    if (!place)
      throw new Misconfigured(`backup: there is no ${path}`, 'see which there are: vigil backup list');
    if (statSync(place).isDirectory()) return step(place, scratch);
    const { unpacked } = await import('../../services/backup/archive.ts');
    const passphrase = await passphraseOf(options);
    await unpacked(createReadStream(place), passphrase, fetched).catch(failed);
    return step(fetched, scratch);
  });
}

/**
 * A folder for what is on its way. Root's is not in the state, where a service could put a link in the place of what is
 * being written.
 */
async function aside<T>(home: Home, step: (scratch: string) => Promise<T>): Promise<T> {
  const parent = process.getuid?.() === 0 ? '/var/tmp' : home.state;
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const scratch = await mkdtemp(join(parent, 'vigil-backup-'));
  // What was decrypted into it does not outlive a Ctrl-C.
  const cutOff = () => {
    rmSync(scratch, { recursive: true, force: true });
    process.exit(130);
  };
  process.once('SIGINT', cutOff).once('SIGTERM', cutOff);
  try {
    return await step(scratch);
  } finally {
    process.off('SIGINT', cutOff).off('SIGTERM', cutOff);
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The place elsewhere of that name, with the credentials that there are. */
async function copyNamed(home: Home, name: string, scratch: string, options: Source = {}): Promise<Copy> {
  const { readConfig } = await import('#shared/runtime/config.ts');
  const { readSecret } = await import('#shared/runtime/credentials.ts');
  const { config } = await import('../../services/backup/config.ts');
  const { copiesOf } = await import('../../services/backup/copy.ts');
  const { own } = readConfig(home.config, { name: 'backup', section: config });
  const secret = readSecret(home, 'backup') ?? {};
  const passphrase = options.passphraseFile && { BACKUP_PASSPHRASE: await passphraseOf(options) };
  const copies = copiesOf(own, {
    secret: { ...secret, ...passphrase },
    scratch,
  });
  const copy = copies.get(name);
  if (copy) return copy;
  throw new Misconfigured(
    `backup: no place is called ${name}`,
    `name one of [backup.copies] in ${home.config}`,
  );
}
