import assert from 'node:assert/strict';
import { test } from 'node:test';
import type Anthropic from '@anthropic-ai/sdk';
import { ApiError } from '#shared/messages/error.ts';
import { nothing } from './messages-bill.ts';
import { type Ask, clientOf, failure, key, lastCall, saying, serve, textOf } from './messages-client.ts';

const asking = (...words: string[]) => ({
  requests: words.map((word, index) => ({ custom_id: `request_${index}`, params: saying(word) })),
});

async function resultsOf(client: Anthropic, id: string) {
  const lines = new Map<string, Anthropic.Messages.MessageBatchResult>();
  for await (const { custom_id, result } of await client.messages.batches.results(id)) {
    lines.set(custom_id, result);
  }
  return lines;
}

test('a batch is in progress until it is told to end, then its results are there', async (t) => {
  const api = await serve(t);
  const { batches } = clientOf(api).messages;
  const { id, ...created } = await batches.create(asking('one', 'two'));
  assert.match(id, /^msgbatch_/);
  assert.equal(created.processing_status, 'in_progress');
  assert.deepEqual(created.request_counts, {
    processing: 2,
    succeeded: 0,
    errored: 0,
    canceled: 0,
    expired: 0,
  });
  assert.equal(Date.parse(created.expires_at) - Date.parse(created.created_at), 24 * 60 * 60_000);
  assert.deepEqual([created.results_url, created.ended_at], [null, null]);
  assert.equal((await fetchResults(api.root, id)).status, 404);

  await api.endBatch(id);
  const ended = await batches.retrieve(id);
  assert.equal(ended.processing_status, 'ended');
  assert.deepEqual([ended.request_counts.processing, ended.request_counts.succeeded], [0, 2]);
  assert.equal(ended.results_url, `${api.root}/v1/messages/batches/${id}/results`);
  assert.ok(ended.ended_at !== null && ended.ended_at >= ended.created_at);
  const results = await resultsOf(clientOf(api), id);
  const said = [0, 1].map((index) => {
    const result = results.get(`request_${index}`);
    return result?.type === 'succeeded' ? textOf(result.message) : result?.type;
  });
  assert.deepEqual(said, ['answer to: one', 'answer to: two']);
  assert.equal((await fetchResults(api.root, id)).headers.get('content-type'), 'application/x-jsonl');
});

const fetchResults = (root: string, id: string) =>
  fetch(`${root}/v1/messages/batches/${id}/results`, {
    headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01' },
  });

test('a batch costs nothing until it ends, then what its succeeded messages say', async (t) => {
  const api = await serve(t);
  const client = clientOf(api);
  const { id } = await client.messages.batches.create(asking('one', 'two', 'three'));
  assert.deepEqual(api.billed(), nothing);
  await api.endBatch(id, { errored: 1 });
  const sum = { input: 0, output: 0 };
  for (const result of (await resultsOf(client, id)).values()) {
    if (result.type !== 'succeeded') continue;
    const { usage } = result.message;
    assert.equal(usage.service_tier, 'batch');
    sum.input += usage.input_tokens;
    sum.output += usage.output_tokens;
  }
  const { input_tokens, output_tokens } = api.billed();
  assert.deepEqual([input_tokens, output_tokens], [sum.input, sum.output]);
  assert.ok(sum.output > 0);
  const submission = api.calls().find(({ method, path }) => method === 'POST' && path.endsWith('batches'));
  assert.deepEqual(submission?.billed, api.billed());
  await assert.rejects(api.endBatch(id), /has ended already/);
});

test('a batch ends partly in other ways, if it is told to', async (t) => {
  const api = await serve(t);
  const client = clientOf(api);
  const { id } = await client.messages.batches.create(asking('a', 'b', 'c', 'd'));
  await api.endBatch(id, { errored: 1, canceled: 1, expired: 1 });
  const { request_counts } = await client.messages.batches.retrieve(id);
  assert.deepEqual(request_counts, { processing: 0, succeeded: 1, errored: 1, canceled: 1, expired: 1 });
  const types = [...(await resultsOf(client, id)).values()].map(({ type }) => type);
  assert.deepEqual(types.sort(), ['canceled', 'errored', 'expired', 'succeeded']);
});

test('a request of a batch is judged when its turn comes, and alone', async (t) => {
  const api = await serve(t);
  api.script(({ messages }) => {
    if (messages[0]?.content === 'forbidden') throw new ApiError('permission_error', 'not yours');
    return 'yes';
  });
  const client = clientOf(api);
  const params: [string, object][] = [
    ['negative', saying('x', { max_tokens: -1 })],
    ['streamed', { ...saying('x'), stream: true }],
    ['unknown', saying('x', { model: 'gpt-9' })],
    ['forbidden', saying('forbidden')],
    ['good', saying('x')],
  ];
  const requests = params.map(([custom_id, params]) => ({ custom_id, params: params as Ask }));
  const { id } = await client.messages.batches.create({ requests });
  await api.endBatch();
  const results = await resultsOf(client, id);
  const errorOf = (custom_id: string) => {
    const result = results.get(custom_id);
    return result?.type === 'errored' ? [result.error.error.type, result.error.error.message] : result?.type;
  };
  assert.deepEqual(errorOf('negative'), [
    'invalid_request_error',
    'max_tokens: must be greater than or equal to 0',
  ]);
  assert.deepEqual(errorOf('unknown'), ['not_found_error', 'model: gpt-9']);
  assert.deepEqual(errorOf('forbidden'), ['permission_error', 'not yours']);
  assert.equal(errorOf('streamed')?.[0], 'invalid_request_error');
  assert.equal(errorOf('good'), 'succeeded');
});

