import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, failure, serve } from './messages-client.ts';

const models = ['claude-a', 'claude-b', 'claude-c', 'claude-d', 'claude-e'];
const idsOf = (page: { data: { id: string }[] }) => page.data.map(({ id }) => id).join(' ');

test('models are listed page by page, in both directions', async (t) => {
  const client = clientOf(await serve(t, { models }));
  const first = await client.models.list({ limit: 2 });
  assert.equal(idsOf(first), 'claude-a claude-b');
  assert.deepEqual([first.has_more, first.first_id, first.last_id], [true, 'claude-a', 'claude-b']);
  assert.equal(idsOf(await first.getNextPage()), 'claude-c claude-d');
  const last = await client.models.list({ limit: 2, after_id: 'claude-d' });
  assert.deepEqual([idsOf(last), last.has_more], ['claude-e', false]);
  const back = await client.models.list({ limit: 2, before_id: 'claude-d' });
  assert.deepEqual([idsOf(back), back.has_more], ['claude-b claude-c', true]);
  assert.equal(idsOf(await back.getNextPage()), 'claude-a');
  const exact = await client.models.list({ limit: 5 });
  assert.deepEqual([exact.data.length, exact.has_more], [5, false]);
});

test('a page holds 20 models by default and at most 1000', async (t) => {
  const client = clientOf(await serve(t));
  const page = await client.models.list();
  assert.deepEqual([page.data.length, page.has_more], [20, true]);
  await client.models.list({ limit: 1000 });
  for (const limit of [0, 1001, 1.5]) {
    assert.equal((await failure(client.models.list({ limit }))).status, 400, `${limit}`);
  }
  assert.equal((await failure(client.models.list({ after_id: 'claude-none' }))).status, 400);
});

test('a model is found by its id, and one that nobody has is not', async (t) => {
  const client = clientOf(await serve(t, { models }));
  const { id, type, lifecycle } = await client.models.retrieve('claude-b');
  assert.deepEqual([id, type, lifecycle], ['claude-b', 'model', 'active']);
  const error = await failure(client.models.retrieve('claude-z'));
  assert.deepEqual([error.status, error.apiMessage], [404, 'model: claude-z']);
});
