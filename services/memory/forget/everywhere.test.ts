/** A secret word enters in every way a message can, through a real house; /forget takes it; no byte of it is left in the home. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildHouse, type House, OWNER, type Suite } from '#shared/testing/house.ts';
import { type Phone, phoneOf } from '#shared/testing/phone.ts';
import { until } from '#shared/testing/scratch.ts';

/** One plain word: what holds it is found by whose row it is, never by the word. */
const WORD = 'Quolvaxzebra';

let house: House;
let phone: Phone;
const services: Suite[] = [];

before(async () => {
  house = await buildHouse({ config: '[memory]\nrules_after_s = 0\n' });
  phone = phoneOf(house, OWNER);
  for (const name of ['telegram', 'router', 'tools', 'core', 'memory'] as const)
    services.push(await house.serve(name));
});

after(() => house.close());

/** The files of the home that hold the word, in small letters or large; each is read whole. */
function holding(): string[] {
  const { directory } = house.home;
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((file) => `${file}\n${readFileSync(file, 'latin1')}`.toLowerCase().includes(WORD.toLowerCase()));
}

const count = async (sql: string) =>
  (await house.read<{ n: number }>(`SELECT count(*) AS n FROM ${sql}`))[0]?.n ?? 0;

test('whatever way a word came in, /forget takes it, to the last byte of the home', async () => {
  const document = await house.bot.upload({
    name: `${WORD}.txt`,
    mime: 'text/plain',
    text: `it says ${WORD}`,
  });
  house.model.script((request) => {
    const words = JSON.stringify(request.messages.at(-1)?.content);
    if (!/use your tools/.test(words)) return `I have heard of ${WORD}.`;
    return {
      text: `Let me see ${WORD}.`,
      thinking: `what is ${WORD}`,
      tools: [
        { name: 'use_tool', input: { name: 'recall', input: { query: WORD } } },
        { name: 'use_tool', input: { name: 'remember', input: { text: `There is a ${WORD}` } } },
        { name: 'run_command', input: { command: `echo ${WORD}` } },
      ],
    };
  });
  const heard = /I have heard/;
  await phone.ask(`My cat is called ${WORD}.`, heard);
  await phone.say(undefined, { caption: `a file of ${WORD}`, document });
  await phone.hear(heard);
  const from = { type: 'hidden_user', sender_user_name: `Ann ${WORD}`, date: 1 } as const;
  await phone.say(`Dear ${WORD}`, { forward_origin: from });
  await phone.hear(heard);
  const quote = { text: `said ${WORD}`, position: 0 };
  await phone.say(`what of ${WORD}?`, { external_reply: { origin: from }, quote });
  await phone.hear(heard);
  const corrected = await phone.say(`the first was ${WORD}`);
  await phone.hear(heard);
  await house.bot.edit({ chat_id: OWNER, message_id: corrected, text: `the second was ${WORD}` });
  await phone.say(`and I edited ${WORD}`);
  await phone.hear(heard);
  await phone.ask(`use your tools on ${WORD}`, heard);
  await phone.ask(`/remember My dog is called ${WORD}`, /I will remember/);
  await phone
    .say(`the third was ${WORD}`)
    .then((message_id) => house.bot.edit({ chat_id: OWNER, message_id, text: 'the third was another' }));
  await phone.hear(heard);
  await phone.ask('and what else is there?', heard);
  await until('the rules have read it', async () => (await count(`memory WHERE text LIKE '%${WORD}%'`)) > 2);
  await phone.ask(`/memory ${WORD}`, /called/);
  assert.ok(holding().length > 1, 'it is there before');

  await until('all is answered', async () => (await count("turn WHERE state <> 'done'")) === 0);
  const shown = await phone.ask(`/forget ${WORD}`, /Forget this for good/);
  await phone.press(shown, /Forget it/);
  const told = await phone.hear(/Forgotten|Not forgotten/);
  assert.match(told.text, /^Forgotten:/);
  assert.doesNotMatch(told.text, new RegExp(WORD, 'i'));
  for (const service of services.reverse()) await service.stop();
  assert.deepEqual(holding(), []);
});
