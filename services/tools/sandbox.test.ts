import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { systemClock } from '#shared/base/clock.ts';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import type { Share } from '#shared/tables/share.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { ALIVE } from './bubblewrap.ts';
import { openEgress } from './egress.ts';
import type { Ended, Program } from './registry.ts';
import { LAUNCH, openSandbox } from './sandbox.ts';

const LIMITS = { cpu_s: 20, memory_mb: 1024, processes: 64, wall_ms: 20_000, output_bytes: 100_000 };

const has = (program: string) => spawnSync(program, ['--version']).error === undefined;
const skip = process.platform !== 'linux' || !has('bwrap') ? 'needs bubblewrap, on Linux' : false;

async function house(t: TestContext) {
  const home = homeOf({ VIGIL_HOME: realpathSync(scratch(t)) });
  prepareHome(home);
  const store = await openStore({ directory: home.state, principal: 'tools', flush: 'normal' });
  t.after(() => store.close());
  const egress = openEgress({ home, store, clock: systemClock, log: { warn: assert.fail } });
  t.after(() => egress.close());
  const shares: Share[] = [];
  const sandbox = await openSandbox({ home, shares: async () => shares, egress });
  assert.ok(sandbox.available, sandbox.available ? '' : sandbox.why);
  const usual = {
    cwd: home.workspace,
    env: {},
    hosts: [],
    signal: new AbortController().signal,
    limits: LIMITS,
  };
  const run = (script: string, more: Partial<Program> = {}): Promise<Ended> =>
    sandbox.run({ ...usual, script, ...more });
  const share = (path: string, mode: Share['mode']) => shares.push({ path, mode, given_at: 0 });
  return { home, store, shares, share, sandbox, usual, run };
}

/** A folder of the owner's, with a file in it. */
function folder(t: TestContext, content: string): string {
  const path = realpathSync(scratch(t));
  writeFileSync(join(path, 'file'), content);
  return path;
}

/** The processes of the machine with this word among their arguments. */
function processesWith(word: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(word);
    } catch {
      return false; // it has just ended
    }
  });
}

