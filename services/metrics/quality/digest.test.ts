import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { dayBefore } from '#shared/base/period.ts';
import type { Outbound } from '#shared/tables/outbound.ts';
import type { Outcome } from '#shared/tables/slot_outcome.ts';
import { historyIn } from '#shared/testing/history.ts';
import { buildHouse, OWNER } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { digestOf, weekBefore } from './digest.ts';

/** A Monday. */
const NOW = new Date(2026, 10, 23, 8).getTime();

test('the week before a Monday is the one that ended at its midnight', () => {
  const days = (at: number, back: number) => {
    const { starts_at, ends_at } = weekBefore(at, back);
    return [dayBefore(starts_at, 0).name, dayBefore(ends_at, 0).name];
  };
  assert.deepEqual(days(NOW, 1), ['2026-11-16', '2026-11-23']);
  assert.deepEqual(days(new Date(2026, 10, 22, 23, 59).getTime(), 1), ['2026-11-09', '2026-11-16']);
  assert.deepEqual(days(new Date(2026, 10, 23).getTime(), 1), ['2026-11-16', '2026-11-23']);
  assert.deepEqual(days(NOW, 2), ['2026-11-09', '2026-11-16']);
});

test('it says what the week came to and what has changed, and leaves out what nobody knows', () => {
  const week = weekBefore(NOW, 1);
  const text = digestOf(
    week,
    {
      messages: 1200,
      answered: 1150,
      failed: 50,
      cost_nanousd: 12e9,
      up: 8,
      down: 2,
      made_up: 1,
      calls: 2000,
      suspect: 5,
      tokens_so_far: 130,
      tokens_usual: 100,
    },
    { messages: 1000, cost_nanousd: 20e9, answered: 1000, up: 7, down: 3 },
  );
  assert.equal(
    text,
    `Your week, 2026-11-16 to 2026-11-22: 1200 messages answered for $12.00; 👍 8 👎 2, 1 made up by your word.

Cost per message: $0.010 (−50 %, 1,200 messages answered)
Completed: 96 % (−4 points, 1,200 asked for)
Satisfied: 80 % (+10 points, 10 ratings)
Message to answer: 0.0 s (the same, 1,150 answers)
Made up per 100 calls: 0.3 (2,000 calls)
Tokens against usual: +30 % (100 tokens usual) ⚠️

vigil report week shows it day by day.`,
  );
  assert.equal(
    digestOf(week, {}, { messages: 5 }),
    'Your week, 2026-11-16 to 2026-11-22: nothing was asked, and nothing spent.',
  );
});

/** What the service makes of its slot. */
async function digested(t: TestContext, config: string, owners?: number[]) {
  const house = await buildHouse({ telegram: false, config, ...(owners && { owners }) });
  t.after(() => house.close());
  await house.serve('metrics').then((service) => service.stop());
  const history = historyIn(await house.store());
  const at = weekBefore(NOW, 1).ends_at - 1;
  history.answer({ at, rated: { good: true } });
  history.use(at, 'm', { tokens: 10, usd: 0.5 });
  history.run(
    `INSERT INTO slot (job, due_at, service, state, created_at) VALUES ('weekly report', ?, 'metrics', 'due', ?)`,
    ...[NOW, NOW],
  );
  history.close();
  const service = await house.serve('metrics');
  const [outcome] = await until('it has told what came of it', async () => {
    const told = await house.read<Outcome>('SELECT * FROM slot_outcome');
    return told.length > 0 && told;
  });
  await service.stop();
  // A second start has nothing more to tell.
  await house.serve('metrics').then((service) => service.stop());
  assert.equal((await house.read('SELECT 1 FROM slot_outcome')).length, 1);
  return { outcome, sent: await house.read<Outbound>('SELECT * FROM outbound ORDER BY id') };
}

test('each owner is told once on Monday, when it is quiet no more', async (t) => {
  const { outcome, sent } = await digested(t, '[metrics]\nweekly = true\n', [OWNER, 77]);
  assert.deepEqual([outcome?.state, outcome?.reason], ['done', 'told 2 owners']);
  assert.deepEqual(
    sent.map(({ chat, urgency, kind }) => [chat, urgency, kind]),
    [
      [String(OWNER), 'unasked', 'notice'],
      ['77', 'unasked', 'notice'],
    ],
  );
  assert.match(sent[0]?.text ?? '', /^Your week, .*: 1 message answered for \$0\.50; 👍 1 👎 0\.\n/);
});

test('switched off, or without an owner, nobody is told, and the job says why', async (t) => {
  const off = await digested(t, '[metrics]\nweekly = false\n');
  assert.deepEqual([off.outcome?.state, off.sent.length], ['skipped', 0]);
  assert.match(off.outcome?.reason ?? '', /weekly/);
  const nobody = await digested(t, '', []);
  assert.deepEqual([nobody.outcome?.state, nobody.sent.length], ['skipped', 0]);
});
