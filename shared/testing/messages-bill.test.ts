import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { type Billed, billOf } from './messages-bill.ts';
import { type Ask, ask, clientOf, failure, lastCall, saying, serve } from './messages-client.ts';

const words = 'one two three four five six seven eight nine ten';
const inputOf = (billed: Billed) =>
  billed.input_tokens + billed.cache_creation_input_tokens + billed.cache_read_input_tokens;
const bytesOf = (body: unknown) => Buffer.byteLength(JSON.stringify(body));

test('random bills stay within what is possible, and one in three is the most that is', async (t) => {
  const api = await serve(t);
  api.script(() => words);
  api.usage('random', 2);
  const client = clientOf(api);
  const seen: { input: boolean; output: boolean }[] = [];
  for (let index = 0; index < 90; index += 1) {
    const asked = saying(`${index}`, { max_tokens: index % 2 ? 1000 : 30 });
    const { usage } = await ask(client, index % 3 === 0, asked);
    await api.idle();
    const { billed, body } = lastCall(api);
    assert.deepEqual(billOf(usage), billed);
    assert.equal(billed.cache_creation_input_tokens + billed.cache_read_input_tokens, 0);
    const [most_input, most_output] = [bytesOf(body), index % 2 ? words.length : 30];
    assert.ok(billed.input_tokens >= 1 && billed.input_tokens <= most_input, `${billed.input_tokens}`);
    assert.ok(billed.output_tokens >= 1 && billed.output_tokens <= most_output, `${billed.output_tokens}`);
    seen.push({ input: billed.input_tokens === most_input, output: billed.output_tokens === most_output });
  }
  const full = seen.filter(({ input, output }) => input && output).length;
  assert.ok(full > 20 && full < 45, `${full}`);
});

test('random bills are the same in every run of one seed, and end when they are told to', async (t) => {
  const run = async () => {
    const api = await serve(t);
    api.usage('random', 3);
    for (const word of ['a', 'b', 'c', 'd']) await ask(clientOf(api), false, saying(word));
    return api.billed();
  };
  assert.deepEqual(await run(), await run());
  const api = await serve(t);
  await ask(clientOf(api), false);
  const estimated = lastCall(api).billed;
  api.usage('random');
  await ask(clientOf(api), false);
  assert.notDeepEqual(lastCall(api).billed, estimated);
  api.usage('estimated');
  await ask(clientOf(api), false);
  assert.deepEqual(lastCall(api).billed, estimated);
});

const marked = (ttl: '5m' | '1h'): Partial<Ask> => ({
  system: [{ type: 'text', text: 'be kind', cache_control: { type: 'ephemeral', ttl } }],
});

for (const [ttl, written, never] of [
  ['5m', 'ephemeral_5m_input_tokens', 'ephemeral_1h_input_tokens'],
  ['1h', 'ephemeral_1h_input_tokens', 'ephemeral_5m_input_tokens'],
] as const) {
  test(`a prompt marked for ${ttl} is split at random over input, writes of ${ttl} and reads`, async (t) => {
    const api = await serve(t);
    api.usage('random', 5);
    for (let index = 0; index < 20; index += 1)
      await ask(clientOf(api), index % 2 > 0, saying('x', marked(ttl)));
    await api.idle();
    const { cache_read_input_tokens, ...billed } = api.billed();
    assert.ok(billed.input_tokens > 0 && billed[written] > 0 && cache_read_input_tokens > 0);
    assert.equal(billed[never], 0);
    assert.equal(billed.cache_creation_input_tokens, billed[written]);
    for (const { billed, body } of api.calls()) assert.ok(inputOf(billed) <= bytesOf(body));
    assert.ok(api.calls().some(({ billed, body }) => inputOf(billed) === bytesOf(body)));
  });
}

