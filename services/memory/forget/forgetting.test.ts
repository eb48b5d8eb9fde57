import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { systemClock } from '#shared/base/clock.ts';
import { type Home, homeOf, prepareHome } from '#shared/runtime/home.ts';
import { FILE, openStore } from '#shared/store/store.ts';
import * as wishes from '#shared/tables/wish.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { bytesOf, exchange, type Spoken, speak, storeFiles } from '#shared/testing/spoken.ts';
import { forget } from './forgetting.ts';
import { isForgottenIn } from './known.ts';

const SECRET = 'my locker opens with Zebra "88-41"';
const AT = Date.UTC(2026, 10, 2);

/** Run by a test below: forgets in the home given, and dies by SIGKILL at the moment given. */
const { DIES_AT, VIGIL_HOME } = process.env;
if (DIES_AT) {
  const home = homeOf({ VIGIL_HOME });
  const store = await openStore({ directory: home.state, principal: 'memory' });
  let commits = 0;
  const at = (moment: string) => {
    if (moment === DIES_AT) process.kill(process.pid, 'SIGKILL');
  };
  const commit: typeof store.commit = (ops, when) => {
    commits += 1;
    at(`commit ${commits}`);
    return store.commit(ops, when);
  };
  const nothing = () => {};
  const [one] = await store.read(wishes.forgetting);
  if (!one) throw new Error('no wish waits');
  const log = {
    debug: nothing,
    info: at,
    warn: nothing,
    error: nothing,
    fatal: nothing,
    dropped: 0,
    close: async () => {},
  };
  await forget(
    {
      store: { ...store, commit },
      persist: commit,
      home,
      log,
      clock: systemClock,
      signal: new AbortController().signal,
      work: nothing,
      doing: nothing,
      problem: nothing,
    },
    one,
  );
  throw new Error(`it never came to ${DIES_AT}: ${commits} commits`);
}

/** Turns before and after, so that there are neighbours. */
const TALK: Spoken[] = [
  { turn: '01-a', text: 'good morning, how are you', answer: 'fine, and you', at: AT },
  {
    turn: '02-b',
    text: `Remember: ${SECRET}. Thanks!`,
    answer: `Noted: ${SECRET}.`,
    at: AT + 1000,
    memory: `The owner says: ${SECRET}`,
    file: `a note: ${SECRET}`,
  },
  { turn: '03-c', text: 'what is the weather like', answer: 'rain, all day long', at: AT + 2000 },
];

const inStore = (home: Home, words: string) => bytesOf(storeFiles(home), words);

/** Rows of the store as they lie. */
function rows<Row = Record<string, unknown>>(home: Home, sql: string, ...args: unknown[]): Row[] {
  const db = new Database(join(home.state, FILE));
  try {
    const prepared = db.prepare(sql);
    if (prepared.reader) return prepared.all(...args) as Row[];
    prepared.run(...args);
    return [];
  } finally {
    db.close();
  }
}

async function houseOf(t: TestContext, talk: readonly Spoken[] = TALK, directory?: string): Promise<House> {
  const house = await buildHouse({ telegram: false, key: false, ...(directory && { directory }) });
  t.after(() => house.close());
  prepareHome(house.home);
  await speak(house.home, talk);
  return house;
}

