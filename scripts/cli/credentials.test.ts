import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Misconfigured } from '#shared/base/errors.ts';
import { type Home, prepareHome } from '#shared/runtime/home.ts';
import { startBotApi } from '#shared/testing/bot-api.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';
import { changeSecret, listSecrets, readHanded } from '../host/secrets.ts';

const TOKEN = '7000001:test-token-of-a-bot-that-is-not-there';

async function homeFor(t: TestContext): Promise<Home> {
  const { home } = await quietHome(t);
  prepareHome(home);
  return home;
}

const textOf = (home: Home, name: string) => readFileSync(join(home.credentials, `${name}.env`), 'utf8');

const filesIn = (home: Home) =>
  readdirSync(home.credentials)
    .filter((name) => name.includes('.env'))
    .sort();

test('a token is proved, kept in both its places closed to others, and never printed', async (t) => {
  const home = await homeFor(t);
  const bot = await startBotApi({ token: TOKEN });
  t.after(() => bot.close());
  const lines = `TELEGRAM_API_ROOT=${bot.root}\nTELEGRAM_BOT_TOKEN=${TOKEN}\n`;
  const { code, stdout, stderr } = await vigil(home, ['credentials', 'set', 'telegram'], lines);
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /^Telegram knows it: @\w+\n'telegram' is set: telegram, watchdog read it at their next start\n$/,
  );
  assert.equal(textOf(home, 'telegram'), lines);
  assert.equal(textOf(home, 'watchdog'), lines);
  assert.equal(statSync(join(home.credentials, 'watchdog.env')).mode & 0o777, 0o600);
  assert.deepEqual(filesIn(home), ['telegram.env', 'watchdog.env']);

  const wrong = await vigil(home, ['credentials', 'rotate', 'telegram'], `${TOKEN}-of-another`);
  assert.equal(wrong.code, 78);
  assert.match(wrong.stderr, /Telegram does not take the token/);
  assert.equal(textOf(home, 'telegram'), lines);
  const again = await vigil(home, ['credentials', 'rotate', 'telegram'], TOKEN);
  assert.match(again.stdout, /the old one is still valid outside: @BotFather/);

  const list = await vigil(home, ['credentials', 'list']);
  assert.match(list.stdout, /^telegram +TELEGRAM_API_ROOT …\S*, TELEGRAM_BOT_TOKEN …here +telegram$/m);
  assert.match(list.stdout, /^anthropic +not set +router$/m);
  for (const { stdout, stderr } of [again, wrong, list]) {
    assert.ok(!`${stdout}${stderr}`.includes('test-token'), `${stdout}${stderr}`);
  }
});

test('a file is one way to hand it over; there is none by argument', async (t) => {
  const home = await homeFor(t);
  const file = join(home.directory, 'key');
  writeFileSync(file, '0123456789abcdef\n');
  assert.equal((await vigil(home, ['credentials', 'set', 'search', '--from', file])).code, 0);
  assert.equal(textOf(home, 'search'), 'BRAVE_API_KEY=0123456789abcdef\n');
  assert.equal((await vigil(home, ['credentials', 'set', 'search', '0123456789abcdef'])).code, 64);
  const { stderr } = await vigil(home, ['credentials', 'rotate', 'transcribe'], 'x');
  assert.match(stderr, /there is no 'transcribe' yet\n {2}cure: vigil credentials set transcribe/);
  assert.match((await vigil(home, ['credentials', 'set', 'serch'], 'x')).stderr, /did you mean 'search'\?/);
});

