import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { Anthropic } from '@anthropic-ai/sdk';
import type { MessageCreateParamsNonStreaming } from '@anthropic-ai/sdk/resources/messages';
import { httpFetch } from '#shared/base/fetch.ts';
import { socketOf } from '#shared/runtime/home.ts';
import { buildHouse, type House, KEY, type Suite } from '#shared/testing/house.ts';
import type { Call as ProviderCall } from '#shared/testing/messages-api.ts';
import type { Fault } from '#shared/testing/messages-faults.ts';
import { until } from '#shared/testing/scratch.ts';

const MODEL = 'claude-haiku-5-5';
/** Whose limits nobody else here depends on. */
const OTHER_MODEL = 'claude-haiku-4-5';
const WORDS = 'one two three four five six seven eight nine ten';

/** What is looked at here is one attempt: none is repeated, and no breaker opens. */
const ONE_ATTEMPT = `[model]
idle_s = 1
[router]
retries = 0
breaker_failures = 1000
[router.prices.no-such-model]
input = 1
output = 5
`;

let house: House;
let router: Suite;
let client: Anthropic;

before(async () => {
  house = await buildHouse({ telegram: false, config: ONE_ATTEMPT });
  router = await startRouter(house);
  client = new Anthropic({ apiKey: keyOf(house), baseURL: rootOf(house), maxRetries: 0, logLevel: 'off' });
});

afterEach(() => {
  house.model.clear();
  house.model.latency({});
  house.model.script([]);
});

after(async () => {
  await house.close();
});

async function startRouter(of: House): Promise<Suite> {
  if (!keys.has(of)) keys.set(of, await of.accessKey('local'));
  return of.serve('router');
}

const rootOf = (of: House) => `http://127.0.0.1:${of.port}`;
const keys = new Map<House, string>();
const keyOf = (of: House) => keys.get(of) ?? '';

const saying = (content: string, more: object = {}): MessageCreateParamsNonStreaming => ({
  model: MODEL,
  max_tokens: 1000,
  messages: [{ role: 'user', content }],
  ...more,
});

type Raw = { headers?: Record<string, string>; direct?: boolean; of?: House; signal?: AbortSignal };

