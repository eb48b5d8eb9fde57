import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type PeriodKind, periodOf } from '#shared/base/period.ts';
import { root } from '#shared/base/root.ts';
import { openStore } from '#shared/store/store.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as incident from '#shared/tables/incident.ts';
import * as spend from '#shared/tables/spend.ts';
import * as turn from '#shared/tables/turn.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';

const CONFIG = '[budget]\nhour_usd = 0.5\nday_usd = 2\nunasked_percent = 25\n';

function windowOf(budget: string, kind: PeriodKind, limit_calls: number | null = null): spend.Window {
  const { starts_at, ends_at } = periodOf(kind, Date.now());
  const id = spend.windowId(budget, kind, starts_at);
  return { id, budget, starts_at, ends_at, limit_nanousd: null, limit_calls };
}

function spent(windows: readonly spend.Window[], nanousd: number) {
  return [
    ...windows.map((window) => spend.hold(window, nanousd)),
    spend.settle(JSON.stringify(windows.map(({ id }) => id)), nanousd, nanousd),
  ];
}

const cellsOf = (text: string) => text.split('\n').map((line) => line.split(/ {2,}/));

test('budget show says of each budget what is spent, reserved, added and left', async (t) => {
  const { home, router } = await quietHome(t, CONFIG);
  assert.equal(
    (await vigil(home, ['key', 'add', 'laptop', '--day-usd', '1', '--calls-per-hour', '50'])).code,
    0,
  );
  const windows = [windowOf('hour', 'hour'), windowOf('day', 'day'), windowOf('key laptop day', 'day')];
  await router.commit(spent(windows, 250_000_000));
  await router.commit([
    ...windows.map((window) => spend.hold(window, 125_000_000)),
    spend.hold(windowOf('key laptop hour', 'hour'), 0),
  ]);
  await vigil(home, ['budget', 'raise', 'day', '1']);
  const opened = { service: 'router', severity: 'warning', now: Date.now() } as const;
  await router.commit([
    incident.open({ ...opened, cause: 'budget hour x', text: 'The hour is nearly spent.' }),
    incident.open({ ...opened, cause: 'breaker y', text: 'A target is away.' }),
  ]);

  const { code, stdout, stderr } = await vigil(home, ['budget', 'show']);
  assert.deepEqual([code, stderr], [0, '']);
  const rows = cellsOf(stdout).map((cells) => cells.slice(0, 6));
  assert.deepEqual(rows.slice(0, 6), [
    ['budget', 'spent', 'reserved', 'limit', 'left', 'until'],
    ['hour', '██████████▒▒▒▒▒░░░░░', '$0.25', '$0.13', '$0.50', '$0.13'],
    ['day', '█▒░░░░░░░░░░░░░░░░░░', '$0.25', '$0.13', '$3.00 (+$1.00)', '$2.63'],
    ['month', '░░░░░░░░░░░░░░░░░░░░', '$0.00', '–', '$40.00', '$40.00'],
    ['unasked', '░░░░░░░░░░░░░░░░░░░░', '$0.00', '–', '$0.50', '$0.50'],
    ['key:laptop:day', '█████▒▒░░░░░░░░░░░░░', '$0.25', '$0.13', '$1.00', '$0.63'],
  ]);
  assert.match(stdout, /^hour .* (\d\d:\d\d|midnight)$/m);
  assert.match(stdout, /^calls in this hour: 2 of 1,000, laptop 1 of 50\none answer: at most \$0\.50\n/m);
  assert.match(stdout, /^since .*: The hour is nearly spent\.$/m);
  assert.doesNotMatch(stdout, /away/);

  const report = JSON.parse((await vigil(home, ['budget', 'show', '--json'])).stdout);
  const { name, spent_nanousd, held_nanousd, added_nanousd, limit_nanousd, left_nanousd } = report.budgets[1];
  assert.deepEqual(
    [name, spent_nanousd, held_nanousd, added_nanousd, limit_nanousd, left_nanousd],
    ['day', 250_000_000, 125_000_000, 1e9, 3e9, 2_625_000_000],
  );
  assert.deepEqual([report.turn_usd, report.incidents.length], [0.5, 1]);
});

