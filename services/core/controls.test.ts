/** Every button and command on a real store. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { systemClock } from '#shared/base/clock.ts';
import { uuid } from '#shared/base/ids.ts';
import { NANO } from '#shared/base/money.ts';
import { commands } from '#shared/commands.ts';
import { homeOf, prepareSocket, socketOf } from '#shared/runtime/home.ts';
import { Fenced, openStore } from '#shared/store/store.ts';
import type * as alert_wish from '#shared/tables/alert_wish.ts';
import * as allowance from '#shared/tables/allowance.ts';
import * as conversation from '#shared/tables/conversation.ts';
import * as draft from '#shared/tables/draft.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as incident from '#shared/tables/incident.ts';
import type { Op } from '#shared/tables/op.ts';
import type { Button } from '#shared/tables/outbound.ts';
import * as press from '#shared/tables/press.ts';
import * as schedule from '#shared/tables/schedule.ts';
import { windowId } from '#shared/tables/spend.ts';
import * as telling from '#shared/tables/telling.ts';
import * as turn from '#shared/tables/turn.ts';
import type * as wish from '#shared/tables/wish.ts';
import { put } from '#shared/testing/remembered.ts';
import { scratch } from '#shared/testing/scratch.ts';
import type { Control } from './controls/control.ts';
import { answered, control, unitOf } from './controls.ts';

const CHAT = { channel: 'telegram', chat: '7', conversation: 'telegram:7', sender: '7' } as const;
const shared = { model: { name: 'default' }, budget: { day_usd: 3, month_usd: 40 } } as never;
const now = Date.UTC(2026, 10, 22, 12);

async function build(t: TestContext) {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  mkdirSync(home.state, { recursive: true });
  writeFileSync(home.config, '[telegram]\nowners = [7]\n');
  const open = (principal: string) => openStore({ directory: home.state, principal, flush: 'normal' });
  const [store, tools, router] = [await open('core'), await open('tools'), await open('router')];
  t.after(() => Promise.all([store.close(), tools.close(), router.close()]));
  const desk = { store, home, shared, clock: { ...systemClock, now: () => now } };
  const read = <Row>(sql: string, ...args: (string | number)[]) =>
    store.read<Row>({ verb: 'test', sql, args });

  /** What comes of a press; `before` happens between the decision and its commit. */
  async function say(
    data: string,
    by: Partial<press.Received> = {},
    before?: () => Promise<void>,
  ): Promise<Control> {
    const one = {
      source: 't',
      source_key: uuid(Date.now()),
      ...CHAT,
      data,
      message_ref: '5',
      received_at: now,
      ...by,
    };
    await store.commit([press.receive(one)]);
    const [pressed] = await store.read(press.next);
    assert.ok(pressed);
    const decided = await control(desk, pressed);
    await before?.();
    await store.commit(unitOf(pressed, decided, now));
    return decided;
  }
  return {
    store,
    tools,
    router,
    home,
    desk,
    read,
    say,
    told: () =>
      read<{ text: string; channel: string; buttons_json: string | null }>(
        'SELECT * FROM outbound ORDER BY id',
      ),
    rulings: () =>
      read<{ about: string; choice: string; given_by: string }>('SELECT about, choice, given_by FROM ruling'),
    async turn(state: 'running' | 'held' | 'done', id = uuid(Date.now())): Promise<turn.Turn> {
      await store.commit([
        inbound.receive({
          source: 't',
          source_key: id,
          ...CHAT,
          text: 'hello',
          message_ref: null,
          payload_json: '{}',
          received_at: now,
          state: 'pending',
          note: null,
        }),
      ]);
      const [[mine]] = await store.commit([
        turn.open(id, { owner: 'o', boot_id: 'b', now, until_at: now + 1000 }),
        inbound.take(id, 10),
      ]);
      assert.ok(mine);
      const ends: Op[] =
        state === 'held'
          ? [turn.hold(mine, { now, error: 'in circles' })]
          : state === 'done'
            ? [turn.finish(mine, { now, state, error: null }), inbound.close(id, 'answered')]
            : [];
      await store.commit(ends);
      return mine;
    },
    async approval(
      id: string,
      kind: 'approval' | 'question',
      choices: string[],
      state = 'open',
    ): Promise<void> {
      await tools.commit([
        {
          verb: 'test',
          sql: `INSERT INTO approval (id, call_id, turn_id, conversation, kind, tool, scope, choices_json, state, asked_at, expires_at)
                VALUES (?, 'c', 't', 'telegram:7', ?, 'run_command', 'git push', ?, ?, ?, ?)`,
          args: [id, kind, JSON.stringify(choices), state, now, now + 1000],
        },
      ]);
    },
  };
}

