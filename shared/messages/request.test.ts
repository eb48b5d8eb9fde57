import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { type Rehearsal, startRehearsal } from './rehearsal.ts';

let server: Rehearsal;
let root: string;
let client: Anthropic;

before(async () => {
  server = await startRehearsal({ listen: { host: '127.0.0.1', port: 0 }, keyHint: 'put a key' });
  root = 'port' in server.listen ? `http://127.0.0.1:${server.listen.port}` : '';
  client = new Anthropic({ apiKey: 'any', baseURL: root, maxRetries: 0 });
});
after(() => server.close());

type Json = Record<string, unknown>;

const hi = { role: 'user', content: 'hi' };
const base = { model: 'claude-haiku-4-5', max_tokens: 100, messages: [hi] };
const user = (...content: Json[]) => ({ role: 'user', content });
const assistant = (...content: Json[]) => ({ role: 'assistant', content });
const words = (text: string) => ({ type: 'text', text });
const use = (id: string) => ({ type: 'tool_use', id, name: 'look', input: {} });
const result = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'seen' });
const look = { name: 'look', input_schema: { type: 'object' } };
const cached = { type: 'text', text: 'x', cache_control: { type: 'ephemeral' } };
const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } };
const old = { 'anthropic-version': '2023-06-01' };
const modern = { ...base, model: 'claude-opus-5-5' };

async function refusal(
  body: unknown,
  headers = {},
): Promise<{ status: number; type: string; message: string }> {
  const error: unknown = await client.post('/v1/messages', { body, headers }).then(
    () => assert.fail(`accepted: ${JSON.stringify(body)}`),
    (reason) => reason,
  );
  assert.ok(error instanceof Anthropic.APIError, String(error));
  return { status: error.status ?? 0, type: error.type ?? '', message: error.apiMessage ?? '' };
}

const accepts = (body: unknown, headers = {}) => client.post('/v1/messages', { body, headers });

