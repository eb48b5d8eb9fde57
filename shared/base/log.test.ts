import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { noSmallDisk, smallDisk } from '../testing/full-disk.ts';
import { type Fields, type LogOptions, openLog, withIds } from './log.ts';
import { LONGEST_LINE_BYTES } from './logfile.ts';
import { scrubber } from './scrub.ts';

const SMALL_BYTES = 2 * LONGEST_LINE_BYTES;

type Line = Record<string, unknown> & { level: string; event: string; msg: string };

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'log-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const numberOf = (file: string) => Number(file.split('.').at(-2));

/** The log files of a folder, oldest first. */
function filesOf(folder: string) {
  return readdirSync(folder)
    .sort((a, b) => numberOf(a) - numberOf(b))
    .map((name) => ({ name, path: join(folder, name), size: statSync(join(folder, name)).size }));
}

/** Every line of every file, oldest first; one that is not JSON fails the test. */
function linesOf(folder: string): Line[] {
  return filesOf(folder).flatMap(({ path }) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
  );
}

const open = (directory: string, options: Partial<LogOptions> = {}) =>
  openLog({ service: 'core', version: '1.2.3', directory, ...options });

/** Runs `body` in a process of its own, which has `directory`, `open` and what else it needs to break things. */
function startChild(directory: string, body: string, flags: string[] = []) {
  const program = `
    import { execFileSync } from 'node:child_process';
    import { appendFileSync, chmodSync, closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
    import { openLog, withIds } from ${JSON.stringify(new URL('./log.ts', import.meta.url).href)};
    import { scrubber } from ${JSON.stringify(new URL('./scrub.ts', import.meta.url).href)};
    const directory = ${JSON.stringify(directory)};
    const folder = directory + '/core';
    const open = (options) => openLog({ service: 'core', version: '1.2.3', directory, retry_ms: 20, ...options });
    const written = () => readdirSync(folder).map((file) => readFileSync(folder + '/' + file, 'utf8')).join('');
    const until = async (fact) => {
      for (const deadline = Date.now() + 10_000; !fact(); ) {
        if (Date.now() > deadline) throw new Error('never came true: ' + fact);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const becomeNobody = () => {
      if (process.getuid() !== 0) return;
      process.setgid(65534);
      process.setuid(65534);
    };
    const report = (facts) => writeSync(1, JSON.stringify(facts) + '\\n');
    ${body}`;
  // In the temporary folder, should an abort leave a core file behind.
  const child = spawn(process.execPath, [...flags, '--input-type=module', '--eval', program], {
    cwd: directory,
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stdout, stderr }));
  return { child, ended };
}

/** Runs `body` to its end, which must be a good one; answers with what it reported, and its stderr. */
async function runChild(directory: string, body: string, flags: string[] = []) {
  const { code, stdout, stderr } = await startChild(directory, body, flags).ended;
  assert.equal(code, 0, stderr);
  return { facts: JSON.parse(stdout), stderr };
}

for (const [death, how] of Object.entries({
  'kill -9': `process.kill(process.pid, 'SIGKILL')`,
  'SIGTERM that nobody handles': `process.kill(process.pid, 'SIGTERM')`,
  'process.exit': `process.exit(1)`,
  'an uncaught throw': `throw new Error('the end')`,
  abort: `process.abort()`,
})) {
  test(`a burst is in the files, whole and in order, after ${death}`, async (t) => {
    const directory = temporaryFolder(t);
    const child = startChild(
      directory,
      `const log = await open({ size_bytes: ${SMALL_BYTES}, files: 100 });
       for (let n = 1; n <= 3000; n++) log.info('line.written', { n });
       ${how};`,
    );
    const { code, signal } = await child.ended;
    assert.ok(code !== 0 || signal !== null, 'it died');
    const folder = join(directory, 'core');
    assert.deepEqual(
      linesOf(folder).map((line) => line.n),
      Array.from({ length: 3000 }, (_, i) => i + 1),
    );
    assert.ok(filesOf(folder).length > 3, 'over several files');
  });
}

