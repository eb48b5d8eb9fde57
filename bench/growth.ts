/**
 * How memory grows: a made-up person talks for 400 days, on a clock of its own, through the service's own steps: each
 * sitting is indexed and read by rule once it is over, what is past expires, and at night a scripted model goes over what is
 * new. Some days are silent, some idle: nothing is stated. What is in force must follow what is true of that person, not how
 * long they talk; the words themselves are kept, and a day must not cost more work for it. A night without anything new
 * asks nothing.
 *
 *   node bench/growth.ts [--days 400] [--turns 15] [--seed 1] [--without-model]
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Log } from '#shared/base/log.ts';
import { defaultConfig } from '#shared/runtime/config.ts';
import { type Home, homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import * as memory from '#shared/tables/memory.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import type { Op } from '#shared/tables/op.ts';
import * as profile from '#shared/tables/profile.ts';
import { randomFrom } from '#shared/testing/messages-latency.ts';
import { config } from '../services/memory/config.ts';
import { expire } from '../services/memory/expiry.ts';
import { indexer } from '../services/memory/indexing.ts';
import { rulesOf } from '../services/memory/rules.ts';
import { plan } from '../services/memory/run/plan.ts';
import { apply, ask } from '../services/memory/run/step.ts';
import { type Line, linesOf } from './growth/life.ts';
import { type ScriptedModel, scriptedModel } from './growth/model.ts';
import { median, table } from './table.ts';

const HOUR_ms = 3_600_000;
const DAY_ms = 24 * HOUR_ms;
const BEGIN = Date.parse('2027-01-01T00:00:00Z');
const CONVERSATION = 'terminal:main';
/** Three sittings a day are summed up for ninety days; of the days and weeks each is summed up once. */
const mostSummaries = (days: number) => 3 * 91 + days + days / 7;

export type Options = { days: number; turns: number; seed: number; model: boolean };

export type Day = {
  mood: 'silent' | 'idle' | 'full';
  /** Said so far; and how much of it told something, in words that were not said before. */
  lines: number;
  statements: number;
  /** In force, summaries aside; these; and all rows there are. */
  active: number;
  summaries: number;
  rows: number;
  store_bytes: number;
  profile_tokens: number;
  /** Of this day and its night: what the service did took so much of a processor, and asked so much. */
  work_ms: number;
  asked: number;
  tokens: number;
};

export async function growth(options: Options): Promise<Day[]> {
  // Its days begin at midnight, wherever it runs.
  process.env.TZ = 'UTC';
  const home = homeOf({ VIGIL_HOME: mkdtempSync(join(tmpdir(), 'vigil-growth-')) });
  prepareHome(home);
  writeFileSync(home.config, '', { mode: 0o600 });
  const opened = { directory: home.state, flush: 'normal' } as const;
  const store = await openStore({ ...opened, principal: 'memory' });
  const core = await openStore({ ...opened, principal: 'core' });
  const random = randomFrom(options.seed);
  const told = new Set<string>();
  const model = scriptedModel();
  const service = serviceOn(store, home, options.model ? model : null);
  try {
    const days: Day[] = [];
    for (let n = 0; n < options.days; n++) {
      const day_at = BEGIN + n * DAY_ms;
      const mood = moodOf(n);
      const lines = linesOf(day_at, mood, options.turns, random);
      for (const { states } of lines) if (states) told.add(states);
      await core.commit(lines.map(said));
      const [asked, tokens] = [model.asked, model.tokens];
      const began = process.cpuUsage();
      // When each sitting is over, at midnight, and at the hour of the nightly job.
      for (const hour of [12, 17, 22, 24]) await service.until(day_at + hour * HOUR_ms);
      await service.night(day_at + 27 * HOUR_ms + 20 * 60_000);
      const { user, system } = process.cpuUsage(began);
      days.push({
        ...{ mood, statements: told.size, work_ms: (user + system) / 1000 },
        ...{ asked: model.asked - asked, tokens: model.tokens - tokens },
        ...(await sums(store)),
      });
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
function serviceOn(store: Store, home: Home, model: ScriptedModel | null) {
  let now = BEGIN;
  const quiet = () => {};
  const log: Log = {
    ...{ debug: quiet, info: quiet, warn: quiet, error: quiet, fatal: quiet },
    ...{ dropped: 0, close: async () => {} },
  };
  const ctx = {
    ...{ store, home, log, clock: { now: () => now, mono: () => now } },
    ...{ persist: store.commit, signal: new AbortController().signal, doing: quiet },
    config: { ...defaultConfig({ name: 'memory', section: config }).own, consolidate: 'now' as const },
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
    async night(at: number): Promise<void> {
      if (!model) return;
      now = at;
      const runner = { ...ctx, asker: model };
      await store.commit((await plan(ctx, async () => true)).ops);
      for (const run of await store.read(memory_run.open)) await ask(runner, run);
      for (const run of await store.read(memory_run.open)) await apply(runner, run);
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
    active: sum(({ status, kind }) => status === 'active' && kind !== 'summary'),
    summaries: sum(({ status, kind }) => status === 'active' && kind === 'summary'),
    rows: sum(() => true),
    store_bytes: await count(
      'SELECT page_count * page_size AS count FROM pragma_page_count(), pragma_page_size()',
    ),
    profile_tokens: Math.ceil((told?.text.length ?? 0) / 4),
  };
}

/** What the days come to; and whether what is in force stayed within what was stated, and summaries within their time. */
export function report(days: readonly Day[]): { text: string; bounded: boolean } {
  const every = Math.max(1, Math.floor(days.length / 10));
  const rows = days.flatMap((day, n) => {
    if ((n + 1) % every !== 0) return [];
    const stretch = days.slice(n + 1 - every, n + 1).filter(({ mood }) => mood === 'full');
    return [
      [
        ...[n + 1, day.lines, day.statements, day.active, day.summaries, day.rows].map(String),
        (day.store_bytes / 1e6).toFixed(1),
        String(day.profile_tokens),
        median(stretch.map(({ work_ms }) => work_ms)).toFixed(1),
      ],
    ];
  });
  const [half, last] = [days[Math.floor(days.length / 2)], days.at(-1)];
  const bounded =
    (last?.active ?? 0) <= (last?.statements ?? 0) &&
    days.every(({ summaries }) => summaries <= mostSummaries(days.length));
  const moods = (['full', 'idle', 'silent'] as const).map((mood) => {
    const some = days.filter((day) => day.mood === mood);
    const sum = (what: 'asked' | 'tokens') => some.reduce((total, day) => total + day[what], 0);
    const ms = median(some.map(({ work_ms }) => work_ms)).toFixed(1);
    return `${some.length} ${mood} days: ${ms} ms of work on the median one; the model was asked ${sum('asked')} times, ${sum('tokens')} tokens`;
  });
  const head = [
    'day',
    'messages',
    'stated',
    'in force',
    'summaries',
    'all rows',
    'store MB',
    'profile',
    'ms',
  ];
  const grown = `in force: ${half?.active} after half of the days, ${last?.active} after all, of ${last?.statements} different statements`;
  return { text: [table(head, rows), '', grown, ...moods].join('\n'), bounded };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      days: { type: 'string', default: '400' },
      turns: { type: 'string', default: '15' },
      seed: { type: 'string', default: '1' },
      'without-model': { type: 'boolean', default: false },
    },
  });
  const [days, turns, seed] = [Number(values.days), Number(values.turns), Number(values.seed)];
  const { text, bounded } = report(await growth({ days, turns, seed, model: !values['without-model'] }));
  process.stdout.write(`${text}\n`);
  if (!bounded) process.exitCode = 1;
}
