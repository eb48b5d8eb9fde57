import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { periodOf } from '#shared/base/period.ts';
import { root } from '#shared/base/root.ts';
import type { Store } from '#shared/store/store.ts';
import * as spend from '#shared/tables/spend.ts';
import * as total from '#shared/tables/total.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';

// Far from UTC, so that a day of the report can only be a local one.
process.env.TZ = 'Pacific/Auckland';

const HOUR_ms = 3_600_000;

type Call = Partial<total.Dimensions> & {
  usd: number;
  cached?: number;
  failed?: boolean;
  estimated?: boolean;
};

async function book(router: Store, ...calls: Call[]): Promise<void> {
  for (const { usd, cached = 0, failed = false, estimated = false, ...at } of calls) {
    const usage = {
      input_tokens: 100,
      output_tokens: 50,
      cache_read_tokens: cached,
      cache_write_5m_tokens: 0,
      cache_write_1h_tokens: 0,
      web_searches: 0,
    };
    const hour_at = at.hour_at ?? periodOf('hour', Date.now()).starts_at;
    const rest = {
      model: 'm',
      alias: 'default',
      task: '',
      caller: 'core',
      conversation: 'c',
      ...at,
      hour_at,
    };
    await router.commit([total.add(rest, { failed, usage, cost_nanousd: Math.round(usd * 1e9), estimated })]);
  }
}

const cellsOf = (text: string) => text.split('\n').map((line) => line.split(/ {2,}/));

test('vigil cost says first how the budgets stand, then what each model cost, the dearest first', async (t) => {
  const { home, router } = await quietHome(t, '[budget]\nday_usd = 4\n');
  await book(
    router,
    { model: 'cheap\x1b', usd: 0.01 }, // a terminal shall not be told what to do
    { model: 'dear', usd: 0.5, cached: 300 },
    { model: 'dear', usd: 0.25, estimated: true },
    { model: 'local', usd: 0, failed: true },
  );
  const windows = (['hour', 'day', 'month'] as const).map((kind) => {
    const { starts_at, ends_at } = periodOf(kind, Date.now());
    const id = spend.windowId(kind, kind, starts_at);
    return { id, budget: kind, starts_at, ends_at, limit_nanousd: null, limit_calls: null };
  });
  await router.commit([
    ...windows.map((window) => spend.hold(window, 760_000_000)),
    spend.settle(JSON.stringify(windows.map(({ id }) => id)), 760_000_000, 760_000_000),
  ]);
  const { code, stdout, stderr } = await vigil(home, ['cost']);
  assert.deepEqual([code, stderr], [0, '']);
  const [head, , title, , ...table] = stdout.split('\n');
  assert.equal(head, 'today $0.76 of $4.00 · this hour $0.76 of $1.00 · this month $0.76 of $40.00');
  assert.equal(title, 'This month, by model:');
  assert.deepEqual(cellsOf(table.join('\n')), [
    ['model', 'cost', 'share', 'calls', 'tokens in', 'cached', 'out'],
    ['dear', '$0.75', '99%', '████████████████████', '2', '500', '60%', '100'],
    ['cheap?', '$0.010', '1%', '▎', '1', '100', '0%', '50'],
    ['local', '$0.00', '0%', '1', '100', '0%', '50'],
    ['total', '$0.76', '100%', '4', '700', '43%', '200'],
    [''],
    ['$0.25 of it is estimated; 1 of the calls failed'],
    [''],
  ]);
});

test('what is asked for is what the rows are: task, alias, key, conversation', async (t) => {
  const { home, router } = await quietHome(t);
  await book(
    router,
    { usd: 1, task: 'code', alias: 'deep', caller: 'laptop', conversation: 'telegram:7' },
    { usd: 2, task: '', alias: 'quick', caller: 'core', conversation: '' },
  );
  const names = async (by: string) =>
    JSON.parse((await vigil(home, ['cost', '--by', by, '--json'])).stdout).rows.map(
      (row: { name: string }) => row.name,
    );
  assert.deepEqual(await Promise.all(['task', 'alias', 'key', 'conversation'].map(names)), [
    ['', 'code'],
    ['quick', 'deep'],
    ['core', 'laptop'],
    ['', 'telegram:7'],
  ]);
  assert.match((await vigil(home, ['cost', '--by', 'task'])).stdout, /^\(none\) +\$2\.00 /m);
});