function wish(home: Home, targets: object, more: Record<string, unknown> = {}): void {
  const row = {
    kind: 'forget',
    scope: 'owner',
    targets_json: JSON.stringify(targets),
    tainted: 0,
    given_by: 'cli',
    at: 7,
    ...more,
  };
  const names = Object.keys(row);
  rows(
    home,
    `INSERT INTO wish (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
    ...Object.values(row),
  );
}

type Ended = { state: string; outcome: string };

/** The service as a process, until the last wish has come to its end. */
async function served(house: House): Promise<Ended> {
  const service = await house.serve('memory');
  const ended = await until('the wish has come to its end', async () => {
    const [last] = await house.read<Ended>(
      "SELECT state, outcome FROM wish WHERE kind = 'forget' ORDER BY id DESC LIMIT 1",
    );
    return last && last.state !== 'pending' && last;
  });
  await service.stop();
  return ended;
}

test('what was said is forgotten in every table, index, file and body, to the last byte, and its neighbours stay', async (t) => {
  const house = await houseOf(t);
  const { home } = house;
  // What other turns have made of it.
  const db = new Database(join(home.state, FILE));
  const insert = (table: string, row: Record<string, unknown>) => {
    const names = Object.keys(row);
    const sql = `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
    return Number(db.prepare(sql).run(...Object.values(row)).lastInsertRowid);
  };
  const [memory] = db.prepare("SELECT id FROM memory WHERE kind = 'fact'").pluck().all() as number[];
  insert('recalled', {
    turn_id: '03-c',
    round: 1,
    place: 0,
    kind: 'memory',
    ref: memory,
    score: 1,
    why_json: '{}',
    at: AT,
  });
  insert('step', {
    turn_id: '03-c',
    round: 1,
    kind: 'recalled',
    content_json: JSON.stringify([{ text: SECRET }]),
    at: AT,
  });
  insert('incident', {
    cause: 'x',
    service: 'core',
    severity: 'info',
    text: `failed over ${SECRET.toUpperCase()}, twice`,
    opened_at: AT,
  });
  insert('error', {
    service: 'tools',
    event: 'e.e',
    type: 'Error',
    message: JSON.stringify({ sent: JSON.stringify({ text: SECRET }) }),
    recovery: '',
    severity: 'error',
    times: 1,
    at: AT,
    last_at: AT,
  });
  insert('profile', { scope: 'owner', text: `- ${SECRET}`, items_json: `[${memory}]`, at: AT });
  exchange(
    insert,
    { id: 'later', turn_id: null, conversation: 'telegram:42', at: AT + 5000 },
    'history',
    'SSE in pieces',
    'gzip',
  );
  exchange(insert, { id: 'job', turn_id: null, conversation: 'job:9', at: AT + 5000 }, SECRET, 'x', 'gzip');
  exchange(
    insert,
    { id: 'other', turn_id: null, conversation: 'telegram:-5', at: AT + 5000 },
    'hello',
    'x',
    'gzip',
  );
  exchange(
    insert,
    { id: 'before', turn_id: null, conversation: 'telegram:42', at: AT - 5000 },
    'hello',
    'x',
    'identity',
  );
  db.close();
  const words = Buffer.from(SECRET.slice(0, 25)).toString();
  assert.ok(inStore(home, words) > 20, 'it is there before');
  assert.ok(
    rows(home, 'SELECT 1 FROM passage WHERE context LIKE ?', `%${words}%`).length > 0,
    'and beside its neighbours',
  );

  wish(home, { turns: ['02-b'], memories: [] });
  const { state, outcome } = await served(house);

  assert.equal(state, 'done', outcome);
  assert.match(outcome, /^Forgotten: 2 messages and 2 memories, .*Nothing of it is left in the store/);
  assert.equal(inStore(home, words), 0);
  assert.equal(inStore(home, '88-41'), 0);
  assert.equal(bytesOf([join(home.logs, 'memory', 'memory.1.log')], words), 0);
  for (const file of [
    'files/2.txt',
    'files/call-02-b/copy.txt',
    'workspace/.results/call-02-b.txt',
    'forgetting/2.json',
  ])
    assert.ok(!existsSync(join(home.state, file)), file);
  const contexts = rows<{ turn_id: string; context: string }>(
    home,
    'SELECT turn_id, context FROM passage ORDER BY id',
  );
  assert.deepEqual(
    contexts.map(({ turn_id }) => turn_id),
    ['01-a', '01-a', '03-c', '03-c'],
  );
  assert.equal(
    contexts[1]?.context,
    'good morning, how are you\n\nwhat is the weather like\nrain, all day long',
  );
  const kept = rows<{ call_id: string }>(home, 'SELECT call_id FROM exchange ORDER BY call_id').map(
    ({ call_id }) => call_id,
  );
  assert.deepEqual(kept, ['before', 'm-01-a', 'other'], 'bodies that cannot hold it stay');
  assert.equal(
    rows(home, "SELECT 1 FROM call WHERE id IN ('later', 'job', 'm-02-b')").length,
    3,
    'what they cost stays',
  );
  assert.equal(rows(home, "SELECT 1 FROM inbound WHERE source_key = '02-b' AND text IS NULL").length, 1);
  assert.deepEqual(rows(home, "SELECT kind FROM step WHERE turn_id = '03-c'"), [
    { kind: 'heard' },
    { kind: 'model' },
  ]);
  assert.match(
    String(rows(home, 'SELECT text FROM incident').at(-1)?.text),
    /^failed over \[forgotten\]", twice$/,
  );
  assert.equal(rows(home, "SELECT 1 FROM memory_change WHERE op = 'forget'").length, 2);
  assert.equal(
    rows(home, "SELECT 1 FROM memory_run WHERE input_hash LIKE 'after wish%' AND upto_id = 3").length,
    1,
    'what is left is read again',
  );
  assert.deepEqual(rows(home, "SELECT * FROM passage_fts WHERE passage_fts MATCH 'zebra OR locker'"), []);
  assert.deepEqual(rows(home, "SELECT * FROM memory_fts WHERE memory_fts MATCH 'zebra OR locker'"), []);
});