/** A request as bytes, through the router or straight to the provider. */
function post(
  body: object | string,
  { headers = {}, direct = false, of = house, signal }: Raw = {},
): Promise<Response> {
  return fetch(`${direct ? of.model.root : rootOf(of)}/v1/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'x-api-key': direct ? KEY : keyOf(of),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
}

type Row = {
  id: string;
  caller: string;
  turn_id: string | null;
  state: string;
  outcome: string | null;
  status: number | null;
  error_type: string | null;
  request_id: string | null;
  estimated: number;
  hold_nanousd: number;
  cost_nanousd: number | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_5m_tokens: number | null;
  cache_write_1h_tokens: number | null;
};

/** The ledger's row of an answer, once it is settled. */
function billOf(answer: Response, of = house): Promise<Row> {
  return bill(answer.headers.get('x-vigil-call') ?? answer.headers.get('request-id') ?? '', of);
}

function bill(id: string, of = house): Promise<Row> {
  return until('the call is settled', async () => {
    const [row] = await of.read<Row>(`SELECT * FROM call WHERE id = ? AND state <> 'open'`, id);
    return row;
  });
}

const rows = () => house.read<Row>('SELECT * FROM call ORDER BY rowid');
const lastCall = (): ProviderCall => {
  const call = house.model.calls().at(-1);
  assert.ok(call, 'the provider was asked');
  return call;
};

/** The ids that every answer has of its own. */
const withoutIds = (text: string) => text.replace(/\b(msg|toolu|req)_01\w{22}/g, '$1_…');

const tool = { name: 'look_up', input_schema: { type: 'object', properties: { city: { type: 'string' } } } };
const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } };

const requests: Record<string, { body: object; headers?: Record<string, string> }> = {
  'a plain question': { body: saying('hello') },
  'a question with tools': { body: saying('use it', { tools: [tool] }) },
  'a question with thinking': {
    body: saying('think', {
      model: 'claude-opus-4-6',
      max_tokens: 5000,
      thinking: { type: 'enabled', budget_tokens: 2000 },
    }),
  },
  'a question with an image': {
    body: {
      ...saying(''),
      messages: [{ role: 'user', content: [image, { type: 'text', text: 'what is it?' }] }],
    },
  },
  'a question that the cache shall keep': {
    body: saying('short', {
      system: [{ type: 'text', text: 'long '.repeat(2000), cache_control: { type: 'ephemeral' } }],
    }),
  },
  'a field that nobody knows yet': { body: saying('hello', { a_field_of_next_year: { x: 1 } }) },
  'a beta header': { body: saying('hello'), headers: { 'anthropic-beta': 'next-year-2027-01-01' } },
  'a question that the provider refuses': { body: saying('hello', { temperature: 7 }) },
  'a model that the provider does not know': { body: saying('hello', { model: 'no-such-model' }) },
};

for (const [name, { body, headers = {} }] of Object.entries(requests)) {
  test(`${name} is answered byte for byte as the provider answers it, in one piece and as a stream`, async () => {
    house.model.script((asked) => {
      if (asked.tools) return { text: WORDS, tools: [{ name: 'look_up', input: { city: 'Zürich 😀' } }] };
      return asked.thinking ? { thinking: 'let me see', text: WORDS } : WORDS;
    });
    for (const stream of [false, true]) {
      const asked = JSON.stringify({ ...body, stream }, null, 3);
      await post(asked, { headers, direct: true }).then((answer) => answer.text()); // so that the cache is warm for both
      const direct = await post(asked, { headers, direct: true });
      const theirs = withoutIds(await direct.text());
      const before = lastCall();
      const routed = await post(asked, { headers });
      assert.equal(withoutIds(await routed.text()), theirs);
      assert.equal(routed.status, direct.status);
      for (const header of [
        'content-type',
        'cache-control',
        'retry-after',
        'x-should-retry',
        'anthropic-organization-id',
      ]) {
        assert.equal(routed.headers.get(header), direct.headers.get(header), header);
      }
      const heard = lastCall();
      assert.equal(routed.headers.get('request-id'), heard.id, "the request's name is the provider's own");
      assert.deepEqual(heard.body, before.body);
      assert.equal(heard.headers['content-length'], before.headers['content-length'], 'no byte more or less');
      assert.equal(heard.headers['anthropic-beta'], before.headers['anthropic-beta']);
    }
  });
}

test('the official client works through the router as it is: answers, streams, tools and errors', async () => {
  house.model.script([
    { match: 'tool', reply: { tools: [{ name: 'look_up', input: { city: 'Bern' } }] } },
    { match: '.', reply: WORDS },
  ]);
  const whole = await client.messages.create(saying('hello'));
  assert.equal(whole.content[0]?.type === 'text' && whole.content[0].text, WORDS);
  const streamed = await client.messages.stream(saying('hello')).finalMessage();
  assert.deepEqual(streamed.content, whole.content);
  assert.deepEqual(streamed.usage.output_tokens, whole.usage.output_tokens);
  const asked = { ...saying('tool'), tools: [{ ...tool, input_schema: { type: 'object' as const } }] };
  const used = await client.messages.stream(asked).finalMessage();
  assert.equal(used.stop_reason, 'tool_use');
  assert.deepEqual(used.content[0]?.type === 'tool_use' && used.content[0].input, { city: 'Bern' });
  house.model.fault({ kind: 'rate_limit_error', calls: 1, retry_after_s: 3 });
  await assert.rejects(
    client.messages.create(saying('hello', { model: OTHER_MODEL })),
    (error: InstanceType<typeof Anthropic.APIError>) => {
      assert.ok(error instanceof Anthropic.RateLimitError);
      assert.equal(error.headers.get('retry-after'), '3');
      return true;
    },
  );
});

test('the local key is taken in both headers that clients use, and never reaches the provider', async () => {
  const key = keyOf(house);
  for (const headers of [{ 'x-api-key': key }, { 'x-api-key': '', authorization: `Bearer ${key}` }]) {
    const answer = await post(saying('hello'), { headers });
    assert.equal(answer.status, 200);
    const heard = lastCall().headers;
    assert.equal(heard['x-api-key'], KEY);
    assert.ok(!JSON.stringify(heard).includes(key));
  }
});

test('a wrong key, path or method is refused as the API would, and costs nothing', async () => {
  const [before, asked] = [(await rows()).length, house.model.calls().length];
  const at = (path: string, init: RequestInit = {}) =>
    fetch(`${rootOf(house)}${path}`, { headers: { 'x-api-key': keyOf(house) }, ...init });
  const refusals = [
    [await post(saying('hello'), { headers: { 'x-api-key': 'wrong' } }), 401, 'authentication_error'],
    [
      await post(saying('hello'), { headers: { 'x-api-key': `${keyOf(house)}x` } }),
      401,
      'authentication_error',
    ],
    [await at('/v1/messages', { headers: {} }), 401, 'authentication_error'],
    [await at('/v1/completions', { method: 'POST' }), 404, 'not_found_error'],
    [await at('/v1/messages'), 405, 'invalid_request_error'],
    [await post('{"model":'), 400, 'invalid_request_error'],
    [await post('null'), 400, 'invalid_request_error'],
    [await post({ messages: [] }), 400, 'invalid_request_error'],
  ] as const;
  for (const [answer, status, type] of refusals) {
    const said = (await answer.json()) as { type: string; error: { type: string }; request_id: string };
    assert.deepEqual([answer.status, said.type, said.error.type], [status, 'error', type]);
    assert.equal(said.request_id, answer.headers.get('request-id'));
  }
  assert.equal(refusals[4][0].headers.get('allow'), 'POST');
  assert.equal((await rows()).length, before);
  assert.equal(house.model.calls().length, asked);
});

test('what no reservation can be worked out for is refused by the router itself, with the cure', async () => {
  const [before, asked] = [(await rows()).length, house.model.calls().length];
  for (const [body, cure] of [
    [saying('hello', { max_tokens: -1 }), /max_tokens: expected a whole number from 0, got -1/],
    [saying('hello', { max_tokens: 1.5 }), /max_tokens: expected a whole number from 0, got 1.5/],
    [
      saying('hello', { model: 'claude-next' }),
      /claude-next has no price.*Add to config.toml, and restart the router:\n\[router.prices."claude-next"\]\ninput = /,
    ],
  ] as const) {
    for (const stream of [false, true]) {
      const answer = await post({ ...body, stream });
      const { error } = (await answer.json()) as Said;
      assert.deepEqual([answer.status, error.type], [400, 'invalid_request_error']);
      assert.match(error.message, cure);
    }
  }
  assert.equal((await rows()).length, before);
  assert.equal(house.model.calls().length, asked);
});

test('a body of 32 MB goes through, and one byte more is refused with a reason and not a broken connection', async () => {
  const body = JSON.stringify(saying('hello'));
  const limit = 32 * 2 ** 20;
  assert.equal((await post(body.padEnd(limit, ' '))).status, 200);
  const asked = house.model.calls().length;
  for (const bytes of [limit + 1, 33 * 2 ** 20]) {
    const answer = await post(body.padEnd(bytes, ' '));
    const said = (await answer.json()) as { error: { type: string } };
    assert.deepEqual([answer.status, said.error.type], [413, 'request_too_large']);
  }
  assert.equal(house.model.calls().length, asked);
});

test('the reservation is on the disk before the provider hears of the call', async () => {
  let open: Row[] = [];
  house.model.script(async () => {
    open = await house.read<Row>(`SELECT * FROM call WHERE state = 'open'`);
    return WORDS;
  });
  const answer = await post(saying('hello'));
  assert.equal(open.length, 1);
  assert.equal(open[0]?.id, answer.headers.get('x-vigil-call'));
  const row = await billOf(answer);
  assert.deepEqual([row.state, row.outcome, row.status, row.estimated], ['settled', 'ok', 200, 0]);
  assert.ok(row.cost_nanousd !== null && row.cost_nanousd > 0 && row.cost_nanousd < row.hold_nanousd);
});

test('our own calls name their turn, which the ledger keeps and the provider never sees', async () => {
  const inside = httpFetch({ socketPath: socketOf(house.home, 'router') });
  const headers = {
    'content-type': 'application/json',
    'anthropic-version': '2023-06-01',
    'x-vigil-turn': 'turn-1',
  };
  const body = JSON.stringify(saying('hello'));
  const mine = await inside('http://router/v1/messages', { method: 'POST', headers, body });
  await mine.text();
  assert.ok(!Object.keys(lastCall().headers).some((name) => name.startsWith('x-vigil-')));
  const row = await billOf(mine);
  assert.deepEqual([row.caller, row.turn_id], ['suite', 'turn-1']);

  const foreign = await post(body, { headers: { 'x-vigil-turn': 'turn-1', 'x-vigil-anything': '1' } });
  assert.ok(!Object.keys(lastCall().headers).some((name) => name.startsWith('x-vigil-')));
  const other = await billOf(foreign);
  assert.deepEqual(
    [other.caller, other.turn_id],
    ['local', null],
    'whoever comes from outside names no turn of ours',
  );
});

type Said = { type: string; error: { type: string; message: string } };

test('a provider that cannot be reached is an error answer with the cause, and costs nothing', async () => {
  await house.model.network('down');
  for (const stream of [false, true]) {
    const answer = await post(saying('hello', { stream }));
    const said = (await answer.json()) as Said;
    assert.deepEqual([answer.status, said.error.type], [502, 'api_error']);
    assert.match(said.error.message, /anthropic at http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/);
    const row = await billOf(answer);
    assert.deepEqual([row.outcome, row.cost_nanousd, row.estimated], ['unreachable', 0, 0]);
  }
  await house.model.network('up');
});

test('a call that may have arrived and brought no answer is charged all that it could cost', async () => {
  for (const [kind, stream] of [
    ['reset', false],
    ['reset', true],
    ['cut', false],
  ] as const) {
    house.model.fault({ kind, calls: 1, after_events: 1 });
    const answer = await post(saying('hello', { stream }));
    const said = (await answer.json()) as Said;
    assert.deepEqual([answer.status, said.error.type], [502, 'api_error'], kind);
    const row = await billOf(answer);
    assert.deepEqual([row.estimated, row.cost_nanousd], [1, row.hold_nanousd], kind);
  }
});

test('what the provider refuses is passed on, and costs nothing', async () => {
  for (const kind of ['overloaded_error', 'api_error', 'rate_limit_error', 'authentication_error'] as const) {
    house.model.fault({ kind, calls: 1 });
    const answer = await post(saying('hello', { stream: true }));
    assert.equal(((await answer.json()) as Said).error.type, kind);
    const row = await billOf(answer);
    assert.deepEqual(
      [row.outcome, row.status, row.error_type, row.cost_nanousd, row.estimated],
      ['refused', answer.status, kind, 0, 0],
    );
  }
});

/** The events of a stream, as whoever reads it gets them. */
const eventsIn = (text: string) =>
  text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => ({
      name: /^event: (.*)$/m.exec(event)?.[1],
      data: JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? 'null') as Said,
    }));

test('a stream that breaks before its first content is an error answer, for nobody has read any of it', async () => {
  house.model.script(() => WORDS);
  for (const fault of [
    { kind: 'cut', after_events: 0 },
    { kind: 'cut', after_events: 1 },
    { kind: 'early_end', after_events: 1 },
    { kind: 'malformed', after_events: 1 },
  ] as const) {
    house.model.fault({ ...fault, calls: 1 });
    const answer = await post(saying('hello', { stream: true }));
    const { error } = (await answer.json()) as Said;
    assert.deepEqual([answer.status, error.type], [502, 'api_error']);
    assert.match(error.message, /router: anthropic at http/);
    const [row, { billed }] = [await billOf(answer), lastCall()];
    assert.deepEqual([row.outcome, row.estimated], ['cut', 1]);
    if (fault.after_events === 0)
      assert.equal(row.cost_nanousd, row.hold_nanousd, 'nobody knows what it cost');
    else assert.equal(row.input_tokens, billed.input_tokens);
  }
});

test('an error that the provider tells before its first content is an error answer, in its own words', async () => {
  house.model.fault({ kind: 'error_event', after_events: 1, calls: 1 });
  const answer = await post(saying('hello', { stream: true }));
  const said = (await answer.json()) as Said;
  assert.deepEqual([answer.status, said.type], [529, 'error']);
  assert.deepEqual(said.error, { type: 'overloaded_error', message: 'Overloaded' });
  const row = await billOf(answer);
  assert.deepEqual([row.outcome, row.error_type, row.estimated], ['cut', 'overloaded_error', 1]);
});

const broken = {
  'cut after its first content': { kind: 'cut', after_events: 4 },
  'ended early, as if all were well': { kind: 'early_end', after_events: 6 },
  'no JSON in the middle': { kind: 'malformed', after_events: 4 },
} as const;

for (const [how, fault] of Object.entries(broken)) {
  test(`a stream that is ${how} ends in an error event, and is charged for what came`, async () => {
    house.model.script(() => WORDS);
    // Each piece arrives by itself: what comes together with nonsense is not passed on.
    house.model.latency({ per_chunk_ms: 20 });
    house.model.fault({ ...fault, calls: 1 });
    const answer = await post(saying('hello', { stream: true }));
    const events = eventsIn(await answer.text());
    assert.equal(events.length, fault.after_events + 1);
    const last = events.at(-1);
    assert.deepEqual([last?.name, last?.data.error.type], ['error', 'api_error']);
    const [row, { billed }] = [await billOf(answer), lastCall()];
    assert.deepEqual([row.outcome, row.estimated], ['cut', 1]);
    assert.equal(row.input_tokens, billed.input_tokens);
    assert.ok((row.output_tokens ?? 0) >= billed.output_tokens && (row.output_tokens ?? 0) <= 1000);
    house.model.fault({ ...fault, calls: 1 });
    await assert.rejects(client.messages.stream(saying('hello')).finalMessage(), /router: anthropic at/);
  });
}

test('an error that the provider tells inside its stream is passed on as it is, once', async () => {
  house.model.fault({ kind: 'error_event', calls: 1 });
  const answer = await post(saying('hello', { stream: true }));
  const errors = eventsIn(await answer.text()).filter(({ name }) => name === 'error');
  assert.deepEqual(
    errors.map(({ data }) => data.error.type),
    ['overloaded_error'],
  );
  const row = await billOf(answer);
  assert.deepEqual([row.outcome, row.error_type, row.estimated], ['cut', 'overloaded_error', 1]);
});

test('a stream that goes silent is given up after the idle limit, with or without content', async () => {
  const silent = async (fault: Fault) => {
    house.model.fault({ ...fault, calls: 1 });
    const answer = await post(saying('hello', { stream: true }));
    const text = await answer.text();
    await house.model.idle();
    assert.ok(lastCall().client_left, 'the provider is not left waiting');
    return { answer, text, row: await billOf(answer) };
  };
  const middle = await silent({ kind: 'stall', after_events: 4 });
  const last = eventsIn(middle.text).at(-1);
  assert.deepEqual([last?.name, last?.data.error.type], ['error', 'timeout_error']);
  assert.equal(middle.row.outcome, 'cut');
  for (const fault of [
    { kind: 'stall', after_events: 0 },
    { kind: 'stall', after_events: 1 },
    { kind: 'hang' },
  ] as const) {
    const { answer, text, row } = await silent(fault);
    assert.deepEqual([answer.status, (JSON.parse(text) as Said).error.type], [504, 'timeout_error']);
    assert.equal(row.outcome, fault.kind === 'hang' ? 'unreachable' : 'cut');
    if (fault.after_events !== 1) assert.equal(row.cost_nanousd, row.hold_nanousd);
  }
});

test('whoever leaves in the middle of a stream takes the call to the provider along, and pays for what came', async () => {
  house.model.latency({ per_chunk_ms: 20 });
  const leaving = new AbortController();
  const answer = await post(saying(WORDS, { stream: true }), { signal: leaving.signal });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; !text.includes('content_block_delta'); text += (await reader?.read())?.value ?? '');
  leaving.abort();
  const row = await billOf(answer);
  assert.deepEqual([row.outcome, row.estimated], ['left', 1]);
  await house.model.idle();
  const { billed, client_left } = lastCall();
  assert.ok(client_left);
  assert.ok((row.output_tokens ?? 0) >= billed.output_tokens);
});

test('whoever leaves before the answer begins is charged in full, for the provider may be at work', async () => {
  house.model.script(() => ({ text: WORDS, delay_ms: 60_000 }));
  const [leaving, before] = [new AbortController(), house.model.calls().length];
  const asking = post(saying('hello'), { signal: leaving.signal });
  await until('the provider hears of it', () => house.model.calls().length > before);
  leaving.abort();
  await assert.rejects(asking);
  await house.model.idle();
  const id = (await rows()).at(-1)?.id ?? '';
  const row = await bill(id);
  assert.deepEqual([row.outcome, row.estimated, row.cost_nanousd], ['left', 1, row.hold_nanousd]);
});

test('a hundred calls at once are answered, each with its own answer and one row', async () => {
  const before = (await rows()).length;
  const answers = await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const asked = saying(`question ${i}`);
      const answer = i % 2 ? client.messages.create(asked) : client.messages.stream(asked).finalMessage();
      const [block] = (await answer).content;
      return block?.type === 'text' ? block.text : '';
    }),
  );
  answers.forEach((text, i) => {
    assert.equal(text, `answer to: question ${i}`);
  });
  const made = (await rows()).slice(before);
  assert.equal(made.length, 100);
  for (const { id } of made) assert.equal((await bill(id)).outcome, 'ok');
});

test('through hundreds of calls with every kind of failure, the ledger is never below the bill', async () => {
  const [known, earlier] = [new Set((await rows()).map(({ id }) => id)), house.model.calls().length];
  const kinds = [
    'overloaded_error',
    'rate_limit_error',
    'reset',
    'cut',
    'early_end',
    'error_event',
    'drip',
  ] as const;
  for (const kind of kinds) house.model.fault({ kind, probability: 0.06, drip_bytes: 50 });
  let made = 0;
  const caller = async () => {
    while (made < 300) {
      made += 1;
      const cached = made % 5 === 0;
      const system = [
        { type: 'text', text: `${made % 3} `.repeat(3000), cache_control: { type: 'ephemeral', ttl: '1h' } },
      ];
      const asked = saying(`${made} ${WORDS}`, { stream: made % 3 !== 0, ...(cached ? { system } : {}) });
      await (await post(asked)).text();
    }
  };
  await Promise.all(Array.from({ length: 8 }, caller));
  await house.model.idle();
  const mine = (await rows()).filter(({ id }) => !known.has(id));
  const calls = house.model.calls().slice(earlier);
  assert.equal(mine.length, 300);
  assert.equal(calls.length, 300);
  const byName = new Map(calls.map((call) => [call.id, call]));
  const endings = new Set<string>();
  for (const { id } of mine) {
    const row = await bill(id);
    endings.add(`${row.outcome} ${row.estimated}`);
    const call = byName.get(row.request_id ?? '');
    if (!call) {
      assert.equal(row.cost_nanousd, row.hold_nanousd, 'a call without an answer is charged in full');
      continue;
    }
    byName.delete(call.id);
    const { billed } = call;
    if (row.estimated && row.cost_nanousd === row.hold_nanousd) continue;
    assert.equal(row.input_tokens, billed.input_tokens);
    assert.equal(row.cache_read_tokens, billed.cache_read_input_tokens);
    assert.equal(
      (row.cache_write_5m_tokens ?? 0) + (row.cache_write_1h_tokens ?? 0),
      billed.cache_creation_input_tokens,
    );
    if (row.estimated) assert.ok((row.output_tokens ?? 0) >= billed.output_tokens);
    else assert.equal(row.output_tokens, billed.output_tokens);
  }
  assert.ok(
    [...byName.values()].every(({ fault }) => fault === 'reset'),
    'only those without an answer have no name',
  );
  for (const wanted of ['ok 0', 'refused 0', 'cut 1', 'unreachable 1']) {
    assert.ok(endings.has(wanted), `${wanted} among ${[...endings]}`);
  }
});

test('a router that is killed in the middle of a call charges it in full when it comes back', async () => {
  house.model.script(() => ({ text: WORDS, delay_ms: 60_000 }));
  const before = house.model.calls().length;
  const asking = post(saying('hello', { stream: true }));
  asking.catch(() => {}); // awaited below
  await until('the provider hears of it', () => house.model.calls().length > before);
  const id = (await rows()).at(-1)?.id ?? '';
  router.child.kill('SIGKILL');
  await router.exit;
  await assert.rejects(asking, 'the caller sees that it broke off');
  const [open] = await house.read<Row>('SELECT * FROM call WHERE id = ?', id);
  assert.equal(open?.state, 'open');
  router = await startRouter(house);
  const row = await bill(id);
  assert.deepEqual([row.state, row.estimated, row.cost_nanousd], ['abandoned', 1, row.hold_nanousd]);
  house.model.script([]);
  assert.equal((await post(saying('hello'))).status, 200);
});

/** A provider that does what `answer` says, with a router of its own in front. */
async function withProvider(
  answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void,
  use: (of: House, running: Suite) => Promise<void>,
): Promise<void> {
  const provider = createServer((incoming, outgoing) => {
    incoming.resume().once('end', () => answer(incoming, outgoing));
  });
  provider.listen(0, '127.0.0.1');
  await once(provider, 'listening');
  const model = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  const of = await buildHouse({ telegram: false, outside: { telegram: '', model } });
  try {
    await use(of, await startRouter(of));
  } finally {
    await of.close();
    provider.close();
    provider.closeAllConnections();
  }
}

const delta = (text: string) =>
  `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })}\n\n`;

test('a stream that is cut in the middle of an event ends in an error that can be read', async () => {
  const half = delta('half').slice(0, 60);
  await withProvider(
    (_, outgoing) => {
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
      outgoing.write(delta('whole') + half, () => outgoing.socket?.destroySoon());
    },
    async (of) => {
      const answer = await post(saying('hello', { stream: true }), { of });
      const events = eventsIn(await answer.text());
      assert.deepEqual(
        events.map(({ name }) => name),
        ['content_block_delta', 'error'],
      );
      assert.equal(events[1]?.data.error.type, 'api_error');
    },
  );
});

test('a reader that stands still stops the provider, and the router keeps none of it in memory', async () => {
  const chunk = delta('x'.repeat(16_000));
  const all = 4096; // 64 MB
  let sent = 0;
  await withProvider(
    (_, outgoing) => {
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
      const more = () => {
        while (sent < all) {
          sent += 1;
          if (!outgoing.write(chunk)) return void outgoing.once('drain', more);
        }
        outgoing.end();
      };
      more();
    },
    async (of, running) => {
      const rss_mb = () => Number(execFileSync('ps', ['-o', 'rss=', '-p', String(running.child.pid)])) / 1024;
      const before_mb = rss_mb();
      const asking = request({
        socketPath: socketOf(of.home, 'router'),
        path: '/v1/messages',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      });
      asking.end(JSON.stringify(saying('hello', { stream: true })));
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      let last = -1;
      await until('nothing moves any more', async () => {
        const still = sent === last;
        last = sent;
        await new Promise((resolve) => setTimeout(resolve, 100));
        return still && sent > 0;
      });
      assert.ok(sent < all / 2, `the provider has sent ${sent} of ${all} pieces to somebody who reads none`);
      const grown_mb = rss_mb() - before_mb;
      assert.ok(grown_mb < 24, `the router has grown by ${Math.round(grown_mb)} MB`);
      let bytes = 0;
      for await (const piece of answer) bytes += (piece as Buffer).length;
      assert.ok(bytes >= all * chunk.length, 'all of it arrives once it is read');
    },
  );
});
