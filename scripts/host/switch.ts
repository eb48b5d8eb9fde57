/**
 * From one release to another, and back. Each step is written down in `<prefix>/upgrade.json` before it is done, so that
 * whoever comes after a power cut or a kill finds where it stood: before the switch all is undone, from the switch on it
 * is carried to its end, which is the new release in health or the old one again.
 *
 *     preparing   the release is unpacked beside the others, proved, and rehearsed on a copy of the store
 *     stopping    only when the schema moves: nobody writes while the snapshot is taken, so going back loses nothing
 *     switching   the links, the unit files, the restarts, and the gate: everybody ready, in the new release
 *
 * The store goes back only when the release that is gone back to could not read it.
 */

import { execFile } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { sleep } from '#shared/base/clock.ts';
import { Misconfigured, messageOf } from '#shared/base/errors.ts';
import { type ServiceName, services } from '#shared/manifest.ts';
import { lockOf } from '#shared/runtime/home.ts';
import { linked, releasesOf, schemaOf } from '#shared/runtime/releases.ts';
import { tryLock } from '#shared/store/liveness.ts';
import { type Findings, findingsIn, schemaIn } from '#shared/store/offline.ts';
import { removeKept } from '#shared/store/snapshot.ts';
import { FILE } from '#shared/store/store.ts';
import { makeAccounts, makeFolders } from './accounts.ts';
import { gate, type Late, meantToRun, readyNow, type Verdict } from './gate.ts';
import { insist } from './insist.ts';
import { ended, type Journal, note, unfinished } from './journal.ts';
import { keepStore, restoreStore } from './keep.ts';
import { removeEmpty } from './owner.ts';
import type { Place } from './place.ts';
import { readRelease, tryRelease, unpack } from './release.ts';
import { bytesIn, partOf, pathOf, point, settle, sweep, tidy } from './releases.ts';
import { carryOut } from './step.ts';
import type { Supervisor } from './supervisor.ts';

export type Host = {
  place: Place;
  supervisor: Supervisor;
  /** Hears of each step. */
  say(line: string): void;
  /** How long the gate waits. */
  within_ms?: number;
};

export type Outcome = {
  /** What runs now. */
  version: string;
  done: 'already' | 'upgraded' | 'undone' | 'rolled back';
  verdict: Verdict;
};

const WITHIN_ms = 20_000;
/** A store that is older is put back only when that is said: too much came since. */
const FAR_ms = 3_600_000;

const of = ({ place, supervisor }: Host) => ({ home: place.home, supervisor });
const storeOf = (place: Place) => join(place.home.state, FILE);
/** Beside the releases, and not in the state: what root writes there a service could put a link in the place of. */
const snapshotsOf = (place: Place) => join(place.prefix, 'snapshots');

/** What becomes of an interrupted switch when somebody asks for an upgrade or a rollback. */
export function resumption(
  { step, verb }: Pick<Journal, 'step' | 'verb'>,
  asked: Journal['verb'],
): 'it is undone' | 'it goes on' | 'it goes back' {
  if (step !== 'switching') return 'it is undone';
  // Whoever asks for a rollback does not want to wait for the upgrade first.
  return verb === 'upgrade' && asked === 'rollback' ? 'it goes back' : 'it goes on';
}

/** One switch at a time, and none beside a half one. */
async function alone<T>(
  host: Host,
  verb: Journal['verb'],
  work: (resumed: Outcome | null) => Promise<T>,
): Promise<T> {
  const lock = tryLock(lockOf(host.place.home, 'upgrade'));
  if (!lock) {
    throw new Misconfigured('upgrade: another upgrade or rollback is at work here', 'wait for its end');
  }
  try {
    return await work(await resume(host, verb));
  } finally {
    lock.release();
  }
}

/** Ends or undoes what was interrupted; null when nothing was. */
async function resume(host: Host, verb: Journal['verb']): Promise<Outcome | null> {
  const { place, say } = host;
  const journal = unfinished(place);
  if (!journal) return null;
  const what = resumption(journal, verb);
  say(`the ${journal.verb} to ${journal.to} was interrupted while ${journal.step}: ${what}`);
  if (what === 'it goes on') return finish(host, journal);
  if (what === 'it goes back') return goBack(host, journal);
  await abandon(host, journal);
  const ready = await readyNow(place.home, host.supervisor);
  return { version: journal.from, done: 'undone', verdict: { ready, late: [] } };
}