const refused: [title: string, body: Json, message: string, headers?: Record<string, string>][] = [
  ['no model', { ...base, model: undefined }, 'model: Field required'],
  ['an empty model', { ...base, model: '' }, 'model: String should have at least 1 character'],
  ['no max_tokens', { ...base, max_tokens: undefined }, 'max_tokens: Field required'],
  ['a fraction of a token', { ...base, max_tokens: 1.5 }, 'max_tokens: Input should be a valid integer'],
  ['a negative max_tokens', { ...base, max_tokens: -1 }, 'max_tokens: must be greater than or equal to 0'],
  ['no messages', { ...base, messages: undefined }, 'messages: Field required'],
  ['an empty conversation', { ...base, messages: [] }, 'messages: at least one message is required'],
  ['messages that are no list', { ...base, messages: 'hi' }, 'messages: Input should be a valid array'],
  ['an unknown field', { ...base, xyz: 1 }, 'xyz: Extra inputs are not permitted'],
  [
    'a beta field without its beta',
    { ...base, context_management: {} },
    'context_management: Extra inputs are not permitted',
  ],
  [
    'an unknown field in a message',
    { ...base, messages: [{ ...hi, name: 'x' }] },
    'messages.0.name: Extra inputs are not permitted',
  ],
  [
    'an unknown role',
    { ...base, messages: [{ role: 'tool', content: 'x' }] },
    'messages: Unexpected role "tool". Allowed roles are "user" or "assistant"',
  ],
  [
    'the assistant first',
    { ...base, messages: [assistant(words('x')), hi] },
    'messages: first message must use the "user" role',
  ],
  [
    'a system prompt as a message',
    { ...base, messages: [{ role: 'system', content: 'x' }, hi] },
    "messages.0: use the top-level 'system' parameter for the initial system prompt",
  ],
  [
    'a system message before the user',
    { ...modern, messages: [hi, { role: 'system', content: 'x' }, hi] },
    "messages.1: role 'system' must precede an 'assistant' message or end the array",
  ],
  [
    'content that is a number',
    { ...base, messages: [{ role: 'user', content: 1 }] },
    'messages.0.content: Input should be a valid array',
  ],
  [
    'a block without a type',
    { ...base, messages: [user({ text: 'x' })] },
    'messages.0.content.0.type: Field required',
  ],
  [
    'a text block without text',
    { ...base, messages: [user({ type: 'text' })] },
    'messages.0.content.0.text.text: Field required',
  ],
  [
    'an unknown field in a block',
    { ...base, messages: [user({ ...words('x'), mood: 1 })] },
    'messages.0.content.0.text.mood: Extra inputs are not permitted',
  ],
  [
    'a wrong image type',
    {
      ...base,
      messages: [user({ type: 'image', source: { type: 'base64', media_type: 'image/bmp', data: '' } })],
    },
    "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
  ],
  [
    'an empty text block',
    { ...base, messages: [user(words(''))] },
    'messages: text content blocks must be non-empty',
  ],
  [
    'a text block of white space',
    { ...base, messages: [user(words(' \n'))] },
    'messages: text content blocks must contain non-whitespace text',
  ],
  [
    'an empty user message',
    { ...base, messages: [{ role: 'user', content: '' }] },
    'messages.0: user messages must have non-empty content',
  ],
  [
    'an empty assistant message in the middle',
    { ...base, messages: [hi, assistant(), hi] },
    'messages.1: all messages must have non-empty content except for the optional final assistant message',
  ],
  [
    'white space at the end of a prefill',
    { ...base, messages: [hi, assistant(words('Well, '))] },
    'messages: final assistant content cannot end with trailing whitespace',
  ],
  [
    'a tool_use of the user',
    { ...base, messages: [user(use('t1'))] },
    'messages.0: `tool_use` blocks can only be in `assistant` messages',
  ],
  [
    'a tool_result of the assistant',
    { ...base, messages: [hi, assistant(result('t1')), hi] },
    'messages.1: `tool_result` blocks can only be in `user` messages',
  ],
  [
    'a tool_result that nobody asked for',
    { ...base, messages: [user(result('t1'))] },
    'messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.',
  ],
  [
    'a tool_use without its result',
    { ...base, messages: [hi, assistant(use('t1'), use('t2')), user(result('t1'))] },
    'messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t2. Each `tool_use` block must have a corresponding `tool_result` block in the next message.',
  ],
  [
    'a tool_use at the very end',
    { ...base, messages: [hi, assistant(use('t1'))] },
    'messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1. Each `tool_use` block must have a corresponding `tool_result` block in the next message.',
  ],
  [
    'text before the tool_result',
    { ...base, messages: [hi, assistant(use('t1')), user(words('so'), result('t1'))] },
    'messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1. Each `tool_use` block must have a corresponding `tool_result` block in the next message.',
  ],
  [
    'two results for one tool_use',
    { ...base, messages: [hi, assistant(use('t1')), user(result('t1'), result('t1'))] },
    'messages.2.content.1: each tool_use must have a single result. Found multiple `tool_result` blocks with id: t1',
  ],
  [
    'one id for two tool_uses',
    { ...base, messages: [hi, assistant(use('t1'), use('t1')), user(result('t1'))] },
    'messages.1.content.1: `tool_use` ids must be unique',
  ],
  [
    'a tool without a name',
    { ...base, tools: [{ input_schema: { type: 'object' } }] },
    'tools.0.custom.name: Field required',
  ],
  [
    'a tool name with a dot',
    { ...base, tools: [{ ...look, name: 'a.b' }] },
    "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
  ],
  [
    'a tool name of 129 characters',
    { ...base, tools: [{ ...look, name: 'a'.repeat(129) }] },
    'tools.0.custom.name: String should have at most 128 characters',
  ],
  [
    'a tool schema that is no object',
    { ...base, tools: [{ name: 'a', input_schema: { type: 'string' } }] },
    "tools.0.custom.input_schema.type: Input should be 'object'",
  ],
  [
    'a tool of an unknown type',
    { ...base, tools: [{ type: 'teapot_20260101', name: 'a' }] },
    "tools.0: Input tag 'teapot_20260101' found using 'type' does not match any of the expected tags",
  ],
  ['two tools of one name', { ...base, tools: [look, look] }, 'tools: Tool names must be unique.'],
  [
    'a choice without tools',
    { ...base, tool_choice: { type: 'auto' } },
    'tool_choice may only be specified while providing tools',
  ],
  [
    'a choice of a tool that is not there',
    { ...base, tools: [look], tool_choice: { type: 'tool', name: 'smell' } },
    "Tool 'smell' not found in provided tools",
  ],
  [
    'an unknown kind of choice',
    { ...base, tools: [look], tool_choice: { type: 'some' } },
    "tool_choice: Input tag 'some' found using 'type' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'",
  ],
  [
    'an empty system block',
    { ...base, system: [words('')] },
    'system: text content blocks must be non-empty',
  ],
  [
    'five cache breakpoints',
    { ...base, system: [cached, cached], messages: [user(cached, cached, cached)] },
    'A maximum of 4 blocks with cache_control may be provided. Found 5.',
  ],
  [
    'a cache of a day',
    { ...base, system: [{ ...cached, cache_control: { type: 'ephemeral', ttl: '1d' } }] },
    "system.0.text.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
  ],
  ['a temperature above 1', { ...base, temperature: 1.01 }, 'temperature: range: 0..1', old],
  ['a temperature below 0', { ...base, temperature: -0.01 }, 'temperature: range: 0..1', old],
  [
    'a stop sequence of white space',
    { ...base, stop_sequences: [' '] },
    'stop_sequences: each stop sequence must contain non-whitespace',
  ],
  ['a stream that is a word', { ...base, stream: 'yes' }, 'stream: Input should be a valid boolean'],
  [
    'a thinking budget of 1023',
    { ...base, max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 1023 } },
    'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024',
  ],
  [
    'a thinking budget as large as max_tokens',
    { ...base, max_tokens: 1024, thinking: { type: 'enabled', budget_tokens: 1024 } },
    '`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at https://platform.claude.com/docs/en/build-with-claude/extended-thinking',
  ],
  [
    'a forced tool while thinking',
    {
      ...base,
      max_tokens: 2000,
      thinking: { type: 'enabled', budget_tokens: 1024 },
      tools: [look],
      tool_choice: { type: 'any' },
    },
    'Thinking may not be enabled when tool_choice forces tool use.',
  ],
  [
    'a temperature in the new version',
    { ...base, temperature: 1 },
    'temperature: Extra inputs are not permitted',
  ],
  [
    'a document of the assistant in the new version',
    { ...base, messages: [hi, assistant(document), hi] },
    'messages.1: `document` blocks can only be in `user` messages',
  ],
  [
    'citations of the user in the new version',
    { ...base, messages: [user({ ...words('x'), citations: [{}] })] },
    'messages.0.content.0.text.citations: Extra inputs are not permitted',
  ],
  [
    'a temperature while thinking',
    { ...modern, temperature: 0, thinking: { type: 'adaptive' } },
    '`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. Please consult our documentation at https://platform.claude.com/docs/en/build-with-claude/extended-thinking',
    old,
  ],
  [
    'a temperature where the model has none',
    { ...modern, temperature: 0 },
    '`temperature` is deprecated for this model.',
    old,
  ],
  [
    'a prefill where the model takes none',
    { ...modern, messages: [hi, assistant(words('Well'))] },
    'This model does not support assistant message prefill. The conversation must end with a user message.',
  ],
  [
    'manual thinking where the model adapts',
    { ...modern, max_tokens: 2000, thinking: { type: 'enabled', budget_tokens: 1024 } },
    '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.',
  ],
  [
    'an unknown service tier',
    { ...base, service_tier: 'gold' },
    "service_tier: Input should be 'auto' or 'standard_only'",
  ],
];

