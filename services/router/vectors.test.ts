import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { httpFetch } from '#shared/base/fetch.ts';
import { socketOf } from '#shared/runtime/home.ts';
import { type ChatApi, startChatApi } from '#shared/testing/chat-api.ts';
import { buildHouse, type House, RAISED } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

const KEY = 'sk-vectors';
let chat: ChatApi;
let house: House;
let key: string;

before(async () => {
  chat = await startChatApi({ key: KEY });
  chat.embed((text) => [text.length, 1]);
  const provider = `kind = "openai"\nbase_url = "${chat.root}/v1"\nkeys = ["VECTORS_KEY"]\n`;
  house = await buildHouse({
    telegram: false,
    config: `${RAISED}[router]
retries = 1
[router.providers.one]
${provider}[router.providers.two]
${provider}[router.prices.small]
input = 0.02
output = 0
[router.prices.other]
input = 0.02
output = 0
[router.aliases]
vectors = ["one/small", "two/small"]
mixed = ["claude-haiku-4-5", "one/small", "two/other"]
`,
  });
  writeFileSync(join(house.home.credentials, 'providers.env'), `VECTORS_KEY=${KEY}\n`, { mode: 0o600 });
  key = await house.accessKey();
  await house.serve('router');
});

after(async () => {
  await house.close();
  await chat.close();
});

function embed(body: object, bearer = key): Promise<Response> {
  return fetch(`http://127.0.0.1:${house.port}/v1/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
    body: JSON.stringify(body),
  });
}

type Row = Record<'state' | 'outcome' | 'target' | 'alias' | 'task' | 'caller' | 'model', string | null> & {
  cost_nanousd: number;
  hold_nanousd: number;
  input_tokens: number;
  estimated: number;
};

const bill = (answer: Response) =>
  until('the call is settled', async () => {
    const id = answer.headers.get('x-vigil-call');
    const [row] = await house.read<Row>(`SELECT * FROM call WHERE id = ? AND state <> 'open'`, id);
    return row;
  });

test('vectors come in the form in which they are asked for, and are in the ledger with their price', async () => {
  const answer = await embed({ model: 'vectors', input: ['tea', 'coffee'] });
  assert.equal(answer.status, 200);
  const { data, model, usage } = (await answer.json()) as {
    data: { index: number; embedding: number[] }[];
    model: string;
    usage: { prompt_tokens: number };
  };
  assert.deepEqual(
    data.map(({ index, embedding }) => [index, embedding]),
    [
      [0, [3, 1]],
      [1, [6, 1]],
    ],
  );
  assert.equal(model, 'small');
  const row = await bill(answer);
  const { state, outcome, target, alias, task, caller, input_tokens, estimated, cost_nanousd } = row;
  assert.deepEqual(
    { state, outcome, target, alias, task, caller, input_tokens, estimated, cost_nanousd },
    {
      state: 'settled',
      outcome: 'ok',
      target: 'one/small',
      alias: 'vectors',
      task: 'embedding',
      caller: 'test',
      input_tokens: usage.prompt_tokens,
      estimated: 0,
      cost_nanousd: usage.prompt_tokens * 20,
    },
  );
  assert.ok(row.hold_nanousd >= row.cost_nanousd);
  assert.deepEqual(await house.read('SELECT * FROM exchange'), [], 'no words are kept besides');
});

test('the suite asks over its socket, under its own name', async () => {
  const fetch = httpFetch({ socketPath: socketOf(house.home, 'router') });
  const answer = await fetch('http://router/v1/embeddings', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-vigil-service': 'memory', 'x-vigil-unasked': '1' },
    body: JSON.stringify({ model: 'one/small', input: 'tea' }),
  });
  assert.equal(answer.status, 200);
  await answer.text();
  assert.equal((await bill(answer)).caller, 'memory');
});

test('where one provider fails another gives the same vectors, and nobody gives others', async () => {
  chat.fault({ kind: 'api_error', calls: 1 });
  const answer = await embed({ model: 'vectors', input: 'tea' });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('x-vigil-attempts'), '2');
  await answer.text();

  chat.fault({ kind: 'authentication_error', calls: 1 });
  const mixed = await embed({ model: 'mixed', input: 'tea' });
  assert.equal(mixed.status, 401, 'those of another model would not do');
  chat.clear();
});

test('what cannot be reserved or has no vectors is refused, and nothing leaves', async () => {
  const before = chat.calls().length;
  const refused = async (body: object, status: number, words: RegExp, bearer?: string) => {
    const answer = await embed(body, bearer);
    assert.equal(answer.status, status);
    const { error } = (await answer.json()) as { error: { message: string } };
    assert.match(error.message, words);
  };
  await refused({ model: 'one/unpriced', input: 'tea' }, 400, /unpriced has no price/);
  await refused({ model: 'default', input: 'tea' }, 400, /it has no vectors/);
  await refused({ model: 'vectors', input: [] }, 400, /input: expected a text/);
  await refused({ model: 'vectors', input: ['tea', ''] }, 400, /none of them empty/);
  await refused({ model: 'vectors', input: [[1, 2]] }, 400, /input: expected a text/);
  await refused({ model: 'vectors', input: 'tea' }, 401, /this key is not known/, 'nobody');
  const get = await fetch(`http://127.0.0.1:${house.port}/v1/embeddings`, { headers: { 'x-api-key': key } });
  assert.equal(get.status, 405);
  assert.equal(chat.calls().length, before);
});