test('every line that a process spoke of before it was killed from outside is in the files', async (t) => {
  const directory = temporaryFolder(t);
  const { child, ended } = startChild(
    directory,
    `const log = await open({ size_bytes: ${SMALL_BYTES}, files: 100 });
     for (let n = 1; ; n++) {
       log.info('line.written', { n });
       report(n);
     }`,
  );
  child.stdout.on('data', (text: string) => {
    if (Number(text.trim().split('\n').at(-1)) > 2000) child.kill('SIGKILL');
  });
  const { stdout, signal } = await ended;
  assert.equal(signal, 'SIGKILL');
  const spoken = stdout.split('\n').slice(0, -1).length;
  const lines = linesOf(join(directory, 'core'));
  assert.ok(spoken > 2000);
  assert.ok(
    lines.length === spoken || lines.length === spoken + 1,
    `${lines.length} lines, ${spoken} spoken of`,
  );
});

test('one busy turn of the event loop breaks neither the size nor the number of files', async (t) => {
  const directory = temporaryFolder(t);
  const { facts, stderr } = await runChild(
    directory,
    `const log = await open({ size_bytes: ${SMALL_BYTES}, files: 3 });
     let most = 0, largest = 0;
     for (let n = 1; n <= 10_000; n++) {
       log.info('line.written', { n, padding: 'x'.repeat(n % 500) });
       if (n % 50) continue;
       const files = readdirSync(folder);
       most = Math.max(most, files.length);
       largest = Math.max(largest, ...files.map((file) => statSync(folder + '/' + file).size));
     }
     if (process.platform === 'linux') await until(() => readdirSync('/proc/self/fd').length < 40);
     report({ most, largest });`,
  );
  assert.equal(facts.most, 3);
  assert.ok(
    facts.largest <= SMALL_BYTES && facts.largest >= SMALL_BYTES - LONGEST_LINE_BYTES,
    `${facts.largest}`,
  );
  assert.equal(stderr, '', 'nor is there a warning of leaked listeners');
  const numbers = linesOf(join(directory, 'core')).map((line) => Number(line.n));
  assert.deepEqual(
    numbers,
    Array.from(numbers, (_, i) => 10_000 - numbers.length + 1 + i),
    'the newest lines are those that are kept',
  );
});

test('the bounds hold over restarts, and a restart goes on in the newest file', async (t) => {
  const directory = temporaryFolder(t);
  const folder = join(directory, 'core');
  for (let start = 1; start <= 8; start++) {
    const before = readdirSync(directory).length > 0 ? filesOf(folder).at(-1)?.name : 'core.1.log';
    const log = await open(directory, { size_bytes: SMALL_BYTES, files: 3 });
    log.info('service.started', { start });
    assert.equal(filesOf(folder).at(-1)?.name, before);
    for (let n = 0; n < 1000; n++) log.info('line.written', { n });
    await log.close();
    assert.ok(filesOf(folder).length <= 3);
    for (const { size } of filesOf(folder)) assert.ok(size <= SMALL_BYTES);
  }
  const log = await open(directory, { size_bytes: SMALL_BYTES, files: 2 });
  await log.close();
  assert.equal(filesOf(folder).length, 2, 'a smaller bound holds at once');
});

test('a full newest file is left alone by the next start', async (t) => {
  const directory = temporaryFolder(t);
  const folder = join(directory, 'core');
  mkdirSync(folder);
  const full = 'x'.repeat(SMALL_BYTES - LONGEST_LINE_BYTES - 1);
  for (const [name, text] of [
    ['core.8.log', `${full}\n`],
    ['core.9.log', `${full.slice(1)}\n`],
    ['core.10.log', `${full}\n`],
  ] as const) {
    writeFileSync(join(folder, name), text);
  }
  const log = await open(directory, { size_bytes: SMALL_BYTES, files: 3 });
  log.info('service.started');
  await log.close();
  assert.deepEqual(
    filesOf(folder).map(({ name }) => name),
    ['core.9.log', 'core.10.log', 'core.11.log'],
  );
});

test('a torn last line does not spoil the next one', async (t) => {
  const directory = temporaryFolder(t);
  const folder = join(directory, 'core');
  mkdirSync(folder);
  writeFileSync(join(folder, 'core.1.log'), '{"level":"info","ti');
  const log = await open(directory);
  log.info('service.started');
  await log.close();
  const [torn, line] = readFileSync(join(folder, 'core.1.log'), 'utf8').split('\n');
  assert.equal(torn, '{"level":"info","ti');
  assert.equal(JSON.parse(line ?? '').event, 'service.started');
});

