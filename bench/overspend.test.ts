import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Case, overspend } from './overspend.ts';

const cases: Record<string, Omit<Case, 'seed'>> = {
  'ten callers at four routers get exactly as many calls as the hour has money for': {
    budget: 'hour',
    manner: 'worst',
    kills: 0,
    callers: 10,
    allowed: 60,
  },
  'two hundred callers spend no nano-dollar more than the answer they ask for may cost': {
    budget: 'turn',
    manner: 'random',
    kills: 0,
    callers: 200,
    allowed: 60,
  },
  'routers that are killed in between let not one call more through than the key may pay': {
    budget: 'key',
    manner: 'worst',
    kills: 3,
    callers: 10,
    allowed: 150,
  },
  'nor one call more than an hour may have': {
    budget: 'calls_per_hour',
    manner: 'worst',
    kills: 3,
    callers: 10,
    allowed: 150,
  },
};

for (const [title, of] of Object.entries(cases)) {
  test(title, async (t) => {
    const { wrong, ...report } = await overspend({ ...of, seed: 7 });
    t.diagnostic(JSON.stringify(report));
    assert.deepEqual(wrong, []);
    assert.ok(report.answered > 0 && report.refused > 0 && report.looks > 0);
    // Whether a router dies with a call in its hands is chance.
    if (of.kills > 0) assert.ok(report.killed > 0);
  });
}
