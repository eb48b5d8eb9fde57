import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import type { ServiceName } from '#shared/manifest.ts';
import { homeOf } from '#shared/runtime/home.ts';
import type * as heartbeat from '#shared/tables/heartbeat.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { deaf, insist } from './insist.ts';
import type { Standing, Supervisor } from './supervisor.ts';

type Beat = Pick<heartbeat.Heartbeat, 'service' | 'worker' | 'pid' | 'phase'>;

const beat = (service: ServiceName, phase: heartbeat.Phase, pid: number, worker = 0): Beat => ({
  service,
  worker,
  pid,
  phase,
});

const is = (state: Standing['state'], pid: number | null = 7): Standing => ({ state, pid, restarts: 0 });

test('who has not said that it ends does not hear; who drains is left in peace', () => {
  const of = (standing: Standing, ...beats: Beat[]) => deaf(new Map([['core', standing]]), beats).length > 0;
  assert.equal(of(is('stopping'), beat('core', 'ready', 7)), true);
  assert.equal(of(is('stopping'), beat('core', 'stopping', 7)), false);
  assert.equal(of(is('stopping'), beat('core', 'stopping', 6)), true, 'that was another process');
  assert.equal(of(is('stopping'), beat('router', 'stopping', 7)), true);
  assert.equal(of(is('stopping'), beat('core', 'stopping', 7, 1)), true, 'that was a worker');
  assert.equal(of(is('stopping')), true, 'it never came so far');
  assert.equal(of(is('stopping', null)), false, 'what it has started is being ended');
  assert.equal(of(is('active'), beat('core', 'ready', 7)), false);
  assert.equal(of(is('starting')), false);
});

/** Goes from one standing to the next at each look, and stays at the last. */
function supervised(t: Parameters<typeof scratch>[0], standings: Standing[]) {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  mkdirSync(home.state);
  const killed: ServiceName[] = [];
  const supervisor = {
    standings: async () =>
      new Map([['core', standings.length > 1 ? standings.shift() : standings[0]]]) as Map<
        ServiceName,
        Standing
      >,
    kill: async (names: readonly ServiceName[]) => void killed.push(...names),
  } as unknown as Supervisor;
  return { of: { home, supervisor }, killed };
}

test('a start that does not end is waited for no longer than is said, and what it throws is heard', async (t) => {
  const { of } = supervised(t, [is('stopping'), is('starting')]);
  const never = new Promise<void>(() => {});
  assert.equal(await insist(of, never, 300), false);
  assert.equal(await insist(of, Promise.resolve(), 300), true);
  await assert.rejects(insist(of, Promise.reject(new Error('no such unit'))), /no such unit/);
});

test('whoever hangs at its end is killed after two seconds, and not before', async (t) => {
  const { of, killed } = supervised(t, [is('stopping')]);
  const began = performance.now();
  const { promise, resolve } = Promise.withResolvers<void>();
  of.supervisor.kill = async (names) => {
    killed.push(...names);
    resolve();
  };
  assert.equal(await insist(of, promise), true);
  assert.ok(performance.now() - began > 2000);
  assert.deepEqual(killed, ['core']);
});