test('a canceled batch is canceling until it ends, without the requests that had not begun', async (t) => {
  const api = await serve(t);
  const client = clientOf(api);
  const { batches } = client.messages;
  const [all, some] = [await batches.create(asking('a', 'b')), await batches.create(asking('a', 'b'))];
  for (const { id } of [all, some]) {
    const canceling = await batches.cancel(id);
    assert.equal(canceling.processing_status, 'canceling');
    assert.ok(canceling.cancel_initiated_at);
  }
  await api.endBatch(some.id, { canceled: 1 });
  await api.endBatch();
  assert.deepEqual(
    [(await batches.retrieve(all.id)).request_counts, (await batches.retrieve(some.id)).request_counts].map(
      ({ canceled, succeeded }) => [canceled, succeeded],
    ),
    [
      [2, 0],
      [1, 1],
    ],
  );
  assert.equal((await failure(batches.cancel(all.id))).status, 400);
});

test('a batch can be deleted once it has ended, and is gone', async (t) => {
  const api = await serve(t);
  const { batches } = clientOf(api).messages;
  const { id } = await batches.create(asking('a'));
  assert.equal((await failure(batches.delete(id))).status, 400);
  await api.endBatch(id);
  assert.deepEqual(await batches.delete(id), { id, type: 'message_batch_deleted' });
  assert.equal((await failure(batches.retrieve(id))).status, 404);
});

test('batches are listed page by page, the latest first', async (t) => {
  const { batches } = clientOf(await serve(t)).messages;
  const ids: string[] = [];
  for (const word of ['a', 'b', 'c']) ids.unshift((await batches.create(asking(word))).id);
  const first = await batches.list({ limit: 2 });
  assert.deepEqual([first.data.map(({ id }) => id), first.has_more], [ids.slice(0, 2), true]);
  const listed: string[] = [];
  for await (const { id } of batches.list({ limit: 2 })) listed.push(id);
  assert.deepEqual(listed, ids);
});

for (const [title, body, message] of [
  ['without requests', {}, 'requests: Field required'],
  ['of no requests', { requests: [] }, 'requests: List should have at least 1 item after validation, not 0'],
  ['with an unknown field', { ...asking('a'), x: 1 }, 'x: Extra inputs are not permitted'],
  ['without params', { requests: [{ custom_id: 'a' }] }, 'requests.0.params: Field required'],
  ['without a custom_id', { requests: [{ params: {} }] }, 'requests.0.custom_id: Field required'],
  [
    'with a custom_id of 65 characters',
    { requests: [{ custom_id: 'a'.repeat(65), params: {} }] },
    'requests.0.custom_id: String should have at most 64 characters',
  ],
  [
    'with a space in a custom_id',
    { requests: [{ custom_id: 'a b', params: {} }] },
    "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
  ],
  [
    'with a custom_id twice',
    { requests: [...asking('a').requests, ...asking('a').requests] },
    "requests.1.custom_id: custom_id must be unique, got 'request_0' twice",
  ],
] as const) {
  test(`a batch ${title} is refused`, async (t) => {
    const error = await failure(clientOf(await serve(t)).post('/v1/messages/batches', { body }));
    assert.deepEqual([error.status, error.apiMessage], [400, message]);
  });
}

test('a method that batches do not have is refused with those they have', async (t) => {
  const error = await failure(clientOf(await serve(t)).put('/v1/messages/batches', { body: {} }));
  assert.deepEqual([error.status, error.headers?.get('allow')], [405, 'POST, GET']);
});

test('a custom_id may have 64 characters', async (t) => {
  const { batches } = clientOf(await serve(t)).messages;
  await batches.create({ requests: [{ custom_id: 'a'.repeat(64), params: saying('x') }] });
});

test('a submission can be refused, or made and its answer lost', async (t) => {
  const api = await serve(t);
  const { batches } = clientOf(api).messages;
  const made = async () => (await batches.list()).data.length;
  api.fault({ kind: 'overloaded_error', endpoint: 'batch.create', calls: 1 });
  assert.equal((await failure(batches.create(asking('a')))).status, 529);
  assert.equal(lastCall(api).fault, 'overloaded_error');
  assert.equal(await made(), 0);
  api.fault({ kind: 'cut', endpoint: 'batch.create', calls: 1 });
  await failure(batches.create(asking('a')));
  assert.equal(await made(), 1);
});
