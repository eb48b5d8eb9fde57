import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openStore } from '../store/store.ts';
import { scratch } from '../testing/scratch.ts';
import * as memory_run from './memory_run.ts';
import * as replay from './replay.ts';

const NOW = 1_800_000_000_000;
const HOUR_ms = 3_600_000;

async function open(t: TestContext, principal = 'router', directory = scratch(t)) {
  const store = await openStore({ directory, principal });
  t.after(() => store.close());
  return store;
}

const step = (turn_id: string, more: Partial<Parameters<typeof replay.begin>[0]> = {}) => ({
  step: `${turn_id}:1`,
  turn_id,
  worker: 0,
  owner: 'one',
  now: NOW,
  ...more,
});
const kept: replay.Kept = { status: 200, headers_json: '{}', body: Buffer.from([0, 255]) };

test('of two who ask the same step one makes the answer, and the other gets it', async (t) => {
  const store = await open(t);
  const begin = async (owner: string) => (await store.commit([replay.begin(step('t', { owner }))]))[0].length;
  assert.deepEqual([await begin('one'), await begin('two'), await begin('one')], [1, 0, 0]);
  assert.deepEqual(await store.read(replay.of('t:1')), []);
  await store.commit([replay.keep('t:1', 'two', kept, NOW)]);
  assert.deepEqual(await store.read(replay.of('t:1')), [], 'whoever does not make it keeps none');
  await store.commit([replay.keep('t:1', 'one', kept, NOW)]);
  const [answer] = await store.read(replay.of('t:1'));
  assert.deepEqual([answer?.status, [...(answer?.body ?? [])]], [200, [0, 255]]);
  await store.commit([replay.drop('t:1', 'one')]);
  assert.equal((await store.read(replay.of('t:1'))).length, 1, 'what is kept is not dropped');
  assert.equal(await begin('two'), 0);
});

test('what a dead router was making is free for the next; what it had kept stays', async (t) => {
  const store = await open(t);
  await store.commit([
    replay.begin(step('dead', { owner: 'dead' })),
    replay.begin(step('kept', { owner: 'dead' })),
    replay.keep('kept:1', 'dead', kept, NOW),
    replay.begin(step('alive')),
    replay.begin(step('neighbour', { owner: 'other', worker: 1 })),
  ]);
  await store.commit([replay.abandon(0, 'one')]);
  assert.deepEqual(
    (await store.read(replay.workers)).map(({ worker }) => worker),
    [0, 1],
  );
  for (const [turn_id, free] of Object.entries({ dead: 1, kept: 0, alive: 0, neighbour: 0 })) {
    assert.equal((await store.commit([replay.begin(step(turn_id))]))[0].length, free, turn_id);
  }
});

test('an answer goes an hour after its turn has ended, and after seven days whatever its turn does', async (t) => {
  const directory = scratch(t);
  const [router, core] = [await open(t, 'router', directory), await open(t, 'core', directory)];
  for (const [id, finished_at] of Object.entries({ ended: NOW, running: null })) {
    await core.commit([
      {
        verb: 'test',
        sql: `INSERT INTO turn (id, conversation, channel, state, attempt, due_at, changed_at, owner, boot_id,
                lease_until_at, created_at, finished_at) VALUES (?, 'c', 'terminal', ?, 1, 1, 1, 'o', 'b', 1, 1, ?)`,
        args: [id, finished_at === null ? 'running' : 'done', finished_at],
      },
    ]);
  }
  for (const turn_id of ['ended', 'running', 'gone']) {
    await router.commit([
      replay.begin(step(turn_id)),
      replay.keep(`${turn_id}:1`, 'one', kept, turn_id === 'gone' ? NOW : NOW - 1000),
    ]);
  }
  await router.commit([replay.begin(step('making'))]);
  const prune = async (now: number) =>
    (await router.commit([replay.prune(now, 10)]))[0].map((row) => row.step).sort();
  assert.deepEqual(await prune(NOW + HOUR_ms), []);
  assert.deepEqual(await prune(NOW + HOUR_ms + 1), ['ended:1', 'gone:1'], 'the turn of one was never there');
  assert.deepEqual(await prune(NOW - 1000 + 168 * HOUR_ms), []);
  assert.deepEqual(await prune(NOW - 1000 + 168 * HOUR_ms + 1), ['running:1']);
  assert.deepEqual(await prune(NOW + 1000 * HOUR_ms), [], 'what is being made is no answer yet');
});

test('the answer that a run of memory waits for stays until the run has it', async (t) => {
  const directory = scratch(t);
  const [router, memory] = [await open(t, 'router', directory), await open(t, 'memory', directory)];
  const of = { scope: 's', conversation: 'c', period: null, starts_at: null, how: 'model' } as const;
  const [[run]] = await memory.commit([
    memory_run.plan({ ...of, input_hash: 'h', after_id: 0, upto_id: 1 }, NOW),
  ]);
  const id = run?.id ?? 0;
  await memory.commit([memory_run.ask(id, { step: 'memory:1:1', shown_json: '[]', due_at: NOW })]);
  await router.commit([
    replay.begin(step('', { step: 'memory:1:1' })),
    replay.begin(step('', { step: 'memory:2:1' })),
    replay.keep('memory:1:1', 'one', kept, NOW),
    replay.keep('memory:2:1', 'one', kept, NOW),
  ]);
  const prune = async () =>
    (await router.commit([replay.prune(NOW + HOUR_ms + 1, 10)]))[0].map((row) => row.step);
  assert.deepEqual(await prune(), ['memory:2:1']);
  await memory.commit([memory_run.answered(id, '{}')]);
  assert.deepEqual(await prune(), ['memory:1:1']);
});