/** Before the switch: as if it had never been begun. */
async function abandon(host: Host, { step, expected }: Journal): Promise<void> {
  const { place, supervisor } = host;
  clear(place);
  if (step === 'stopping' && !existsSync(place.home.stopped)) {
    await supervisor.start(expected);
    await startRest(host, expected);
  }
  ended(place);
}

/** What preparing leaves behind. */
function clear(place: Place): void {
  tidy(place);
  const folder = snapshotsOf(place);
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (/^(rehearsal|upgrade-.*\.part$)/.test(name))
      rmSync(join(folder, name), { recursive: true, force: true });
  }
  removeEmpty(folder);
}

/**
 * To the release of a folder or a tarball.
 * @throws Misconfigured when it is refused: then nothing was changed
 */
export async function upgrade(host: Host, source: string): Promise<Outcome> {
  return alone(host, 'upgrade', async (resumed) => {
    const { place, supervisor, say } = host;
    const from = linked(place, 'current');
    if (from === null) {
      throw new Misconfigured(
        `upgrade: nothing is installed at ${place.prefix}`,
        'install it: vigil install',
      );
    }
    if (!existsSync(source)) {
      throw new Misconfigured(
        `upgrade: there is no ${source}`,
        'give the folder or the tarball of a release',
      );
    }
    const expected = await readyNow(place.home, supervisor);
    const previous = linked(place, 'previous');
    let journal: Journal = {
      verb: 'upgrade',
      step: 'preparing',
      from,
      to: basename(source),
      previous,
      expected,
      snapshot: null,
      aside: null,
    };
    try {
      note(place, journal);
      const { version: to, schema, moves } = await prepare(host, source, from);
      if (to === from) {
        await abandon(host, journal);
        return resumed ?? { version: to, done: 'already', verdict: { ready: expected, late: [] } };
      }
      journal = { ...journal, to };
      if (moves) {
        journal = note(place, { ...journal, step: 'stopping' });
        say('every service stops, for the schema moves');
        await insist(of(host), supervisor.stop());
      }
      if (schema > 0) {
        const snapshot = snapshotOf(place, from, schema);
        await keepStore(place.home.state, snapshot);
        say(`the store is kept as ${snapshot}`);
        journal = { ...journal, snapshot };
      }
    } catch (error) {
      // What brought it here is what to hear of; a start that fails is tried again by the next upgrade or rollback.
      await abandon(host, journal).catch((failure) => say(messageOf(failure)));
      throw error;
    }
    return finish(host, note(place, { ...journal, step: 'switching' }));
  });
}

type Prepared = { version: string; schema: number; moves: boolean };

/** Unpacks and proves the release; nothing that runs is touched. */
async function prepare({ place, say }: Host, source: string, current: string): Promise<Prepared> {
  const part = partOf(place);
  const store = storeOf(place);
  const { size } = statSync(source);
  roomFor(place, statSync(source).isDirectory() ? bytesIn(source) : 4 * size);
  rmSync(part, { recursive: true, force: true });
  unpack(source, part);
  const release = readRelease(part);
  const { version } = release;
  const schema = schemaIn(store);
  const speaks = schemaOf(part);
  const prepared = { version, schema, moves: schema > 0 && speaks > schema };
  if (version === current) return prepared;
  tryRelease(release);
  say(`${version} is whole, and runs here`);
  await ask(part, ['config', 'check']);
  say('it takes the configuration');
  if (speaks < schema) {
    throw new Misconfigured(
      `upgrade: ${version} speaks schema ${speaks}, the store has ${schema}: it is the older release`,
      `to go back, and the store with it: vigil rollback ${version}`,
    );
  }
  if (schema > 0) {
    await rehearse(place, part);
    say(
      `the store opens in it and loses no row${prepared.moves ? `; schema ${schema} becomes ${speaks}` : ''}`,
    );
  }
  settle(place, version);
  return prepared;
}

