/**
 * What Vigil itself adds between an update and its reply: the whole house, with a model that answers in 0 ms. From the
 * moment the fake Bot API has the message to the moment the reply arrives there. Beside it, in the same run, a bare bot
 * that stores nothing (bench/bare-bot.ts).
 *
 *   node bench/latency.ts [--messages 400] [--old 1000000] [--only NAME]
 *
 * The cases: an empty store; a store with a million old messages; flushes that take 1 and 5 ms more, as on real disks
 * (strace delays fdatasync); 50 foreign commits a second. Durable commits per message are counted by strace too. What
 * recall takes of it is measured apart: the same questions to the same store, once the house is quiet.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sleep } from '#shared/base/clock.ts';
import { root } from '#shared/base/root.ts';
import { readingOf } from '#shared/recall/reading.ts';
import { recall } from '#shared/recall/recall.ts';
import { type Home, homeOf } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import type { Op } from '#shared/tables/op.ts';
import { buildHouse, type House, KEY, OWNER, RAISED, TOKEN } from '#shared/testing/house.ts';
import { indexed } from './indexed.ts';
import { quantile, table } from './table.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '400' },
    old: { type: 'string', default: '1000000' },
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  console.log(
    'node bench/latency.ts [--messages N] [--old N] [--only "bare bot"|plain|"old messages"|"1 ms"|"5 ms"|foreign]',
  );
  process.exit(0);
}
const messages = Number(values.messages);
const old = Number(values.old);

type Measured = { name: string; ms: number[]; flushes: number | null; recall: number[] };

/** One message after the other, a little apart, as a person writes: each waits for its answer. */
async function converse(house: House): Promise<number[]> {
  const took: number[] = [];
  for (let i = 0; i < messages + 20; i++) {
    const word = `m${i}.`;
    const { message_id } = await house.bot.say({ chat_id: OWNER, text: word });
    const said_at = performance.timeOrigin + performance.now();
    const [reply] = await Promise.all([
      house.bot.waitSent((sent) => sent.message_id > message_id && sent.text.includes(word)),
    ]);
    // The first ones load what is loaded lazily.
    if (i >= 20) took.push(reply.at_ms - said_at);
    await sleep(5 + (i % 7));
  }
  return took;
}

async function vigil(
  name: string,
  how: { under?: string[]; directory?: string; foreign?: boolean },
): Promise<Measured> {
  const house = await buildHouse({ bundled: true, ...(how.directory ? { directory: how.directory } : {}) });
  const trace = join(mkdtempSync(join(tmpdir(), 'vigil-trace-')), 'flushes');
  const stop = new AbortController();
  try {
    await house.start([], {}, how.under?.map((word) => word.replace('FILE', trace)) ?? []);
    const foreign = how.foreign ? commits(house, stop.signal) : undefined;
    const before = how.under ? flushesIn(trace) : 0;
    const ms = await converse(house);
    const flushes = how.under ? (flushesIn(trace) - before) / (messages + 20) : null;
    stop.abort();
    await foreign;
    return { name, ms, flushes, recall: await recalling(house) };
  } finally {
    await house.close();
    rmSync(join(trace, '..'), { recursive: true, force: true });
  }
}

async function recalling(house: House): Promise<number[]> {
  const read = readingOf(await house.store());
  const took: number[] = [];
  for (let i = 0; i < messages + 20; i++) {
    const began = performance.now();
    await recall(read, { scope: 'owner', text: `m${i}.`, now: Date.now(), budget_tokens: 1024 });
    if (i >= 20) took.push(performance.now() - began);
  }
  return took;
}

/** Flushes of the store in strace's record. */
function flushesIn(trace: string): number {
  return readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => /f(data)?sync\(.*vigil\.db/.test(line)).length;
}

/** Somebody else writes to the store, 50 times a second: a heartbeat row of a service that is not there. */
async function commits(house: House, signal: AbortSignal): Promise<void> {
  const store = await openStore({ directory: house.home.state, principal: 'foreigner' });
  while (!signal.aborted) {
    const now = Date.now();
    const row = {
      pid: 1,
      instance: 'f',
      boot_id: 'b',
      version: '0',
      phase: 'ready',
      doing: '',
      problem: null,
    } as const;
    const times = { since_at: now, progressed_at: now, beat_at: now, rss_bytes: 0, loop_delay_ms: 0 };
    await store.commit([heartbeat.beat({ service: 'foreigner', worker: 0, ...row, ...times })]);
    await sleep(20, signal);
  }
  await store.close();
}

async function bareBot(): Promise<Measured> {
  const house = await buildHouse({ telegram: false, key: false });
  const args = [join(root, 'bench/bare-bot.ts'), TOKEN, house.bot.root, KEY, house.model.root];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    return { name: 'bare bot', ms: await converse(house), flushes: null, recall: [] };
  } finally {
    child.kill('SIGKILL');
    await house.close();
  }
}