for (const [title, body, message, headers] of refused) {
  test(`a request with ${title} is refused`, async () => {
    assert.deepEqual(await refusal(body, headers), { status: 400, type: 'invalid_request_error', message });
  });
}

const accepted: [title: string, body: Json, headers?: Record<string, string>][] = [
  ['no more than the least', base],
  ['two user messages in a row', { ...base, messages: [hi, hi] }],
  ['no room for an answer, to warm the cache', { ...base, max_tokens: 0 }],
  ['a tool name of 128 characters', { ...base, tools: [{ ...look, name: 'a'.repeat(128) }] }],
  [
    'a tool round trip, with text after the result',
    { ...base, messages: [hi, assistant(words('so'), use('t1')), user(result('t1'), words('and?'))] },
  ],
  [
    'results spread over two user messages',
    { ...base, messages: [hi, assistant(use('t1'), use('t2')), user(result('t1')), user(result('t2'))] },
  ],
  ['four cache breakpoints', { ...base, system: [cached, cached], messages: [user(cached, cached)] }],
  ['a temperature of 1, in the old version', { ...base, temperature: 1, top_p: 0.5, top_k: 3 }, old],
  [
    'a document of the assistant, in the old version',
    { ...base, messages: [hi, assistant(document), hi] },
    old,
  ],
  ['a document of the user', { ...base, messages: [user(document)] }],
  [
    'a thinking budget one below max_tokens',
    { ...base, max_tokens: 1025, thinking: { type: 'enabled', budget_tokens: 1024 } },
  ],
  [
    'thinking blocks of an earlier answer',
    {
      ...base,
      messages: [hi, assistant({ type: 'thinking', thinking: 'hm', signature: 's' }, words('so')), hi],
    },
  ],
  [
    'what the SDK returned as an answer',
    { ...base, messages: [hi, assistant({ type: 'text', text: 'x', citations: null }), hi] },
  ],
  ['a built-in tool', { ...base, tools: [{ type: 'memory_20250818', name: 'memory' }] }],
  ['a system message after the user', { ...modern, messages: [hi, { role: 'system', content: 'be brief' }] }],
  [
    'every other field there is',
    {
      ...base,
      system: 'x',
      metadata: { user_id: null },
      stop_sequences: ['END'],
      service_tier: 'auto',
      inference_geo: null,
      speed: 'standard',
      output_config: { effort: 'low' },
      cache_control: { type: 'ephemeral' },
    },
  ],
];

