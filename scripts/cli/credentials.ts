/** Secrets by hand. None is ever an argument, which every process of the machine could read, and none is printed. */

import { existsSync, readFileSync } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';
import type { Command } from 'commander';
import { codeOf, Misconfigured, messageOf } from '#shared/base/errors.ts';
import type { ServiceName } from '#shared/manifest.ts';
import type { Secret } from '#shared/runtime/credentials.ts';
import { type Home, homeOf, lockOf } from '#shared/runtime/home.ts';
import type { Owner } from '../host/owner.ts';
import { demandRights, type Installed, installed } from './host.ts';
import { type PassphraseOption, passphraseOf } from './passphrase.ts';
import { table } from './table.ts';

const WITHIN_ms = 20_000;

export function credentials(program: Command): void {
  const verb = program.command('credentials').description('The secrets: keys, tokens, passwords.');
  verb
    .command('list')
    .description('Show which there are, and who reads them; of a value its last four characters.')
    .option('--json', 'print it for a program')
    .action(list);
  for (const [name, about] of [
    ['set', 'Put a secret in: asked for without an echo, or read from standard input or a file.'],
    ['rotate', 'The same for one that is there already; says what to take back.'],
  ] as const) {
    verb
      .command(name)
      .description(about)
      .argument('<name>', 'as in vigil credentials list')
      .option('--from <file>', 'NAME=value lines, or the value alone')
      .addHelpText(
        'after',
        `\nExamples:\n  vigil credentials ${name} telegram\n  pass show vigil/anthropic | vigil credentials ${name} anthropic`,
      )
      .action((called: string, options: { from?: string }) => set(called, options, name === 'rotate'));
  }
  for (const [name, about, action] of [
    ['seal', 'Write all of them into one file, encrypted: backups hold none.', sealed],
    ['unseal', 'Put those of such a file back.', unsealed],
  ] as const) {
    verb
      .command(name)
      .description(about)
      .argument('<file>')
      .option('--passphrase-file <file>', 'what it is encrypted with; asked for when left out')
      .action(action);
  }
}

async function sealed(file: string, options: PassphraseOption): Promise<void> {
  const { home } = await closed();
  const { sealSecrets } = await import('../host/sealed.ts');
  const { readSecret } = await import('#shared/runtime/credentials.ts');
  const known = options.passphraseFile ? undefined : readSecret(home, 'backup')?.BACKUP_PASSPHRASE;
  const names = await sealSecrets(home.credentials, file, known ?? (await passphraseOf(options)));
  process.stdout.write(`${file} holds ${names.join(', ')}; keep the passphrase elsewhere\n`);
}

async function unsealed(file: string, options: PassphraseOption): Promise<void> {
  const { home, owner } = await closed();
  const { unsealSecrets } = await import('../host/sealed.ts');
  const names = await unsealSecrets(file, home.credentials, await passphraseOf(options), owner);
  process.stdout.write(`put back: ${names.join(', ')}; vigil restart has them read\n`);
}

/** Where they lie, and whose they are, for whoever may see them all. */
async function closed(): Promise<{ home: Home; owner: Owner }> {
  const host = installed();
  if (host) demandRights(host, 'to look at the secrets');
  const { ROOT } = await import('../host/owner.ts');
  return { home: host?.place.home ?? homeOf(), owner: host?.place.profile === 'system' ? ROOT : null };
}

async function list(options: { json?: boolean }): Promise<void> {
  const host = installed();
  if (host) demandRights(host, 'to look at the secrets');
  const { listSecrets } = await import('../host/secrets.ts');
  const entries = listSecrets(host?.place.home ?? homeOf());
  if (options.json) {
    process.stdout.write(`${JSON.stringify(entries)}\n`);
    return;
  }
  const rows = entries.map(({ name, users, variables, problem }) => [
    name,
    problem?.split('\n')[0] ??
      (variables
        ? Object.entries(variables)
            .map((pair) => pair.join(' '))
            .join(', ')
        : 'not set'),
    users.join(', ') || 'nobody',
  ]);
  process.stdout.write(table(['name', 'holds', 'read by'], rows));
}

