/** The bridge as a real process that is killed while it shows an answer that is being written. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openStore, type Store } from '#shared/store/store.ts';
import * as draft from '#shared/tables/draft.ts';
import * as outbound from '#shared/tables/outbound.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

let house: House;
let core: Store;
before(async () => {
  house = await buildHouse();
  core = await openStore({ directory: house.home.state, principal: 'core' });
});
after(async () => {
  await core.close();
  await house.close();
});

const CHAT = 4242;

/** What stands in the chat at the end, when the bridge is killed over a request that hangs. */
async function killedOver(method: 'sendMessage' | 'editMessageText', turn_id: string): Promise<string[]> {
  const { message_id } = await house.bot.say({ chat_id: CHAT, text: 'hello' });
  const to = { turn_id, channel: 'telegram', conversation: 'telegram:x', chat: String(CHAT) } as const;
  const about = { ...to, message_ref: String(message_id) };
  const seen = (await house.bot.sent()).length;
  const write = (text: string) =>
    core.commit([draft.write({ ...about, text, status: null, now: Date.now() })]);
  const hangs = () =>
    until(`${method} hangs`, async () =>
      (await house.bot.calls({ method })).some(
        ({ outcome, args }) => outcome === 'fault: hang' && args.text?.includes(turn_id),
      ),
    );
  const first = await house.serve('telegram');
  if (method === 'editMessageText') {
    await write(`${turn_id} one`);
    await until('the preview stands', async () => (await house.bot.sent({ after: seen })).length > 0);
  }
  await house.bot.fault({ kind: 'hang', method, times: 1 });
  await write(`${turn_id} two`);
  await hangs();
  first.child.kill('SIGKILL');
  await first.exit;
  const second = await house.serve('telegram');
  const now = Date.now();
  await core.commit([
    draft.close(turn_id, now),
    outbound.post({
      ...about,
      key: `reply:${turn_id}`,
      kind: 'reply',
      text: `${turn_id} **end**`,
      format: 'markdown',
      now,
    }),
  ]);
  await until('the answer is out', async () => {
    const rows = await house.read<{ state: string }>(`SELECT state FROM outbound WHERE turn_id = ?`, turn_id);
    return rows.every(({ state }) => state === 'sent');
  });
  await second.stop();
  const shown = new Map((await house.bot.sent({ after: seen })).map((one) => [one.message_id, one.text]));
  return [...shown.values()];
}

test('a bridge that is killed over the first words shows the answer once', async () => {
  assert.deepEqual(await killedOver('sendMessage', 'a'), ['a end']);
});

test('a bridge that is killed over an edit shows the answer once, in the place of the preview', async () => {
  assert.deepEqual(await killedOver('editMessageText', 'b'), ['b end']);
});
