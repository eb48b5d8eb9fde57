import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { Misconfigured, messageOf } from '#shared/base/errors.ts';
import { excerpt } from '#shared/base/excerpt.ts';
import { version } from '#shared/base/root.ts';
import { type Service, services } from '#shared/manifest.ts';
import { bornAt } from '#shared/metrics/standing.ts';
import { haltedBecause } from '#shared/runtime/halt.ts';
import { type Home, homeOf, lockOf, roleOf } from '#shared/runtime/home.ts';
import { linked } from '#shared/runtime/releases.ts';
import * as approval from '#shared/tables/approval.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as memory from '#shared/tables/memory.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as task from '#shared/tables/task.ts';
import * as turn from '#shared/tables/turn.ts';
import { unfinished } from '../host/journal.ts';
import type { Profile } from '../host/place.ts';
import type { Standing } from '../host/supervisor.ts';
import { harmless } from './explain.ts';
import { type Installed, installed } from './host.ts';
import { openHouse, reachable } from './house.ts';
import { table as tableOf } from './table.ts';

type Row = {
  name: string;
  worker: number;
  pid: number | null;
  phase: heartbeat.Phase | 'off' | 'dead' | 'running';
  version: string | null;
  doing: string | null;
  since_at: number | null;
  beat_age_ms: number | null;
  /** How long this process has been there. */
  age_ms: number | null;
  /** How often its supervisor started it again; null where none counts. */
  restarts: number | null;
  rss_bytes: number | null;
  limit_bytes: number;
  problem: string | null;
};

export function status(program: Command): void {
  program
    .command('status')
    .description('Show every service, and what waits.')
    .option('--json', 'print it for a program')
    .action(async (options: { json?: boolean }) => {
      const home = reachable(homeOf());
      const host = installed();
      const standings = await standingsOf(host, home);
      const house = houseOf(host, home);
      // First, for a store that cannot be opened says nothing after it.
      if (!options.json) process.stdout.write(head(house));
      const { isLocked } = await import('#shared/store/liveness.ts');
      const alive = (role: string) => tried(() => isLocked(lockOf(home, role)), false);
      const rows = (beats: heartbeat.Heartbeat[]) =>
        services.flatMap((service) => rowsOf(home, service, beats, alive, standings.get(service.name)));
      let opened: Awaited<ReturnType<typeof openHouse>>;
      try {
        opened = await openHouse();
      } catch (error) {
        // Nothing was ever started here, or the store is in trouble: what the supervisor says is still worth seeing.
        if (options.json)
          process.stdout.write(`${JSON.stringify({ house, halted: house.halted, services: rows([]) })}\n`);
        else if (standings.size > 0) process.stdout.write(`${serviceTable(rows([]))}\n`);
        throw error;
      }
      const { store } = opened;
      try {
        const report = {
          house,
          halted: house.halted,
          services: rows(await store.read(heartbeat.all)),
          inbound: { waiting: (await store.read(inbound.backlog))[0]?.count ?? 0 },
          outbound: Object.fromEntries(
            (await store.read(outbound.backlog)).map(({ state, count }) => [state, count]),
          ),
          approvals: (await store.read(approval.open)).length,
          held: await store.read(turn.held),
          tasks: Object.fromEntries(
            (await store.read(task.unfinished)).map(({ state, count }) => [state, count]),
          ),
          memory: { asked: (await store.read(memory.unsettled)).length },
        };
        process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : table(report));
        if (report.services.some(({ phase }) => phase === 'dead' || phase === 'misconfigured'))
          process.exitCode = 1;
      } finally {
        await store.close();
      }
    });
}

function tried<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch (error) {
    if (error instanceof Misconfigured) return otherwise;
    throw error;
  }
}

/** What the supervisor says of this home; nothing where there is none, or where it does not answer. */
async function standingsOf(host: Installed | null, home: Home): Promise<Map<string, Standing>> {
  if (host?.place.home.state !== home.state) return new Map();
  return host.supervisor.standings().catch((error) => {
    process.stderr.write(`${messageOf(error)}\n`);
    return new Map();
  });
}

type House = {
  profile: Profile | 'checkout';
  directory: string;
  release: string;
  /** Since when that release is here. */
  installed_at: number | null;
  /** What `vigil off` says, and the halt. */
  off: string | null;
  halted: string | null;
  /** An upgrade or a rollback that did not come to its end. */
  interrupted: string | null;
};

function houseOf(host: Installed | null, home: Home): House {
  const switches = { off: haltedBecause(home.stopped), halted: haltedBecause(home.halted) };
  if (host?.place.home.state !== home.state) {
    const elsewhere = { profile: 'checkout', directory: home.directory, release: version } as const;
    return { ...elsewhere, installed_at: null, interrupted: null, ...switches };
  }
  const { place } = host;
  const current = statSync(join(place.prefix, 'current', 'package.json'), { throwIfNoEntry: false });
  const journal = unfinished(place);
  return {
    profile: place.profile,
    directory: place.prefix,
    release: linked(place, 'current') ?? version,
    installed_at: current ? Math.round(current.ctimeMs) : null,
    interrupted: journal && `${journal.verb} to ${journal.to}`,
    ...switches,
  };
}

