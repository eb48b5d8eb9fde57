import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '#shared/messages/error.ts';
import { checkChat } from '#shared/testing/chat-rules.ts';
import { randomFrom } from '#shared/testing/messages-latency.ts';
import { type ChatOptions, toChat } from './request.ts';

const hi = { role: 'user', content: 'hi' };
const png = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } };
const pngPart = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
const look = { name: 'look', description: 'Looks.', input_schema: { type: 'object', properties: {} } };
const lookPart = {
  type: 'function',
  function: { name: 'look', description: 'Looks.', parameters: look.input_schema },
};
const use = (id: string, input = {}) => ({ type: 'tool_use', id, name: 'look', input });
const call = (id: string, json = '{}') => ({
  id,
  type: 'function',
  function: { name: 'look', arguments: json },
});
const result = (tool_use_id: string, more = {}) => ({ type: 'tool_result', tool_use_id, ...more });

/** What is sent, after OpenAI's own rules have passed it. */
function sent(more: Record<string, unknown>, options?: ChatOptions, model = 'gpt-5.1') {
  const chat = toChat({ model: 'alias', max_tokens: 9, messages: [hi], ...more }, model, options);
  return checkChat(structuredClone(chat)) as Record<string, unknown>;
}

function refusal(more: Record<string, unknown>): string {
  try {
    sent(more);
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    assert.equal(error.type, 'invalid_request_error');
    return error.message;
  }
  return assert.fail('nothing was refused');
}

test('a plain question keeps its words, its limit and nothing that nobody asked for', () => {
  assert.deepEqual(sent({}), {
    model: 'gpt-5.1',
    messages: [{ role: 'user', content: 'hi' }],
    max_completion_tokens: 9,
  });
});

test('a server that knows max_tokens alone is told max_tokens alone', () => {
  const chat = sent({}, { max_tokens_field: 'max_tokens' }, 'llama');
  assert.equal(chat.max_tokens, 9);
  assert.ok(!('max_completion_tokens' in chat));
});

test('every field that has a counterpart arrives as it', () => {
  const schema = { type: 'object', properties: {}, additionalProperties: false };
  const chat = sent({
    system: [
      { type: 'text', text: 'one', cache_control: { type: 'ephemeral' } },
      { type: 'text', text: 'two' },
    ],
    stop_sequences: ['END'],
    temperature: 1,
    top_p: 0.5,
    stream: true,
    metadata: { user_id: 'u1' },
    output_config: { effort: 'max', format: { type: 'json_schema', schema } },
    tools: [
      { ...look, cache_control: { type: 'ephemeral' } },
      { ...look, name: 'strict', strict: true, input_schema: schema },
    ],
    service_tier: 'auto',
  });
  assert.deepEqual(chat, {
    model: 'gpt-5.1',
    messages: [
      { role: 'system', content: 'one\n\ntwo' },
      { role: 'user', content: 'hi' },
    ],
    max_completion_tokens: 9,
    tools: [
      lookPart,
      {
        type: 'function',
        function: { name: 'strict', description: 'Looks.', parameters: schema, strict: true },
      },
    ],
    stop: ['END'],
    temperature: 1,
    top_p: 0.5,
    stream: true,
    stream_options: { include_usage: true },
    response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } },
    reasoning_effort: 'xhigh',
    user: 'u1',
  });
});

test('the choice of a tool has a word for each kind', () => {
  const chosen = (tool_choice: unknown) => {
    const { tool_choice: choice, parallel_tool_calls } = sent({ tools: [look], tool_choice });
    return [choice, parallel_tool_calls];
  };
  assert.deepEqual(chosen({ type: 'auto' }), ['auto', undefined]);
  assert.deepEqual(chosen({ type: 'any', disable_parallel_tool_use: true }), ['required', false]);
  assert.deepEqual(chosen({ type: 'none' }), ['none', undefined]);
  assert.deepEqual(chosen({ type: 'tool', name: 'look', disable_parallel_tool_use: false }), [
    { type: 'function', function: { name: 'look' } },
    undefined,
  ]);
});

