/**
 * launchd as the supervisor of one user's installation on a Mac.
 *
 * `bootout` returns before the process is gone, a `bootstrap` meanwhile is refused, and what was booted out is started by
 * nobody: so a service is only unloaded when its property list has changed, waited for, and loaded again, if need be
 * from the list it had before. Otherwise it is asked to end, and launchd starts it again. `kickstart -k` would not ask
 * (kirodotdev/KiroCrew#1562 saw SIGKILL): it is for those that do not end by themselves.
 *
 * A property list that has changed leaves its former text in `state/run/<label>.before` until launchd has read the new
 * one, so that whoever comes after a crash knows.
 */

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { sleep } from '#shared/base/clock.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { type ServiceName, services } from '#shared/manifest.ts';
import { CODE, domainsOf, launchctl, type Told } from '#shared/runtime/launchctl.ts';
import { labelOf, NODE } from '#shared/units/launchd.ts';
import type { Place } from './place.ts';
import type { Standing, Supervisor } from './supervisor.ts';

export type LaunchdOptions = {
  /** Stands in for /bin/launchctl. */
  program?: string;
  /** Hears what a person should know, such as that nobody is logged in at the screen. */
  say?: (text: string) => void;
};

/** How long after a service's own ExitTimeOut it must be gone. */
const GRACE_s = 10;
const POLL_ms = 100;
const BOOTSTRAP_TRIES = 6;
const BOOTSTRAP_AGAIN_ms = 250;
const OURS = /^(ai\.vigil\.\w+)\.plist$/;

