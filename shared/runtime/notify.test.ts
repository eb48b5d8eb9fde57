import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../testing/scratch.ts';
import { notifier } from './notify.ts';

function descriptor(t: TestContext): { fd: number; file: string } {
  const file = join(scratch(t), 'heard');
  return { fd: openSync(file, 'w'), file };
}

test('each word is one line to the descriptor of the supervisor', (t) => {
  const { fd, file } = descriptor(t);
  const notify = notifier(() => assert.fail('nobody is gone'), { NOTIFY_FD: String(fd) });
  for (const word of ['READY=1', 'WATCHDOG=1', 'STOPPING=1'] as const) notify(word);
  closeSync(fd);
  assert.equal(readFileSync(file, 'utf8'), 'READY=1\nWATCHDOG=1\nSTOPPING=1\n');
});

for (const given of [undefined, '', '0', '1', '2', 'three', '3.5']) {
  test(`NOTIFY_FD=${given} is nobody's descriptor: nothing is written`, () => {
    notifier(() => assert.fail('nobody is gone'), { NOTIFY_FD: given })('READY=1');
  });
}

test('a descriptor that is not open is a fault of whoever set it, and not hidden', (t) => {
  const { fd } = descriptor(t);
  closeSync(fd);
  assert.throws(() => notifier(() => {}, { NOTIFY_FD: String(fd) })('READY=1'), { code: 'EBADF' });
});