const stateOf = async (house: Awaited<ReturnType<typeof build>>, id: string) =>
  (await house.store.read(turn.of(id)))[0]?.state;

test('every command that core answers is answered', () => {
  const declared = commands.filter(({ who }) => who === 'core').map(({ name }) => name);
  assert.deepEqual(answered.filter((name) => name !== 'help').sort(), declared.sort());
});

test('/stop ends what is in work here, and only here', async (t) => {
  const house = await build(t);
  const mine = await house.turn('running');
  const elsewhere = await house.say('/stop', { conversation: 'telegram:8', chat: '8' });
  assert.equal(elsewhere.outcome, 'nothing to stop');
  assert.equal(await stateOf(house, mine.id), 'running');
  const { stopped } = await house.say('/stop');
  assert.equal(stopped, mine.id);
  assert.equal(await stateOf(house, mine.id), 'done');
  const [row] = await house.read<{ state: string }>('SELECT state FROM inbound');
  assert.equal(row?.state, 'dead');
  const [decision] = await house.read<{ action: string; sender: string }>('SELECT * FROM decision');
  assert.deepEqual([decision?.action, decision?.sender], ['stop', '7']);
  assert.equal((await house.say('/stop')).outcome, 'nothing to stop');
});

test('what was still being written when its turn was stopped is not shown again', async (t) => {
  const house = await build(t);
  const { id: turn_id } = await house.turn('running');
  const row = { turn_id, ...CHAT, message_ref: null, text: 'Hel', status: null, now };
  await house.store.commit([draft.write(row)]);
  await house.say('/stop');
  await house.store.commit([draft.write({ ...row, text: 'Hello' })]);
  const [left] = await house.store.read(draft.of(turn_id));
  assert.deepEqual([left?.open, left?.text], [0, 'Hel']);
});

test('the Stop button stops its own turn, waiting, running or held, and no later one', async (t) => {
  const house = await build(t);
  const done = await house.turn('done');
  assert.equal((await house.say(`stop:${done.id}`)).outcome, 'too late');
  const held = await house.turn('held');
  assert.equal((await house.say(`stop:${held.id}`)).stopped, held.id);
  assert.equal(await stateOf(house, held.id), 'done');
});

test('a turn that ends while its stop is decided has ended, and the press is judged anew', async (t) => {
  const house = await build(t);
  const mine = await house.turn('running');
  const ends = async () => {
    await house.store.commit([turn.finish(mine, { now, state: 'done', error: null })]);
  };
  await assert.rejects(house.say(`stop:${mine.id}`, {}, ends), Fenced);
  const [pressed] = await house.store.read(press.next);
  assert.ok(pressed, 'it waits to be judged');
  assert.equal((await control(house.desk, pressed)).outcome, 'too late');
});

test('a held turn goes on when Retry is pressed, once nothing else is in work, and ends with Drop', async (t) => {
  const house = await build(t);
  const held = await house.turn('held');
  const other = await house.turn('running');
  const busy = await house.say(`retry:${held.id}`);
  assert.equal(busy.outcome, 'busy');
  assert.equal(busy.buttons?.flat()[0]?.data, `retry:${held.id}`);
  await house.say(`stop:${other.id}`);
  assert.equal((await house.say(`retry:${held.id}`)).outcome, 'released');
  assert.equal(await stateOf(house, held.id), 'waiting');
  assert.equal((await house.say(`drop:${held.id}`)).outcome, 'too late');
  await house.say('/stop');
  const second = await house.turn('held');
  assert.equal((await house.say(`drop:${second.id}`)).outcome, 'dropped');
  assert.equal(await stateOf(house, second.id), 'done');
});