test('days are the local ones, in their order, those without a call too', async (t) => {
  const { home, router } = await quietHome(t);
  const today = periodOf('day', Date.now());
  const before = (days: number) => {
    const date = new Date(today.starts_at);
    date.setDate(date.getDate() - days);
    return date.getTime();
  };
  await book(
    router,
    { usd: 1, hour_at: today.starts_at },
    { usd: 2, hour_at: today.starts_at - HOUR_ms },
    { usd: 4, hour_at: before(3) },
    { usd: 8, hour_at: before(3) - HOUR_ms },
  );
  const { stdout } = await vigil(home, ['cost', '--by', 'day', '--days', '4']);
  const rows = cellsOf(stdout.split('\n\n')[2] ?? '').slice(1, 6);
  assert.deepEqual(
    rows.map(([name, cost]) => [name, cost]),
    [
      [periodOf('day', before(3)).name, '$4.00'],
      [periodOf('day', before(2)).name, '$0.00'],
      [periodOf('day', before(1)).name, '$2.00'],
      [today.name, '$1.00'],
      ['total', '$7.00'],
    ],
  );
  const report = JSON.parse((await vigil(home, ['cost', '--by', 'hour', '--json'])).stdout);
  assert.deepEqual([report.rows[0].name, report.rows[0].cost_nanousd], [`${today.name} 00:00`, 1e9]);
  assert.equal(report.rows.length, Math.floor((Date.now() - today.starts_at) / HOUR_ms) + 1);
  const month = JSON.parse((await vigil(home, ['cost', '--json'])).stdout);
  assert.equal(month.span.starts_at, periodOf('month', Date.now()).starts_at);
});

test('a house in which nothing was called says so', async (t) => {
  const { home } = await quietHome(t);
  const { code, stdout } = await vigil(home, ['cost', '--today']);
  assert.equal(code, 0);
  assert.equal(
    stdout,
    'today $0.00 of $3.00 · this hour $0.00 of $1.00 · this month $0.00 of $40.00\n\nNo calls today.\n',
  );
});

test('spans that contradict each other, or are none, are wrong usage', async (t) => {
  const { home } = await quietHome(t);
  const wrong = [
    ['--today', '--month'],
    ['--today', '--days', '2'],
    ['--month', '--days', '2'],
    ['--days', '0'],
    ['--days', '401'],
    ['--by', 'weather'],
    ['extra'],
  ];
  for (const { code, stdout } of await Promise.all(wrong.map((args) => vigil(home, ['cost', ...args])))) {
    assert.deepEqual([code, stdout], [64, '']);
  }
});

const python = spawnSync('python3', ['-c', 'import pty']).status === 0;
/** Runs its arguments on a terminal of so many columns, and prints what it shows. */
const terminal = `
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(sys.argv[1]), 0, 0))
    os.execvp(sys.argv[2], sys.argv[2:])
while True:
    try: shown = os.read(fd, 65536)
    except OSError: break
    if not shown: break
    os.write(1, shown)
`;

test('a terminal gets colours and a chart of its width, a pipe neither', {
  skip: python ? false : 'there is no python3 to make a terminal with',
}, async (t) => {
  const { home, router } = await quietHome(t);
  await book(router, { usd: 1 });
  // In continuous integration Node takes no terminal for one with colours.
  const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...env } = process.env;
  const run = (...command: string[]) =>
    spawnSync(command[0] ?? '', [...command.slice(1), join(root, 'scripts', 'vigil.ts'), 'cost'], {
      encoding: 'utf8',
      env: { ...env, TERM: 'xterm-256color', VIGIL_HOME: home.directory },
    }).stdout;
  const on = (columns: number) => run('python3', '-c', terminal, String(columns), process.execPath);
  const widest = (text: string) =>
    Math.max(
      ...stripVTControlCharacters(text)
        .split(/\r?\n/)
        .slice(1)
        .map((line) => line.length),
    );

  assert.ok(!run(process.execPath).includes('\x1b['));
  const [narrow, wide] = [on(60), on(300)];
  for (const shown of [narrow, wide]) assert.ok(shown.includes('\x1b['));
  assert.equal(widest(narrow), 60);
  assert.match(wide, /█{40}/);
  assert.doesNotMatch(wide, /█{41}/);
});
