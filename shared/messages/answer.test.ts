import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type Server } from 'node:http';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import {
  type Answer,
  events,
  frame,
  send,
  sendAnswer,
  text,
  toolUse,
  usageOf,
  withinTokens,
} from './answer.ts';

const answer: Answer = {
  model: 'claude-haiku-5-5',
  content: [
    { type: 'thinking', thinking: 'let me  see\n', signature: 'c2ln' },
    text('Two  words,\n\nthen 𝄞 done. '),
    { ...toolUse('look', { at: 'the 𝄞 and "quotes"', deep: [1, { a: null }] }), id: 'toolu_1' },
  ],
  stop_reason: 'tool_use',
  usage: usageOf({ input_tokens: 7, output_tokens: 9, cache_read_input_tokens: 5 }),
};

async function serving<T>(server: Server, use: (root: string) => Promise<T>): Promise<T> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  try {
    return await use(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

test('a stream adds up to the same message as the plain answer', async () => {
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    const { stream = false } = JSON.parse(Buffer.concat(chunks).toString());
    await sendAnswer(response, answer, { stream, headers: { 'request-id': 'req_1' } });
  });
  await serving(server, async (root) => {
    const client = new Anthropic({ apiKey: 'k', baseURL: root, maxRetries: 0 });
    const ask = { model: 'x', max_tokens: 9, messages: [{ role: 'user' as const, content: 'hi' }] };
    const plain = await client.messages.create(ask);
    const stream = client.messages.stream(ask);
    const streamed = await stream.finalMessage();
    assert.deepEqual(plain.content, answer.content);
    assert.deepEqual(streamed.content, plain.content);
    assert.equal(streamed.stop_reason, 'tool_use');
    assert.deepEqual(streamed.usage, answer.usage);
    assert.equal(stream.request_id, 'req_1');
  });
});

test('the events come in the order and the framing of the real API', () => {
  const simple = { ...answer, content: [text('one two')], stop_reason: 'end_turn' as const };
  const all = [...events(simple)];
  assert.deepEqual(
    all.map((event) => event.type),
    [
      'message_start',
      'content_block_start',
      'ping',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ],
  );
  assert.equal(
    frame(all[3] ?? { type: 'ping' }),
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"one"}}\n\n',
  );
  assert.equal(frame({ type: 'ping' }), 'event: ping\ndata: {"type":"ping"}\n\n');
});

test('message_start does not give away the output that is still to come', () => {
  const [first] = events(answer);
  assert.ok(first?.type === 'message_start');
  assert.equal(first.message.usage.output_tokens, 1);
  assert.deepEqual(first.message.content, []);
  assert.equal(first.message.stop_reason, null);
});

test('a reader that stops reading is waited for, and given up when it hangs up', async () => {
  const chunk = 'x'.repeat(256 * 1024);
  const waiting = Promise.withResolvers<void>();
  const given = Promise.withResolvers<number>();
  const server = createServer(async (_, response) => {
    let sent = 0;
    for (;;) {
      const write = send(response, chunk);
      if (response.writableNeedDrain) waiting.resolve();
      if (!(await write)) break;
      sent += 1;
    }
    given.resolve(sent);
  });
  await serving(server, async (root) => {
    const request = get(root);
    const [response] = await once(request, 'response');
    response.pause();
    await waiting.promise;
    request.destroy();
    const sent = await given.promise;
    assert.ok(sent < 200, `${sent} chunks were buffered for a reader that read nothing`);
  });
});

test('a cut by max_tokens never splits a character', () => {
  assert.equal(withinTokens('abcdefgh', 2), 'abcdefgh');
  assert.equal(withinTokens('abcdefghi', 2), 'abcdefgh');
  assert.equal(withinTokens('abcdef𝄞', 2), 'abcdef');
  assert.equal(withinTokens('abc', 0), '');
});
