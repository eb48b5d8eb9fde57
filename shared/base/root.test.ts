import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root, version } from './root.ts';

test('the root is the folder of the package, and its version is the house’s', () => {
  const { name, version: written } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  assert.equal(name, 'vigil');
  assert.equal(version, written);
  assert.equal(join(root, 'shared', 'base'), import.meta.dirname);
});
