import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '../store/store.ts';
import { scratch } from '../testing/scratch.ts';
import * as probe from './probe.ts';

test('after a sleep a failure that nothing confirmed is forgotten, an outage is not, and all is looked at anew', async (t) => {
  const store = await openStore({ directory: scratch(t), principal: 'upstream', flush: 'normal' });
  t.after(() => store.close());
  const fail = (watch: string, now: number) =>
    probe.failed(watch, { now, due_at: now + 20_000, error: 'no' });
  await store.commit([
    ...['once', 'twice', 'well'].map((watch) => probe.watch(watch, watch, 0)),
    probe.worked('well', { now: 1000, due_at: 500_000, latency_ms: 1 }),
    fail('once', 1000),
    fail('twice', 1000),
    fail('twice', 21_000),
    probe.anew(50_000),
  ]);
  const rows = async () =>
    (await store.read(probe.all)).map(({ watch, failures, failed_at, due_at }) => [
      watch,
      failures,
      failed_at,
      due_at,
    ]);
  assert.deepEqual(await rows(), [
    ['once', 0, null, 50_000],
    ['twice', 2, 1000, 50_000],
    ['well', 0, null, 500_000],
  ]);
});

test('a clock that was set back leaves nothing that is to come: what was looked at then was looked at now', async (t) => {
  const store = await openStore({ directory: scratch(t), principal: 'upstream', flush: 'normal' });
  t.after(() => store.close());
  const ahead = 900_000;
  await store.commit([
    ...['ahead', 'lost', 'past'].map((watch) => probe.watch(watch, watch, 0)),
    probe.watch('unseen', 'unseen', ahead),
    probe.worked('ahead', { now: ahead, due_at: ahead + 1000, latency_ms: 1 }),
    probe.failed('lost', { now: ahead, due_at: ahead + 1000, error: 'no' }),
    probe.worked('past', { now: 5000, due_at: 80_000, latency_ms: 1 }),
    probe.setBack(5000, 6000),
  ]);
  const rows = (await store.read(probe.all)).map(({ watch, looked_at, ok_at, failed_at, due_at }) => [
    ...[watch, looked_at, ok_at, failed_at, due_at],
  ]);
  assert.deepEqual(rows, [
    ['ahead', 5000, 5000, null, 6000],
    ['lost', 5000, null, 5000, 6000],
    ['past', 5000, 5000, null, 80_000],
    ['unseen', null, null, null, 6000],
  ]);
});

test('what is watched over a restart keeps what was seen, unless it is another thing by the same name', async (t) => {
  const store = await openStore({ directory: scratch(t), principal: 'upstream', flush: 'normal' });
  t.after(() => store.close());
  await store.commit([
    ...['a', 'b', 'c'].map((watch) => probe.watch(watch, `${watch} 1`, 5000)),
    ...['a', 'b'].map((watch) =>
      probe.worked(watch, { now: 1, due_at: 9000, latency_ms: 1, seen_json: '{"n":1}' }),
    ),
    probe.unwatch(['a', 'b']),
    probe.watch('a', 'a 1', 6000),
    probe.watch('b', 'b 2', 9500),
  ]);
  const rows = (await store.read(probe.all)).map(({ watch, seen_json, due_at }) => [
    watch,
    seen_json,
    due_at,
  ]);
  assert.deepEqual(rows, [
    ['a', '{"n":1}', 6000],
    ['b', '{}', 9000],
  ]);
});
