import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { ApiError } from '#shared/messages/error.ts';
import { type MessagesApi, type Options, startMessagesApi } from './messages-api.ts';
import { type Ask, clientOf, failure, key, lastCall, model, saying, textOf } from './messages-client.ts';
import type { Fault } from './messages-faults.ts';

let running: MessagesApi[] = [];

afterEach(async () => {
  await Promise.all(running.map((api) => api.close()));
  running = [];
});

async function start(options: Partial<Options> = {}): Promise<MessagesApi> {
  const api = await startMessagesApi({ key, ...options });
  running.push(api);
  return api;
}

const longText = 'one two three four five six seven eight nine ten';

test('without a script it answers with the last line that the user said, plain and as a stream', async () => {
  const api = await start();
  const client = clientOf(api);
  const plain = await client.messages.create(saying('first line\nlast line\n'));
  const streamed = await client.messages.stream(saying('first line\nlast line\n')).finalMessage();
  assert.equal(textOf(plain), 'answer to: last line');
  assert.equal(textOf(streamed), 'answer to: last line');
  assert.equal(plain.model, model);
  assert.equal(plain.stop_reason, 'end_turn');
  assert.deepEqual(streamed.usage, plain.usage);
});

test('an answer of any characters arrives as it was scripted', async () => {
  const api = await start();
  const client = clientOf(api);
  for (const text of ['𝄞'.repeat(300), `a${'𝄞'.repeat(300)}`, '"\\\n\u2028 é']) {
    api.script(() => text);
    assert.equal(textOf(await client.messages.create(saying('hi'))), text);
    assert.equal(textOf(await client.messages.stream(saying('hi')).finalMessage()), text);
  }
});

test('a script in code answers, calls tools and hears their results', async () => {
  const api = await start();
  api.script(({ messages, tools = [] }, call) => {
    const last = messages.at(-1)?.content;
    const result = Array.isArray(last) && last[0]?.type === 'tool_result' ? last[0].content : undefined;
    if (result) return `the tool said ${result}`;
    return tools.length > 0
      ? { thinking: 'hm', text: 'let me see', tools: [{ name: 'look', input: { call } }] }
      : { text: 'refused', stop_reason: 'refusal' };
  });
  const client = clientOf(api);
  const tools: Anthropic.Tool[] = [{ name: 'look', input_schema: { type: 'object' } }];
  const question = saying('look!', { tools });
  for (const asked of [client.messages.create(question), client.messages.stream(question).finalMessage()]) {
    const first = await asked;
    assert.deepEqual(
      first.content.map((block) => block.type),
      ['thinking', 'text', 'tool_use'],
    );
    assert.equal(first.stop_reason, 'tool_use');
    assert.equal(first.usage.output_tokens_details?.thinking_tokens, 1);
    const use = first.content.find((block) => block.type === 'tool_use') ?? assert.fail('no tool_use');
    const second = await client.messages.create({
      ...question,
      messages: [
        ...question.messages,
        { role: 'assistant', content: first.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: 'green' }] },
      ],
    });
    assert.equal(textOf(second), 'the tool said green');
  }
  assert.equal((await client.messages.create(saying('x'))).stop_reason, 'refusal');
});

test('rules answer by what the user said, the first that fits', async () => {
  const api = await start();
  api.script([
    { match: 'weather', reply: 'sunny', delay_ms: 20 },
    { match: '^w', reply: { text: 'w?', usage: { input_tokens: 5, output_tokens: 6 } } },
  ]);
  const client = clientOf(api);
  const started = performance.now();
  assert.equal(textOf(await client.messages.create(saying('what weather'))), 'sunny');
  assert.ok(performance.now() - started >= 19);
  const scripted = await client.messages.create(saying('who'));
  assert.equal(textOf(scripted), 'w?');
  assert.deepEqual([scripted.usage.input_tokens, scripted.usage.output_tokens], [5, 6]);
  assert.equal(textOf(await client.messages.create(saying('hi'))), 'answer to: hi');
});

test('max_tokens ends an answer, and is never exceeded on the bill', async () => {
  const api = await start();
  const { content, stop_reason, usage } = await clientOf(api).messages.create(saying('x', { max_tokens: 2 }));
  assert.deepEqual(content, [{ type: 'text', text: 'answer t', citations: null }]);
  assert.equal(stop_reason, 'max_tokens');
  assert.equal(usage.output_tokens, 2);
  assert.equal(api.billed().output_tokens, 2);
});

