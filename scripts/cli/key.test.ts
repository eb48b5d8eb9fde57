import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hashOf } from '#shared/base/access.ts';
import { periodOf } from '#shared/base/period.ts';
import * as accessKey from '#shared/tables/access_key.ts';
import * as total from '#shared/tables/total.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';

test('a key is printed once, with what its client needs, and only its hash is kept', async (t) => {
  const { home, router } = await quietHome(t, '[router]\nport = 4711\n');
  const { code, stdout, stderr } = await vigil(home, ['key', 'add', 'laptop', '--day-usd', '1.5']);
  assert.equal(code, 0, stderr);
  const [, key = ''] =
    /^ANTHROPIC_BASE_URL=http:\/\/127\.0\.0\.1:4711\nANTHROPIC_API_KEY=(vigil-[\w-]{43})\n$/.exec(stdout) ??
    [];
  assert.match(stderr, /'laptop' is shown this once.*\n.*every model, within \$1\.50 a day\./);
  const row = (await router.read(accessKey.all)).find(({ hash }) => hash === hashOf(key));
  assert.deepEqual(
    [
      row?.name,
      row?.aliases_json,
      row?.hour_nanousd,
      row?.day_nanousd,
      row?.month_nanousd,
      row?.calls_per_hour,
    ],
    ['laptop', null, null, 1_500_000_000, null, null],
  );
  for (const file of readdirSync(home.directory, { recursive: true, withFileTypes: true })) {
    // The store's own files are nobody's to read while it is open; what the row holds was read above.
    if (!file.isFile() || file.parentPath === home.state) continue;
    assert.ok(!readFileSync(join(file.parentPath, file.name), 'utf8').includes(key), file.name);
  }
  assert.ok(!JSON.stringify(row).includes(key));
});

test('every limit of a key is kept, and a word that is no alias is remarked on', async (t) => {
  const { home, router } = await quietHome(t, '[router.aliases]\nmine = ["claude-haiku-5-5"]\n');
  const limits = ['--hour-usd', '0.25', '--month-usd', '0', '--calls-per-hour', '100'];
  const { stderr } = await vigil(home, [
    'key',
    'add',
    'ci',
    ...limits,
    '--aliases',
    'quick, mine,defualt,quick',
  ]);
  assert.match(
    stderr,
    /^note: 'defualt' is no alias of \[router\.aliases\]: it is taken for a model's name\n\n/,
  );
  assert.match(stderr, /within \$0\.25 an hour, \$0\.00 a month, 100 calls an hour\./);
  const [row] = await router.read(accessKey.all);
  assert.deepEqual(
    [row?.aliases_json, row?.hour_nanousd, row?.day_nanousd, row?.month_nanousd, row?.calls_per_hour],
    ['["quick","mine","defualt"]', 250_000_000, null, 0, 100],
  );
});

test('a name is given once, also after it was revoked', async (t) => {
  const { home, router } = await quietHome(t);
  const { stdout } = await vigil(home, ['key', 'add', 'laptop']);
  const again = await vigil(home, ['key', 'add', 'laptop']);
  assert.deepEqual([again.code, again.stdout], [78, '']);
  assert.match(
    again.stderr,
    /^key: 'laptop' is there already, .*\n {2}cure: choose another, such as laptop-2\n$/,
  );

  const revoked = await vigil(home, ['key', 'revoke', 'laptop']);
  assert.deepEqual([revoked.code, revoked.stdout], [0, "'laptop' is revoked: its next request is refused\n"]);
  const key = stdout.split('ANTHROPIC_API_KEY=')[1]?.trim() ?? '';
  const [row] = (await router.read(accessKey.all)).filter(({ hash }) => hash === hashOf(key));
  assert.ok(row?.revoked_at);
  assert.equal((await vigil(home, ['key', 'revoke', 'laptop'])).code, 0);

  const anew = await vigil(home, ['key', 'add', 'laptop']);
  assert.equal(anew.code, 78);
  assert.match(anew.stderr, /^key: 'laptop' was revoked on \d{4}-\d\d-\d\d, and a name is given once/);
  const unknown = await vigil(home, ['key', 'revoke', 'desktop']);
  assert.deepEqual([unknown.code, unknown.stdout], [78, '']);
  assert.match(unknown.stderr, /^key: there is none called 'desktop'/);
});