test('the old one is back when the new one does not work', async (t) => {
  const home = await homeFor(t);
  await changeSecret(home, 'search', { BRAVE_API_KEY: 'the old one' }, async () => {});
  const seen: string[] = [];
  const works = async () => {
    seen.push(textOf(home, 'search'));
    if (seen.length === 1) throw new Misconfigured('tools does not get well', 'x');
  };
  await assert.rejects(
    changeSecret(home, 'search', { BRAVE_API_KEY: 'the new one' }, works),
    /does not get well/,
  );
  assert.deepEqual(seen, [`BRAVE_API_KEY=the new one\n`, `BRAVE_API_KEY=the old one\n`]);
  assert.deepEqual(filesIn(home), ['search.env']);
  await assert.rejects(
    changeSecret(home, 'transcribe', { TRANSCRIBE_API_KEY: 'first' }, async () => {
      throw new Error('no');
    }),
  );
  assert.equal(existsSync(join(home.credentials, 'transcribe.env')), false);
});

test('what cannot be right is refused without being repeated', () => {
  const cases: [string, string, RegExp][] = [
    ['telegram', '123:short', /TELEGRAM_BOT_TOKEN does not look like one \(9 characters\)/],
    ['telegram', `TELEGRAM_BOT_TOKEN=${TOKEN}\nCOLOUR=red`, /COLOUR is none of its variables/],
    ['telegram', 'TELEGRAM_API_ROOT=http://x', /TELEGRAM_BOT_TOKEN is missing/],
    ['anthropic', 'with a blank in it, for sure', /ANTHROPIC_API_KEY does not look like one/],
    ['anthropic', '', /./],
    ['providers', '', /nothing was given/],
  ];
  for (const [name, text, words] of cases) {
    assert.throws(
      () => readHanded(name, text),
      (error) =>
        error instanceof Misconfigured && words.test(error.message) && !error.message.includes('short'),
      `${name}: ${text}`,
    );
  }
  assert.deepEqual({ ...readHanded('providers', 'LOCAL_KEY=abc') }, { LOCAL_KEY: 'abc' });
  assert.deepEqual({ ...readHanded('telegram', ` ${TOKEN}\n`) }, { TELEGRAM_BOT_TOKEN: TOKEN });
});

test('one that others could read is told as such, and not read', async (t) => {
  const home = await homeFor(t);
  await changeSecret(home, 'search', { BRAVE_API_KEY: '0123456789abcdef' }, async () => {});
  chmodSync(join(home.credentials, 'search.env'), 0o644);
  const found = listSecrets(home).find(({ name }) => name === 'search');
  assert.deepEqual(found?.variables, {});
  assert.match(found?.problem ?? '', /is open to others/);
});

test('all of them fit into one encrypted file, and go back where none is; another one is never overwritten', async (t) => {
  const home = await homeFor(t);
  const put = (name: string, text: string) =>
    writeFileSync(join(home.credentials, `${name}.env`), text, { mode: 0o600 });
  put('backup', 'BACKUP_PASSPHRASE=correct horse\n');
  put('mcp/mail', 'PASSWORD=geheim\n');
  const file = join(home.directory, 'kept');
  const sealed = await vigil(home, ['credentials', 'seal', file]);
  assert.equal(sealed.code, 0, sealed.stderr);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.ok(!readFileSync(file).includes('geheim'));

  const other = await homeFor(t);
  const wrong = await vigil(other, ['credentials', 'unseal', file], 'wrong horse\n');
  assert.equal(wrong.code, 78);
  assert.match(wrong.stderr, /the passphrase is another one[\s\S]*cure: /);
  writeFileSync(join(other.credentials, 'backup.env'), 'BACKUP_PASSPHRASE=mine\n', { mode: 0o600 });
  const there = await vigil(other, ['credentials', 'unseal', file], 'correct horse\n');
  assert.equal(there.code, 78);
  assert.match(there.stderr, /there already, and others: .*backup\.env\n {2}cure: move/);
  assert.ok(!existsSync(join(other.credentials, 'mcp', 'mail.env')), 'all of them or none');
  rmSync(join(other.credentials, 'backup.env'));
  const back = await vigil(other, ['credentials', 'unseal', file], 'correct horse\n');
  assert.equal(back.code, 0, back.stderr);
  assert.equal(textOf(other, 'mcp/mail'), 'PASSWORD=geheim\n');
  assert.equal(statSync(join(other.credentials, 'mcp', 'mail.env')).mode & 0o777, 0o600);
});