test('a thumb is kept, the last one counts; of the first one down it is asked what was wrong, once', async (t) => {
  const house = await build(t);
  const { id } = await house.turn('done');
  const kept = async () =>
    (await house.read('SELECT turn_id, good, why, sender FROM rating')).map((row) => ({ ...Object(row) }));
  assert.equal((await house.say(`good:${id}`)).tell, null);
  assert.deepEqual(await house.told(), []);
  const { tell, buttons } = await house.say(`bad:${id}`);
  assert.equal(tell, 'What was wrong with it?');
  assert.deepEqual(
    buttons?.flat().map(({ data }) => data),
    [`made-up:${id}`, `unhelpful:${id}`],
  );
  assert.deepEqual(await kept(), [{ turn_id: id, good: 0, why: null, sender: '7' }]);
  assert.equal((await house.say(`made-up:${id}`)).outcome, 'made up');
  assert.equal((await house.say(`bad:${id}`)).tell, null);
  assert.deepEqual(await kept(), [{ turn_id: id, good: 0, why: 'made up', sender: '7' }]);
  await house.say(`unhelpful:${id}`);
  assert.deepEqual(await kept(), [{ turn_id: id, good: 0, why: 'not helpful', sender: '7' }]);
  await house.say(`good:${id}`);
  assert.deepEqual(await kept(), [{ turn_id: id, good: 1, why: null, sender: '7' }]);
});

test('an approval is answered by its buttons and by typing, with a choice that it has, while it is open', async (t) => {
  const house = await build(t);
  const [one, two] = ['0190aaaa-1111-7000-8000-000000000001', '0190bbbb-1111-7000-8000-000000000002'];
  await house.approval(one, 'approval', ['once', 'deny']);
  await house.approval(two, 'approval', ['once', 'always', 'deny'], 'expired');
  assert.equal((await house.say(`always:${one}`)).outcome, 'no such choice');
  assert.equal((await house.say(`once:${two}`)).outcome, 'too late');
  assert.equal((await house.say(`once:${one}`)).tell, null);
  assert.equal((await house.say('/approve 000001 deny')).outcome, 'deny');
  assert.equal((await house.say('/approve 00001 deny')).outcome, 'unknown', 'too short to be meant');
  assert.deepEqual(
    (await house.rulings()).map((row) => ({ ...row })),
    [
      { about: `approval ${one}`, choice: 'once', given_by: '7' },
      { about: `approval ${one}`, choice: 'deny', given_by: '7' },
    ],
  );
});

test('what waits in private is not told where others read along', async (t) => {
  const house = await build(t);
  await house.approval('0190aaaa-1111-7000-8000-000000000001', 'approval', ['once', 'deny']);
  await house.say('/task make it green check: npm test');
  const group = { chat: '-100', conversation: 'telegram:-100/u7' };
  assert.match((await house.say('/approve', group)).tell ?? '', /^Nothing waits/);
  assert.equal((await house.say('/approve 000001 once', group)).outcome, 'unknown');
  assert.equal((await house.say('/task 1', group)).outcome, 'unknown');
  const private_too = { chat: '8', conversation: 'telegram:8' };
  assert.match((await house.say('/approve', private_too)).tell ?? '', /git push/);
  assert.equal((await house.say('/task 1', private_too)).outcome, 'shown');
});

test('two approvals whose ids end alike are told apart by more of their ids', async (t) => {
  const house = await build(t);
  const ids = ['0190aaaa-1111-7000-8000-100000000001', '0190aaaa-2222-7000-8000-200000000001'];
  for (const id of ids) await house.approval(id, 'approval', ['once', 'always', 'deny']);
  const { outcome, tell } = await house.say('/approve 000001 once');
  assert.equal(outcome, 'ambiguous');
  const shown = [...(tell ?? '').matchAll(/^(\d+) /gm)].map(([, id]) => id);
  assert.deepEqual(shown, ['100000000001', '200000000001']);
  assert.equal((await house.say(`/approve ${shown[1]} always`)).outcome, 'always');
  assert.deepEqual(
    (await house.rulings()).map(({ about }) => about),
    [`approval ${ids[1]}`],
  );
});

