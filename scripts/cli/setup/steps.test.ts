/** The decisions within the steps of the first hour. */

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseEnv, stripVTControlCharacters } from 'node:util';
import { parse } from 'smol-toml';
import { root } from '#shared/base/root.ts';
import { checkConfig } from '#shared/runtime/config.ts';
import { homeOf } from '#shared/runtime/home.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { keepSecret } from '../../host/secrets.ts';
import { sections } from '../../sections.ts';
import { checkKey, whoIs } from '../reach.ts';
import { NO_ANSWERS, readAnswers } from './answers.ts';
import { checkToken, square } from './bot.ts';
import { wrapped } from './desk.ts';
import { profilesOf } from './install.ts';
import { findLocal, monthly_usd, USE, withLocal } from './key.ts';
import { readProgress, writeProgress } from './progress.ts';
import { cureOf, installLine } from './sandbox.ts';
import { newTopic, routeOf, withSettings } from './settings.ts';

const example = readFileSync(join(root, 'config.example.toml'), 'utf8');

/** A server that says this at every address. */
async function server(t: TestContext, said: unknown, status = 200): Promise<string> {
  const listening = createServer((_, response) => {
    response.writeHead(status, { connection: 'close' }).end(JSON.stringify(said));
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  t.after(() => listening.close());
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

function inOrder(t: TestContext, text: string): Record<string, unknown> {
  const file = join(scratch(t), 'config.toml');
  writeFileSync(file, text);
  return checkConfig(file, sections);
}

test('a month costs what its calls cost at the prices of that day', () => {
  // Sonnet, per million: 10 out, 2.50 to write to the cache, 0.10 from it since October, 0.20 before.
  const one = (USE.answer_tokens * 10 + USE.fresh_tokens * 2.5 + USE.cached_tokens * 0.1) / 1e6;
  assert.equal(monthly_usd(Date.parse('2026-11-22')).toFixed(4), (30 * 30 * 2 * one).toFixed(4));
  const before = monthly_usd(Date.parse('2026-10-01'));
  assert.ok(before > monthly_usd(Date.parse('2026-11-22')));
});

test('Ollama and LM Studio are found by the models they list; one without a model is none', async (t) => {
  const place = (name: string, root: string) => ({ name, title: name, root, list: '/x' });
  const ollama = await server(t, { models: [{ name: 'qwen3' }] });
  const studio = await server(t, { data: [{ id: 'llama' }] });
  const empty = await server(t, { models: [] });
  const stranger = await server(t, 'hello');
  const found = await findLocal([
    place('ollama', ollama),
    place('lmstudio', studio),
    place('empty', empty),
    place('stranger', stranger),
    place('nobody', 'http://127.0.0.1:1'),
  ]);
  assert.deepEqual(
    found.map(({ name, models }) => [name, models]),
    [
      ['ollama', ['qwen3']],
      ['lmstudio', ['llama']],
    ],
  );
});

test('a local model takes all six aliases, or comes last in each; a second one takes the first one’s place', (t) => {
  const local = { name: 'ollama', title: 'Ollama', root: 'http://127.0.0.1:11434', models: ['a', 'b'] };
  type Router = { aliases: Record<string, string[]>; providers: Record<string, { free: boolean }> };
  const alone = withLocal(example, local, 'a', true);
  const { aliases, providers } = inOrder(t, alone).router as Router;
  assert.equal(Object.keys(aliases).length, 6);
  assert.ok(Object.values(aliases).every(([first]) => first === 'ollama/a'));
  assert.equal(providers.ollama?.free, true);
  const beside = inOrder(t, withLocal(alone, local, 'b', false)).router as Router;
  assert.deepEqual(beside.aliases.default, ['claude-sonnet-5-5', 'ollama/b']);
});

test('each fault of a key or a token has its own cure', async (t) => {
  const said = { error: { message: 'no' } };
  const cures: [number, RegExp][] = [
    [401, /401 no\n {2}cure: copy it whole/],
    [403, /403 no\n {2}cure: give the key the right/],
    [404, /404 no\n {2}cure: see that http.* is the address/],
    [529, /529 no\n {2}cure: wait a minute/],
  ];
  for (const [status, words] of cures)
    await assert.rejects(checkKey('sk-secret', await server(t, said, status)), { message: words });
  await assert.rejects(checkKey('sk-secret', 'http://127.0.0.1:1'), {
    message: /127\.0\.0\.1:1 cannot be reached .*\n {2}cure: see that this machine is on the network/,
  });
  const refusal = { ok: false, description: 'Unauthorized' };
  await assert.rejects(whoIs('1:secret', await server(t, refusal, 401)), {
    message: /401 Unauthorized\n.*BotFather/,
  });
  await assert.rejects(whoIs('1:secret', await server(t, refusal, 500)), {
    message: /500[\s\S]*wait a minute/,
  });
  await assert.rejects(
    whoIs('1:secret', 'http://127.0.0.1:1'),
    (error: Error) => !error.message.includes('secret'),
  );
});

test('a token looks like one', () => {
  assert.equal(checkToken('123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11'), undefined);
  for (const token of ['', '123456', 'ABC:DEF', '123456:short', '123456:ABC DEF1234ghIkl-zyx57W2v1u123ew11'])
    assert.match(checkToken(token) ?? '', /^expected/);
});

test('the square of a link fits 60 columns, with room around it for the camera', () => {
  const lines = square('https://t.me/a_bot_with_the_longest_name_bot?start=ABCDEFGH').split('\n');
  assert.ok(lines.every((line) => line.length === lines[0]?.length && line.length <= 50));
  assert.match(lines[0] ?? '', /^█+$/, 'the light frame');
});

test('the line that installs bubblewrap is the system’s own', () => {
  assert.equal(installLine('ID=ubuntu\nID_LIKE=debian\n'), 'sudo apt-get install -y bubblewrap socat');
  assert.equal(
    installLine('NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n'),
    'sudo apt-get install -y bubblewrap socat',
  );
  assert.equal(installLine('ID="fedora"\n'), 'sudo dnf install -y bubblewrap socat');
  assert.equal(
    installLine('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n'),
    'sudo zypper install -y bubblewrap socat',
  );
  assert.equal(installLine('ID=plan9\n'), null);
  const why = 'the sandbox does not start (x): commands are off; cure: ';
  assert.equal(
    cureOf(`${why}install bubblewrap and socat (Debian: …)`, 'ID=arch\n'),
    'sudo pacman -S --needed bubblewrap socat',
  );
  assert.equal(
    cureOf(`${why}let bubblewrap make user namespaces: …`, 'ID=ubuntu\n'),
    'let bubblewrap make user namespaces: …',
  );
});

test('what Enter accepts is what the config says afterwards', (t) => {
  const set = {
    day_usd: 2.5,
    month_usd: 0,
    quiet: '',
    time_zone: 'Europe/Berlin',
    alarm: 'none',
    alarm_url: '',
  } as const;
  const { budget, owner } = inOrder(
    t,
    withSettings(withSettings(example, { ...set, quiet: '23:00-07:00' }), set),
  ) as {
    budget: Record<string, number>;
    owner: object;
  };
  assert.equal(budget.day_usd, 2.5);
  assert.equal(budget.month_usd, 0);
  assert.deepEqual(JSON.parse(JSON.stringify(owner)), { time_zone: 'Europe/Berlin', quiet: '' });
  assert.deepEqual(routeOf(set), { ALARM_NTFY_URL: undefined, ALARM_WEBHOOK_URL: undefined });
  assert.deepEqual(routeOf({ ...set, alarm: 'webhook', alarm_url: 'https://x' }), {
    ALARM_NTFY_URL: undefined,
    ALARM_WEBHOOK_URL: 'https://x',
  });
  assert.match(newTopic(), /^https:\/\/ntfy\.sh\/vigil-[0-9a-f]{30}$/);
  assert.notEqual(newTopic(), newTopic());
});

test('a credentials file keeps what else is in it, and is closed whatever it was', (t) => {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  keepSecret(home, 'watchdog', { A: 'one', B: "it's #2" });
  keepSecret(home, 'watchdog', { A: undefined, C: 'three' });
  const file = join(home.credentials, 'watchdog.env');
  assert.deepEqual({ ...parseEnv(readFileSync(file, 'utf8')) }, { B: "it's #2", C: 'three' });
  assert.equal(statSync(file).mode & 0o777, 0o600);
  chmodSync(file, 0o644);
  assert.throws(() => keepSecret(home, 'watchdog', { A: 'x' }), /open to others/);
});

test('what was done is known again; a file that is none of ours is not taken for one', (t) => {
  const home = homeOf({ VIGIL_HOME: join(scratch(t), 'new') });
  assert.deepEqual(readProgress(home), {});
  writeProgress(home, { key: '2026-11-22T12:00:00.000Z' });
  assert.deepEqual(readProgress(home), { key: '2026-11-22T12:00:00.000Z' });
  for (const text of ['{', '[]', '{"key":1}']) {
    writeFileSync(join(home.directory, 'setup.json'), text);
    assert.throws(() => readProgress(home), /no list of steps[\s\S]*cure: remove it/);
  }
});

test('an empty file answers nothing; a file that is not there, or no TOML, is told', (t) => {
  const file = join(scratch(t), 'a.toml');
  assert.throws(() => readAnswers(file), /ENOENT[\s\S]*name a file/);
  writeFileSync(file, '[key');
  assert.throws(() => readAnswers(file), /cure: correct it/);
  writeFileSync(file, '');
  assert.deepEqual(readAnswers(file), NO_ANSWERS);
  writeFileSync(file, '[settings]\nday_usd = "2"\n[instal]\n');
  assert.throws(() => readAnswers(file), /settings\.day_usd: [\s\S]*instal/);
});

test('the example in the documentation is a file of answers', (t) => {
  const text = /```toml\n([\s\S]*?)```/.exec(readFileSync(join(root, 'docs', 'setup.md'), 'utf8'))?.[1] ?? '';
  assert.ok('bot' in parse(text));
  mkdirSync(join(scratch(t), 'x'));
  const file = join(scratch(t), 'answers.toml');
  writeFileSync(file, text);
  readAnswers(file);
});

test('there is what the machine can do: launchd, systemd, or the foreground', () => {
  const names = (platform: string, systemd: boolean) =>
    profilesOf(platform, systemd).map(({ value }) => value);
  assert.deepEqual(names('darwin', false), ['mac', 'none']);
  assert.deepEqual(names('linux', true), ['system', 'user', 'none']);
  assert.deepEqual(names('linux', false), ['none']);
});

test('words are broken at blanks, and nothing is lost', () => {
  const text =
    'the key is not taken: 401 invalid x-api-key\n  cure: copy it whole\nhttps://example.com/a/very/long/address end';
  const lines = wrapped(text, 20).split('\n');
  assert.ok(lines.every((line) => line.length <= 20 || !line.trim().includes(' ')));
  assert.equal(lines.join(' ').replace(/\s+/g, ' '), text.replace(/\s+/g, ' '));
  assert.equal(wrapped('short', 20), 'short');
  assert.equal(stripVTControlCharacters(wrapped('x'.repeat(30), 20)).length, 30);
});