test('base64 data is no prompt', async (t) => {
  const api = await serve(t);
  api.usage('random');
  const data = 'A'.repeat(100_000);
  const source = { type: 'base64' as const, media_type: 'image/png' as const, data };
  const asked: Ask = {
    ...saying(''),
    messages: [{ role: 'user', content: [{ type: 'image', source }] }],
  };
  for (let index = 0; index < 10; index += 1) await ask(clientOf(api), false, asked);
  const most = bytesOf(asked) - data.length;
  assert.equal(Math.max(...api.calls().map(({ billed }) => billed.input_tokens)), most);
});

test('a stream that breaks is billed no token more than the bytes that it sent', async (t) => {
  const api = await serve(t);
  api.script(() => ({ text: words, usage: { output_tokens: words.length } }));
  for (const [after_events, tokens] of [
    [4, 'one'.length],
    [5, 'one two'.length],
    [8, 'one two three four five'.length],
  ] as const) {
    api.fault({ kind: 'cut', calls: 1, after_events });
    const heard: string[] = [];
    const stream = clientOf(api)
      .messages.stream(saying('x'))
      .on('text', (text) => heard.push(text));
    await failure(stream.finalMessage());
    await api.idle();
    assert.equal(lastCall(api).billed.output_tokens, tokens);
    assert.equal(heard.join('').length, tokens);
  }
});

test('a plain answer that nobody waited for is billed as far as it was generated', async (t) => {
  const api = await serve(t);
  api.script(() => ({ text: words.repeat(20), usage: { output_tokens: 900 } }));
  api.latency({ per_chunk_ms: 2 });
  const leaving = new AbortController();
  const asked = failure(ask(clientOf(api), false, saying('x'), { signal: leaving.signal }));
  while ((api.calls()[0]?.billed.output_tokens ?? 0) < 20) await new Promise(setImmediate);
  leaving.abort();
  assert.ok((await asked) instanceof Anthropic.APIUserAbortError);
  await api.idle();
  const { billed } = lastCall(api);
  assert.ok(billed.input_tokens > 0 && billed.output_tokens < 900, `${billed.output_tokens}`);
});

test('hidden thinking is billed before its signature is sent, which is at least as long', async (t) => {
  const api = await serve(t);
  api.script(() => ({ thinking_hidden: words, text: 'ok' }));
  api.usage('random', 1);
  const client = clientOf(api);
  for (let index = 0; index < 10; index += 1) {
    const { content, usage } = await ask(client, index % 2 > 0);
    const [thought] = content;
    assert.ok(thought?.type === 'thinking' && thought.thinking === '');
    const thinking_tokens = usage.output_tokens_details?.thinking_tokens ?? 0;
    assert.ok(thought.signature.length >= thinking_tokens && thinking_tokens <= usage.output_tokens);
  }
  const most = words.length + 'ok'.length;
  assert.equal(Math.max(...api.calls().map(({ billed }) => billed.output_tokens)), most);

  api.usage('estimated');
  api.script(() => ({ thinking_hidden: words, usage: { output_tokens: words.length } }));
  // After message_start, content_block_start and ping all of it is thought, and nothing of it sent.
  api.fault({ kind: 'cut', calls: 1, after_events: 3 });
  await failure(ask(client, true));
  await api.idle();
  assert.deepEqual([lastCall(api).events, lastCall(api).billed.output_tokens], [3, words.length]);
  api.latency({ per_chunk_ms: 10 });
  const calls = api.calls().length;
  const stream = client.messages.stream(saying('x'));
  while (api.calls().length === calls || lastCall(api).billed.output_tokens < 16)
    await new Promise(setImmediate);
  stream.abort();
  await assert.rejects(stream.done());
  await api.idle();
  const { billed, events } = lastCall(api);
  assert.equal(events, 3);
  assert.ok(billed.output_tokens >= 16 && billed.output_tokens < words.length, `${billed.output_tokens}`);
});

test('a web search that the script made is on the bill', async (t) => {
  const api = await serve(t);
  api.script(() => ({
    text: 'x',
    usage: { server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 } },
  }));
  for (const stream of [true, false]) {
    const { usage } = await ask(clientOf(api), stream);
    assert.equal(usage.server_tool_use?.web_search_requests, 2);
  }
  assert.equal(api.billed().web_search_requests, 4);
});