test('the bill is the sum of what the answers said they used', async () => {
  const api = await start();
  const client = clientOf(api);
  const first = await client.messages.create(saying('one'));
  const second = await client.messages.stream(saying('two')).finalMessage();
  const sum = (field: 'input_tokens' | 'output_tokens') => first.usage[field] + second.usage[field];
  assert.deepEqual(api.billed(), {
    input_tokens: sum('input_tokens'),
    output_tokens: sum('output_tokens'),
    cache_creation_input_tokens: 0,
    ephemeral_5m_input_tokens: 0,
    ephemeral_1h_input_tokens: 0,
    cache_read_input_tokens: 0,
    web_search_requests: 0,
  });
  assert.ok(sum('input_tokens') > 0 && sum('output_tokens') > 0);
});

test('a marked prompt is written to the cache once and read from then on', async () => {
  const api = await start({ min_cache_tokens: 10 });
  const client = clientOf(api);
  const system = (ttl: '5m' | '1h'): Anthropic.TextBlockParam[] => [
    { type: 'text', text: 'x'.repeat(400), cache_control: { type: 'ephemeral', ttl } },
  ];
  const ask = async (more: Partial<Ask>) => (await client.messages.create(saying('hi', more))).usage;
  const written = await ask({ system: system('1h') });
  const read = await ask({ system: system('1h') });
  const elsewhere = await ask({ system: system('5m'), model: 'claude-opus-5-5' });
  const size = written.cache_creation_input_tokens ?? 0;
  assert.ok(size > 100 && size < 120, `${size}`);
  assert.deepEqual(written.cache_creation, { ephemeral_1h_input_tokens: size, ephemeral_5m_input_tokens: 0 });
  assert.equal(read.cache_read_input_tokens, size);
  assert.equal(read.cache_creation_input_tokens, 0);
  assert.equal(read.input_tokens, written.input_tokens);
  assert.equal(elsewhere.cache_creation?.ephemeral_5m_input_tokens, size);

  const longer = await client.messages.create({
    ...saying('hi', { system: system('1h'), cache_control: { type: 'ephemeral' } }),
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'y'.repeat(400) },
      { role: 'user', content: 'and?' },
    ],
  });
  assert.equal(longer.usage.cache_read_input_tokens, size);
  assert.ok((longer.usage.cache_creation?.ephemeral_5m_input_tokens ?? 0) > 100);
  assert.equal(longer.usage.input_tokens, 0);
  assert.equal(api.billed().cache_read_input_tokens, 2 * size);
});

test('a prompt shorter than the least is not cached', async () => {
  const api = await start();
  const { usage } = await clientOf(api).messages.create(
    saying('hi', { cache_control: { type: 'ephemeral' } }),
  );
  assert.equal(usage.cache_creation_input_tokens, 0);
  assert.ok(usage.input_tokens > 0);
});

test('every call is logged with what was sent, when, and what became of it', async () => {
  const api = await start();
  const before_ms = performance.timeOrigin + performance.now();
  await clientOf(api).messages.create(saying('hi'), { headers: { 'x-turn': 't1' } });
  await api.idle();
  const call = lastCall(api);
  assert.deepEqual(call.body, saying('hi'));
  assert.equal(call.headers['x-turn'], 't1');
  assert.equal(call.path, '/v1/messages');
  assert.equal(call.status, 200);
  assert.equal(call.client_left, false);
  assert.ok(call.ended_at !== null && before_ms < call.received_at && call.received_at <= call.ended_at);
  assert.deepEqual(call.billed, api.billed());
});

test('the log keeps the latest calls only', async () => {
  const api = await start({ keep_calls: 2 });
  const client = clientOf(api);
  for (const word of ['a', 'b', 'c']) await client.messages.create(saying(word));
  assert.deepEqual(
    api.calls().map(({ body }) => (body as Ask).messages[0]?.content),
    ['b', 'c'],
  );
});

