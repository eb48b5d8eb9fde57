/** What is searched is, after whatever has happened, what would be made of all messages at once. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { systemClock } from '#shared/base/clock.ts';
import type { Log } from '#shared/base/log.ts';
import { passageOf } from '#shared/recall/passage.ts';
import { scopeOf } from '#shared/recall/scope.ts';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import type { Trust } from '#shared/tables/message.ts';
import type { Op, Query, Value } from '#shared/tables/op.ts';
import type { Passage } from '#shared/tables/passage.ts';
import { buildHouse } from '#shared/testing/house.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { indexer } from './indexing.ts';

const OWNER = 7;
const HOME = 'telegram:7';
const MINUTE_ms = 60_000;

type Said = {
  id: number;
  conversation: string;
  role: 'user' | 'assistant';
  text: string;
  at: number;
  corrects: number | null;
  trust: Trust;
};

const op = (sql: string, ...args: Value[]): Op => ({ verb: 'test', sql, args });
const query = <Row>(sql: string, ...args: Value[]): Query<Row> => ({ verb: 'test', sql, args });

function say({ id, conversation, role, text, at, corrects, trust }: Said): Op {
  return op(
    `INSERT INTO message (id, conversation, role, text, at, turn_id, sender, corrects, trust) VALUES (?,?,?,?,?,?,?,?,?)`,
    ...[id, conversation, role, text, at, `t${id}`, role === 'user' ? '7' : null, corrects, trust],
  );
}

async function deskOf(t: TestContext) {
  const directory = scratch(t);
  const home = homeOf({ VIGIL_HOME: directory });
  prepareHome(home);
  const owned = (owners: readonly number[]) =>
    writeFileSync(home.config, `[telegram]\nowners = ${JSON.stringify(owners)}\n`);
  owned([OWNER]);
  const store = await openStore({ directory: home.state, principal: 'memory', flush: 'normal' });
  const core = await openStore({ directory: home.state, principal: 'core', flush: 'normal' });
  t.after(() => Promise.all([store.close(), core.close()]));
  const silent = () => {};
  const log = { info: silent, warn: silent, error: silent } as unknown as Log;
  const desk = { store, home, log, clock: systemClock, signal: new AbortController().signal, doing: silent };
  let next = 1;
  return {
    ...desk,
    core,
    owned,
    async said(text: string, more: Partial<Said> = {}): Promise<Said> {
      const id = next++;
      const said: Said = {
        ...{ id, conversation: HOME, role: 'user', text, at: id * MINUTE_ms, corrects: null, trust: 3 },
        ...more,
      };
      await core.commit([say(said)]);
      return said;
    },
    /** Indexes until nothing is left, as a service that has just started, and says in how many batches. */
    async indexed(most?: number): Promise<number> {
      const { look, act } = indexer(desk, most);
      let batches = 0;
      for (let batch = await look(); batch !== null; batch = await look()) {
        await act(batch);
        batches += 1;
      }
      return batches;
    },
    passages: () => store.read(query<Passage>('SELECT * FROM passage ORDER BY id')),
    /** Whose own words these are. */
    async found(word: string): Promise<number[]> {
      await store.commit([op(`INSERT INTO passage_fts (passage_fts, rank) VALUES ('integrity-check', 1)`)]);
      const rows = await store.read(
        query<{ id: number }>(
          'SELECT rowid AS id FROM passage_fts WHERE passage_fts MATCH ? ORDER BY rowid',
          `text : ${word}`,
        ),
      );
      return rows.map(({ id }) => id);
    },
  };
}

type Desk = Awaited<ReturnType<typeof deskOf>>;

/** Made of all messages at once, the slow and simple way. */
async function oracle({ core }: { core: Store }, owners: readonly number[] = [OWNER]): Promise<Passage[]> {
  const all = await core.read(query<Said & { turn_id: string }>('SELECT * FROM message ORDER BY id'));
  const corrected = new Set(all.map(({ corrects }) => corrects));
  const live = all
    .filter(({ id, conversation }) => !corrected.has(id) && !/^(job|task):/.test(conversation))
    .map((row) => ({ ...row, parts_json: null, author: '', scope: scopeOf(row.conversation, owners) }));
  return live
    .map((row) =>
      passageOf(
        row,
        live.filter(({ conversation }) => conversation === row.conversation),
      ),
    )
    .filter(({ text }) => text.trim() !== '');
}

