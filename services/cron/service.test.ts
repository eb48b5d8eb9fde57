/** cron as a process of its own: killed, halted, and with the house's own jobs. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { houseJobs } from '#shared/manifest.ts';
import { halt, resume } from '#shared/runtime/halt.ts';
import { prepareHome } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import * as fire from '#shared/tables/fire.ts';
import * as schedule from '#shared/tables/schedule.ts';
import * as slot from '#shared/tables/slot.ts';
import * as slot_outcome from '#shared/tables/slot_outcome.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

async function houseOf(t: TestContext): Promise<House> {
  const house = await buildHouse({ telegram: false, config: '[owner]\nquiet = ""\n' });
  t.after(() => house.close());
  prepareHome(house.home);
  return house;
}

const oneShot = (name: string, at: number): schedule.Put => ({
  ...{ name, state: 'active', spec: `at ${new Date(at).toISOString().slice(0, 19)}Z`, prompt: 'go' },
  ...{ conversation: 'terminal:main', channel: 'terminal', chat: null, given_by: 'me', at: at - 60_000 },
});

const slots = (house: House, where = '1') =>
  house.read<slot.Slot>(`SELECT * FROM slot WHERE ${where} ORDER BY id`);

test('killed at whatever moment, it fires nothing twice and loses nothing', async (t) => {
  const house = await houseOf(t);
  const store = await house.store();
  const from = Date.now() + 1000;
  const names = Array.from({ length: 60 }, (_, i) => `job ${i}`);
  await store.commit(names.map((name, i) => schedule.put(oneShot(name, from + (i % 4) * 1000))));
  await store.commit([
    schedule.put(oneShot('by hand', from + 3_600_000)),
    fire.ask({ job: 'by hand', given_by: 'me', at: from }),
  ]);
  let deaths = 0;
  for (let run = await house.serve('cron'); ; run = await house.serve('cron')) {
    const started = async () => (await slots(house, `service IS NULL AND state = 'started'`)).length;
    const before = await started();
    // In the middle of whatever it is at: as soon as a few more have begun.
    await until('more has begun', async () => (await started()) >= Math.min(before + 1 + 3 * deaths, 61));
    if ((await started()) === 61) break;
    run.child.kill('SIGKILL');
    await once(run.child, 'close');
    deaths += 1;
  }
  assert.ok(deaths >= 3, `${deaths}`);
  const asked = await house.read<{ source_key: string; unasked: number }>(
    `SELECT source_key, unasked FROM inbound WHERE source = 'job' ORDER BY CAST(source_key AS INTEGER)`,
  );
  const all = await slots(house, 'service IS NULL');
  assert.deepEqual(
    asked.map(({ source_key }) => Number(source_key)),
    all.map(({ id }) => id),
  );
  assert.deepEqual(all.map(({ job }) => job).sort(), [...names, 'by hand'].sort());
  assert.equal(asked.filter(({ unasked }) => unasked === 0).length, 1, 'the one that a person wanted');
});

test('while all is halted nothing is due, and afterwards what was missed follows its rule', async (t) => {
  const house = await houseOf(t);
  const store = await house.store();
  await house.serve('cron');
  halt(house.home.halted, 'a test');
  const at = Date.now() + 500;
  await store.commit([schedule.put(oneShot('soon', at))]);
  await until('its time is over', () => Date.now() > at + 1000);
  assert.deepEqual(await slots(house), []);
  resume(house.home.halted);
  const [due] = await until('it is made up for', async () => {
    const found = await slots(house);
    return found[0]?.state === 'started' ? found : null;
  });
  assert.equal(due?.job, 'soon');
});

test("the house's own jobs are there from the first start, and what their service says is taken over", async (t) => {
  const house = await houseOf(t);
  const store = await house.store();
  const backup = await openStore({ directory: house.home.state, principal: 'backup', flush: 'normal' });
  t.after(() => backup.close());
  const run = await house.serve('cron');
  const [job] = houseJobs;
  assert.ok(job);
  const all = await store.read(schedule.all);
  assert.deepEqual(all.map(({ name }) => name).sort(), houseJobs.map(({ name }) => name).sort());
  assert.ok(all.every(({ kind }) => kind === 'house'));
  for (const { name, service } of houseJobs)
    assert.equal(all.find((one) => one.name === name)?.service, service);

  const ended = async (state: 'done' | 'failed') => {
    await store.commit([fire.ask({ job: job.name, given_by: 'me', at: Date.now() })]);
    const [open] = await until('it is due', async () => {
      const found = await backup.read(slot.openFor('backup'));
      return found.length > 0 ? found : null;
    });
    assert.ok(open);
    const told = {
      slot_id: open.id,
      service: 'backup',
      reason: state === 'done' ? null : 'disk',
      at: Date.now(),
    };
    await backup.commit([slot_outcome.tell({ ...told, state: 'started' })]);
    await until('it is at work', async () => (await slots(house, `id = ${open.id}`))[0]?.state === 'started');
    await backup.commit([slot_outcome.tell({ ...told, state })]);
    assert.deepEqual(await backup.read(slot.openFor('backup')), [], 'what is told is not done again');
    await until('it is over', async () => (await slots(house, `id = ${open.id}`))[0]?.state === state);
  };
  const incidents = () => house.read<{ cause: string }>('SELECT cause FROM incident WHERE closed_at IS NULL');
  await ended('failed');
  assert.deepEqual(await incidents(), [{ cause: `job ${job.name}` }]);
  await ended('done');
  assert.deepEqual(await incidents(), []);

  const { id: _, ...same } = all.find(({ name }) => name === job.name) ?? all[0] ?? assert.fail();
  await store.commit([schedule.put({ ...same, state: 'paused', at: Date.now() })]);
  await run.stop();
  await house.serve('cron');
  assert.equal((await store.read(schedule.named(job.name)))[0]?.state, 'paused', 'a restart resumes nothing');
});

test('three failures in a row pause a job, and its owner is told', async (t) => {
  const house = await houseOf(t);
  const store = await house.store();
  const run = await house.serve('cron');
  await store.commit([
    schedule.put({ ...oneShot('news', Date.now() + 3_600_000), spec: '0 0 1 1 *', channel: 'terminal' }),
  ]);
  const core = await openStore({ directory: house.home.state, principal: 'core', flush: 'normal' });
  t.after(() => core.close());
  const turn = await import('#shared/tables/turn.ts');
  const inbound = await import('#shared/tables/inbound.ts');
  for (let nth = 1; nth <= 3; nth++) {
    await store.commit([fire.ask({ job: 'news', given_by: 'me', at: Date.now() })]);
    await until('it waits for core', async () => (await core.read(inbound.waiting(Date.now()))).length > 0);
    const lease = { owner: 'me', boot_id: 'b', now: Date.now(), until_at: Date.now() + 60_000 };
    const [[mine]] = await core.commit([turn.open(`t${nth}`, lease), inbound.take(`t${nth}`, 9)]);
    assert.ok(mine);
    await core.commit([
      turn.finish(mine, { now: Date.now(), state: 'dead', error: `fault ${nth}` }),
      inbound.close(mine.id, 'dead'),
    ]);
    await until('it is over', async () => (await slots(house, `state = 'failed'`)).length === nth);
  }
  const [job] = await store.read(schedule.named('news'));
  assert.deepEqual([job?.state, job?.given_by], ['paused', 'cron']);
  const said = await house.read<{ text: string }>('SELECT text FROM outbound ORDER BY id');
  assert.deepEqual(said.slice(0, 2), [
    { text: 'The job "news" failed: fault 1' },
    { text: 'The job "news" failed: fault 2' },
  ]);
  assert.match(said[2]?.text ?? '', /fault 3\n\nIt has failed 3 times in a row, and is paused/);
  await run.stop();
});