/** @throws Misconfigured when the disk is too small for what the upgrade writes */
function roomFor(place: Place, release_bytes: number): void {
  const store_bytes = statSync(storeOf(place), { throwIfNoEntry: false })?.size ?? 0;
  const spare_bytes = 64 * 2 ** 20;
  const needs = [
    // With the snapshot, the copy for the rehearsal, and what migrating it writes.
    [place.prefix, release_bytes + 3 * store_bytes],
    [place.home.state, store_bytes],
  ] as const;
  for (const [folder, bytes] of needs) {
    const { bavail, bsize } = statfsSync(folder);
    const needed = bytes + spare_bytes;
    if (bavail * bsize >= needed) continue;
    const mb = (amount: number) => Math.ceil(amount / 2 ** 20);
    throw new Misconfigured(
      `upgrade: ${folder} has ${mb(bavail * bsize)} MB left, expected ${mb(needed)} MB`,
      'make room on that disk; nothing was changed',
    );
  }
}

/** Lets the new release migrate a copy, and looks whether everything is still in it. */
async function rehearse(place: Place, release: string): Promise<void> {
  const folder = join(snapshotsOf(place), 'rehearsal');
  rmSync(folder, { recursive: true, force: true });
  try {
    const copy = join(folder, FILE);
    await keepStore(place.home.state, copy);
    const before = findingsIn(copy);
    const after: Findings = JSON.parse(await ask(release, ['rehearse', folder]));
    const faults = losses(before, after);
    if (faults.length === 0) return;
    throw new Misconfigured(
      `upgrade: rehearsed on a copy of the store, ${faults.join('; ')}`,
      'stay; report it to its makers',
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a migration has taken away, in words. */
export function losses(before: Findings, after: Findings): string[] {
  const rows = Object.entries(before.rows).flatMap(([table, count]) => {
    const left = after.rows[table];
    if (left === undefined) return [`table ${table} is gone`];
    return left < count ? [`table ${table} has ${left} rows of ${count}`] : [];
  });
  return after.integrity === 'ok' ? rows : [`SQLite finds ${after.integrity}`, ...rows];
}

/** The release answers by its own Node and its own code; it finds its home by where it lies. */
async function ask(release: string, args: readonly string[]): Promise<string> {
  const { VIGIL_HOME: _, STATE_DIRECTORY: __, CONFIGURATION_DIRECTORY: ___, ...env } = process.env;
  try {
    const command = [join(release, 'vigil.js'), ...args];
    return (await promisify(execFile)(join(release, 'bin', 'node'), command, { env, timeout: 120_000 }))
      .stdout;
  } catch (error) {
    const text = String((error as { stderr?: unknown }).stderr ?? '').trim() || messageOf(error);
    const said = /^\w*Error: .*$/m.exec(text)?.[0] ?? text; // of a crash, without where
    throw new Misconfigured(
      `upgrade: the new release refuses 'vigil ${args[0]}': ${said}`,
      'mend what it says; nothing was changed',
      {
        cause: error,
      },
    );
  }
}

/**
 * Back to a release that is still there, by default to the one before.
 * @param far whether a store that is older than an hour may be put back
 */
export async function rollback(host: Host, wanted?: string, far = false): Promise<Outcome> {
  return alone(host, 'rollback', async (resumed) => {
    const { place, supervisor } = host;
    if (resumed && (wanted === undefined || wanted === resumed.version)) return resumed;
    const from = linked(place, 'current');
    const to = wanted ?? linked(place, 'previous');
    const known = releasesOf(place).map(({ version }) => version);
    if (from === null || to === null || !known.includes(to)) {
      throw new Misconfigured(
        `rollback: there is no release ${to ?? 'before this one'}`,
        known.length > 0 ? `choose one of ${known.join(', ')}` : 'install one: vigil install',
      );
    }
    const expected = await meantToRun(place.home, supervisor);
    if (from === to) return { version: to, done: 'already', verdict: { ready: expected, late: [] } };
    const snapshot = snapshotFor(place, to);
    if (snapshot && !far && Date.now() - snapshot.at > FAR_ms) {
      throw new Misconfigured(
        `rollback: ${to} cannot read this store, and the last one that it could is of ${new Date(snapshot.at).toISOString()}`,
        'all that came since would be set aside; if that is meant: vigil rollback --far',
      );
    }
    return finish(
      host,
      back(place, { from, to, previous: from, expected, snapshot: snapshot?.file ?? null }),
    );
  });
}

/** From an upgrade that failed, or that nobody wants any more, to where it began. */
async function goBack(host: Host, { from, to, previous, expected, snapshot }: Journal): Promise<Outcome> {
  const { place } = host;
  const moved = schemaIn(storeOf(place)) > schemaOf(pathOf(place, from));
  return finish(
    host,
    back(place, { from: to, to: from, previous, expected, snapshot: moved ? snapshot : null }),
  );
}

/** Writes down that it is gone back. */
function back(
  place: Place,
  of: Pick<Journal, 'from' | 'to' | 'previous' | 'expected' | 'snapshot'>,
): Journal {
  // Moved, not copied: so it stays beside the store.
  const aside = of.snapshot && join(place.home.state, `set-aside-${stamp(Date.now())}-${of.from}.db`);
  return note(place, { verb: 'rollback', step: 'switching', ...of, aside });
}

/** Everything from the switch on. Doing it twice does no harm. */
async function finish(host: Host, journal: Journal): Promise<Outcome> {
  const { place, supervisor, say } = host;
  const { verb, from, to, expected, snapshot, aside } = journal;
  if (verb === 'rollback' && snapshot && aside) {
    await insist(of(host), supervisor.stop());
    restoreStore(place.home.state, snapshot, schemaIn(snapshot), aside);
    say(`the store is that of ${snapshot} again; the newer one is kept as ${aside}`);
  }
  point(place, 'previous', verb === 'upgrade' ? from : journal.previous);
  point(place, 'current', to);
  say(`current is ${to}`);
  const verdict = await run(host, to, expected, verb === 'upgrade').catch((error): Verdict => {
    say(messageOf(error));
    const late = expected.map((name) => ({ name, why: `not started in ${to}`, misconfigured: false }));
    return { ready: [], late };
  });
  const well = verdict.late.length === 0;
  if (well || verb === 'rollback') await startRest(host, expected);
  if (well && verb === 'upgrade') verdict.late.push(...(await lateNewcomers(host, to)));
  const ready = `${verdict.ready.length} of ${expected.length} ready`;
  if (verb === 'upgrade' && verdict.late.length > 0) {
    say(`${ready}: back to ${from}`);
    await goBack(host, journal);
    return { version: from, done: 'undone', verdict };
  }
  say(ready);
  ended(place);
  if (verb === 'rollback') return { version: to, done: 'rolled back', verdict };
  const removed = sweep(place);
  sweepStores(place);
  if (removed.length > 0) say(`no longer kept: ${removed.join(', ')}`);
  return { version: to, done: 'upgraded', verdict };
}

/** Brings up the release that `current` points at, and looks. */
async function run(
  host: Host,
  version: string,
  expected: readonly ServiceName[],
  ordered: boolean,
): Promise<Verdict> {
  const { place, supervisor, say, within_ms = WITHIN_ms } = host;
  if (place.profile === 'system') {
    // A service that it brings is a user of its own, and may have a folder.
    const release = pathOf(place, version);
    await carryOut([makeAccounts(release), ...makeFolders(release)], { dryRun: false, say });
  }
  const changed = await supervisor.install(pathOf(place, version));
  if (changed.length > 0) {
    await supervisor.enable();
    say(`${changed.length} unit files are new`);
  }
  if (existsSync(place.home.stopped)) {
    say(`nothing is started: Vigil is switched off (${place.home.stopped} is there)`);
    return { ready: [], late: [] };
  }
  const told = (error: unknown) => {
    say(messageOf(error));
    return false;
  };
  // One after the other, the first that fails ends it before the rest have left what works. Back is everybody at once.
  if (!ordered) {
    if (expected.length > 0) await insist(of(host), supervisor.restart(expected), within_ms).catch(told);
    return gate({ ...of(host), version, expected, within_ms });
  }
  for (const [i, name] of expected.entries()) {
    if (await insist(of(host), supervisor.restart([name]), within_ms).catch(told)) continue;
    const verdict = await gate({ ...of(host), version, expected: expected.slice(0, i + 1), within_ms: 0 });
    if (verdict.late.length > 0) return verdict;
  }
  return gate({ ...of(host), version, expected, within_ms });
}

/**
 * What was down before stays so for reasons of its own, if it does; and the start brings up what is no service, such as
 * the target.
 */
async function startRest(host: Host, expected: readonly ServiceName[]): Promise<void> {
  const { place, supervisor, within_ms = WITHIN_ms } = host;
  if (existsSync(place.home.stopped)) return;
  const others = (await meantToRun(place.home, supervisor)).filter((name) => !expected.includes(name));
  if (others.length > 0) await insist(of(host), supervisor.restart(others), within_ms).catch(() => {});
  await insist(of(host), supervisor.start(), within_ms).catch(() => {});
}

/** Services that this release does not know yet: the one that brings them says how they are. */
async function lateNewcomers({ place, within_ms = WITHIN_ms }: Host, version: string): Promise<Late[]> {
  if (existsSync(place.home.stopped)) return [];
  const deadline = performance.now() + within_ms;
  for (;;) {
    const report: { services: { name: ServiceName; phase: string; version: string | null }[] } = JSON.parse(
      // It ends with 1 while one of them is dead.
      await ask(pathOf(place, version), ['status', '--json']).catch(printed),
    );
    const late = report.services.filter(
      (row) =>
        !services.some(({ name }) => name === row.name) &&
        row.phase !== 'off' &&
        (row.phase !== 'ready' || row.version !== version),
    );
    if (late.length === 0 || performance.now() > deadline) {
      return late.map(({ name, phase }) => ({ name, why: `new, and ${phase}`, misconfigured: false }));
    }
    await sleep(200);
  }
}

/** What it has said all the same. @throws the error of one that has said nothing */
function printed(error: unknown): string {
  const { stdout } = (error as Error).cause as { stdout?: string };
  if (stdout) return stdout;
  throw error;
}

const stamp = (at: number) => new Date(at).toISOString().replace(/[-:]|\.\d+/g, '');

function snapshotOf(place: Place, version: string, schema: number): string {
  return join(snapshotsOf(place), `upgrade-${stamp(Date.now())}-${version}-schema${schema}.db`);
}

type Kept = { kind: 'upgrade' | 'set-aside'; file: string; at: number; schema: number; bytes: number };

/** The stores that upgrades and rollbacks have kept, newest first. */
export function keptStores(place: Place): Kept[] {
  const names = [snapshotsOf(place), place.home.state].flatMap((folder) =>
    (existsSync(folder) ? readdirSync(folder) : []).map((name) => [folder, name] as const),
  );
  return names
    .flatMap(([folder, name]): Kept[] => {
      const [, kind, time, schema] =
        /^(upgrade|set-aside)-(\d{8}T\d{6}Z)-.+?(?:-schema(\d+))?\.db$/.exec(name) ?? [];
      if (!time) return [];
      const iso = time.replace(/(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6Z');
      const file = join(folder, name);
      const of = { file, at: Date.parse(iso), bytes: statSync(file).size };
      return kind === 'upgrade'
        ? [{ kind, ...of, schema: Number(schema) }]
        : [{ kind: 'set-aside', ...of, schema: schemaIn(file) }];
    })
    .sort((a, b) => b.at - a.at);
}

const snapshots = (place: Place) => keptStores(place).filter(({ kind }) => kind === 'upgrade');

/** The newest that the release can read, if it cannot read the store as it is. */
function snapshotFor(place: Place, version: string): { file: string; at: number } | null {
  const speaks = schemaOf(pathOf(place, version));
  const schema = schemaIn(storeOf(place));
  if (schema <= speaks) return null;
  const found = snapshots(place).find((snapshot) => snapshot.schema <= speaks);
  if (found) return found;
  throw new Misconfigured(
    `rollback: ${version} speaks schema ${speaks}, the store has ${schema}, and no snapshot is left that it could read`,
    'restore a backup of that time first: vigil backup list',
  );
}

/** Of each kind as many as there are releases to go back to, and a day's. */
function sweepStores(place: Place): void {
  const kept = keptStores(place);
  for (const kind of ['upgrade', 'set-aside']) {
    for (const { file, at } of kept.filter((one) => one.kind === kind).slice(3)) {
      if (Date.now() - at <= 86_400_000) continue;
      removeKept(file);
    }
  }
}
