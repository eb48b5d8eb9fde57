/** Who is let in: by a code, once, in time, and only so often wrong. With the bridge as a real process. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { GOOD_ms, hashOf, newCode } from '#shared/base/pairing-code.ts';
import * as pairing from '#shared/tables/pairing.ts';
import { vigil } from '#shared/testing/cli.ts';
import { buildHouse, type House, OWNER } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

let house: House;

before(async () => {
  house = await buildHouse();
  await house.serve('telegram');
});
after(() => house.close());

const say = (id: number, text: string) =>
  house.bot.say({ chat_id: id, text, from: { id, first_name: `U${id}` } });
/** What the bot says next in a chat, after `text` was written there. */
async function told(id: number, text: string): Promise<string> {
  const count = (await house.bot.sent({ chat_id: id })).length;
  await say(id, text);
  return until(`${id} hears of it`, async () => (await house.bot.sent({ chat_id: id }))[count]?.text);
}
const code = async (): Promise<string> =>
  JSON.parse((await vigil(house.home, ['pair', '--json'])).stdout).code;
/** What becomes of a message. */
async function fate(id: number, text: string): Promise<string> {
  await say(id, text);
  return until('it is stored', async () => {
    const rows = await house.read<{ state: string; payload_json: string }>(
      'SELECT * FROM inbound WHERE sender = ?',
      String(id),
    );
    return rows.find((row) => row.payload_json.includes(JSON.stringify(text)))?.state;
  });
}

test('whoever sends the code of vigil pair is an owner, the owners hear of it, and vigil members can end it', async () => {
  await say(OWNER, 'hello');
  assert.match(await told(50, 'hello'), /Telegram id, which is 50/);
  const printed = await vigil(house.home, ['pair']);
  const shown = printed.stdout.trim();
  assert.match(shown, /^[2-9A-HJKMNP-Z]{8}$/);
  assert.ok(printed.stderr.includes(`https://t.me/test_bot?start=${shown}`));
  assert.match(await told(50, `/start ${shown.toLowerCase()}`), /^You are in, U50/);
  assert.equal(await fate(50, 'now?'), 'pending');
  const warned = await house.bot.waitSent((one) => one.chat_id === OWNER);
  assert.match(warned.text, /^U50 \(50\) was let in.*vigil members remove 50$/);

  const { stdout } = await vigil(house.home, ['members']);
  assert.match(stdout, /4242 +– +owner/);
  assert.match(stdout, /50 +U50 +owner +a code/);
  assert.equal((await vigil(house.home, ['members', 'remove', '50'])).code, 0);
  assert.equal(await fate(50, 'and now?'), 'refused');
  assert.equal((await vigil(house.home, ['members', 'remove', '50'])).code, 78, 'nobody is removed twice');
  const owner = await vigil(house.home, ['members', 'remove', String(OWNER)]);
  assert.match(owner.stderr, /is an owner by config\.toml/);
  assert.match(await told(50, await code()), /^You are in/, 'and may be let in again');
});

test('a code works once, also when two send it at the same moment', async () => {
  const shared = await code();
  await Promise.all([say(60, shared), say(61, shared)]);
  const texts = await until('both hear', async () => {
    const sent = [60, 61].map((chat_id) => house.bot.sent({ chat_id }));
    const [one, two] = (await Promise.all(sent)).map((list) => list[0]?.text);
    return one !== undefined && two !== undefined && [one, two];
  });
  assert.equal(texts.filter((text) => text.startsWith('You are in')).length, 1);
  const rows = await house.read(`SELECT 1 FROM member WHERE user_id IN (60, 61)`);
  assert.equal(rows.length, 1);
});

test('a code that is over lets nobody in', async () => {
  const store = await house.store();
  const over = newCode();
  const now = Date.now();
  const hash = hashOf(over) ?? '';
  await store.commit([pairing.open({ hash, created_at: now - GOOD_ms - 1000, expires_at: now - 1000 })]);
  assert.match(await told(70, over), /wrong, used, or more than ten minutes old/);
});

test('after five wrong codes a right one is refused too, and others may still try', async () => {
  for (let tries = 0; tries < 5; tries++) assert.match(await told(80, newCode()), /is wrong/);
  const right = await code();
  assert.match(await told(80, right), /^Too many wrong codes/);
  assert.match(await told(81, right), /^You are in/);
  const tried = await house.read<{ outcome: string; n: number }>(
    `SELECT outcome, count(*) AS n FROM pairing_attempt WHERE sender = '80' GROUP BY 1 ORDER BY 1`,
  );
  assert.deepEqual(tried, [
    { outcome: 'refused', n: 1 },
    { outcome: 'wrong', n: 5 },
  ]);
});

test('an owner whom the config names anew is in at once, and half an edit shuts nobody out', async () => {
  const file = house.home.config;
  const config = readFileSync(file, 'utf8');
  assert.equal(await fate(90, 'me?'), 'refused');
  writeFileSync(file, config.replace(`owners = [${OWNER}]`, `owners = [${OWNER}, 90]`));
  assert.equal(await fate(90, 'me now?'), 'pending');
  writeFileSync(file, config.replace(`owners = [${OWNER}]`, 'owners = ['));
  assert.equal(await fate(90, 'still?'), 'pending');
  writeFileSync(file, config);
  assert.equal(await fate(90, 'and now?'), 'refused');
});
