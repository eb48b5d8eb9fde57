/** The whole way of a /forget in a chat, with the bridge, core and memory as processes: nothing that showed it keeps it. */

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { prepareHome } from '#shared/runtime/home.ts';
import { FILE } from '#shared/store/store.ts';
import { buildHouse, OWNER } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { bytesOf, speak } from '#shared/testing/spoken.ts';

const AT = Date.now() - 3_600_000;
const conversation = `telegram:${OWNER}`;
/** Too short to be looked for by itself, in sentences too long to be shown whole. */
const WORD = 'Zq8x';
const LONG = 'and that is how it has been ever since the day on which we came here '.repeat(4);

test('what was asked, shown, pressed and answered on the way to a forgetting is forgotten with it', async (t) => {
  const house = await buildHouse();
  t.after(() => house.close());
  const { home, bot } = house;
  prepareHome(home);
  const said = { conversation, at: AT };
  await speak(home, [
    { ...said, turn: '01-a', text: 'good morning', answer: 'good morning to you' },
    {
      ...said,
      turn: '02-b',
      text: `my pin is ${WORD} ${LONG}`,
      answer: 'noted',
      memory: `pin ${WORD} ${LONG}`,
    },
    { ...said, turn: '03-c', text: 'and what was it', answer: `pin ${WORD} ${LONG}`, at: AT + 1000 },
  ]);
  // The agent asked once whether to forget it, and was told no.
  const db = new Database(join(home.state, FILE));
  const insert = (table: string, row: Record<string, unknown>) =>
    db
      .prepare(`INSERT INTO ${table} (${Object.keys(row)}) VALUES (${Object.keys(row).map(() => '?')})`)
      .run(...Object.values(row));
  insert('tool_call', {
    ...{ id: 'call-x', turn_id: '01-a', round: 2, place: 0, use_id: 'u', conversation, channel: 'telegram' },
    ...{ tool: 'forget', input_json: '{"id":1}', state: 'denied', created_at: AT, finished_at: AT },
  });
  const scope = `forget for good: pin ${WORD}`;
  insert('approval', {
    ...{
      id: 'a-x',
      call_id: 'call-x',
      turn_id: '01-a',
      conversation,
      kind: 'approval',
      tool: 'forget',
      scope,
    },
    ...{ choices_json: '[]', state: 'denied', asked_at: AT, expires_at: AT },
  });
  for (const [key, turn_id] of [
    ['approval:a-x', '01-a'],
    ['approval:a-x:over', '01-a'],
    ['memory:ask:7,1:5', null],
    ['pressed:memory:confirm:1', null],
    ['wish:1', null],
  ])
    insert('outbound', {
      ...{ key, channel: 'telegram', conversation, chat: `${OWNER}`, kind: 'notice', turn_id, text: scope },
      ...{ state: 'sent', due_at: AT, changed_at: AT, created_at: AT, finished_at: AT },
    });
  db.close();
  for (const name of ['memory', 'core', 'telegram'] as const) await house.serve(name);

  const last = async (what: RegExp) =>
    until(`the chat is told ${what}`, async () =>
      (await bot.sent({ chat_id: OWNER })).findLast(({ text }) => what.test(text ?? '')),
    );
  const say = (text: string) => bot.say({ chat_id: OWNER, text, from: { id: OWNER } });
  await say('/memory');
  await last(/^Facts:/);
  await say(`/memory what was ${WORD}`);
  await last(/^- \[/m);
  await say(`/remember the other pin: ${WORD} as well`);
  await last(/^I will remember/);
  await until(
    'it is remembered',
    async () => (await house.read('SELECT 1 FROM memory WHERE id > 2')).length > 0,
  );
  await say(`/forget\n${WORD}`);
  const preview = await last(/^Forget this for good/);
  assert.match(preview.text ?? '', /Remembered:\n#1 .*\n#3 .*\n\nSaid, .*/);

  const files = () =>
    readdirSync(home.directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  const rows = (where: string) => house.read(`SELECT 1 FROM ${where} LIKE '%${WORD}%'`);
  assert.ok((await rows('press WHERE data')).length >= 3);
  assert.ok((await rows('outbound WHERE text')).length >= 8);
  assert.ok((await rows('approval WHERE scope')).length >= 2);
  assert.ok(bytesOf(files(), WORD) > 40, 'it is there before');

  const button = preview.message.reply_markup?.inline_keyboard[0]?.[0];
  assert.ok(button && 'callback_data' in button);
  assert.equal(button.text, 'Forget it');
  await bot.press({
    chat_id: OWNER,
    message_id: preview.message_id,
    data: button.callback_data,
    from: { id: OWNER },
  });
  const { text: outcome } = await last(/^(Not f|F)orgotten/);
  assert.match(outcome ?? '', /^Forgotten: 4 messages and 3 memories, .*Nothing of it is left in the store/);
  assert.deepEqual(
    files().filter((file) => bytesOf([file], WORD) > 0),
    [],
  );
  assert.equal((await house.read('SELECT 1 FROM message')).length, 2, 'what it does not concern stays');
});