test('bounds that leave no room for a line are refused', async (t) => {
  const directory = temporaryFolder(t);
  await assert.rejects(open(directory, { size_bytes: SMALL_BYTES - 1 }), RangeError);
  await assert.rejects(open(directory, { files: 0 }), RangeError);
  const log = await open(directory, { size_bytes: SMALL_BYTES, files: 1 });
  for (let n = 0; n < 2000; n++) log.info('line.written', { n });
  await log.close();
  assert.equal(filesOf(join(directory, 'core')).length, 1);
});

for (const umask of [0, 0o777]) {
  test(`folder and files are the owner's alone under umask 0${umask.toString(8)}`, async (t) => {
    const directory = temporaryFolder(t);
    const folder = join(directory, 'core');
    const mine = process.umask(umask);
    t.after(() => process.umask(mine));
    const log = await open(directory, { size_bytes: SMALL_BYTES });
    for (let n = 0; n < 1000; n++) log.info('line.written', { n });
    await log.close();
    process.umask(mine);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.ok(filesOf(folder).length > 1);
    for (const { path } of filesOf(folder)) assert.equal(statSync(path).mode & 0o777, 0o600);
  });
}

test('where the group may read, it may not write, and others may nothing', async (t) => {
  const directory = temporaryFolder(t);
  const folder = join(directory, 'core');
  const log = await open(directory, { size_bytes: SMALL_BYTES, group: true });
  for (let n = 0; n < 1000; n++) log.info('line.written', { n });
  await log.close();
  assert.equal(statSync(folder).mode & 0o777, 0o750);
  assert.ok(filesOf(folder).length > 1);
  for (const { path } of filesOf(folder)) assert.equal(statSync(path).mode & 0o777, 0o640);
});

test('what was open to all is closed at the next start', async (t) => {
  const directory = temporaryFolder(t);
  const folder = join(directory, 'core');
  mkdirSync(folder);
  for (const name of ['core.1.log', 'core.2.log']) writeFileSync(join(folder, name), '');
  for (const path of [folder, ...filesOf(folder).map((file) => file.path)]) chmodSync(path, 0o777);
  const log = await open(directory);
  await log.close();
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  for (const { path } of filesOf(folder)) assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('a full disk neither stops the process nor fills its memory, and the log says how much is missing', {
  skip: noSmallDisk,
}, async (t) => {
  const { directory: disk } = smallDisk(t, 512);
  const { facts, stderr } = await runChild(
    disk,
    `const log = await open({ size_bytes: ${SMALL_BYTES}, files: 2 });
     let logged = 0;
     const say = (fields) => { log.info('line.written', { n: ++logged, ...fields }); };
     for (let n = 0; n < 100; n++) say();
     // To the end of its page, so that the next line is refused whole and opening the file again goes well.
     const [file] = readdirSync(folder);
     appendFileSync(folder + '/' + file, ' '.repeat(16383 - statSync(folder + '/' + file).size % 16384) + '\\n');
     const ballast = openSync(directory + '/ballast', 'w');
     try { for (;;) writeSync(ballast, Buffer.alloc(512)); } catch (error) { if (error.code !== 'ENOSPC') throw error; }
     while (log.dropped === 0) say();
     const text = 'x'.repeat(8000);
     for (let n = 0; n < 8000; n++) say({ text: n + text });
     const withinBurst = log.dropped;
     log.fatal('disk.filled');
     logged++;
     // Several tries while it is still full: none may kill, and none may count itself.
     for (let tries = 0; tries < 5; tries++) { await new Promise((resolve) => setTimeout(resolve, 25)); say(); }
     const dropped = log.dropped;
     rmSync(directory + '/ballast');
     closeSync(ballast); // or its blocks would stay taken
     await until(() => written().includes('lines.dropped'));
     say();
     report({ logged, withinBurst, dropped, droppedAfter: log.dropped });`,
    ['--max-old-space-size=32'], // 64 MB are logged on the full disk
  );
  assert.ok(facts.withinBurst >= 8000);
  assert.equal(facts.droppedAfter, facts.dropped);
  const text = filesOf(join(disk, 'core'))
    .map(({ path }) => readFileSync(path, 'utf8'))
    .join('');
  const lines = text
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line): Line => JSON.parse(line));
  const notices = lines.filter((line) => line.event === 'lines.dropped');
  assert.equal(notices.length, 1);
  assert.equal(notices[0]?.lines, facts.dropped);
  assert.match(JSON.stringify(notices[0]?.error), /ENOSPC/);
  assert.equal(lines.length - 1 + facts.dropped, facts.logged, 'each line is either written or counted');
  assert.equal(lines.at(-1)?.n, facts.logged);
  assert.match(
    stderr,
    /^core: the log in \S+ cannot be written, lines are dropped: ENOSPC.*\n$/,
    'said once',
  );
});