test('killed at every step, again and again, it is taken up where it was, and all is gone in the end', async (t) => {
  const house = await houseOf(t);
  const { home } = house;
  wish(home, { turns: ['02-b'] });
  const steps = [
    'planned',
    'commit 1',
    'buried',
    'commit 2',
    'commit 4',
    'commit 8',
    'erased',
    'folded',
    'verified',
  ];
  for (const moment of [...steps, 'done']) {
    const DIES_AT = moment.startsWith('commit') ? moment : `forgetting.${moment}`;
    const env = { ...process.env, NODE_TEST_CONTEXT: '', VIGIL_HOME: home.directory, DIES_AT };
    const child = spawn(process.execPath, [import.meta.filename], { env, stdio: 'inherit' });
    const [, signal] = await once(child, 'exit');
    assert.equal(signal, 'SIGKILL', `it died at ${moment}`);
    if (moment === 'buried') assert.ok(inStore(home, 'opens with Zebra') > 20, 'tombstones come first');
    if (moment === 'verified') assert.equal(inStore(home, 'opens with Zebra'), 0);
  }
  assert.equal(readdirSync(join(home.state, 'forgetting')).length, 1);
  const { state, outcome } = await served(house);
  assert.equal(state, 'done', outcome);
  assert.equal(inStore(home, 'opens with Zebra'), 0);
  assert.deepEqual(readdirSync(join(home.state, 'forgetting')), [], 'the plan with its words is gone too');
  assert.equal(rows(home, 'SELECT 1 FROM tombstone').length, 7);
});

test('a short word is forgotten by whose row it is, and stands where others say it', async (t) => {
  const house = await houseOf(t, [
    { turn: '01-a', text: 'ok', answer: 'fine', at: AT },
    { turn: '02-b', text: '4711', answer: 'thanks', at: AT + 1000, memory: 'pin 4711' },
    { turn: '03-c', text: 'is 4711 a prime number', answer: 'no, 4711 = 7 x 673', at: AT + 2000 },
  ]);
  wish(house.home, { turns: ['02-b'] });
  assert.equal((await served(house)).state, 'done');
  const left = rows<{ text: string }>(house.home, 'SELECT text FROM message ORDER BY id').map(
    ({ text }) => text,
  );
  assert.deepEqual(left, ['ok', 'fine', 'is 4711 a prime number', 'no, 4711 = 7 x 673']);
  assert.equal(
    rows(house.home, "SELECT 1 FROM step WHERE content_json LIKE '%4711%'").length,
    2,
    'of the turn that stays',
  );
  assert.equal(
    rows(house.home, "SELECT 1 FROM passage WHERE turn_id = '02-b' OR context LIKE '%thanks%'").length,
    0,
  );
  assert.equal(rows(house.home, 'SELECT 1 FROM memory').length, 0);
});

test('what somebody else said in the same words stays, and so does a job that has them: both are named', async (t) => {
  const words = 'the train leaves at 9.40';
  const house = await houseOf(t, [
    { turn: '01-a', text: words, answer: 'I see', at: AT },
    { turn: '02-b', text: words, answer: 'so you said', at: AT + 1000 },
    { turn: '03-c', text: 'water the plants on day 12', answer: 'every day', at: AT + 2000 },
  ]);
  rows(
    house.home,
    `INSERT INTO schedule (name, state, spec, prompt, conversation, channel, given_by, at)
     VALUES ('garden', 'active', '0 9 * * *', 'Say: water the plants on day 12', 'telegram:42', 'telegram', '42', 1)`,
  );
  wish(house.home, { turns: ['01-a', '03-c'] });
  const { state, outcome } = await served(house);
  assert.equal(state, 'done', outcome);
  assert.match(
    outcome,
    /also stand in other messages or memories, and stay there\. They also stand in job garden: change/,
  );
  assert.deepEqual(
    rows(house.home, 'SELECT text FROM message ORDER BY id').map(({ text }) => text),
    [words, 'so you said'],
  );
  assert.equal(rows(house.home, "SELECT 1 FROM schedule WHERE prompt LIKE '%plants on day 12'").length, 1);
  assert.equal(
    rows(house.home, "SELECT 1 FROM tool_call WHERE turn_id = '02-b' AND input_json LIKE '%train leaves%'")
      .length,
    1,
  );
});

