import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ledger } from './ledger.ts';

for (const kills of [0, 3]) {
  const title = kills > 0 ? `, though ${kills} routers are killed meanwhile` : '';
  test(`the ledger is the bill, to the token, and an estimate never less${title}`, async (t) => {
    const { figures, wrong } = await ledger({ calls: 300, callers: 32, kills, seed: 7 });
    t.diagnostic(figures.map((row) => row.join(': ')).join('; '));
    assert.deepEqual(wrong, []);
    const endings = String(Object.fromEntries(figures)['how they ended']);
    for (const ending of ['exact, ok', 'exact, refused', 'estimated, cut', 'estimated, left']) {
      assert.ok(endings.includes(ending), `${ending}: ${endings}`);
    }
    if (kills > 0) assert.ok(endings.includes('router died'), endings);
  });
}