export function launchdOf(place: Place, options: LaunchdOptions = {}): Supervisor {
  const { say = (text) => process.stderr.write(`${text}\n`) } = options;
  const run = (...args: string[]) => launchctl(args, options);
  const fileOf = (label: string) => join(place.units, `${label}.plist`);
  const beforeOf = (label: string) => join(place.home.state, 'run', `${label}.before`);
  const installed = () => labelsIn(place.units);
  const labels = (names?: readonly ServiceName[]) => names?.map(labelOf) ?? installed();
  /** Whose installation it is: launchd has a domain for each user. */
  const owner = () =>
    (statSync(place.prefix, { throwIfNoEntry: false }) ?? statSync(join(place.prefix, '..'))).uid;

  let told = false;
  /** Those of the user's domains that are there now, the better first. */
  async function domains(): Promise<[string, ...string[]]> {
    const all = domainsOf(owner());
    const answers = await Promise.all(all.map((domain) => run('print', domain)));
    const [first, ...others] = all.filter((_, index) => answers[index]?.code === 0);
    if (!first) {
      throw new Misconfigured(
        `launchd: user ${owner()} is logged in neither at the screen nor over ssh`,
        'log in as that user, and run this again',
      );
    }
    if (!first.startsWith('gui/') && !told) {
      told = true;
      say(
        `launchd: nobody is logged in at the screen, so ${first} it is: the services run from the next login on, of any kind (docs/macos.md)`,
      );
    }
    return [first, ...others];
  }

  /** What launchd says of a service in one domain; null when it does not know it there. */
  async function jobIn(domain: string, label: string): Promise<Job | null> {
    const { code, out } = await run('print', `${domain}/${label}`);
    if (code !== 0) return null;
    const pid = /^\tpid = (\d+)$/m.exec(out)?.[1];
    return {
      pid: pid ? Number(pid) : null,
      status: Number(/^\tlast exit code = (-?\d+)/m.exec(out)?.[1] ?? 0),
      leaving: /^\tstate = SIGTERMed$/m.test(out),
    };
  }

  async function stays(domain: string, label: string): Promise<boolean> {
    const job = await jobIn(domain, label);
    return job !== null && !job.leaving;
  }

  async function demand(...args: string[]): Promise<void> {
    const told = await run(...args);
    if (told.code !== 0) throw refused(told, ...args);
  }

  /** Waits as long as the service may take to end, and longer by so much; says whether `fact` came true. */
  async function inTime(label: string, grace_s: number, fact: () => Promise<boolean>): Promise<boolean> {
    const text = existsSync(fileOf(label)) ? readFileSync(fileOf(label), 'utf8') : '';
    const exit_s = Number(/<key>ExitTimeOut<\/key>\s*<integer>(\d+)/.exec(text)?.[1] ?? 20);
    const deadline = performance.now() + (exit_s + grace_s) * 1000;
    while (!(await fact())) {
      if (performance.now() > deadline) return false;
      await sleep(POLL_ms);
    }
    return true;
  }

  /** Until launchd does not know it any more, in any domain. */
  async function unload(within: readonly string[], label: string): Promise<void> {
    for (const domain of within) {
      if (!(await jobIn(domain, label))) continue;
      const target = `${domain}/${label}`;
      const told = await run('bootout', target);
      const known = [0, CODE.noProcess, CODE.noService, CODE.inProgress, CODE.alreadyInProgress];
      if (!known.includes(told.code)) throw refused(told, 'bootout', target);
      if (!(await inTime(label, GRACE_s, async () => (await jobIn(domain, label)) === null))) {
        throw new Misconfigured(
          `launchd: ${target} does not end`,
          `see what it is: launchctl print ${target}; kill it, and run this again`,
        );
      }
    }
  }

  /** launchd keeps what is disabled, over restarts and without a property list. */
  async function forget(within: readonly [string, ...string[]], label: string): Promise<void> {
    await unload(within, label);
    await demand('enable', `${within[0]}/${label}`);
    rmSync(fileOf(label));
    rmSync(beforeOf(label), { force: true });
  }

  /** @throws Misconfigured with launchd's last words */
  async function bootstrap(domain: string, label: string): Promise<void> {
    await demand('enable', `${domain}/${label}`);
    let told: Told = { code: 0, out: '' };
    for (let tries = 1; tries <= BOOTSTRAP_TRIES; tries += 1) {
      told = await run('bootstrap', domain, fileOf(label));
      if (await stays(domain, label)) return;
      const passing: readonly number[] = [CODE.inputOutput, CODE.inProgress, CODE.alreadyInProgress];
      if (told.code !== 0 && !passing.includes(told.code)) break;
      await sleep(BOOTSTRAP_AGAIN_ms * tries);
    }
    throw refused(told, 'bootstrap', domain, fileOf(label));
  }

  /** Unloads and loads. Whatever comes of it, the service is loaded at the end, where launchd takes any list of it. */
  async function reload([domain, ...others]: [string, ...string[]], label: string): Promise<void> {
    await unload([domain, ...others], label);
    try {
      await bootstrap(domain, label);
    } catch (error) {
      const before = existsSync(beforeOf(label)) ? readFileSync(beforeOf(label), 'utf8') : '';
      if (before === '') throw error;
      put(fileOf(label), before);
      await bootstrap(domain, label);
      rmSync(beforeOf(label));
      throw new Misconfigured(
        `launchd: ${label}: the new property list is refused, and the former one is loaded again`,
        'install a release whose list is in order',
        { cause: error },
      );
    }
    rmSync(beforeOf(label), { force: true });
  }

  /** Loaded where it belongs and nowhere else, with the list that is installed. */
  async function isCurrent([domain, ...others]: [string, ...string[]], label: string): Promise<boolean> {
    if (existsSync(beforeOf(label)) || !(await stays(domain, label))) return false;
    for (const other of others) if (await jobIn(other, label)) return false;
    return true;
  }

  async function begin(within: [string, ...string[]], label: string): Promise<void> {
    if (!(await isCurrent(within, label))) return reload(within, label);
    await demand('kickstart', `${within[0]}/${label}`);
  }

  async function again(within: [string, ...string[]], label: string): Promise<void> {
    if (!(await isCurrent(within, label))) return reload(within, label);
    const [domain] = within;
    const pid = (await jobIn(domain, label))?.pid ?? null;
    if (pid !== null) {
      await run('kill', 'SIGTERM', `${domain}/${label}`);
      const gone = await inTime(label, 0, async () => (await jobIn(domain, label))?.pid !== pid);
      if (!gone) return demand('kickstart', '-k', `${domain}/${label}`);
    }
    // It may be waiting for its ThrottleInterval, or have ended for good.
    await demand('kickstart', `${domain}/${label}`);
  }

  /** What is unloaded from within itself is never loaded again. */
  function demandOutside(wanted: readonly string[]): void {
    const self = process.env.XPC_SERVICE_NAME ?? '';
    if (!wanted.includes(self)) return;
    throw new Misconfigured(`launchd: ${self} cannot do this to itself`, 'do it from a terminal');
  }

  async function each(
    wanted: readonly string[],
    act: (within: [string, ...string[]], label: string) => Promise<void>,
  ): Promise<void> {
    demandOutside(wanted);
    const within = await domains();
    const results = await Promise.allSettled(wanted.map((label) => act(within, label)));
    const failed = results.filter((result) => result.status === 'rejected');
    if (failed.length === 1) throw failed[0]?.reason;
    if (failed.length > 1) {
      throw new Misconfigured(
        failed.map(({ reason }) => reason.message).join('\n'),
        'mend these, and run this again',
      );
    }
  }

  /** The release's Node, at the path that has macOS's permissions. */
  function placeNode(release: string): void {
    const [from, to] = [join(release, 'bin', 'node'), join(place.prefix, NODE)];
    if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) return;
    mkdirSync(dirname(to), { recursive: true });
    // What runs keeps the file it was started from.
    copyFileSync(from, `${to}.part`);
    chmodSync(`${to}.part`, 0o755);
    renameSync(`${to}.part`, to);
  }

  return {
    async install(release) {
      placeNode(release);
      const source = join(release, 'launchd');
      const wanted = labelsIn(source);
      const leftovers = installed().filter((label) => !wanted.includes(label));
      if (leftovers.length > 0) await each(leftovers, forget);
      mkdirSync(place.units, { recursive: true });
      mkdirSync(join(place.home.state, 'run'), { recursive: true, mode: 0o700 });
      const changed = wanted.filter((label) => {
        const text = readFileSync(join(source, `${label}.plist`), 'utf8');
        const before = existsSync(fileOf(label)) ? readFileSync(fileOf(label), 'utf8') : '';
        if (text === before) return false;
        // What launchd has read is what was there before the first change.
        if (!existsSync(beforeOf(label))) put(beforeOf(label), before);
        put(fileOf(label), text);
        return true;
      });
      return [...changed, ...leftovers].map((label) => `${label}.plist`);
    },
    async enable() {
      const [domain] = await domains();
      for (const label of installed()) await demand('enable', `${domain}/${label}`);
    },
    async disable() {
      const [domain] = await domains();
      for (const label of installed()) await demand('disable', `${domain}/${label}`);
    },
    start: (names) => each(labels(names), begin),
    stop: (names) => each(labels(names), unload),
    restart: (names) => each(labels(names), again),
    async standings() {
      const [domain] = await domains();
      const { out } = await run('list');
      const found = new Map<ServiceName, Standing>();
      for (const { name } of services) {
        const label = labelOf(name);
        // `list` is of the caller's own domain, which over ssh is not the screen's.
        const job = jobOf(out, label) ?? (await jobIn(domain, label));
        found.set(name, standingOf(job, existsSync(fileOf(label))));
      }
      return found;
    },
    async uninstall() {
      const ours = installed();
      if (ours.length > 0) await each(ours, forget);
    },
  };
}

