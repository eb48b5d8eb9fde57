import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from './spelling.ts';

test('a word with a slip is known, another word is not', () => {
  const words = ['read_file', 'write_file', 'edit_file'];
  assert.equal(nearest('raed_file', words), 'read_file');
  assert.equal(nearest('write', words), null);
  assert.equal(nearest('anything', []), null);
});
