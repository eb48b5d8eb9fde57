import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, clientOf, failure, lastCall, saying, serve } from './messages-client.ts';

const short = { text: 'x', usage: { input_tokens: 1, output_tokens: 1 } };

test('calls beyond the limit are refused until retry-after, and then taken', async (t) => {
  const api = await serve(t);
  api.script(() => short);
  api.limits({ requests_per_minute: 60 });
  const client = clientOf(api);
  await Promise.all(Array.from({ length: 60 }, () => ask(client, false)));
  const error = await failure(ask(client, false));
  assert.deepEqual([error.status, error.type], [429, 'rate_limit_error']);
  assert.match(error.apiMessage ?? '', /organization \(.+\) of 60 requests per minute/);
  assert.equal(error.headers?.get('retry-after'), '1');
  assert.equal(error.headers?.get('anthropic-ratelimit-requests-remaining'), '0');
  assert.equal(lastCall(api).billed.input_tokens, 0);
  await ask(clientOf(api, { maxRetries: 1 }), false);
  assert.equal(api.calls().filter(({ status }) => status === 429).length, 2);
});

test('what is left of a limit is said with every answer, and when all of it is back', async (t) => {
  const api = await serve(t);
  api.script(() => ({ text: 'x', usage: { input_tokens: 5000, output_tokens: 2000 } }));
  api.limits({ requests_per_minute: 10, input_tokens_per_minute: 20_000, output_tokens_per_minute: 10_000 });
  const before = Date.now();
  const { response } = await clientOf(api).messages.create(saying('hi')).withResponse();
  const said = (what: string, part: string) => response.headers.get(`anthropic-ratelimit-${what}-${part}`);
  assert.deepEqual([said('requests', 'limit'), said('requests', 'remaining')], ['10', '9']);
  assert.deepEqual([said('input-tokens', 'limit'), said('input-tokens', 'remaining')], ['20000', '15000']);
  assert.deepEqual([said('output-tokens', 'limit'), said('output-tokens', 'remaining')], ['10000', '8000']);
  const reset_ms = Date.parse(said('input-tokens', 'reset') ?? '') - before;
  assert.ok(reset_ms > 14_000 && reset_ms < 17_000, `${reset_ms}`);
});

for (const [title, limit, usage] of [
  ['input', { input_tokens_per_minute: 1000 }, { input_tokens: 1000, output_tokens: 1 }],
  ['output', { output_tokens_per_minute: 1000 }, { input_tokens: 1, output_tokens: 1000 }],
] as const) {
  test(`tokens of ${title} are limited by what answers used`, async (t) => {
    const api = await serve(t);
    api.script(() => ({ text: 'x', usage }));
    api.limits(limit);
    await ask(clientOf(api), true);
    const error = await failure(ask(clientOf(api), true));
    assert.match(error.apiMessage ?? '', new RegExp(`of 1000 ${title} tokens per minute`));
    api.limits(null);
    await ask(clientOf(api), true);
  });
}

test('what is read from the cache does not count', async (t) => {
  const api = await serve(t);
  api.script(() => ({ text: 'x', usage: { ...short.usage, cache_read_input_tokens: 100_000 } }));
  api.limits({ input_tokens_per_minute: 1000 });
  await ask(clientOf(api), false);
  await ask(clientOf(api), false);
});

test('two servers can be two organizations, each with limits of its own', async (t) => {
  const [one, two] = [await serve(t, { organization: 'one' }), await serve(t, { organization: 'two' })];
  one.limits({ requests_per_minute: 1 });
  for (const [api, name] of [
    [one, 'one'],
    [two, 'two'],
  ] as const) {
    const { response } = await clientOf(api).messages.create(saying('hi')).withResponse();
    assert.equal(response.headers.get('anthropic-organization-id'), name);
  }
  assert.equal((await failure(ask(clientOf(one), false))).headers?.get('anthropic-organization-id'), 'one');
  await ask(clientOf(two), false);
});