/** `status` is that of the last exit; `leaving`: somebody unloads it, and it has not ended yet. */
type Job = { pid: number | null; status: number; leaving?: boolean };

/** A row of `launchctl list`: process or '-', status of the last exit, label. */
function jobOf(text: string, label: string): Job | null {
  const line = text
    .split('\n')
    .map((line) => line.split('\t'))
    .find((columns) => columns[2] === label);
  return line ? { pid: line[0] === '-' ? null : Number(line[0]), status: Number(line[1]) } : null;
}

function standingOf(job: Job | null, isInstalled: boolean): Standing {
  // Switched off, it is unloaded, and still somebody's to start.
  if (!job) return { state: isInstalled ? 'stopped' : 'absent', pid: null, restarts: null };
  // KeepAlive: what ended with another status than 0 is about to be started again.
  const state = job.pid !== null ? 'active' : job.status === 0 ? 'stopped' : 'starting';
  return { state, pid: job.pid, restarts: null };
}

function labelsIn(folder: string): string[] {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.flatMap((name) => OURS.exec(name)?.[1] ?? []).sort();
}

function put(path: string, text: string): void {
  writeFileSync(`${path}.part`, text, { mode: 0o600 });
  renameSync(`${path}.part`, path);
}

const MEANINGS: ReadonlyMap<number, [what: string, cure: string]> = new Map([
  [
    CODE.inputOutput,
    ['it is loaded already, still ending, or its list is broken', 'wait a minute, and run this again'],
  ],
  [CODE.usage, ['this macOS does not know the command in this form', 'tell us the version of your macOS']],
  [CODE.noDomain, ['there is no such domain', 'log in as the user who owns Vigil']],
  [CODE.noService, ['launchd does not know the service', 'run vigil install again']],
  [CODE.disabled, ['it is disabled', 'run vigil on']],
  [
    CODE.badOwnership,
    ['its list belongs to somebody else, or others may write it', 'run vigil install again'],
  ],
  [CODE.unsupported, ['nobody is logged in at the screen', 'log in there, or read docs/macos.md']],
  [
    CODE.wrongSession,
    ['its list is not for this kind of login', 'log in at the screen, or read docs/macos.md'],
  ],
]);

function refused({ code, out }: Told, ...args: string[]): Misconfigured {
  const [what, cure] = MEANINGS.get(code) ?? ['', `see what it means: launchctl error ${code}`];
  const words = [what, out.trim()].filter((text) => text !== '').join('; ');
  return new Misconfigured(`launchd: launchctl ${args.join(' ')}: ${code}${words && ` (${words})`}`, cure);
}