test('a start on a read-only disk goes well, and so does the log when the disk can be written', {
  skip: noSmallDisk,
}, async (t) => {
  const { directory: disk, remount } = smallDisk(t, 512);
  remount('ro');
  const { facts, stderr } = await runChild(
    disk,
    `const log = await open();
     log.error('disk.found');
     const { dropped } = log;
     execFileSync('mount', ['-o', 'remount,rw', directory]);
     await until(() => existsSync(folder) && written().includes('lines.dropped'));
     log.info('disk.mended');
     report({ dropped });`,
  );
  assert.equal(facts.dropped, 1);
  assert.match(stderr, /EROFS/);
  assert.deepEqual(
    linesOf(join(disk, 'core')).map((line) => [line.event, line.lines]),
    [
      ['lines.dropped', 1],
      ['disk.mended', undefined],
    ],
  );
});

test('missing rights are survived, at the start and later', async (t) => {
  const directory = temporaryFolder(t);
  chmodSync(directory, 0o777);
  const { facts, stderr } = await runChild(
    directory,
    `becomeNobody();
     execFileSync('mkdir', ['-m', '0500', directory + '/logs']);
     const options = { directory: directory + '/logs', size_bytes: ${SMALL_BYTES}, files: 100 };
     const log = await open(options);
     log.info('line.written', { n: 0 });
     const atStart = log.dropped;
     chmodSync(directory + '/logs', 0o700);
     const file = directory + '/logs/core/core.1.log';
     await until(() => existsSync(file) && readFileSync(file, 'utf8').includes('lines.dropped'));
     // No file can be begun in here: the log fails at the end of this one.
     chmodSync(directory + '/logs/core', 0o500);
     for (let n = 1; n <= 1000; n++) log.info('line.written', { n });
     const later = log.dropped - atStart;
     await until(() => existsSync(directory + '/logs/core/core.2.log'));
     await until(() => readFileSync(directory + '/logs/core/core.2.log', 'utf8').includes('lines.dropped'));
     report({ atStart, later });`,
  );
  assert.equal(facts.atStart, 1);
  assert.ok(facts.later > 100);
  assert.match(stderr, /EACCES.*\n.*EACCES/);
  const lines = linesOf(join(directory, 'logs', 'core'));
  assert.equal(lines.filter((line) => line.event === 'line.written').length + facts.later, 1000);
  assert.equal(lines.at(-1)?.lines, facts.later);
});

test('a folder that somebody removed is made again', async (t) => {
  const directory = temporaryFolder(t);
  const { facts, stderr } = await runChild(
    directory,
    `const log = await open();
     log.info('line.written', { n: 1 });
     rmSync(folder, { recursive: true });
     log.info('line.written', { n: 2 });
     await until(() => existsSync(folder) && written().includes('lines.dropped'));
     log.info('line.written', { n: 3 });
     report({ dropped: log.dropped });`,
  );
  assert.ok(facts.dropped >= 1, 'what went into the removed file counts as lost');
  assert.match(stderr, /was removed/);
  const lines = linesOf(join(directory, 'core'));
  assert.deepEqual([lines[0]?.lines, lines[1]?.n], [facts.dropped, 3]);
  assert.equal(statSync(join(directory, 'core')).mode & 0o777, 0o700);
});

