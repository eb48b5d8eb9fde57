/**
 * An installation: a release, its users and folders, what is configured, the units, and every service alive. It is a list
 * of steps, each of which knows whether it is done.
 */

import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Misconfigured } from '#shared/base/errors.ts';
import { type ServiceName, services } from '#shared/manifest.ts';
import { checkConfig } from '#shared/runtime/config.ts';
import type { Home } from '#shared/runtime/home.ts';
import { linked } from '#shared/runtime/releases.ts';
import { sections } from '../sections.ts';
import { GROUP, makeAccounts, makeFolders, membership } from './accounts.ts';
import { adoptable, adoption, bytesOf, demandQuiet } from './adopt.ts';
import { suiteRuns } from './foreground.ts';
import { supervisorOf } from './host.ts';
import { access, folder, type Owner, putFile, ROOT, removeEmpty } from './owner.ts';
import type { Place } from './place.ts';
import * as preflight from './preflight.ts';
import { type Release, readRelease, tryRelease, unpack } from './release.ts';
import { isWhole, partOf, pathOf, point, settle, tidy } from './releases.ts';
import { carryOut, type Step, wantsRestart } from './step.ts';
import { unitChanges } from './units.ts';

export type Installing = {
  place: Place;
  /** The folder of a release. */
  from: string;
  /** The home of a checkout, to be taken over where the place has no store of its own yet. */
  source: Home | null;
  /** What `credentials/` shall hold, by the path in it ('telegram.env', 'mcp/mail.env'). */
  secrets: ReadonlyMap<string, string>;
  /** Asked for what is not there; null: nothing. */
  ask(name: string): Promise<string | null>;
  /** Whether scripts/start, which runs on the checkout, may be ended. */
  mayEnd(source: Home): Promise<boolean>;
  /** Who shall be able to use it without sudo. */
  person: string | null;
  dryRun: boolean;
  say(line: string): void;
};

export type Installed = {
  version: string;
  /** How many steps there were to do. */
  steps: number;
  /** Null: nothing was started, for it is switched off or this was only a rehearsal. */
  rows: Row[] | null;
};

/** What `vigil status --json` says of a service; `ready_ms`: since the house was started, when that was now. */
export type Row = {
  name: ServiceName;
  phase: string;
  pid: number | null;
  version: string | null;
  rss_bytes: number | null;
  problem: string | null;
  ready_ms?: number | undefined;
};

/** Longer than every unit's own start may take. */
const READY_ms = 60_000;

/**
 * @throws Misconfigured before anything is changed, or naming what did not come up
 */
export async function install(options: Installing): Promise<Installed> {
  const { place, from, dryRun, say } = options;
  preflight.demandHost(place);
  // What is closed is closed by its own mode; folders of the machine are everybody's to read.
  if (place.profile === 'system') process.umask(0o022);
  preflight.demandFolders(place);
  preflight.demandCommand(place);
  const release = readRelease(from);
  preflight.demandSameVersion(place, release, linked(place, 'current'));
  preflight.demandSchema(place, release);
  const source = options.source && adoptable(options.source, place) ? options.source : null;
  const suite = source !== null && (await suiteRuns(source));
  if (source && !(suite && (dryRun || (await options.mayEnd(source))))) demandQuiet(source, suite);
  preflight.demandRoom(place, release, source ? bytesOf(source) : 0);
  const config = [place.home.config, source?.config, join(from, 'config.example.toml')].find(
    (file) => file !== undefined && existsSync(file),
  );
  const port = config && (checkConfig(config, sections) as { router?: { port?: unknown } }).router?.port;
  const supervisor = supervisorOf(place);
  const running = linked(place, 'current') !== null && (await alive(place)).length > 0;
  // A suite that is to end has the port until then.
  if (typeof port === 'number' && !running && !suite) await preflight.demandPort(port, place.home.config);

  const secrets = await secretsOf(options, source);
  const steps = stepsOf({ ...options, source, secrets }, release);
  const anew = running && (await wantsRestart(steps));
  const prepared = await carryOut(steps, { dryRun, say });
  if (existsSync(place.home.stopped)) {
    say(`it is switched off (${place.home.stopped}): vigil on starts it`);
    return { version: release.version, steps: prepared, rows: null };
  }
  const up = prepared === 0 && running ? await rowsOf(place) : [];
  if (up.length > 0 && notReady(up, release.version).length === 0)
    return { version: release.version, steps: 0, rows: up };
  if (dryRun) {
    say('would start it, with the machine too, and wait until every service beats');
    return { version: release.version, steps: prepared + 1, rows: null };
  }
  say('start it, with the machine too');
  const began = performance.now();
  await supervisor.enable();
  // Those that run say that they are ready until they are restarted.
  const rising = anew ? null : awaitReady(place, release.version, began);
  // Which of them did not come up is told by what they say of themselves.
  await (anew ? supervisor.restart() : supervisor.start()).catch((error) => {
    if (!(error instanceof Misconfigured)) throw error;
  });
  const rows = await (rising ?? awaitReady(place, release.version, began));
  return { version: release.version, steps: prepared + 1, rows };
}

