/**
 * systemd as the supervisor, the machine's or one user's. systemctl says that all is well when a target was started
 * whose members failed: so it is the members that are started here, and each is looked at.
 */

import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf, Misconfigured } from '#shared/base/errors.ts';
import { type ServiceName, services } from '#shared/manifest.ts';
import { NotPermitted, sudo } from './permit.ts';
import type { Place } from './place.ts';
import type { Standing, Supervisor } from './supervisor.ts';
import { installedUnits, unitChanges } from './units.ts';

const everybody = services.map(({ name }) => name);
/** Longer than the slowest start or drain that a unit allows. */
const PATIENCE_ms = 180_000;

export function systemdOf(place: Place): Supervisor {
  const run = systemctl(place);
  /** Those that something wants, and so can be enabled. */
  const wanted = () =>
    [...installedUnits(place)].filter(([, text]) => /^\[Install\]$/m.test(text)).map(([name]) => name);

  async function standings(): Promise<Map<ServiceName, Standing>> {
    const text = await run(
      'show',
      '--property=Id,LoadState,ActiveState,MainPID,NRestarts',
      ...everybody.map(unitOf),
    );
    return standingsIn(text);
  }

  /** @throws Misconfigured with the names of those that do not run */
  async function demand(names: readonly ServiceName[], failure: unknown): Promise<void> {
    const found = await standings();
    const down = names.filter(
      (name) => found.get(name)?.state === 'failed' || found.get(name)?.state === 'absent',
    );
    if (down.length === 0 && failure === undefined) return;
    if (down.length === 0) throw failure;
    throw new Misconfigured(
      `systemd: ${down.map((name) => `${name} (${found.get(name)?.state})`).join(', ')} could not be started`,
      `see what they say: journalctl ${place.profile === 'user' ? '--user ' : ''}-n 20 ${down.map((name) => `-u ${unitOf(name)}`).join(' ')}`,
      { cause: failure },
    );
  }

  async function begin(verb: 'start' | 'restart', names: readonly ServiceName[]): Promise<void> {
    const units = names.map(unitOf);
    // One that failed too often would be refused. One that is not there is told below.
    await run('reset-failed', ...units).catch(() => {});
    const others = names === everybody ? wanted().filter((name) => !/\.(service|slice)$/.test(name)) : [];
    const failure = await run(verb, ...others, ...units).then(
      () => undefined,
      (error) => error,
    );
    await demand(names, failure);
  }

  return {
    async install(release) {
      const { write, remove } = unitChanges(place, release);
      if (remove.length > 0) {
        await run('disable', '--now', ...remove.filter(isNoTemplate));
        for (const name of remove) rmSync(join(place.units, name));
      }
      mkdirSync(place.units, { recursive: true });
      for (const [name, text] of write) writeFileSync(join(place.units, name), text, { mode: 0o644 });
      if (write.size + remove.length > 0) await run('daemon-reload');
      return [...write.keys(), ...remove];
    },
    async enable() {
      await run('enable', ...wanted());
    },
    async disable() {
      await run('disable', ...wanted());
    },
    start: (names = everybody) => begin('start', names),
    restart: (names = everybody) => begin('restart', names),
    async stop(names) {
      // The slice holds whatever they have started besides.
      await run('stop', ...(names?.map(unitOf) ?? [...wanted(), 'vigil.slice']));
    },
    async kill(names) {
      // One that has ended meanwhile is none.
      await run('kill', '--signal=SIGKILL', ...names.map(unitOf)).catch(() => {});
    },
    standings,
    async uninstall() {
      const units = [...installedUnits(place).keys()];
      const known = units.filter(isNoTemplate);
      if (known.length > 0) {
        await run('stop', ...known);
        await run('disable', ...wanted());
      }
      for (const name of units) rmSync(join(place.units, name));
      await run('daemon-reload');
      // A failure is remembered, file or no file.
      await run('reset-failed', 'vigil*').catch(() => {});
    },
  };
}