test('a question is answered by the number of a choice that it has', async (t) => {
  const house = await build(t);
  const id = '0190aaaa-1111-7000-8000-000000000001';
  await house.approval(id, 'question', ['red', 'blue']);
  assert.equal((await house.say(`answer:${id}:2`)).outcome, 'no such choice');
  assert.equal((await house.say(`once:${id}`)).outcome, 'no such choice');
  assert.equal((await house.say(`answer:${id}:1`)).outcome, '1');
  await house.say('/approve 000001 0');
  assert.deepEqual(
    (await house.rulings()).map(({ choice }) => choice),
    ['1', '0'],
  );
});

test('what is always allowed is listed, and taken back by its number', async (t) => {
  const house = await build(t);
  const sql = `INSERT INTO permission (tool, rule_json, scope, given_by, given_at) VALUES ('run_command', '{}', 'npm test', '7', 1)`;
  await house.tools.commit([{ verb: 'test', sql, args: [] }]);
  assert.match((await house.say('/approve permissions')).tell ?? '', /^1\. run_command: npm test$/m);
  assert.equal((await house.say('/approve revoke 2')).outcome, 'unknown');
  await house.say('/approve revoke 1');
  assert.deepEqual(
    (await house.rulings()).map(({ about, choice }) => [about, choice]),
    [['permission 1', 'revoke']],
  );
});

test('whoever is no owner allows nothing, spends nothing, and learns nothing of it', async (t) => {
  const house = await build(t);
  const id = '0190aaaa-1111-7000-8000-000000000001';
  await house.approval(id, 'approval', ['once', 'always', 'deny']);
  for (const data of [
    `once:${id}`,
    `deny:${id}`,
    '/approve',
    '/cost',
    '/model deep',
    '/persona',
    '/task a check: b',
    'raise:t:1',
  ]) {
    assert.equal((await house.say(data, { owner: false })).outcome, 'not allowed', data);
  }
  assert.deepEqual(await house.rulings(), []);
  const mine = await house.turn('running');
  const stranger = { owner: false, conversation: 'telegram:9', chat: '9', sender: '9' };
  assert.equal((await house.say(`stop:${mine.id}`, stranger)).outcome, 'too late');
  assert.equal(
    (await house.say(`stop:${mine.id}`, { owner: false })).outcome,
    'stopped',
    "one stops one's own",
  );
});

test('/new begins the conversation anew', async (t) => {
  const house = await build(t);
  await house.say('/new');
  assert.equal((await house.store.read(conversation.of('telegram:7')))[0]?.fresh_at, now);
});

test('/model chooses what answers here, refuses what the router does not know, and bears with a router that is away', async (t) => {
  const house = await build(t);
  const alias = async () => (await house.store.read(conversation.of('telegram:7')))[0]?.alias;
  assert.match((await house.say('/model')).tell ?? '', /^default answers here/);
  await house.say('/model some-model');
  assert.equal(await alias(), 'some-model', 'the router is away: it will judge');
  assert.match((await house.say('/model')).tell ?? '', /^some-model answers here/);
  const router = createServer((request, response) => {
    response.statusCode = request.url === '/v1/models/their-model' ? 200 : 404;
    response.end('{}');
  });
  const path = socketOf(house.home, 'router');
  prepareSocket(path);
  router.listen(path);
  await once(router, 'listening');
  t.after(() => {
    router.close();
    router.closeAllConnections();
  });
  assert.equal((await house.say('/model quikc')).outcome, 'unknown');
  assert.equal((await house.say('/model a b')).outcome, 'unknown');
  assert.equal(await alias(), 'some-model');
  await house.say('/model their-model');
  assert.equal(await alias(), 'their-model');
  await house.say('/model deep');
  assert.equal(await alias(), 'deep');
  await house.say('/model local/llama');
  assert.equal(await alias(), 'local/llama');
  await house.say('/model usual');
  assert.equal(await alias(), null);
});

