import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openStore } from '#shared/store/store.ts';
import * as schedule from '#shared/tables/schedule.ts';
import * as slot from '#shared/tables/slot.ts';
import type { Turn } from '#shared/tables/turn.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { commandOf } from './job.ts';
import { isSpent } from './task/bill.ts';

async function slotOf(t: TestContext, more: Partial<schedule.Put>) {
  const directory = scratch(t);
  const [cron, router] = await Promise.all(
    ['cron', 'router'].map((principal) => openStore({ directory, principal, flush: 'normal' })),
  );
  assert.ok(cron && router);
  t.after(() => Promise.all([cron.close(), router.close()]));
  const at = Date.parse('2026-11-22T10:20:00Z');
  const to = { conversation: 'terminal:main', channel: 'terminal', chat: null, given_by: 'me' } as const;
  const job = { name: 'news', state: 'active', spec: '@daily', prompt: 'date', at } as const;
  await cron.commit([schedule.put({ ...to, ...job, ...more })]);
  const row = { job: 'news', due_at: at, service: null, reason: null, schedule_id: 1, now: at } as const;
  await cron.commit([slot.make({ ...row, state: 'due' })]);
  const spend = (nanousd: number) =>
    router.commit([
      {
        verb: 'test',
        sql: `INSERT INTO total VALUES (?, 'm', 'a', 'chat', ?, 'job:1', 1,0,0,0,0,0,0,0, ?, 0)`,
        args: [Date.parse('2026-11-22T10:00:00Z'), `core ${nanousd}`, nanousd],
      },
    ]);
  return { cron, spend };
}

test('a run of a job stops when it has spent what one run may cost', async (t) => {
  const { cron, spend } = await slotOf(t, { run_nanousd: 100 });
  await spend(99);
  assert.equal(await isSpent(cron, 'job:1'), false);
  await spend(1);
  assert.equal(await isSpent(cron, 'job:1'), true);
  assert.equal(await isSpent(cron, 'terminal:main'), false);
});

test('a run without a limit of its own, and a slot that is not there, are bound by nothing here', async (t) => {
  const { cron, spend } = await slotOf(t, {});
  await spend(1_000_000);
  assert.equal(await isSpent(cron, 'job:1'), false);
  assert.equal(await isSpent(cron, 'job:2'), false);
});

test('only the turn of a command job is a command', async (t) => {
  const of = (conversation: string) => ({ conversation }) as Turn;
  const { cron } = await slotOf(t, { kind: 'command' });
  assert.equal(await commandOf(cron, of('job:1')), 'date');
  assert.equal(await commandOf(cron, of('terminal:main')), null);
  const { cron: other } = await slotOf(t, { kind: 'prompt' });
  assert.equal(await commandOf(other, of('job:1')), null);
});