/** Old conversations, as years of use would leave them: each message with its turn, its arrival and its dispatch. */
async function fill(directory: string): Promise<void> {
  const { state } = homeOf({ VIGIL_HOME: directory });
  const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${old / 2})`;
  const chat = `CASE WHEN i % 20 = 0 THEN ${OWNER} ELSE 1000 + i % 20 END`;
  // Ids of turns grow with time.
  const id = `printf('0%011d', i)`;
  const words = `'old message number ' || i || ' about nothing in particular, only long enough to be one'`;
  const step = (verb: string, sql: string): Op => ({ verb, sql, args: [] });
  const core = await openStore({ directory: state, principal: 'core' });
  await core.commit([
    step(
      'fill.inbound',
      `INSERT INTO inbound (source, source_key, channel, conversation, chat, sender, text, payload_json, received_at, state, turn_id)
       ${numbers} SELECT 'old', 'k' || i, 'telegram', 'telegram:' || ${chat}, ${chat}, 'x', ${words}, '{}', i, 'answered', ${id} FROM n`,
    ),
    step(
      'fill.turn',
      `INSERT INTO turn (id, conversation, channel, chat, state, attempt, due_at, changed_at, owner, boot_id, lease_until_at, created_at, finished_at)
       ${numbers} SELECT ${id}, 'telegram:' || ${chat}, 'telegram', ${chat}, 'done', 1, i, i, 'x', 'x', i, i, i FROM n`,
    ),
    step(
      'fill.message',
      `INSERT INTO message (conversation, role, text, at, turn_id)
       ${numbers} SELECT 'telegram:' || ${chat}, r, ${words}, i, ${id} FROM n, (SELECT 'user' AS r UNION ALL SELECT 'assistant')`,
    ),
    step(
      'fill.step',
      `INSERT INTO step (turn_id, round, kind, content_json, at)
       ${numbers} SELECT ${id}, 1, k, json_array(json_object('type', 'text', 'text', ${words})), i FROM n, (SELECT 'heard' AS k UNION ALL SELECT 'model')`,
    ),
    step(
      'fill.outbound',
      `INSERT INTO outbound (key, channel, conversation, chat, kind, turn_id, text, state, part, due_at, changed_at, created_at, finished_at)
       ${numbers} SELECT 'old' || i, 'telegram', 'telegram:' || ${chat}, ${chat}, 'reply', ${id}, ${words}, 'pending', 1, i, i, i, i FROM n`,
    ),
  ]);
  await core.close();
  // What went out is telegram's to say: core may only post.
  const telegram = await openStore({ directory: state, principal: 'telegram' });
  await telegram.commit([step('fill.sent', `UPDATE outbound SET state = 'sent'`)]);
  await telegram.close();
}

/** Beforehand, or what is measured is a house that indexes a million messages. */
async function index(home: Home): Promise<void> {
  // Whose conversations are one scope; the house writes its own.
  writeFileSync(home.config, `[telegram]\nowners = [${OWNER}]\n`);
  await indexed(home);
  rmSync(home.config);
}

const delayed = (ms: number) => {
  const calls = 'fdatasync,fsync';
  return [
    'strace',
    // As a grandchild, so that signals for the suite reach the suite.
    '-D',
    '-f',
    '-qq',
    '--seccomp-bpf',
    '-y',
    '-e',
    `trace=${calls}`,
    '-e',
    `inject=${calls}:delay_exit=${ms * 1000}`,
    '-o',
    'FILE',
  ];
};

const cases: { name: string; run(): Promise<Measured> }[] = [
  { name: 'bare bot', run: bareBot },
  { name: 'plain', run: () => vigil('Vigil', {}) },
  {
    name: 'old messages',
    async run() {
      const directory = mkdtempSync(join(tmpdir(), 'vigil-old-'));
      try {
        console.error(`filling a store with ${old} messages …`);
        await fill(directory);
        await index(homeOf({ VIGIL_HOME: directory }));
        return await vigil(`Vigil, ${old} old messages`, { directory });
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  },
  { name: '0 ms', run: () => vigil('Vigil under strace, flush + 0 ms', { under: delayed(0) }) },
  { name: '1 ms', run: () => vigil('Vigil under strace, flush + 1 ms', { under: delayed(1) }) },
  { name: '5 ms', run: () => vigil('Vigil under strace, flush + 5 ms', { under: delayed(5) }) },
  { name: 'foreign', run: () => vigil('Vigil, 50 foreign commits/s', { foreign: true }) },
];

console.log(`budgets and limits are on, and raised:\n${RAISED}`);
const measured: Measured[] = [];
for (const { name, run } of cases) {
  if (values.only && values.only !== name) continue;
  console.error(`${name} …`);
  measured.push(await run());
}
const [first] = measured;
console.log(
  table(
    [
      `update to reply, ms (n=${messages})`,
      'p50',
      'p90',
      'p99',
      'max',
      'p50 against the first',
      'flushes per message',
      'recall p50',
      'p99',
    ],
    measured.map(({ name, ms, flushes, recall }) => [
      name,
      ...[0.5, 0.9, 0.99].map((q) => quantile(ms, q).toFixed(1)),
      Math.max(...ms).toFixed(1),
      (quantile(ms, 0.5) / quantile(first?.ms ?? ms, 0.5)).toFixed(2),
      flushes === null ? '' : flushes.toFixed(1),
      ...[0.5, 0.99].map((q) => (recall.length > 0 ? quantile(recall, q).toFixed(2) : '')),
    ]),
  ),
);
const p50 = (name: string) => quantile(measured.find((one) => one.name.startsWith(name))?.ms ?? [], 0.5);
console.log(
  `aims: p50 ≤ 10 ms, p99 ≤ 40 ms, with old messages ≤ 1.2 of without: ${(p50(`Vigil, ${old}`) / p50('Vigil')).toFixed(2)}; flushes ≤ 6`,
);