function head({ profile, directory, release, installed_at, off, halted, interrupted }: House): string {
  const since = installed_at === null ? '' : `, here since ${new Date(installed_at).toLocaleString('sv-SE')}`;
  const lines = [
    ...(halted === null ? [] : [`HALTED: ${halted}; what waits goes on with: scripts/vigil resume`]),
    ...(off === null ? [] : [`OFF: ${off}; nothing runs until: vigil on`]),
    ...(interrupted === null
      ? []
      : [`INTERRUPTED: the ${interrupted}; vigil upgrade ends it, vigil rollback takes it back`]),
    `vigil ${release}${since} (${profile}, ${directory})`,
  ];
  return `${lines.join('\n')}\n\n`;
}

/** One for each process that the service has, and one where it has none. */
function rowsOf(
  home: Home,
  service: Service,
  beats: heartbeat.Heartbeat[],
  alive: (role: string) => boolean,
  standing: Standing | undefined,
): Row[] {
  const mine = beats.filter((row) => row.service === service.name);
  const first = mine.find(({ worker }) => worker === 0);
  return [
    rowOf(home, service, 0, first, alive(service.name), standing),
    ...mine
      .filter(({ worker }) => worker > 0)
      .map((beat) => ({ beat, alive: alive(roleOf(service.name, beat.worker)) }))
      // A worker that was ended on purpose is no news.
      .filter(({ beat, alive }) => alive || beat.phase !== 'stopped')
      .map(({ beat, alive }) => rowOf(home, service, beat.worker, beat, alive, undefined)),
  ];
}

/** A service lives as long as it holds its lock, whatever its last heartbeat said. */
function rowOf(
  home: Home,
  { name, needs, memory_mb }: Service,
  worker: number,
  beat: heartbeat.Heartbeat | undefined,
  alive: boolean,
  standing: Standing | undefined,
): Row {
  const off = needs !== undefined && !existsSync(join(home.credentials, `${needs}.env`));
  const known = { name, worker, restarts: standing?.restarts ?? null, limit_bytes: memory_mb * 2 ** 20 };
  if (!beat || (!alive && off)) {
    const up = alive || standing?.state === 'active';
    return {
      ...known,
      pid: standing?.pid ?? null,
      phase: off ? 'off' : up ? 'running' : 'stopped',
      version: null,
      doing: null,
      since_at: null,
      beat_age_ms: null,
      age_ms: null,
      rss_bytes: null,
      problem: off
        ? `there is no credentials/${needs}.env`
        : standing?.state === 'failed'
          ? 'its supervisor has given it up for now'
          : null,
    };
  }
  const ended = beat.phase === 'stopped' || beat.phase === 'misconfigured';
  const began_at = bornAt(beat.instance);
  return {
    ...known,
    pid: alive ? beat.pid : null,
    phase: alive || ended ? beat.phase : 'dead',
    version: beat.version,
    doing: beat.doing,
    since_at: beat.since_at,
    beat_age_ms: Math.max(0, systemClock.now() - beat.beat_at),
    age_ms: alive && began_at !== null ? Math.max(0, systemClock.now() - began_at) : null,
    rss_bytes: alive ? beat.rss_bytes : null,
    problem: beat.problem,
  };
}

type Report = {
  services: Row[];
  inbound: { waiting: number };
  outbound: Record<string, number>;
  approvals: number;
  held: Pick<turn.Turn, 'id' | 'conversation' | 'error'>[];
  tasks: Record<string, number>;
  /** What memory wants to know of its owner. */
  memory: { asked: number };
};

function serviceTable(rows: Row[]): string {
  const mb = (bytes: number) => Math.round(bytes / 2 ** 20);
  const lines = rows.map((row) => [
    roleOf(row.name, row.worker),
    row.phase,
    row.pid === null ? '–' : String(row.pid),
    row.age_ms === null ? '–' : span(row.age_ms),
    row.restarts === null ? '–' : String(row.restarts),
    row.rss_bytes === null ? '–' : `${mb(row.rss_bytes)} of ${mb(row.limit_bytes)} MB`,
    row.beat_age_ms === null ? '–' : `${Math.round(row.beat_age_ms / 1000)} s ago`,
    row.version ?? '–',
    harmless(row.problem ?? row.doing ?? ''),
  ]);
  const columns = ['service', 'phase', '>pid', '>age', '>restarts', '>memory', '>beat', 'version', 'doing'];
  return tableOf(columns, lines);
}

/** `40 s`, `12 min`, `3 h`, `5 d`: the largest unit that fits. */
export function span(ms: number): string {
  const units = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
  ] as const;
  const [size, unit] = units.find(([size]) => ms >= 2 * size) ?? [1000, 's'];
  return `${Math.floor(ms / size)} ${unit}`;
}

function table({ services: rows, inbound, outbound, approvals, held, tasks, memory }: Report): string {
  const counts = (of: Record<string, number>) =>
    Object.entries(of)
      .map(([state, count]) => `${count} ${state}`)
      .join(', ');
  const waits = [
    `waiting for an answer: ${inbound.waiting}; going out: ${counts(outbound) || 'nothing'}`,
    ...(approvals > 0 ? [`waiting for your yes: ${approvals}; scripts/vigil approve lists them`] : []),
    ...(memory.asked > 0
      ? [`memory asks about: ${memory.asked}; scripts/vigil memory list --scope all shows them`]
      : []),
    ...(counts(tasks) ? [`tasks: ${counts(tasks)}; scripts/vigil task list shows them`] : []),
    ...held.map(({ id, conversation, error }) =>
      harmless(`held in ${conversation}: ${excerpt(error ?? '')}; scripts/vigil retry ${id} tries again`),
    ),
  ];
  return `${serviceTable(rows)}\n${waits.join('\n')}\n`;
}
