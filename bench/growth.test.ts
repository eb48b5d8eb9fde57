import assert from 'node:assert/strict';
import { test } from 'node:test';
import { growth, report } from './growth.ts';

test('what is in force follows what is true, not how long somebody talks; a night without anything new asks nothing', async () => {
  const days = await growth({ days: 40, turns: 15, seed: 1, model: true });
  const last = days.at(-1);
  assert.ok(last && last.active > 0, 'something was learnt');
  assert.ok(last.active < last.statements, JSON.stringify(last));
  assert.ok(report(days).bounded);
  const [third, seventh] = [days[2], days[6]];
  // What was said since yesterday is read, and the day before is summed up: also while something is said every day.
  assert.deepEqual([third?.mood, third?.asked], ['full', 2]);
  assert.deepEqual([seventh?.mood, seventh?.asked], ['silent', 1], 'the last day');
  const by_rule = (await growth({ days: 40, turns: 15, seed: 1, model: false })).at(-1);
  assert.ok(
    last.active < (by_rule?.active ?? 0),
    'what a model files takes the place of what rules have found',
  );
});

test('nothing said is nothing done, by rule or by a model', async () => {
  for (const model of [true, false]) {
    const days = await growth({ days: 95, turns: 3, seed: 2, model });
    const quiet = days.filter(({ mood }, n) => mood === 'silent' && days[n - 3]?.mood === 'silent' && n > 88);
    assert.ok(quiet.length > 3);
    const [first] = quiet;
    for (const day of quiet)
      assert.deepEqual([day.asked, day.rows, day.lines], [0, first?.rows, first?.lines]);
  }
});
