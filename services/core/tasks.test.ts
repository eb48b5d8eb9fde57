/** Long tasks on a real store: the turns, the tools and the judge are played, each step is the lane's own. */

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { systemClock } from '#shared/base/clock.ts';
import { uuid } from '#shared/base/ids.ts';
import type { Log } from '#shared/base/log.ts';
import { NANO } from '#shared/base/money.ts';
import { homeOf } from '#shared/runtime/home.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import type { Inbound } from '#shared/tables/inbound.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as message from '#shared/tables/message.ts';
import * as press from '#shared/tables/press.ts';
import * as task from '#shared/tables/task.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import * as total from '#shared/tables/total.ts';
import * as turn from '#shared/tables/turn.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { readWish } from './controls/task.ts';
import { control, unitOf } from './controls.ts';
import { type Judge, readJudgement } from './task/judge.ts';
import { MOST_FAILURES } from './task/step.ts';
import { advance, tasks } from './tasks.ts';

const log = new Proxy({} as Log, { get: () => () => {} });
const shared = { model: { name: 'default' } } as never;
const CHAT = { channel: 'telegram', chat: '7', conversation: 'telegram:7', sender: '7' } as const;

class Crash extends Error {}

/** A house of its own: the store as each of its writers has it, and a clock that is set by hand. */
async function build(t: TestContext, wish: Partial<task.Wish> = {}) {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  mkdirSync(home.state, { recursive: true });
  const store = await openStore({ directory: home.state, principal: 'core', flush: 'normal' });
  const tools = await openStore({ directory: home.state, principal: 'tools', flush: 'normal' });
  const router = await openStore({ directory: home.state, principal: 'router', flush: 'normal' });
  t.after(() => Promise.all([store.close(), tools.close(), router.close()]));
  const time = { now: Date.UTC(2026, 10, 22, 12) };
  const clock = { ...systemClock, now: () => time.now };
  const judge = { says: (async () => ({ yes: false, why: 'not yet' })) as Judge };
  const [[added]] = await store.commit([
    task.add({
      goal: 'all tests pass',
      check_kind: 'command',
      check_text: 'npm test',
      budget_nanousd: NANO,
      most_iterations: 3,
      until_at: time.now + 7_200_000,
      ...CHAT,
      ...wish,
      now: time.now,
    }),
  ]);
  assert.ok(added);
  const id = added.id;
  const desk = {
    store,
    clock,
    log,
    home,
    shared,
    signal: new AbortController().signal,
    persist: store.commit,
  };
  const lane = tasks(desk, (...question) => judge.says(...question));

  /** Steps until there is nothing to do; every step a millisecond later. */
  async function steps(): Promise<void> {
    for (let i = 0; i < 20; i++) {
      const found = await lane.look();
      if (!found) return;
      time.now += 1;
      await lane.act(found);
    }
    assert.fail('it never rests');
  }
  const read = <Row>(sql: string, ...args: (string | number)[]) =>
    store.read<Row>({ verb: 'test', sql, args });

  return {
    id,
    store,
    tools,
    desk,
    lane,
    time,
    judge,
    steps,
    read,
    async now(): Promise<task.Task> {
      const [row] = await store.read(task.of(id));
      assert.ok(row);
      return row;
    },
    /** The messages of its iterations. */
    told: () =>
      read<Inbound & { id: number; text: string }>(`SELECT * FROM inbound WHERE source = 'task' ORDER BY id`),
    /** What its wisher sees. */
    seen: () =>
      read<{ key: string; edits_key: string | null; text: string; buttons_json: string | null }>(
        'SELECT * FROM outbound ORDER BY id',
      ),
    /** Core takes up the iteration's message, and the turn comes to an end. */
    async turnEnds(how: 'done' | 'dead' | 'held' | 'refused', said = 'I did it'): Promise<string> {
      const now = time.now;
      const turn_id = uuid(now);
      const [[mine]] = await store.commit([
        turn.open(turn_id, { owner: 'o', boot_id: 'b', now, until_at: now + 1000 }),
        inbound.take(turn_id, 10),
        message.heard(turn_id, 1, []),
      ]);
      assert.ok(mine, 'there is a message to take up');
      assert.equal(mine.conversation, task.conversationOf(id));
      if (how === 'held') {
        await store.commit([turn.hold(mine, { now, error: 'it goes in circles' })]);
        return turn_id;
      }
      if (how === 'refused') {
        const why = { now, due_at: now + 86_400_000, spend_id: 'day 1', error: 'the day has no room' };
        await store.commit([turn.refused(mine, why)]);
        return turn_id;
      }
      await store.commit([
        turn.finish(mine, { now, state: how, error: how === 'dead' ? 'too long' : null }),
        inbound.close(turn_id, how === 'done' ? 'answered' : 'dead'),
        message.said({ conversation: mine.conversation, text: said, at: now, turn_id }),
      ]);
      return turn_id;
    },
    /** The sandbox has run the check. */
    async checkEnds(state: 'done' | 'failed' | 'denied', said: string): Promise<void> {
      const [call] = await tools.read(tool_call.next);
      assert.ok(call, 'a check is asked for');
      const [[started]] = await tools.commit([tool_call.start(call, 'o', time.now)]);
      assert.ok(started, 'its turn lets it run');
      const result_json = JSON.stringify([{ type: 'text', text: said }]);
      await tools.commit([tool_call.finish(started, { state, result_json, source: null, now: time.now })]);
    },
    async spend(usd: number): Promise<void> {
      const usage = {
        input_tokens: 1,
        output_tokens: 1,
        cache_read_tokens: 0,
        cache_write_5m_tokens: 0,
        cache_write_1h_tokens: 0,
        web_searches: 0,
      };
      const about = {
        hour_at: time.now - (time.now % 3_600_000),
        model: 'm',
        alias: '',
        task: '',
        caller: 'core',
      };
      await router.commit([
        total.add(
          { ...about, conversation: task.conversationOf(id) },
          { failed: false, usage, cost_nanousd: usd * NANO, estimated: false },
        ),
      ]);
    },
    /** A button or a command of the owner's. */
    async press(data: string): Promise<void> {
      const source_key = uuid(Date.now());
      await store.commit([
        press.receive({ source: 't', source_key, ...CHAT, data, message_ref: null, received_at: time.now }),
      ]);
      const [pressed] = await store.read(press.next);
      assert.ok(pressed);
      time.now += 1;
      await store.commit(unitOf(pressed, await control(desk, pressed), time.now));
    },
  };
}

