import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Anthropic } from '@anthropic-ai/sdk';
import type { Clock } from '#shared/base/clock.ts';
import type { Log } from '#shared/base/log.ts';
import { NANO } from '#shared/base/money.ts';
import { root } from '#shared/base/root.ts';
import { sendError } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import { keyOf } from '#shared/messages/request.ts';
import { shared } from '#shared/runtime/config.ts';
import { lockOf, prepareHome, roleOf } from '#shared/runtime/home.ts';
import { isLocked } from '#shared/store/liveness.ts';
import { openStore } from '#shared/store/store.ts';
import type { AccessKey } from '#shared/tables/access_key.ts';
import * as batch from '#shared/tables/batch.ts';
import type { Query } from '#shared/tables/op.ts';
import { buildHouse, type House, KEY } from '#shared/testing/house.ts';
import { type MessagesApi, startMessagesApi } from '#shared/testing/messages-api.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { look, pollBatches } from './batch/settle.ts';
import { batches } from './batch.ts';
import { config } from './config.ts';
import { priceOf } from './price.ts';
import { providersOf } from './provider.ts';
import { freshState, type Router } from './request.ts';
import { routesOf } from './route.ts';
import { seen } from './seen.ts';

const [HAIKU, OPUS] = ['claude-haiku-5-5', 'claude-opus-5-5'];
const MINUTE_ms = 60_000;

const asking = (words: string[], model = HAIKU, more: object = {}) => ({
  requests: words.map((content, index) => ({
    custom_id: `request_${index}`,
    params: { model, max_tokens: 500, messages: [{ role: 'user' as const, content }], ...more },
  })),
});

type Row = {
  id: string;
  kind: string;
  state: string;
  outcome: string | null;
  error_type: string | null;
  alias: string | null;
  model: string;
  hold_nanousd: number;
  cost_nanousd: number | null;
  estimated: number;
  input_tokens: number;
  output_tokens: number;
  cache_write_1h_tokens: number;
  request_id: string | null;
};
type Window = { id: string; spent_nanousd: number; held_nanousd: number; calls: number };

const CALLS = 'SELECT * FROM call ORDER BY rowid';
const WINDOWS = `SELECT * FROM spend WHERE id LIKE 'hour %' OR id LIKE 'key %' ORDER BY id`;

/** What the provider charged in all, in nano-dollars, were it all for one model in batches. */
function billOf(api: MessagesApi, model: string): number {
  const price = priceOf(model, Date.now(), {});
  assert.ok(price);
  const billed = api.billed();
  const picousd =
    billed.input_tokens * price.input +
    billed.output_tokens * price.output +
    billed.ephemeral_5m_input_tokens * price.write_5m +
    billed.ephemeral_1h_input_tokens * price.write_1h +
    billed.cache_read_input_tokens * price.read;
  return picousd / 1000 / 2;
}

const silent: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
  dropped: 0,
  async close() {},
};

const UNLIMITED = {
  aliases_json: null,
  hour_nanousd: null,
  day_nanousd: 1000 * NANO,
  month_nanousd: null,
  calls_per_hour: null,
};

type Desk = Awaited<ReturnType<typeof desk>>;