for (const [title, body, headers] of accepted) {
  test(`a request with ${title} is answered`, async () => {
    await accepts(body, headers);
  });
}

test('a beta field is taken with its beta header', async () => {
  await accepts({ ...base, context_management: {} }, { 'anthropic-beta': 'context-management-2025-06-27' });
});

const headers = { 'anthropic-version': '2023-06-01', 'content-type': 'application/json' };
const post = (path: string, init: RequestInit) =>
  fetch(`${root}${path}`, { method: 'POST', headers, ...init });

test('an error has the envelope of the API, and its request id in the header too', async () => {
  const response = await post('/v1/messages', { body: '{}' });
  const body = (await response.json()) as Json;
  assert.deepEqual(body, {
    type: 'error',
    error: { type: 'invalid_request_error', message: 'model: Field required' },
    request_id: response.headers.get('request-id'),
  });
});

for (const [title, path, init, status, type, message] of [
  [
    'without anthropic-version',
    '/v1/messages',
    { headers: {}, body: '{}' },
    400,
    'invalid_request_error',
    'anthropic-version: header is required',
  ],
  ['for an unknown path', '/v1/complete', { body: '{}' }, 404, 'not_found_error', 'Not found'],
  [
    'to the rehearsal for a batch',
    '/v1/messages/batches',
    { body: '{}' },
    404,
    'not_found_error',
    'Not found',
  ],
  ['with the wrong method', '/v1/models', { body: '{}' }, 405, 'invalid_request_error', 'Method Not Allowed'],
  [
    'with a list as its body',
    '/v1/messages',
    { body: '[]' },
    400,
    'invalid_request_error',
    'Input should be an object',
  ],
  [
    'of more than 32 MB',
    '/v1/messages',
    { body: Buffer.alloc(32 * 1024 * 1024 + 1, ' ') },
    413,
    'request_too_large',
    'Request exceeds the maximum size',
  ],
] as const) {
  test(`a request ${title} is answered ${status}`, async () => {
    const response = await post(path, init);
    const body = (await response.json()) as { error: unknown };
    assert.equal(response.status, status);
    assert.deepEqual(body.error, { type, message });
  });
}

test('a body of 32 MB is still read', async () => {
  const response = await post('/v1/messages', { body: Buffer.alloc(32 * 1024 * 1024, ' ') });
  const { error } = (await response.json()) as { error: { message: string } };
  assert.match(error.message, /^The request body is not valid JSON: /);
});