test('one memory of two sources outlives one of them, and a memory alone can be forgotten', async (t) => {
  const house = await houseOf(t);
  const { home } = house;
  const [fact] = rows<{ id: number }>(home, "SELECT id FROM memory WHERE kind = 'fact'");
  rows(home, 'INSERT INTO memory_source (memory_id, message_id) VALUES (?, 1)', fact?.id);
  wish(home, { turns: ['01-a'] });
  await served(house);
  assert.deepEqual(rows(home, 'SELECT message_id FROM memory_source'), [{ message_id: 3 }]);
  wish(home, { memories: [fact?.id] }, { at: 8 });
  const { outcome } = await served(house);
  assert.match(outcome, /^Forgotten: 0 messages and 1 memory/);
  assert.match(outcome, /also stand in other messages/, 'the message it came from was not named');
  assert.deepEqual(rows(home, 'SELECT id FROM memory'), []);
  assert.equal(rows(home, 'SELECT 1 FROM message').length, 4);
});

test('what is not over, not there, not one’s own, or wished by strangers is refused, and nothing is touched', async (t) => {
  const house = await houseOf(t);
  const { home } = house;
  rows(home, "UPDATE turn SET finished_at = NULL, state = 'held' WHERE id = '03-c'");
  const cases: [object, Record<string, unknown>, RegExp][] = [
    [{ turns: ['03-c'] }, {}, /turn 03-c is not over yet/],
    [{ turns: ['99-z'], memories: [99] }, {}, /nothing of it is there/],
    [{ turns: ['02-b'] }, { scope: 'telegram:-5' }, /said elsewhere/],
    [{ memories: [1] }, { scope: 'telegram:-5' }, /said elsewhere/],
    [{ turns: ['02-b'] }, { tainted: 1 }, /say it yourself/],
    [{ turns: 'all' }, {}, /not named/],
  ];
  for (const [targets, more] of cases) wish(home, targets, more);
  await served(house);
  const outcomes = rows<Ended>(home, "SELECT state, outcome FROM wish WHERE kind = 'forget' ORDER BY id");
  for (const [nth, [, , why]] of cases.entries()) {
    assert.equal(outcomes[nth]?.state, 'refused');
    assert.match(outcomes[nth]?.outcome ?? '', why);
  }
  assert.ok(inStore(home, 'opens with Zebra') > 20);
  assert.ok(!existsSync(join(home.state, 'tombstones')));
});

test('while somebody reads the store, the words are still in its log: it waits, says so, and is done after', async (t) => {
  const house = await houseOf(t);
  const { home } = house;
  // In a process of its own: this one reads the bytes.
  const hold = `const D = require('better-sqlite3'); const db = new D(process.argv[1], { readonly: true });
    db.exec('BEGIN'); db.prepare('SELECT count(*) FROM message').get(); console.log('reading');
    process.stdin.on('end', () => process.exit()).resume();`;
  const reader = spawn(process.execPath, ['-e', hold, join(home.state, FILE)], {
    cwd: join(import.meta.dirname, '../../..'),
  });
  await once(reader.stdout, 'data');
  wish(home, { turns: ['02-b'] });
  const service = await house.serve('memory');
  await until(
    'it has erased the rows',
    async () => (await house.read("SELECT 1 FROM message WHERE turn_id = '02-b'")).length === 0,
  );
  await new Promise((resolve) => setTimeout(resolve, 300)); // it tries ten times a second
  assert.deepEqual(await house.read("SELECT state FROM wish WHERE kind = 'forget'"), [{ state: 'pending' }]);
  reader.stdin.end();
  await until(
    'it is done',
    async () => (await house.read("SELECT 1 FROM wish WHERE kind = 'forget' AND state = 'done'")).length > 0,
  );
  await service.stop();
  assert.equal(inStore(home, 'opens with Zebra'), 0);
});