test('/cost tells today and this month against their limits, and what was added', async (t) => {
  const house = await build(t);
  const today = windowId('day', 'day', now);
  const day = `INSERT INTO spend (id, budget, starts_at, spent_nanousd, held_nanousd, calls) VALUES (?, 'day', 1, ?, 0, 3)`;
  await house.router.commit([{ verb: 'test', sql: day, args: [today, NANO / 2] }]);
  await house.store.commit([allowance.give({ spend_id: today, nanousd: NANO, by: '7', now })]);
  const { tell } = await house.say('/cost');
  assert.equal(tell, 'Today: $0.50 of $4.00\nThis month: $0.00 of $40.00');
});

test('/jobs lists the schedules of this conversation, pauses, resumes and deletes them', async (t) => {
  const house = await build(t);
  const { sender: _, ...where } = CHAT;
  const job = {
    name: 'morning news',
    state: 'active',
    spec: '0 8 * * *',
    prompt: 'tell me',
    given_by: '7',
    at: 1,
  } as const;
  await house.store.commit([
    schedule.put({ ...job, ...where }),
    schedule.put({ ...job, ...where, name: 'theirs', conversation: 'telegram:8' }),
  ]);
  const states = async () => (await house.store.read(schedule.of('telegram:7'))).map(({ state }) => state);
  const { tell } = await house.say('/jobs');
  assert.match(tell ?? '', /^morning news: 0 8 \* \* \*: tell me/);
  assert.doesNotMatch(tell ?? '', /theirs/);
  await house.say('/jobs pause morning news');
  assert.deepEqual(await states(), ['paused']);
  assert.equal((await house.say('/jobs pause morning news')).outcome, 'nothing to do');
  await house.say('/jobs resume morning news');
  assert.deepEqual(await states(), ['active']);
  assert.equal((await house.say('/jobs delete theirs')).outcome, 'unknown');
  await house.say('/jobs delete morning news');
  assert.deepEqual(await states(), []);
});

const wishes = async (house: Awaited<ReturnType<typeof build>>) =>
  (await house.read<wish.Wish>('SELECT * FROM wish ORDER BY id')).map(
    ({ kind, scope, text, memory_id, targets_json, given_by, tainted }) => ({
      ...{ kind, scope, text, memory_id, given_by, tainted },
      targets: targets_json === null ? null : JSON.parse(targets_json),
    }),
  );