async function set(name: string, options: { from?: string }, rotate: boolean): Promise<void> {
  const host = installed();
  if (host) demandRights(host, 'to change a secret');
  const home = host?.place.home ?? homeOf();
  const { askedFor, changeSecret, readHanded, revocation, usersOf } = await import('../host/secrets.ts');
  const { readSecret } = await import('#shared/runtime/credentials.ts');
  usersOf(name);
  const before = readSecret(home, name);
  if (rotate && !before) {
    throw new Misconfigured(`credentials: there is no '${name}' yet`, `vigil credentials set ${name}`);
  }
  const secret = readHanded(name, await handedOver(askedFor(name), options.from));
  await proved({ ...before, ...secret });
  const users = await changeSecret(home, name, secret, (users) => restarted(host, home, users));
  const again = host ? `${users.join(', ')} run with it` : `${users.join(', ')} read it at their next start`;
  process.stdout.write(`'${name}' is set: ${again}\n`);
  if (before) process.stdout.write(`the old one is still valid outside: ${revocation(name)}\n`);
}

/** What is handed over: a file, what is piped in, or what somebody types without seeing it. */
async function handedOver(asked: string[], from: string | undefined): Promise<string> {
  if (from !== undefined && from !== '-') {
    try {
      return readFileSync(from, 'utf8');
    } catch (error) {
      throw new Misconfigured(`credentials: ${from} cannot be read (${codeOf(error)})`, 'name another file', {
        cause: error,
      });
    }
  }
  if (from === '-' || !process.stdin.isTTY) return textOf(process.stdin);
  if (asked.length === 0) {
    throw new Misconfigured(
      'credentials: nobody knows which variables this one has',
      'hand over a file with --from',
    );
  }
  const { askHidden } = await import('./secret.ts');
  const lines: string[] = [];
  for (const variable of asked) {
    const value = await askHidden(variable);
    if (value === null)
      throw new Misconfigured('credentials: nothing was changed', 'run it again when you have it');
    lines.push(`${variable}=${value}`);
  }
  return lines.join('\n');
}

/** Asks whoever gave it out whether it is good, where that costs nothing. */
async function proved(secret: Secret): Promise<void> {
  const { ANTHROPIC, checkKey, TELEGRAM, whoIs } = await import('./reach.ts');
  if (secret.TELEGRAM_BOT_TOKEN) {
    const name = await whoIs(secret.TELEGRAM_BOT_TOKEN, secret.TELEGRAM_API_ROOT ?? TELEGRAM);
    process.stdout.write(`Telegram knows it: @${name}\n`);
  }
  if (secret.ANTHROPIC_API_KEY) {
    await checkKey(secret.ANTHROPIC_API_KEY, secret.ANTHROPIC_BASE_URL ?? ANTHROPIC);
    process.stdout.write('the key is taken\n');
  }
}

/** @throws Misconfigured when one of the users does not get well with it */
async function restarted(host: Installed | null, home: Home, users: ServiceName[]): Promise<void> {
  if (!host) {
    const { isLocked } = await import('#shared/store/liveness.ts');
    const running = users.filter((name) => isLocked(lockOf(home, name)));
    const { restartSuite } = await import('./restart.ts');
    if (running.length > 0) await restartSuite(home, running);
    return;
  }
  if (existsSync(home.stopped)) return;
  const { gate, meantToRun } = await import('../host/gate.ts');
  const { insist } = await import('../host/insist.ts');
  const { linked } = await import('#shared/runtime/releases.ts');
  const { place, supervisor } = host;
  const meant = await meantToRun(home, supervisor);
  const expected = users.filter((name) => meant.includes(name));
  const failed = await insist({ home, supervisor }, supervisor.restart(expected), WITHIN_ms).then(
    () => '',
    messageOf,
  );
  const version = linked(place, 'current') ?? '';
  const { late } = await gate({ home, supervisor, version, expected, within_ms: WITHIN_ms });
  if (late.length === 0) return;
  throw new Misconfigured(
    `credentials: ${late.map(({ name, why }) => `${name} does not get well with it: ${why}`).join('; ')} ${failed}`.trim(),
    'the old one is back; give another',
  );
}
