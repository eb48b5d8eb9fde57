/** The first hour, from a file and on a terminal, with Telegram and the provider as local servers. */

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseEnv } from 'node:util';
import { parse } from 'smol-toml';
import { root } from '#shared/base/root.ts';
import { type Home, homeOf, lockOf } from '#shared/runtime/home.ts';
import { isLocked } from '#shared/store/liveness.ts';
import { startBotApi } from '#shared/testing/bot-api.ts';
import { vigil } from '#shared/testing/cli.ts';
import { KEY, OWNER, TOKEN } from '#shared/testing/house.ts';
import { startMessagesApi } from '#shared/testing/messages-api.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { noTerminal, onTerminal } from '#shared/testing/terminal.ts';

async function world(t: TestContext) {
  const bot = await startBotApi({ token: TOKEN });
  const model = await startMessagesApi({ key: KEY });
  t.after(() => Promise.all([bot.close(), model.close()]));
  const directory = scratch(t);
  const home = homeOf({ VIGIL_HOME: join(directory, 'home') });
  const answers = (text: string, mode = 0o600) => {
    const file = join(directory, 'answers.toml');
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  };
  return { bot, model, home, answers, directory };
}

const configOf = (home: Home) =>
  JSON.parse(JSON.stringify(parse(readFileSync(home.config, 'utf8')))) as Record<
    string,
    Record<string, unknown>
  >;
const secretOf = (home: Home, name: string) =>
  parseEnv(readFileSync(join(home.credentials, `${name}.env`), 'utf8'));
const stepsOf = (home: Home) =>
  Object.keys(JSON.parse(readFileSync(join(home.directory, 'setup.json'), 'utf8')));

test('a file answers everything: what it says is set, secrets are closed to others, and it ends with a trial', async (t) => {
  const { bot, model, home, answers } = await world(t);
  const file = answers(`
[key]
key = "${KEY}"
endpoint = "${model.root}"
[bot]
token = "${TOKEN}"
api_root = "${bot.root}"
owners = [${OWNER}]
[settings]
day_usd = 2
month_usd = 20
quiet = "23:00-06:00"
time_zone = "Europe/Berlin"
alarm = "ntfy"
alarm_url = "https://ntfy.example/a-topic"
[install]
profile = "none"
`);
  const { stdout, stderr } = await vigil(home, ['setup', '--answers', file]);
  assert.equal(stderr, '');
  assert.match(stdout, /It is @test_bot/);
  assert.match(stdout, /You: ping\n {2}Vigil: answer to: ping/);
  assert.match(stdout, /vigil off {5}nothing runs/);
  assert.doesNotMatch(stdout, RegExp(`${KEY}|${TOKEN}`));
  const config = configOf(home);
  assert.deepEqual(config.telegram, { owners: [OWNER] });
  assert.equal(config.budget?.day_usd, 2);
  assert.equal(config.budget?.month_usd, 20);
  assert.deepEqual(config.owner, { time_zone: 'Europe/Berlin', quiet: '23:00-06:00' });
  assert.equal(secretOf(home, 'anthropic').ANTHROPIC_API_KEY, KEY);
  assert.equal(secretOf(home, 'telegram').TELEGRAM_BOT_TOKEN, TOKEN);
  assert.deepEqual(
    { ...secretOf(home, 'watchdog') },
    {
      TELEGRAM_BOT_TOKEN: TOKEN,
      TELEGRAM_API_ROOT: bot.root,
      ALARM_NTFY_URL: 'https://ntfy.example/a-topic',
    },
  );
  for (const name of ['anthropic', 'telegram', 'watchdog'])
    assert.equal(statSync(join(home.credentials, `${name}.env`)).mode & 0o777, 0o600);
  assert.equal(statSync(join(home.directory, 'setup.json')).mode & 0o777, 0o600);
  assert.doesNotMatch(readFileSync(join(home.directory, 'setup.json'), 'utf8'), RegExp(`${KEY}|${TOKEN}`));
});