test('a line has its time, level, agent, service, version, process, event and message', async (t) => {
  const directory = temporaryFolder(t);
  const log = await open(directory, { level: 'debug' });
  const before = Date.now();
  for (const level of ['debug', 'info', 'warn', 'error', 'fatal'] as const) {
    log[level]('turn.finished', { steps: 3, big: 2n ** 60n, none: undefined, at: new Date(0) });
  }
  log.info('turn.finished', {}, 'as asked: 100% done');
  await log.close();
  const lines = linesOf(join(directory, 'core'));
  assert.deepEqual(
    lines.map((line) => line.level),
    ['debug', 'info', 'warn', 'error', 'fatal', 'info'],
  );
  const { time, ...rest } = lines[1] ?? assert.fail();
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Date.parse(String(time)) >= before && Date.parse(String(time)) <= Date.now());
  assert.deepEqual(rest, {
    level: 'info',
    agent: 'vigil',
    service: 'core',
    version: '1.2.3',
    pid: process.pid,
    event: 'turn.finished',
    steps: 3,
    big: String(2n ** 60n),
    at: '1970-01-01T00:00:00.000Z',
    msg: 'turn finished',
  });
  assert.equal(lines.at(-1)?.msg, 'as asked: 100% done');
});

test('lines below the level are not written', async (t) => {
  const directory = temporaryFolder(t);
  const log = await open(directory, { level: 'warn' });
  log.info('turn.finished');
  log.warn('turn.delayed');
  await log.close();
  assert.deepEqual(
    linesOf(join(directory, 'core')).map((line) => line.event),
    ['turn.delayed'],
  );
});

test('the ids of a piece of work are on all its lines and on no others', async (t) => {
  const directory = temporaryFolder(t);
  const log = await open(directory);
  const bell = new EventEmitter();
  await Promise.all([
    withIds({ turn: 't1' }, async () => {
      await setImmediate();
      log.info('turn.started');
      await withIds({ call: 7 }, async () => {
        bell.once('ring', () => log.info('call.started', { turn: 'its own' }));
        await setImmediate();
        log.info('call.finished');
      });
      log.info('turn.finished');
    }),
    withIds({ turn: 't2' }, async () => log.info('turn.started')),
  ]);
  log.info('service.idle');
  withIds({ turn: 't3' }, () => bell.emit('ring'));
  await log.close();
  assert.deepEqual(
    linesOf(join(directory, 'core')).map(({ event, turn, call }) => [event, turn, call]),
    [
      ['turn.started', 't2', undefined],
      ['turn.started', 't1', undefined],
      ['call.finished', 't1', 7],
      ['turn.finished', 't1', undefined],
      ['service.idle', undefined, undefined],
      ['call.started', 'its own', undefined],
    ],
  );
});

test('of an error only type, code, a short message, stack and cause are told', async (t) => {
  const directory = temporaryFolder(t);
  const log = await open(directory);
  const cause = Object.assign(new TypeError('no route'), { code: 'EHOSTUNREACH', errno: -113 });
  const error = Object.assign(new Error(`400: ${'what a person wrote '.repeat(200)}`, { cause }), {
    status: 400,
    request: { body: 'what a person wrote' },
  });
  log.error('call.failed', { error, all: { of: [new AggregateError([cause], 'both failed')] } });
  await log.close();
  const [line] = linesOf(join(directory, 'core'));
  const told = line?.error as Record<string, unknown>;
  assert.deepEqual(Object.keys(told), ['type', 'message', 'status', 'stack', 'cause']);
  assert.match(String(told.message), /^400: what a person.{900,1000}\[cut, of 4005 characters\]$/);
  assert.match(String(told.stack), /^ +at .*log\.test\.ts:\d+:\d+\)?\n/, 'frames alone, without the message');
  const { stack: _, ...inner } = told.cause as Record<string, unknown>;
  assert.deepEqual(inner, { type: 'TypeError', message: 'no route', code: 'EHOSTUNREACH' });
  assert.match(JSON.stringify(line?.all), /"AggregateError","message":"both failed".*"EHOSTUNREACH"/);
});

