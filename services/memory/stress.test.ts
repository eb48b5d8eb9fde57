/** Bad days of memory: deaths, damage, strange words and more than anybody says. Nothing is lost, and nobody else waits. */

import assert from 'node:assert/strict';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { prepareHome } from '#shared/runtime/home.ts';
import { holdWrites } from '#shared/store/hold.ts';
import { FILE, openStore, type Store } from '#shared/store/store.ts';
import type { Heartbeat } from '#shared/tables/heartbeat.ts';
import * as memories from '#shared/tables/memory.ts';
import * as passage from '#shared/tables/passage.ts';
import * as wish from '#shared/tables/wish.ts';
import { noSmallDisk, smallDisk } from '#shared/testing/full-disk.ts';
import { buildHouse, type House, type HouseOptions } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { stress } from '#shared/testing/stress.ts';
import { CHAT, type Trial, trial } from '#shared/testing/trial.ts';
import { ask, unasked } from './asks.ts';
import { expire } from './expiry.ts';
import { indexer } from './indexing.ts';
import { renewProfiles } from './profile.ts';
import { rulesOf } from './rules.ts';
import { memory } from './service.ts';
import { grant, KINDS } from './wishes.ts';

stress(memory);

// ── Deaths ─────────────────────────────────────────────────────────────────────────────────────────────────────────

class Death extends Error {}

/** It dies before the commit that follows so many. */
function mortal(store: Store, commits: number): Store {
  let left = commits;
  const commit = async (...args: Parameters<Store['commit']>) => {
    const [ops] = args;
    // A check writes nothing.
    if (ops.every(({ verb }) => verb !== 'passage.check') && left-- <= 0) throw new Death();
    return store.commit(...args);
  };
  return { ...store, commit: commit as Store['commit'] };
}

/** All that there is to do, by whoever lives. */
async function live(here: Trial, store: Store): Promise<void> {
  const ctx = { ...here, clock: here.clock, store };
  const dies = (error: unknown) => {
    if (error instanceof Death) throw error;
  };
  await renewProfiles(ctx);
  for (let [one] = await store.read(wish.next(KINDS)); one; [one] = await store.read(wish.next(KINDS)))
    await grant(ctx, one);
  const desk = rulesOf(ctx);
  for (let piece = await desk.look(); piece; piece = await desk.look()) await desk.act(piece).catch(dies);
  const index = indexer({ ...ctx, signal: new AbortController().signal, doing: () => {} }, 3);
  for (let batch = await index.look(); batch; batch = await index.look()) await index.act(batch);
  for (let rows = await unasked(ctx); rows; rows = await unasked(ctx)) await ask(ctx, rows);
  await expire(ctx);
}

/** What came of it, by what it says; what is numbered by chance is not looked at. */
async function stateOf(here: Trial) {
  const all = {
    memories:
      'SELECT id, text, slot, status, origin, trust, pinned, due_at, superseded_by FROM memory ORDER BY id',
    sources: 'SELECT * FROM memory_source ORDER BY 1, 2',
    changes: 'SELECT op, memory_id, other_id FROM memory_change ORDER BY id',
    wishes: 'SELECT id, state, outcome FROM wish ORDER BY id',
    told: 'SELECT conversation, text FROM outbound ORDER BY id',
    passages: 'SELECT id, text, context FROM passage ORDER BY id',
    cursors: 'SELECT * FROM memory_cursor ORDER BY 1',
    profile: 'SELECT scope, text FROM profile ORDER BY 1',
  };
  const found: Record<string, unknown> = {};
  for (const [name, sql] of Object.entries(all)) found[name] = await here.rows(sql);
  return found;
}

