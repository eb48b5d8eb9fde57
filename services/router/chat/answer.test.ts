import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '#shared/messages/error.ts';
import { fromChat, usageKnown } from './answer.ts';

const completion = (message: object, more: object = {}, choice: object = {}) => ({
  id: 'chatcmpl-1',
  model: 'gpt-5.1-2025-11-13',
  choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: 'stop', ...choice }],
  ...more,
});
const called = (json: unknown, id = 'call_1') => ({
  id,
  type: 'function',
  function: { name: 'look', arguments: json },
});
const content = (message: object) => fromChat(completion(message), 'm').content as Record<string, unknown>[];
const inputOf = (json: unknown) => content({ content: null, tool_calls: [called(json)] })[0]?.input;

test('an answer is told with its reasoning, its words, its calls and the model that gave it', () => {
  const answer = fromChat(
    completion(
      { content: 'see', reasoning_content: 'hm', tool_calls: [called('{"a":1}')] },
      {},
      { finish_reason: 'tool_calls' },
    ),
    'gpt-5.1',
  );
  assert.deepEqual(answer, {
    id: 'chatcmpl-1',
    type: 'message',
    role: 'assistant',
    model: 'gpt-5.1-2025-11-13',
    content: [
      { type: 'thinking', thinking: 'hm', signature: '' },
      { type: 'text', text: 'see', citations: null },
      { type: 'tool_use', id: 'call_1', name: 'look', input: { a: 1 }, caller: { type: 'direct' } },
    ],
    stop_reason: 'tool_use',
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: answer.usage,
  });
});

test('tokens are counted once: those read from and written to a cache are not input too', () => {
  const usage = {
    prompt_tokens: 100,
    completion_tokens: 20,
    prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 },
    completion_tokens_details: { reasoning_tokens: 15 },
  };
  const told = fromChat(completion({ content: 'x' }, { usage }), 'm').usage as Record<string, unknown>;
  assert.equal(told.input_tokens, 10);
  assert.equal(told.cache_read_input_tokens, 60);
  assert.equal(told.cache_creation_input_tokens, 30);
  assert.equal(told.output_tokens, 20);
  assert.deepEqual(told.output_tokens_details, { thinking_tokens: 15 });
});

test('usage that was not told, or says that there was no prompt, is not known', () => {
  for (const usage of [undefined, null, {}, 'x', { prompt_tokens: 0 }, { prompt_tokens: '5' }]) {
    assert.equal(usageKnown(usage), false);
  }
  assert.equal(usageKnown({ prompt_tokens: 1, completion_tokens: 0 }), true);
});

test('the reason to stop is the one that is true, whatever word the server has for it', () => {
  const stop = (message: object, choice: object) => {
    const { stop_reason, stop_sequence } = fromChat(completion(message, {}, choice), 'm');
    return [stop_reason, stop_sequence];
  };
  const calls = { content: null, tool_calls: [called('{}')] };
  assert.deepEqual(stop({ content: 'x' }, { finish_reason: 'stop' }), ['end_turn', null]);
  assert.deepEqual(stop({ content: 'x' }, { finish_reason: 'length' }), ['max_tokens', null]);
  assert.deepEqual(stop({ content: 'x' }, { finish_reason: 'content_filter' }), ['refusal', null]);
  assert.deepEqual(stop({ content: null, refusal: 'no' }, { finish_reason: 'stop' }), ['refusal', null]);
  assert.deepEqual(stop(calls, { finish_reason: 'tool_calls' }), ['tool_use', null]);
  assert.deepEqual(stop(calls, { finish_reason: 'stop' }), ['tool_use', null]);
  assert.deepEqual(stop(calls, { finish_reason: 'length' }), ['max_tokens', null]);
  assert.deepEqual(stop({ content: 'x' }, { finish_reason: 'tool_calls' }), ['end_turn', null]);
  assert.deepEqual(stop({ content: 'x' }, { stop_reason: 'END' }), ['stop_sequence', 'END']);
  assert.deepEqual(stop({ content: 'x' }, { stop_reason: 128001 }), ['end_turn', null]);
});

test('arguments that are no JSON object stay readable and never become an empty input', () => {
  assert.deepEqual(inputOf('{"a":[1]}'), { a: [1] });
  assert.deepEqual(inputOf(''), {});
  assert.deepEqual(inputOf({ a: 1 }), { a: 1 });
  for (const broken of ['{"path":"/tm', 'null', '[1]', '"x"', '{a:1}']) {
    assert.deepEqual(inputOf(broken), { INVALID_JSON: broken });
  }
});

test('the ids of calls are ones that the Messages API takes back, each its own', () => {
  const ids = content({
    tool_calls: ['call_a', 'call_a', '', 'functions.look:0', undefined].map((id) => ({
      ...called('{}'),
      id,
    })),
  }).map((block) => String(block.id));
  assert.equal(ids[0], 'call_a');
  assert.equal(new Set(ids).size, 5);
  for (const id of ids) assert.match(id, /^[a-zA-Z0-9_-]+$/);
});

test('older and other forms of the same are understood', () => {
  assert.equal(content({ function_call: { name: 'look', arguments: '{}' } })[0]?.type, 'tool_use');
  assert.equal(
    content({
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    })[0]?.text,
    'ab',
  );
  assert.equal(content({ content: 'a', reasoning: 'hm' })[0]?.thinking, 'hm');
  assert.deepEqual(content({ content: '' }), []);
  assert.equal(fromChat({ choices: [{ message: { content: 'x' } }] }, 'asked').model, 'asked');
});

test('what is no completion is an error, told with what came', () => {
  for (const other of [undefined, null, 'x', {}, { choices: [] }, { choices: [{ text: 'x' }] }]) {
    assert.throws(
      () => fromChat(other, 'm'),
      (error) => error instanceof ApiError && /^m: expected/.test(error.message),
    );
  }
  const inside = { error: { message: 'busy', code: 429 } };
  assert.throws(() => fromChat(inside, 'm'), { type: 'rate_limit_error', message: 'busy' });
  assert.throws(() => fromChat(completion({ content: 'x' }, {}, { finish_reason: 'error' }), 'm'), ApiError);
});
