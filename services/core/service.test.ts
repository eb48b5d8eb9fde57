import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '#shared/base/clock.ts';
import { root } from '#shared/base/root.ts';
import { prepareHome } from '#shared/runtime/home.ts';
import { run } from '#shared/runtime/service.ts';
import * as inbound from '#shared/tables/inbound.ts';
import { noSmallDisk, smallDisk } from '#shared/testing/full-disk.ts';
import { buildHouse, type House, OWNER } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { core } from './service.ts';

/** A message from the owner, as the bridge would store it. */
async function receive(house: House, text: string): Promise<void> {
  await (await house.store()).commit([
    inbound.receive({
      source: 'test',
      source_key: text,
      channel: 'telegram',
      conversation: `telegram:${OWNER}`,
      chat: String(OWNER),
      sender: String(OWNER),
      text,
      message_ref: null,
      payload_json: '{}',
      received_at: systemClock.now(),
      state: 'pending',
      note: null,
    }),
  ]);
}

const outbound = (house: House) =>
  house.read<{ kind: string; text: string }>('SELECT kind, text FROM outbound ORDER BY id');
const turn = async (house: House) =>
  (await house.read<{ state: string; failures: number; told_at: number | null }>('SELECT * FROM turn'))[0];

test('while the model is away the sender is told once, after a time, and answered when it is back', async (t) => {
  const house = await buildHouse({ telegram: false });
  t.after(() => house.close());
  prepareHome(house.home);
  let ahead_ms = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + ahead_ms };
  const running = run(core, { home: house.home, clock });
  t.after(() => running.stop());
  await running.ready;

  await receive(house, 'hello'); // and no router listens
  await until('it has failed', async () => ((await turn(house))?.failures ?? 0) >= 1);
  assert.deepEqual(await outbound(house), [], 'a moment is not worth a word');
  ahead_ms += 11_000;
  await until('the sender is told', async () => (await turn(house))?.told_at);
  const failures = (await turn(house))?.failures ?? 0;
  ahead_ms += 61_000;
  await until('it is tried again', async () => ((await turn(house))?.failures ?? 0) > failures);
  const [notice, ...more] = await outbound(house);
  assert.equal(notice?.kind, 'notice');
  assert.match(notice?.text ?? '', /cannot reach the model .* Your message is kept/);
  assert.deepEqual(more, []);

  const router = spawn(process.execPath, [join(root, 'services/router/service.ts')], {
    env: { ...process.env, VIGIL_HOME: house.home.directory, VIGIL_CONSOLE: 'off' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  t.after(async () => {
    const ended = once(router, 'close');
    router.kill('SIGTERM');
    await ended;
  });
  await house.pidOf('router');
  ahead_ms += 61_000;
  await until('it is answered', async () => (await turn(house))?.state === 'done');
  assert.deepEqual(await outbound(house), [notice, { kind: 'reply', text: 'answer to: hello' }]);
});

test('an answer that the disk has no room for is kept until there is, and paid once', {
  skip: noSmallDisk,
}, async (t) => {
  const disk = smallDisk(t, 8192);
  const house = await buildHouse({ telegram: false, directory: disk.directory });
  t.after(() => house.close());
  const suite = await house.start();
  const ballast = join(disk.directory, 'ballast');
  const release = Promise.withResolvers<void>();
  house.model.script(async () => {
    await release.promise;
    return 'answer '.repeat(2000);
  });
  await receive(house, 'hello');
  await until('the model is asked', () => house.model.calls().length > 0);
  const { bavail, bsize } = statfsSync(disk.directory);
  writeFileSync(ballast, Buffer.alloc(bavail * bsize));
  release.resolve();
  await until('core cannot write it down', () => suite.output().includes('outcome.unwritten'));
  assert.equal((await turn(house))?.state, 'running');
  rmSync(ballast);
  await until('it is written down', async () => (await turn(house))?.state === 'done');
  assert.equal(house.model.calls().length, 1);
  await until('so is the bill', async () => {
    const [row] = await house.read<{ state: string; outcome: string }>('SELECT state, outcome FROM call');
    return row?.state === 'settled' && row.outcome === 'ok';
  });
});
