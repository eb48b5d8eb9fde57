import assert from 'node:assert/strict';
import { test } from 'node:test';
import { torture } from './torture.ts';

test('kills, a bad network and a failing model lose nothing, mix up nothing, and do nothing twice', async (t) => {
  const { figures, broken } = await torture({
    messages: 150,
    chats: 6,
    kills: 12,
    seed: 7,
    flush: 'full',
    sources: true,
  });
  t.diagnostic(figures.map((row) => row.join(': ')).join('; '));
  assert.deepEqual(broken, []);
});