describe('the sandbox', { skip }, () => {
  test('what a command writes in the workspace stays there, and it says how it ended', async (t) => {
    const { home, run } = await house(t);
    const ended = await run('pwd; echo kept > note; echo oops >&2; exit 3');
    assert.deepEqual(ended, {
      code: 3,
      signal: null,
      stdout: `${home.workspace}\n`,
      stderr: 'oops\n',
      truncated: false,
      refused: [],
    });
    assert.equal(readFileSync(join(home.workspace, 'note'), 'utf8'), 'kept\n');
    assert.equal((await run('cat', { input: 'said' })).stdout, 'said');
  });

  test("Vigil's own records, settings and secrets are not there", async (t) => {
    const { home, run } = await house(t);
    const mark = 'a-word-that-must-not-be-found';
    for (const path of [home.config, join(home.credentials, 'anthropic.env'), join(home.logs, 'log')]) {
      writeFileSync(path, mark);
    }
    const files = [join(home.files, 'photo.txt'), join(home.files, 'gone.txt')];
    writeFileSync(join(home.files, 'photo.txt'), 'from a message');
    writeFileSync(join(home.files, 'other.txt'), mark);
    const { stdout } = await run(
      `find / -path /usr -prune -o -path /proc -prune -o -path /dev -prune -o -type f -print0 | xargs -0 grep -sl ${mark}
       ls ${home.state} ${home.state}/run ${home.credentials} ${home.logs} ${home.config} 2>/dev/null
       cat ${home.files}/photo.txt; (echo >> ${home.files}/photo.txt) 2>/dev/null && echo written`,
      { files },
    );
    assert.deepEqual(stdout.split('\n'), [`${home.state}:`, 'files', 'workspace', 'from a message']);
  });

  test("the system's secrets, other homes, other processes and sockets are not there", async (t) => {
    const { run } = await house(t);
    const { stdout } = await run(
      `ls -d /etc/shadow /etc/gshadow /etc/sudoers /etc/ssh /etc/ssl/private /root /home /var/lib /var/run/docker.sock /sys 2>/dev/null
       ls /run; ls -d /proc/${process.pid} 2>/dev/null; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c ^HOME=/root
       find / -path /proc -prune -o -path /usr -prune -o -type s -print 2>/dev/null`,
    );
    assert.deepEqual(stdout.trim().split('\n'), ['egress.sock', '0']);
  });

  test('nothing but the workspace and its temporary folder can be written, and no kernel be set', async (t) => {
    const { run } = await house(t);
    const { stdout } = await run(
      `for place in / /etc /usr/bin /dev /run /var /proc/sys/kernel /tmp .; do touch $place/probe 2>/dev/null && echo $place; done
       for file in /etc/passwd /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/self/uid_map; do [ -w $file ] && echo $file; done
       mount -t tmpfs none /usr 2>/dev/null && echo mounted; unshare -Ur true 2>/dev/null && echo namespace
       grep CapEff /proc/self/status`,
    );
    assert.deepEqual(stdout.trim().split('\n'), ['/tmp', '.', 'CapEff:\t0000000000000000']);
  });

  test('a link in the workspace leads nowhere outside', async (t) => {
    const { home, run } = await house(t);
    symlinkSync(home.config, join(home.workspace, 'settings'));
    symlinkSync('/etc/shadow', join(home.workspace, 'passwords'));
    const { stdout } = await run(
      `cat settings passwords 2>/dev/null; ln ${home.config} hard 2>/dev/null; ls`,
    );
    assert.equal(stdout, 'passwords\nsettings\n');
  });

  test('a shared folder is seen as it is shared, from the next command on until it is not', async (t) => {
    const { run, share, shares } = await house(t);
    const [readable, writable] = [folder(t, 'read me'), folder(t, '')];
    const script = `cat ${readable}/file; touch ${readable}/new ${writable}/new; ls ${writable}`;
    assert.equal((await run(script)).stdout, '');
    share(readable, 'read');
    share(writable, 'write');
    assert.equal((await run(script)).stdout, 'read mefile\nnew\n');
    assert.deepEqual([existsSync(join(readable, 'new')), existsSync(join(writable, 'new'))], [false, true]);
    assert.equal((await run('cat file', { cwd: readable })).stdout, 'read me');
    shares.length = 0;
    assert.equal((await run(script)).stdout, '');
  });

  test('a shared folder that has become a link to somewhere else is not shown', async (t) => {
    const { run, share } = await house(t);
    const parent = realpathSync(scratch(t));
    mkdirSync(join(parent, 'project'));
    share(join(parent, 'project'), 'write');
    renameSync(join(parent, 'project'), join(parent, 'gone'));
    symlinkSync(folder(t, 'elsewhere'), join(parent, 'project'));
    assert.equal((await run(`cat ${parent}/project/file`)).stdout, '');
  });

  test('in a shared repository, what git would run outside of the sandbox cannot be changed', async (t) => {
    const { run, share } = await house(t);
    const path = realpathSync(scratch(t));
    spawnSync('git', ['init', '-q', path]);
    share(path, 'write');
    const { stdout } = await run(
      `echo evil > .git/hooks/pre-commit; git config core.fsmonitor evil; mv .git/hooks .git/old; mv .git .old
       echo fine > work; git add work && git status --short`,
      { cwd: path },
    );
    assert.equal(stdout, 'A  work\n');
    assert.equal(existsSync(join(path, '.git/hooks/pre-commit')), false);
    assert.doesNotMatch(readFileSync(join(path, '.git/config'), 'utf8'), /evil/);
  });

  test('a path that was granted can be written, a new one too; of what is never to be shared none is granted', async (t) => {
    const { home, run } = await house(t);
    const path = folder(t, 'old');
    const paths = [join(path, 'file'), join(path, 'new')];
    await run(`echo 1 >> ${path}/file; echo 2 > ${path}/new; echo 3 > ${path}/other`, { paths });
    assert.equal(readFileSync(join(path, 'file'), 'utf8'), 'old1\n');
    assert.equal(readFileSync(join(path, 'new'), 'utf8'), '2\n');
    assert.equal(existsSync(join(path, 'other')), false);
    await assert.rejects(run('true', { paths: [home.config] }), /cannot be written from inside: Vigil's own/);
    await assert.rejects(run('true', { paths: ['/etc/cron.d/job'] }), /the system's/);
    await assert.rejects(run('true', { cwd: '/usr' }), /expected to work in the workspace/);
  });

  test("a command has nothing of the service's environment, and what it is given is in no list of processes", async (t) => {
    const { run } = await house(t);
    process.env.SECRET_OF_THE_SERVICE = 'inherited';
    t.after(() => delete process.env.SECRET_OF_THE_SERVICE);
    const seen = run('env; read -r _; echo $TOKEN', { env: { TOKEN: 'given-to-it' }, input: '\n' });
    assert.ok(
      !readdirSync('/proc').some((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('given-to-it');
        } catch {
          return false; // no process, or it has just ended
        }
      }),
    );
    const { stdout } = await seen;
    assert.match(stdout, /^TOKEN=given-to-it$/m);
    assert.doesNotMatch(stdout, /inherited|SECRET_OF_THE_SERVICE|VIGIL/);
    // What would act on the programs that build the sandbox acts on its own program alone.
    assert.equal(
      (await run('echo fine', { env: { LD_PRELOAD: '/nowhere.so', PATH: '/nowhere' } })).stdout,
      'fine\n',
    );
  });

  test("the machine's loopback, its abstract sockets and the internet are out of reach", async (t) => {
    const { run } = await house(t);
    let reached = 0;
    const tcp = createServer(() => reached++).listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const address = tcp.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const abstract = spawn('socat', [
      `ABSTRACT-LISTEN:vigil-test-${process.pid},fork`,
      'SYSTEM:echo reached',
    ]);
    t.after(() => {
      abstract.kill('SIGKILL');
      tcp.close();
    });
    const own = `socat -u ABSTRACT-CONNECT:vigil-test-${process.pid} -`;
    await until('the abstract socket listens', () => spawnSync('sh', ['-c', own]).stdout.includes('reached'));
    const { stdout, refused } = await run(
      `${own}; exec 3<>/dev/tcp/127.0.0.1/${port} && echo reached; curl -s http://127.0.0.2:${port}
       exec 3<>/dev/tcp/192.0.2.1/80 && echo reached; curl -s https://example.com; curl -s http://elsewhere.test`,
    );
    assert.equal(
      stdout,
      'egress: 127.0.0.2 is not among the allowed hosts\negress: elsewhere.test is not among the allowed hosts\n',
    );
    assert.deepEqual(refused, ['127.0.0.2', 'example.com', 'elsewhere.test']);
    assert.equal(reached, 0);
  });

  test('a host that is named is reached, by plain HTTP and through a tunnel, and each connection is on record', async (t) => {
    const { run, store } = await house(t);
    const server = createServer((socket) =>
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhere'),
      ),
    ).listen(0, '127.0.0.2');
    await once(server, 'listening');
    t.after(() => server.close());
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const url = `http://127.0.0.2:${port}/`;
    const behalf = { action: 'run_command', payload: 'tool_call 7', turn_id: null };
    const { stdout } = await run(`curl -s ${url}; curl -sp ${url}`, { lan: [`127.0.0.2:${port}`], behalf });
    assert.equal(stdout, 'herehere');
    const refused = await run(`curl -s ${url}`, { hosts: ['127.0.0.2'], behalf });
    assert.match(refused.stdout, /is at a private address/);
    const rows = await until('three rows are there', async () => {
      const found = await store.read<{ target: string; status: string; payload: string }>({
        verb: 'test',
        sql: 'SELECT target, status, payload FROM external_call ORDER BY rowid',
        args: [],
      });
      return found.length === 3 ? found : null;
    });
    const row = (status: string) => ({ target: `127.0.0.2:${port}`, status, payload: 'tool_call 7' });
    assert.deepEqual(rows, [row('200'), row('ok'), row('refused')]);
  });

  test('of an endless output the beginning and the end are kept', async (t) => {
    const { run } = await house(t);
    const limits = { ...LIMITS, output_bytes: 1000 };
    const whole = await run(`printf 'x%.0s' {1..1000}`, { limits });
    assert.deepEqual([whole.truncated, whole.stdout.length], [false, 1000]);
    const cut = await run(`echo first; seq 200000; echo last`, { limits });
    assert.equal(cut.truncated, true);
    assert.match(cut.stdout, /^first\n1\n[\s\S]*\n\[… \d+ bytes left out …\]\n[\s\S]*\n200000\nlast\n$/);
    assert.ok(cut.stdout.length < 1100, `${cut.stdout.length}`);
  });

  test('a command that takes more processor, memory or disk than it may is stopped', async (t) => {
    const { run } = await house(t);
    const busy = await run('while :; do :; done', { limits: { ...LIMITS, cpu_s: 1 } });
    assert.equal(busy.code, 128 + 9);
    const allocate = (mb: number) => `python3 -c "x = bytearray(${mb} * 1024 * 1024); print('had it')"`;
    const limits = { ...LIMITS, memory_mb: 128 };
    assert.equal((await run(allocate(64), { limits })).stdout, 'had it\n');
    assert.match((await run(allocate(256), { limits })).stderr, /MemoryError/);
    const full = await run('head -c 600M /dev/zero > /tmp/fill && echo wrote');
    assert.match(full.stderr, /No space left/);
  });

  test('a command that takes too long is ended, with all that it has started', async (t) => {
    const { run } = await house(t);
    const begun = performance.now();
    const mark = `${process.pid}77.1`;
    const late = await run(`setsid nohup sleep ${mark} & echo begun; sleep ${mark}`, {
      limits: { ...LIMITS, wall_ms: 500 },
    });
    assert.ok(performance.now() - begun < 30_000);
    assert.equal(late.why, 'it took longer than 0.5 s');
    assert.equal(late.stdout, 'begun\n');
    await until('none of it lives', () => processesWith(mark).length === 0);
  });

  test('what a command leaves running ends with it', async (t) => {
    const { run } = await house(t);
    const mark = `${process.pid}77.2`;
    const { code } = await run(`setsid nohup sleep ${mark} & disown; exit 0`);
    assert.equal(code, 0);
    await until('none of it lives', () => processesWith(mark).length === 0);
  });

  test('a call that is stopped is ended, one that is stopped already never runs on', async (t) => {
    const { run, home } = await house(t);
    const stop = new AbortController();
    const running = run('echo here > begun; trap "" TERM INT; sleep 60 & wait', { signal: stop.signal });
    await until('it has begun', () => existsSync(join(home.workspace, 'begun')));
    const at = performance.now();
    stop.abort(new Error('stopped by its owner'));
    const { why } = await running;
    assert.equal(why, 'stopped by its owner');
    assert.ok(performance.now() - at < 30_000);
    assert.equal((await run('sleep 60', { signal: stop.signal })).why, 'stopped by its owner');
  });

  test('a server that stays can be talked to, and is killed with its children', async (t) => {
    const { sandbox, usual } = await house(t);
    const mark = `${process.pid}77.3`;
    const server = await sandbox.spawn({
      ...usual,
      script: `sleep ${mark} & while read -r line; do echo "got $line"; done`,
    });
    server.stdin.write('this\n');
    const [said] = await once(server.stdout, 'data');
    assert.equal(String(said), 'got this\n');
    server.kill();
    await server.exited;
    await until('none of it lives', () => processesWith(mark).length === 0);
  });

  /** A service in a process of its own, which runs one command; under another program, if need be. */
  function service(t: TestContext, script: string | string[], under: string[] = [], uid?: number) {
    const directory = realpathSync(scratch(t));
    if (uid !== undefined) chownSync(directory, uid, uid);
    const at = (path: string) => JSON.stringify(join(import.meta.dirname, path));
    const program = `
      import { homeOf, prepareHome } from ${at('../../shared/runtime/home.ts')};
      import { openStore } from ${at('../../shared/store/store.ts')};
      import { systemClock } from ${at('../../shared/base/clock.ts')};
      import { openEgress } from ${at('egress.ts')};
      import { openSandbox } from ${at('sandbox.ts')};
      const home = homeOf({ VIGIL_HOME: ${JSON.stringify(directory)} });
      prepareHome(home);
      const store = await openStore({ directory: home.state, principal: 'tools', flush: 'normal' });
      const egress = openEgress({ home, store, clock: systemClock, log: console });
      const sandbox = await openSandbox({ home, shares: async () => [], egress });
      if (sandbox.available) {
        const ended = await sandbox.run({ ${Array.isArray(script) ? 'argv' : 'script'}: ${JSON.stringify(script)}, cwd: home.workspace, env: {}, hosts: [],
          signal: new AbortController().signal, limits: ${JSON.stringify(LIMITS)} });
        process.stdout.write(ended.stdout + ended.stderr);
      } else process.stdout.write(sandbox.why);
      await store.close();`;
    const [first = '', ...rest] = [...under, process.execPath, '--input-type=module', '--eval', program];
    const child = spawn(first, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    return { child, workspace: join(directory, 'state', 'workspace') };
  }

  test('when the service is killed, what it ran is gone', async (t) => {
    const mark = `${process.pid}77.4`;
    const { child } = service(t, `setsid sleep ${mark} & sleep ${mark}`);
    await until('it runs', () => processesWith(mark).length > 0);
    child.kill('SIGKILL');
    await until('none of it lives', () => processesWith(mark).length === 0);
  });

  test('when the service is killed while it starts a command, the command does not outlive it', async (t) => {
    const marks = [0, 2, 5, 10, 20].map((after_ms) => ({ after_ms, mark: `${process.pid}77.5${after_ms}` }));
    for (const { after_ms, mark } of marks) {
      const { child } = service(t, ['sleep', mark]);
      await until('it is being started', () => processesWith(mark).length > 0);
      const at = performance.now() + after_ms;
      while (performance.now() < at); // a timer is not exact enough for the moment that is meant
      child.kill('SIGKILL');
      await once(child, 'close');
      await until('none of it lives', () => processesWith(mark).length === 0);
    }
  });

  test('what bubblewrap leaves behind when the service is gone hears so itself, and ends', async (t) => {
    const mark = `${process.pid}77.6`;
    const apart = [
      '--unshare-user',
      '--unshare-pid',
      '--unshare-net',
      '--dev-bind',
      '/',
      '/',
      '--proc',
      '/proc',
    ];
    const launch = ['/bin/bash', '-c', LAUNCH, 'sandbox', '9', '999999', '99', '99', '99', 'sleep', mark];
    const pipes = Array.from({ length: ALIVE + 1 }, () => 'pipe' as const);
    const child = spawn('bwrap', [...apart, '--', ...launch], { stdio: pipes });
    t.after(() => child.kill('SIGKILL'));
    await until('it runs', () =>
      processesWith(mark).some((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n'),
    );
    child.stdio[ALIVE]?.destroy();
    await until('none of it lives', () => processesWith(mark).length === 0);
  });

  test('where no namespaces can be made, or bubblewrap is not there, programs are off, and it says why', async (t) => {
    const outer = ['bwrap', '--dev-bind', '/', '/'];
    const closed = service(t, 'echo ran', [...outer, '--unshare-user', '--disable-userns']);
    assert.match(
      await text(closed.child.stdout),
      /^the sandbox does not start \(bwrap: .*\): commands are off; cure: .*namespaces/,
    );
    const missing = service(t, 'echo ran', [
      ...outer,
      '--ro-bind',
      '/dev/null',
      realpathSync('/usr/bin/bwrap'),
    ]);
    assert.match(await text(missing.child.stdout), /cure: install bubblewrap and socat/);
  });

  const root = process.getuid?.() === 0;
  test('it works for a user without any rights, whose processes are counted', {
    skip: !root && 'needs root',
  }, async (t) => {
    const nobody = 65534;
    const demoted = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'];
    const { child } = service(
      t,
      `whoami; echo kept > note; ls; ls -d /root /etc/shadow 2>/dev/null
       python3 -c "
import os, time
for n in range(200):
  try:
    if os.fork() == 0: time.sleep(30)
  except OSError: break
print(n)"`,
      demoted,
      nobody,
    );
    const [user, file, count] = (await text(child.stdout)).split('\n');
    assert.deepEqual([user, file], ['vigil', 'note']);
    assert.ok(Number(count) > LIMITS.processes / 2 && Number(count) < LIMITS.processes, `${count} processes`);
  });
});
