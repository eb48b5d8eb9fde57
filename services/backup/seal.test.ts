import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { seal, unseal } from './seal.ts';

const FRAME = 65_536;
const HEADER = 25;

async function gather(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}
const sealed = (bytes: Buffer, passphrase = 'correct horse') => gather(seal([bytes], passphrase));
const opened = (bytes: Buffer, passphrase = 'correct horse') => gather(unseal([bytes], passphrase));

for (const length of [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME]) {
  test(`${length} bytes come back as they were`, async () => {
    const plain = randomBytes(length);
    const secret = await sealed(plain);
    assert.deepEqual(await opened(secret), plain);
    assert.ok(length < 16 || !secret.includes(plain.subarray(0, 16)));
  });
}

test('it does not matter in which pieces the bytes arrive', async () => {
  const plain = randomBytes(2 * FRAME + 5);
  const secret = await sealed(plain);
  const crumbs = Array.from({ length: Math.ceil(secret.length / 999) }, (_, i) =>
    secret.subarray(i * 999, (i + 1) * 999),
  );
  assert.deepEqual(await gather(unseal(crumbs, 'correct horse')), plain);
});

test('another passphrase opens nothing, and says so', async () => {
  await assert.rejects(opened(await sealed(Buffer.from('hello')), 'wrong'), /the passphrase is another one/);
});

test('what was changed, cut off, moved or lengthened is noticed', async () => {
  const secret = await sealed(randomBytes(3 * FRAME));
  const frame = FRAME + 16;
  const flipped = (at: number) => {
    const copy = Buffer.from(secret);
    copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
    return copy;
  };
  const cases: Record<string, Buffer> = {
    'a bit of the salt': flipped(HEADER - 1),
    'a bit of the cost': flipped(8),
    'a bit in the middle': flipped(HEADER + frame + 7),
    'a bit of the last tag': flipped(secret.length - 1),
    'the last byte missing': secret.subarray(0, -1),
    'the last frame missing': secret.subarray(0, HEADER + 2 * frame),
    'all frames missing': secret.subarray(0, HEADER),
    'half a header': secret.subarray(0, 12),
    'nothing at all': Buffer.alloc(0),
    'a byte too many': Buffer.concat([secret, Buffer.of(0)]),
    'two frames in each other’s place': Buffer.concat([
      secret.subarray(0, HEADER),
      secret.subarray(HEADER + frame, HEADER + 2 * frame),
      secret.subarray(HEADER, HEADER + frame),
      secret.subarray(HEADER + 2 * frame),
    ]),
  };
  for (const [what, bytes] of Object.entries(cases)) {
    await assert.rejects(opened(bytes), /encrypted backup/, what);
  }
});

test('a header that asks for all memory is refused', async () => {
  const forged = await sealed(Buffer.from('x'));
  forged.writeUInt8(30, 8);
  await assert.rejects(opened(forged), /no encrypted backup/);
});

test('the same bytes are never encrypted the same way', async () => {
  assert.notDeepEqual(await sealed(Buffer.from('x')), await sealed(Buffer.from('x')));
});
