import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '../store/store.ts';
import { scratch } from '../testing/scratch.ts';
import * as outbound from './outbound.ts';

const NOW = 1_790_000_000_000;

test('a message behind another is due when that one is, so that nobody wakes up for it in vain', async (t) => {
  const store = await openStore({ directory: scratch(t), principal: 'telegram' });
  const post = (key: string, chat: string) =>
    outbound.post({
      key,
      channel: 'telegram',
      conversation: `telegram:${chat}`,
      chat,
      kind: 'reply',
      turn_id: null,
      text: key,
      message_ref: null,
      now: NOW,
    });
  const nextDue = async () => (await store.read(outbound.nextDue))[0]?.due_at;
  await store.commit([post('first', '1'), post('second', '1')]);
  assert.equal(await nextDue(), NOW);

  const [[first]] = await store.commit([outbound.claim('me', NOW)]);
  assert.ok(first);
  assert.equal(await nextDue(), null, 'while the first is being sent, nothing waits for a time');
  await store.commit([outbound.retry(first, { now: NOW, due_at: NOW + 9000, counted: true, error: 'away' })]);
  assert.equal(await nextDue(), NOW + 9000);

  await store.commit([post('third', '2')]);
  assert.equal(await nextDue(), NOW, 'another chat waits for nobody');
  await store.close();
});
