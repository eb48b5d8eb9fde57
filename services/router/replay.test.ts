/** What a turn asks in one step is asked and paid for once: routers as real processes, and a core that comes and goes. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import Database from 'better-sqlite3';
import { openStore, type Store } from '#shared/store/store.ts';
import * as turn from '#shared/tables/turn.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { type Asking, askRouter, type Routers, startRouters } from '#shared/testing/routers.ts';
import { until } from '#shared/testing/scratch.ts';

const WORDS = 'one two three four five six seven eight nine ten';

let house: House;
let routers: Routers;
let core: Store;
let client: ReturnType<typeof askRouter>;

before(async () => {
  house = await buildHouse({ telegram: false });
  routers = await startRouters(house, 2);
  core = await openStore({ directory: house.home.state, principal: 'core' });
  client = askRouter(house);
});

afterEach(() => {
  house.model.clear();
  house.model.latency({});
  house.model.script([]);
});

after(async () => {
  client.close();
  await core.close();
  await routers.stop();
  await house.close();
});

let turns = 0;

/** A turn that runs. */
async function newTurn(): Promise<string> {
  const id = `turn-${++turns}`;
  await core.commit([
    {
      verb: 'test',
      sql: `INSERT INTO turn (id, conversation, channel, state, attempt, due_at, changed_at, owner, boot_id, lease_until_at, created_at)
            VALUES (?, ?, 'terminal', 'running', 1, 1, 1, 'o', 'b', 1, 1)`,
      args: [id, `c-${id}`],
    },
  ]);
  return id;
}

const stop = (id: string) => core.commit([turn.stop(id, { now: Date.now(), error: 'stopped' })]);

const body = (stream: boolean) =>
  JSON.stringify({
    model: 'claude-haiku-5-5',
    max_tokens: 1000,
    stream,
    messages: [{ role: 'user', content: 'hello' }],
  });

/** Asks as core does. */
function ask(id: string, how: Partial<Asking> & { stream?: boolean; round?: number } = {}) {
  const { stream = true, round = 1, worker = 0, ...more } = how;
  const headers = { 'x-vigil-turn': id, 'x-vigil-step': `${id}:${round}`, ...how.headers };
  return client.ask(body(stream), { worker, ...more, headers });
}

/** Asks, and leaves when the provider has begun. */
async function askAndLeave(id: string, stream = true): Promise<void> {
  const before = house.model.calls().length;
  const leaving = new AbortController();
  const left = assert.rejects(ask(id, { stream, signal: leaving.signal, heard: () => leaving.abort() }));
  await until('the provider hears of it', () => house.model.calls().length > before);
  if (!stream) leaving.abort();
  await left;
}

const callsOf = (id: string) =>
  house.read<{ state: string; outcome: string | null }>(
    'SELECT state, outcome FROM call WHERE turn_id = ?',
    id,
  );

const settled = (id: string) =>
  until('the bill is written', async () => {
    const rows = await callsOf(id);
    return (
      rows.length > 0 && rows.every(({ state }) => state !== 'open') && rows.map(({ outcome }) => outcome)
    );
  });

const slowly = () => house.model.latency({ per_chunk_ms: 30 });

/** The first answer from now on does not come. */
function firstHangs(): void {
  let calls = 0;
  house.model.script(() => {
    calls += 1;
    return calls === 1 ? { text: WORDS, delay_ms: 60_000 } : WORDS;
  });
}

/** The text of a stream. */
const textIn = (events: string) =>
  [...events.matchAll(/"text_delta","text":"((?:[^"\\]|\\.)*)"/g)].map(([, text]) => text).join('');

for (const stream of [true, false]) {
  const what = stream ? 'a stream' : 'an answer in one piece';
  test(`${what} whose client has died comes to its end, is kept, and paid for once`, async () => {
    const id = await newTurn();
    house.model.script(() => WORDS);
    slowly();
    await askAndLeave(id, stream);
    const again = await ask(id, { stream });
    assert.equal(again.status, 200);
    assert.equal(again.headers['x-vigil-replay'], '1');
    assert.ok(again.headers['x-vigil-call'] && again.headers['request-id']);
    assert.equal(stream ? textIn(again.text) : JSON.parse(again.text).content[0].text, WORDS);
    if (stream) assert.match(again.text, /message_stop/);
    assert.deepEqual(await settled(id), ['ok']);
    assert.equal(house.model.calls().at(-1)?.client_left, false);
  });

  test(`${what} that was delivered is given again, byte for byte, by any router and after a restart`, async () => {
    const id = await newTurn();
    const first = await ask(id, { stream });
    assert.equal(first.headers['x-vigil-replay'], undefined);
    const answers = [await ask(id, { stream }), await ask(id, { stream, worker: 1 })];
    await settled(id);
    await routers.kill(0);
    answers.push(await ask(id, { stream }));
    for (const { status, headers, text } of answers) {
      assert.deepEqual([status, headers['x-vigil-replay'], text], [200, '1', first.text]);
      assert.equal(headers['content-type'], first.headers['content-type']);
      assert.equal(headers['x-vigil-call'], first.headers['x-vigil-call']);
    }
    assert.deepEqual(await settled(id), ['ok']);
    // The next step of the same turn is another question.
    assert.equal((await ask(id, { stream, round: 2 })).headers['x-vigil-replay'], undefined);
  });
}