test('of two who add the same name at once, one has it', async (t) => {
  const { home, router } = await quietHome(t);
  const both = await Promise.all([
    vigil(home, ['key', 'add', 'laptop']),
    vigil(home, ['key', 'add', 'laptop']),
  ]);
  assert.deepEqual(both.map(({ code }) => code).sort(), [0, 78]);
  assert.doesNotMatch(both.map(({ stderr }) => stderr).join(), /^ +at /m);
  assert.equal((await router.read(accessKey.all)).length, 1);
});

test('what is no name, no amount or no list is wrong usage, and makes no key', async (t) => {
  const { home, router } = await quietHome(t);
  const wrong = [
    ['Laptop'],
    ['a'.repeat(33)],
    ['-x'],
    ['my laptop'],
    [],
    ['ok', '--day-usd', '-1'],
    ['ok', '--calls-per-hour', '1.5'],
    ['ok', '--aliases', 'quick,,deep'],
  ];
  for (const { code, stdout } of await Promise.all(
    wrong.map((args) => vigil(home, ['key', 'add', ...args])),
  )) {
    assert.deepEqual([code, stdout], [64, '']);
  }
  assert.deepEqual(await router.read(accessKey.all), []);
  assert.equal((await vigil(home, ['key', 'add', `a${'-'.repeat(31)}`])).code, 0, 'the longest name');
});

test('the list shows what each key has spent in its present periods, and who was revoked', async (t) => {
  const { home, router } = await quietHome(t);
  assert.match((await vigil(home, ['key', 'list'])).stdout, /^There is no key yet\./);
  await vigil(home, ['key', 'add', 'laptop', '--aliases', 'quick,deep', '--hour-usd', '0.5']);
  await vigil(home, ['key', 'add', 'old']);
  await vigil(home, ['key', 'revoke', 'old']);
  const now = Date.now();
  const usage = {
    input_tokens: 1,
    output_tokens: 0,
    cache_read_tokens: 0,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 0,
    web_searches: 0,
  };
  const at = { hour_at: periodOf('hour', now).starts_at, model: 'm', alias: '', task: '', conversation: '' };
  const bill = { failed: false, usage, cost_nanousd: 31_000_000, estimated: false };
  await router.commit([
    total.add({ ...at, caller: 'laptop' }, bill),
    total.add({ ...at, caller: 'core' }, bill),
  ]);

  const { stdout } = await vigil(home, ['key', 'list']);
  const cells = stdout.split('\n').map((line) => line.split(/ {2,}/));
  assert.deepEqual(cells[0], ['name', 'may ask for', 'limits', 'today', 'this month', 'state']);
  const today = periodOf('day', now).name;
  assert.deepEqual(cells.slice(1, 3), [
    ['laptop', 'quick, deep', '$0.50 an hour', '$0.031', '$0.031', `in use since ${today}`],
    ['old', 'all', 'none', '$0.00', '$0.00', `revoked ${today}`],
  ]);
  const [laptop, old] = JSON.parse((await vigil(home, ['key', 'list', '--json'])).stdout);
  assert.deepEqual(
    [
      laptop.name,
      laptop.aliases,
      laptop.spent_today_nanousd,
      laptop.spent_this_month_nanousd,
      laptop.revoked_at,
    ],
    ['laptop', ['quick', 'deep'], 31_000_000, 31_000_000, null],
  );
  assert.ok(old.revoked_at >= now - 60_000 && !('hash' in old));
});
