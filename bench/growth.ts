/**
 * How memory grows: a made-up person talks for 400 days, on a clock of its own, through the service's own steps: each
 * sitting is indexed and read by rule once it is over, and what is past expires. Some days are silent, some idle: nothing is
 * stated. What is in force must follow what is true of that person, not how long they talk; what is not in force and the
 * words themselves grow with the talk, and a day must not cost more work for it. A night without anything new costs nothing.
 *
 *   node bench/growth.ts [--days 400] [--turns 15] [--seed 1]
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Log } from '#shared/base/log.ts';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import * as memory from '#shared/tables/memory.ts';
import type { Op } from '#shared/tables/op.ts';
import * as profile from '#shared/tables/profile.ts';
import { randomFrom } from '#shared/testing/messages-latency.ts';
import { expire } from '../services/memory/expiry.ts';
import { indexer } from '../services/memory/indexing.ts';
import { rulesOf } from '../services/memory/rules.ts';
import { type Line, linesOf } from './growth/life.ts';
import { median, table } from './table.ts';

const DAY_ms = 86_400_000;
const BEGIN = Date.parse('2027-01-01T00:00:00Z');
const CONVERSATION = 'terminal:main';
/** Three sittings a day, of which each is summed up for ninety days. */
const MOST_SUMMARIES = 3 * 90;

export type Day = {
  mood: 'silent' | 'idle' | 'full';
  /** Said so far, and how much of it in other words than ever before. */
  lines: number;
  statements: number;
  /** What is in force: by kind, summaries aside; and all rows, with what is not. */
  active: number;
  summaries: number;
  rows: number;
  store_bytes: number;
  profile_tokens: number;
  /** What the service did on that day took so much of a processor; `runs`: passes that brought something. */
  work_ms: number;
  runs: number;
};

export async function growth(options: { days: number; turns: number; seed: number }): Promise<Day[]> {
  const home = homeOf({ VIGIL_HOME: mkdtempSync(join(tmpdir(), 'vigil-growth-')) });
  prepareHome(home);
  writeFileSync(home.config, '', { mode: 0o600 });
  const opened = { directory: home.state, flush: 'normal' } as const;
  const store = await openStore({ ...opened, principal: 'memory' });
  const core = await openStore({ ...opened, principal: 'core' });
  const random = randomFrom(options.seed);
  const told = new Set<string>();
  const service = serviceOn(store, home);
  try {
    const days: Day[] = [];
    for (let n = 0; n < options.days; n++) {
      const day_at = BEGIN + n * DAY_ms;
      const mood = moodOf(n);
      const lines = linesOf(day_at, mood, options.turns, random);
      for (const { states } of lines) if (states) told.add(states);
      await core.commit(lines.map(said));
      const before = await sums(store);
      const began = process.cpuUsage();
      // When each sitting is over, and at midnight.
      for (const hour of [12, 17, 22, 24]) await service.until(day_at + hour * 3_600_000);
      const { user, system } = process.cpuUsage(began);
      const work_ms = (user + system) / 1000;
      const after = await sums(store);
      days.push({ mood, statements: told.size, work_ms, ...after, runs: after.runs - before.runs });
    }
    return days;
  } finally {
    await core.close();
    await store.close();
    rmSync(home.directory, { recursive: true, force: true });
  }
}

/** Each seventh day nothing is said, and in a fortnight of each hundred days; each fifth nothing is stated. */
function moodOf(n: number): Day['mood'] {
  if (n % 7 === 6 || n % 100 >= 86) return 'silent';
  return n % 5 === 4 ? 'idle' : 'full';
}

function said({ role, text, at, turn_id, trust }: Line): Op {
  return {
    verb: 'growth.said',
    sql: 'INSERT INTO message (conversation, role, text, at, turn_id, trust, sender) VALUES (?,?,?,?,?,?,?)',
    args: [CONVERSATION, role, text, at, turn_id, trust, role === 'user' ? 'owner' : null],
  };
}

