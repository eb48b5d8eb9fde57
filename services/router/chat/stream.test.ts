import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { type ChatAnswer, streamedChat, wholeChat } from '#shared/testing/chat-answer.ts';
import { randomFrom } from '#shared/testing/messages-latency.ts';
import { fromChat } from './answer.ts';
import { chatStream } from './stream.ts';

const sse = (...chunks: unknown[]) =>
  chunks.map((chunk) => `data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`).join('');
const chunk = (delta: object, more: object = {}) => ({
  id: 'chatcmpl-1',
  model: 'gpt',
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});
const finish = (finish_reason: string, more: object = {}) => chunk({}, { finish_reason, ...more });
const usage = { prompt_tokens: 9, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 2 } };
const usageChunk = { id: 'chatcmpl-1', model: 'gpt', choices: [], usage };
const piece = (index: number, call: object) => chunk({ tool_calls: [{ index, ...call }] });

type Event = { type: string } & Record<string, unknown>;

function eventsOf(text: string): Event[] {
  return text
    .split('\n\n')
    .filter(Boolean)
    .map((block) => {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/s.exec(block) ?? assert.fail(`no event: ${block}`);
      const event = JSON.parse(String(data)) as Event;
      assert.equal(event.type, name);
      return event;
    });
}

function translate(text: string, cutAt: readonly number[] = []) {
  const stream = chatStream('asked', 'req_1');
  const bytes = Buffer.from(text);
  let told = '';
  let from = 0;
  for (const to of [...cutAt, bytes.length]) {
    told += stream.feed(bytes.subarray(from, to));
    from = to;
  }
  return { told, events: eventsOf(told), stream };
}

/** Fails for anything that the Messages API would not send in this order. */
function checkGrammar(events: Event[]): void {
  const kinds = events
    .filter(({ type }) => type !== 'ping')
    .map(({ type, index }) => (index === undefined ? type : `${type}:${index}`));
  let at = 0;
  const next = (expected: string) => assert.equal(kinds[at++], expected, kinds.join(' '));
  if (kinds.length === 0) return;
  next('message_start');
  for (let block = 0; kinds[at] === `content_block_start:${block}`; block += 1) {
    at += 1;
    while (kinds[at] === `content_block_delta:${block}`) at += 1;
    next(`content_block_stop:${block}`);
  }
  next('message_delta');
  next('message_stop');
  assert.equal(at, kinds.length, kinds.join(' '));
}

const typesOf = (events: Event[]) => events.map(({ type }) => type);
const lastDelta = (events: Event[]) => {
  const { delta, usage } =
    events.find(({ type }) => type === 'message_delta') ?? assert.fail('no message_delta');
  return { delta, usage } as { delta: Record<string, unknown>; usage: Record<string, unknown> };
};

/** The message that the official client makes of a stream. */
async function messageOf(t: TestContext, told: string): Promise<Anthropic.Message> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(told);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const client = new Anthropic({
    apiKey: 'x',
    baseURL: `http://127.0.0.1:${port}`,
    maxRetries: 0,
    logLevel: 'off',
  });
  const message = await client.messages
    .stream({ model: 'gpt', max_tokens: 1, messages: [{ role: 'user', content: 'hi' }] })
    .finalMessage();
  // The input of a tool is parsed when it is first read, and some fields are the client's own.
  const own = { _request_id: undefined, _workspace_id: undefined, parsed_output: undefined };
  return JSON.parse(JSON.stringify({ ...message, ...own }));
}

const rich: ChatAnswer = {
  id: 'chatcmpl-rich',
  model: 'gpt-5.1',
  reasoning: 'Ein Gedänkchen, 漢字 😀',
  text: 'Let me see: "\\\n\u2028 é 𝄞',
  refusal: null,
  calls: [
    { id: 'call_1', name: 'look', arguments: '{"at":"das 漢字","deep":{"n":[1,2]}}' },
    { id: 'call_2', name: 'look', arguments: '{"broken":' },
    { id: 'call_3', name: 'nothing', arguments: '' },
  ],
  finish_reason: 'tool_calls',
  usage: {
    prompt_tokens: 100,
    completion_tokens: 50,
    cached_tokens: 60,
    cache_write_tokens: 30,
    reasoning_tokens: 20,
  },
};
const textOf = (pieces: { text: string }[]) => pieces.map(({ text }) => text).join('');

