import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type ChatApi, startChatApi } from './chat-api.ts';
import { checkChat } from './chat-rules.ts';

const key = 'sk-chat';

async function start(t: TestContext, more = {}): Promise<ChatApi> {
  const api = await startChatApi({ key, ...more });
  t.after(() => api.close());
  return api;
}

const ask = (api: ChatApi, body: object, bearer = key) =>
  fetch(`${api.root}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}` },
    body: JSON.stringify(body),
  });

const hi = { role: 'user', content: 'hi' };
const question = { model: 'gpt-5.1', messages: [hi] };
const streamed = { ...question, stream: true, stream_options: { include_usage: true } };
const call = { id: 'c', type: 'function', function: { name: 'look', arguments: '{}' } };
const look = { type: 'function', function: { name: 'look' } };

async function chunksOf(response: Response) {
  const lines = (await response.text()).split('\n\n').filter(Boolean);
  assert.equal(lines.pop(), 'data: [DONE]');
  return lines.map((line) => JSON.parse(line.slice(6)) as { choices: unknown[]; usage?: object | null });
}

test('without a script it says the last line back, and charges what it says that was used', async (t) => {
  const api = await start(t);
  const answer = (await (await ask(api, question)).json()) as {
    choices: { message: { content: string } }[];
    usage: { prompt_tokens: number; completion_tokens: number };
  };
  assert.equal(answer.choices[0]?.message.content, 'answer to: hi');
  const { prompt_tokens, completion_tokens } = answer.usage;
  assert.deepEqual(api.billed(), {
    input_tokens: prompt_tokens,
    output_tokens: completion_tokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    ephemeral_5m_input_tokens: 0,
    ephemeral_1h_input_tokens: 0,
    web_search_requests: 0,
  });
  assert.deepEqual(api.calls()[0]?.body, question);
});

test('the usage of a stream comes last, alone, and only to those who asked for it', async (t) => {
  const api = await start(t);
  const asked = await chunksOf(await ask(api, streamed));
  assert.deepEqual(asked.at(-1)?.choices, []);
  assert.ok(asked.at(-1)?.usage);
  assert.ok(asked.slice(0, -1).every(({ usage }) => usage === null));
  const unasked = await chunksOf(await ask(api, { ...question, stream: true }));
  assert.ok(unasked.every((chunk) => chunk.choices.length === 1 && !('usage' in chunk)));
});

test('a stream that is cut is charged for what was said until then', async (t) => {
  const api = await start(t);
  api.script(() => ({ text: 'one two three four', usage: { prompt_tokens: 10, completion_tokens: 8 } }));
  api.fault({ kind: 'cut', after_events: 3, calls: 1 });
  const response = await ask(api, streamed);
  await assert.rejects(response.text());
  await api.idle();
  assert.equal(api.calls()[0]?.client_left, false);
  assert.deepEqual([api.billed().input_tokens, api.billed().output_tokens], [10, 4]);
});

test('errors come in the envelope of OpenAI', async (t) => {
  const api = await start(t, { models: ['gpt-5.1'] });
  const refused = async (asked: Promise<Response>) => {
    const response = await asked;
    const { error } = (await response.json()) as { error: { type: string; code: string | null } };
    return [response.status, error.type, error.code];
  };
  assert.deepEqual(await refused(ask(api, question, 'wrong')), [
    401,
    'invalid_request_error',
    'invalid_api_key',
  ]);
  const unknown = ask(api, { ...question, model: 'x' });
  assert.deepEqual(await refused(unknown), [404, 'invalid_request_error', 'model_not_found']);
  api.fault({ kind: 'rate_limit_error', error_code: 'enforced_spend_limit_reached', calls: 1 });
  assert.deepEqual(await refused(ask(api, question)), [429, 'insufficient_quota', 'insufficient_quota']);
  api.fault({ kind: 'overloaded_error', calls: 1 });
  assert.deepEqual(await refused(ask(api, question)), [503, 'server_error', null]);
});

test('what OpenAI refuses is refused, in its sentences', () => {
  const cases: [object, RegExp][] = [
    [{ top_k: 1, thinking: {} }, /^Unrecognized request arguments supplied: top_k, thinking$/],
    [
      { model: 'gpt-4o', reasoning_effort: 'low' },
      /^Unrecognized request argument supplied: reasoning_effort$/,
    ],
    [{ messages: [] }, /minimum length 1/],
    [{ messages: [{ role: 'bot', content: 'x' }] }, /Supported values are: 'system', 'developer'/],
    [{ messages: [{ role: 'assistant', content: null }] }, /expected a string, got null/],
    [
      { messages: [{ role: 'tool', tool_call_id: 'c', content: 'x' }] },
      /preceeding message with 'tool_calls'/,
    ],
    [
      { messages: [hi, { role: 'assistant', content: null, tool_calls: [call] }, hi] },
      /did not have response messages: c$/,
    ],
    [{ messages: [hi, { role: 'assistant', content: null, tool_calls: [call] }] }, /did not have response/],
    [{ messages: [{ role: 'system', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] }, /'text'/],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      /valid URL/,
    ],
    [{ tools: [] }, /empty array/],
    [{ tool_choice: 'auto' }, /'tool_choice' is only allowed when 'tools' are specified/],
    [{ parallel_tool_calls: false }, /'parallel_tool_calls' is only allowed when/],
    [{ tools: [look], tool_choice: { type: 'function', function: { name: 'other' } } }, /'other'/],
    [{ max_completion_tokens: 0 }, /Expected a value >= 1/],
    [{ max_tokens: 5 }, /Use 'max_completion_tokens' instead/],
    [{ max_tokens: 5, max_completion_tokens: 5 }, /at the same time/],
    [{ temperature: 0.5 }, /Only the default \(1\)/],
    [{ stop: ['a', 'b', 'c', 'd', 'e'] }, /maximum length 4/],
    [{ user: 'x'.repeat(65) }, /maximum length 64/],
    [{ stream_options: { include_usage: true } }, /only allowed when 'stream' is enabled/],
    [
      {
        tools: [{ type: 'function', function: { name: 'f', strict: true, parameters: { type: 'object' } } }],
      },
      /'additionalProperties' is required/,
    ],
  ];
  for (const [more, message] of cases) {
    assert.throws(() => checkChat({ ...question, ...more }), { name: 'ChatError', status: 400, message });
  }
  checkChat({ ...question, model: 'gpt-4o', max_tokens: 1, temperature: 0.5, stop: ['a', 'b', 'c', 'd'] });
  checkChat({ ...question, user: 'x'.repeat(64), tools: [look], tool_choice: 'required' });
});