test('a turn that was told of it and is being answered may still write it down: its end is waited for', async (t) => {
  const house = await houseOf(t);
  const { home } = house;
  rows(home, "UPDATE turn SET state = 'running', finished_at = NULL WHERE id = '03-c'");
  wish(home, { turns: ['02-b'] });
  const service = await house.serve('memory');
  await until(
    'it has erased the rows',
    async () => (await house.read("SELECT 1 FROM message WHERE turn_id = '02-b'")).length === 0,
  );
  const db = new Database(join(home.state, FILE));
  const insert = (table: string, row: Record<string, unknown>) =>
    Number(
      db
        .prepare(`INSERT INTO ${table} (${Object.keys(row)}) VALUES (${Object.keys(row).map(() => '?')})`)
        .run(...Object.values(row)).lastInsertRowid,
    );
  exchange(
    insert,
    { id: 'late', turn_id: '03-c', conversation: 'telegram:42', at: AT + 9000 },
    SECRET,
    'in pieces',
    'gzip',
  );
  insert('error', {
    service: 'core',
    event: 'e.e',
    type: 'E',
    message: SECRET,
    recovery: '',
    severity: 'error',
    times: 1,
    at: AT,
    last_at: AT,
  });
  assert.equal(db.prepare("SELECT count(*) FROM wish WHERE state = 'pending'").pluck().get(), 1);
  db.exec("UPDATE turn SET state = 'done', finished_at = 1 WHERE id = '03-c'");
  await until(
    'it is done',
    () =>
      db.prepare("SELECT count(*) FROM wish WHERE kind = 'forget' AND state = 'done'").pluck().get() === 1,
  );
  assert.equal(db.prepare("SELECT count(*) FROM exchange WHERE call_id = 'late'").pluck().get(), 0);
  db.close();
  await service.stop();
  assert.equal(inStore(home, 'opens with Zebra'), 0);
});

test('an answer with it that is being checked may still be on its way to a model: its end is waited for', async (t) => {
  const house = await houseOf(t);
  const { home } = house;
  rows(
    home,
    `INSERT INTO answer_check (turn_id, model, state, step, claims_json, due_at, at) VALUES ('02-b','m','asked','check:1',?,?,1)`,
    JSON.stringify([SECRET]),
    Date.now() + 50_000,
  );
  wish(home, { turns: ['02-b'] });
  const service = await house.serve('memory');
  await until('its rows and files are gone', () => readdirSync(home.files).length === 0);
  const [check] = await house.read<{ claims_json: string | null }>('SELECT claims_json FROM answer_check');
  assert.equal(check?.claims_json, null);
  const db = new Database(join(home.state, FILE));
  const insert = (table: string, row: Record<string, unknown>) =>
    Number(
      db
        .prepare(`INSERT INTO ${table} (${Object.keys(row)}) VALUES (${Object.keys(row).map(() => '?')})`)
        .run(...Object.values(row)).lastInsertRowid,
    );
  const late = { id: 'late', turn_id: null, conversation: 'metrics', at: Date.now(), caller: 'metrics' };
  exchange(insert, late, 'in other words', 'in pieces', 'gzip');
  assert.equal(
    (await house.read("SELECT 1 FROM wish WHERE kind = 'forget' AND state = 'pending'")).length,
    1,
  );
  db.exec("UPDATE answer_check SET state = 'skipped'");
  db.close();
  await until(
    'it is done',
    async () =>
      (await house.read("SELECT 1 FROM wish WHERE kind = 'forget' AND state = 'done'")).length === 1,
  );
  assert.equal((await house.read("SELECT 1 FROM exchange WHERE call_id = 'late'")).length, 0);
  await service.stop();
  assert.equal(inStore(home, 'opens with Zebra'), 0);
});

test('words that a row left behind when it moved to another page are found by their bytes, and go', async (t) => {
  const house = await houseOf(t);
  const { home } = house;
  // As a store was that knew no secure_delete: its free pages still have them.
  const db = new Database(join(home.state, FILE));
  db.pragma('secure_delete = OFF');
  db.exec('CREATE TABLE scratch (x)');
  db.prepare('INSERT INTO scratch VALUES (?)').run(`${SECRET} `.repeat(500));
  db.exec('DROP TABLE scratch');
  db.close();
  wish(home, { turns: ['02-b'] });
  const { state } = await served(house);
  assert.equal(state, 'done');
  assert.equal(inStore(home, 'opens with Zebra'), 0);
});

