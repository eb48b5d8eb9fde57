import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayRestart } from './restart.ts';

const NOW = 1_800_000_000_000;
const at = (...ago_s: number[]) => ago_s.map((s) => NOW - s * 1000);

test('restarts come further and further apart, and end', () => {
  const cases: [history: number[], verdict: string][] = [
    [at(), 'restart'],
    [at(59), 'wait'],
    [at(60), 'restart'],
    [at(300, 119), 'wait'],
    [at(300, 120), 'restart'],
    [at(900, 600, 239), 'wait'],
    [at(900, 600, 240), 'restart'],
    [at(1500, 1200, 900, 600), 'give up'],
    [at(1801, 1200, 900, 600), 'restart'],
    // From before the clock was set back.
    [at(-100), 'restart'],
  ];
  for (const [history, verdict] of cases) assert.equal(mayRestart(history, NOW), verdict, String(history));
});
