/** What the bridge does by itself: core is not even started here. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { commands } from '#shared/commands.ts';
import { prepareHome } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as poller from '#shared/tables/poller.ts';
import { buildHouse, type House, OWNER, TOKEN } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

async function bridge(t: TestContext, config = ''): Promise<House> {
  const house = await buildHouse();
  t.after(() => house.close());
  const file = house.home.config;
  writeFileSync(file, readFileSync(file, 'utf8').replace('[telegram]\n', `[telegram]\n${config}\n`));
  await house.serve('telegram');
  return house;
}

/** What the bot says next in the owner's chat, after `text` was written there. */
async function told(house: House, text: string): Promise<string> {
  const count = (await house.bot.sent({ chat_id: OWNER })).length;
  await house.bot.say({ chat_id: OWNER, text, from: { id: OWNER, first_name: 'Ann' } });
  return until('it answers', async () => (await house.bot.sent({ chat_id: OWNER }))[count]?.text);
}

test('without core, what Vigil is, costs and can be told is answered all the same', async (t) => {
  const house = await bridge(t);
  assert.match(await told(house, '/start'), /^Hello, Ann\./);
  assert.match(await told(house, '/help'), /^\/stop: (.*\n)+\/halt \[why\]: /);
  const status = await told(house, '/status');
  assert.match(status, /^Vigil \d+\.\d+\.\d+\n/);
  assert.match(status, /^telegram: ready$/m);
  assert.match(status, /^Waiting for an answer: 0$/m);
  assert.match(status, /^Today: \$0\.00 of \$/m);
  assert.match(status, /^In groups I can hear everything\.$/m);
  assert.match(await told(house, '/statsu'), /^There is no \/statsu\./);
});

test('a halt is a file, a message is kept meanwhile, and its sender told once', async (t) => {
  const house = await bridge(t);
  assert.match(
    await told(house, '/halt it is too loud'),
    /^All is halted: .*\/halt by Ann: it is too loud\n/,
  );
  assert.match(readFileSync(house.home.halted, 'utf8'), /too loud/);
  assert.match(await told(house, '/halt'), /too loud/, 'the first reason stands');
  assert.match(await told(house, 'are you there?'), /halted.*kept/);
  await house.bot.say({ chat_id: OWNER, text: 'hello?', from: { id: OWNER } });
  assert.match(await told(house, '/status'), /^HALTED: .*too loud$/m, 'and nothing was said in between');
  const kept = await house.read<{ text: string }>(
    `SELECT text FROM inbound WHERE state = 'pending' ORDER BY id`,
  );
  assert.deepEqual(
    kept.map(({ text }) => text),
    ['are you there?', 'hello?'],
  );
  assert.equal(await told(house, '/resume'), 'It goes on.');
  assert.ok(!existsSync(house.home.halted));
  assert.equal(await told(house, '/resume'), 'Nothing was halted.');
});

test('a halt and its end that come together are done in their order', async (t) => {
  const house = await buildHouse();
  t.after(() => house.close());
  for (const text of ['/halt', 'hello', '/resume']) {
    await house.bot.say({ chat_id: OWNER, text, from: { id: OWNER } });
  }
  await house.serve('telegram');
  const texts = await until('all are answered', async () => {
    const sent = await house.bot.sent({ chat_id: OWNER });
    return sent.length === 3 && sent.map(({ text }) => text);
  });
  assert.match(
    texts.join('\n'),
    /^All is halted.*\n.*\nAll is halted\. What you write is kept.*\nIt goes on\.$/,
  );
  assert.ok(!existsSync(house.home.halted));
});

test('a command for core waits for it as a press, and the menu shows them all', async (t) => {
  const house = await bridge(t);
  await house.bot.say({ chat_id: OWNER, text: '/model quick', from: { id: OWNER } });
  const [press] = await until('it is stored', async () => {
    const rows = await house.read<{ data: string; channel: string }>('SELECT data, channel FROM press');
    return rows.length > 0 && rows;
  });
  assert.deepEqual({ ...press }, { data: '/model quick', channel: 'telegram' });
  const [menu] = await house.bot.calls({ method: 'setMyCommands' });
  const shown: { command: string }[] = JSON.parse(menu?.args.commands ?? '[]');
  assert.deepEqual(
    shown.map(({ command }) => command),
    commands.filter(({ hidden }) => !hidden).map(({ name }) => name),
  );
});

test('the menu is set again only when it is another one', async (t) => {
  const house = await buildHouse();
  t.after(() => house.close());
  for (let start = 0; start < 2; start++) {
    const running = await house.serve('telegram');
    await until('it polls', async () => (await house.bot.calls({ method: 'getUpdates' })).length > start);
    await running.stop();
  }
  assert.equal((await house.bot.calls({ method: 'setMyCommands' })).length, 1);
});

test('after a day without Telegram the owners hear that something may be lost, and after less they do not', async (t) => {
  const house = await buildHouse();
  t.after(() => house.close());
  prepareHome(house.home);
  const bot_id = Number.parseInt(TOKEN, 10);
  const away = async (ms: number) => {
    const store = await openStore({ directory: house.home.state, principal: 'telegram' });
    const now = Date.now();
    const me = { name: 'test_bot', reads_groups: true };
    await store.commit([poller.introduce(bot_id, me, now), poller.heard(bot_id, now - ms)]);
    await store.close();
    await house.bot.say({ chat_id: OWNER, text: 'hello', from: { id: OWNER } });
    const running = await house.serve('telegram');
    await until('Telegram is heard', async () => {
      const rows = await house.read<{ heard_at: number }>('SELECT heard_at FROM poller');
      return (rows[0]?.heard_at ?? 0) >= now;
    });
    await running.stop();
    const sql = `SELECT text FROM outbound WHERE key LIKE 'outage:%'`;
    return (await house.read<{ text: string }>(sql)).map(({ text }) => text);
  };
  assert.deepEqual(await away(86_400_000 - 60_000), []);
  const [text = ''] = await away(86_400_000 + 60_000);
  assert.match(text, /^I could not hear Telegram for 24 hours\..*may be lost/);
});

test('a group that becomes a supergroup goes on there, with what waits for it and its conversations', async (t) => {
  const house = await bridge(t, 'groups = [{ chat = -55, senders = "members", mention = "always" }]');
  const inGroup = (chat_id: number, text: string) => house.bot.say({ chat_id, text, from: { id: OWNER } });
  await inGroup(-55, 'hello');
  await house.bot.migrate({ chat_id: -55, to: -1_000_000_000_055 });
  await inGroup(-1_000_000_000_055, 'and now?');
  const store = await house.store();
  const to = { channel: 'telegram', conversation: 'telegram:-55/u4242', chat: '-55' } as const;
  const reply = {
    key: 'r',
    kind: 'reply',
    turn_id: null,
    text: 'hello yourself',
    message_ref: null,
  } as const;
  await store.commit([outbound.post({ ...to, ...reply, now: Date.now() })]);
  const arrived = await house.bot.waitSent((one) => one.chat_id === -1_000_000_000_055);
  assert.equal(arrived.text, 'hello yourself');
  const rows = await until('it is stored', async () => {
    const sql = `SELECT chat, conversation FROM inbound WHERE state = 'pending' ORDER BY id`;
    const stored = await house.read<{ chat: string; conversation: string }>(sql);
    return stored.length === 2 && stored;
  });
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    [
      { chat: '-55', conversation: 'telegram:-55/u4242' },
      { chat: '-1000000000055', conversation: 'telegram:-55/u4242' },
    ],
  );
});
