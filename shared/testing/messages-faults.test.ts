import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { ask, clientOf, failure, key, lastCall, saying, serve, textOf } from './messages-client.ts';

const words = 'one two three four five six seven eight nine ten';

for (const [status, type] of [
  [408, 'timeout_error'],
  [409, 'conflict_error'],
  [413, 'request_too_large'],
  [422, 'invalid_request_error'],
  [500, 'api_error'],
  [502, 'api_error'],
  [503, 'api_error'],
  [504, 'timeout_error'],
] as const) {
  test(`the fault status ${status} answers ${type}, plain and to a stream`, async (t) => {
    const api = await serve(t);
    api.fault({ kind: 'status', status, retry_after_s: 3 });
    for (const stream of [true, false]) {
      const error = await failure(ask(clientOf(api), stream));
      assert.deepEqual([error.status, error.type, error.requestID], [status, type, lastCall(api).id]);
      assert.equal(error.headers?.get('retry-after'), '3');
      const final = status === 413 || status === 422 ? 'false' : null;
      assert.equal(error.headers?.get('x-should-retry'), final);
    }
    assert.equal(api.billed().input_tokens, 0);
  });
}

test('a fault of kind status needs a status', async (t) => {
  const api = await serve(t);
  for (const status of [undefined, 200, 600]) {
    assert.throws(
      () => api.fault({ kind: 'status', ...(status && { status }) }),
      /a status from 400 to 599, got/,
    );
  }
});

test('a proxy before the API answers with a page', async (t) => {
  const api = await serve(t);
  api.fault({ kind: 'status', status: 502, html: true });
  const { status, headers, error } = await failure(ask(clientOf(api), true));
  assert.deepEqual([status, headers?.get('content-type'), error], [502, 'text/html', undefined]);
  assert.equal(headers?.get('request-id'), null);
});

/** The bytes of an answer as they came, and how they ended. */
async function raw(
  root: string,
  stream: boolean,
): Promise<{ status: number; body: string; broken: boolean }> {
  const response = await fetch(`${root}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01' },
    body: JSON.stringify({ ...saying('hi'), stream }),
  });
  const decoder = new TextDecoder();
  let body = '';
  try {
    for await (const chunk of response.body ?? []) body += decoder.decode(chunk, { stream: true });
  } catch {
    return { status: response.status, body, broken: true };
  }
  return { status: response.status, body, broken: false };
}

for (const after_events of [0, 1, 4]) {
  for (const [kind, last] of [
    ['error_event', /^event: error\ndata: {"type":"error","error":{"type":"overloaded_error"/],
    ['malformed', /^event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":$/],
  ] as const) {
    test(`${kind} strikes a stream after ${after_events} events`, async (t) => {
      const api = await serve(t);
      api.script(() => words);
      api.fault({ kind, after_events });
      const { status, body, broken } = await raw(api.root, true);
      const events = body.trimEnd().split('\n\n');
      assert.deepEqual([status, broken, events.length], [200, false, after_events + 1]);
      assert.match(events.at(-1) ?? '', last);
      await api.idle();
      assert.equal(lastCall(api).billed.input_tokens > 0, after_events > 0);
      await failure(ask(clientOf(api), true));
    });
  }
}

for (const [kind, after_events, begins, broken] of [
  ['malformed', 0, false, false],
  ['malformed', 1, true, false],
  ['early_end', 1, true, false],
  ['cut', 0, false, true],
  ['cut', 1, true, true],
] as const) {
  test(`${kind} strikes a plain answer after ${after_events} of its halves`, async (t) => {
    const api = await serve(t);
    api.script(() => words);
    api.fault({ kind, after_events });
    const answer = await raw(api.root, false);
    assert.deepEqual([answer.status, answer.broken], [200, broken]);
    assert.equal(answer.body.startsWith('{"id":"msg_'), begins);
    assert.throws(() => JSON.parse(answer.body));
    await api.idle();
    assert.equal(lastCall(api).client_left, false);
    assert.equal(lastCall(api).billed.output_tokens, Math.ceil(words.length / 4));
  });
}

test('a plain answer stalls with its body unfinished', async (t) => {
  const api = await serve(t);
  api.fault({ kind: 'stall' });
  const leaving = new AbortController();
  const response = await fetch(`${api.root}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01' },
    body: JSON.stringify(saying('hi')),
    signal: leaving.signal,
  });
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  assert.match(new TextDecoder().decode(value), /^{"id":"msg_/);
  assert.equal(lastCall(api).events, 1);
  assert.equal(lastCall(api).ended_at, null);
  leaving.abort();
  await api.idle();
  assert.equal(lastCall(api).client_left, true);
});

for (const stream of [true, false]) {
  test(`a huge answer is as large as it is told, ${stream ? 'as a stream' : 'plain'}`, async (t) => {
    const api = await serve(t);
    const huge_bytes = 3 * 1024 * 1024 + 7;
    api.fault({ kind: 'huge', huge_bytes, calls: 1 });
    const answer = await ask(clientOf(api), stream);
    assert.equal(textOf(answer).length, huge_bytes);
    assert.ok(answer.usage.output_tokens <= 1000);
    assert.equal(lastCall(api).fault, 'huge');
  });
}

test('a huge answer has 64 MB by default, and waits for its reader', async (t) => {
  const api = await serve(t);
  api.fault({ kind: 'huge' });
  const response = await fetch(`${api.root}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01' },
    body: JSON.stringify({ ...saying('hi'), stream: true }),
  });
  let bytes = 0;
  for await (const chunk of response.body ?? []) bytes += chunk.length;
  assert.ok(bytes > 64 * 1024 * 1024 && bytes < 65 * 1024 * 1024, `${bytes}`);
});

test('an overloaded plain answer is an error, and a hanging one is a client that gives up', async (t) => {
  const api = await serve(t);
  api.fault({ kind: 'error_event', calls: 1 });
  assert.equal((await failure(ask(clientOf(api), false))).status, 529);
  api.fault({ kind: 'hang' });
  const error = await failure(ask(clientOf(api, { timeout: 50 }), false));
  assert.ok(error instanceof Anthropic.APIConnectionTimeoutError);
});
