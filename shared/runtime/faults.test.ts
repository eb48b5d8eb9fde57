/** What a service logs as gone wrong, and what it asks of the outside, as rows of a real store. */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { withIds } from '../base/log.ts';
import { root } from '../base/root.ts';
import { openStore } from '../store/store.ts';
import type { Fault } from '../tables/error.ts';
import type { ExternalCall } from '../tables/external_call.ts';
import { scratch, until } from '../testing/scratch.ts';
import type { Context } from './context.ts';
import { RECOVERY } from './faults.ts';
import { homeOf, prepareHome } from './home.ts';
import { run, service } from './service.ts';
import { section } from './setting.ts';

type Row = Fault & { times: number; last_at: number };

/** A service that is up, with what it was given, its rows, and a clock that can be set. */
async function up(t: TestContext) {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  mkdirSync(home.directory, { recursive: true });
  writeFileSync(home.config, '', { mode: 0o600 });
  prepareHome(home);
  const time = { ahead_ms: 0 };
  const given = Promise.withResolvers<Context<object>>();
  const running = run(
    service({ name: 'tools', config: section({}), start: async (ctx) => given.resolve(ctx) }),
    { home, clock: { ...systemClock, now: () => systemClock.now() + time.ahead_ms } },
  );
  t.after(() => running.stop().catch(() => {}));
  await running.ready;
  const ctx = await given.promise;
  const errors = () =>
    ctx.store.read<Row>({ verb: 'test', sql: 'SELECT * FROM error ORDER BY id', args: [] });
  const calls = () =>
    ctx.store.read<ExternalCall>({ verb: 'test', sql: 'SELECT * FROM external_call ORDER BY id', args: [] });
  return { ctx, errors, calls, time, running, home };
}

test('an error that is logged is a row with its turn, its trace and what was done about it', async (t) => {
  const { ctx, errors } = await up(t);
  const error = Object.assign(new Error('no answer'), { code: 'ECONNREFUSED' });
  withIds({ turn: 't1' }, () => ctx.log.warn('turn.postponed', { error }));
  ctx.log.error('thing.broken', { error: new TypeError('odd'), recovery: 'mended' });
  const rows = await until('both are written', async () => {
    const found = await errors();
    return found.length === 2 && found;
  });
  const [first, second] = rows;
  assert.deepEqual(
    [
      first?.service,
      first?.event,
      first?.type,
      first?.message,
      first?.recovery,
      first?.severity,
      first?.turn_id,
    ],
    ['tools', 'turn.postponed', 'ECONNREFUSED', 'no answer', 'tried again later', 'warning', 't1'],
  );
  assert.match(first?.trace ?? '', /^ +at .*faults\.test\.ts/);
  assert.deepEqual(
    [second?.type, second?.recovery, second?.severity, second?.turn_id],
    ['TypeError', 'mended', 'error', null],
  );
});

test('the same error again within a minute counts up, and after it is a row of its own', async (t) => {
  const { ctx, errors, time } = await up(t);
  const times = async () => (await errors()).map((row) => row.times);
  const say = () => ctx.log.warn('poll.failed', { error: new Error('away') });
  for (let i = 0; i < 50; i++) say();
  await until('all are counted', async () => (await times())[0] === 50);
  time.ahead_ms = 59_000;
  say();
  await until('it counts up', async () => (await times())[0] === 51);
  time.ahead_ms = 61_000;
  say();
  await until('a new row', async () => (await times()).length === 2);
  assert.deepEqual(await times(), [51, 1]);
});

test('a warning without an error is no row', async (t) => {
  const { ctx, errors } = await up(t);
  ctx.log.warn('message.refused', { note: 'a stranger' });
  ctx.log.info('turn.finished', { error: new Error('only told') });
  ctx.log.warn('poll.failed', { error: new Error('the one') });
  await until('the last is written', async () => (await errors()).length > 0);
  assert.deepEqual(
    (await errors()).map(({ message }) => message),
    ['the one'],
  );
});

