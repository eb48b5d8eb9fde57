import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Api } from 'grammy/web';
import { httpFetch } from '#shared/base/fetch.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import type { Op } from '#shared/tables/op.ts';
import * as outbound from '#shared/tables/outbound.ts';
import { startBotApi } from '#shared/testing/bot-api.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { claim, deliver } from './deliver.ts';

const token = '7000001:test';

const message = {
  key: 'reply:1',
  channel: 'telegram',
  conversation: 'telegram:7',
  chat: '7',
  kind: 'reply',
  turn_id: null,
  text: 'hello yourself',
  message_ref: null,
} as const;

function contextOf(store: Store, now: () => number): Context<unknown> {
  const quiet = () => {};
  return {
    instance: 'telegram-1',
    store,
    clock: { now, mono: now },
    shared: { owner: { quiet: '' } },
    persist: (ops: readonly Op[]) => store.commit(ops),
    log: { info: quiet, warn: quiet, error: quiet },
  } as unknown as Context<unknown>;
}

/** A message of which `doubts` sends in a row get no clear answer, until it is sent or given up. */
async function doubted(t: TestContext, doubts: number): Promise<{ copies: number; row: outbound.Outbound }> {
  const bot = await startBotApi({ token });
  t.after(() => bot.close());
  const store = await openStore({ directory: scratch(t), principal: 'telegram' });
  t.after(() => store.close());
  let now = 1_000_000;
  const ctx = contextOf(store, () => now);
  const api = new Api(token, { apiRoot: bot.root, fetch: httpFetch() });
  await bot.say({ chat_id: 7, text: 'hello' });
  await bot.fault({ kind: 'drop_after', method: 'sendMessage', times: doubts });
  await store.commit([outbound.post({ ...message, now })]);
  for (;;) {
    const claimed = await claim(ctx);
    if (claimed) {
      await deliver(ctx, api, claimed);
      continue;
    }
    const [next] = await store.read(outbound.nextDue());
    if (!next?.due_at) break;
    now = next.due_at;
  }
  const [row] = await store.read<outbound.Outbound>({
    verb: 'test',
    sql: 'SELECT * FROM outbound',
    args: [],
  });
  assert.ok(row);
  return { copies: (await bot.sent()).length, row };
}

test('a reply is sent until somebody knows that it arrived, and is marked as possibly doubled', async (t) => {
  const { copies, row } = await doubted(t, 11);
  assert.deepEqual([row.state, row.uncertain, copies], ['sent', 11, 12]);
});

test('a reply that nobody ever hears the fate of is left to a person, and stands in no ones way', async (t) => {
  const { copies, row } = await doubted(t, 12);
  assert.deepEqual([row.state, copies], ['dead', 12]);
  assert.match(row.error ?? '', /nobody knows whether it arrived, after 12 tries/);
});

test('buttons are below the last part of a message, and nowhere else', async (t) => {
  const bot = await startBotApi({ token });
  t.after(() => bot.close());
  const store = await openStore({ directory: scratch(t), principal: 'telegram' });
  t.after(() => store.close());
  const ctx = contextOf(store, () => 1_000_000);
  const api = new Api(token, { apiRoot: bot.root, fetch: httpFetch() });
  await bot.say({ chat_id: 7, text: 'hello' });
  const button = { text: 'Yes', data: 'y'.repeat(64) };
  const text = `${'a'.repeat(4096)} ${'b'.repeat(10)}`;
  await store.commit([outbound.post({ ...message, text, buttons: [[button]], now: 1_000_000 })]);
  for (;;) {
    const claimed = await claim(ctx);
    if (!claimed) break;
    await deliver(ctx, api, claimed);
  }
  const [first, last] = await bot.sent();
  assert.equal(first?.message.reply_markup, undefined);
  const shown = [[{ text: 'Yes', callback_data: button.data }]];
  assert.deepEqual(last?.message.reply_markup?.inline_keyboard, shown);
});