test('effort is what was asked for, or what the thinking budget comes to, or not said', () => {
  const effort = (more: object, options?: ChatOptions) =>
    sent({ max_tokens: 99_999, ...more }, options).reasoning_effort;
  const thinking = (budget_tokens: number) => ({ thinking: { type: 'enabled', budget_tokens } });
  assert.equal(effort({}), undefined);
  assert.equal(effort({ output_config: { effort: 'medium' } }), 'medium');
  assert.equal(effort(thinking(4095)), 'low');
  assert.equal(effort(thinking(4096)), 'medium');
  assert.equal(effort(thinking(16_383)), 'medium');
  assert.equal(effort(thinking(16_384)), 'high');
  assert.equal(effort({ ...thinking(16_384), output_config: { effort: 'low' } }), 'low');
  assert.equal(effort({ thinking: { type: 'disabled' } }), undefined);
  assert.equal(effort({ thinking: { type: 'adaptive' } }), undefined);
  assert.equal(effort(thinking(16_384), { reasoning_effort: false }), undefined);
});

test('a user id that is too long for OpenAI is hashed, always to the same', () => {
  const user = (user_id: string) => sent({ metadata: { user_id } }).user;
  assert.equal(user('x'.repeat(64)), 'x'.repeat(64));
  assert.match(String(user('x'.repeat(65))), /^[0-9a-f]{64}$/);
  assert.equal(user('x'.repeat(65)), user('x'.repeat(65)));
});

test('calls are answered at once and in order, and what else the user said follows', () => {
  const { messages } = sent({
    tools: [look],
    messages: [
      hi,
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm', signature: 's' },
          { type: 'redacted_thinking', data: 'x' },
          { type: 'text', text: 'let me ' },
          { type: 'text', text: 'see' },
          use('a', { at: '漢字' }),
          use('b'),
        ],
      },
      {
        role: 'user',
        content: [result('b', { content: 'no', is_error: true }), result('a', { content: [png] })],
      },
      { role: 'user', content: [{ type: 'text', text: 'well?' }] },
    ],
  });
  assert.deepEqual(messages, [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: 'let me see', tool_calls: [call('a', '{"at":"漢字"}'), call('b')] },
    { role: 'tool', tool_call_id: 'b', content: 'Error: no' },
    { role: 'tool', tool_call_id: 'a', content: '[1 attached to the next message]' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Attached to the result of a:' },
        pngPart,
        { type: 'text', text: 'well?' },
      ],
    },
  ]);
});

test('results of one turn may come in several messages', () => {
  const { messages } = sent({
    tools: [look],
    messages: [
      hi,
      { role: 'assistant', content: [use('a'), use('b')] },
      { role: 'user', content: [result('a', { content: '1' })] },
      { role: 'user', content: [result('b')] },
    ],
  });
  assert.deepEqual((messages as unknown[]).slice(1), [
    { role: 'assistant', content: null, tool_calls: [call('a'), call('b')] },
    { role: 'tool', tool_call_id: 'a', content: '1' },
    { role: 'tool', tool_call_id: 'b', content: '' },
  ]);
});

test('a turn of which only thinking is left is not said at all', () => {
  const thought = { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: 's' }] };
  assert.deepEqual(sent({ messages: [hi, thought, hi] }).messages, [
    { role: 'user', content: 'hi' },
    { role: 'user', content: 'hi' },
  ]);
});

test('an instruction in the midst of the conversation keeps its place', () => {
  const answer = { role: 'assistant', content: 'yes' };
  const { messages } = sent({ messages: [hi, answer, hi, { role: 'system', content: 'be brief' }] });
  assert.deepEqual((messages as unknown[]).at(-1), { role: 'system', content: 'be brief' });
});

