/** What the house depends on outside: what was seen of it, and what was found. */

import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { nearest } from '#shared/base/spelling.ts';
import { lockOf } from '#shared/runtime/home.ts';
import type { Store } from '#shared/store/store.ts';
import * as finding from '#shared/tables/finding.ts';
import * as probe from '#shared/tables/probe.ts';
import * as request from '#shared/tables/probe_request.ts';
import { harmless } from './explain.ts';
import { follow, openHouse } from './house.ts';
import { table } from './table.ts';

const MOST = 20;
/** The slowest look takes 15 s, and three are made at a time. */
const PATIENCE_ms = 60_000;

export function upstream(program: Command): void {
  const verb = program
    .command('upstream')
    .description('What Vigil depends on outside: providers, Telegram, the network, releases, your pages.');
  verb
    .command('list', { isDefault: true })
    .description('Show what is watched, how it is, and what was found.')
    .option('--json', 'print it for a program')
    .action(list);
  verb
    .command('check')
    .description('Look now, and say what was seen.')
    .argument('[watch]', 'one of the list, such as "network"; all when left out')
    .action(check);
}

async function list(options: { json?: boolean }): Promise<void> {
  const { store } = await openHouse();
  try {
    const [watches, findings] = await Promise.all([store.read(probe.all), store.read(finding.latest(MOST))]);
    const bare = watches.map(({ seen_json: _, ...watch }) => watch);
    if (options.json) process.stdout.write(`${JSON.stringify({ watches: bare, findings })}\n`);
    else process.stdout.write(`${drawn(watches, systemClock.now())}${found(findings)}`);
  } finally {
    await store.close();
  }
}

async function check(name?: string): Promise<void> {
  const { home, store } = await openHouse();
  try {
    const { isLocked } = await import('#shared/store/liveness.ts');
    if (!isLocked(lockOf(home, 'upstream'))) {
      throw new Misconfigured(
        `upstream: the service is not running on ${home.directory}`,
        'start it: scripts/start --no-chat',
      );
    }
    const all = await store.read(probe.all);
    const wanted = name === undefined ? all : all.filter(({ watch }) => watch === name);
    if (wanted.length === 0) throw unknown(name, all);
    const now = systemClock.now();
    const asked_by = userInfo().username;
    await store.commit(wanted.map(({ watch }) => request.ask({ watch, asked_by, asked_at: now })));
    const seen = await lookedAt(store, wanted);
    process.stdout.write(drawn(seen, systemClock.now()));
    if (seen.some(({ failures }) => failures > 0)) process.exitCode = 1;
  } finally {
    await store.close();
  }
}

function unknown(name: string | undefined, all: readonly probe.Probe[]): Misconfigured {
  if (name === undefined)
    return new Misconfigured('upstream: nothing is watched', 'see [upstream] watch in config.toml');
  const names = all.map(({ watch }) => watch);
  const near = nearest(name, names);
  return new Misconfigured(
    `upstream: nothing called '${name}' is watched`,
    near ? `did you mean '${near}'?` : `name one of ${names.join(', ')}`,
  );
}

/** Once more than before, each of them. */
async function lookedAt(store: Store, before: readonly probe.Probe[]): Promise<probe.Probe[]> {
  const until = performance.now() + PATIENCE_ms;
  let seen: probe.Probe[] = [];
  await follow(store, async () => {
    const now = await store.read(probe.all);
    seen = before.flatMap(({ watch, looks }) =>
      now.filter((one) => one.watch === watch && one.looks > looks),
    );
    return seen.length === before.length || performance.now() > until;
  });
  return seen;
}

function drawn(watches: readonly probe.Probe[], now: number): string {
  if (watches.length === 0) return 'Nothing is watched: see [upstream] watch in config.toml.\n';
  const rows = watches.map((one) => [
    harmless(one.watch),
    stateOf(one),
    one.ok_at === null ? 'never' : `${spell(now - one.ok_at)} ago`,
    one.latency_ms === null ? '' : String(one.latency_ms),
    one.looks > 0 ? ((100 * one.good) / one.looks).toFixed(1) : '',
    one.due_at <= now ? 'now' : `in ${spell(one.due_at - now)}`,
    harmless(one.error ?? one.about),
  ]);
  return table(['what', 'state', '>last ok', '>ms', '>ok %', '>next', ''], rows);
}

function stateOf({ looked_at, failures }: probe.Probe): string {
  if (looked_at === null) return 'not yet';
  return failures === 0 ? 'ok' : `failed ${failures}×`;
}

function found(findings: readonly finding.Finding[]): string {
  if (findings.length === 0) return '';
  const rows = findings.map(({ first_seen_at, over_at, kind, cause, text }) => [
    time(first_seen_at),
    over_at !== null ? time(over_at) : kind === 'news' ? 'holds' : 'open',
    harmless(/^page (\S+) /.exec(cause)?.[1] ?? cause),
    harmless(text.replace(/\s+/g, ' ')),
  ]);
  return `\n${table(['found', 'until', 'what', ''], rows)}`;
}

function time(at: number): string {
  return new Date(at).toLocaleString('sv').slice(0, 16);
}

function spell(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172_800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86_400)} days`;
}