test('what is said can be found, by its own words and beside those of its neighbours', async (t) => {
  const desk = await deskOf(t);
  await desk.said('We are going to Lisbon in May');
  await desk.indexed();
  const [alone] = await desk.passages();
  assert.equal(alone?.context, '');
  await desk.said('How long will you stay?', { role: 'assistant', trust: 2 });
  await desk.said('Nine days');
  await desk.indexed();
  assert.deepEqual(await desk.found('lisbon'), [1]);
  const [first, , third] = await desk.passages();
  assert.match(
    first?.context ?? '',
    /How long will you stay\?\nNine days/,
    'a later neighbour joins its context',
  );
  assert.match(third?.context ?? '', /Lisbon/);
  assert.deepEqual(
    [first?.scope, first?.role, first?.turn_id, first?.trust, first?.at],
    ['owner', 'user', 't1', 3, MINUTE_ms],
  );
});

test('what was just said is indexed a moment later, when it may be answered', async (t) => {
  const desk = await deskOf(t);
  let now = 10_000;
  const { look, due } = indexer({ ...desk, clock: { now: () => now, mono: () => now } });
  assert.deepEqual([await look(), await due()], [null, null]);
  await desk.said('hello', { at: 10_000 });
  assert.deepEqual([await look(), await due()], [null, 11_000]);
  now = 10_999;
  assert.equal(await look(), null);
  now = 11_000;
  assert.equal((await look())?.rows.length, 1);
  now = 9_999;
  assert.equal((await look())?.rows.length, 1, 'the clock was set back');
});

test('what jobs and tasks say to themselves is not searched, nor is a message without words', async (t) => {
  const desk = await deskOf(t);
  await desk.said('look for flights', { conversation: 'job:4' });
  await desk.said('flights are searched', { conversation: 'task:2' });
  await desk.said('');
  await desk.said('any flights yet?');
  await desk.said('flights for the group', { conversation: 'telegram:-100/u9', trust: 1 });
  await desk.indexed();
  assert.deepEqual(await desk.found('flights'), [4, 5]);
  assert.deepEqual(
    (await desk.passages()).map(({ scope }) => scope),
    ['owner', 'telegram:-100/u9'],
  );
});

test('words that were spoken are found too, and who was let in by a code is named', async (t) => {
  const desk = await deskOf(t);
  const telegram = await openStore({ directory: desk.home.state, principal: 'telegram' });
  t.after(() => telegram.close());
  await telegram.commit([
    op(`INSERT INTO member (user_id, name, role, given_by, added_at) VALUES (7, 'Ada', 'owner', 'x', 1)`),
    op(`INSERT INTO attachment (inbound_id, kind, file_id, name, mime, state, text, due_at, created_at)
        VALUES (31, 'voice', 'f', 'voice.ogg', 'audio/ogg', 'ready', 'the boiler man comes on Tuesday', 1, 1)`),
  ]);
  await desk.said('');
  await desk.core.commit([op('UPDATE message SET inbound_id = 31')]);
  await desk.indexed();
  assert.deepEqual(await desk.found('boiler'), [1]);
  assert.equal((await desk.passages())[0]?.author, 'Ada');
});

test('a corrected message is found by its correction alone, and its neighbours forget the old words', async (t) => {
  const desk = await deskOf(t);
  await desk.said('Dinner then?');
  const wrong = await desk.said('The table is for seven');
  await desk.said('Noted', { role: 'assistant' });
  await desk.indexed();
  assert.deepEqual(await desk.found('seven'), [wrong.id]);
  const right = await desk.said('The table is for eight', { corrects: wrong.id });
  await desk.indexed();
  assert.deepEqual(await desk.found('seven'), []);
  assert.deepEqual(await desk.found('eight'), [right.id]);
  assert.ok((await desk.passages()).every(({ text, context }) => !/seven/.test(`${text}${context}`)));
  assert.deepEqual(await desk.passages(), await oracle(desk));
});