test('a stream comes to the same message as the plain answer, read by the official client', async (t) => {
  const answers: ChatAnswer[] = [
    rich,
    { ...rich, reasoning: '', calls: [], finish_reason: 'stop' },
    { ...rich, reasoning: '', text: '', calls: rich.calls.slice(0, 1) },
    { ...rich, reasoning: '', text: '', calls: [], refusal: 'I will not.', finish_reason: 'stop' },
    { ...rich, reasoning: '', text: '', calls: [], finish_reason: 'length' },
  ];
  for (const answer of answers) {
    const { told, events, stream } = translate(textOf(streamedChat(answer, true)));
    checkGrammar(events);
    assert.ok(stream.finished && stream.usage_known);
    assert.deepEqual(await messageOf(t, told), fromChat(JSON.parse(textOf(wholeChat(answer))), 'asked'));
  }
});

test('a stream is told the same wherever its bytes are cut, in the midst of characters and line ends too', () => {
  const text = `: comment\n\n${textOf(streamedChat(rich, true))}`;
  const random = randomFrom(3);
  for (const form of [text, text.replaceAll('\n', '\r\n'), text.replaceAll('data: ', 'data:')]) {
    const withoutPings = (told: string) => told.replaceAll('event: ping\ndata: {"type":"ping"}\n\n', '');
    const whole = withoutPings(translate(form).told);
    const { length } = Buffer.from(form);
    for (let at = 1; at < length; at += 7) {
      assert.equal(withoutPings(translate(form, [at]).told), whole);
    }
    for (let round = 0; round < 20; round += 1) {
      const cuts = Array.from({ length: 40 }, () => Math.floor(random() * length)).sort((a, b) => a - b);
      assert.equal(withoutPings(translate(form, cuts).told), whole);
    }
    const every = Array.from({ length: length - 1 }, (_, at) => at + 1);
    assert.equal(withoutPings(translate(form, every).told), whole);
  }
});

test('pieces of calls come to the same calls in whatever order they are interleaved', () => {
  const random = randomFrom(11);
  const calls = Array.from({ length: 4 }, (_, index) => ({
    index,
    id: `call_${index}`,
    name: `tool_${index}`,
    input: { index, text: 'x'.repeat(index * 9), list: [1, { a: '漢' }] },
  }));
  for (let round = 0; round < 100; round += 1) {
    const queues = calls.map(({ index, id, name, input }) => [
      piece(index, { id, type: 'function', function: { name, arguments: '' } }),
      ...(JSON.stringify(input).match(/.{1,5}/gsu) ?? []).map((json) =>
        piece(index, { function: { arguments: json } }),
      ),
    ]);
    const chunks: unknown[] = [];
    for (let left = queues.filter((queue) => queue.length > 0); left.length > 0; ) {
      chunks.push(left[Math.floor(random() * left.length)]?.shift());
      left = queues.filter((queue) => queue.length > 0);
    }
    const { events } = translate(
      sse(chunk({ content: 'ok' }), ...chunks, finish('tool_calls'), usageChunk, '[DONE]'),
    );
    checkGrammar(events);
    const inputs = events.flatMap(({ delta }) => {
      const { partial_json } = (delta ?? {}) as { partial_json?: string };
      return partial_json === undefined ? [] : [JSON.parse(partial_json)];
    });
    assert.deepEqual(
      inputs,
      calls.map(({ input }) => input),
    );
  }
});

test('a server that gives every call the same index is understood by their names and ids', () => {
  const whole = (id: string) => piece(0, { id, function: { name: 'look', arguments: `{"is":"${id}"}` } });
  const { told } = translate(sse(whole('a'), whole('b'), finish('tool_calls'), '[DONE]'));
  assert.deepEqual(
    eventsOf(told).flatMap((event) => {
      const { id } = (event.content_block ?? {}) as { id?: string };
      return id ?? [];
    }),
    ['a', 'b'],
  );
  assert.match(told, /"partial_json":"\{\\"is\\":\\"b\\"\}"/);
});

test('before the end is told, nothing of it is: neither without a finish_reason nor before the usage', () => {
  const { told, stream } = translate(sse(chunk({ content: 'hi' }), '[DONE]'));
  assert.equal(told.includes('message_stop'), false);
  assert.equal(stream.end(), '');
  assert.equal(stream.finished, false);

  const later = chatStream('asked');
  assert.equal(
    later.feed(Buffer.from(sse(chunk({ content: 'hi' }), finish('stop')))).includes('message_delta'),
    false,
  );
  assert.equal(later.finished, false);
  const last = eventsOf(later.feed(Buffer.from(sse(usageChunk))));
  assert.deepEqual(typesOf(last), ['content_block_stop', 'message_delta', 'message_stop']);
  assert.ok(later.finished && later.usage_known);
  assert.equal(later.feed(Buffer.from(sse('[DONE]', chunk({ content: 'more' })))), '');
});