/** The batches of a router in this process, whose clock the test can turn on, before a provider. */
async function desk(t: TestContext, own: { budget?: object; router?: object; limits?: object } = {}) {
  const directory = scratch(t);
  const api = await startMessagesApi({ key: KEY });
  const other = await startMessagesApi({ key: 'other' });
  const store = await openStore({ directory, principal: 'router' });
  let ahead_ms = 0;
  const clock: Clock = { now: () => Date.now() + ahead_ms, mono: () => performance.now() };
  const section = config.parse({
    aliases: { cheap: [HAIKU], far: ['far/claude-haiku-5-5'], chatty: ['chat/gpt'] },
    providers: {
      far: { base_url: other.root, keys: ['OTHER'] },
      chat: { kind: 'openai', base_url: other.root, free: true },
    },
    ...own.router,
  });
  const providers = await providersOf(
    section.providers,
    { anthropic: { ANTHROPIC_API_KEY: KEY, ANTHROPIC_BASE_URL: api.root }, providers: { OTHER: 'other' } },
    () => assert.fail('there is a key'),
  );
  const ending = new AbortController();
  const budget = shared.budget.parse({ hour_usd: 1000, day_usd: 1000, month_usd: 1000, ...own.budget });
  const router = (): Router => ({
    store,
    persist: store.commit,
    log: silent,
    clock,
    instance: 'this',
    worker: 0,
    config: section,
    budget: () => budget,
    limits: shared.limits.parse({ ...own.limits }),
    idle_ms: 5000,
    breakers: seen(store, async () => new Map()),
    routes: routesOf(section, providers, clock.now),
    signal: ending.signal,
    calls: () => ending.signal,
    halted: () => null,
    state: freshState(),
  });
  const mine = router();
  const keys = new Map<string, Partial<AccessKey>>();
  const server = createServer(async (incoming, outgoing) => {
    const name = keyOf(incoming.headers) ?? '';
    const step = incoming.headers['x-vigil-step'];
    const key = name === 'suite' ? null : ({ name, ...UNLIMITED, ...keys.get(name) } as AccessKey);
    const caller = {
      name,
      key,
      turn_id: null,
      conversation: null,
      task: null,
      unasked: false,
      step: typeof step === 'string' ? { id: step, turn_id: '' } : null,
      day_nanousd: null,
    };
    try {
      await batches(mine, caller, incoming, outgoing);
    } catch (error) {
      sendError(
        outgoing,
        error instanceof ApiError ? error : new ApiError('api_error', String(error)),
        'req_x',
      );
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  t.after(async () => {
    ending.abort();
    server.close();
    server.closeAllConnections();
    await store.close();
    await api.close();
    await other.close();
  });
  const read = <R>(sql: string, ...args: (string | number)[]) =>
    store.read({ verb: 'test', sql, args } as Query<R>);
  return {
    api,
    other,
    url,
    router,
    store,
    keys,
    read,
    client: (name: string) => new Anthropic({ apiKey: name, baseURL: url, maxRetries: 2, logLevel: 'off' }),
    calls: () => read<Row>(CALLS),
    async call(): Promise<Row> {
      const [row, ...more] = await read<Row>(CALLS);
      assert.ok(row && more.length === 0, `expected one call, got ${more.length + (row ? 1 : 0)}`);
      return row;
    },
    windows: () => read<Window>(WINDOWS),
    /** A minute later, each batch has been looked at. */
    async poll(after_ms = MINUTE_ms): Promise<void> {
      ahead_ms += after_ms;
      await pollBatches(mine);
    },
  };
}

async function resultsOf(client: Anthropic, id: string): Promise<Map<string, string>> {
  const results = new Map<string, string>();
  for await (const { custom_id, result } of await client.messages.batches.results(id)) {
    results.set(custom_id, result.type);
  }
  return results;
}

async function refusal(asked: PromiseLike<unknown>) {
  try {
    await asked;
  } catch (error) {
    assert.ok(error instanceof Anthropic.APIError, String(error));
    const { error: said } = error.error as { error: { type: string; message: string } };
    return { status: error.status, type: said.type, message: said.message, headers: error.headers };
  }
  assert.fail('it was not refused');
}

const submissions = ({ api }: Desk) =>
  api.calls().filter(({ method, path }) => method === 'POST' && path.endsWith('/batches'));

test('a batch is reserved when it is submitted and costs half of what its answers used when it ends', async (t) => {
  const at = await desk(t);
  at.api.usage('random', 7);
  const client = at.client('laptop');
  const { batches } = client.messages;
  const system = [{ type: 'text', text: 'x'.repeat(9000), cache_control: { type: 'ephemeral', ttl: '1h' } }];
  const asked = asking(['one', 'two', 'three'], 'cheap', { system });
  const { data: created, response } = await batches.create(asked).withResponse();
  const open = await at.call();
  assert.deepEqual([open.kind, open.state, open.alias, open.model], ['batch', 'open', 'cheap', HAIKU]);
  assert.equal(response.headers.get('x-vigil-call'), open.id);
  assert.equal(response.headers.get('x-vigil-alias'), 'cheap');
  assert.deepEqual(submissions(at)[0]?.body, asking(['one', 'two', 'three'], HAIKU, { system }));
  for (const { held_nanousd, spent_nanousd, calls } of await at.windows()) {
    assert.deepEqual([held_nanousd, spent_nanousd, calls], [open.hold_nanousd, 0, 1]);
  }
  assert.equal((await at.windows()).length, 2);

  await at.poll();
  assert.equal((await at.call()).state, 'open', 'it has not ended');
  await at.api.endBatch(created.id);
  await at.poll();
  const row = await at.call();
  const cost = billOf(at.api, HAIKU);
  assert.ok(cost > 0 && cost < row.hold_nanousd);
  assert.deepEqual([row.state, row.outcome, row.estimated, row.cost_nanousd], ['settled', 'ok', 0, cost]);
  assert.ok(row.cache_write_1h_tokens > 0);
  assert.deepEqual(
    [row.input_tokens, row.output_tokens, row.request_id],
    [at.api.billed().input_tokens, at.api.billed().output_tokens, created.id],
  );
  for (const { held_nanousd, spent_nanousd } of await at.windows()) {
    assert.deepEqual([held_nanousd, spent_nanousd], [0, cost]);
  }
  const [total] = await at.read<Record<string, unknown>>('SELECT * FROM total');
  assert.deepEqual(
    [total?.model, total?.alias, total?.caller, total?.cost_nanousd, total?.failures],
    [HAIKU, 'cheap', 'laptop', cost, 0],
  );
  await at.poll();
  assert.equal((await at.windows())[0]?.spent_nanousd, cost, 'it is settled once');

  const ended = await batches.retrieve(created.id);
  assert.equal(ended.results_url, `${at.url}/v1/messages/batches/${created.id}/results`);
  assert.deepEqual([...(await resultsOf(client, created.id)).values()], Array(3).fill('succeeded'));
});

test('a batch without aliases reaches the provider byte for byte', async (t) => {
  const at = await desk(t);
  const body = JSON.stringify(asking(['eins', 'zwei 😀']), null, 3);
  const answer = await fetch(`${at.url}/v1/messages/batches`, {
    method: 'POST',
    headers: { 'x-api-key': 'a', 'anthropic-version': '2023-06-01', 'content-type': 'application/json' },
    body,
  });
  assert.equal(answer.status, 200);
  const [heard] = submissions(at);
  assert.equal(heard?.headers['content-length'], String(Buffer.byteLength(body)));
  assert.deepEqual(heard?.body, JSON.parse(body));
  assert.equal(heard?.headers['x-api-key'], KEY);
});

test('only answers are paid for, each at the price of its model', async (t) => {
  const at = await desk(t);
  const { requests } = asking(['a', 'b', 'c', 'd', 'e']);
  const [first] = requests;
  assert.ok(first);
  first.params.model = OPUS;
  const { id } = await at.client('a').messages.batches.create({ requests });
  await at.api.endBatch(id, { errored: 1, canceled: 1, expired: 1 });
  await at.poll();
  const types = [...(await resultsOf(at.client('a'), id)).values()].sort();
  assert.deepEqual(types, ['canceled', 'errored', 'expired', 'succeeded', 'succeeded']);
  const totals = await at.read<{
    model: string;
    cost_nanousd: number;
    output_tokens: number;
    input_tokens: number;
  }>('SELECT * FROM total ORDER BY model');
  assert.deepEqual(
    totals.map(({ model }) => model),
    [HAIKU, OPUS],
  );
  for (const { model, cost_nanousd, input_tokens, output_tokens } of totals) {
    const price = priceOf(model, Date.now(), {});
    assert.equal(
      cost_nanousd,
      (input_tokens * (price?.input ?? 0) + output_tokens * (price?.output ?? 0)) / 2000,
    );
  }
  const row = await at.call();
  assert.equal(row.cost_nanousd, (totals[0]?.cost_nanousd ?? 0) + (totals[1]?.cost_nanousd ?? 0));
  assert.equal(row.output_tokens, at.api.billed().output_tokens);
});

test('a batch of which nothing was answered costs nothing', async (t) => {
  const at = await desk(t);
  const { batches } = at.client('a').messages;
  const { id } = await batches.create(asking(['a', 'b']));
  assert.equal((await batches.cancel(id)).processing_status, 'canceling');
  await at.api.endBatch(id);
  await at.poll();
  const row = await at.call();
  assert.deepEqual([row.state, row.outcome, row.cost_nanousd, row.estimated], ['settled', 'ok', 0, 0]);
});

test('a batch that no budget has room for is refused before anything leaves', async (t) => {
  const at = await desk(t);
  await at.client('a').messages.batches.create(asking(['a']));
  const { hold_nanousd } = await at.call();
  for (const [room, fits] of [
    [hold_nanousd * 2, true],
    [hold_nanousd * 2 - 1, false],
  ] as const) {
    const tight = await desk(t, { budget: { day_usd: room / NANO } });
    const create = () => tight.client('a').messages.batches.create(asking(['a', 'a']));
    if (fits) {
      await create();
      continue;
    }
    const { status, type, message, headers } = await refusal(create());
    assert.deepEqual([status, type, headers?.get('x-should-retry')], [402, 'billing_error', 'false']);
    assert.match(message, /today has .* this call may cost up to .*budget raise day 1/);
    assert.equal(submissions(tight).length, 0);
    assert.deepEqual(await tight.calls(), []);
  }
});

test('a batch is one request to the rate limit, however many it holds', async (t) => {
  const at = await desk(t, { limits: { requests_per_minute: 2, tokens_per_minute: 1000 } });
  const { batches } = at.client('a').messages;
  for (let i = 0; i < 2; i++) await batches.create(asking(Array(30).fill('x'.repeat(1000))));
  const { status, headers } = await refusal(batches.create(asking(['a']), { maxRetries: 0 }));
  assert.equal(status, 429);
  assert.ok(Number(headers?.get('retry-after')) > 0);
  assert.equal(submissions(at).length, 2);
});

test('what the provider refuses is released at no cost', async (t) => {
  const at = await desk(t);
  at.api.fault({ kind: 'overloaded_error', endpoint: 'batch.create', calls: 1 });
  const { status } = await refusal(at.client('a').messages.batches.create(asking(['a']), { maxRetries: 0 }));
  assert.equal(status, 529);
  const twice = { requests: [...asking(['a']).requests, ...asking(['b']).requests] };
  const { message } = await refusal(at.client('a').messages.batches.create(twice));
  assert.match(message, /custom_id must be unique/, "the provider's own words");
  for (const row of await at.calls()) {
    assert.deepEqual([row.state, row.outcome, row.cost_nanousd], ['settled', 'refused', 0]);
  }
  for (const { held_nanousd, spent_nanousd } of await at.windows())
    assert.deepEqual([held_nanousd, spent_nanousd], [0, 0]);
});

test('a batch that cannot go to one provider, or asks for what may not be asked, is refused with its place', async (t) => {
  const at = await desk(t);
  at.keys.set('narrow', { aliases_json: '["cheap"]' });
  const mixed = {
    requests: [...asking(['a'], 'cheap').requests, ...asking(['x', 'b'], 'far').requests.slice(1)],
  };
  for (const [name, asked, status, expected] of [
    ['a', mixed, 400, /requests\.1: 'far' goes to another provider than 'cheap' of requests\.0.*apart/],
    ['a', asking(['a'], 'chatty'), 400, /requests\.0: nobody behind 'chatty' takes batches/],
    ['a', asking(['a'], ''), 400, /requests\.0\.params\.model: expected the name/],
    ['a', { requests: [] }, 400, /requests: expected a list with at least one/],
    ['a', asking(['a'], 'claude-unheard-of'), 400, /claude-unheard-of has no price/],
    [
      'a',
      asking(['a'], HAIKU, { tools: [{ type: 'web_search_20260318', name: 'web_search' }] }),
      400,
      /requests\.0\.params: tools \(web_search\): max_uses/,
    ],
    ['narrow', asking(['a'], HAIKU), 403, /requests\.0: the key 'narrow' may not ask for 'claude-haiku-5-5'/],
  ] as const) {
    const said = await refusal(at.client(name).post('/v1/messages/batches', { body: asked }));
    assert.equal(said.status, status, said.message);
    assert.match(said.message, expected);
  }
  assert.equal(submissions(at).length, 0);
  await at.client('narrow').messages.batches.create(asking(['a'], 'cheap'));
});

test('a batch goes to the provider that its alias names', async (t) => {
  const at = await desk(t);
  const { id } = await at.client('a').messages.batches.create(asking(['a'], 'far'));
  assert.equal(submissions(at).length, 0);
  await at.other.endBatch(id);
  await at.poll();
  assert.equal((await at.call()).cost_nanousd, billOf(at.other, HAIKU));
  assert.deepEqual([...(await resultsOf(at.client('a'), id)).keys()], ['request_0']);
});

test('a batch is there for the key that submitted it and for the suite, and for nobody else', async (t) => {
  const at = await desk(t);
  const ids: string[] = [];
  for (const name of ['a', 'a', 'b', 'a', 'suite']) {
    ids.push((await at.client(name).messages.batches.create(asking([name]))).id);
  }
  const foreign = new Anthropic({ apiKey: KEY, baseURL: at.api.root });
  const elsewhere = await foreign.messages.batches.create(asking(['elsewhere']));
  await at.api.endBatch();
  const [a1, a2, b, a3, own] = ids;
  assert.ok(a1 && a2 && b && a3 && own);
  const strangers = at.client('b').messages.batches;
  for (const id of [a1, own, elsewhere.id, 'msgbatch_none']) {
    for (const asked of [
      strangers.retrieve(id),
      strangers.cancel(id),
      strangers.delete(id),
      resultsOf(at.client('b'), id),
    ]) {
      assert.deepEqual((await refusal(asked)).status, 404);
    }
    const results = await fetch(`${at.url}/v1/messages/batches/${id}/results`, {
      headers: { 'x-api-key': 'b' },
    });
    assert.equal(results.status, 404);
  }
  assert.equal((await resultsOf(at.client('suite'), a1)).size, 1);
  assert.equal((await refusal(at.client('suite').messages.batches.retrieve(elsewhere.id))).status, 404);

  const listed = async (name: string, query: object = {}) => {
    const all: string[] = [];
    for await (const { id } of at.client(name).messages.batches.list(query)) all.push(id);
    return all;
  };
  assert.deepEqual(await listed('a'), [a3, a2, a1]);
  assert.deepEqual(await listed('a', { limit: 1 }), [a3, a2, a1], 'page by page');
  assert.deepEqual(await listed('a', { before_id: a1, limit: 1 }), [a2, a3], 'and back');
  assert.deepEqual(await listed('b'), [b]);
  assert.deepEqual(await listed('suite'), [own, a3, b, a2, a1]);
  assert.deepEqual(await listed('nobody'), []);
  assert.equal((await refusal(at.client('b').messages.batches.list({ after_id: a1 }))).status, 404);
});

test('a batch can be deleted when it has ended, and its bill is written first', async (t) => {
  const at = await desk(t);
  const { batches } = at.client('a').messages;
  const { id } = await batches.create(asking(['a']));
  assert.match((await refusal(batches.delete(id))).message, /cannot be deleted while it is in progress/);
  await at.api.endBatch(id);
  assert.equal((await batches.delete(id)).type, 'message_batch_deleted');
  const row = await at.call();
  assert.deepEqual([row.state, row.cost_nanousd], ['settled', billOf(at.api, HAIKU)]);
  assert.deepEqual((await batches.list()).data, []);
  assert.equal((await refusal(batches.retrieve(id))).status, 404);
});

test('results that are gone are charged in full, and a provider that is away is waited for', async (t) => {
  const at = await desk(t);
  const gone = await at.client('a').messages.batches.create(asking(['a']));
  await at.api.endBatch(gone.id);
  await at.api.network('down');
  await at.poll();
  assert.equal((await at.call()).state, 'open');
  await at.api.network('up');
  for (const kind of ['api_error', 'cut', 'malformed'] as const) {
    for (const endpoint of ['batch.retrieve', 'batch.results'] as const) {
      at.api.fault({ kind, endpoint, calls: 1 });
      await at.poll();
      assert.equal((await at.call()).state, 'open', `${kind} at ${endpoint}`);
    }
  }
  await new Anthropic({ apiKey: KEY, baseURL: at.api.root }).messages.batches.delete(gone.id);
  await at.poll();
  const row = await at.call();
  assert.deepEqual(
    [row.state, row.outcome, row.error_type, row.estimated, row.cost_nanousd],
    ['settled', 'cut', 'results_gone', 1, row.hold_nanousd],
  );
});

test('a batch that never ends is charged in full after 29 days, and not before', async (t) => {
  const at = await desk(t);
  await at.client('a').messages.batches.create(asking(['a']));
  await at.poll(29 * 24 * 60 * MINUTE_ms - MINUTE_ms);
  assert.equal((await at.call()).state, 'open');
  await at.poll();
  const row = await at.call();
  assert.deepEqual([row.state, row.cost_nanousd], ['settled', row.hold_nanousd]);
});

test('looked at by many at once, a batch is settled once', async (t) => {
  const at = await desk(t);
  const { id } = await at.client('a').messages.batches.create(asking(['a']));
  await at.api.endBatch(id);
  const [row] = await at.store.read(batch.of(id));
  assert.ok(row);
  await Promise.all(Array.from({ length: 5 }, () => look(at.router(), row)));
  const cost = billOf(at.api, HAIKU);
  for (const { held_nanousd, spent_nanousd } of await at.windows())
    assert.deepEqual([held_nanousd, spent_nanousd], [0, cost]);
  assert.deepEqual(await at.read('SELECT sum(calls) AS calls, sum(cost_nanousd) AS cost FROM total'), [
    { calls: 1, cost },
  ]);
});

test('a submission whose answer is lost is sent once, and recognised by its results when it has ended', async (t) => {
  const at = await desk(t);
  const client = at.client('a');
  const foreign = new Anthropic({ apiKey: KEY, baseURL: at.api.root });
  const same = await foreign.messages.batches.create({
    requests: asking(['a', 'b']).requests.map((request, i) => ({ ...request, custom_id: `theirs_${i}` })),
  });
  at.api.fault({ kind: 'cut', endpoint: 'batch.create', calls: 1 });
  const said = await refusal(client.messages.batches.create(asking(['a', 'b'])));
  assert.deepEqual(
    [said.status, said.type, said.headers?.get('x-should-retry')],
    [502, 'api_error', 'false'],
  );
  assert.match(said.message, /nobody knows whether anthropic has taken the batch/);
  assert.equal(submissions(at).length, 2, 'theirs, and ours once');
  const mine = (await foreign.messages.batches.list()).data.find(({ id }) => id !== same.id)?.id ?? '';

  await at.api.endBatch(same.id);
  const theirs = billOf(at.api, HAIKU);
  for (let minutes = 0; minutes < 30; minutes++) await at.poll();
  assert.equal((await at.call()).state, 'open', 'one that has not ended may be it');
  assert.equal((await refusal(client.messages.batches.retrieve(mine))).status, 404);
  await at.api.endBatch(mine);
  await at.poll();
  const row = await at.call();
  assert.deepEqual(
    [row.state, row.outcome, row.cost_nanousd, row.request_id],
    ['settled', 'ok', billOf(at.api, HAIKU) - theirs, mine],
  );
  assert.equal((await resultsOf(client, mine)).size, 2);
});

for (const kind of ['reset', 'api_error'] as const) {
  test(`a submission that never arrived (${kind}) is released after ten minutes in which the provider does not list it`, async (t) => {
    const at = await desk(t);
    at.api.fault({ kind, endpoint: 'batch.create', calls: 1 });
    assert.equal((await refusal(at.client('a').messages.batches.create(asking(['a'])))).status, 502);
    assert.equal(submissions(at).length, 1);
    await at.api.network('down');
    await at.poll(60 * MINUTE_ms);
    await at.api.network('up');
    await at.poll();
    await at.poll(9 * MINUTE_ms);
    assert.equal((await at.call()).state, 'open');
    await at.poll(1 * MINUTE_ms);
    const row = await at.call();
    assert.deepEqual(
      [row.state, row.outcome, row.cost_nanousd, row.estimated],
      ['settled', 'unreachable', 0, 0],
    );
    for (const { held_nanousd, spent_nanousd } of await at.windows())
      assert.deepEqual([held_nanousd, spent_nanousd], [0, 0]);
  });
}

test('of two clients who have lost the same submission, neither gets the one batch that is there', async (t) => {
  const at = await desk(t);
  for (const [name, kind] of [
    ['a', 'cut'],
    ['b', 'reset'],
  ] as const) {
    at.api.fault({ kind, endpoint: 'batch.create', calls: 1 });
    assert.equal((await refusal(at.client(name).messages.batches.create(asking(['a'])))).status, 502);
  }
  await at.api.endBatch();
  await at.poll();
  assert.deepEqual(
    (await at.calls()).map(({ state }) => state),
    ['open', 'open'],
  );
  await at.poll(10 * MINUTE_ms);
  for (const row of await at.calls()) {
    assert.deepEqual(
      [row.state, row.error_type, row.cost_nanousd],
      ['settled', 'ambiguous', row.hold_nanousd],
    );
  }
  for (const name of ['a', 'b']) assert.deepEqual((await at.client(name).messages.batches.list()).data, []);
});

test('results flow through without being held, and break off where the provider breaks off', async (t) => {
  const at = await desk(t);
  const { id } = await at.client('a').messages.batches.create(asking(['a', 'b']));
  await at.api.endBatch(id);
  at.api.fault({ kind: 'cut', endpoint: 'batch.results', calls: 1 });
  const broken = fetch(`${at.url}/v1/messages/batches/${id}/results`, {
    headers: { 'x-api-key': 'a', 'anthropic-version': '2023-06-01' },
  });
  await assert.rejects(broken.then((answer) => answer.text()));
  assert.equal((await resultsOf(at.client('a'), id)).size, 2);
});

// ── In processes ───────────────────────────────────────────────────────────────────────────────────────────────────

async function startRouter(of: House, worker = 0): Promise<ChildProcess> {
  prepareHome(of.home);
  const started = spawn(process.execPath, [join(root, 'services/router/service.ts')], {
    env: {
      ...process.env,
      VIGIL_HOME: of.home.directory,
      VIGIL_CONSOLE: 'off',
      ...(worker > 0 && { VIGIL_WORKER: String(worker) }),
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ready = `SELECT pid FROM heartbeat WHERE service = 'router' AND phase = 'ready' AND pid = ?`;
  await until('the router is ready', async () => {
    if (!isLocked(lockOf(of.home, roleOf('router', worker)))) return false;
    return (await of.read(ready, started.pid ?? 0)).length > 0;
  });
  return started;
}

async function stop(running: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (running.exitCode !== null || running.signalCode !== null) return;
  const ended = once(running, 'close');
  running.kill(signal);
  await ended;
}

test('a batch is settled once, exactly, though its router is killed and two others live when it ends', async (t) => {
  const house = await buildHouse({ telegram: false, config: '[router]\nbatch_poll_s = 1\n' });
  const running: ChildProcess[] = [];
  t.after(async () => {
    for (const child of running) await stop(child, 'SIGKILL');
    await house.close();
  });
  const { model } = house;
  model.usage('random', 3);
  const key = await house.accessKey('laptop');
  const clientAt = (worker: number) =>
    new Anthropic({ apiKey: key, baseURL: `http://127.0.0.1:${house.port + worker}`, logLevel: 'off' });
  const first = await startRouter(house);
  running.push(first);
  const whole = await clientAt(0).messages.batches.create(asking(['a', 'b', 'c'], 'quick'));
  const other = await clientAt(0).messages.batches.create(asking(['d'], 'quick'));
  model.fault({ kind: 'hang', endpoint: 'batch.create', calls: 1 });
  const lost = clientAt(0).messages.batches.create(asking(['e'], 'quick'), { maxRetries: 0 });
  lost.catch(() => {}); // looked at below
  await until('the provider hears of it', () => model.calls().at(-1)?.fault === 'hang');
  await stop(first, 'SIGKILL');
  await assert.rejects(lost);
  running.push(await startRouter(house), await startRouter(house, 1));

  await model.endBatch(whole.id);
  await until('the batch is settled', async () => (await house.read<Row>(CALLS))[0]?.state === 'settled');
  const asked = (id: string) => model.calls().filter(({ path }) => path.includes(id)).length;
  const [before, polls] = [asked(whole.id), asked(other.id)];
  await until('they have looked again', () => asked(other.id) > polls + 2);
  assert.equal(asked(whole.id), before, 'a settled batch is not asked about again');
  const [row, ...open] = await house.read<Row>(CALLS);
  const cost = billOf(model, HAIKU);
  assert.deepEqual([row?.request_id, row?.outcome, row?.cost_nanousd], [whole.id, 'ok', cost]);
  assert.deepEqual(
    open.map(({ state }) => state),
    ['open', 'open'],
    'what may have arrived stays reserved',
  );
  const held = open.reduce((sum, { hold_nanousd }) => sum + hold_nanousd, 0);
  for (const { id, spent_nanousd, held_nanousd } of await house.read<Window>(WINDOWS)) {
    assert.deepEqual([spent_nanousd, held_nanousd], [cost, held], id);
  }
  for (const worker of [0, 1]) {
    assert.equal((await resultsOf(clientAt(worker), whole.id)).size, 3, 'any router gives them out');
  }
});

test('a body of more than 32 MB is refused with the limit', async (t) => {
  const at = await desk(t);
  const body = JSON.stringify(asking(['a'])).padEnd(32 * 2 ** 20, ' ');
  const post = (body: string) =>
    fetch(`${at.url}/v1/messages/batches`, {
      method: 'POST',
      headers: { 'x-api-key': 'a', 'anthropic-version': '2023-06-01' },
      body,
    });
  assert.equal((await post(body)).status, 200);
  const refused = await post(`${body} `);
  assert.equal(refused.status, 413);
  assert.match(await refused.text(), /request_too_large.*expected 32 MB at most/);
  assert.equal(submissions(at).length, 1);
});

test('a batch is submitted once for its step: again under it, the same one is told of; after a refusal, anew', async (t) => {
  const { api, client, calls } = await desk(t);
  const { batches: mine } = client('suite').messages;
  const under = (step: string) => ({ headers: { 'x-vigil-step': step }, maxRetries: 0 });
  api.fault({ kind: 'rate_limit_error', endpoint: 'batch.create', calls: 1 });
  await assert.rejects(mine.create(asking(['a']), under('s')), { status: 429 });
  const first = await mine.create(asking(['a']), under('s'));
  const again = await mine.create(asking(['a', 'b']), under('s'));
  assert.deepEqual([again.id, again.request_counts.processing], [first.id, 1]);
  assert.notEqual((await mine.create(asking(['a']), under('other'))).id, first.id);
  assert.equal((await calls()).length, 3);
});

test('while nobody knows whether a batch was taken, its step submits no second one', async (t) => {
  const { api, client, calls, poll } = await desk(t);
  const { batches: mine } = client('suite').messages;
  const under = { headers: { 'x-vigil-step': 's' }, maxRetries: 0 };
  api.fault({ kind: 'reset', endpoint: 'batch.create', calls: 1 });
  await assert.rejects(mine.create(asking(['a']), under), { status: 502 });
  await assert.rejects(mine.create(asking(['a']), under), { status: 409 });
  assert.equal((await calls()).length, 1);
  // Seen to be missing for long enough, it was never taken.
  await poll();
  await poll(11 * MINUTE_ms);
  await mine.create(asking(['a']), under);
  assert.equal((await calls()).length, 2);
});