test('when somebody becomes an owner, what they said before is the owners’ as well', async (t) => {
  const desk = await deskOf(t);
  await desk.said('mine');
  await desk.said('hers', { conversation: 'telegram:8' });
  await desk.indexed();
  const scopes = async () => (await desk.passages()).map(({ scope }) => scope);
  assert.deepEqual(await scopes(), ['owner', 'telegram:8']);
  desk.owned([OWNER, 8]);
  assert.equal(await desk.indexed(), 1);
  assert.deepEqual(await scopes(), ['owner', 'owner']);
  assert.equal(await desk.indexed(), 0, 'once');
  desk.owned([8, OWNER]);
  assert.equal(await desk.indexed(), 0, 'in whatever order');
});

test('what other rules made is made anew, and what should not be there goes', async (t) => {
  const desk = await deskOf(t);
  for (let i = 0; i < 10; i++) await desk.said(`message ${i}`);
  await desk.indexed();
  const right = await desk.passages();
  await desk.store.commit([
    op(`UPDATE passage SET text = 'of old rules', context = 'strange' WHERE id % 2 = 0`),
    op('DELETE FROM passage WHERE id = 5'),
    op(`UPDATE passage_cursor SET made_by = 'older'`),
  ]);
  await desk.said('a job', { conversation: 'job:1' });
  await desk.store.commit([
    op(`INSERT INTO passage SELECT 11, scope, conversation, turn_id, role, author, at, trust, day, text, context, pairs
        FROM passage WHERE id = 1`),
  ]);
  assert.equal(await desk.indexed(3), 4);
  assert.deepEqual(await desk.passages(), right);
  assert.deepEqual(await desk.found('strange'), []);
});

test('what is forgotten while it is being indexed does not come back', async (t) => {
  const desk = await deskOf(t);
  await desk.said('harmless');
  const secret = await desk.said('the code is tangerine');
  await desk.said('and this too');
  // Between the reading of the messages and the commit, which is the only moment that counts.
  const store: Store = {
    ...desk.store,
    async commit(ops, when) {
      if (ops.some(({ verb }) => verb === 'passage_cursor.move')) {
        await desk.core.commit([op('DELETE FROM message WHERE id = ?', secret.id)]);
      }
      return desk.store.commit(ops, when);
    },
  };
  const { look, act } = indexer({ ...desk, store });
  const batch = await look();
  assert.ok(batch);
  await act(batch);
  assert.deepEqual(await desk.passages(), []);
  await desk.indexed();
  assert.deepEqual(await desk.passages(), await oracle(desk));
  assert.ok((await desk.passages()).every(({ context }) => !context.includes('tangerine')));
});

test('an index that does not say what was said is made anew, whether that shows at a start or later', async (t) => {
  const desk = await deskOf(t);
  await desk.said('the boat is called Tramontana');
  await desk.said('東京に行きたい');
  await desk.indexed();
  const found = () =>
    desk.store.read(
      query<{ id: number }>(
        `SELECT rowid AS id FROM passage_fts WHERE passage_fts MATCH 'text : tramontana'
         UNION SELECT rowid FROM passage_pairs WHERE passage_pairs MATCH '東京' ORDER BY 1`,
      ),
    );
  const both = [{ id: 1 }, { id: 2 }];
  assert.deepEqual(await found(), both);

  await desk.store.commit([op(`INSERT INTO passage_fts (passage_fts) VALUES ('delete-all')`)]);
  assert.notDeepEqual(await found(), both);
  await desk.indexed();
  assert.deepEqual(await found(), both, 'after a start');

  // From here on there is too much for all of it to be compared.
  await desk.said('much later', { id: 20_001 });
  await desk.indexed();
  await desk.store.commit([op(`INSERT INTO passage_pairs (passage_pairs) VALUES ('delete-all')`)]);
  assert.notDeepEqual(await found(), both);
  await desk.indexed();
  assert.deepEqual(await found(), both, 'after a start with much');

  const { look, act } = indexer(desk);
  assert.equal(await look(), null);
  const raw = new Database(desk.store.file).unsafeMode();
  raw.exec('DELETE FROM passage_fts_data WHERE id > 10');
  raw.close();
  await desk.said('one more', { id: 20_002 });
  const batch = await look();
  assert.ok(batch);
  await assert.rejects(act(batch), { code: 'SQLITE_CORRUPT_VTAB' });
  for (let next = await look(); next !== null; next = await look()) await act(next);
  assert.deepEqual(await found(), both, 'without a start');
});

