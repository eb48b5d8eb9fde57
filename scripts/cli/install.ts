import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { Misconfigured } from '#shared/base/errors.ts';
import { root } from '#shared/base/root.ts';
import { type Home, homeOf } from '#shared/runtime/home.ts';
import { onMac } from '#shared/runtime/launchctl.ts';
import { type Place, placeOf } from '../host/place.ts';
import { table } from './table.ts';

type Options = {
  user?: boolean;
  system?: boolean;
  dryRun?: boolean;
  from?: string;
  credentials?: string;
  yes?: boolean;
};

export function install(program: Command): void {
  program
    .command('install')
    .description(
      'Install Vigil as services of this machine, which start with it and are restarted when they fail.',
    )
    .option('--system', 'for the machine: a user for each service (Linux, the default there; needs root)')
    .option('--user', 'for you alone, by your own systemd or launchd (the default on a Mac)')
    .option('--from <release>', 'a release, as a folder or a tarball (default: made of this checkout)')
    .option('--credentials <folder>', 'the secrets to install: telegram.env, anthropic.env, …')
    .option('--dry-run', 'say all that would be done, and do nothing')
    .option('-y, --yes', 'ask nothing')
    .addHelpText(
      'after',
      `
What a checkout has kept in .vigil/ is taken over, unless something is installed already.

Examples:
  vigil install --dry-run
  sudo vigil install
  vigil install --user --credentials ~/secrets --yes
  sudo vigil install --from vigil-0.1.0-1a2b3c4d-linux-x64.tar.gz`,
    )
    .action(async (options: Options) => {
      const place = chosen(options);
      const { demandHost } = await import('../host/preflight.ts');
      demandHost(place);
      const { install, secretsIn } = await import('../host/install.ts');
      const { folder, tidy } = await releaseFrom(options.from);
      const say = (line: string) => void process.stdout.write(`${line}\n`);
      try {
        const done = await install({
          place,
          from: folder,
          source: checkout(),
          secrets: new Map(options.credentials ? secretsIn(given(options.credentials)) : []),
          ask:
            options.yes || !process.stdin.isTTY ? async () => null : (await import('./secret.ts')).askSecret,
          mayEnd: (source) => mayEnd(source, options),
          person: place.profile === 'system' ? await person(options) : null,
          dryRun: options.dryRun ?? false,
          say,
        });
        if (done.rows !== null) say(`\n${drawn(done.rows)}`);
        const bin = dirname(place.command);
        if (!options.dryRun && !process.env.PATH?.split(':').includes(bin))
          say(`the command is ${place.command}: put ${bin} into your PATH`);
        if (done.steps === 0) say(`vigil ${done.version} is installed: nothing was to do`);
        else if (options.dryRun) say(`\n${done.steps} steps; nothing was changed`);
        else if (done.rows?.some(isDown)) {
          say('vigil is installed, but not all of it is up: vigil status says why');
          process.exitCode = 1;
        } else say(`vigil ${done.version} is installed in ${place.prefix}`);
      } finally {
        tidy();
      }
    });
}

function chosen({ user, system }: Options): Place {
  if (system && (user || onMac)) {
    throw new Misconfigured(
      `install: --system ${onMac ? 'is for Linux' : 'and --user'}: expected one profile`,
      onMac ? 'leave it out' : 'leave one of them out',
    );
  }
  return placeOf(onMac ? 'mac' : user ? 'user' : 'system');
}

/** What a checkout keeps; a release has none beside it. */
function checkout(): Home | null {
  return existsSync(join(root, 'scripts', 'release')) ? homeOf() : null;
}

function given(folder: string): string {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return resolve(folder);
  throw new Misconfigured(
    `install: ${folder} is no folder`,
    'name the folder that holds telegram.env and the like',
  );
}

/** The release as a folder: given, unpacked, made of this checkout, or the one that this command is part of. */
async function releaseFrom(from: string | undefined): Promise<{ folder: string; tidy(): void }> {
  const { MANIFEST } = await import('#shared/runtime/releases.ts');
  const { unpack } = await import('../host/release.ts');
  const path = from === undefined ? root : resolve(from);
  if (!existsSync(path)) {
    throw new Misconfigured(`install: there is no ${path}`, 'name the folder of a release, or its tarball');
  }
  const isFolder = statSync(path).isDirectory();
  if (isFolder && (from !== undefined || existsSync(join(path, MANIFEST))))
    return { folder: path, tidy() {} };
  const scratch = mkdtempSync(join(tmpdir(), 'vigil-'));
  const tidy = () => rmSync(scratch, { recursive: true, force: true });
  try {
    if (!isFolder) {
      const folder = join(scratch, 'release');
      unpack(path, folder);
      return { folder, tidy };
    }
    process.stdout.write('make a release of this checkout\n');
    const made = execFileSync(join(root, 'scripts', 'release'), [scratch], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return { folder: made.trim(), tidy };
  } catch (error) {
    tidy();
    throw error;
  }
}

/** The one that runs cannot be taken over; nobody is cut off without a word. */
async function mayEnd({ directory }: Home, { yes }: Options): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY) return false;
  const { confirm } = await import('@clack/prompts');
  const message = `scripts/start runs on ${directory}. End it, and take over what it has kept?`;
  return (await confirm({ message })) === true;
}

/** Whoever has typed sudo, if they want to; they are asked once. */
async function person({ yes, dryRun }: Options): Promise<string | null> {
  const name = process.env.SUDO_USER;
  if (!name || name === 'root') return null;
  const { isMember } = await import('../host/accounts.ts');
  if (yes || dryRun || isMember(name)) return name;
  if (!process.stdin.isTTY) return null;
  const { confirm } = await import('@clack/prompts');
  return (await confirm({ message: `May ${name} use vigil without sudo?` })) === true ? name : null;
}

type Row = import('../host/install.ts').Row;

function isDown({ phase }: Row): boolean {
  return phase !== 'ready' && phase !== 'off';
}

function drawn(rows: readonly Row[]): string {
  return table(
    ['service', 'state', '>pid', 'version', '>memory', '>ready', ''],
    rows.map((row) => [
      row.name,
      row.phase,
      row.pid === null ? '–' : String(row.pid),
      row.version ?? '–',
      row.rss_bytes === null ? '–' : `${Math.round(row.rss_bytes / 2 ** 20)} MB`,
      row.ready_ms === undefined || row.pid === null ? '–' : `${Math.round(row.ready_ms)} ms`,
      isDown(row) ? (row.problem ?? '') : '',
    ]),
  );
}