test('an error while the store cannot be written harms nobody, and does not go round in circles', async (t) => {
  const { ctx, running } = await up(t);
  await ctx.store.close();
  for (let i = 0; i < 300; i++) ctx.log.error('thing.broken', { error: new Error(`number ${i}`) });
  await running.noted();
});

test('what brings a service down is written before it is gone', async (t) => {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  mkdirSync(home.directory, { recursive: true });
  writeFileSync(home.config, '', { mode: 0o600 });
  prepareHome(home);
  const start = async () => {
    throw new Error('cannot begin');
  };
  await assert.rejects(run(service({ name: 'tools', config: section({}), start }), { home }).ended);
  const store = await openStore({ directory: home.state, principal: 'cli' });
  t.after(() => store.close());
  const rows = await store.read<Row>({ verb: 'test', sql: 'SELECT * FROM error', args: [] });
  assert.deepEqual(
    rows.map(({ event, message, severity }) => [event, message, severity]),
    [['service.failed', 'cannot begin', 'fatal']],
  );
});

test('a process that crashes writes down why', async (t) => {
  const home = homeOf({ VIGIL_HOME: realpathSync(scratch(t)) });
  prepareHome(home);
  const program = join(home.directory, 'service.mjs');
  const from = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  writeFileSync(
    program,
    `import { main } from ${from('./main.ts')};
    import { service } from ${from('./service.ts')};
    import { section } from ${from('./setting.ts')};
    const start = async () => void setTimeout(() => { throw new Error('out of the blue'); });
    main(import.meta.filename, service({ name: 'tools', config: section({}), start }));`,
  );
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, VIGIL_HOME: home.directory, VIGIL_CONSOLE: 'off' },
    stdio: 'ignore',
  });
  assert.deepEqual(await once(child, 'close'), [1, null]);
  const store = await openStore({ directory: home.state, principal: 'cli' });
  t.after(() => store.close());
  const rows = await store.read<Row>({ verb: 'test', sql: 'SELECT * FROM error', args: [] });
  assert.deepEqual(
    rows.map(({ event, message }) => [event, message]),
    [['process.crashed', 'out of the blue']],
  );
});

test('a call of the outside is a row, with its outcome and how long it took, and its outcome is handed on', async (t) => {
  const { ctx, calls } = await up(t);
  const answer = await withIds({ turn: 't2' }, () =>
    ctx.external('api.telegram.org', 'getMe', async () => 42, { payload: 'outbound 12', retries: 2 }),
  );
  assert.equal(answer, 42);
  const refusal = Object.assign(new Error('Too Many Requests'), { error_code: 429 });
  await assert.rejects(
    ctx.external('api.telegram.org', 'sendMessage', () => Promise.reject(refusal)),
    refusal,
  );
  const rows = await until('both are written', async () => {
    const found = await calls();
    return found.length === 2 && found;
  });
  const told = rows.map(({ id: _, at, latency_ms, ...row }: ExternalCall & { id?: number }) => {
    assert.ok(latency_ms >= 0 && at > 0);
    return { ...row };
  });
  const both = { service: 'tools', target: 'api.telegram.org' };
  assert.deepEqual(told, [
    { ...both, action: 'getMe', payload: 'outbound 12', status: 'ok', retries: 2, turn_id: 't2' },
    { ...both, action: 'sendMessage', payload: null, status: '429', retries: 0, turn_id: null },
  ]);
});

test('what is said to be done about an event belongs to one that is logged', () => {
  const files = execFileSync('git', ['ls-files', 'services/*.ts', 'shared/*.ts'], {
    cwd: root,
    encoding: 'utf8',
  });
  const sources = files
    .trim()
    .split('\n')
    .filter((file) => !file.endsWith('.test.ts') && !file.endsWith('/faults.ts'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n');
  assert.deepEqual(
    Object.keys(RECOVERY).filter((event) => !sources.includes(`('${event}'`)),
    [],
  );
});
