import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Misconfigured } from '#shared/base/errors.ts';
import { PRESET_ALIASES } from '#shared/base/models.ts';
import { checkConfig, readSection, shared } from '#shared/runtime/config.ts';
import { exampleOf } from '#shared/runtime/config-example.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { config, PRESET_TASKS } from './config.ts';

function fileWith(t: TestContext, text: string): string {
  const file = join(scratch(t), 'config.toml');
  writeFileSync(file, text);
  return file;
}

const read = (t: TestContext, text: string) => readSection(fileWith(t, text), 'router', config);

test('an empty section is all defaults', (t) => {
  const { port, retries, deadline_s, aliases, tasks, providers, prices } = read(t, '');
  assert.deepEqual([port, retries, deadline_s], [4100, 3, 120]);
  assert.deepEqual([aliases, tasks, providers, prices], [PRESET_ALIASES, PRESET_TASKS, {}, {}]);
});

test('a whole setup as an owner writes it is understood', (t) => {
  const own = read(
    t,
    `[router]
retries = 0
[router.aliases]
quick = ["local/llama", ["a", { target = "b", weight = 0.5 }]]
mine = { tier = "complex", targets = ["claude-opus-5-5"], otherwise = "default" }
[router.tasks]
poetry = "write"
[router.providers.local]
base_url = "http://127.0.0.1:11434"
kind = "openai"
free = true
without = ["images", "tools"]
keys = ["A", { variable = "B", organisation = "mine" }]
[router.prices."gpt-x"]
input = 3
output = 15
`,
  );
  assert.equal(own.retries, 0);
  assert.deepEqual(own.aliases.quick, ['local/llama', ['a', { target: 'b', weight: 0.5 }]]);
  assert.equal(own.providers.local?.max_tokens_field, 'max_completion_tokens');
  assert.deepEqual(own.prices['gpt-x'], { input: 3, output: 15 });
});

for (const [what, text, expected] of [
  ['port = 0', 'a port that is none', /\[router\] port: .*>=1, got 0/],
  ['port = 65536', 'a port beyond the last', /\[router\] port: .*<=65535, got 65536/],
  ['retries = 21', 'too many retries', /\[router\] retries: .*<=20, got 21/],
  ['deadline_s = 0.5', 'half a second', /\[router\] deadline_s: expected int, got 0.5/],
  ['aliases.quick = []', 'an alias without a target', /\[router\] aliases quick/],
  ['aliases.quick = ["a", []]', 'a rank without a target', /\[router\] aliases quick/],
  ['aliases.quick = [{ target = "a", weight = 0 }]', 'a weight of nothing', /\[router\] aliases quick/],
  ['aliases.quick = { targets = ["a"], tier = "slow" }', 'a tier that is none', /\[router\] aliases quick/],
  [
    'providers.Local = { base_url = "http://x" }',
    'a provider’s name with a capital',
    /\[router\] providers Local/,
  ],
  [
    'providers.local = {}',
    'a provider without an address',
    /\[router\] providers local base_url: expected string, got undefined/,
  ],
  [
    'providers.local = { base_url = "ftp://x" }',
    'an address that is no web address',
    /\[router\] providers local base_url: .*got "ftp:\/\/x"/,
  ],
  [
    'providers.local = { base_url = "http://x", kind = "gemini" }',
    'a kind that is none',
    /kind: .*"anthropic"\|"openai", got "gemini"/,
  ],
  ['prices.x = { input = -1, output = 1 }', 'a price below nothing', /\[router\] prices x input: .*got -1/],
  ['prices.x = { input = 1 }', 'half a price', /\[router\] prices x output/],
  ['retrys = 1', 'a slip of the pen', /\[router\] retrys: unknown key; did you mean 'retries'\?/],
] as const) {
  test(`${text} is named: ${what}`, (t) => {
    assert.throws(
      () => read(t, `[router]\n${what}\n`),
      (error) => error instanceof Misconfigured && expected.test(error.message),
    );
  });
}

test('one section is read alone, whatever the others hold, and whatever sections there are', (t) => {
  const file = fileWith(t, '[budget]\nday_usd = 5\n[router]\nport = "x"\n[weather]\n');
  const budget = readSection(file, 'budget', shared.budget);
  assert.deepEqual([budget.day_usd, budget.hour_usd], [5, 1]);
});

test('a section that is not there is all defaults, and one with faults tells them all', (t) => {
  assert.equal(readSection(fileWith(t, '[router]\n'), 'budget', shared.budget).day_usd, 3);
  const file = fileWith(t, '[budget]\nday_usd = -1\nunasked_percent = 101\nhours = 3\n');
  assert.throws(
    () => readSection(file, 'budget', shared.budget),
    /3 faults:[\s\S]*day_usd[\s\S]*unasked_percent|unasked_percent[\s\S]*day_usd/,
  );
});

test('the example, with every line in force, says nothing but the defaults', (t) => {
  const text = exampleOf({ ...shared, router: config });
  const isSetting = /^# (\[[^\]]+\]$|[\w"-]+ = )/;
  const inForce = text.replaceAll(/^# .*$/gm, (line) => (isSetting.test(line) ? line.slice(2) : line));
  const own = { router: config };
  assert.deepEqual(checkConfig(fileWith(t, inForce), own), checkConfig(fileWith(t, ''), own));
  for (const key of Object.keys(config.shape)) {
    assert.match(inForce, new RegExp(`^(${key} = |\\[router\\.${key})`, 'm'), key);
  }
});
