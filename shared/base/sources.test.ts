import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from 'esbuild';
import { scratch } from '../testing/scratch.ts';
import { sourced } from './sources.ts';

test('an error of a bundle is told by the line of its source', async (t) => {
  const directory = scratch(t);
  const source = join(directory, 'thrower.ts');
  writeFileSync(source, `\n\nfunction thrower(): never {\n  throw new Error('here');\n}\nthrower();\n`);
  const outfile = join(directory, 'bundle.cjs');
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    minify: true,
    sourcemap: 'linked',
    platform: 'node',
  });
  const { stderr } = spawnSync(process.execPath, [outfile], { encoding: 'utf8' });
  assert.doesNotMatch(stderr, /thrower\.ts/);
  assert.match(sourced(stderr), /thrower\.ts:4:9/);
});

test('what has no map stays as it is', () => {
  const stack = 'Error: x\n    at f (/nowhere/a.js:1:2)\n    at node:internal/process:3:4';
  assert.equal(sourced(stack), stack);
});
