import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure, ratio, report } from './metrics.ts';

test('a scrape costs the same however long the history, and nobody waits for the counting', async (t) => {
  const measured = [await measure(1000, 20), await measure(10_000, 20)];
  t.diagnostic(report(measured));
  // Ten times the rows: a scrape that read them would take ten times as long.
  assert.ok(ratio(measured) < 4, `${ratio(measured)} times`);
  for (const { bytes } of measured) assert.ok(bytes < 64 * 1024, `${bytes} bytes`);
});