test('a task goes on in fresh turns until its command succeeds', async (t) => {
  const house = await build(t);
  await house.steps();
  const [first] = await house.told();
  assert.match(first?.text ?? '', /iteration 1 of 3/);
  assert.match(first?.text ?? '', /npm test/);
  assert.match(first?.text ?? '', new RegExp(`tasks/${house.id}/PROGRESS.md`));
  const [fresh] = await house.read<{ fresh_at: number }>('SELECT fresh_at FROM conversation');
  assert.ok(fresh?.fresh_at, 'what was said before is not told again');
  await house.turnEnds('done');
  await house.steps();
  assert.equal((await house.now()).phase, 'check');
  await house.checkEnds('done', 'exit code 1\nstdout:\n3 tests fail\nexit code 0');
  await house.spend(0.25);
  await house.steps();
  const [, second] = await house.told();
  assert.match(second?.text ?? '', /iteration 2 of 3/);
  assert.match(
    second?.text ?? '',
    /<untrusted source="check">\n[^<]*3 tests fail/,
    'the first exit code counts',
  );
  assert.match(second?.text ?? '', /Left: \$0\.75/);
  await house.turnEnds('done');
  await house.steps();
  await house.checkEnds('done', 'exit code 0');
  await house.steps();
  const { state, iteration, spent_nanousd, finished_at } = await house.now();
  assert.deepEqual([state, iteration, spent_nanousd], ['done', 2, 0.25 * NANO]);
  assert.ok(finished_at);
  const turns = await house.read<{ state: string }>('SELECT state FROM turn');
  assert.deepEqual(
    turns.map((one) => one.state),
    ['done', 'done', 'done', 'done'],
    'those of the checks too',
  );
});

