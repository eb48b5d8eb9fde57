/**
 * What the official SDK can do gives the same through the router as direct: the same bytes to the provider, but for the
 * model where an alias is asked for, and the same bytes back, but for the ids that each answer has of its own.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { Anthropic } from '@anthropic-ai/sdk';
import { root } from '#shared/base/root.ts';
import { prepareHome } from '#shared/runtime/home.ts';
import { buildHouse, type House, KEY } from '#shared/testing/house.ts';
import type { Call } from '#shared/testing/messages-api.ts';
import { until } from '#shared/testing/scratch.ts';

const MODEL = 'claude-haiku-5-5';
const WORDS = 'eins zwei drei 😀 vier';

let house: House;
let child: ChildProcess;
let key: string;

before(async () => {
  house = await buildHouse({ telegram: false });
  key = await house.accessKey('sdk');
  prepareHome(house.home);
  child = spawn(process.execPath, [join(root, 'services/router/service.ts')], {
    env: { ...process.env, VIGIL_HOME: house.home.directory, VIGIL_CONSOLE: 'off' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await until('the router is ready', async () => (await house.pidOf('router')) === child.pid);
});

afterEach(() => {
  house.model.script([]);
  house.model.limits(null);
});

after(async () => {
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  await ended;
  await house.close();
});

/** What a client has heard, byte for byte. */
type Heard = { status: number; headers: Headers; text: string };

function clientTo(
  where: 'router' | 'provider',
  heard: Promise<Heard>[],
  headers: Record<string, string> = {},
) {
  const routed = where === 'router';
  return new Anthropic({
    apiKey: routed ? key : KEY,
    baseURL: routed ? `http://127.0.0.1:${house.port}` : house.model.root,
    maxRetries: 0,
    logLevel: 'off',
    defaultHeaders: headers,
    fetch: async (url, init) => {
      const answer = await fetch(url, init);
      const copy = answer.clone();
      heard.push(copy.text().then((text) => ({ status: copy.status, headers: copy.headers, text })));
      return answer;
    },
  });
}

/** The ids that every answer has of its own. */
const withoutIds = (text: string) => text.replace(/\b(msg|toolu|srvtoolu|req)_01\w{22}/g, '$1_…');

const lastCall = (): Call => house.model.calls().at(-1) ?? assert.fail('the provider was not asked');

/** What a client sends along with its request, on the way to the provider; without what is of one connection. */
function sent({ headers }: Call): Record<string, unknown> {
  const own = new Set([
    'host',
    'connection',
    'x-api-key',
    'authorization',
    'accept-encoding',
    'content-length',
  ]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.has(name)));
}

/** Those that differ from one answer to the next, or are of the connection, or are the router's own word. */
const OF_ITS_OWN = /^(date|request-id|connection|keep-alive|content-length|transfer-encoding|x-vigil-.*)$/;
const said = (headers: Headers) =>
  Object.fromEntries([...headers].filter(([name]) => !OF_ITS_OWN.test(name)));

/** Does the same both ways, and holds all of it against each other. Gives back what the provider heard through the router. */
async function same(
  use: (client: Anthropic) => Promise<unknown>,
  { headers = {}, withBody = true }: { headers?: Record<string, string>; withBody?: boolean } = {},
): Promise<Call> {
  const results = [];
  const calls: Call[] = [];
  const answers: Heard[] = [];
  // Once before, so that the provider's cache is warm for both.
  for (const where of ['provider', 'provider', 'router'] as const) {
    const heard: Promise<Heard>[] = [];
    results.push(withoutIds(JSON.stringify(await use(clientTo(where, heard, headers)))));
    calls.push(lastCall());
    answers.push((await Promise.all(heard)).at(-1) ?? assert.fail('there was no answer'));
  }
  const [, direct, routed] = answers;
  const [, asked, passed] = calls;
  assert.ok(direct && routed && asked && passed);
  assert.equal(results[2], results[1]);
  assert.equal(withoutIds(routed.text), withoutIds(direct.text));
  assert.equal(routed.status, direct.status);
  assert.deepEqual(said(routed.headers), said(direct.headers));
  assert.equal(routed.headers.get('request-id'), passed.id, 'the request’s name is the provider’s own');
  assert.equal(passed.path, asked.path);
  assert.deepEqual(sent(passed), sent(asked));
  if (withBody) {
    assert.equal(JSON.stringify(passed.body), JSON.stringify(asked.body));
    assert.equal(passed.headers['content-length'], asked.headers['content-length'], 'no byte more or less');
  }
  return passed;
}

