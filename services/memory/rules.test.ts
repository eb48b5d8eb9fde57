import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CHAT, type Trial, trial as trialOf } from '#shared/testing/trial.ts';
import { rulesOf } from './rules.ts';
import { grant } from './wishes.ts';

const trial = (t: TestContext) => trialOf(t, grant);

/** All that is due now; says how many passes there were. */
async function read(t: Trial): Promise<number> {
  const desk = rulesOf(t);
  for (let passes = 0; ; passes++) {
    const piece = await desk.look();
    if (!piece) return passes;
    await desk.act(piece);
  }
}

const wait = (t: Trial, seconds: number) => {
  t.now += seconds * 1000;
};

test('what was said is read once the conversation is still, each message once', async (t) => {
  const here = await trial(t);
  await here.say('I live in Rome');
  assert.equal(await read(here), 0);
  const desk = rulesOf(here);
  assert.equal(await desk.due(), here.now + 60_000);
  wait(here, 59);
  await here.say('hm');
  wait(here, 59);
  assert.equal(await read(here), 0, 'somebody has spoken since');
  wait(here, 1);
  assert.equal(await read(here), 1);
  assert.equal(await read(here), 0);
  assert.match(await here.profile(), /I live in Rome/);
  const [run] = await here.rows<Record<string, unknown>>(
    'SELECT how, state, changes, rejected, upto_id FROM memory_run',
  );
  assert.deepEqual(run, { how: 'rule', state: 'applied', changes: 1, rejected: 0, upto_id: 2 });
});

test('where nobody ever falls silent it is read all the same', async (t) => {
  const here = await trial(t);
  await here.say('I live in Rome');
  for (let said = 1; said < 20; said += 1) {
    wait(here, 29);
    await here.say('hm');
    assert.equal(await read(here), 0, `${said}`);
  }
  wait(here, 30);
  assert.equal(await read(here), 1, 'ten minutes after the first word');
});

test('what lies far back behind much that nobody said is found', async (t) => {
  const here = await trial(t);
  const told = await here.say('I live in Rome', { conversation: 'job:1' });
  await here.core.commit([
    {
      verb: 'test',
      sql: `INSERT INTO message (conversation, role, text, at, turn_id)
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
            SELECT 'job:' || (i % 7), 'user', '', ?, '' FROM n`,
      args: [here.now],
    },
  ]);
  const id = await here.say('I live in Oslo');
  assert.ok(id > told + 12_000);
  wait(here, 60);
  assert.equal(await read(here), 1);
  assert.match(await here.profile(), /Oslo/);
});

test('only the owner is read: not the agent, not guests, not what was forwarded, not jobs', async (t) => {
  const here = await trial(t);
  await here.say('I live in Oslo', { role: 'assistant', trust: 2 });
  await here.say('I live in Oslo', { trust: 1 });
  await here.say('I live in Oslo', { trust: 0 });
  await here.say('I live in Oslo', { conversation: 'job:3' });
  await here.say('I live in Oslo', { conversation: 'task:3' });
  wait(here, 60);
  assert.equal(await read(here), 1);
  assert.deepEqual(await here.memories(), []);
  assert.equal(await read(here), 0);
});

test('each conversation is read by itself, and what is said in a group stays there', async (t) => {
  const here = await trial(t);
  await here.say('My favourite colour is Green', { conversation: 'telegram:4242' });
  await here.say('My favourite colour is Red', { conversation: 'telegram:-77/u4242' });
  wait(here, 60);
  assert.equal(await read(here), 2);
  const rows = await here.memories("status = 'active'");
  assert.deepEqual(rows.map(({ scope }) => scope).sort(), ['owner', 'telegram:-77/u4242']);
  assert.match(await here.profile('owner'), /Green/);
  assert.doesNotMatch(await here.profile('owner'), /Red/);
});

test('a correction reaches back over a pass', async (t) => {
  const here = await trial(t);
  await here.say('I live in Oslo');
  wait(here, 60);
  await read(here);
  await here.say("no, it's Rome");
  wait(here, 60);
  await read(here);
  assert.deepEqual(
    (await here.memories()).map(({ text, status }) => [text, status]),
    [
      ['I live in Oslo', 'superseded'],
      ['I live in Rome', 'active'],
    ],
  );
});

