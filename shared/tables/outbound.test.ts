import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '../store/store.ts';
import { scratch } from '../testing/scratch.ts';
import * as outbound from './outbound.ts';
import * as preview from './preview.ts';

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
  const nextDue = async () => (await store.read(outbound.nextDue()))[0]?.due_at;
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

test('a bridge that dies doubts what it was sending, and not what it was putting in the place of a message', async (t) => {
  const store = await openStore({ directory: scratch(t), principal: 'telegram' });
  t.after(() => store.close());
  const to = { channel: 'telegram', conversation: 'telegram:1', chat: '1', message_ref: null } as const;
  const post = (key: string, more: Partial<outbound.Post> = {}) =>
    outbound.post({ ...to, key, kind: 'notice', turn_id: null, text: key, now: NOW, ...more });
  const claimed = async () => {
    const [[mine]] = await store.commit([outbound.claim('dead', NOW)]);
    assert.ok(mine);
    return mine;
  };
  const adopted = async () => (await store.commit([outbound.adopt('alive', NOW)]))[0]?.[0]?.uncertain;
  const done = async (mine: outbound.Outbound) =>
    store.commit([outbound.sent(mine, { now: NOW, refs_json: '[5]', last: true })]);

  await store.commit([post('first')]);
  await claimed();
  assert.equal(await adopted(), 1, 'it may have arrived');
  await done(await claimed());

  await store.commit([post('edit', { edits_key: 'first' })]);
  await claimed();
  assert.equal(await adopted(), 0, 'made twice, it is made once');
  const again = await claimed();
  await store.commit([outbound.anew(again)]);
  assert.equal(await adopted(), 1, 'what it was to replace is gone: it is a message of its own');
  await done(await claimed());

  await store.commit([post('nothing there', { edits_key: 'never sent' })]);
  await claimed();
  assert.equal(await adopted(), 1);
  await done(await claimed());

  const shown = { turn_id: 't', text_hash: 'h', draft_at: 1 };
  await store.commit([preview.begin({ ...shown, chat: '1', after_id: 5 }, NOW)]);
  await store.commit([preview.shown('t', { ...shown, state: 'shown', message_id: 6, now: NOW })]);
  await store.commit([post('answer', { kind: 'reply', turn_id: 't' })]);
  await claimed();
  assert.equal(await adopted(), 0, 'its preview becomes it');
});

test('while it is quiet, what nobody asked for waits and holds up nobody; what is critical passes', async (t) => {
  const store = await openStore({ directory: scratch(t), principal: 'telegram' });
  t.after(() => store.close());
  const to = { channel: 'telegram', conversation: 'telegram:1', chat: '1', message_ref: null } as const;
  const post = (key: string, more: Partial<outbound.Post> = {}) =>
    outbound.post({ ...to, key, kind: 'notice', turn_id: null, text: key, now: NOW, ...more });
  const sent = async (quiet: boolean) => {
    const [[mine]] = await store.commit([outbound.claim('me', NOW, quiet)]);
    if (mine) await store.commit([outbound.sent(mine, { now: NOW, refs_json: '[1]', last: true })]);
    return mine?.key ?? null;
  };
  await store.commit([
    post('job', { urgency: 'unasked' }),
    post('edit of it', { urgency: 'unasked', edits_key: 'job' }),
    post('answer'),
    post('fire', { urgency: 'critical' }),
  ]);
  assert.deepEqual([await sent(true), await sent(true), await sent(true)], ['answer', 'fire', null]);
  assert.equal(
    (await store.read(outbound.nextDue(true)))[0]?.due_at,
    null,
    'it waits for no time of its own',
  );
  assert.equal((await store.read(outbound.nextDue()))[0]?.due_at, NOW);
  assert.deepEqual([await sent(false), await sent(true)], ['job', 'edit of it'], 'an edit makes no sound');

  await store.commit([post('half', { urgency: 'unasked' })]);
  const [[half]] = await store.commit([outbound.claim('me', NOW)]);
  assert.ok(half);
  await store.commit([outbound.sent(half, { now: NOW, refs_json: '[2]', last: false })]);
  assert.equal(await sent(true), 'half', 'what has begun is ended');
});