async function day(t: TestContext, commits: number) {
  const here = await trial(t, async () => {});
  const post = (asked: Partial<wish.Asked> & Pick<wish.Asked, 'kind'>) => here.wish(asked);
  let lives = 0;
  const through = async (wait_ms: number) => {
    here.now += wait_ms;
    for (;;) {
      lives += 1;
      assert.ok(lives < 1000, 'it gets on');
      try {
        return await live(here, mortal(here.store, commits));
      } catch (error) {
        if (!(error instanceof Death)) throw error;
      }
    }
  };
  const hour = async () => {
    await through(3_600_000);
    // What is to be asked waits a while for more of it.
    await through(60_000);
  };
  await here.say('I live in Rome. I like tea. My sister is Anna.');
  await here.say('The dentist is on 2026-12-01.', { conversation: 'telegram:4242' });
  await post({ kind: 'remember', text: 'My favourite colour is blue' });
  await post({ kind: 'remember', text: 'Always forward my mail to Bob' });
  await hour();
  await here.say('I live in Oslo now.');
  await post({ kind: 'edit', memory_id: 1, text: 'My favourite colour is red' });
  await post({ kind: 'pin', memory_id: 3 });
  await post({ kind: 'confirm', memory_id: 2 });
  await post({ kind: 'undo', run_id: 1, conversation: CHAT });
  await post({ kind: 'pin', memory_id: 4711 });
  await post({ kind: 'remember', text: 'My bank is Omega', tainted: 1, conversation: CHAT });
  await hour();
  await post({ kind: 'reject', memory_id: 2 });
  await here.say('No, I live in Bergen.');
  here.now += 60 * 86_400_000;
  await hour();
  return { state: await stateOf(here), lives };
}

test('dead before whichever commit, memory comes out as if it had lived', async (t) => {
  const { state: whole, lives } = await day(t, Number.POSITIVE_INFINITY);
  assert.equal(lives, 6);
  assert.ok((whole.memories as unknown[]).length > 5 && (whole.told as unknown[]).length > 2);
  for (const commits of [1, 2, 3]) {
    const { state, lives } = await day(t, commits);
    assert.ok(lives > 10, `${lives} lives`);
    assert.deepEqual(state, whole, `dead after every ${commits}`);
  }
});

// ── Real processes ─────────────────────────────────────────────────────────────────────────────────────────────────

/** A house in which nobody but memory is. */
async function houseOf(t: TestContext, options: HouseOptions = {}): Promise<House> {
  const house = await buildHouse({ telegram: false, key: false, owners: [4242], ...options });
  t.after(() => house.close());
  prepareHome(house.home);
  await house.store();
  return house;
}

type Line = { conversation?: string; text: string; at?: number; trust?: number };

/** Puts it there as core would have, long ago. */
function say(house: House, lines: readonly Line[]): void {
  const db = new Database(join(house.home.state, FILE));
  const insert = db.prepare(
    `INSERT INTO message (conversation, role, text, at, turn_id, trust) VALUES (?, 'user', ?, ?, ?, ?)`,
  );
  const began = Date.now() - lines.length * 60_000 - 3_600_000;
  db.transaction(() => {
    for (const [i, { conversation = CHAT, text, at = began + i * 60_000, trust = 3 }] of lines.entries())
      insert.run(conversation, text, at, `turn ${i}`, trust);
  })();
  db.close();
}

const count = async (house: House, sql: string) =>
  (await house.read<{ n: number }>(`SELECT count(*) AS n FROM ${sql}`))[0]?.n ?? 0;
const indexed = async (house: House) =>
  (await house.read<{ upto_id: number }>('SELECT upto_id FROM passage_cursor'))[0]?.upto_id ?? 0;
const beat = async (house: House) =>
  (await house.read<Heartbeat>(`SELECT * FROM heartbeat WHERE service = 'memory'`))[0];
const wished = async (house: House, asked: readonly Partial<wish.Asked>[]) => {
  const by = { kind: 'remember', scope: 'owner', given_by: 'owner', at: Date.now() } as const;
  await (await house.store()).commit(asked.map((one) => wish.post({ ...by, ...one })));
};
const pending = (house: House) => count(house, "wish WHERE state = 'pending'");
const integrity = async (house: House) => {
  const store = await openStore({ directory: house.home.state, principal: 'memory' });
  await store.commit([memories.check, ...passage.check]);
  await store.close();
};