test('a client that hangs up is noticed, and billed for what was generated until then', async () => {
  const api = await start();
  api.script(() => longText.repeat(100));
  api.latency({ per_chunk_ms: 5 });
  const stream = clientOf(api).messages.stream(saying('hi'));
  await new Promise((resolve) => stream.once('text', resolve));
  stream.abort();
  await assert.rejects(stream.done());
  await api.idle();
  const call = lastCall(api);
  assert.equal(call.client_left, true);
  assert.ok(call.billed.input_tokens > 0);
  assert.ok(
    call.billed.output_tokens >= 1 && call.billed.output_tokens < 200,
    `${call.billed.output_tokens}`,
  );
});

test('answers carry rate limits, the organization and the request id', async () => {
  const api = await start();
  const { response, request_id } = await clientOf(api).messages.create(saying('hi')).withResponse();
  assert.equal(request_id, lastCall(api).id);
  assert.match(response.headers.get('anthropic-organization-id') ?? '', /^[0-9a-f-]{36}$/);
  for (const what of ['requests', 'tokens', 'input-tokens', 'output-tokens']) {
    const limit = Number(response.headers.get(`anthropic-ratelimit-${what}-limit`));
    const remaining = Number(response.headers.get(`anthropic-ratelimit-${what}-remaining`));
    const reset = Date.parse(response.headers.get(`anthropic-ratelimit-${what}-reset`) ?? '');
    assert.ok(remaining > 0 && remaining <= limit, what);
    assert.ok(reset > Date.now() - 1000 && reset <= Date.now() + 60_000, what);
  }
});

test('only its own keys and models are taken', async () => {
  const api = await start({ key: [key, 'sk-second'], models: [model] });
  const wrong = await failure(clientOf(api, { apiKey: 'sk-wrong' }).messages.create(saying('hi')));
  assert.deepEqual(
    [wrong.status, wrong.type, wrong.apiMessage],
    [401, 'authentication_error', 'Invalid bearer token'],
  );
  await clientOf(api, { apiKey: 'sk-second' }).messages.create(saying('hi'));

  const unknown = await failure(clientOf(api).messages.create(saying('hi', { model: 'claude-opus-5-5' })));
  assert.deepEqual(
    [unknown.status, unknown.type, unknown.apiMessage],
    [404, 'not_found_error', 'model: claude-opus-5-5'],
  );
  const ids: string[] = [];
  for await (const { id } of clientOf(api).models.list()) ids.push(id);
  assert.deepEqual(ids, [model]);
});

test('a key is taken as x-api-key too, and none at all is refused', async () => {
  const api = await start();
  const ask = async (headers: Record<string, string>) => {
    const response = await fetch(`${api.root}/v1/messages`, {
      method: 'POST',
      headers: { 'anthropic-version': '2023-06-01', ...headers },
      body: JSON.stringify(saying('hi')),
    });
    const { error } = (await response.json()) as { error?: { message: string } };
    return [response.status, error?.message];
  };
  assert.deepEqual(await ask({ 'x-api-key': key }), [200, undefined]);
  assert.deepEqual(await ask({ 'x-api-key': 'sk-wrong' }), [401, 'invalid x-api-key']);
  assert.deepEqual(await ask({}), [401, 'x-api-key header is required']);
});

test('any model is known whose name begins with claude-, and no other', async () => {
  const client = clientOf(await start());
  await client.messages.create(saying('hi', { model: 'claude-next-9' }));
  assert.equal((await failure(client.messages.create(saying('hi', { model: 'gpt-9' })))).status, 404);
});

test('a revoked key is refused until it is granted again', async () => {
  const api = await start();
  const client = clientOf(api);
  api.revoke();
  assert.equal((await failure(client.messages.create(saying('hi')))).status, 401);
  api.grant(key);
  await client.messages.create(saying('hi'));
});

test('while the network is down connections break and are refused; then it works at the same address', async () => {
  const api = await start();
  const client = clientOf(api);
  api.latency({ first_ms: 60_000 });
  const asked = failure(client.messages.create(saying('hi')));
  while (api.calls().length === 0) await new Promise(setImmediate);
  await api.network('down');
  assert.ok((await asked) instanceof Anthropic.APIConnectionError);
  const refused = await failure(client.messages.create(saying('hi')));
  assert.ok(refused instanceof Anthropic.APIConnectionError);
  assert.match(JSON.stringify(refused.cause, ['code', 'cause']), /ECONNREFUSED/);
  assert.equal(lastCall(api).client_left, false);
  api.latency({});
  await api.network('up');
  await client.messages.create(saying('hi'));
});