test('whatever is handed to it, a line is written and nothing is thrown', async (t) => {
  const directory = temporaryFolder(t);
  const log = await open(directory);
  const circle: Record<string, unknown> = { name: 'circle' };
  circle.again = [circle];
  const wide = Array.from({ length: 300 }, () => Array.from({ length: 300 }, (_, i) => ({ i })));
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`key_${i}`, '€'.repeat(16_000)]));
  const handed: Fields[] = [
    { circle },
    { wide, process },
    { bytes: Buffer.alloc(1_000_000), error: Object.create(Error.prototype) },
    { text: 'x'.repeat(8 * 1024) },
    { text: 'x'.repeat(8 * 1024 + 1) },
    { turn: 't1', ...many },
    {
      get broken(): never {
        throw new Error('a getter threw');
      },
    },
    {
      hasOwnProperty: 1,
      toJSON: () => assert.fail(),
      function: () => 1,
      symbol: Symbol('s'),
      nan: Number.NaN,
    },
  ];
  for (const fields of handed) log.info('thing.logged', fields, 'all the same');
  await log.close();
  const lines = linesOf(join(directory, 'core'));
  assert.equal(lines.length, handed.length);
  for (const line of lines) {
    assert.equal(line.event, 'thing.logged');
    assert.equal(line.msg, 'all the same');
    assert.ok(Buffer.byteLength(JSON.stringify(line)) < LONGEST_LINE_BYTES);
  }
  const [, , bytes, whole, cut, long, getter] = lines;
  assert.equal(bytes?.bytes, '[1000000 bytes]');
  assert.equal(whole?.text, 'x'.repeat(8 * 1024));
  assert.equal(cut?.text, `${'x'.repeat(8 * 1024)} [cut, of 8193 characters]`);
  assert.equal(long?.turn, 't1');
  assert.ok(Number(long?.cut_from_bytes) > LONGEST_LINE_BYTES / 2);
  assert.match(JSON.stringify(getter?.error), /a getter threw/);
});

test('warnings and worse are told on stderr too, without what could command a terminal', async (t) => {
  const body = (form: string) => `
    const log = await open({ console: '${form}', scrub: scrubber(['hunter2']) });
    log.info('turn.finished');
    log.warn('poll.failed', { attempt: 3, error: new Error('\\x1b[2J\\x9b2J hunter2', { cause: 'none' }) });
    withIds({ turn: 't1' }, () => log.error('turn.failed', {}, 'it\\nfailed'));
    report({});`;
  const human = await runChild(temporaryFolder(t), body('human'));
  assert.match(
    human.stderr,
    /^\d\d:\d\d:\d\d warn core poll\.failed attempt=3 error="\\u001b\[2J 2J \[scrubbed\]"\n\S+ error core turn\.failed it failed turn="t1"\n$/,
  );
  const json = await runChild(temporaryFolder(t), body('json'));
  assert.deepEqual(
    json.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event),
    ['poll.failed', 'turn.failed'],
  );
  assert.equal((await runChild(temporaryFolder(t), body('off'))).stderr, '');
});

test('where a text is cut no half of a secret is left', async (t) => {
  const directory = temporaryFolder(t);
  const log = await open(directory, { scrub: scrubber(['correct horse', 'of many\nlines']) });
  const error = new Error(`${'x'.repeat(995)}correct horse`);
  error.stack = 'Error: x\n    at of many\nlines:1:1';
  log.error('call.failed', { error, text: `${'x'.repeat(8 * 1024 - 5)}correct horse` });
  await log.close();
  assert.doesNotMatch(JSON.stringify(linesOf(join(directory, 'core'))), /xc|of many/);
});