test('without a terminal it wants a file of answers', async (t) => {
  const { home } = await world(t);
  const { code, stderr } = await vigil(home, ['setup']);
  assert.equal(code, 78);
  assert.match(stderr, /no terminal to ask on\n {2}cure: .*--answers FILE/);
  assert.ok(!existsSync(home.directory));
});

test('a file of answers with a word too many is refused, and so is a secret that others may read', async (t) => {
  const { home, answers } = await world(t);
  const unknown = await vigil(home, ['setup', '--answers', answers('[bot]\ntokenn = "x"\n')]);
  assert.equal(unknown.code, 78);
  assert.match(unknown.stderr, /bot: .*"tokenn"[\s\S]*cure: /);
  const open = answers(`[key]\nkey = "${KEY}"\n`, 0o644);
  const readable = await vigil(home, ['setup', '--answers', open]);
  assert.equal(readable.code, 78);
  assert.match(readable.stderr, /others may read it\n {2}cure: chmod 600/);
  assert.ok(!existsSync(home.directory));
});

test('a wrong key ends a setup that nobody watches, with the cure; the next one goes on from there', async (t) => {
  const { model, home, answers } = await world(t);
  const lines = (key: string) => answers(`[key]\nkey = "${key}"\nendpoint = "${model.root}"\n`);
  const again = ['--again', 'key'];
  const wrong = await vigil(home, ['setup', '--answers', lines('sk-ant-wrong-wrong'), ...again]);
  assert.equal(wrong.code, 78);
  assert.match(wrong.stderr, /the key is not taken: 401 .*\n {2}cure: copy it whole from console/);
  assert.ok(!existsSync(join(home.credentials, 'anthropic.env')));
  const right = await vigil(home, ['setup', '--answers', lines(KEY), ...again]);
  assert.equal(right.stderr, '');
  assert.deepEqual(stepsOf(home), ['key']);
  const next = await vigil(home, ['setup', '--answers', answers('[bot]\ntoken = "none"\n')]);
  assert.doesNotMatch(next.stdout, /Who answers/, 'what is done is not done again');
  assert.match(next.stderr, /the token is none: [\s\S]*cure: copy it whole/);
  const asked = model.calls().filter(({ path }) => path.startsWith('/v1/models'));
  assert.deepEqual(
    asked.map(({ status }) => status),
    [401, 200],
  );
});

test('a step that there is not is refused by name', async (t) => {
  const { home } = await world(t);
  const { code, stderr } = await vigil(home, ['setup', '--yes', '--again', 'bott']);
  assert.equal(code, 78);
  assert.match(stderr, /no step 'bott', did you mean 'bot'/);
});

test('on a terminal of 60 columns: a wrong key, a wrong token, one tap, Enter, and it answers', {
  skip: noTerminal,
}, async (t) => {
  const { bot, model, home } = await world(t);
  mkdirSync(home.credentials, { recursive: true, mode: 0o700 });
  // Where the outside is, so that nobody asks the real one.
  const secret = (name: string, line: string) =>
    writeFileSync(join(home.credentials, `${name}.env`), line, { mode: 0o600 });
  secret('anthropic', `ANTHROPIC_BASE_URL=${model.root}\n`);
  secret('telegram', `TELEGRAM_API_ROOT=${bot.root}\n`);
  const program = [process.execPath, join(root, 'scripts', 'vigil.ts'), 'setup'];
  const terminal = onTerminal(t, program, { env: { VIGIL_HOME: home.directory }, columns: 60 });
  const { type, shows } = terminal;
  await shows('Who shall answer?');
  type('\r');
  await shows('The key');
  type('sk-ant-wrong-wrong\r');
  await shows('the key is not taken: 401');
  await shows('And now?');
  type('\r');
  await shows('The key');
  type(`${KEY}\r`);
  await shows('The key is good');
  await shows('The token');
  type('7000001:another-token-of-nobody-at-all\r');
  await shows('Telegram does not take the token: 401');
  await shows('And now?');
  type('\r');
  await shows('The token');
  type(`${TOKEN}\r`);
  const [, code = ''] = await shows(/t\.me\/test_bot\?start=(\w{8})/);
  await bot.say({ chat_id: OWNER, text: `/start ${code}` });
  await shows('You are in');
  await shows('The sandbox');
  const [found = ''] = await shows(/Programs run in the sandbox|And now\?/);
  if (found === 'And now?') type('\x1b[B\r');
  await shows('Enter accepts all of it');
  type('\r');
  await shows('ntfy.sh/vigil-');
  await shows('How shall it run?');
  type('\r');
  await shows('answer to: ping');
  await shows('Start it with scripts/start');
  await terminal.exit;
  assert.doesNotMatch(terminal.shown(), RegExp(`${KEY}|${TOKEN}`), 'what is secret is not shown');
  assert.deepEqual(configOf(home).telegram, { owners: [OWNER] });
  assert.ok(stepsOf(home).includes('bot'));
});