type Params = Anthropic.MessageCreateParamsNonStreaming;

const saying = (content: Params['messages'][number]['content'], more: Partial<Params> = {}): Params => ({
  model: MODEL,
  max_tokens: 2000,
  messages: [{ role: 'user', content }],
  ...more,
});

const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const pdf = Buffer.from('%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF').toString('base64');
const look_up: Anthropic.Tool = {
  name: 'look_up',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

const features: Record<string, Params> = {
  'a plain question': saying('hello'),
  'a tool that is used': saying('use it', { tools: [look_up], tool_choice: { type: 'any' } }),
  'the result of a tool': {
    ...saying(''),
    tools: [look_up],
    messages: [
      { role: 'user', content: 'use it' },
      {
        role: 'assistant',
        content: [{ type: 'tool_use', id: 'toolu_1', name: 'look_up', input: { city: 'Zürich' } }],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: '12°' }] }],
      },
    ],
  },
  thinking: saying('think', { model: 'claude-opus-5-5', thinking: { type: 'adaptive' } }),
  'an image': saying([
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
    { type: 'text', text: 'what is it?' },
  ]),
  'a PDF': saying([
    { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: pdf }, title: 'x' },
    { type: 'text', text: 'what does it say?' },
  ]),
  'structured output': saying('as JSON', {
    output_config: {
      format: {
        type: 'json_schema',
        schema: {
          type: 'object',
          properties: { n: { type: 'integer' } },
          required: ['n'],
          additionalProperties: false,
        },
      },
    },
  }),
  'a prompt that the cache keeps': saying('short', {
    system: [{ type: 'text', text: 'long '.repeat(2000), cache_control: { type: 'ephemeral', ttl: '1h' } }],
  }),
  'metadata and stop sequences': saying('hello', {
    metadata: { user_id: 'u-1' },
    stop_sequences: ['drei', 'END'],
  }),
};

function answer(asked: {
  tools?: unknown;
  thinking?: unknown;
  output_config?: unknown;
  messages: unknown[];
}) {
  if (asked.output_config) return '{"n":5}';
  if (asked.tools && asked.messages.length === 1) {
    return { text: WORDS, tools: [{ name: 'look_up', input: { city: 'Zürich 😀' } }] };
  }
  return asked.thinking ? { thinking: 'let me see', text: WORDS } : WORDS;
}

for (const [name, asked] of Object.entries(features)) {
  test(`${name}: the same through the router as direct, in one piece and as a stream`, async () => {
    house.model.script(answer);
    await same((client) => client.messages.create(asked));
    await same((client) => client.messages.stream(asked).finalMessage());
  });
}

test('the helpers for streams hear the same, word for word', async () => {
  house.model.script(answer);
  await same(async (client) => {
    const heard: unknown[] = [];
    const stream = client.messages
      .stream(saying('use it', { tools: [look_up] }))
      .on('text', (delta, snapshot) => heard.push([delta, snapshot]))
      .on('inputJson', (delta) => heard.push(delta))
      .on('contentBlock', (block) => heard.push(block));
    heard.push(await stream.finalMessage(), await stream.finalText());
    return heard;
  });
});

test('tokens are counted, and models listed and looked up, as direct', async () => {
  const { model, messages } = saying('how long is this?');
  await same((client) => client.messages.countTokens({ model, messages, tools: [look_up] }));
  await same((client) => client.models.retrieve(MODEL), { withBody: false });
  const ids = async (where: 'router' | 'provider') => {
    const found = [];
    for await (const one of clientTo(where, []).models.list({ limit: 3 })) found.push(one.id);
    return found;
  };
  const [theirs, ours] = [await ids('provider'), await ids('router')];
  assert.equal(lastCall().path.includes('after_id'), true, 'there is a second page');
  assert.deepEqual(ours.slice(0, 6), ['quick', 'classify', 'default', 'write', 'deep', 'review']);
  assert.deepEqual(ours.slice(6), theirs);
});

for (const version of ['2023-06-01', '2026-10-21']) {
  test(`the version ${version} of the API and betas that nobody knows yet reach the provider`, async () => {
    const headers = { 'anthropic-version': version, 'anthropic-beta': 'next-year-2027-01-01,and-another' };
    const heard = await same((client) => client.messages.create(saying('hello')), { headers });
    assert.equal(heard.headers['anthropic-version'], version);
    assert.equal(heard.headers['anthropic-beta'], 'next-year-2027-01-01,and-another');
    assert.equal(heard.headers['accept-encoding'], 'identity', 'compressed, nobody could read what it cost');
  });
}