test('a word that is said hundreds of times is gone when its message is', async (t) => {
  const desk = await deskOf(t);
  await desk.said('tangerine');
  await desk.indexed();
  await desk.said(`and ${'tangerine '.repeat(28)}`);
  // One removal and one addition of the same row in one transaction.
  await desk.core.commit([op('UPDATE message SET text = ? WHERE id = 1', 'tangerine '.repeat(130))]);
  await desk.store.commit([op(`UPDATE passage_cursor SET made_by = ''`)]);
  await desk.indexed();
  assert.deepEqual(await desk.found('tangerine'), [1, 2]);
  await desk.store.commit([op('DELETE FROM passage')]);
  assert.deepEqual(await desk.found('tangerine'), []);
});

/** The same numbers for the same seed (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below;
  };
}

async function live(desk: Desk, seed: number): Promise<void> {
  const upTo = random(seed);
  const places = [HOME, 'terminal:main', 'telegram:-5/u9', 'job:1', 'telegram:8'];
  const said: Said[] = [];
  for (let i = 0; i < 60; i++) {
    const conversation = places[Math.floor(upTo(places.length))] ?? HOME;
    const before = said.filter((one) => one.conversation === conversation);
    const target = upTo(6) < 1 ? before[Math.floor(upTo(before.length))] : undefined;
    // Some after a pause, some too long to be anybody's context, some without words.
    const text = upTo(12) < 1 ? '' : `${'word '.repeat(1 + upTo(90))}number ${i}`;
    const at = (i + (upTo(5) < 1 ? 100 : 0)) * MINUTE_ms;
    said.push(await desk.said(text, { conversation, at, corrects: target?.id ?? null }));
    if (upTo(3) < 1) await desk.indexed(1 + Math.floor(upTo(7)));
    if (upTo(20) < 1) desk.owned(upTo(2) < 1 ? [OWNER] : [OWNER, 8]);
  }
}

test('in whatever batches it was made, it is what all messages at once make', async (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const desk = await deskOf(t);
    await live(desk, seed);
    desk.owned([OWNER, 8]);
    await desk.indexed(5);
    assert.deepEqual(await desk.passages(), await oracle(desk, [OWNER, 8]), `seed ${seed}`);
    await desk.found('number');
  }
});

test('killed at whatever moment, the service goes on where it was, and misses nothing', async (t) => {
  const house = await buildHouse({ telegram: false, key: false, owners: [OWNER] });
  t.after(() => house.close());
  prepareHome(house.home);
  const core = await openStore({ directory: house.home.state, principal: 'core' });
  t.after(() => core.close());
  const many = Array.from({ length: 2000 }, (_, i): Said => {
    const id = i + 1;
    const conversation = ['terminal:main', HOME, 'job:1'][i % 3] ?? HOME;
    const corrects = i % 500 === 400 ? id - 3 : null;
    return {
      ...{ id, conversation, role: 'user', corrects, trust: 3 },
      text: `message number ${i}`,
      at: i * MINUTE_ms,
    };
  });
  await core.commit(many.map(say));
  const upto = async () =>
    (await house.read<{ upto_id: number }>('SELECT upto_id FROM passage_cursor'))[0]?.upto_id ?? 0;
  let deaths = 0;
  for (;;) {
    const run = await house.serve('memory');
    const before = await upto();
    await until('it got on', async () => (await upto()) > before || (await upto()) === many.length);
    if ((await upto()) === many.length) break;
    run.child.kill('SIGKILL');
    await once(run.child, 'close');
    deaths += 1;
  }
  assert.ok(deaths >= 2, `${deaths}`);
  const passages = await house.read<Passage>('SELECT * FROM passage ORDER BY id');
  assert.deepEqual(passages, await oracle({ core }));
  // And it goes on hearing: by the bell, long before it would look by itself.
  const last: Said = { ...(many[0] as Said), id: 2001, text: 'the last word' };
  await core.commit([{ ...say(last), rings: 'message' }]);
  await until('the last word is searched', async () => (await upto()) === 2001, 4500);
});