test('its progress is one message that is edited, and its end a message of its own', async (t) => {
  const house = await build(t);
  await house.steps();
  await house.turnEnds('done');
  await house.steps();
  await house.checkEnds('done', 'exit code 0');
  await house.steps();
  const seen = await house.seen();
  const key = `task:${house.id}:progress`;
  assert.deepEqual(
    seen.map((one) => one.edits_key),
    [null, key, key, null, key],
  );
  assert.equal(seen[0]?.key, key);
  assert.match(seen[0]?.text ?? '', /working, iteration 1 of 3, \$0\.00 of \$1\.00/);
  assert.match(seen[0]?.buttons_json ?? '', new RegExp(`task-pause:${house.id}".*task-cancel:${house.id}"`));
  assert.match(seen[3]?.text ?? '', new RegExp(`^Task ${house.id} is done: all tests pass`));
  assert.match(seen[4]?.text ?? '', /done, iteration 1/);
  assert.equal(seen[4]?.buttons_json, null);
});

test('a task that is begun in the very millisecond of its wish is shown to be paused all the same', async (t) => {
  const house = await build(t);
  const begun = await house.lane.look();
  assert.ok(begun);
  await house.lane.act(begun);
  house.time.now += 5000;
  await house.press(`task-pause:${house.id}`);
  const seen = await house.seen();
  assert.deepEqual(
    seen.map(({ edits_key }) => edits_key),
    [null, `task:${house.id}:progress`],
  );
  assert.match(seen[1]?.text ?? '', /paused/);
});

test('a question is judged by what was reported, and a judge that is away is asked again', async (t) => {
  const house = await build(t, { check_kind: 'question', check_text: 'Is it good?' });
  const asked: string[] = [];
  house.judge.says = async (of, report) => {
    asked.push(`${of.check_text} ${report}`);
    if (asked.length === 1) throw new Error('the router is away');
    return { yes: asked.length === 3, why: 'half of it is missing' };
  };
  await house.steps();
  await house.turnEnds('done', 'draft one');
  await house.steps();
  assert.deepEqual(asked, ['Is it good? draft one']);
  assert.equal((await house.now()).failures, 1);
  house.time.now += 10_000 + 1;
  await house.steps();
  assert.equal((await house.now()).iteration, 2);
  assert.match((await house.told())[1]?.text ?? '', /half of it is missing/);
  await house.turnEnds('done', 'draft two');
  await house.steps();
  assert.equal((await house.now()).state, 'done');
  assert.equal(asked[2], 'Is it good? draft two');
});

for (const [what, wish, spend, ahead_ms, why] of [
  ['money', { most_iterations: 9 }, 1, 0, /money is spent/],
  ['iterations', { most_iterations: 1 }, 0, 0, /iterations are over/],
  ['time', { most_iterations: 9 }, 0, 7_200_000, /time is over/],
] as const) {
  test(`a task ends with its ${what}, and says so`, async (t) => {
    const house = await build(t, wish);
    await house.steps();
    await house.turnEnds('done');
    await house.steps();
    if (spend) await house.spend(spend);
    house.time.now += ahead_ms;
    await house.checkEnds('done', 'exit code 2\nstill red');
    await house.steps();
    const { state, note } = await house.now();
    assert.equal(state, 'failed');
    assert.match(note ?? '', why);
    assert.match(note ?? '', /still red/);
    assert.equal((await house.told()).length, 1);
    assert.ok((await house.seen()).some(({ text }) => /is given up/.test(text)));
  });
}