test('betas of the SDK pass, and a query of the path', async () => {
  const { model, messages, max_tokens } = saying('hello');
  const betas = ['token-efficient-tools-2025-02-19'];
  const asked = { model, max_tokens, messages: messages as Anthropic.Beta.BetaMessageParam[], betas };
  const heard = await same((client) => client.beta.messages.create(asked));
  assert.equal(heard.headers['anthropic-beta'], betas[0]);
  assert.equal((await post(saying('hello'), {}, '/v1/messages?beta=true')).status, 200);
  assert.equal(lastCall().path, '/v1/messages?beta=true');
});

test('fields that nobody knows yet are the provider’s to judge', async () => {
  const asked = { ...saying('hello'), a_field_of_next_year: { model: 'x', n: 1e21 } };
  const heard = await same((client) => client.messages.create(asked).catch(String));
  assert.deepEqual((heard.body as typeof asked).a_field_of_next_year, asked.a_field_of_next_year);
});

test('what the provider says of its limits reaches the client', async () => {
  house.model.limits({
    requests_per_minute: 1000,
    input_tokens_per_minute: 100_000,
    output_tokens_per_minute: 50_000,
  });
  const heard: Promise<Heard>[] = [];
  await clientTo('router', heard).messages.create(saying('hello'));
  const { headers } = (await heard[0]) ?? assert.fail();
  assert.equal(headers.get('anthropic-ratelimit-requests-limit'), '1000');
  assert.match(headers.get('anthropic-ratelimit-input-tokens-remaining') ?? '', /^\d+$/);
});

test('an alias changes the model and nothing else', async () => {
  const body =
    '{ "model" : "quick",\n\t"max_tokens":50, "messages":[{"role":"user","content":"\\u00fc model"}] }';
  const answered = await post(body);
  assert.equal(answered.status, 200);
  assert.equal(answered.headers.get('x-vigil-alias'), 'quick');
  const { body: passed, headers } = lastCall();
  assert.deepEqual(passed, { ...JSON.parse(body), model: MODEL });
  const changed = body.replace('"quick"', JSON.stringify(MODEL));
  assert.equal(headers['content-length'], String(Buffer.byteLength(changed)));
});

/** A request as bytes. */
const post = (body: string | object, headers: Record<string, string> = {}, path = '/v1/messages') =>
  fetch(`http://127.0.0.1:${house.port}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'x-api-key': key,
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

const auto = (more: object = {}) => ({ ...saying('hello'), model: 'auto', max_tokens: 100, ...more });

for (const [what, body, headers, alias] of [
  ['a task type in a header', auto(), { 'x-vigil-task': 'architecture' }, 'deep'],
  [
    'a task type in the metadata',
    auto({ metadata: { user_id: 'u', task_type: 'summarisation' } }),
    {},
    'write',
  ],
  [
    'both, the header',
    auto({ metadata: { task_type: 'summarisation' } }),
    { 'x-vigil-task': 'review' },
    'review',
  ],
  ['a task type that nobody knows', auto({ metadata: { task_type: 'poetry' } }), {}, 'default'],
  ['no task type and a short question', auto(), {}, 'quick'],
  ['no task type and a long answer', auto({ max_tokens: 5000 }), {}, 'default'],
  ['no task type and a tool', auto({ tools: [look_up] }), {}, 'default'],
] as const) {
  test(`auto goes by ${what} to ${alias}; the ledger keeps the task type and the provider never sees it`, async () => {
    const answered = await post(body, headers as Record<string, string>);
    assert.equal(answered.status, 200, await answered.clone().text());
    assert.equal(answered.headers.get('x-vigil-alias'), alias);
    const heard = lastCall();
    assert.ok(!JSON.stringify([heard.body, heard.headers]).includes('task'));
    const { metadata } = body as { metadata?: { user_id?: string; task_type?: string } };
    const { metadata: passed } = heard.body as { metadata?: object };
    assert.deepEqual(passed, metadata && (metadata.user_id ? { user_id: metadata.user_id } : {}));
    const [row] = await house.read<{ task: string | null }>(
      'SELECT task FROM call WHERE id = ?',
      answered.headers.get('x-vigil-call'),
    );
    assert.equal(
      row?.task ?? undefined,
      (headers as Record<string, string>)['x-vigil-task'] ?? metadata?.task_type,
    );
  });
}

test('a task type in the metadata goes with a request for a model of one’s choice too', async () => {
  const body = { ...saying('hello'), metadata: { task_type: 'code' } };
  assert.equal((await post(body)).status, 200);
  assert.deepEqual((lastCall().body as typeof body).metadata, {});
});
