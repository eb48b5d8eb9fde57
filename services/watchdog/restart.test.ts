import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from './calm.ts';
import { inVain, mayRestart } from './restart.ts';

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

test('that restarts did not help is not over because another one is tried', () => {
  const history = at(1800, 1300, 900, 600);
  assert.match(inVain('core', history, NOW - 1).text, /restarted 4 times/);
  const memory = new Map();
  const look = (now: number) =>
    settle(memory, [inVain('core', history, now)], { now, calm_ms: 1, blind: false });
  assert.equal(look(NOW - 1).opened.length, 1);
  assert.equal(mayRestart(history, NOW), 'restart');
  assert.deepEqual(look(NOW + 60_000), { opened: [], closed: [] });
  const { closed } = settle(memory, [], { now: NOW + 120_000, calm_ms: 1, blind: false });
  assert.deepEqual(closed, ['restarts of core']);
  // What was never in vain is not told.
  assert.deepEqual(
    settle(new Map(), [inVain('core', at(10), NOW)], { now: NOW, calm_ms: 1, blind: false }).opened,
    [],
  );
});
