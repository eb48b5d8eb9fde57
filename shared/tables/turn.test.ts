import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Fenced, openStore, type Store } from '../store/store.ts';
import { scratch } from '../testing/scratch.ts';
import * as allowance from './allowance.ts';
import * as inbound from './inbound.ts';
import * as turn from './turn.ts';

const lease = (now: number) => ({ owner: 'core-1', boot_id: 'b', now, until_at: now + 1000 });

/** A store with a running turn for each of the conversations. */
async function turns(
  t: TestContext,
  ...conversations: string[]
): Promise<{ store: Store; running: turn.Turn[] }> {
  const store = await openStore({ directory: scratch(t), principal: 'core' });
  t.after(() => store.close());
  const running: turn.Turn[] = [];
  for (const conversation of conversations) {
    const about = {
      chat: null,
      sender: null,
      message_ref: null,
      note: null,
      payload_json: '{}',
      received_at: 1,
    };
    const said = { source: 'test', source_key: conversation, channel: 'terminal', state: 'pending' } as const;
    await store.commit([inbound.receive({ ...about, ...said, conversation, text: 'hello' })]);
    const [[mine]] = await store.commit([turn.open(conversation, lease(10)), inbound.take(conversation, 10)]);
    assert.ok(mine);
    running.push(mine);
  }
  return { store, running };
}

async function read(store: Store, id: string): Promise<turn.Turn> {
  const [row] = await store.read<turn.Turn>({
    verb: 'test',
    sql: 'SELECT * FROM turn WHERE id = ?',
    args: [id],
  });
  assert.ok(row);
  return row;
}

test('a model that is away is not counted as a fault of ours, and a drain as neither', async (t) => {
  const { store, running } = await turns(t, 'away', 'fault', 'drain');
  for (const mine of running) {
    const because = mine.id as 'away' | 'fault' | 'drain';
    await store.commit([turn.wait(mine, { now: 20, due_at: 30, because, told: false, error: because })]);
  }
  const counts = await Promise.all(running.map(({ id }) => read(store, id)));
  assert.deepEqual(
    counts.map(({ failures, faults, first_failed_at }) => [failures, faults, first_failed_at]),
    [
      [1, 0, 20],
      [1, 1, 20],
      [0, 0, null],
    ],
  );
});

test('a turn that came far enough to wait has not died over it', async (t) => {
  const { store } = await turns(t, 'a');
  await store.commit([turn.adopt('core-2', 20)]);
  const [[again]] = await store.commit([turn.resume(lease(20))]);
  assert.equal(again?.crashes, 1);
  const wait = { now: 30, due_at: 40, because: 'away', told: false, error: 'x' } as const;
  await store.commit([turn.wait(again as turn.Turn, wait)]);
  assert.equal((await read(store, 'a')).crashes, 0);
});

test('whoever waits for the model tries again soon after it has answered somebody, and never later than planned', async (t) => {
  const { store, running } = await turns(t, 'late', 'soon', 'drained');
  const [late, soon, drained] = running as [turn.Turn, turn.Turn, turn.Turn];
  const away = { now: 100, because: 'away', told: false, error: 'x' } as const;
  await store.commit([turn.wait(late, { ...away, due_at: 60_000 })]);
  await store.commit([turn.wait(soon, { ...away, due_at: 101 })]);
  await store.commit([turn.wait(drained, { ...away, because: 'drain', due_at: 60_000 })]);
  await store.commit([turn.hasten(200, 50)]);
  const due = await Promise.all(running.map(async ({ id }) => (await read(store, id)).due_at));
  assert.ok((due[0] ?? 0) >= 200 && (due[0] ?? 0) < 250, `${due[0]}`);
  assert.deepEqual(due.slice(1), [101, 60_000]);
});

test('a turn without money waits whoever else is answered, until some is added to its own budget', async (t) => {
  const { store, running } = await turns(t, 'a');
  const [mine] = running as [turn.Turn];
  await store.commit([turn.refused(mine, { now: 100, due_at: 60_000, spend_id: 'day 1', error: 'x' })]);
  await store.commit([turn.hasten(200, 50)]);
  const due = async () => (await store.read(turn.due(200))).length;
  const give = (spend_id: string, now: number) =>
    store.commit([allowance.give({ spend_id, nanousd: 1, by: 'me', now })]);
  await give('day 2', 150);
  await give('day 1', 99); // it was refused in spite of this
  assert.equal(await due(), 0);
  await give('day 1', 100);
  assert.equal(await due(), 1);
  const [[again]] = await store.commit([turn.resume(lease(200))]);
  assert.ok(again);
  await store.commit([turn.refused(again, { now: 201, due_at: 60_000, spend_id: 'day 1', error: 'x' })]);
  assert.equal((await store.read(turn.due(202))).length, 0, 'refused in spite of that, it waits again');
});

test('a turn is woken by the choice of its sender once, and keeps the model that was chosen', async (t) => {
  const { store, running } = await turns(t, 'a');
  const [mine] = running as [turn.Turn];
  await assert.rejects(store.commit([turn.wake(mine, 20, 'quick')]), Fenced);
  await store.commit([turn.refused(mine, { now: 20, due_at: 60_000, spend_id: 'day 1', error: 'x' })]);
  await store.commit([turn.wake(mine, 30, 'quick')]);
  const [[again]] = await store.commit([turn.resume(lease(30))]);
  assert.deepEqual([again?.alias, again?.spend_id], ['quick', null]);
  await assert.rejects(store.commit([turn.wake(mine, 40)]), Fenced);
});

test('a model that is away ends the wait for money, and a drain does not', async (t) => {
  const { store, running } = await turns(t, 'away', 'drain');
  for (const mine of running) {
    await store.commit([turn.refused(mine, { now: 20, due_at: 30, spend_id: 'day 1', error: 'x' })]);
    const [[again]] = await store.commit([turn.resume(lease(40))]);
    assert.ok(again);
    const because = mine.id as 'away' | 'drain';
    await store.commit([turn.wait(again, { now: 50, due_at: 60, because, told: false, error: 'x' })]);
  }
  const left = await Promise.all(running.map(async ({ id }) => (await read(store, id)).spend_id));
  assert.deepEqual(left, [null, 'day 1']);
});