test('whoever asks while the answer is being made hears along, and at another router waits for it', async () => {
  const id = await newTurn();
  house.model.script(() => WORDS);
  slowly();
  const first = ask(id);
  await until('it is on its way', async () => (await callsOf(id)).length > 0);
  const [one, along, waited] = await Promise.all([first, ask(id), ask(id, { worker: 1 })]);
  assert.equal(textIn(one.text), WORDS);
  assert.deepEqual([along.text, waited.text], [one.text, one.text]);
  assert.deepEqual([along.headers['x-vigil-replay'], waited.headers['x-vigil-replay']], ['1', '1']);
  assert.deepEqual(await settled(id), ['ok']);
});

test('whoever waits for a router that dies asks anew', async () => {
  const id = await newTurn();
  firstHangs();
  const lost = assert.rejects(ask(id));
  await until('it is on its way', async () => (await callsOf(id)).length > 0);
  const waiting = ask(id, { worker: 1 });
  await routers.kill(0);
  await lost;
  assert.equal(textIn((await waiting).text), WORDS);
  assert.deepEqual((await settled(id)).toSorted(), ['ok', 'router died']);
});

test('when the turn is over already, or was never there, whoever leaves takes the call along', async () => {
  house.model.script(() => ({ text: WORDS, delay_ms: 60_000 }));
  const id = await newTurn();
  await stop(id);
  for (const over of [id, 'turn-nobody-knows']) {
    await askAndLeave(over, false);
    await house.model.idle();
    assert.deepEqual(await settled(over), ['left']);
  }
});

test('a turn that is stopped while nobody hears its answer takes the call along at once', async () => {
  const id = await newTurn();
  house.model.script(() => ({ text: WORDS, delay_ms: 60_000 }));
  await askAndLeave(id, false);
  assert.deepEqual(
    (await callsOf(id)).map(({ state }) => state),
    ['open'],
  );
  const stopped_at = performance.now();
  await stop(id);
  await house.model.idle();
  assert.ok(performance.now() - stopped_at < 30_000, 'long before its answer was due');
  assert.deepEqual(await settled(id), ['left']);
});

test('whoever asks while the end of a broken call is being written down asks anew', async (t) => {
  const id = await newTurn();
  firstHangs();
  await askAndLeave(id, false);
  await stop(id);
  const hog = new Database(core.file);
  t.after(() => hog.close());
  hog.exec('BEGIN IMMEDIATE');
  await house.model.idle();
  const again = ask(id);
  // Answered in this order: by now the router has it.
  await ask('turn-nobody-knows', { headers: { 'x-vigil-step': 'wrong' } });
  hog.exec('COMMIT');
  assert.deepEqual([textIn((await again).text), (await again).headers['x-vigil-replay']], [WORDS, undefined]);
  assert.deepEqual((await settled(id)).toSorted(), ['left', 'ok']);
});

test('an answer that failed is not kept: whoever asks again asks the model again', async () => {
  const id = await newTurn();
  house.model.fault({ kind: 'cut', after_events: 4, calls: 1 });
  const broken = await ask(id);
  assert.match(broken.text, /event: error/);
  const refusal = await newTurn();
  house.model.fault({ kind: 'invalid_request_error', calls: 1 });
  assert.equal((await ask(refusal)).status, 400);
  for (const asked of [id, refusal]) {
    const again = await ask(asked);
    assert.deepEqual([again.status, again.headers['x-vigil-replay']], [200, undefined]);
    assert.match(again.text, /message_stop/);
  }
});

test('a router that is told to stop brings the answer to its end that nobody hears', async () => {
  const id = await newTurn();
  house.model.script(() => WORDS);
  slowly();
  await askAndLeave(id);
  await routers.stop();
  assert.deepEqual(await settled(id), ['ok']);
  routers = await startRouters(house, 2);
  const again = await ask(id);
  assert.deepEqual([again.headers['x-vigil-replay'], textIn(again.text)], ['1', WORDS]);
});

test('a step is for the suite alone, and of its own turn', async () => {
  const id = await newTurn();
  const key = await house.accessKey('laptop');
  await ask(id, { key });
  const other = await ask(id, { key });
  assert.deepEqual([other.status, other.headers['x-vigil-replay']], [200, undefined]);
  const { status, text } = await ask(id, { headers: { 'x-vigil-step': 'another:1' } });
  assert.equal(status, 400);
  assert.match(
    text,
    /x-vigil-step: expected '<turn>:<round>' with the turn of x-vigil-turn, got 'another:1'/,
  );
});

test('what belongs to no turn is made to its end without anybody listening, and given again', async () => {
  house.model.script(() => ({ text: WORDS, delay_ms: 300 }));
  const headers = { 'x-vigil-step': 'memory:7:1' };
  const before = house.model.calls().length;
  const leaving = new AbortController();
  const left = assert.rejects(client.ask(body(false), { worker: 0, headers, signal: leaving.signal }));
  await until('the provider hears of it', () => house.model.calls().length > before);
  leaving.abort();
  await left;
  const again = await client.ask(body(false), { worker: 0, headers });
  assert.deepEqual([again.status, again.headers['x-vigil-replay']], [200, '1']);
  assert.equal(house.model.calls().length, before + 1);
});