test('the last event brings the input that the first could not know', () => {
  const { events } = translate(sse(chunk({ content: 'hi' }), finish('stop'), usageChunk, '[DONE]'));
  const first = events[0] as unknown as { message: { usage: { input_tokens: number } } };
  assert.equal(first.message.usage.input_tokens, 0);
  const { delta, usage } = lastDelta(events);
  assert.equal(delta.stop_reason, 'end_turn');
  assert.deepEqual([usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens], [7, 2, 4]);
});

test('usage may come with the end, with every chunk or not at all', () => {
  const withFinish = translate(sse(chunk({ content: 'hi' }), { ...finish('stop'), usage }, '[DONE]'));
  assert.equal(lastDelta(withFinish.events).usage.output_tokens, 4);
  const early = { prompt_tokens: 9, completion_tokens: 1 };
  const all = translate(
    sse({ ...chunk({ content: 'hi' }), usage: early }, { ...finish('stop'), usage }, usageChunk),
  );
  assert.equal(lastDelta(all.events).usage.output_tokens, 4);
  const none = translate(sse(chunk({ content: 'hi' }), finish('stop'), '[DONE]'));
  checkGrammar(none.events);
  assert.ok(none.stream.finished);
  assert.equal(none.stream.usage_known, false);
});

test('a server that leaves out [DONE] is finished by the end of its stream', () => {
  const { stream } = translate(sse(chunk({ content: 'hi' }), { ...finish('stop'), usage }));
  assert.equal(stream.finished, false);
  assert.deepEqual(typesOf(eventsOf(stream.end())), ['content_block_stop', 'message_delta', 'message_stop']);
  assert.equal(stream.end(), '');

  const cut = chatStream('asked');
  cut.feed(Buffer.from(sse(chunk({ content: 'hi' }), finish('stop'), usageChunk).trimEnd()));
  assert.match(cut.end(), /message_stop/);
  assert.ok(cut.usage_known);
});

test('an error inside the stream is told as one, and nothing follows it', () => {
  const { told, events, stream } = translate(
    sse(
      chunk({ content: 'hi' }),
      { error: { message: 'busy', code: 429 } },
      finish('stop'),
      usageChunk,
      '[DONE]',
    ),
  );
  assert.deepEqual(events.at(-1), {
    type: 'error',
    error: { type: 'rate_limit_error', message: 'busy' },
    request_id: 'req_1',
  });
  assert.ok(!told.includes('message_stop') && !stream.finished);
  for (const broken of [
    sse('{"choices":'),
    sse({ object: 'error', message: 'x', code: 500 }),
    sse(chunk({ content: 'hi' }), finish('error')),
  ]) {
    const { events, stream } = translate(broken + sse(finish('stop'), '[DONE]'));
    assert.equal(events.at(-1)?.type, 'error');
    assert.equal(stream.finished, false);
  }
});

test('while a call gathers and while the server only says that it lives, the client hears pings', () => {
  const stream = chatStream('asked');
  assert.equal(stream.feed(Buffer.from(': waiting\n\n')), '', 'not before the message has begun');
  stream.feed(Buffer.from(sse(chunk({ role: 'assistant', content: '' }))));
  for (const text of [
    ': waiting\n\n',
    sse(piece(0, { id: 'a', function: { name: 'look', arguments: '{' } })),
  ]) {
    assert.deepEqual(typesOf(eventsOf(stream.feed(Buffer.from(text)))), ['ping']);
  }
  assert.equal(stream.feed(Buffer.from('\n')), '');
});

test('chunks that say nothing of the answer change nothing', () => {
  const odd = [
    { choices: [], prompt_filter_results: [] },
    { choices: null, usage: null },
    [],
    null,
    7,
    { choices: [{ index: 0, delta: null, finish_reason: null }] },
    chunk({ content: null, tool_calls: null, refusal: null }),
  ];
  const { events } = translate(sse(...odd, chunk({ content: 'hi' }), ...odd, finish('stop'), '[DONE]'));
  checkGrammar(events);
  assert.equal(events.filter(({ type }) => type === 'content_block_delta').length, 1);
});
