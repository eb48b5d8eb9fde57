import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as z from 'zod/mini';
import { Misconfigured } from '../base/errors.ts';
import { root } from '../base/root.ts';
import { scratch } from '../testing/scratch.ts';
import { checkConfig, readConfig, shared } from './config.ts';
import { exampleOf } from './config-example.ts';
import { integer, setting } from './setting.ts';

const section = z.strictObject({
  parallel_turns: setting(integer(1, 1_000_000), 8, 'How many at once.'),
  word: setting(z.string(), 'so', 'A word.'),
  owners: setting(z.array(z.int()), [], 'Whose it is.'),
});

function fileWith(t: TestContext, text: string): string {
  const file = join(scratch(t), 'config.toml');
  writeFileSync(file, text);
  return file;
}

const read = (t: TestContext, text: string) => readConfig(fileWith(t, text), { name: 'core', section });

/** What an owner reads about this config. */
function complaint(t: TestContext, text: string): string {
  try {
    read(t, text);
  } catch (error) {
    assert.ok(error instanceof Misconfigured, String(error));
    return error.message;
  }
  assert.fail(`nobody complained about: ${text}`);
}

test('an empty config is all defaults', (t) => {
  const { own, shared: common } = read(t, '');
  assert.deepEqual(own, { parallel_turns: 8, word: 'so', owners: [] });
  assert.equal(common.store.flush, 'full');
  assert.equal(common.log.level, 'info');
});

test('what is set is in force, and the rest keeps its defaults', (t) => {
  const { own, shared: common } = read(t, '[core]\nparallel_turns = 3\n[log]\nlevel = "debug"\n');
  assert.deepEqual(own, { parallel_turns: 3, word: 'so', owners: [] });
  assert.equal(common.log.level, 'debug');
  assert.equal(common.log.files, 5);
});

for (const [what, text, expected] of [
  [
    'a slip of the pen',
    '[core]\nparalel_turns = 3',
    /\[core\] paralel_turns: unknown key; did you mean 'parallel_turns'\?/,
  ],
  [
    'a key of nobody',
    '[core]\ncolour = 3',
    /\[core\] colour: unknown key; expected one of parallel_turns, word, owners/,
  ],
  [
    'a section with a slip',
    '[telegramm]\nowners = []',
    /\[telegramm\]: unknown section; did you mean 'telegram'\?/,
  ],
  [
    'a section of nobody',
    '[weather]',
    /\[weather\]: unknown section; expected one of owner, model, budget, limits, store, log, router, core, tools, telegram, cron, watchdog, memory, upstream, metrics, alerts, console, backup/,
  ],
  ['a setting outside of any section', 'port = 3', /\[port\]: unknown section/],
  ['a value instead of a section', 'core = 3', /\[core\]: expected object, got 3/],
  [
    'a word for a number',
    '[core]\nparallel_turns = "many"',
    /\[core\] parallel_turns: expected number, got "many"/,
  ],
  [
    'a fraction for a whole number',
    '[core]\nparallel_turns = 1.5',
    /\[core\] parallel_turns: expected int, got 1.5/,
  ],
  ['a number below the least', '[core]\nparallel_turns = 0', /\[core\] parallel_turns: .*>=1, got 0/],
  [
    'a number that is none',
    '[core]\nparallel_turns = nan',
    /\[core\] parallel_turns: expected number, got NaN/,
  ],
  ['a wrong value deep inside', '[core]\nowners = [1, "me"]', /\[core\] owners 1: expected number, got "me"/],
  [
    'a choice that is none',
    '[store]\nflush = "maybe"',
    /\[store\] flush: .*expected one of "full"\|"normal", got "maybe"/,
  ],
] as const) {
  test(`${what} is named, with what was expected and what was got`, (t) => {
    const message = complaint(t, text);
    assert.match(message, expected);
    assert.match(
      message,
      /config\.toml has a fault:[\s\S]*\n {2}cure: correct it; config\.example\.toml shows/,
    );
  });
}

test('all faults are told at once, so that nobody corrects them one start at a time', (t) => {
  const message = complaint(t, '[core]\nword = 1\ncolour = 2\n[weather]\n[log]\nfiles = 0\n');
  assert.match(message, /has 4 faults/);
  for (const where of [/\[core\] word:/, /\[core\] colour:/, /\[weather\]:/, /\[log\] files:/]) {
    assert.match(message, where);
  }
});

test('another service’s section is left to that service, whatever it holds', (t) => {
  assert.equal(read(t, '[telegram]\nowners = "everybody"').own.parallel_turns, 8);
});

test('broken TOML is told with its line and column', (t) => {
  const message = complaint(t, '[core]\nword = "so"\nparallel_turns = = 3\n');
  assert.match(message, /config\.toml:3:18: not TOML: \S.*\n {2}cure: correct line 3 /);
});

test('a config that is not there is told with the way to one', (t) => {
  const file = join(scratch(t), 'config.toml');
  assert.throws(() => readConfig(file, { name: 'core', section }), {
    name: 'Misconfigured',
    message: `config: ${file} is not there\n  cure: copy config.example.toml there`,
  });
});

test('a config that may not be read is told with the right that is missing', {
  skip: process.getuid?.() === 0 ? 'root reads everything' : false,
}, (t) => {
  const file = fileWith(t, '');
  chmodSync(file, 0o000);
  assert.throws(
    () => readConfig(file, { name: 'core', section }),
    /cannot be read .*\n {2}cure: .*chmod 600/,
  );
});

test('the whole config is checked at once, every section of it', (t) => {
  const other = z.strictObject({ port: setting(z.int(), 1, 'A port.') });
  const file = fileWith(t, '[core]\nword = 1\n[router]\nport = "x"\n[model]\nname = ""\n');
  assert.throws(
    () => checkConfig(file, { core: section, router: other }),
    /3 faults:[\s\S]*\[model\] name:[\s\S]*\[core\] word:[\s\S]*\[router\] port:/,
  );
});

test('the example holds every setting with its default, commented out', (t) => {
  const sections = { ...shared, core: section };
  const text = exampleOf(sections);
  const defaults = checkConfig(fileWith(t, ''), { core: section });
  assert.deepEqual(checkConfig(fileWith(t, text), { core: section }), defaults);
  // A setting's line is a comment with a '=' behind one word; taken literally, it must say the default.
  const inForce = text.replace(/^# (\w+ = )/gm, '$1');
  assert.deepEqual(checkConfig(fileWith(t, inForce), { core: section }), defaults);
  for (const [name, { shape }] of Object.entries(sections)) {
    for (const key of Object.keys(shape)) assert.ok(inForce.includes(`\n${key} = `), `${name} ${key}`);
  }
});

test('the committed example is a config that works as it is', (t) => {
  const file = join(scratch(t), 'config.toml');
  copyFileSync(join(root, 'config.example.toml'), file);
  assert.equal(readConfig(file, { name: 'nobody', section: z.strictObject({}) }).shared.store.flush, 'full');
});
