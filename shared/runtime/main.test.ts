import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import { scratch, until } from '../testing/scratch.ts';
import { type Home, homeOf, prepareHome } from './home.ts';

type Process = {
  child: ChildProcess;
  home: Home;
  stderr(): string;
  words(): string;
  exit: Promise<unknown[]>;
};

const url = (path: string) => JSON.stringify(import.meta.resolve(path));

/** A core as a process: `body` is its start. Its descriptor 3 is the supervisor's pipe. */
function start(
  t: TestContext,
  body = '',
  more: { env?: Record<string, string>; config?: string } = {},
): Process {
  const home = homeOf({ VIGIL_HOME: join(scratch(t), 'home') });
  prepareHome(home);
  writeFileSync(home.config, more.config ?? '');
  const program = join(home.directory, 'core.ts');
  writeFileSync(
    program,
    `import { main } from ${url('./main.ts')};
     import { service } from ${url('./service.ts')};
     import { Misconfigured } from ${url('../base/errors.ts')};
     import * as z from ${url('zod/mini')};
     main(import.meta.filename, service({ name: 'core', config: z.strictObject({}), async start(ctx) { ${body} } }));`,
  );
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, VIGIL_HOME: home.directory, NOTIFY_FD: '3', ...more.env },
    stdio: ['ignore', 'inherit', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  const exit = once(child, 'close');
  let stderr = '';
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  (child.stdio[3] as Readable).setEncoding('utf8').on('data', (text) => {
    words += text;
  });
  return { child, home, stderr: () => stderr, words: () => words, exit };
}

const ready = (core: Process) => until('it is ready', () => core.words().includes('READY=1\n'));

function logOf({ home }: Process): string {
  const folder = join(home.logs, 'core');
  return readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('');
}

describe('a service as a process', { concurrency: 4 }, () => {
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    test(`drains after ${signal} and exits with ${code}`, async (t) => {
      const core = start(
        t,
        `const queue = [1];
         ctx.work({ name: 'one', look: async () => queue.shift(), async act() {
           await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
           ctx.log.info('work.ended');
         } });`,
      );
      await ready(core);
      core.child.kill(signal);
      assert.deepEqual(await core.exit, [code, null]);
      assert.match(core.words(), /^READY=1\n(WATCHDOG=1\n)*STOPPING=1\n$/);
      assert.match(logOf(core), /work\.ended[\s\S]*service\.stopped/);
      assert.equal(core.stderr(), '');
    });
  }

  test('stopped while it starts, it ends as well as later', async (t) => {
    const core = start(
      t,
      `process.kill(process.pid, 'SIGTERM'); await new Promise((go) => setTimeout(go, 50));`,
    );
    assert.deepEqual(await core.exit, [143, null]);
  });

  test('a second SIGTERM changes nothing', async (t) => {
    const core = start(
      t,
      `ctx.signal.addEventListener('abort', () => process.kill(process.pid, 'SIGTERM'), { once: true });`,
    );
    await ready(core);
    core.child.kill('SIGTERM');
    assert.deepEqual(await core.exit, [143, null]);
    assert.match(logOf(core), /service\.stopped/);
  });

  test('misconfigured it exits with 78, and says what to do', async (t) => {
    const core = start(t, `throw new Misconfigured('core: no such thing', 'get one');`);
    assert.deepEqual(await core.exit, [78, null]);
    assert.match(core.stderr(), /^core: core: no such thing\n {2}cure: get one\n$/m);
    assert.doesNotMatch(core.words(), /READY/);
  });

  test('a setting that nobody knows is misconfigured too', async (t) => {
    const core = start(t, '', { config: '[core]\nspeed = "high"\n' });
    assert.deepEqual(await core.exit, [78, null]);
    assert.match(core.stderr(), /\[core\] speed: unknown key/);
  });

  for (const [label, code] of [
    ['ai.vigil.core', 0],
    ['0', 78],
    ['application.com.apple.Terminal.1', 78],
  ] as const) {
    test(`misconfigured with XPC_SERVICE_NAME=${label} it exits with ${code}`, async (t) => {
      const core = start(t, `throw new Misconfigured('no such thing', 'get one');`, {
        env: { XPC_SERVICE_NAME: label },
      });
      assert.deepEqual(await core.exit, [code, null]);
      assert.match(core.stderr(), /cure: get one/);
    });
  }

  test('a start that fails for another reason exits with 1, to be restarted', async (t) => {
    const core = start(t, `throw new Error('a bad moment');`);
    assert.deepEqual(await core.exit, [1, null]);
    assert.match(core.stderr(), /a bad moment/);
    assert.match(logOf(core), /"event":"service\.failed".*a bad moment/);
  });

  for (const [what, body] of [
    ['an uncaught throw', `setTimeout(() => { throw new Error('out of the blue'); }, 20);`],
    [
      'a rejection that nobody handles',
      `setTimeout(() => Promise.reject(new Error('out of the blue')), 20);`,
    ],
  ] as const) {
    test(`${what} exits with 1, and is in the log`, async (t) => {
      const core = start(t, body);
      assert.deepEqual(await core.exit, [1, null]);
      assert.match(logOf(core), /"level":"fatal".*"event":"process\.crashed".*out of the blue/);
    });
  }

  test('a crash is told to whoever watches, too', async (t) => {
    const core = start(t, `setTimeout(() => { throw new Error('out of the blue'); }, 20);`);
    await core.exit;
    assert.match(core.stderr(), /fatal core process\.crashed error="out of the blue"/);
  });

  test('when its supervisor is gone, its next ping finds out, and it drains and ends', async (t) => {
    const core = start(t);
    await ready(core);
    core.child.stdio[3]?.destroy();
    assert.deepEqual(await core.exit, [143, null]);
    assert.match(logOf(core), /service\.stopped/);
  });

  test('what it writes is closed to others', async (t) => {
    const core = start(t, `(await import('node:fs')).writeFileSync(ctx.home.state + '/made', '');`);
    await ready(core);
    assert.equal(statSync(join(core.home.state, 'made')).mode & 0o777, 0o600);
  });

  test('a module that is only imported starts nothing', async (t) => {
    const home = homeOf({ VIGIL_HOME: scratch(t) });
    const program = join(home.directory, 'importer.mjs');
    writeFileSync(
      program,
      `await import(${url('../../services/core/service.ts')}); console.log('imported');`,
    );
    const child = spawn(process.execPath, [program], {
      env: { ...process.env, VIGIL_HOME: home.directory },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    assert.deepEqual(await once(child, 'close'), [0, null]);
    assert.equal(output, 'imported\n');
    assert.deepEqual(readdirSync(home.directory), ['importer.mjs']);
  });
});