test('images and documents arrive as the parts that hold them, text as one string', () => {
  const content = (...blocks: unknown[]) =>
    (sent({ messages: [{ role: 'user', content: blocks }] }).messages as { content: unknown }[])[0]?.content;
  const pdf = { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' };
  const plain = { type: 'text', media_type: 'text/plain', data: 'words' };
  assert.deepEqual(content(png, { type: 'image', source: { type: 'url', url: 'https://a.b/c.png' } }), [
    pngPart,
    { type: 'image_url', image_url: { url: 'https://a.b/c.png' } },
  ]);
  assert.equal(content({ type: 'document', source: plain, title: 'T', context: 'C' }), 'T\n\nC\n\nwords');
  assert.deepEqual(content({ type: 'document', source: pdf, title: 'T' }), [
    { type: 'text', text: 'T' },
    { type: 'file', file: { filename: 'document.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
  ]);
  assert.deepEqual(content({ type: 'document', source: { type: 'content', content: [png] } }), [pngPart]);
  assert.equal(content({ type: 'document', source: { type: 'content', content: 'in it' } }), 'in it');
  const found = { type: 'search_result', title: 'T', source: 'S', content: [{ type: 'text', text: 'W' }] };
  assert.equal(content(found), 'T\n\nS\n\nW');
});

test('what cannot be said is refused by its name, with the cure', () => {
  const inUser = (block: unknown) => ({ messages: [{ role: 'user', content: [block] }] });
  const cases: [string, Record<string, unknown>][] = [
    ['top_k', { top_k: 4 }],
    ['container', { container: 'c', tools: [{ type: 'code_execution_20250825', name: 'code_execution' }] }],
    ['inference_geo', { inference_geo: 'us' }],
    ['mcp_servers', { mcp_servers: [] }],
    ['fallbacks', { fallbacks: [] }],
    ['thread', { thread: {} }],
    ['context_management', { context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } }],
    ['tools.1.web_search_20250305', { tools: [look, { type: 'web_search_20250305', name: 'web_search' }] }],
    ['messages', { messages: [hi, { role: 'assistant', content: 'The answer is' }] }],
    [
      'messages.1.content.0',
      {
        messages: [
          hi,
          {
            role: 'assistant',
            content: [{ type: 'server_tool_use', id: 's', name: 'web_search', input: {} }],
          },
          hi,
        ],
      },
    ],
    ['messages.0.content.0.source', inUser({ type: 'image', source: { type: 'file', file_id: 'f' } })],
    [
      'messages.0.content.0.source',
      inUser({ type: 'document', source: { type: 'url', url: 'https://a.b' } }),
    ],
    [
      'messages.0.content.0.citations',
      inUser({
        type: 'document',
        source: { type: 'text', media_type: 'text/plain', data: 'x' },
        citations: { enabled: true },
      }),
    ],
  ];
  for (const [field, more] of cases) {
    const said = refusal(more);
    assert.ok(said.startsWith(`${field}: `), said);
    assert.match(said, /anthropic target$/);
  }
});

test('an edit that clears thinking is done already, and passes', () => {
  sent({ context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] } });
  sent({ context_management: null });
});

test('a request that the Messages API would refuse is refused in its words', () => {
  assert.equal(refusal({ messages: 'hi' }), 'messages: Input should be a valid array');
  assert.match(
    refusal({ messages: [hi, { role: 'assistant', content: [use('a')] }, hi] }),
    /tool_use. ids were/,
  );
  assert.match(refusal({ max_tokens: -1 }), /max_tokens: must be greater than or equal to 0/);
  for (const nonsense of [null, 7, {}, [null], [{}], [{ role: 'user', content: [null] }]]) {
    refusal({ messages: nonsense });
  }
});

test('whatever conversation the Messages API takes, OpenAI takes its translation', () => {
  const random = randomFrom(7);
  const one = <T>(...of: [T, ...T[]]): T => of[Math.floor(random() * of.length)] ?? of[0];
  const some = <T>(most: number, make: () => T) =>
    Array.from({ length: Math.floor(random() * (most + 1)) }, make);
  for (let round = 0; round < 500; round += 1) {
    const messages: unknown[] = [];
    let open: string[] = [];
    for (let turn = 0; turn < 1 + random() * 6; turn += 1) {
      const results = open.map((id) =>
        result(
          id,
          one({}, { content: 'r' }, { content: [png, { type: 'text', text: 'r' }], is_error: true }),
        ),
      );
      const words = some(2, () => one<unknown>({ type: 'text', text: 'w' }, png));
      messages.push({
        role: 'user',
        content: results.length + words.length > 0 ? [...results, ...words] : 'hi',
      });
      open = some(3, () => `call_${Math.floor(random() * 1e9)}`);
      const said = [...some(2, () => ({ type: 'text', text: 's' })), ...open.map((id) => use(id, { n: 1 }))];
      messages.push({ role: 'assistant', content: said.length > 0 ? said : 'ok' });
    }
    messages.push({ role: 'user', content: open.length > 0 ? open.map((id) => result(id)) : 'end' });
    const { messages: translated } = sent({ messages, tools: [look], stream: random() < 0.5 });
    const ids = (found: unknown) => [...JSON.stringify(found).matchAll(/"tool_call_id":"(\w+)"/g)].length;
    const asked = [...JSON.stringify(messages).matchAll(/"tool_use_id"/g)].length;
    assert.equal(ids(translated), asked, 'every result arrives');
  }
});
