/** The console in a real browser. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, consoleOf, noBrowser, shots, sideways } from '#shared/testing/browser.ts';

test('a link of the command line leads into the console', { skip: noBrowser }, async (t) => {
  const { page, faults } = await consoleOf(t);
  assert.equal(await page.locator('h1').textContent(), 'Overview');
  await shots(page, 'overview');
  assert.deepEqual(await axe(page), []);
  assert.equal(await sideways(page), 0);
  assert.deepEqual(faults, []);
});
