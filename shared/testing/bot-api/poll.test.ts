import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { GrammyError } from 'grammy';
import {
  chat_id,
  day_ms,
  descriptionOf,
  eventually,
  refused,
  testbed,
  token,
  waitingPoll,
} from './testbed.ts';

describe('getUpdates', { concurrency: true }, () => {
  test('an update is told again until a higher offset confirms it', async (t) => {
    const { bot, api, next } = await testbed(t);
    await bot.say({ chat_id, text: 'one' });
    await bot.say({ chat_id, text: 'two' });
    const texts = async (offset: number) =>
      (await api.getUpdates({ offset })).map((update) => update.message?.text);
    assert.deepEqual(await texts(next), ['one', 'two']);
    assert.deepEqual(await texts(0), ['one', 'two']);
    assert.deepEqual(await texts(next + 1), ['two']);
    assert.deepEqual(await texts(0), ['two']);
    const { offset, updates, pending } = await bot.confirmed();
    assert.deepEqual(
      [offset, updates.map((update) => update.update_id), pending],
      [next + 1, [next - 1, next], [next + 1]],
    );
  });

  test('a waiting poll is answered when a message arrives', async (t) => {
    const { bot, api, next } = await testbed(t);
    const poll = api.getUpdates({ offset: next, timeout: 50 });
    await waitingPoll(bot);
    const said_ms = performance.now();
    await bot.say({ chat_id, text: 'now' });
    assert.equal((await poll)[0]?.message?.text, 'now');
    assert.ok(performance.now() - said_ms < 30_000);
  });

  test('a batching wait collects what is said in the same moment', async (t) => {
    const { bot, api, next } = await testbed(t, { batch_ms: 20 });
    const poll = api.getUpdates({ offset: next, timeout: 50 });
    await waitingPoll(bot);
    await Promise.all([bot.say({ chat_id, text: 'one' }), bot.say({ chat_id, text: 'two' })]);
    assert.equal((await poll).length, 2);
  });

  test('limit is clamped to 1 and 100', async (t) => {
    const { bot, api, next } = await testbed(t);
    for (let i = 0; i < 101; i++) await bot.say({ chat_id, text: `${i}` });
    assert.equal((await api.getUpdates({ offset: 0, limit: 0 })).length, 1);
    assert.equal((await api.getUpdates({ offset: next, limit: 101 })).length, 100);
  });

  test('a negative offset keeps the last ones and forgets the rest', async (t) => {
    const { bot, api, next } = await testbed(t);
    for (const text of ['one', 'two', 'three']) await bot.say({ chat_id, text });
    assert.deepEqual(
      (await api.getUpdates({ offset: -2 })).map((update) => update.update_id),
      [next + 1, next + 2],
    );
    assert.deepEqual((await bot.confirmed()).updates.length, 1, 'forgotten is not confirmed');
  });

  test('an offset that the queue cannot know is ignored', async (t) => {
    const { bot, api, next } = await testbed(t);
    await bot.say({ chat_id, text: 'one' });
    const tail = next + 1;
    assert.equal((await api.getUpdates({ offset: tail + 11 })).length, 1);
    assert.equal((await api.getUpdates({ offset: next - 100_001 })).length, 1);
    assert.equal((await api.getUpdates({ offset: next - 100_000 })).length, 1);
    assert.equal((await api.getUpdates({ offset: tail + 10 })).length, 0, 'ten ahead still confirms');
    assert.deepEqual((await bot.confirmed()).pending, []);
  });

  test('a poller that does not advance is slowed down', async (t) => {
    const { bot, api, next } = await testbed(t);
    await bot.say({ chat_id, text: 'one' });
    await bot.say({ chat_id, text: 'two' });
    assert.equal((await api.getUpdates({ offset: next + 2 })).length, 0);
    await bot.say({ chat_id, text: 'three' });
    await bot.say({ chat_id, text: 'four' });
    assert.equal(
      (await api.getUpdates({ offset: next + 2, limit: 5 })).length,
      1,
      'one at a time within 0.5 s',
    );
    assert.equal((await api.getUpdates({ offset: next + 4 })).length, 0);
    const started_ms = performance.now();
    assert.equal((await api.getUpdates({ offset: next + 4, timeout: 0 })).length, 0);
    assert.ok(performance.now() - started_ms >= 2_990, 'a timeout below 3 s becomes 3 s');
  });

  test('of two polls the older one ends with 409, and the next 409 is held back for 3 s', async (t) => {
    const { bot, api, next } = await testbed(t);
    const poll = () => api.getUpdates({ offset: next, timeout: 50 });
    const conflict =
      'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running';
    const first = descriptionOf(poll());
    await waitingPoll(bot);
    const second = descriptionOf(poll());
    assert.equal(await first, conflict);
    await waitingPoll(bot);
    const started_ms = performance.now();
    const third = poll();
    assert.equal(await second, conflict);
    assert.ok(performance.now() - started_ms >= 2_990);
    await bot.say({ chat_id, text: 'for the newest' });
    assert.equal((await third).length, 1);
  });

  test('a poll that finds updates disturbs no waiting one', async (t) => {
    const { bot, api, next } = await testbed(t);
    const waiting = api.getUpdates({ offset: next, timeout: 50 });
    await waitingPoll(bot);
    assert.deepEqual(await api.getUpdates({ offset: next + 5 }), [], 'nor does one that does not wait');
    await bot.say({ chat_id, text: 'one' });
    assert.equal((await waiting).length, 1);
  });

  test('a client that goes away frees its waiting poll', async (t) => {
    const { bot, api, next } = await testbed(t);
    const leaving = new AbortController();
    const poll = assert.rejects(api.getUpdates({ offset: next, timeout: 50 }, leaving.signal as never));
    const call = await waitingPoll(bot);
    leaving.abort();
    await poll;
    await eventually('the call to end', async () => {
      const record = (await bot.calls()).find(({ seq }) => seq === call.seq);
      return record?.outcome === 'client gone' ? record : undefined;
    });
    const other = api.getUpdates({ offset: next, timeout: 50 });
    await waitingPoll(bot);
    await bot.say({ chat_id, text: 'one' });
    assert.equal((await other).length, 1);
    assert.ok((await bot.calls()).every(({ status }) => status !== 409));
  });

  test('updates expire by kind: messages a day after their date, callback queries after 150 s', async (t) => {
    const { bot, api, next } = await testbed(t);
    const pending = async (offset: number) => {
      await api.getUpdates({ offset });
      return (await bot.confirmed()).pending.map((id) => id - next);
    };
    await bot.say({ chat_id, text: 'lives a day' });
    await bot.push({ callback_query: { id: '1', data: 'x' } });
    await bot.push({ inline_query: { id: '1', query: 'x' } });
    await bot.jump(28_000);
    assert.deepEqual(await pending(0), [0, 1, 2]);
    await bot.jump(3_000);
    assert.deepEqual(await pending(-100), [0, 1]);
    await bot.jump(117_000);
    assert.deepEqual(await pending(0), [0, 1]);
    await bot.jump(3_000);
    assert.deepEqual(await pending(-100), [0]);
    await bot.jump(day_ms - 153_000);
    assert.deepEqual(await pending(0), [0]);
    await bot.jump(4_000);
    assert.deepEqual(await pending(-100), []);
    const now_s = Math.floor((Date.now() + 2 * day_ms) / 1_000);
    await bot.jump(day_ms - 1_000);
    const old = await bot.say({ chat_id, text: 'too old', more: { date: now_s - 86_401 } });
    assert.equal(old.update_id, null, 'what is older than a day is never queued');
    const fresh = await bot.say({ chat_id, text: 'fresh', more: { date: now_s - 86_000 } });
    assert.equal(fresh.update_id, next + 3);
  });

  test('allowed_updates is remembered and applies to updates created from then on', async (t) => {
    const { bot, api, next } = await testbed(t);
    assert.equal(await bot.push({ message_reaction: { date: 2e9 } }), null, 'not among the default kinds');
    await api.getUpdates({ offset: next, allowed_updates: ['message_reaction'] });
    assert.equal(await bot.push({ message_reaction: { date: 2e9 } }), next);
    assert.equal((await bot.say({ chat_id, text: 'unwanted' })).update_id, null);
    await api.getUpdates({ offset: next + 1 });
    assert.equal((await bot.say({ chat_id, text: 'still unwanted' })).update_id, null);
    await fetch(`${bot.root}/bot${token}/getUpdates?offset=${next + 2}&allowed_updates=[oops`);
    assert.equal((await bot.say({ chat_id, text: 'bad JSON changes nothing' })).update_id, null);
    await api.getUpdates({ offset: next + 1, allowed_updates: [] });
    assert.equal((await bot.say({ chat_id, text: 'the default again' })).update_id, next + 1);
    assert.equal(await bot.push({ kind_of_tomorrow: 'whatever' }), next + 2, 'unknown kinds always pass');
  });

  test('an answer stops at 4 MiB, and an update above 512 KiB is dropped', async (t) => {
    const { bot, api, next } = await testbed(t);
    const envelope_bytes = JSON.stringify({ x: '' }).length;
    const largest = 'x'.repeat(512 * 1024 - envelope_bytes);
    assert.equal(await bot.push({ x: `${largest}x` }), null);
    for (let i = 0; i < 9; i++) assert.equal(await bot.push({ x: largest }), next + i);
    assert.equal((await api.getUpdates({ offset: next + 1 })).length, 7);
  });

  test('after a week of silence update ids start anew', async (t) => {
    const { bot, api, next } = await testbed(t);
    await bot.jump(8 * day_ms);
    const { update_id } = await bot.say({ chat_id, text: 'long time no see' });
    assert.notEqual(update_id, next);
    assert.equal((await api.getUpdates({ offset: 1 }))[0]?.update_id, update_id);
  });

  test('a webhook stops getUpdates until it is deleted', async (t) => {
    const { bot, api, next } = await testbed(t);
    await refused(
      api.setWebhook('http://example.com'),
      'Bad Request: bad webhook: An HTTPS URL must be provided for webhook',
    );
    const poll = descriptionOf(api.getUpdates({ offset: next, timeout: 50 }));
    await waitingPoll(bot);
    await eventually('the second after the first try', async () => {
      const told = await api.setWebhook('https://example.com').catch((error: GrammyError) => error);
      if (told === true) return true;
      assert.equal((told as GrammyError).description, 'Too Many Requests: retry after 1');
      return undefined;
    });
    assert.equal(await poll, 'Conflict: terminated by setWebhook request');
    const active = descriptionOf(api.getUpdates({ offset: next }));
    assert.equal((await api.getWebhookInfo()).url, 'https://example.com');
    await bot.say({ chat_id, text: 'meanwhile' });
    assert.equal(
      await active,
      "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    );
    await api.deleteWebhook();
    assert.equal((await api.getUpdates({ offset: next })).length, 1);
    await api.deleteWebhook({ drop_pending_updates: true });
    assert.deepEqual((await bot.confirmed()).pending, []);
  });
});