/** The service's steps, on a clock that is set by hand. */
function serviceOn(store: Store, home: ReturnType<typeof homeOf>) {
  let now = BEGIN;
  const quiet = () => {};
  const log: Log = {
    ...{ debug: quiet, info: quiet, warn: quiet, error: quiet, fatal: quiet },
    ...{ dropped: 0, close: async () => {} },
  };
  const ctx = {
    ...{ store, home, log, clock: { now: () => now, mono: () => now } },
    ...{ persist: store.commit, signal: new AbortController().signal, doing: quiet },
    config: { rules_after_s: 60, session_min: 30 },
  };
  const index = indexer(ctx);
  const rules = rulesOf(ctx);
  return {
    async until(at: number): Promise<void> {
      now = at;
      for (let batch = await index.look(); batch; batch = await index.look()) await index.act(batch);
      for (let piece = await rules.look(); piece; piece = await rules.look()) await rules.act(piece);
      await expire(ctx);
    },
  };
}

async function sums(store: Store) {
  const count = async (sql: string) =>
    (await store.read<{ count: number }>({ verb: 'growth.count', sql, args: [] }))[0]?.count ?? 0;
  const counts = await store.read(memory.counts);
  const sum = (which: (one: (typeof counts)[number]) => boolean) =>
    counts.filter(which).reduce((total, one) => total + one.count, 0);
  const [told] = await store.read(profile.of('owner'));
  return {
    lines: await count('SELECT count(*) AS count FROM message'),
    runs: await count('SELECT count(*) AS count FROM memory_run'),
    active: sum(({ status, kind }) => status === 'active' && kind !== 'summary'),
    summaries: sum(({ status, kind }) => status === 'active' && kind === 'summary'),
    rows: sum(() => true),
    store_bytes: await count(
      'SELECT page_count * page_size AS count FROM pragma_page_count(), pragma_page_size()',
    ),
    profile_tokens: Math.ceil((told?.text.length ?? 0) / 4),
  };
}

/** What the days come to, for a person: and whether what is in force grew beyond what was stated. */
export function report(days: readonly Day[]): { text: string; bounded: boolean } {
  const every = Math.max(1, Math.floor(days.length / 10));
  const shown = days.flatMap((day, n) => ((n + 1) % every === 0 ? [{ day, n }] : []));
  const work = (from: number, to: number) =>
    median(
      days
        .slice(from, to)
        .filter(({ mood }) => mood === 'full')
        .map(({ work_ms }) => work_ms),
    );
  const rows = shown.map(({ day, n }) => [
    String(n + 1),
    ...[day.lines, day.statements, day.active, day.summaries, day.rows].map(String),
    (day.store_bytes / 1e6).toFixed(1),
    String(day.profile_tokens),
    work(n + 1 - every, n + 1).toFixed(1),
  ]);
  const head = [
    'day',
    'messages',
    'stated',
    'in force',
    'summaries',
    'all rows',
    'store MB',
    'profile',
    'ms a day',
  ];
  const half = days[Math.floor(days.length / 2)];
  const last = days.at(-1);
  const bounded = days.every(
    ({ active, statements, summaries }) => active <= statements && summaries <= MOST_SUMMARIES,
  );
  const nights = (['silent', 'idle'] as const).map((mood) => {
    const some = days.filter((day) => day.mood === mood);
    const runs = some.reduce((total, day) => total + day.runs, 0);
    const ms = median(some.map(({ work_ms }) => work_ms)).toFixed(1);
    return `${some.length} ${mood} days: ${runs} runs, ${ms} ms of work on the median one`;
  });
  const grown = `in force: ${half?.active} after half of the days, ${last?.active} after all, of ${last?.statements} different statements`;
  return { text: [table(head, rows), '', grown, ...nights].join('\n'), bounded };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      days: { type: 'string', default: '400' },
      turns: { type: 'string', default: '15' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [days, turns, seed] = [Number(values.days), Number(values.turns), Number(values.seed)];
  const { text, bounded } = report(await growth({ days, turns, seed }));
  process.stdout.write(`${text}\n`);
  if (!bounded) process.exitCode = 1;
}
