import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { bootId, uuid } from './ids.ts';

test('an id is a UUID of version 7, and bears its time (RFC 9562)', () => {
  const id = uuid(0x0123456789ab);
  assert.match(id, /^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('ids of different milliseconds sort by time, as text', () => {
  const times = [0, 1, 255, 256, 1_700_000_000_000, 2 ** 48 - 1];
  const ids = times.map(uuid);
  assert.deepEqual(ids.toSorted(), ids);
});

test('ten thousand ids of one millisecond are ten thousand', () => {
  assert.equal(new Set(Array.from({ length: 10_000 }, () => uuid(1))).size, 10_000);
});

test('the boot’s id is the same for every process of one boot', () => {
  const program = `import { bootId } from ${JSON.stringify(import.meta.resolve('./ids.ts'))}; process.stdout.write(bootId());`;
  const other = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.equal(bootId(), other);
  assert.match(bootId(), /^[0-9a-f-]{32,36}$/);
});
