import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Api } from 'grammy/web';
import { httpFetch } from '#shared/base/fetch.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openStore } from '#shared/store/store.ts';
import type { Op } from '#shared/tables/op.ts';
import * as outbound from '#shared/tables/outbound.ts';
import { startBotApi } from '#shared/testing/bot-api.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { claim, deliver } from './deliver.ts';

const token = '7000001:test';

/** A message of which `doubts` sends in a row get no clear answer, until it is sent or given up. */
async function doubted(t: TestContext, doubts: number): Promise<{ copies: number; row: outbound.Outbound }> {
  const bot = await startBotApi({ token });
  t.after(() => bot.close());
  const store = await openStore({ directory: scratch(t), principal: 'telegram' });
  t.after(() => store.close());
  let now = 1_000_000;
  const quiet = () => {};
  const ctx = {
    instance: 'telegram-1',
    store,
    clock: { now: () => now, mono: () => now },
    persist: (ops: readonly Op[]) => store.commit(ops),
    log: { info: quiet, warn: quiet, error: quiet },
  } as unknown as Context<unknown>;
  const api = new Api(token, { apiRoot: bot.root, fetch: httpFetch() });
  await bot.say({ chat_id: 7, text: 'hello' });
  await bot.fault({ kind: 'drop_after', method: 'sendMessage', times: doubts });
  await store.commit([
    outbound.post({
      key: 'reply:1',
      channel: 'telegram',
      conversation: 'telegram:7',
      chat: '7',
      kind: 'reply',
      turn_id: null,
      text: 'hello yourself',
      message_ref: null,
      now,
    }),
  ]);
  for (;;) {
    const message = await claim(ctx);
    if (message) {
      await deliver(ctx, api, message);
      continue;
    }
    const [next] = await store.read(outbound.nextDue);
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
