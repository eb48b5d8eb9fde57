import assert from 'node:assert/strict';
import { mkdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '#shared/testing/scratch.ts';
import { access, folder, ROOT } from './owner.ts';

const asRoot = process.getuid?.() === 0 ? false : 'needs root';

test('root gives away no folder that a service has put a link to in the place of its own', {
  skip: asRoot,
}, async (t) => {
  const secrets = join(scratch(t), 'secrets');
  mkdirSync(secrets, { mode: 0o700 });
  const planted = join(scratch(t), 'run');
  symlinkSync(secrets, planted);
  for (const step of [folder(planted, 0o770, ROOT), access(planted, 0o770, ROOT)]) {
    assert.equal(await step.due(), true);
    await assert.rejects(async () => step.act(), /run is a link/);
  }
  assert.equal(statSync(secrets).mode & 0o777, 0o700);
});

test('one user may have a folder of theirs lie elsewhere', async (t) => {
  const elsewhere = join(scratch(t), 'elsewhere');
  mkdirSync(elsewhere, { mode: 0o755 });
  const link = join(scratch(t), 'workspace');
  symlinkSync(elsewhere, link);
  const step = folder(link, 0o700, null);
  await step.act();
  assert.equal(await step.due(), false);
  assert.equal(statSync(elsewhere).mode & 0o777, 0o700);
});
