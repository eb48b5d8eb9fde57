import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '#shared/store/store.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as message from '#shared/tables/message.ts';
import * as turn from '#shared/tables/turn.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { conversation } from './context.ts';

test('the model sees every message that its turn took, however short a history it is given', async (t) => {
  const store = await openStore({ directory: scratch(t), principal: 'core' });
  t.after(() => store.close());
  const words = Array.from({ length: 6 }, (_, n) => `word ${n}`);
  await store.commit(
    words.map((text, n) =>
      inbound.receive({
        source: 'test',
        source_key: `${n}`,
        channel: 'terminal',
        conversation: 'terminal:main',
        chat: null,
        sender: 'me',
        text,
        message_ref: null,
        payload_json: '{}',
        received_at: n,
        state: 'pending',
        note: null,
      }),
    ),
  );
  async function asked(id: string): Promise<unknown> {
    const lease = { owner: 'core-1', boot_id: 'boot', now: 10, until_at: 20 };
    const [[opened]] = await store.commit([turn.open(id, lease), inbound.take(id, 3), message.heard(id)]);
    assert.ok(opened);
    const history = await store.read(message.recent('terminal:main', 2, id));
    await store.commit([turn.finish(opened, { now: 11, state: 'done', error: null })]);
    return conversation(history, id).map(({ content }) => content);
  }
  assert.deepEqual(await asked('one'), ['word 0\n\nword 1\n\nword 2']);
  assert.deepEqual(await asked('two'), ['word 3\n\nword 4\n\nword 5']);
});
