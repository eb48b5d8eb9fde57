import { basename, join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Late } from '../host/gate.ts';
import type { Outcome } from '../host/switch.ts';
import { demandInstalled, demandRights, since, stopwatch } from './host.ts';
import { table } from './table.ts';

const PULL =
  'here, an upgrade is a git pull and another scripts/start; vigil install puts Vigil on this machine';

export function upgrade(program: Command): void {
  program
    .command('upgrade')
    .description('Go to another release: proved first, and taken back by itself if it does not get well.')
    .argument('<release>', 'its folder, or its tarball')
    .action(async (source: string) => {
      const host = demandInstalled('upgrade', PULL);
      demandRights(host, 'an upgrade');
      const began = performance.now();
      const { upgrade } = await import('../host/switch.ts');
      report('upgrade', await upgrade({ ...host, say: stopwatch() }, source), began);
    });
}

export function rollback(program: Command): void {
  program
    .command('rollback')
    .description('Go back to the release before, or to another that is still here.')
    .argument('[version]', 'as in vigil releases')
    .option('--far', 'also when the store goes back by more than an hour')
    .addOption(new Option('--asked', 'the one that the console asks for').hideHelp())
    .action(async (version: string | undefined, options: { far?: boolean; asked?: boolean }) => {
      const host = demandInstalled('rollback', 'here, git checkout goes back to other sources');
      demandRights(host, 'a rollback');
      const began = performance.now();
      if (options.asked) {
        const { answerAsked, rest } = await import('../host/asked.ts');
        await answerAsked({ ...host, say: stopwatch() });
        return rest();
      }
      const { rollback } = await import('../host/switch.ts');
      report('rollback', await rollback({ ...host, say: stopwatch() }, version, options.far), began);
    });
}

function report(verb: 'upgrade' | 'rollback', outcome: Outcome, began: number): void {
  const { done, version, verdict } = outcome;
  const words = {
    already: `${version} is what runs already`,
    upgraded: `upgraded to ${version}; vigil rollback takes it back`,
    undone: `undone: ${version} runs again`,
    'rolled back': `rolled back: ${version} runs`,
  }[done];
  process.stdout.write(`${words} (${since(began)})\n${late(verdict.late)}`);
  const failed = verb === 'upgrade' ? done === 'undone' || done === 'rolled back' : hurt(verdict.late);
  if (failed) process.exitCode = 1;
}

/** Those that another release, or a longer wait, would have helped. */
export function hurt(late: readonly Late[]): boolean {
  return late.some(({ misconfigured }) => !misconfigured);
}

export function late(services: readonly Late[]): string {
  return services.map(({ name, why }) => `  ${name} is not ready: ${why}\n`).join('');
}

export function releases(program: Command): void {
  program
    .command('releases')
    .description('Show the releases on this machine: what runs, and what can be gone back to.')
    .option('--json', 'print them for a program')
    .action(async (options: { json?: boolean }) => {
      const { place } = demandInstalled('releases', 'here, git log shows what there is');
      const { linked, releasesOf } = await import('#shared/runtime/releases.ts');
      const { bytesIn } = await import('../host/releases.ts');
      const [current, previous] = [linked(place, 'current'), linked(place, 'previous')];
      const roleOf = (version: string) =>
        version === current ? 'current' : version === previous ? 'previous' : '';
      const rows = releasesOf(place).map((release) => ({
        ...release,
        bytes: bytesIn(release.path),
        role: roleOf(release.version),
      }));
      if (options.json) {
        process.stdout.write(`${JSON.stringify(rows)}\n`);
        return;
      }
      const lines = rows.map(({ version, role, bytes, installed_at, schema }) => [
        version,
        role,
        `${Math.round(bytes / 2 ** 20)} MB`,
        new Date(installed_at).toLocaleString('sv-SE'),
        String(schema),
      ]);
      process.stdout.write(table(['version', '', '>size', 'since', '>schema'], lines));
      const { keptStores } = await import('../host/switch.ts');
      const stores = keptStores(place).map(({ kind, file, bytes, at, schema }) => [
        basename(file),
        kind === 'upgrade' ? 'before an upgrade' : 'set aside by a rollback',
        `${Math.round(bytes / 2 ** 20)} MB`,
        new Date(at).toLocaleString('sv-SE'),
        String(schema),
      ]);
      if (stores.length > 0) {
        process.stdout.write(`\n${table(['store kept', '', '>size', 'of', '>schema'], stores)}`);
      }
    });
}

/** Asked by the release that is to be left, of the one that is to come: see scripts/host/switch.ts. */
export function rehearse(program: Command): void {
  program
    .command('rehearse', { hidden: true })
    .description('Migrate a copy of the store, and say what is in it then.')
    .argument('<folder>', 'where the copy lies')
    .action(async (folder: string) => {
      const { FILE, openStore } = await import('#shared/store/store.ts');
      const { findingsIn } = await import('#shared/store/offline.ts');
      await (await openStore({ directory: folder, principal: 'cli' })).close();
      process.stdout.write(`${JSON.stringify(findingsIn(join(folder, FILE)))}\n`);
    });
}
