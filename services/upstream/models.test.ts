import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { RETIREMENTS } from '#shared/base/models.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { usedBy } from './watch.ts';

test('the last days of models are those that the SDK warns of', () => {
  const source = readFileSync(
    createRequire(import.meta.url).resolve('@anthropic-ai/sdk/resources/messages/messages.js'),
    'utf8',
  );
  const [, listed = ''] = /const DEPRECATED_MODELS = \{([^}]*)\}/.exec(source) ?? [];
  const told = [...listed.matchAll(/'([^']+)': '(\w+) (\d+)\w*, (\d+)'/g)].map(
    ([, name = '', month, day, year]) => [
      name,
      new Date(`${month} ${day}, ${year} UTC`).toISOString().slice(0, 10),
    ],
  );
  assert.ok(told.length > 0);
  assert.deepEqual(RETIREMENTS, Object.fromEntries(told));
});

test('the models in use are those of the aliases, presets and own ones, each with its provider', (t) => {
  const file = join(scratch(t), 'config.toml');
  writeFileSync(
    file,
    `[model]
name = "claude-sonnet-4-5"
[router.aliases]
deep = ["local/llama", ["claude-opus-5-5", { target = "far/x/y", weight = 2 }]]
mine = { targets = ["local/llama"], otherwise = "quick" }
[router.providers.local]
base_url = "http://127.0.0.1:11434/"
[router.providers.far]
base_url = "https://far.example/v1"
kind = "openai"
[router.providers.unused]
base_url = "https://unused.example"
`,
  );
  const { models, providers } = usedBy(file);
  assert.deepEqual(Object.fromEntries(models.map(({ name, aliases }) => [name, aliases.join()])), {
    'claude-haiku-5-5': 'quick,classify',
    'claude-sonnet-5-5': 'default,write',
    'claude-opus-5-5': 'deep,review',
    llama: 'deep,mine',
    'x/y': 'deep',
    'claude-sonnet-4-5': '[model]',
  });
  assert.deepEqual(providers, [
    { name: 'anthropic', url: '' },
    { name: 'local', url: 'http://127.0.0.1:11434/v1/models' },
    { name: 'far', url: 'https://far.example/v1/models' },
  ]);
});