test('it takes as long as it is told, until it is told otherwise', async () => {
  const api = await start();
  const client = clientOf(api);
  const took_ms = async () => {
    const started = performance.now();
    await client.messages.stream(saying('a b c d')).finalMessage();
    return performance.now() - started;
  };
  api.latency({ first_ms: 40 });
  assert.ok((await took_ms()) >= 39);
  api.latency({ per_chunk_ms: 10 });
  assert.ok((await took_ms()) >= 6 * 10 - 6);
  api.latency({});
  const quickest_ms = Math.min(await took_ms(), await took_ms(), await took_ms());
  assert.ok(quickest_ms < 39, `${quickest_ms}`);
});

// ── Faults, as the SDK sees them ───────────────────────────────────────────────────────────────────────────────────

for (const [fault, status, type, message] of [
  [{ kind: 'api_error' }, 500, 'api_error', 'Internal server error'],
  [{ kind: 'overloaded_error' }, 529, 'overloaded_error', 'Overloaded'],
  [{ kind: 'authentication_error' }, 401, 'authentication_error', 'invalid x-api-key'],
  [{ kind: 'not_found_error' }, 404, 'not_found_error', `model: ${model}`],
  [{ kind: 'timeout_error' }, 504, 'timeout_error', 'Request timed out.'],
  [
    { kind: 'billing_error' },
    402,
    'billing_error',
    'Your credit balance is too low to access the Anthropic API.',
  ],
] as const) {
  test(`the fault ${fault.kind} answers ${status}, and nothing is billed`, async () => {
    const api = await start();
    api.fault({ ...fault, calls: 1 });
    const error = await failure(clientOf(api).messages.create(saying('hi')));
    assert.deepEqual([error.status, error.type, error.apiMessage], [status, type, message]);
    assert.equal(error.requestID, lastCall(api).id);
    assert.equal(lastCall(api).fault, fault.kind);
    assert.equal(api.billed().input_tokens, 0);
    await clientOf(api).messages.create(saying('hi'));
  });
}

test('a 429 says when to come back, and the SDK obeys it', async () => {
  const api = await start();
  api.fault({ kind: 'rate_limit_error', calls: 1, retry_after_s: 0.05 });
  await clientOf(api, { maxRetries: 1 }).messages.create(saying('hi'));
  const [first, second] = api.calls();
  assert.equal(first?.status, 429);
  assert.ok((second?.received_at ?? 0) - (first?.received_at ?? 0) >= 49);
});

test('a spend limit is a 429 with its own code and no retry-after', async () => {
  const api = await start();
  api.fault({ kind: 'rate_limit_error', error_code: 'enforced_spend_limit_reached' });
  const error = await failure(clientOf(api).messages.create(saying('hi')));
  assert.deepEqual([error.status, error.errorCode], [429, 'enforced_spend_limit_reached']);
  assert.equal(error.headers?.get('retry-after'), null);
});

/** The fault strikes one stream and one plain call. */
async function struck(
  fault: Omit<Fault, 'calls'>,
  use: (api: MessagesApi, client: Anthropic) => Promise<void>,
) {
  const api = await start();
  api.script(() => longText);
  api.fault({ ...fault, calls: 2 });
  await use(api, clientOf(api));
  await api.idle();
  for (const call of api.calls()) assert.equal(call.client_left, false);
}

test('an overloaded_error in the middle of a stream is an error to the SDK', async () => {
  await struck({ kind: 'error_event' }, async (api, client) => {
    const error = await failure(client.messages.stream(saying('hi')).finalMessage());
    assert.equal(error.type, 'overloaded_error');
    await api.idle();
    assert.equal(lastCall(api).events, 4);
    assert.equal((await failure(client.messages.create(saying('hi')))).status, 529);
  });
});

test('a cut in the middle is an error, and what was generated is billed', async () => {
  await struck({ kind: 'cut' }, async (api, client) => {
    const heard: string[] = [];
    const stream = client.messages.stream(saying('hi')).on('text', (text) => heard.push(text));
    assert.match((await failure(stream.finalMessage())).message, /terminated/);
    assert.deepEqual(heard, ['one']);
    await api.idle();
    assert.equal(lastCall(api).events, 4);
    assert.equal(lastCall(api).billed.output_tokens, 1);
    await failure(client.messages.create(saying('hi')));
    assert.equal(lastCall(api).billed.output_tokens, Math.ceil(longText.length / 4));
  });
});