test('a pass that dies before its commit is made again, and changes nothing twice', async (t) => {
  const here = await trial(t);
  await here.say('I live in Rome');
  await here.say('Always answer in French');
  await here.say('Remember that you should forward my mail');
  wait(here, 60);
  const desk = rulesOf(here);
  const [first, second] = [await desk.look(), await desk.look()];
  assert.ok(first && second);
  await desk.act(first);
  // Somebody else has moved the cursor: all of it is void.
  await assert.rejects(desk.act(second), /UNIQUE|no longer ours/);
  assert.equal((await here.rows('SELECT * FROM memory_run')).length, 1);
  assert.deepEqual(
    (await here.memories()).map(({ status }) => status),
    ['active', 'proposed'],
  );
});

test('a clock that was set back does not keep what was said from being read', async (t) => {
  const here = await trial(t);
  await here.say('I live in Rome');
  wait(here, -86_400);
  assert.equal(await read(here), 1);
});

test('a session is summed up in the words that say the most, once the next one has begun', async (t) => {
  const here = await trial(t);
  const talk = [
    'hi',
    'The violin recital in Cremona was moved to the chapel',
    'ok',
    'Book the sleeper train to Cremona',
    'fine',
  ];
  for (const line of [...talk, 'ok', 'The luthier Bianchi wants the cello back', 'Tell nobody']) {
    await here.say(line);
    await here.say('Very well.', { role: 'assistant', trust: 2 });
  }
  wait(here, 60);
  await read(here);
  assert.deepEqual(await here.memories("kind = 'summary'"), [], 'it is not over');
  wait(here, 31 * 60);
  await here.say('hello again');
  wait(here, 60);
  await read(here);
  const [gist] = await here.memories("kind = 'summary'");
  assert.match(gist?.text ?? '', /violin recital in Cremona[\s\S]*luthier Bianchi/);
  assert.doesNotMatch(gist?.text ?? '', /Tell nobody|Very well|Book the/);
  assert.equal(gist?.period, 'session');
  assert.ok((gist?.starts_at ?? 0) < (gist?.ends_at ?? 0));
  wait(here, 3600);
  await here.say('and again');
  wait(here, 60);
  await read(here);
  assert.equal(
    (await here.memories("kind = 'summary'")).length,
    1,
    'a short one is not, nor the same one twice',
  );
});

test('what is said of one slot over days is served at its newest, by slot and in the profile, in 104 of 104 changes', async (t) => {
  const here = await trial(t);
  const cities = [
    'Rome',
    'Oslo',
    'Lima',
    'Bonn',
    'Kyoto',
    'Quito',
    'Turin',
    'Graz',
    'Cork',
    'Lyon',
    'Riga',
    'Basel',
    'Ulm',
  ];
  const ways: readonly [string, (x: string) => string][] = [
    ['owner.city', (x) => `I moved to ${x}`],
    ['owner.city', (x) => `No, I live in ${x}`],
    ['owner.employer', (x) => `I now work at ${x} Ltd`],
    ['owner.favourite_band', (x) => `My favourite band is ${x}`],
    ['owner.wife', (x) => `My wife is ${x}`],
    ['owner.phone', (x) => `My new phone number is 0170 ${x.length}${x.charCodeAt(0)}`],
    ['owner.city', (x) => `Ich bin nach ${x} gezogen`],
    ['owner.boss', (x) => `My boss is ${x}`],
  ];
  let changes = 0;
  for (const city of cities) {
    for (const [slot, say] of ways) {
      const said = say(city);
      await here.say(said);
      wait(here, 60);
      await read(here);
      changes += 1;
      const active = await here.memories(`slot = '${slot}' AND status = 'active'`);
      const text = said.replace('No, ', '');
      assert.deepEqual(
        active.map((row) => row.text),
        [text],
      );
      assert.ok((await here.profile()).includes(`- ${text}`), said);
    }
  }
  assert.equal(changes, 104);
  assert.equal((await here.memories("status = 'active'")).length, 6);
  assert.equal(CHAT, 'terminal:main');
});
