/** How far what is written down may be believed, on a real store. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openStore } from '../store/store.ts';
import { scratch } from '../testing/scratch.ts';
import type * as attachment from './attachment.ts';
import * as inbound from './inbound.ts';
import * as message from './message.ts';
import type { Op } from './op.ts';
import * as taint from './taint.ts';
import * as turn from './turn.ts';

const OWNER = 7;

/** A file with words that somebody has listened to. */
function heardIn(kind: attachment.Attachment['kind']): Op {
  return {
    verb: 'test',
    sql: `INSERT INTO attachment (inbound_id, kind, file_id, name, mime, state, text, due_at, created_at)
          SELECT id, ?, 'f', 'f', 'audio/ogg', 'ready', 'words', 1, 1 FROM inbound`,
    args: [kind],
  };
}

/** What is written down of a turn that has heard `said`: the trust of what was heard, and of the answer. */
async function trusts(
  t: TestContext,
  { file, ...said }: Partial<inbound.Inbound> & { file?: attachment.Attachment['kind'] },
  ...sources: string[]
): Promise<[heard: message.Trust | undefined, answered: message.Trust | undefined]> {
  const directory = scratch(t);
  const store = await openStore({ directory, principal: 'core', flush: 'normal' });
  t.after(() => store.close());
  const bridge = await openStore({ directory, principal: 'telegram', flush: 'normal' });
  t.after(() => bridge.close());
  const at = { conversation: 'telegram:7', channel: 'telegram', chat: '7', sender: '7' } as const;
  const came = { source: 'telegram:1', source_key: 'k', payload_json: '{}', received_at: 1, note: null };
  await bridge.commit([
    inbound.receive({ ...at, ...came, message_ref: null, text: 'tea', state: 'pending', ...said }),
    ...(file ? [heardIn(file)] : []),
  ]);
  await store.commit([
    turn.open('t', { owner: 'o', boot_id: 'b', now: 1, until_at: 2 }),
    inbound.take('t', 1),
    message.heard('t', 1, [OWNER]),
    ...sources.map((source) => taint.note({ turn_id: 't', source, at: 1 })),
    message.said({ conversation: said.conversation ?? at.conversation, text: 'Tea.', at: 2, turn_id: 't' }),
  ]);
  const rows = await store.read<message.Message>({
    verb: 'test',
    sql: 'SELECT * FROM message ORDER BY id',
    args: [],
  });
  assert.equal(rows.length, 2);
  return [rows[0]?.trust, rows[1]?.trust];
}

test("an owner's own words are believed, wherever they type them, and the answer to them less", async (t) => {
  assert.deepEqual(await trusts(t, {}), [3, 2]);
  assert.deepEqual(await trusts(t, { conversation: 'telegram:-100/u7', chat: '-100' }), [3, 2]);
  assert.deepEqual(
    await trusts(t, { channel: 'terminal', conversation: 'terminal:main', sender: null }),
    [3, 2],
  );
});

test("another person's words are theirs, and so is what was answered to them", async (t) => {
  assert.deepEqual(await trusts(t, { sender: '8' }), [1, 1]);
  assert.deepEqual(await trusts(t, { sender: null }), [1, 1]);
  assert.deepEqual(await trusts(t, { sender: '77' }), [1, 1], 'no part of a number is an owner');
});

test('what an owner forwards or shares is not theirs; what they type below a quote is', async (t) => {
  assert.deepEqual(
    await trusts(t, { parts: [{ kind: 'forward', from: 'Bob' }] }, 'forwarded from Bob'),
    [0, 0],
  );
  assert.deepEqual(await trusts(t, { parts: [{ kind: 'forward', from: 'Bob' }] }), [0, 0]);
  assert.deepEqual(await trusts(t, { parts: [{ kind: 'note', text: 'link: https://a.example/' }] }), [0, 0]);
  const quote = { kind: 'quote', text: 'coffee', from: 'Bob', own: false } as const;
  assert.deepEqual(await trusts(t, { parts: [quote] }, 'quoted from Bob'), [3, 0]);
});

test('what an owner has said into a recording is theirs; what is heard in a song or a film is not', async (t) => {
  assert.deepEqual(await trusts(t, { text: null, file: 'voice' }), [3, 2]);
  assert.deepEqual(await trusts(t, { file: 'audio' }), [0, 0]);
  assert.deepEqual(await trusts(t, { file: 'video' }), [0, 0]);
});

test('what is said after reading strangers is believed no more than they are', async (t) => {
  assert.deepEqual(await trusts(t, {}, 'web https://example.com/'), [3, 0]);
  assert.deepEqual(await trusts(t, {}, 'earlier: web https://example.com/'), [3, 0]);
});

test('what a job or a task tells its agent nobody has typed', async (t) => {
  assert.deepEqual(await trusts(t, { source: 'job', conversation: 'job:1' }), [0, 0]);
  assert.deepEqual(await trusts(t, { source: 'task', conversation: 'task:1', channel: 'terminal' }), [0, 0]);
});
