import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '#shared/testing/scratch.ts';
import { advisoriesOf, isSevere, lockedVersions } from './advisory.ts';

test('what is locked is read with all its versions, without what is there for development', (t) => {
  const folder = scratch(t);
  assert.equal(lockedVersions(folder), null);
  const packages = {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b/node_modules/a': { version: '2.0.0' },
    'node_modules/@s/c': { version: '3.0.0' },
    'node_modules/d': { version: '4.0.0', dev: true },
  };
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages }));
  assert.deepEqual(lockedVersions(folder), { a: ['1.0.0', '2.0.0'], '@s/c': ['3.0.0'] });
});

test('this house knows what it is made of', () => {
  const versions = lockedVersions() ?? {};
  assert.ok(versions['better-sqlite3']?.length === 1);
  assert.equal(versions.typescript, undefined);
});

test('advisories are those on packages that were asked about', () => {
  const said = {
    a: [
      {
        id: 1,
        severity: 'high',
        title: 'Bad\nthing',
        url: 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc',
      },
    ],
    other: [{ id: 2, severity: 'high', title: 'Not ours', url: '' }],
  };
  assert.deepEqual(advisoriesOf(JSON.stringify(said), { a: ['1.0.0'] }), [
    {
      id: 'GHSA-aaaa-bbbb-cccc',
      package: 'a',
      severity: 'high',
      title: 'Bad thing',
      url: 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc',
    },
  ]);
  assert.deepEqual(advisoriesOf('{}', { a: ['1.0.0'] }), []);
  for (const text of ['', '[]', '{"a":{}}', '<html>'])
    assert.throws(() => advisoriesOf(text, { a: ['1'] }), text);
});

test('what is as severe as the least counts, and so does a word that nobody knows', () => {
  assert.deepEqual(
    ['info', 'low', 'moderate', 'high', 'critical', 'dreadful'].map((one) => isSevere(one, 'high')),
    [false, false, false, true, true, true],
  );
});
