/** Jobs as their owner has them: set up in the chat, run by the whole house, heard of in the chat, and not at night. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import * as schedule from '#shared/tables/schedule.ts';
import * as slot from '#shared/tables/slot.ts';
import { buildHouse, type House, OWNER, type Suite } from '#shared/testing/house.ts';
import { type Phone, phoneOf } from '#shared/testing/phone.ts';
import { until } from '#shared/testing/scratch.ts';

let house: House;
let phone: Phone;
let suite: Suite;

const HOUR_ms = 3_600_000;

/** `22:00-07:30`, so that now is in it, or not. */
function hours(from_h: number, to_h: number): string {
  const shown = (h: number) => new Date(Date.now() + h * HOUR_ms).toTimeString().slice(0, 5);
  return `${shown(from_h)}-${shown(to_h)}`;
}

before(async () => {
  house = await buildHouse({ key: false, config: `[owner]\nquiet = "${hours(3, 6)}"\n` });
  suite = await house.start();
  phone = phoneOf(house, OWNER);
});
after(() => house.close());

const call = (tool: string, input: object) => `call tool ${tool} with ${JSON.stringify(input)}`;
/** Far enough ahead that it is still to come when the call of the tool is looked at. */
const soon = () => `at ${new Date(Date.now() + 6000).toISOString().slice(0, 19)}Z`;
const history = async (job: string) => (await house.store()).read(slot.ofJob(job, 9));
const ended = (job: string) =>
  until(`${job} has ended`, async () => (await history(job)).find(({ finished_at }) => finished_at !== null));

test('what is set up in the chat is done on time, and its owner hears what came of it', async () => {
  await phone.ask(
    call('schedule_create', { name: 'tea', when: soon(), prompt: 'echo The tea is ready.' }),
    /"tea" .*next on/,
  );
  await phone.hear(/^The tea is ready\./);
  const done = await ended('tea');
  assert.equal(done.state, 'done');
  assert.ok((done.started_at ?? 0) - done.due_at < 30_000, `${(done.started_at ?? 0) - done.due_at} ms late`);
  const [turn] = await house.read<{ unasked: number; conversation: string }>(
    `SELECT unasked, conversation FROM turn WHERE conversation = 'job:${done.id}'`,
  );
  assert.equal(turn?.unasked, 1);
  await phone.ask('/jobs', /Nothing is done on a schedule here/);
});

test('a command runs without a model, tells what it prints, and is silent when it prints nothing', async (t) => {
  const probe = await phone.ask(call('run_command', { command: 'true' }), /^Tool run_command /);
  if (!/exit code 0/.test(probe.text)) return t.skip(probe.text);
  const calls = async () => (await house.read<{ n: number }>('SELECT count(*) AS n FROM call'))[0]?.n;
  await phone.ask(
    call('schedule_create', { name: 'loud', when: soon(), command: 'echo 91 percent' }),
    /next on/,
  );
  await phone.ask(call('schedule_create', { name: 'still', when: soon(), command: 'true' }), /next on/);
  await phone.ask(call('schedule_create', { name: 'bad', when: soon(), command: 'exit 3' }), /next on/);
  const before = await calls();
  await phone.hear(/loud:\s*\n91 percent/);
  assert.equal((await ended('still')).reason, 'nothing to say');
  const failed = await ended('bad');
  assert.deepEqual([failed.state, failed.reason], ['failed', 'exit code 3']);
  await phone.hear(/The job "bad" failed: exit code 3/);
  assert.equal(await calls(), before, 'no model was asked');
});

test('what the command of a job wants to reach is asked when it is made, and not again when it runs', async () => {
  const input = { name: 'feed', when: 'at 2099-01-01T09:00', command: 'curl -sm1 https://feed.invalid' };
  await phone.say(call('schedule_create', input));
  const asked = await phone.hear(/curl -sm1 https:\/\/feed\.invalid[\s\S]*It may reach: feed\.invalid/);
  await phone.press(asked, /Approve once/);
  await phone.hear(/"feed".*next on/);
  const store = await house.store();
  const [job] = await store.read(schedule.named('feed'));
  assert.deepEqual(JSON.parse(job?.grants_json ?? ''), { hosts: ['feed.invalid'], paths: [] });
  const { id: _, ...same } = job ?? assert.fail();
  await store.commit([schedule.put({ ...same, spec: soon(), at: Date.now() })]);
  await ended('feed');
  const [open] = await house.read<{ n: number }>(`SELECT count(*) AS n FROM approval`);
  assert.equal(open?.n, 1, 'nobody was asked again');
});

test('at night the words of jobs wait, an answer does not, and in the morning there is one message', async () => {
  await suite.stop();
  const config = readFileSync(house.home.config, 'utf8');
  writeFileSync(house.home.config, config.replace(/quiet = ".*"/, `quiet = "${hours(-2, 2)}"`));
  suite = await house.start();
  for (const name of ['one', 'two']) {
    const input = { name, when: soon(), prompt: `echo It is *${name}*.` };
    await phone.ask(call('schedule_create', input), /next on/);
  }
  await ended('one');
  await ended('two');
  await phone.ask('echo still awake', /^still awake/);
  const held = () =>
    house.read<{ key: string; state: string }>(
      `SELECT key, state FROM outbound WHERE urgency = 'unasked' AND state = 'pending' AND turn_id IS NOT NULL`,
    );
  assert.equal((await held()).length, 2);
  await suite.stop();
  writeFileSync(house.home.config, config);
  suite = await house.start();
  const digest = await phone.hear(/^\d messages that could wait:/);
  assert.match(digest.text, /\d\d:\d\d\n[\s\S]*It is one\.[\s\S]*\d\d:\d\d\n[\s\S]*It is two\./);
  assert.deepEqual(await held(), []);
});