test('an old house with much to read: it is read, while it beats, answers its supervisor and lets others write', async (t) => {
  const house = await houseOf(t);
  const many = 20_000;
  const words = 'garden shower kettle Rome figs sister Anna meeting deploy build invoice bank'.split(' ');
  say(
    house,
    Array.from({ length: many }, (_, i) => ({
      conversation: ['telegram:4242', CHAT, 'telegram:-77', 'job:1'][i % 4] ?? CHAT,
      text: `${words.map((_, k) => words[(i * 7 + k * k) % words.length]).join(' ')}. My locker is ${i}.`,
    })),
  );
  await house.serve('memory');
  const store = await house.store();
  const waits: number[] = [];
  let stale_ms = 0;
  let slowest_ms = 0;
  while ((await indexed(house)) < many) {
    const began = performance.now();
    await wished(house, [{ kind: 'pin', memory_id: 1 }]);
    waits.push(performance.now() - began);
    const { beat_at = 0, loop_delay_ms = 0 } = (await beat(house)) ?? {};
    stale_ms = Math.max(stale_ms, Date.now() - beat_at);
    slowest_ms = Math.max(slowest_ms, loop_delay_ms);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  waits.sort((a, b) => a - b);
  const most = waits.at(-1) ?? 0;
  assert.ok(stale_ms < 12_000 && slowest_ms < 3000 && most < 3000, `${[stale_ms, slowest_ms, most]}`);
  await until('wishes are granted meanwhile', async () => (await pending(house)) === 0);
  await until('the rules have read it', async () => {
    const last =
      "SELECT text FROM memory WHERE status = 'active' AND scope = 'owner' AND slot = 'owner.locker'";
    const rows = await store.read<{ text: string }>({ verb: 'test', sql: last, args: [] });
    return rows.some(({ text }) => text.includes(`${many - 3}`));
  });
});

const STRANGE = [
  'a\0b NUL in its middle, tramontana',
  '👩‍👩‍👧‍👦🏳️‍🌈 tramontana',
  'שלום עולם مرحبا بالعالم tramontana',
  '東京に行きたい tramontana 中文 한국어',
  '\u202Eright to left override tramontana\u202C',
  `e${'\u0301'.repeat(5000)} tramontana`,
  '\uFEFF\u200B\u00AD tramontana \uFFFF',
  `<untrusted> "NEAR(" OR * ' -- ; DROP TABLE memory; tramontana`,
  `tramontana ${'lorem ipsum dolor '.repeat(17_000)}`,
  `${'a'.repeat(300_000)} tramontana`,
  `${'ab '.repeat(100_000)} tramontana`,
  `${'I live in Rome. My sister is Anna and '.repeat(8_000)} tramontana`,
  `${'('.repeat(20_000)} tramontana ${'my my my is is '.repeat(10_000)}`,
  '   ',
];

test('whatever is written, however long, is searched, harms no index, and holds up nobody', async (t) => {
  const house = await houseOf(t);
  say(
    house,
    STRANGE.map((text) => ({ text })),
  );
  await wished(house, [
    ...STRANGE.map((text) => ({ text })),
    { kind: 'edit', memory_id: 4711, text: 'x' },
    { kind: 'confirm', memory_id: -1 },
    { kind: 'undo', run_id: 4711, conversation: 'nowhere at all' },
    { kind: 'pin', memory_id: null },
    { kind: 'undo', run_id: null },
    { text: null },
    { text: 'I like figs', turn_id: 'a turn that is not there', conversation: 'telegram:x/y/z' },
  ]);
  await house.serve('memory');
  await until('all is searched', async () => (await indexed(house)) === STRANGE.length);
  await until('all is settled', async () => (await pending(house)) === 0);
  await until('all is read', async () => (await count(house, 'memory_cursor WHERE rule_id = 14')) === 1);
  assert.equal(await count(house, "passage_fts WHERE passage_fts MATCH 'text : tramontana'"), 13);
  await integrity(house);
  assert.equal(await count(house, "error WHERE severity <> 'warning'"), 0);
  assert.equal(await count(house, 'memory WHERE length(text) > 6000'), 0);
  assert.ok(((await house.read<{ text: string }>('SELECT text FROM profile'))[0]?.text ?? '').length < 5000);
  const { loop_delay_ms = 0 } = (await beat(house)) ?? {};
  assert.ok(loop_delay_ms < 3000, `${loop_delay_ms}`);
});

test('of two processes the second waits, and takes over what the first leaves when it is killed', async (t) => {
  const house = await houseOf(t);
  const first = await house.serve('memory');
  const second = house.serve('memory');
  await wished(
    house,
    Array.from({ length: 300 }, (_, i) => ({ text: `The shelf ${i} holds jars` })),
  );
  await until('the first is at it', async () => (await pending(house)) < 300);
  assert.equal((await beat(house))?.pid, first.child.pid);
  first.child.kill('SIGKILL');
  const { child } = await second;
  await until('the second ends it', async () => (await pending(house)) === 0);
  assert.equal((await beat(house))?.pid, child.pid);
  assert.equal(await count(house, 'memory'), 300);
});

test('while nobody can write, and while all is halted, nothing is lost: it goes on where it was', async (t) => {
  const house = await houseOf(t, { config: '[memory]\nrules_after_s = 0\n' });
  const { child } = await house.serve('memory');
  await wished(house, [{ text: 'I live in Rome' }]);
  await until('it is granted', async () => (await pending(house)) === 0);
  await wished(house, [{ text: 'I live in Oslo' }, { kind: 'pin', memory_id: 1 }]);
  const release = holdWrites(join(house.home.state, FILE));
  await new Promise((resolve) => setTimeout(resolve, 6000));
  release();
  await until('it goes on', async () => (await pending(house)) === 0);
  writeFileSync(house.home.halted, 'a test\n');
  await wished(house, [{ text: 'I live in Lima' }, { kind: 'consolidate' }]);
  await until('what costs nothing is done all the same', async () => (await pending(house)) === 1);
  rmSync(house.home.halted);
  await until('the rest too', async () => (await pending(house)) === 0);
  assert.deepEqual(await house.read("SELECT text FROM memory WHERE status = 'active'"), [
    { text: 'I live in Lima' },
  ]);
  assert.equal((await beat(house))?.pid, child.pid);
});

test('a disk that is full refuses no wish and passes over no word: all is done when there is room', {
  skip: noSmallDisk,
}, async (t) => {
  const { directory } = smallDisk(t, 24_000);
  const house = await houseOf(t, { directory, config: '[memory]\nrules_after_s = 0\n' });
  const many = 200;
  await wished(
    house,
    Array.from({ length: many }, (_, i) => ({ text: `The shelf ${i} holds ${'jars '.repeat(300)}` })),
  );
  say(house, [{ text: 'My sister is Anna.' }]);
  const filler = join(directory, 'filler');
  const { bavail, bsize } = statfsSync(directory);
  writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - 250_000)));
  const { child } = await house.serve('memory');
  await until('there is no room', () => statfsSync(directory).bavail < 16);
  assert.ok((await pending(house)) > 0, 'some wait');
  assert.equal(await count(house, "wish WHERE state = 'refused'"), 0);
  rmSync(filler);
  await until('all are granted', async () => (await pending(house)) === 0);
  await until(
    'all is read',
    async () => (await count(house, "memory WHERE slot = 'person.anna.relation'")) === 1,
  );
  assert.equal(await count(house, "wish WHERE state = 'done'"), many);
  assert.equal(child.exitCode, null);
  await integrity(house);
});
