/**
 * A backup as one stream, for those places that know single files: its manifest, then its files, each behind a line of
 * JSON; compressed, and encrypted.
 */

import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { demandInside, MANIFEST, type Manifest, manifestOf } from './folder.ts';
import { seal, unseal } from './seal.ts';

/** What the file of an encrypted backup is called. */
export const SUFFIX = '.vigil-backup';

type Bytes = AsyncIterable<Buffer>;

/** The backup in `folder`, compressed and encrypted. */
export function packed(folder: string, passphrase: string): AsyncGenerator<Buffer> {
  const gzip = createGzip({ level: 1 });
  // Whoever reads the end of it hears of a failure: it is passed on.
  pipeline(pack(folder), gzip).catch(() => {});
  return seal(gzip, passphrase);
}

/** Puts the backup back that `packed` has made a stream of, into the folder `to`, which is not there yet. */
export async function unpacked(source: Bytes, passphrase: string, to: string): Promise<Manifest> {
  // Nothing is waited for before the source is read: a stream that fails unheard takes the process down.
  await pipeline(unseal(source, passphrase), createGunzip(), (plain: Bytes) => unpack(plain, to));
  return manifestOf(to);
}

async function* pack(folder: string): AsyncGenerator<Buffer> {
  const manifest = await readFile(join(folder, MANIFEST));
  yield Buffer.from(`${JSON.stringify({ path: MANIFEST, bytes: manifest.length })}\n`);
  yield manifest;
  for (const { path, bytes } of (await manifestOf(folder)).files) {
    yield Buffer.from(`${JSON.stringify({ path, bytes })}\n`);
    let sent = 0;
    for await (const chunk of createReadStream(join(folder, path))) {
      sent += chunk.length;
      yield chunk;
    }
    if (sent !== bytes) throw new Error(`${path} has ${sent} bytes, expected ${bytes}`);
  }
}

async function unpack(source: Bytes, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  const { line, take } = readerOf(source);
  for (let head = await line(); head !== null; head = await line()) {
    const { path, bytes }: { path: string; bytes: number } = JSON.parse(head);
    demandInside(path);
    await mkdir(dirname(join(to, path)), { recursive: true, mode: 0o700 });
    await pipeline(take(bytes), createWriteStream(join(to, path), { flags: 'wx', mode: 0o600, flush: true }));
  }
}

const LONGEST_LINE_bytes = 65_536;

function readerOf(source: Bytes) {
  const chunks = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);

  async function more(): Promise<boolean> {
    const { value, done } = await chunks.next();
    if (done) return false;
    rest = rest.length === 0 ? value : Buffer.concat([rest, value]);
    return true;
  }

  return {
    /** The next line; null at the end. */
    async line(): Promise<string | null> {
      for (;;) {
        const end = rest.indexOf(10);
        if (end >= 0) {
          const text = rest.toString('utf8', 0, end);
          rest = rest.subarray(end + 1);
          return text;
        }
        if (rest.length > LONGEST_LINE_bytes) throw new Error('the backup holds an endless line');
        if (await more()) continue;
        if (rest.length > 0) throw new Error('the backup is cut off');
        return null;
      }
    },
    async *take(bytes: number): AsyncGenerator<Buffer> {
      for (let left = bytes; left > 0; ) {
        if (rest.length === 0 && !(await more())) throw new Error('the backup is cut off');
        const piece = rest.subarray(0, left);
        rest = rest.subarray(piece.length);
        left -= piece.length;
        yield piece;
      }
    },
  };
}
