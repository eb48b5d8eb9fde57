import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'smol-toml';
import { root } from '#shared/base/root.ts';
import { services } from '#shared/manifest.ts';
import { checkConfig, shared } from '#shared/runtime/config.ts';
import { sections } from './sections.ts';

test('every service of the manifest has its section, and nobody else', () => {
  assert.deepEqual(Object.keys(sections).sort(), services.map(({ name }) => name).sort());
});

test('config.example.toml shows every setting of the house, and each with its default', () => {
  const file = join(root, 'config.example.toml');
  const lines = readFileSync(file, 'utf8').split('\n');
  const settings = lines.filter((line) => /^(# )?(\[[^\]]+\]|[\w-]+ = .*)$/.test(line));
  const shown = parse(settings.map((line) => line.replace(/^# /, '')).join('\n'));
  // The parser's objects have no prototype.
  assert.deepEqual(structuredClone(shown), checkConfig(file, sections));
  assert.deepEqual(Object.keys(shown).sort(), [...Object.keys(shared), ...Object.keys(sections)].sort());
});