test('/memory lists what is remembered, by kind and a page at a time, and asks about what waits', async (t) => {
  const house = await build(t);
  assert.match((await house.say('/memory')).tell ?? '', /^I remember nothing yet/);
  await put(house.home.state, {
    memories: [
      { scope: 'owner', text: 'Drinks tea.', kind: 'preference' },
      { scope: 'owner', text: 'Always send mail to Bob.', kind: 'instruction', status: 'proposed' },
      { scope: 'telegram:8', text: 'Their secret.' },
      ...Array.from({ length: 21 }, (_, n) => ({ scope: 'owner', text: `Fact ${n}.` })),
      { scope: 'owner', text: 'A page says so.', status: 'quarantined', trust: 0 },
    ],
  });
  const { tell, buttons } = await house.say('/memory');
  assert.match(
    tell ?? '',
    /^Shall I keep this\?\n#25 A page says so\.\n#2 Always send mail to Bob\.\n\nWhat you like:\n#1 Drinks tea\.\n\nFacts:\n#24 Fact 20\./,
  );
  assert.doesNotMatch(tell ?? '', /Their secret|Fact 1\./);
  assert.deepEqual(
    buttons?.flat().map(({ data }: Button) => data),
    ['memory:confirm:25', 'memory:reject:25', 'memory:confirm:2', 'memory:reject:2', '/memory 2'],
  );
  const second = await house.say('/memory 2');
  assert.match(second.tell ?? '', /^Facts:\n#5 Fact 1\.\n#4 Fact 0\.\n\n\/memory <words>/);
  const elsewhere = await house.say('/memory', { conversation: 'telegram:-100/u7', chat: '-100' });
  assert.match(elsewhere.tell ?? '', /^I remember nothing yet/, 'a group learns nothing of what is private');
});

test("what waits for the owner's word is kept or dropped by them, once, and by nobody else", async (t) => {
  const house = await build(t);
  await put(house.home.state, {
    memories: [
      { scope: 'owner', text: 'Always call Bob.', status: 'proposed' },
      { scope: 'owner', text: 'Drinks tea.' },
      { scope: 'telegram:8', text: 'Never call Bob.', status: 'proposed' },
    ],
  });
  assert.equal((await house.say('memory:confirm:1', { owner: false })).outcome, 'not allowed');
  assert.equal((await house.say('memory:confirm:2')).outcome, 'too late', 'that is in force');
  assert.equal((await house.say('memory:confirm:3')).outcome, 'too late', 'that is not theirs');
  assert.equal((await house.say('memory:eat:1')).outcome, 'too late');
  assert.match((await house.say('memory:confirm:1')).tell ?? '', /^I keep #1: Always call Bob\.$/);
  assert.deepEqual(await wishes(house), [
    { kind: 'confirm', scope: 'owner', text: null, memory_id: 1, given_by: '7', tainted: 0, targets: null },
  ]);
});

test('/remember passes on what shall be remembered', async (t) => {
  const house = await build(t);
  assert.equal((await house.say('/remember')).outcome, 'unclear');
  await house.say('/remember my bike is red');
  assert.deepEqual(await wishes(house), [
    {
      ...{ kind: 'remember', scope: 'owner', text: 'my bike is red', memory_id: null },
      ...{ given_by: '7', tainted: 0, targets: null },
    },
  ]);
  await house.say('/remember I may do all', { owner: false, conversation: 'telegram:-1/u9', sender: '9' });
  const [, others] = await wishes(house);
  assert.deepEqual([others?.scope, others?.tainted], ['telegram:-1/u9', 1], 'it waits for an owner');
});

/** Memories of tea, what they rest on, an answer that repeats it, and what was said elsewhere or since. */
async function tea(house: Awaited<ReturnType<typeof build>>): Promise<void> {
  const said = [
    { id: 1, turn_id: 'turn-1', text: 'I like it green, in the morning', at: 1 },
    { id: 2, turn_id: 'turn-2', text: 'Tea at five?', at: now - 1 },
    { id: 3, turn_id: 'turn-3', text: 'our tea', at: 1, conversation: 'telegram:-100/u7' },
    { id: 4, turn_id: 'turn-4', text: 'tea: I like it green, in the morning', at: now + 1 },
    { id: 5, turn_id: 'turn-5', text: 'As you say: "I like it green, in the morning"', at: now - 2 },
    { id: 6, turn_id: 'turn-6', text: 'a steak, medium', at: 1 },
  ];
  await house.store.commit(
    said.map(({ id, turn_id, text, at, conversation = 'telegram:7' }) => ({
      verb: 'test',
      sql: `INSERT INTO message (id, conversation, role, text, at, turn_id) VALUES (?, ?, ?, ?, ?, ?)`,
      args: [id, conversation, id === 5 ? 'assistant' : 'user', text, at, turn_id],
    })),
  );
  await put(house.home.state, {
    memories: [
      { scope: 'owner', text: 'Likes green tea.', sources: [1], recorded_at: 1 },
      { scope: 'owner', text: 'Lives in Bonn.', recorded_at: 1 },
      { scope: 'owner', text: 'Learnt since: tea at five.', recorded_at: now + 1 },
      { scope: 'owner', text: 'Likes a steak.', recorded_at: 1 },
    ],
    passages: said.map((one) => ({ scope: one.conversation ?? 'owner', ...one })),
  });
}

const dataOf = ({ buttons }: Control) => buttons?.flat().map(({ data }: Button) => data) ?? [];

test('/forget shows what has the words, and what it was made of, and forgets just that when it is confirmed', async (t) => {
  const house = await build(t);
  await tea(house);
  const asked = await house.say('/forget TEA');
  assert.match(
    asked.tell ?? '',
    /^Forget this for good\?\n\nRemembered:\n#1 Likes green tea\.\n\nSaid, each question with its answer:\n- .* said: I like it green, .*\n- .* said: Tea at five\?\n\nAll of it: message 2, .*memory 1/,
  );
  assert.deepEqual(await wishes(house), [], 'nothing yet');
  const [all = '', , some = ''] = dataOf(asked);
  const other = { conversation: 'telegram:8' };
  assert.equal((await house.say(all, other)).outcome, 'too late', 'nobody forgets for others');
  await house.say(some);
  assert.match((await house.say(all)).tell ?? '', /^I forget it now/);
  assert.deepEqual(
    (await wishes(house)).map(({ kind, targets }) => [kind, targets]),
    [
      ['forget', { memories: [1], turns: [] }],
      ['forget', { memories: [1], turns: ['turn-2', 'turn-1'] }],
    ],
  );
});

test('what repeats it stays unless it is taken along, and what came since is not meant', async (t) => {
  const house = await build(t);
  await tea(house);
  const asked = await house.say('/forget #1');
  assert.match(
    asked.tell ?? '',
    /Said, .*\n- .*: I like it green, in the morning\n\nAll of it: .*\n\nThis stays, unless it shall go too:\n(- .*\n)?- .*: As you say: .* \(the same words\)/,
  );
  const [plain = '', also = ''] = dataOf(asked);
  assert.deepEqual(
    asked.buttons?.flat().map(({ text }: Button) => text),
    ['Forget it', 'Also these', 'Only the memories'],
  );
  await house.say(plain);
  await house.say(also);
  assert.deepEqual(
    (await wishes(house)).map(({ targets }) => targets),
    [
      { memories: [1], turns: ['turn-1'] },
      { memories: [1], turns: ['turn-1', 'turn-5'] },
    ],
  );
});

test('/forget takes one memory by its number, and is confirmed by typing where there are no buttons', async (t) => {
  const house = await build(t);
  await tea(house);
  const terminal = { channel: 'terminal', conversation: 'terminal:main', chat: null, sender: 'me' } as const;
  const { tell, buttons } = await house.say('/forget #2', terminal);
  const [, confirm = ''] = /^Forget it: (\/forget yes \d+)$/m.exec(tell ?? '') ?? [];
  assert.match(tell ?? '', /#2 Lives in Bonn/);
  assert.equal(buttons, undefined);
  await house.say(confirm, terminal);
  const one = await house.say('/forget #1', terminal);
  const [, also = ''] = /^Also these: (\/forget yes \d+ related)$/m.exec(one.tell ?? '') ?? [];
  await house.say(also, terminal);
  assert.deepEqual(
    (await wishes(house)).map(({ targets }) => targets),
    [
      { memories: [2], turns: [] },
      { memories: [1], turns: ['turn-1', 'turn-5'] },
    ],
  );
  const unknown = async (text: string) => (await house.say(`/forget ${text}`, terminal)).outcome;
  assert.equal(await unknown('#5'), 'unknown');
  assert.equal(await unknown('coffee'), 'unknown', 'no guess');
  assert.equal(await unknown('our tea'), 'unknown', 'a group is not searched from here');
  assert.equal(await unknown('" OR text:*'), 'unknown');
  assert.equal(await unknown('?!'), 'unknown');
  assert.equal(await unknown('yes 99'), 'too late');
});

test('what is not over cannot be forgotten yet, and whoever asks is told so', async (t) => {
  const house = await build(t);
  const { id } = await house.turn('running');
  await put(house.home.state, {
    passages: [{ id: 1, scope: 'owner', turn_id: id, text: 'hello', at: 1 }],
  });
  const { outcome, tell } = await house.say('/forget hello');
  assert.equal(outcome, 'not now');
  assert.match(tell ?? '', /^I cannot forget that: turn \S+ is not over yet/);
});

test('/task wishes a task for this chat, which lists and shows it', async (t) => {
  const house = await build(t);
  assert.equal((await house.say('/task just do it')).outcome, 'unclear');
  assert.equal((await house.say('/task make it green check: npm test budget $2')).outcome, 'added');
  const [row] = await house.read<{ chat: string; budget_nanousd: number; until_at: number }>(
    'SELECT * FROM task',
  );
  assert.deepEqual([row?.chat, row?.budget_nanousd, row?.until_at], ['7', 2 * NANO, now + 7_200_000]);
  assert.match(
    (await house.say('/task')).tell ?? '',
    /^1\. running \(1\/10, \$0\.00 of \$2\.00\): make it green/,
  );
  assert.equal((await house.say('/task 2')).outcome, 'unknown');
  assert.equal((await house.say('/task 1 pause')).outcome, 'paused');
  assert.equal((await house.say('/task 1 pause')).outcome, 'nothing to do');
});

test('/persona shows the standing instructions', async (t) => {
  const house = await build(t);
  assert.match((await house.say('/persona')).tell ?? '', /^There are no standing instructions/);
  writeFileSync(house.home.persona, 'Be brief.\n');
  assert.match((await house.say('/persona')).tell ?? '', /^Be brief\.\n\n/);
});

test('the same command twice is answered twice, the same button twice is answered once', async (t) => {
  const house = await build(t);
  await house.say('/memory');
  await house.say('/memory');
  assert.equal((await house.told()).length, 2);
  await house.say('stop:gone');
  await house.say('stop:gone');
  assert.equal((await house.told()).length, 3);
});

test('what nobody knows changes nothing, and the commands are told', async (t) => {
  const house = await build(t);
  assert.match((await house.say('/frobnicate')).tell ?? '', /^I do not know \/frobnicate\.\n\n\/stop: /);
  assert.equal((await house.say('constructor:1')).outcome, 'unknown');
  assert.equal((await house.say('/halt')).outcome, 'unknown', "that is not core's");
  assert.equal((await house.say('/help', { channel: 'terminal' })).outcome, 'told');
  assert.equal((await house.told()).at(-1)?.channel, 'terminal');
});

test('the buttons below an alarm are wishes for alerts: of all that its message tells of', async (t) => {
  const { say, read, store, router } = await build(t);
  const open = (cause: string) =>
    router.commit([incident.open({ cause, service: 'router', severity: 'warning', text: cause, now })]);
  for (const cause of ['a', 'b', 'c']) await open(cause);
  const [message, single] = [uuid(now), uuid(now)];
  await store.commit(
    [1, 2, 3].map((incident_id) =>
      telling.post({ incident_id, phase: 'begun', message: incident_id < 3 ? message : single, now }),
    ),
  );
  const wishes = () =>
    read<alert_wish.Wish>('SELECT kind, about, until_at, given_by FROM alert_wish ORDER BY id').then((all) =>
      all.map(({ kind, about, until_at, given_by }) => [kind, about, until_at, given_by]),
    );
  await say(`alert:acknowledge:${single}`);
  await say(`alert:silence:${message}:3600`);
  const asked = [
    ['acknowledge', '3', null, '7'],
    ['silence', 'a', now + 3_600_000, '7'],
    ['silence', 'b', now + 3_600_000, '7'],
  ];
  assert.deepEqual(await wishes(), asked);

  for (const wrong of [
    'alert',
    'alert:silence:1',
    'alert:silence:1:0',
    'alert:silence:1:9999999',
    'alert:silence:1:-5',
    'alert:unsilence:1:60',
    'alert:test:1',
  ])
    assert.equal((await say(wrong)).outcome, 'unknown', wrong);
  assert.equal((await say('alert:acknowledge:3')).outcome, 'too late', 'a number may be another one by now');
  await router.commit([incident.close('c', 'router', now)]);
  assert.equal((await say(`alert:acknowledge:${single}`)).outcome, 'too late');
  assert.equal((await say(`alert:acknowledge:${message}`, { owner: false })).outcome, 'not allowed');
  assert.deepEqual(await wishes(), asked, 'nothing more');
});