test('a raise is in force with the next call, in the present period alone', async (t) => {
  const { home, router } = await quietHome(t, CONFIG);
  const day = { ...windowOf('day', 'day'), limit_nanousd: 2e9 };
  await router.commit(spent([day], 2e9));
  await assert.rejects(router.commit([spend.hold(day, 1)]), { name: 'Fenced' });

  const { code, stdout, stderr } = await vigil(home, ['budget', 'raise', 'day', '0.25']);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^\$0\.25 added: the limit is now \$2\.25, \$0\.25 of it is left, until midnight\n/);
  await assert.rejects(router.commit([spend.hold(day, 250_000_001)]), { name: 'Fenced' });
  await router.commit([spend.hold(day, 250_000_000)]);

  const other = await vigil(home, ['budget', 'raise', 'hour', '1']);
  assert.match(
    other.stdout,
    /the limit is now \$1\.50, .*\nnote: nothing is left of 'day', which stops calls all the same\n$/,
  );
  assert.deepEqual(
    await router.read(spend.added([day.id, windowOf('hour', 'hour').id, windowOf('month', 'month').id])),
    [
      { id: day.id, nanousd: 250_000_000 },
      { id: windowOf('hour', 'hour').id, nanousd: 1e9 },
    ],
  );
});

test('the budgets of a key, of unasked work and of one answer can be raised, if there are such', async (t) => {
  const { home, router } = await quietHome(t, CONFIG);
  await vigil(home, ['key', 'add', 'laptop', '--month-usd', '1']);
  await vigil(home, ['key', 'add', 'old', '--month-usd', '1']);
  await vigil(home, ['key', 'revoke', 'old']);
  const done = await vigil(home, ['budget', 'raise', 'key:laptop:month', '2']);
  assert.match(done.stdout, /^\$2\.00 added: the limit is now \$3\.00,/);
  assert.match((await vigil(home, ['budget', 'raise', 'unasked', '.1'])).stdout, /the limit is now \$0\.60,/);
  assert.deepEqual(
    (
      await router.read(
        spend.added([windowOf('key laptop month', 'month').id, windowOf('unasked', 'day').id]),
      )
    ).length,
    2,
  );
  const none = ['week', 'key:laptop:day', 'key:old:month', 'key:laptop', 'turn'];
  for (const { code, stderr } of await Promise.all(
    none.map((name) => vigil(home, ['budget', 'raise', name, '1'])),
  )) {
    assert.equal(code, 64);
    assert.match(stderr, /expected one of hour, day, month, unasked, key:laptop:month, turn:<id>/);
  }
  const core = await openStore({ directory: home.state, principal: 'core' });
  t.after(() => core.close());
  const now = Date.now();
  await core.commit([
    inbound.receive({
      source: 'terminal',
      source_key: '1',
      channel: 'terminal',
      conversation: 'terminal:main',
      chat: null,
      sender: 'owner',
      text: 'hello',
      message_ref: null,
      payload_json: '{}',
      received_at: now,
      state: 'pending',
      note: null,
    }),
    turn.open('0189', { owner: 'o', boot_id: 'b', now, until_at: now }),
  ]);
  const raised = await vigil(home, ['budget', 'raise', 'turn:0189', '1']);
  assert.equal(raised.stdout, '$1.00 added: this answer may now cost $1.50\n');
  assert.deepEqual(await router.read(spend.added(['turn 0189'])), [{ id: 'turn 0189', nanousd: 1e9 }]);
  const ended = await vigil(home, ['budget', 'raise', 'turn:0190', '1']);
  assert.equal(ended.code, 78);
  assert.match(ended.stderr, /^budget: no answer called '0190' is in the making/);
});

