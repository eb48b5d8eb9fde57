import assert from 'node:assert/strict';
import { test } from 'node:test';
import { growth, report } from './growth.ts';

test('what is in force follows what is true, not how long somebody talks; silence costs nothing', async () => {
  const days = await growth({ days: 36, turns: 12, seed: 1 });
  const last = days.at(-1);
  assert.ok(last && last.active > 0, 'something was learnt');
  assert.ok(last.active < last.statements, JSON.stringify(last));
  for (const [n, day] of days.entries()) {
    const before = days[n - 1];
    if (day.mood !== 'silent' || !before) continue;
    assert.deepEqual([day.runs, day.rows, day.lines], [0, before.rows, before.lines], `day ${n + 1}`);
  }
  assert.ok(report(days).bounded);
});