test('Ctrl-C leaves everything as it was, and says how to go on', { skip: noTerminal }, async (t) => {
  const { home } = await world(t);
  const program = [process.execPath, join(root, 'scripts', 'vigil.ts'), 'setup'];
  const terminal = onTerminal(t, program, { env: { VIGIL_HOME: home.directory } });
  await terminal.shows('Who shall answer?');
  terminal.type('\x03');
  await terminal.shows('Go on with: scripts/vigil setup');
  assert.equal(await terminal.exit, 130);
  assert.ok(!existsSync(join(home.credentials, 'anthropic.env')));
});

test('where another program reads the bot, it says so, with the cure; once that has ended, one tap pairs', {
  skip: noTerminal,
}, async (t) => {
  const { bot, home, answers } = await world(t);
  let reads = true;
  const other = (async () => {
    while (reads) {
      const response = await fetch(`${bot.root}/bot${TOKEN}/getUpdates?timeout=50`);
      await response.text();
      // Not in step with the other, or each would only ever end the other's wait.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  const file = answers(`
[key]
use = "rehearsal"
[bot]
token = "${TOKEN}"
api_root = "${bot.root}"
`);
  const { code, stderr } = await vigil(home, ['setup', '--answers', file]);
  assert.equal(code, 78);
  assert.match(stderr, /another program reads the messages of @test_bot \(.*409.*\)\n {2}cure: stop it/);
  assert.ok(!stepsOf(home).includes('bot'));
  reads = false;
  await bot.say({ chat_id: 99, text: 'wakes the other reader, and stays for us' });
  await other;
  const program = [process.execPath, join(root, 'scripts', 'vigil.ts'), 'setup', '--again', 'bot'];
  const child = onTerminal(t, [...program, '--answers', file], { env: { VIGIL_HOME: home.directory } });
  const [, pairing = ''] = await child.shows(/start=(\w{8})/);
  await bot.say({ chat_id: OWNER, text: `/start ${pairing}` });
  await child.shows('You are in');
  assert.equal(await child.exit, 0);
  assert.deepEqual((await bot.confirmed()).pending, [], 'what others wrote was received as well');
});

test('Ctrl-C while it waits for the tap ends what it had started, and the next one goes on from there', {
  skip: noTerminal,
}, async (t) => {
  const { bot, home, answers } = await world(t);
  const file = answers(`
[key]
use = "rehearsal"
[bot]
token = "${TOKEN}"
api_root = "${bot.root}"
`);
  const program = [process.execPath, join(root, 'scripts', 'vigil.ts'), 'setup', '--answers', file];
  const terminal = onTerminal(t, program, { env: { VIGIL_HOME: home.directory } });
  await terminal.shows('Waiting for the tap');
  terminal.type('\x03');
  await terminal.shows('Go on with: scripts/vigil setup');
  assert.equal(await terminal.exit, 130);
  for (const name of ['core', 'telegram'] as const)
    assert.ok(!isLocked(lockOf(home, name)), `${name} lives on`);
  assert.deepEqual(stepsOf(home), ['key']);
});
