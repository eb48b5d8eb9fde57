/**
 * The encryption of what leaves the machine: AES-256-GCM in frames, under a key that scrypt makes of a passphrase and a
 * salt of the file's own. A frame's nonce is its number and whether it is the last: none can be left out, moved, repeated
 * or cut off without being noticed (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár).
 *
 *   header  'VIGILBK1', log2 of scrypt's N (1 byte), salt (16)
 *   frame   up to 65,536 bytes, encrypted, and a tag (16)
 */

import {
  createCipheriv,
  createDecipheriv,
  randomBytes,
  type ScryptOptions,
  scrypt as scryptOf,
} from 'node:crypto';
import { promisify } from 'node:util';

const MAGIC = Buffer.from('VIGILBK1');
const HEADER_bytes = MAGIC.length + 1 + 16;
const FRAME_bytes = 65_536;
const TAG_bytes = 16;
/** 2^16 × 8 × 128 bytes: 64 MB for a moment, a tenth of a second for each guess. */
const COST = 16;
/** A forged header must not be able to take the machine's memory. */
const HIGHEST_COST = 18;

type Bytes = AsyncIterable<Buffer> | Iterable<Buffer>;

const scrypt: (passphrase: string, salt: Buffer, length: number, options: ScryptOptions) => Promise<Buffer> =
  promisify(scryptOf);

function keyOf(passphrase: string, header: Buffer): Promise<Buffer> {
  const cost = header.readUInt8(MAGIC.length);
  const salt = header.subarray(MAGIC.length + 1);
  return scrypt(passphrase, salt, 32, { N: 2 ** cost, r: 8, p: 1, maxmem: 2 ** (cost + 11) });
}

function nonceOf(frame: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(frame, 5, 6);
  nonce.writeUInt8(last ? 1 : 0, 11);
  return nonce;
}

export async function* seal(source: Bytes, passphrase: string): AsyncGenerator<Buffer> {
  const header = Buffer.concat([MAGIC, Buffer.of(COST), randomBytes(16)]);
  const key = await keyOf(passphrase, header);
  yield header;
  let frame = 0;
  for await (const { bytes, last } of framed(source, FRAME_bytes)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(frame, last)).setAAD(header);
    yield Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    frame += 1;
  }
}

/** @throws Error when the passphrase is another one, or when anything of it was changed or is missing */
export async function* unseal(source: Bytes, passphrase: string): AsyncGenerator<Buffer> {
  let key: Buffer | undefined;
  let header: Buffer = Buffer.alloc(0);
  let frame = 0;
  for await (const { bytes, last } of framed(source, FRAME_bytes + TAG_bytes, HEADER_bytes)) {
    if (!key) {
      header = bytes;
      const known = bytes.length === HEADER_bytes && bytes.subarray(0, MAGIC.length).equals(MAGIC);
      if (!known || bytes.readUInt8(MAGIC.length) > HIGHEST_COST)
        throw new Error('this is no encrypted backup of Vigil');
      if (last) throw new Error('the encrypted backup ends after its header');
      key = await keyOf(passphrase, header);
      continue;
    }
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(frame, last), { authTagLength: TAG_bytes });
    decipher.setAAD(header).setAuthTag(bytes.subarray(-TAG_bytes));
    try {
      yield Buffer.concat([decipher.update(bytes.subarray(0, -TAG_bytes)), decipher.final()]);
    } catch (error) {
      const why = frame === 0 ? 'the passphrase is another one, or' : `after ${frame} frames:`;
      throw new Error(`the encrypted backup cannot be opened: ${why} it was changed or cut off`, {
        cause: error,
      });
    }
    frame += 1;
  }
}

/** The bytes in pieces of `size`, the first perhaps of another; the last one, perhaps empty, knows that it is. */
async function* framed(
  source: Bytes,
  size: number,
  first: number = size,
): AsyncGenerator<{ bytes: Buffer; last: boolean }> {
  let held: Buffer[] = [];
  let length = 0;
  let wanted = first;
  for await (const chunk of source) {
    held.push(chunk);
    length += chunk.length;
    // More than is wanted: so this piece is not the last.
    if (length <= wanted) continue;
    let all = Buffer.concat(held, length);
    while (all.length > wanted) {
      yield { bytes: all.subarray(0, wanted), last: false };
      all = all.subarray(wanted);
      wanted = size;
    }
    held = [all];
    length = all.length;
  }
  yield { bytes: Buffer.concat(held, length), last: true };
}
