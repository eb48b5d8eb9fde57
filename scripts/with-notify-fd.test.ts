import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';

const launcher = join(import.meta.dirname, 'with-notify-fd');
const perl = spawnSync('/usr/bin/perl', ['-e', '1']).status === 0;

/** Node cannot receive datagrams on a Unix socket either; perl prints each as a line, and is here anyway. */
const receiver = String.raw`
  use Socket; $| = 1; my $name = shift; $name =~ s/^@/\0/;
  socket(S, AF_UNIX, SOCK_DGRAM, 0) && bind(S, pack_sockaddr_un($name)) or die $!;
  print "bound\n"; while (defined recv(S, my $message, 4096, 0)) { print "$message\n" }`;

const script = `
  const fd = Number(process.env.NOTIFY_FD);
  for (const message of ['READY=1', 'WATCHDOG=1']) require('node:fs').writeSync(fd, message);
  console.log(process.pid);`;

describe('with-notify-fd', { skip: perl ? false : 'there is no /usr/bin/perl' }, () => {
  for (const kind of ['a path', 'an abstract name']) {
    const skip = kind === 'a path' || process.platform === 'linux' ? false : 'only Linux has abstract names';
    it(`a Node process tells systemd, at a socket with ${kind}, that it is ready and alive`, {
      skip,
    }, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'vigil-notify-'));
      const address = kind === 'a path' ? join(folder, 'socket') : `@${folder}`;
      const systemd = spawn('/usr/bin/perl', ['-e', receiver, address], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        const lines = createInterface({ input: systemd.stdout })[Symbol.asyncIterator]();
        const line = async () => (await lines.next()).value;
        assert.equal(await line(), 'bound');
        const told = run([process.execPath, '-e', script], { NOTIFY_SOCKET: address });
        assert.equal(told.stderr, '');
        assert.equal(
          Number(told.stdout),
          told.pid,
          'the process that systemd started is the one that speaks',
        );
        assert.equal(await line(), 'READY=1');
        assert.equal(await line(), 'WATCHDOG=1');
      } finally {
        systemd.kill();
        await once(systemd, 'close');
        rmSync(folder, { recursive: true });
      }
    });
  }

  it('without systemd it only becomes the program, and forgets an inherited NOTIFY_FD', () => {
    const ran = run([process.execPath, '-e', 'console.log(process.env.NOTIFY_FD); process.exit(78)'], {
      NOTIFY_FD: '1',
    });
    assert.deepEqual([ran.status, ran.stdout, ran.stderr], [78, 'undefined\n', '']);
  });

  it('says what is wrong when nobody listens, when there is no such program, and when none is given', () => {
    const deaf = run([process.execPath, '-e', ''], { NOTIFY_SOCKET: '/nonexistent/notify' });
    assert.match(deaf.stderr, /NOTIFY_SOCKET=\/nonexistent\/notify, got: No such file/);
    const missing = run(['/nonexistent/node']);
    assert.match(missing.stderr, /cannot run \/nonexistent\/node: No such file/);
    const none = run([]);
    assert.match(none.stderr, /usage:/);
    for (const { status } of [deaf, missing, none]) assert.notEqual(status, 0);
  });
});

function run(args: string[], env: Record<string, string> = {}) {
  return spawnSync(launcher, args, { env: { ...env, LC_ALL: 'C' }, encoding: 'utf8' });
}
