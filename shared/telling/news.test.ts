import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Item, sift } from './news.ts';

const NOW = 1_800_000_000_000;

test('what comes and goes twenty times in two minutes is told a few times, and its end when it has stayed away', () => {
  const said: string[] = [];
  const told = new Set<string>();
  const incidents: { id: number; at: number; closed_at: number | null }[] = [];
  const look = (now: number) => {
    const due = incidents.flatMap(({ id, closed_at }): Item[] => {
      const phase = closed_at === null ? 'begun' : 'over';
      const item = { id, cause: 'breaker a', phase, closed_at, times: incidents.length } as const;
      return told.has(`${id} ${phase}`) ? [] : [item];
    });
    const { say, drop } = sift(due, now);
    for (const { id, phase } of [...say, ...drop]) told.add(`${id} ${phase}`);
    said.push(...say.map(({ id, phase }) => `${id} ${phase}`));
  };
  for (let n = 0; n < 20; n++) {
    const at = NOW + n * 6000;
    incidents.push({ id: n, at, closed_at: null });
    look(at + 1000);
    const last = incidents.at(-1);
    if (last) last.closed_at = at + 3000;
    look(at + 4000);
  }
  const expected = ['0 begun', '0 over', '1 begun', '1 over', '2 begun'];
  assert.deepEqual(said, expected);
  const end = NOW + 19 * 6000 + 3000;
  look(end + 599_999);
  assert.deepEqual(said, expected);
  look(end + 600_000);
  assert.deepEqual(said, [...expected, '19 over']);
});

test('what ends for the first time is told at once, and so is another cause', () => {
  const over = { id: 1, cause: 'a', phase: 'over', closed_at: NOW - 1, times: 2 } as const;
  const begun = { id: 2, cause: 'b', phase: 'begun', closed_at: null, times: 9 } as const;
  assert.deepEqual(sift([over, begun], NOW), { say: [over, begun], drop: [] });
});

test('a clock that was set back holds nothing up', () => {
  const over = { id: 1, cause: 'a', phase: 'over', closed_at: NOW + 5000, times: 3 } as const;
  assert.deepEqual(sift([over], NOW).say, [over]);
});
