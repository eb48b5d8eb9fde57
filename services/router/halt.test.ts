/** The halt, as the router's clients meet it. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { halt, resume } from '#shared/runtime/halt.ts';
import { buildHouse, type House, type Suite } from '#shared/testing/house.ts';
import { type Asking, askRouter, type Heard } from '#shared/testing/routers.ts';
import { until } from '#shared/testing/scratch.ts';

const CONFIG =
  '[budget]\nhour_usd = 1000\nday_usd = 1000\nmonth_usd = 1000\n[limits]\nrequests_per_minute = 60\nqueue = 2\n';

let house: House;
let router: Suite;
let key: string;
let client: ReturnType<typeof askRouter>;

before(async () => {
  house = await buildHouse({ telegram: false, config: CONFIG });
  router = await house.serve('router');
  key = await house.accessKey('laptop');
  client = askRouter(house);
});

afterEach(() => {
  resume(house.home.halted);
  house.model.latency({});
  house.model.script([]);
});

after(async () => {
  client.close();
  await house.close();
});

const question = {
  model: 'claude-haiku-5-5',
  max_tokens: 1000,
  messages: [{ role: 'user', content: 'hello' }],
};
const ask = (stream: boolean, how: Partial<Asking> = {}) =>
  client.ask(JSON.stringify({ ...question, stream }), { worker: 0, ...how });

/** What is asked on the port, beside messages. */
const post = (path: string, body: object) =>
  fetch(`http://127.0.0.1:${house.port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': key },
    body: JSON.stringify(body),
  });

function assertHalted({ status, headers, text }: Heard): void {
  assert.deepEqual([status, headers['x-should-retry']], [503, 'false'], text);
  const { error, request_id } = JSON.parse(text);
  assert.deepEqual([error.type, error.details.error_code], ['api_error', 'halted']);
  assert.match(error.message, /all is halted \(.* too dear\); it goes on with: scripts\/vigil resume$/);
  assert.equal(request_id, headers['request-id']);
}

test('a halt ends every call at once, and says how it is ended itself', async () => {
  house.model.script(() => 'one two three four five six seven eight nine ten '.repeat(20));
  house.model.latency({ per_chunk_ms: 100 });
  let begun = 0;
  const heard = () => {
    begun += 1;
  };
  const streams = [ask(true, { heard }), ask(true, { heard, key })];
  await until('both streams have begun', () => begun >= 4);
  const [before, plain] = [house.model.calls().length, ask(false)];
  await until('the provider hears of it', () => house.model.calls().length > before);

  const halted_at = performance.now();
  halt(house.home.halted, 'too dear');
  await house.model.idle();
  const took_ms = performance.now() - halted_at;
  assert.ok(took_ms < 10_000, `${took_ms} ms`);
  assertHalted(await plain);
  for (const { status, text } of await Promise.all(streams)) {
    assert.equal(status, 200);
    assert.match(text, /event: error\ndata: .*"api_error".*scripts\/vigil resume"\}\}\n\n$/);
    assert.doesNotMatch(text, /message_stop/);
  }
  const bills = await until('the bills are written', async () => {
    const rows = await house.read<{ outcome: string | null }>('SELECT outcome FROM call');
    return rows.every(({ outcome }) => outcome !== null) && rows;
  });
  assert.deepEqual(
    bills.map(({ outcome }) => outcome),
    ['left', 'left', 'left'],
  );
  assert.deepEqual(await house.read('SELECT * FROM breaker'), [], 'it says nothing about the provider');
});

test('while all is halted nothing is asked that costs, by whomever, also after a restart', async () => {
  halt(house.home.halted, 'too dear');
  const before = house.model.calls().length;
  assertHalted(await ask(true));
  assertHalted(await ask(false, { key }));
  const batch = await post('/v1/messages/batches', { requests: [{ custom_id: 'a', params: question }] });
  assert.equal(batch.status, 503);
  assert.deepEqual(
    [batch.headers.get('x-should-retry'), (await batch.text()).includes('vigil resume')],
    ['false', true],
  );
  await router.stop();
  router = await house.serve('router');
  assertHalted(await ask(true));
  assert.equal(house.model.calls().length, before);
  assert.deepEqual(await house.read(`SELECT id FROM call WHERE state = 'open'`), []);
  const { max_tokens: _, ...counted } = question;
  assert.equal((await post('/v1/messages/count_tokens', counted)).status, 200, 'to count costs nothing');
  resume(house.home.halted);
  assert.equal((await ask(true)).status, 200);
});

test('who waits in line is told too', async () => {
  // More than a minute has room for, and than may wait: when one is refused for that, the line is full.
  const answers = Array.from({ length: 80 }, () => ask(false));
  await Promise.any(answers.map(async (answer) => assert.match((await answer).text, /2 calls wait already/)));
  const halted_at = performance.now();
  halt(house.home.halted, 'too dear');
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  assert.ok(performance.now() - halted_at < 10_000);
  // One may just have had its turn: there is one a second.
  assert.ok(statuses.includes(503), statuses.join(', '));
});