test('a raise of nothing, of less, or of too much is refused and adds nothing', async (t) => {
  const { home, router } = await quietHome(t, CONFIG);
  const wrong = ['0', '-1', 'NaN', '10000.01', 'much', ''];
  for (const { code, stderr } of await Promise.all(
    wrong.map((usd) => vigil(home, ['budget', 'raise', 'day', usd])),
  )) {
    assert.equal(code, 64);
    assert.match(stderr, /expected US dollars, more than 0 and at most 10,000, got '/);
  }
  assert.deepEqual(await router.read(spend.added([windowOf('day', 'day').id])), []);
});

test('budget set changes one line of config.toml, and nothing else of it', async (t) => {
  const example = readFileSync(join(root, 'config.example.toml'), 'latin1');
  const { home } = await quietHome(t);
  // A byte that is no UTF-8, too.
  const text = `${example}# caf\xe9\n`;
  writeFileSync(home.config, text, 'latin1');
  chmodSync(home.config, 0o640);
  const { code, stdout } = await vigil(home, ['budget', 'set', 'day', '5']);
  assert.equal(code, 0);
  assert.match(stdout, /^day_usd = 5 \(was 3\) in .*config\.toml; /);
  assert.equal((await vigil(home, ['budget', 'set', 'calls_per_hour', '20'])).code, 0);
  assert.equal((await vigil(home, ['budget', 'set', 'day_usd', '6.5'])).code, 0);
  const expected = text
    .replace('# day_usd = 3\n', '# day_usd = 3\nday_usd = 6.5\n')
    .replace('# calls_per_hour = 1000\n', '# calls_per_hour = 1000\ncalls_per_hour = 20\n');
  assert.equal(readFileSync(home.config, 'latin1'), expected);
  assert.equal(statSync(home.config).mode & 0o777, 0o640);
  assert.deepEqual(
    readdirSync(home.directory).filter((file) => file.startsWith('config')),
    ['config.toml'],
  );
  assert.match((await vigil(home, ['budget', 'show'])).stdout, /^day .*\$6\.50/m);
});

test('a config.toml that is a link stays one', async (t) => {
  const { home } = await quietHome(t, CONFIG);
  const real = join(home.directory, 'real.toml');
  renameSync(home.config, real);
  symlinkSync(real, home.config);
  assert.equal((await vigil(home, ['budget', 'set', 'turn', '0.75'])).code, 0);
  assert.ok(lstatSync(home.config).isSymbolicLink());
  assert.match(readFileSync(real, 'utf8'), /^turn_usd = 0\.75$/m);
});

test('a value that would not stand the check leaves config.toml as it is', async (t) => {
  const { home } = await quietHome(t, CONFIG);
  const faulty = [
    [
      'day',
      '1000001',
      /config\.toml would have a fault:\n {2}\[budget\] day_usd: .*1000000, got 1000001\n {2}cure: /,
    ],
    ['unasked_percent', '101', /unasked_percent: .*100, got 101/],
    ['calls', '1.5', /calls_per_hour: .*got 1\.5/],
  ] as const;
  const wrong = [
    ['week', '1'],
    ['day', '-1'],
    ['day', 'much'],
    ['day', ' '],
  ] as const;
  await Promise.all([
    ...faulty.map(async ([name, value, fault]) => {
      const { code, stderr } = await vigil(home, ['budget', 'set', name, value]);
      assert.equal(code, 78);
      assert.match(stderr, fault);
    }),
    ...wrong.map(async ([name, value]) => {
      assert.equal((await vigil(home, ['budget', 'set', name, value])).code, 64, `${name} ${value}`);
    }),
  ]);
  assert.equal(readFileSync(home.config, 'utf8'), CONFIG);
  writeFileSync(home.config, `${CONFIG}[weather]\n`);
  const broken = await vigil(home, ['budget', 'set', 'day', '1']);
  assert.equal(broken.code, 78);
  assert.match(broken.stderr, /config\.toml has a fault:\n {2}\[weather\]: unknown section/);
  assert.equal(readFileSync(home.config, 'utf8'), `${CONFIG}[weather]\n`);
});

test('a config.toml that may not be written is left alone, with the cure', async (t) => {
  const { home } = await quietHome(t, CONFIG);
  chmodSync(home.config, 0o444);
  const nobody = process.getuid?.() === 0 ? 65534 : undefined;
  if (nobody) {
    chmodSync(home.directory, 0o755);
    chownSync(home.directory, nobody, nobody);
  }
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts', 'vigil.ts'), 'budget', 'set', 'day', '1'],
    { env: { ...process.env, VIGIL_HOME: home.directory }, encoding: 'utf8', ...(nobody && { uid: nobody }) },
  );
  assert.equal(status, 78, stderr);
  assert.match(
    stderr,
    /^config: .*config\.toml cannot be changed \(EACCES.*\n {2}cure: let \w+ write it and its folder/,
  );
  assert.equal(readFileSync(home.config, 'utf8'), CONFIG);
});