test('a little money, and a little time, is enough for one more iteration', async (t) => {
  const house = await build(t, { most_iterations: 2 });
  await house.steps();
  await house.turnEnds('done');
  await house.steps();
  await house.spend(0.99);
  house.time.now += 7_199_000 - 10;
  await house.checkEnds('done', 'exit code 1\nred');
  await house.steps();
  assert.equal((await house.told()).length, 2);
});

test('three failures in a row hold it and ask its owner, who lets it go on', async (t) => {
  const house = await build(t, { most_iterations: 9 });
  for (let failure = 1; failure <= MOST_FAILURES; failure++) {
    await house.steps();
    await house.turnEnds((['dead', 'held', 'refused'] as const)[failure - 1] ?? 'dead');
    await house.steps();
    assert.equal((await house.now()).failures, failure);
    house.time.now += 300_001;
  }
  assert.equal((await house.now()).state, 'held');
  const word = (await house.seen()).find(({ text }) => /failed 3 times in a row/.test(text));
  assert.match(word?.buttons_json ?? '', /task-resume:.*task-cancel:/);
  await house.steps();
  assert.equal((await house.told()).length, 3, 'nothing further is tried');
  const held = await house.read<{ state: string }>(`SELECT state FROM turn WHERE finished_at IS NULL`);
  assert.deepEqual(held, [], 'nobody is left to wait for a decision');
  await house.press(`task-resume:${house.id}`);
  await house.steps();
  assert.equal((await house.told()).length, 4);
  assert.equal((await house.now()).failures, 0);
});

test('a check that works in between ends a row of failures', async (t) => {
  const house = await build(t, { most_iterations: 9 });
  for (const how of ['dead', 'dead', 'done', 'dead'] as const) {
    await house.steps();
    await house.turnEnds(how);
    await house.steps();
    if (how === 'done') await house.checkEnds('done', 'exit code 1\nred');
    await house.steps();
    house.time.now += 300_001;
  }
  assert.deepEqual([(await house.now()).state, (await house.now()).failures], ['running', 1]);
});

test('a check that was refused is made again, and three times hold the task', async (t) => {
  const house = await build(t);
  await house.steps();
  await house.turnEnds('done');
  for (const state of ['denied', 'failed', 'denied'] as const) {
    await house.steps();
    await house.checkEnds(state, 'nobody said yes');
    await house.steps();
    house.time.now += 300_001;
  }
  const { state, iteration, note } = await house.now();
  assert.deepEqual([state, iteration], ['held', 1]);
  assert.match(note ?? '', /the check was denied: nobody said yes/);
});

test('a paused task rests after its step, and goes on where it was', async (t) => {
  const house = await build(t);
  await house.steps();
  await house.press(`task-pause:${house.id}`);
  await house.turnEnds('done');
  await house.steps();
  assert.deepEqual([(await house.now()).state, (await house.now()).phase], ['paused', 'work']);
  await house.press(`/task ${house.id} resume`);
  await house.steps();
  assert.equal((await house.now()).phase, 'check');
  assert.equal((await house.told()).length, 1);
});

test('a cancelled task ends at once, with what was in work for it', async (t) => {
  const house = await build(t);
  await house.steps();
  const now = house.time.now;
  const [[mine]] = await house.store.commit([
    turn.open('working', { owner: 'o', boot_id: 'b', now, until_at: now + 1000 }),
    inbound.take('working', 10),
  ]);
  assert.ok(mine);
  await house.press(`task-cancel:${house.id}`);
  assert.equal((await house.now()).state, 'cancelled');
  assert.equal((await house.store.read(turn.of('working')))[0]?.state, 'done');
  await house.press(`task-cancel:${house.id}`);
  await house.steps();
  assert.equal((await house.told()).length, 1);
});