test('a cut can come before the first content, and before any event', async () => {
  const api = await start();
  const client = clientOf(api);
  for (const after_events of [0, 1]) {
    api.fault({ kind: 'cut', calls: 1, after_events });
    await failure(client.messages.stream(saying('hi')).finalMessage());
    await api.idle();
    assert.equal(lastCall(api).events, after_events);
    assert.equal(lastCall(api).billed.input_tokens > 0, after_events === 1);
  }
});

test('a stream that ends early leaves a raw reader with half an answer and no error', async () => {
  await struck({ kind: 'early_end' }, async (_, client) => {
    const types: string[] = [];
    for await (const event of await client.messages.create({ ...saying('hi'), stream: true }))
      types.push(event.type);
    assert.deepEqual(types, ['message_start', 'content_block_start', 'content_block_delta']);
    await failure(client.messages.stream(saying('hi')).finalMessage());
  });
});

test('an event that is no JSON is an error to the SDK', async () => {
  await struck({ kind: 'malformed' }, async (_, client) => {
    const error = await failure(client.messages.stream(saying('hi')).finalMessage());
    assert.match(error.message, /JSON/);
    await failure(client.messages.create(saying('hi')));
  });
});

test('an answer that drips is slow but right', async () => {
  await struck({ kind: 'drip', drip_bytes: 100, drip_ms: 1 }, async (_, client) => {
    assert.equal(textOf(await client.messages.stream(saying('hi')).finalMessage()), longText);
    assert.equal(textOf(await client.messages.create(saying('hi'))), longText);
  });
});

test('a reset before the headers is a connection error', async () => {
  await struck({ kind: 'reset' }, async (api, client) => {
    const error = await failure(client.messages.create(saying('hi')));
    assert.ok(error instanceof Anthropic.APIConnectionError);
    await api.idle();
    assert.equal(lastCall(api).status, null);
  });
});

for (const [title, fault, status] of [
  ['sends nothing at all', { kind: 'hang' }, null],
  ['is silent after the headers', { kind: 'stall', after_events: 0 }, 200],
  ['is silent in the middle', { kind: 'stall' }, 200],
] as const) {
  test(`a call that ${title} is still open when the client gives up`, async () => {
    const api = await start();
    api.fault(fault);
    for (const stream of [true, false]) {
      const patience = AbortSignal.timeout(50);
      const asked: Promise<unknown> = stream
        ? clientOf(api).messages.stream(saying('hi'), { signal: patience }).finalMessage()
        : clientOf(api).messages.create(saying('hi'), { signal: patience });
      await failure(asked);
      assert.ok(patience.aborted);
      await api.idle();
      const call = lastCall(api);
      assert.equal(call.client_left, true);
      assert.equal(call.status, status);
    }
  });
}

test('a fault strikes as many calls as it is told, of the model it is told, until it is cleared', async () => {
  const api = await start();
  const client = clientOf(api);
  const fails = async (which = model) =>
    client.messages.create(saying('hi', { model: which })).then(
      () => false,
      () => true,
    );
  api.fault({ kind: 'api_error', calls: 2 });
  assert.deepEqual([await fails(), await fails(), await fails()], [true, true, false]);
  api.fault({ kind: 'api_error', model });
  assert.deepEqual([await fails('claude-opus-5-5'), await fails(), await fails()], [false, true, true]);
  api.clear();
  assert.equal(await fails(), false);
});

test('a fault with a probability strikes the same calls in every run', async () => {
  const runs: string[] = [];
  for (const seed of [3, 3]) {
    const api = await start({ seed });
    api.fault({ kind: 'api_error', probability: 0.5 });
    const client = clientOf(api);
    for (let call = 0; call < 20; call += 1) await client.messages.create(saying('hi')).catch(() => {});
    runs.push(
      api
        .calls()
        .map((call) => (call.fault ? 'x' : '.'))
        .join(''),
    );
  }
  assert.equal(runs[0], runs[1]);
  assert.match(runs[0] ?? '', /x.*\.|\..*x/);
});

test('an unknown fault is refused with the names of those there are', async () => {
  const api = await start();
  assert.throws(
    () => api.fault({ kind: 'teapot' as 'cut' }),
    /no fault is called 'teapot': expected .*stall, cut/,
  );
});

