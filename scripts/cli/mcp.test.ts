import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSecret } from '#shared/runtime/credentials.ts';
import { lockOf } from '#shared/runtime/home.ts';
import { tryLock } from '#shared/store/liveness.ts';
import { openStore } from '#shared/store/store.ts';
import * as mcp_server from '#shared/tables/mcp_server.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';

const CONFIG = '# mine\n[log]\nfiles = 3\n';

test('a server is added with its secret apart, and removed with it, and the config is as it was', async (t) => {
  const { home } = await quietHome(t, CONFIG);
  const added = await vigil(
    home,
    [
      'mcp',
      'add',
      'mail',
      '--secret',
      'MAIL_TOKEN',
      '--secret',
      'SECOND',
      '--host',
      'imap.example.com',
      '--env',
      'LANG=C',
      '--',
      'mail-mcp',
      '--read-only',
    ],
    'to ken"#1\nother\'s\n',
  );
  assert.deepEqual([added.code, added.stderr], [0, '']);
  assert.equal(
    readFileSync(home.config, 'utf8'),
    `${CONFIG}
[tools.mcp.mail]
command = "mail-mcp"
args = [ "--read-only" ]
secrets = [ "MAIL_TOKEN", "SECOND" ]
hosts = [ "imap.example.com" ]

[tools.mcp.mail.env]
LANG = "C"
`,
  );
  const file = join(home.credentials, 'mcp', 'mail.env');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readSecret(home, 'mcp/mail'), { MAIL_TOKEN: 'to ken"#1', SECOND: "other's" });

  const removed = await vigil(home, ['mcp', 'remove', 'mail']);
  assert.equal(removed.stdout, 'mail is removed, and its secrets\n');
  assert.equal(readFileSync(home.config, 'utf8'), CONFIG);
  assert.ok(!existsSync(file));
});

test('a server at a URL is given its secret as a bearer token; the value may stand in a file', async (t) => {
  const { home } = await quietHome(t);
  const file = join(home.directory, 'secret');
  writeFileSync(file, 'HOME_TOKEN=abc\nELSE=x\n');
  const { code } = await vigil(home, [
    'mcp',
    'add',
    'home',
    '--url',
    'http://home.local:8123/mcp',
    '--lan',
    'home.local',
    '--secret',
    'HOME_TOKEN',
    '--secret-file',
    file,
  ]);
  assert.equal(code, 0);
  assert.match(
    readFileSync(home.config, 'utf8'),
    /^url = "http:\/\/home\.local:8123\/mcp"\n(.*\n)*\[tools\.mcp\.home\.headers\]\nAuthorization = "Bearer \$HOME_TOKEN"\n$/m,
  );
  assert.deepEqual(readSecret(home, 'mcp/home'), { HOME_TOKEN: 'abc' });
});

test('the list says how each server is; one of a Vigil that stands still is not running', async (t) => {
  const { home } = await quietHome(
    t,
    '[tools.mcp.mail]\ncommand = "m"\n[tools.mcp.home]\nurl = "http://h/"\n',
  );
  const tools = await openStore({ directory: home.state, principal: 'tools' });
  t.after(() => tools.close());
  await tools.commit([
    mcp_server.tell({
      name: 'mail',
      state: 'failed',
      error: 'it ended with exit code 1',
      tools: 3,
      since_at: Date.now(),
    }),
  ]);
  assert.match(
    (await vigil(home, ['mcp'])).stdout,
    /^mail +m +not running +0 +ask +–\nhome +http:\/\/h\/ +not running/m,
  );
  const lock = tryLock(lockOf(home, 'tools'));
  t.after(() => lock?.release());
  assert.match(
    (await vigil(home, ['mcp', 'list'])).stdout,
    /^mail +m +failed +3 +ask +just now\nhome .* starting .*\nmail: it ended with exit code 1\n$/m,
  );
  const report = JSON.parse((await vigil(home, ['mcp', 'list', '--json'])).stdout);
  assert.deepEqual(
    report.map(({ state }: { state: string }) => state),
    ['failed', 'starting'],
  );
});

test('what cannot be added is refused, and leaves nothing behind', async (t) => {
  const config = '[tools.mcp.mail]\ncommand = "m"\n';
  const { home } = await quietHome(t, config);
  const wrong: [string[], number, RegExp][] = [
    [['a_b', '--', 'x'], 64, /expected a-z and 0-9/],
    [['two'], 64, /expected either --url, or a program/],
    [['two', '--url', 'http://x', '--', 'x'], 64, /expected either --url, or a program/],
    [['two', '--secret', 'A', '--', 'x'], 64, /expected a value for A, got none/],
    [['two', '--env', 'A', '--', 'x'], 64, /expected VARIABLE=value, got 'A'/],
    [['mail', '--', 'x'], 78, /'mail' is there already/],
    [['two', '--url', 'ftp://x'], 78, /would have a fault/],
  ];
  for (const [args, code, stderr] of wrong) {
    const printed = await vigil(home, ['mcp', 'add', ...args]);
    assert.equal(printed.code, code, args.join(' '));
    assert.match(printed.stderr, stderr);
  }
  assert.equal(readFileSync(home.config, 'utf8'), config);
  assert.ok(!existsSync(join(home.credentials, 'mcp', 'two.env')));
  const none = await vigil(home, ['mcp', 'remove', '../telegram']);
  assert.equal(none.code, 78);
  assert.match(none.stderr, /there is none called '\.\.\/telegram'\n {2}cure: choose one of mail/);
});
