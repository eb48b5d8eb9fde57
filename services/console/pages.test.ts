import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { pages } from './pages.ts';

test('the manual tells of each page of the navigation in its order, and of no other', () => {
  const manual = readFileSync(join(root, 'docs', 'console.md'), 'utf8');
  const [, table = ''] = /## Its pages\n\n(.*?)\n\n/s.exec(manual) ?? [];
  const told = [...table.matchAll(/^\| ([A-Z]\w+) \|/gm)].map(([, name]) => name);
  assert.deepEqual(
    told,
    pages.filter((page) => !page.hidden).map(({ name }) => name),
  );
});
