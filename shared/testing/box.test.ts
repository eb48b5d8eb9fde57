import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { boxFor, noBox } from '#shared/testing/box.ts';
import { scratch, until } from '#shared/testing/scratch.ts';

test('a box has a systemd, a disk and a network of its own', { skip: noBox }, async (t) => {
  const outside = scratch(t);
  writeFileSync(join(outside, 'seen'), 'from outside');
  const box = await boxFor(t, { binds: { [outside]: '/mnt/outside' } });

  await t.test('its process 1 is systemd, and all is well with it', async () => {
    assert.equal(await box.must('cat /proc/1/comm; systemctl is-system-running'), 'systemd\nrunning');
    assert.equal(await box.must('ls /sys/class/net'), 'lo');
    assert.equal((await box.exec('exit 7')).code, 7);
  });

  await t.test('what it writes stays in it', async () => {
    await box.must('echo inside >/root/written-in-the-box');
    assert.equal(existsSync('/root/written-in-the-box'), false);
    assert.equal(await box.must('cat /mnt/outside/seen'), 'from outside');
    assert.notEqual((await box.exec('touch /mnt/outside/more')).code, 0);
  });

  await t.test('its limits of memory hold', async () => {
    const hog = 'systemd-run --quiet --wait -p MemoryMax=30M -p MemorySwapMax=0 --service-type=exec';
    const ran = await box.exec(`${hog} sh -c 'head -c 100M /dev/zero | tail'`);
    assert.notEqual(ran.code, 0);
    assert.equal((await box.exec(`${hog} sh -c 'head -c 1M /dev/zero | tail >/dev/null'`)).code, 0);
  });

  await t.test('it boots again on the same disk, in order or after a power cut', async () => {
    const boot = () => box.must('cat /proc/sys/kernel/random/boot_id');
    const first = await boot();
    await box.must('touch /run/of-this-boot');
    await box.reboot();
    const second = await boot();
    await box.crash();
    assert.equal(new Set([first, second, await boot()]).size, 3);
    assert.equal(
      await box
        .must('cat /root/written-in-the-box; ls /run/of-this-boot 2>&1 || true')
        .then((text) => text.split('\n')[0]),
      'inside',
    );
    assert.notEqual((await box.exec('test -e /run/of-this-boot')).code, 0);
  });
});

test('the box of a test that was killed is thrown away by the next one', { skip: noBox }, async (t) => {
  const module = JSON.stringify(import.meta.resolve('#shared/testing/box.ts'));
  const program = `const { boxFor } = await import(${module});
    await boxFor({ after() {} });
    console.log('up');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const left = `/run/vigil-boxes/test-${child.pid}-1`;
  await once(child.stdout, 'data');
  assert.ok(existsSync(left));
  child.kill('SIGKILL');
  await once(child, 'exit');
  await boxFor(t);
  await until('it is gone', () => !existsSync(left));
});