/** The steps up to the start, in the order in which each can rely on those before. */
export function stepsOf(options: Omit<Installing, 'ask' | 'mayEnd'>, release: Release): Step[] {
  const { place, source, secrets, person } = options;
  const { home } = place;
  const system = place.profile === 'system';
  const shared: Owner = system ? { group: GROUP } : null;
  const own: Owner = system ? ROOT : null;
  const releases = join(place.prefix, 'releases');
  const lies = pathOf(place, release.version);
  const readable = system ? 0o755 : 0o700;

  const config: Step = {
    words: source
      ? `copy ${source.config} to ${home.config}`
      : `write ${home.config}: all settings, as comments`,
    due: () => !existsSync(home.config),
    act() {
      const from =
        source && existsSync(source.config) ? source.config : join(release.folder, 'config.example.toml');
      putFile(home.config, readFileSync(from, 'utf8'), system ? 0o640 : 0o600, shared);
    },
  };
  const credentials = [...secrets].map(([name, text]): Step => {
    const file = join(home.credentials, name);
    return {
      words: `write ${file} (600)`,
      due: () => !existsSync(file) || readFileSync(file, 'utf8') !== text,
      act: () => putFile(file, text, 0o600, own),
      restarts: true,
    };
  });
  return [
    ...(place.profile === 'user'
      ? [
          {
            words: `let ${userInfo().username}'s services run without a login`,
            due: () => !preflight.lingers(),
            act: preflight.linger,
          },
        ]
      : []),
    {
      words: `put ${release.version} into ${releases} (${Math.round(release.bytes / 2 ** 20)} MB)`,
      due: () => !isWhole(lies),
      restarts: true,
      act() {
        tidy(place);
        try {
          unpack(release.folder, partOf(place));
          tryRelease(readRelease(partOf(place)));
          settle(place, release.version);
        } catch (error) {
          tidy(place);
          // What a refusal would leave behind.
          removeEmpty(releases, place.prefix);
          throw error;
        }
      },
    },
    folder(place.prefix, readable, own),
    folder(releases, readable, own),
    ...(system ? [makeAccounts(release.folder), ...makeFolders(release.folder)] : ownFolders(home)),
    config,
    access(home.config, system ? 0o640 : 0o600, shared),
    ...credentials,
    ...(source ? adoption(source, place, shared) : []),
    {
      words: `point ${join(place.prefix, 'current')} at ${release.version}`,
      due: () => linked(place, 'current') !== release.version,
      act: () => point(place, 'current', release.version),
    },
    {
      words: `install the units of ${release.version} in ${place.units}`,
      due() {
        // Before the release lies there, its own folder tells.
        const { write, remove } = unitChanges(place, release.folder);
        return write.size + remove.length > 0;
      },
      act: async () => void (await supervisorOf(place).install(lies)),
      restarts: true,
    },
    link(place.command, join(place.prefix, 'current', 'bin', 'vigil')),
    ...(system && person ? [membership(person)] : []),
  ];
}

function ownFolders({ credentials, logs, state, restarts, workspace, files, backups }: Home): Step[] {
  const paths = [
    credentials,
    join(credentials, 'mcp'),
    logs,
    state,
    join(state, 'run'),
    join(state, 'failed'),
  ];
  return [...paths, restarts, workspace, files, backups].map((path) => folder(path, 0o700, null));
}

function link(path: string, to: string): Step {
  return {
    words: `link ${path} to ${to}`,
    due: () => !existsSync(path) || readlinkSync(path) !== to,
    act() {
      mkdirSync(dirname(path), { recursive: true });
      rmSync(`${path}.part`, { force: true });
      symlinkSync(to, `${path}.part`);
      renameSync(`${path}.part`, path);
    },
  };
}

/** Given, taken over, or asked for; what is there is not asked for again. */
async function secretsOf(options: Installing, source: Home | null): Promise<Map<string, string>> {
  const { home } = options.place;
  const secrets = new Map(source ? secretsIn(source.credentials) : []);
  for (const name of secrets.keys()) if (existsSync(join(home.credentials, name))) secrets.delete(name);
  for (const [name, text] of options.secrets) secrets.set(name, text);
  for (const name of ['telegram.env', 'anthropic.env']) {
    if (secrets.has(name) || existsSync(join(home.credentials, name))) continue;
    const text = options.dryRun ? null : await options.ask(name);
    if (text !== null) secrets.set(name, text);
  }
  return secrets;
}

/** Every `.env` of a folder of credentials, and of `mcp` in it. */
export function secretsIn(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of ['', 'mcp']) {
    const here = join(folder, part);
    for (const name of existsSync(here) ? readdirSync(here) : []) {
      if (name.endsWith('.env')) found.set(join(part, name), readFileSync(join(here, name), 'utf8'));
    }
  }
  return found;
}

async function alive(place: Place): Promise<ServiceName[]> {
  const standings = await supervisorOf(place).standings();
  return [...standings].filter(([, { pid }]) => pid !== null).map(([name]) => name);
}

/** The installed release says it itself: it alone knows its store. Nothing, while there is none yet. */
async function rowsOf(place: Place): Promise<Row[]> {
  const program = join(place.prefix, 'current', 'bin', 'vigil');
  const { VIGIL_HOME: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(program, ['status', '--json'], { env }).catch(
    (error) => error,
  );
  return stdout ? JSON.parse(stdout).services : [];
}

function notReady(rows: readonly Row[], version: string): Row[] {
  return rows.filter((row) => row.phase !== 'off' && (row.phase !== 'ready' || row.version !== version));
}

/** Until every service beats with this version, or one of them is down for good. */
async function awaitReady(place: Place, version: string, began: number): Promise<Row[]> {
  const ready_ms = new Map<ServiceName, number>();
  for (;;) {
    const rows = await rowsOf(place);
    const waiting =
      rows.length > 0 ? notReady(rows, version) : services.map(({ name }) => ({ name, phase: 'absent' }));
    const now = performance.now() - began;
    for (const { name } of rows)
      if (!waiting.some((row) => row.name === name)) ready_ms.set(name, ready_ms.get(name) ?? now);
    const told = rows.map((row) => ({ ...row, ready_ms: ready_ms.get(row.name) }));
    if (waiting.length === 0 || now > READY_ms || waiting.every(({ phase }) => phase === 'misconfigured')) {
      return told;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
