import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { sendError, sendJson, streamHeaders } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import { readBody } from '#shared/messages/request.ts';
import { type ChatApi, startChatApi } from '#shared/testing/chat-api.ts';
import type { Fault } from '#shared/testing/messages-faults.ts';
import { fromChat } from './answer.ts';
import { errorFromChat } from './error.ts';
import { toChat } from './request.ts';
import { chatStream } from './stream.ts';

const key = 'sk-chat';

/** The official client, a server that does nothing but translate, and the Chat Completions server behind it. */
async function translated(t: TestContext): Promise<{ client: Anthropic; api: ChatApi }> {
  const api = await startChatApi({ key });
  const server = createServer(async (request, response) => {
    try {
      const { body } = await readBody(request);
      const asked = toChat(body as Record<string, unknown>, 'gpt-5.1');
      const upstream = await fetch(`${api.root}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify(asked),
      });
      if (!upstream.ok) throw errorFromChat(upstream.status, await upstream.text());
      if (asked.stream) await pass(upstream, response);
      else sendJson(response, 200, fromChat(await upstream.json(), 'gpt-5.1'));
    } catch (error) {
      if (response.headersSent) response.destroy();
      else
        sendError(
          response,
          error instanceof ApiError ? error : new ApiError('api_error', String(error)),
          'req_1',
        );
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.close();
    server.closeAllConnections();
    await api.close();
  });
  const address = server.address();
  const baseURL = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  return { api, client: new Anthropic({ apiKey: 'x', baseURL, maxRetries: 0, logLevel: 'off' }) };
}

async function pass(upstream: Response, response: ServerResponse): Promise<void> {
  const stream = chatStream('gpt-5.1');
  response.writeHead(200, streamHeaders);
  for await (const chunk of upstream.body ?? []) response.write(stream.feed(Buffer.from(chunk)));
  response.end(stream.end());
}

const question: Anthropic.MessageCreateParamsNonStreaming = {
  model: 'alias',
  max_tokens: 1000,
  messages: [{ role: 'user', content: 'hi' }],
};
const tools: Anthropic.Tool[] = [{ name: 'look', input_schema: { type: 'object' } }];

async function failure(promise: Promise<unknown>): Promise<InstanceType<typeof Anthropic.APIError>> {
  const error: unknown = await promise.then(
    (value) => assert.fail(`no error but ${JSON.stringify(value)}`),
    (reason) => reason,
  );
  assert.ok(error instanceof Error, String(error));
  return error as InstanceType<typeof Anthropic.APIError>;
}

/** Without the ids, which are new each time, and what the client adds. */
const stable = (message: Anthropic.Message) =>
  JSON.parse(JSON.stringify(message), (name, value) =>
    ['id', '_request_id', '_workspace_id', 'parsed_output'].includes(name) ? undefined : value,
  );

test('the official client has a conversation with tools, and gets the same plain and as a stream', async (t) => {
  const { client, api } = await translated(t);
  api.script(({ messages }) =>
    messages.at(-1)?.role === 'tool'
      ? `heard: ${messages.filter(({ role }) => role === 'tool').map(({ content }) => content)}`
      : {
          reasoning: 'hm, 漢字',
          text: 'Let me see.',
          tools: [
            { name: 'look', arguments: '{"at":"left"}' },
            { name: 'look', arguments: '{"at":"right","deep":[1,2]}' },
          ],
        },
  );
  const asked = { ...question, tools };
  const plain = await client.messages.create(asked);
  const streamed = await client.messages.stream(asked).finalMessage();
  assert.deepEqual(stable(streamed), stable(plain));
  assert.equal(plain.stop_reason, 'tool_use');
  assert.equal(plain.model, 'gpt-5.1');
  const results = streamed.content.flatMap((block) =>
    block.type === 'tool_use'
      ? [{ type: 'tool_result' as const, tool_use_id: block.id, content: block.name }]
      : [],
  );
  const second = await client.messages
    .stream({
      ...asked,
      messages: [
        ...question.messages,
        { role: 'assistant', content: streamed.content },
        { role: 'user', content: results },
      ],
    })
    .finalMessage();
  assert.deepEqual(second.content, [{ type: 'text', text: 'heard: look,look', citations: null }]);
});

test('what the client is told that it used is what the provider charged', async (t) => {
  const { client, api } = await translated(t);
  api.script(() => ({ text: 'x', usage: { prompt_tokens: 100, completion_tokens: 7, cached_tokens: 64 } }));
  const sum = {
    input_tokens: 0,
    output_tokens: 0,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
  };
  for (const answer of [client.messages.create(question), client.messages.stream(question).finalMessage()]) {
    const { usage } = await answer;
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += usage[key] ?? 0;
  }
  const { ephemeral_5m_input_tokens, ephemeral_1h_input_tokens, web_search_requests, ...billed } =
    api.billed();
  assert.deepEqual(sum, billed);
  assert.deepEqual([ephemeral_5m_input_tokens, ephemeral_1h_input_tokens, web_search_requests], [0, 0, 0]);
  assert.equal(sum.input_tokens, 72);
});

test('every refusal reaches the client as the error that it is', async (t) => {
  const { client, api } = await translated(t);
  const cases: [Fault, number, string, string | undefined][] = [
    [{ kind: 'authentication_error' }, 401, 'authentication_error', undefined],
    [{ kind: 'not_found_error' }, 404, 'not_found_error', undefined],
    [{ kind: 'rate_limit_error' }, 429, 'rate_limit_error', undefined],
    [
      { kind: 'rate_limit_error', error_code: 'enforced_spend_limit_reached' },
      429,
      'rate_limit_error',
      'enforced_spend_limit_reached',
    ],
    [{ kind: 'overloaded_error' }, 529, 'overloaded_error', undefined],
    [{ kind: 'api_error' }, 500, 'api_error', undefined],
  ];
  for (const [fault, status, type, error_code] of cases) {
    api.fault({ ...fault, calls: 2 });
    for (const call of [client.messages.create(question), client.messages.stream(question).finalMessage()]) {
      const error = await failure(call);
      const envelope = error.error as { error: { type: string; details?: { error_code: string } } };
      assert.deepEqual(
        [error.status, envelope.error.type, envelope.error.details?.error_code],
        [status, type, error_code],
      );
    }
  }
});

test('a stream that breaks is never taken for a whole one', async (t) => {
  const { client, api } = await translated(t);
  api.script(() => 'one two three four five');
  for (const kind of ['cut', 'early_end', 'error_event', 'malformed'] as const) {
    for (const after_events of [1, 3, 5]) {
      api.fault({ kind, after_events, calls: 1 });
      await failure(client.messages.stream(question).finalMessage());
    }
  }
  api.fault({ kind: 'drip', calls: 1 });
  const { content } = await client.messages.stream(question).finalMessage();
  assert.deepEqual(content, [{ type: 'text', text: 'one two three four five', citations: null }]);
});