test('a task that is cancelled before its message was read leaves nothing to answer', async (t) => {
  const house = await build(t);
  await house.steps();
  await house.press(`task-cancel:${house.id}`);
  assert.deepEqual(await house.store.read(inbound.waiting(house.time.now)), []);
});

test('a task that was steered in the middle of a step is looked at anew', async (t) => {
  const house = await build(t, { check_kind: 'question', check_text: 'Good?' });
  await house.steps();
  await house.turnEnds('done');
  house.judge.says = async () => {
    await house.press(`task-cancel:${house.id}`);
    return { yes: true, why: 'good' };
  };
  await house.steps();
  assert.equal((await house.now()).state, 'cancelled');
});

test('a core that is killed before or after any commit of a task loses and repeats nothing', async (t) => {
  for (let at = 0; at < 12; at++) {
    await t.test(`at commit ${at}`, async (t) => {
      const house = await build(t, { most_iterations: 5 });
      let commits = 0;
      const killed =
        (after: boolean): Store['commit'] =>
        async (ops, when) => {
          const mine = commits++ === Math.floor(at / 2) && after === (at % 2 === 1);
          if (mine && !after) throw new Crash();
          const rows = await house.store.commit(ops, when);
          if (mine) throw new Crash();
          return rows;
        };
      const desk = { ...house.desk, persist: killed(at % 2 === 1) };
      const judge: Judge = async () => ({ yes: true, why: '' });
      const steps = async () => {
        for (let found = await house.lane.look(); found; found = await house.lane.look()) {
          house.time.now += 1;
          await advance(desk, judge, found).catch((error) => {
            if (!(error instanceof Crash)) throw error;
          });
        }
      };
      await steps();
      await house.turnEnds('done');
      await steps();
      await house.checkEnds('done', 'exit code 1\nred');
      await steps();
      await house.turnEnds('done');
      await steps();
      await house.checkEnds('done', 'exit code 0\ngreen');
      await steps();
      assert.deepEqual([(await house.now()).state, (await house.now()).iteration], ['done', 2]);
      assert.equal((await house.told()).length, 2);
      const [calls] = await house.read<{ n: number }>('SELECT count(*) AS n FROM tool_call');
      assert.equal(calls?.n, 2);
      const over = (await house.seen()).filter(({ text }) => /is done:/.test(text));
      assert.equal(over.length, 1);
    });
  }
});

test('a wish is read with what it may take, or refused with how one says it', () => {
  assert.deepEqual(readWish('fix it check: `npm test` budget $2.50 iterations 4 for 30m'), {
    goal: 'fix it',
    check_kind: 'command',
    check_text: 'npm test',
    budget_nanousd: 2.5 * NANO,
    most_iterations: 4,
    for_ms: 1_800_000,
  });
  const plain = readWish('write a poem Check: Does it rhyme?');
  assert.ok(typeof plain !== 'string');
  assert.deepEqual(
    [plain.check_kind, plain.check_text, plain.most_iterations],
    ['question', 'Does it rhyme?', 10],
  );
  for (const wrong of [
    'fix it',
    'check: npm test',
    'fix it check:',
    'a check: b budget $0',
    'a check: b iterations 1001',
  ]) {
    assert.equal(typeof readWish(wrong), 'string', wrong);
  }
  const most = readWish('a check: b iterations 1000 for 30d budget $1000');
  assert.ok(typeof most !== 'string');
});

test('a judge says yes or no in the first word, or nothing', () => {
  assert.deepEqual(readJudgement('Yes.\nAll is there.'), { yes: true, why: 'All is there.' });
  assert.deepEqual(readJudgement('**no**: it is not'), { yes: false, why: 'it is not' });
  for (const neither of ['', 'Perhaps yes', 'yesterday', 'Nothing is missing']) {
    assert.throws(() => readJudgement(neither), /neither yes nor no/);
  }
});
