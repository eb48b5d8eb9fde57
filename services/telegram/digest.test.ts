import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '#shared/store/store.ts';
import * as outbound from '#shared/tables/outbound.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { digestOf, gather, isQuiet, nextDue } from './digest.ts';
import { render } from './markdown.ts';

test('a digest says when each thing was said, and what was plain stays as it is', () => {
  const at = (time: string) => new Date(`2026-11-22T${time}:00`).getTime();
  const text = digestOf([
    { text: 'It is *fine*.', format: 'markdown', created_at: at('23:05') },
    { text: 'a_b * [c](d) #1 `x` <y> \\z', format: 'plain', created_at: at('03:40') },
  ]);
  assert.equal(
    render(text).text,
    '2 messages that could wait:\n\n23:05\nIt is fine.\n\n03:40\na_b * [c](d) #1 `x` <y> \\z',
  );
});

test('what waits in a chat becomes one message; files, buttons, and what is alone or asked for stay their own', async (t) => {
  const store = await openStore({ directory: scratch(t), principal: 'telegram' });
  t.after(() => store.close());
  let now = new Date('2026-11-22T23:00:00').getTime();
  const quiet = () => {};
  const desk = {
    store,
    clock: { now: () => now, mono: () => now },
    shared: { owner: { quiet: '22:00-07:30' } },
    log: { info: quiet },
  } as unknown as Parameters<typeof gather>[0];
  const post = (key: string, chat: string, more: Partial<outbound.Post> = {}) =>
    outbound.post({
      ...{ key, channel: 'telegram', conversation: `telegram:${chat}`, chat, kind: 'notice', turn_id: null },
      ...{ text: key, message_ref: null, now, urgency: 'unasked', ...more },
    });
  await store.commit([
    post('one', '1'),
    post('alone', '2'),
    post('button', '1', { buttons: [[{ text: 'Yes', data: 'y' }]] }),
    post('asked', '1', { urgency: 'asked' }),
    post('two', '1'),
  ]);
  assert.equal(isQuiet(desk), true);
  assert.equal(await nextDue(desk), now, 'what was asked for is due at once');
  await store.commit([outbound.claim('me', now, true)]);
  assert.equal(await nextDue(desk), new Date('2026-11-23T07:30:00').getTime());

  now = new Date('2026-11-23T07:30:00').getTime();
  assert.equal(isQuiet(desk), false);
  await gather(desk);
  await gather(desk);
  const rows = await store.read<outbound.Outbound>({
    verb: 'test',
    sql: 'SELECT * FROM outbound ORDER BY id',
    args: [],
  });
  const [one, alone, button, , two] = rows;
  assert.match(one?.text ?? '', /^2 messages[\s\S]*one[\s\S]*two$/);
  assert.deepEqual([two?.state, two?.error], ['sent', `told in outbound ${one?.id}`]);
  assert.deepEqual([alone?.text, button?.text], ['alone', 'button']);
});

test('words of the watchdog are in the digest too, and are as far as it is', async (t) => {
  for (const others of [[], ['job:1']]) {
    const store = await openStore({ directory: scratch(t), principal: 'telegram' });
    t.after(() => store.close());
    const now = new Date('2026-11-23T07:30:00').getTime();
    const log = { info: () => {} };
    const desk = { store, clock: { now: () => now }, log } as unknown as Parameters<typeof gather>[0];
    const words = [outbound.tellingKey('a', 1), ...others, outbound.tellingKey('b', 1)];
    const place = { channel: 'telegram', conversation: 'telegram:1', chat: '1', message_ref: null } as const;
    await store.commit(
      words.map((key) =>
        outbound.post({
          ...{ ...place, key, kind: 'notice', turn_id: null, text: key, urgency: 'unasked', now },
          ...(key.startsWith('telling:') && { buttons: [[{ text: 'Seen', data: 'alert:acknowledge:1' }]] }),
        }),
      ),
    );
    await gather(desk);
    await gather(desk);
    const standings = async () => (await store.read(outbound.standing([...words]))).map(({ state }) => state);
    assert.ok((await standings()).every((state) => state === 'pending'));
    const [[digest], [more]] = await store.commit([outbound.claim('me', now), outbound.claim('me', now)]);
    assert.equal(more, undefined, 'it is one message');
    assert.ok(
      digest && words.every((key) => digest.text.includes(key.replaceAll(':', '&#58;'))),
      digest?.text,
    );
    assert.equal(outbound.tellingOf(digest.key), null, 'another route does not end it');
    await store.commit([outbound.sent(digest, { now, refs_json: '[1]', last: true })]);
    assert.ok((await standings()).every((state) => state === 'sent'));
  }
});