test('a script may answer with an error of its own', async () => {
  const api = await start();
  api.script(() => {
    throw new ApiError('permission_error', 'not yours');
  });
  const error = await failure(clientOf(api).messages.create(saying('hi')));
  assert.deepEqual([error.status, error.apiMessage], [403, 'not yours']);
});

test('many calls side by side are billed to the token', async () => {
  const api = await start();
  api.fault({ kind: 'cut', probability: 0.3, after_events: 5 });
  const client = clientOf(api);
  const asked = Array.from({ length: 100 }, (_, index) =>
    index % 2
      ? client.messages.create(saying(`${index}`))
      : client.messages.stream(saying(`${index}`)).finalMessage(),
  );
  await Promise.allSettled(asked);
  await api.idle();
  const sum = (field: 'input_tokens' | 'output_tokens') =>
    api.calls().reduce((total, call) => total + call.billed[field], 0);
  assert.equal(api.billed().input_tokens, sum('input_tokens'));
  assert.equal(api.billed().output_tokens, sum('output_tokens'));
  assert.equal(api.calls().length, 100);
});

// ── As a process ───────────────────────────────────────────────────────────────────────────────────────────────────

const script = new URL('./messages-api.ts', import.meta.url).pathname;

test('as a process it has the same verbs over HTTP, and drains on SIGTERM', async () => {
  const child = spawn(process.execPath, [script, '--port', '0', '--key', key], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  try {
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    const { root, control } = JSON.parse(line) as { root: string; control: string };
    const tell = async (verb: string, argument?: unknown) => {
      const body = argument === undefined ? null : JSON.stringify(argument);
      const response = await fetch(`${control}/${verb}`, { method: 'POST', body });
      const result: unknown = await response.json();
      if (!response.ok) throw new Error(JSON.stringify(result));
      return result;
    };
    const client = clientOf({ root });

    await tell('script', [{ match: 'weather', reply: 'sunny' }]);
    assert.equal(textOf(await client.messages.create(saying('weather?'))), 'sunny');
    await tell('fault', { kind: 'overloaded_error', calls: 1 });
    assert.equal((await failure(client.messages.create(saying('hi')))).status, 529);
    const calls = (await tell('calls')) as { status: number }[];
    assert.deepEqual(
      calls.map(({ status }) => status),
      [200, 529],
    );
    assert.ok(((await tell('billed')) as { output_tokens: number }).output_tokens > 0);
    await assert.rejects(tell('teapot'), /no verb 'teapot': expected script, latency/);
    await assert.rejects(tell('usage', { how: 'often' }), /'estimated' or 'random', got 'often'/);
    await assert.rejects(tell('fault', { kind: 'teapot' }), /no fault is called 'teapot'/);
    const batch = await client.messages.batches.create({
      requests: [{ custom_id: 'a', params: saying('weather?') }],
    });
    await tell('endBatch', { id: batch.id, how: { canceled: 1 } });
    assert.equal((await client.messages.batches.retrieve(batch.id)).request_counts.canceled, 1);
    await tell('usage', { how: 'random', seed: 1 });
    await tell('limits', { requests_per_minute: 1 });
    const { usage } = await client.messages.create(saying('weather?'));
    const calls_before = (await tell('calls')) as { billed: { input_tokens: number } }[];
    assert.equal(calls_before.at(-1)?.billed.input_tokens, usage.input_tokens);
    assert.equal((await failure(client.messages.create(saying('hi')))).status, 429);
    await tell('limits', null);
    await tell('network', 'down');
    assert.ok((await failure(client.messages.create(saying('hi')))) instanceof Anthropic.APIConnectionError);
    await tell('network', 'up');

    await tell('latency', { first_ms: 100 });
    const last = client.messages.create(saying('weather?'));
    const asked = calls_before.length + 2;
    while (((await tell('calls')) as unknown[]).length < asked) await new Promise(setImmediate);
    child.kill('SIGTERM');
    assert.equal(textOf(await last), 'sunny');
    assert.deepEqual(await exited, [0, null]);
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
});

test('as a process it explains itself', async () => {
  const child = spawn(process.execPath, [script, '--help'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code]] = await Promise.all([child.stdout.toArray(), once(child, 'exit')]);
  assert.equal(code, 0);
  assert.match(Buffer.concat(output).toString(), /^usage: node shared\/testing\/messages-api\.ts --key KEY/m);
});