test('the backups that hold it are named, and go when that is wished, also later on its own', async (t) => {
  const house = await houseOf(t);
  const { home } = house;
  const made = { job: 'hourly backup', took_ms: 1, bytes: 1, store_bytes: 1 };
  const add = (row: Record<string, unknown>) =>
    rows(
      home,
      `INSERT INTO backup (${Object.keys(row)}) VALUES (${Object.keys(row).map(() => '?')})`,
      ...Object.values(row),
    );
  add({ ...made, id: 'before-it', made_at: AT - 1 });
  add({ ...made, id: 'after-it', made_at: AT + 9000, copies_json: '{"nas": 5}' });
  wish(home, { turns: ['02-b'] });
  const { outcome } = await served(house);
  assert.match(
    outcome,
    /1 backup made since then still holds it \(after-it\), and copies of them at nas: .* removed by \d{4}-\d\d-\d\d/,
  );
  wish(home, { backups: true }, { at: 8 });
  const service = await house.serve('memory');
  const asked = await until(
    'a backup is asked for',
    async () => (await house.read<{ id: number }>('SELECT id FROM backup_request WHERE alone = 1'))[0],
  );
  rows(
    home,
    "UPDATE backup_request SET handled_at = 1, outcome = 'the-new-one; copied to nas' WHERE id = ?",
    asked.id,
  );
  await until(
    'it is done',
    async () =>
      (await house.read("SELECT 1 FROM wish WHERE kind = 'forget' AND state = 'pending'")).length === 0,
  );
  await service.stop();
  const [last] = rows<Ended>(home, 'SELECT state, outcome FROM wish ORDER BY id DESC LIMIT 1');
  assert.match(
    `${last?.state} ${last?.outcome}`,
    /^done A new backup, in the place of all before it: the-new-one; copied to nas\./,
  );
});

test('whoever wished it in a chat is told there what came of it, and what was forgotten is known again by its words', async (t) => {
  const house = await houseOf(t, [
    {
      turn: '01-a',
      text: 'My city is Zanzibar Town.',
      answer: 'noted',
      at: Date.now() - 9000,
      memory: 'The owner lives in Zanzibar Town',
    },
  ]);
  wish(house.home, { memories: [1] }, { conversation: 'telegram:42' });
  const { outcome } = await served(house);
  assert.deepEqual(rows(house.home, "SELECT text, chat FROM outbound WHERE kind = 'notice'"), [
    { text: outcome, chat: '42' },
  ]);
  const store = await openStore({ directory: house.home.state, principal: 'memory' });
  t.after(() => store.close());
  const isForgotten = isForgottenIn({ store, home: house.home });
  assert.equal(await isForgotten('the owner lives in  Zanzibar town.'), true);
  assert.equal(await isForgotten('The owner lives in Zanzibar'), false);
});

test('a file elsewhere that still has the words is named, and left alone', async (t) => {
  const house = await houseOf(t);
  const notes = join(house.home.workspace, 'notes.md');
  mkdirSync(house.home.workspace, { recursive: true });
  writeFileSync(notes, `I said: ${SECRET}\n`);
  wish(house.home, { turns: ['02-b'] });
  const { outcome } = await served(house);
  assert.ok(outcome.includes(`These files still hold them: ${notes}.`), outcome);
  assert.ok(existsSync(notes));
});

test('an older store in place of the new one brings nothing back: it is gone again before the service is ready', async (t) => {
  const directory = scratch(t);
  const house = await houseOf(t, TALK, directory);
  const { home } = house;
  const older = join(home.directory, 'older.db');
  cpSync(join(home.state, FILE), older);
  wish(home, { turns: ['02-b'] });
  assert.equal((await served(house)).state, 'done');
  await house.close();
  cpSync(older, join(home.state, FILE));
  // As it was then: one turn in the middle, one message that no turn had taken up.
  rows(home, "UPDATE turn SET state = 'running', finished_at = NULL WHERE id = '02-b'");
  rows(home, "UPDATE inbound SET state = 'pending', turn_id = NULL WHERE turn_id = '02-b'");
  assert.ok(inStore(home, 'opens with Zebra') > 20, 'it is back');
  const again = await buildHouse({ telegram: false, key: false, directory });
  t.after(() => again.close());
  await again.serve('memory');
  for (const table of ['message', 'passage', 'step', 'memory'])
    assert.equal(
      rows(home, `SELECT 1 FROM ${table} WHERE ${table === 'memory' ? '1' : "turn_id = '02-b'"}`).length,
      0,
      table,
    );
  assert.equal(rows(home, 'SELECT 1 FROM tombstone').length, 7);
  assert.equal(rows(home, "SELECT 1 FROM inbound WHERE state = 'pending' OR text LIKE '%Zebra%'").length, 0);
  assert.deepEqual(rows(home, "SELECT state FROM turn WHERE id = '02-b'"), [{ state: 'dead' }]);
  assert.equal(rows(home, 'SELECT 1 FROM message').length, 4, 'the others are there');
});