test('a random secret in a random place is in no output, however one reads it', async (t) => {
  const directory = temporaryFolder(t);
  const seed = randomInt(2 ** 31);
  const { facts, stderr } = await runChild(
    directory,
    `let state = ${seed};
     const random = (below) => { // mulberry32
       state = (state + 0x6d2b79f5) | 0;
       let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
       mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
       return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
     };
     const alphabets = ['abcdefXYZ0123456789', 'abc+/=ABC019', 'aZ09-_.~:', 'aZ0"\\\\/<>&?#% +;@\\n\\t', 'aZ0äß€😀"\\\\'];
     const secretOf = () => {
       const letters = Array.from(alphabets[random(alphabets.length)]);
       const inner = Array.from({ length: 8 + random(50) }, () => letters[random(letters.length)]).join('');
       return ('s' + inner + 'e').toWellFormed();
     };
     const filler = () => 'text '.repeat(random(4)) + 'é'.repeat(random(3)) + '"'.repeat(random(2));
     const wrap = {
       plain: (s) => s,
       middle: (s) => filler() + s + filler(),
       json: (s) => JSON.stringify({ a: filler() + s }),
       jsonInJson: (s) => JSON.stringify([JSON.stringify({ [s]: s })]),
       base64: (s) => Buffer.from(filler() + s + filler()).toString('base64'),
       base64url: (s) => Buffer.from(filler() + s).toString('base64url'),
       percent: (s) => 'https://example.org/' + encodeURIComponent(s) + '/?q=' + encodeURIComponent(s),
       form: (s) => new URLSearchParams({ q: s }).toString(),
       password: (s) => Object.assign(new URL('https://me@example.org/'), { password: s }).href,
       long: (s) => 'x'.repeat(8192 - random(60)) + s,
     };
     const put = {
       deep: (s) => ({ a: { b: [{ c: { d: s } }] } }),
       key: (s) => ({ a: { [s]: 1 }, [s]: 2 }),
       headers: (s) => ({ headers: ['accept', '*/*', 'x-key', s] }),
       url: (s) => ({ url: new URL('https://example.org/?q=' + encodeURIComponent(s)) }),
       message: (s) => ({ error: new Error(s) }),
       longMessage: (s) => ({ error: new Error('x'.repeat(1000 - random(60)) + s) }),
       cause: (s) => ({ error: new Error('outer', { cause: new Error('inner', { cause: s }) }) }),
       stack: (s) => ({ error: Object.assign(new Error('e'), { stack: 'Error: e\\n    at f (' + s + ':1:1)' }) }),
       code: (s) => ({ error: Object.assign(new Error('e'), { code: s }) }),
       type: (s) => ({ error: Object.assign(new Error('e'), { name: s }) }),
     };
     const pick = (object) => Object.values(object)[random(Object.keys(object).length)];
     const secrets = [];
     const scrub = scrubber();
     const log = await open({ scrub, console: 'human' });
     for (let n = 0; n < 400; n++) {
       if (n % 10 === 0) {
         secrets.push(secretOf());
         scrub.add(secrets);
       }
       const text = pick(wrap)(secrets[random(secrets.length)]);
       if (n % 5 === 0) withIds({ turn: text }, () => log.warn('thing.logged', {}, text));
       else log.warn('thing.logged', pick(put)(text));
     }
     report(secrets);`,
  );
  const secrets: string[] = facts;
  const lines = linesOf(join(directory, 'core'));
  assert.equal(lines.length, 400);
  const output = [...readingsOf(lines), ...stderr.split('\n').flatMap((line) => [...readingsOf(line)])];
  for (const secret of secrets) {
    const leak = output.find((text) => text.includes(secret));
    assert.equal(leak?.slice(0, 300), undefined, `seed ${seed}, secret ${JSON.stringify(secret)}`);
  }
  assert.ok(output.filter((text) => text.includes('[scrubbed]')).length >= lines.length);
});

/** What somebody can read in a value: its strings, and in each what it holds as JSON, percent-encoded, or in base64. */
function* readingsOf(value: unknown): Generator<string> {
  if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      yield* readingsOf(key);
      yield* readingsOf(inner);
    }
  }
  if (typeof value !== 'string') return;
  yield value;
  if (/^[[{]/.test(value)) {
    try {
      yield* readingsOf(JSON.parse(value));
    } catch {
      // It only began like JSON.
    }
  }
  yield value
    .replaceAll('+', ' ')
    .replace(/(?:%[0-9A-F]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString());
  for (const [digits] of value.matchAll(/[A-Za-z0-9+/_-]{8,}/g)) {
    for (const from of [0, 1, 2, 3]) yield Buffer.from(digits.slice(from), 'base64').toString();
  }
}

test('a log that was closed counts what comes too late', async (t) => {
  const log = await open(temporaryFolder(t));
  await log.close();
  log.info('turn.finished');
  assert.equal(log.dropped, 1);
  await log.close();
});

test('a file that nobody has written to for fourteen days goes, the newest never', async (t) => {
  const directory = temporaryFolder(t);
  const folder = join(directory, 'aged');
  mkdirSync(folder);
  const days = [20, 13, 30];
  for (const [i, age] of days.entries()) {
    const path = join(folder, `aged.${i + 1}.log`);
    writeFileSync(path, `{"n":${i}}\n`);
    const at = Date.now() / 1000 - age * 86_400;
    utimesSync(path, at, at);
  }
  const log = await openLog({ service: 'aged', version: '0', directory });
  await log.close();
  assert.deepEqual(readdirSync(folder).sort(), ['aged.2.log', 'aged.3.log']);
});