function isNoTemplate(unit: string): boolean {
  return !unit.includes('@.');
}

function unitOf(name: ServiceName): string {
  return `vigil-${name}.service`;
}

/** What `systemctl show` printed: a block of lines `name=value` for each unit. */
export function standingsIn(text: string): Map<ServiceName, Standing> {
  const found = new Map<ServiceName, Standing>();
  for (const block of text.trim().split(/\n{2,}/)) {
    const of = (property: string) => new RegExp(`^${property}=(.*)$`, 'm').exec(block)?.[1] ?? '';
    const name = everybody.find((name) => unitOf(name) === of('Id'));
    if (!name) continue;
    const pid = Number(of('MainPID'));
    found.set(name, {
      state: of('LoadState') === 'loaded' ? stateOf(of('ActiveState')) : 'absent',
      pid: pid > 0 ? pid : null,
      restarts: of('NRestarts') === '' ? null : Number(of('NRestarts')),
    });
  }
  return found;
}

function stateOf(active: string): Standing['state'] {
  if (active === 'activating') return 'starting';
  if (active === 'deactivating') return 'stopping';
  if (active === 'failed') return 'failed';
  return active === 'inactive' ? 'stopped' : 'active';
}

/** systemctl towards the manager of this place; gives what it prints. */
function systemctl(place: Place): (...args: string[]) => Promise<string> {
  return async (...args) => {
    const { scope, env } = managerOf(place);
    try {
      const options = { env, timeout: PATIENCE_ms, encoding: 'utf8' } as const;
      return (await promisify(execFile)('systemctl', [...scope, ...args], options)).stdout;
    } catch (error) {
      throw explained(place, args, error);
    }
  };
}

/** Root speaks to another user's manager through the machine's bus; without a session it has none of its own. */
function managerOf(place: Place): { scope: string[]; env: NodeJS.ProcessEnv } {
  if (place.profile === 'system') return { scope: ['--system', '--no-ask-password'], env: process.env };
  const uid = ownerOf(place);
  if (uid !== process.getuid?.()) return { scope: ['--user', '-M', `${uid}@`], env: process.env };
  return {
    scope: ['--user'],
    env: { ...process.env, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? `/run/user/${uid}` },
  };
}

/** Whose installation it is: that of whoever owns the folder it lies in. */
function ownerOf({ prefix }: Place): number {
  return (statSync(prefix, { throwIfNoEntry: false }) ?? statSync(join(prefix, '..'))).uid;
}

function explained(place: Place, args: readonly string[], error: unknown): unknown {
  const said = String((error as { stderr?: unknown }).stderr ?? '')
    .replace(/^See "systemctl status.*$/gm, '')
    .trim();
  const what = `systemd: systemctl ${args.join(' ')}`;
  if (codeOf(error) === 'ENOENT') {
    return new Misconfigured(
      `${what}: there is no systemctl here`,
      'run Vigil in the foreground: scripts/start',
      { cause: error },
    );
  }
  if (/has not been booted with systemd/.test(said)) {
    return new Misconfigured(
      `${what}: this machine is not run by systemd`,
      'run Vigil in the foreground: scripts/start',
      { cause: error },
    );
  }
  if (/[Aa]ccess denied|[Ii]nteractive authentication|Permission denied/.test(said)) {
    return new NotPermitted(`${what}: ${said}`, sudo(), { cause: error });
  }
  if (place.profile === 'user' && /connect to .*bus|No medium found/.test(said)) {
    return new Misconfigured(
      `${what}: the user's systemd does not run (${said})`,
      `let it run without a login: sudo loginctl enable-linger ${process.env.USER ?? ownerOf(place)}`,
      { cause: error },
    );
  }
  return new Misconfigured(`${what}: ${said || String(error)}`, 'see what they say: vigil logs');
}
