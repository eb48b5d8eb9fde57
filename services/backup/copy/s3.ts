/**
 * A copy in a bucket that speaks S3. The encrypted stream is sent in parts as it is made, signed with their hashes; an
 * object that fits into one part is sent as one. What fails halfway is aborted: unfinished parts cost money.
 */

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { AwsClient } from 'aws4fetch';
import { packed, SUFFIX, unpacked } from '../archive.ts';
import type { Copy, Means } from '../copy.ts';
import { idsOf } from './folder.ts';
import { needed } from './secret.ts';

/** S3 takes 10,000 parts at most, and none but the last may have less than 5 MiB: 16 MiB reach for 156 GiB. */
const PART_bytes = 16 * 2 ** 20;
/** So long may one request take, a part of 16 MiB over a slow line. */
const LIMIT_ms = 600_000;

export type S3Setting = {
  endpoint: string;
  bucket: string;
  prefix?: string | undefined;
  region?: string | undefined;
};

export function s3Copy(setting: S3Setting, { secret, signal }: Means, part_bytes: number = PART_bytes): Copy {
  const { endpoint, bucket, prefix = '', region = 'us-east-1' } = setting;
  const root = `${endpoint.replace(/\/$/, '')}/${bucket}`;
  const urlOf = (id: string) => `${root}/${encodeURI(`${prefix}${id}${SUFFIX}`)}`;

  async function ask(method: string, url: string, body?: Buffer): Promise<Response> {
    const client = new AwsClient({
      accessKeyId: needed(secret, 'AWS_ACCESS_KEY_ID'),
      secretAccessKey: needed(secret, 'AWS_SECRET_ACCESS_KEY'),
      ...(secret.AWS_SESSION_TOKEN && { sessionToken: secret.AWS_SESSION_TOKEN }),
      service: 's3',
      region,
      retries: 3,
    });
    const headers: Record<string, string> = {
      'x-amz-content-sha256': createHash('sha256')
        .update(body ?? '')
        .digest('hex'),
    };
    if (body) headers['content-md5'] = createHash('md5').update(body).digest('base64');
    const answer = await client.fetch(url, {
      method,
      headers,
      ...(body && { body: new Uint8Array(body) }),
      signal: AbortSignal.any([
        AbortSignal.timeout(LIMIT_ms),
        ...(signal && method !== 'DELETE' ? [signal] : []),
      ]),
    });
    if (answer.ok) return answer;
    const words = (await answer.text()).slice(0, 500);
    throw new Error(`S3 ${method} ${new URL(url).pathname}: ${answer.status} ${words}`);
  }

  async function putParts(url: string, parts: AsyncIterator<Buffer>, first: Buffer): Promise<void> {
    const upload = tag(await (await ask('POST', `${url}?uploads`)).text(), 'UploadId')[0] ?? '';
    const of = `uploadId=${encodeURIComponent(upload)}`;
    try {
      const sent: string[] = [];
      for (let part: Buffer | undefined = first; part; part = (await parts.next()).value) {
        const number = sent.length + 1;
        const { headers } = await ask('PUT', `${url}?partNumber=${number}&${of}`, part);
        sent.push(`<Part><PartNumber>${number}</PartNumber><ETag>${headers.get('etag')}</ETag></Part>`);
      }
      const list = `<CompleteMultipartUpload>${sent.join('')}</CompleteMultipartUpload>`;
      const answer = await (await ask('POST', `${url}?${of}`, Buffer.from(list))).text();
      // It may have failed although its status says otherwise (S3 API: CompleteMultipartUpload).
      if (answer.includes('<Error>')) throw new Error(`S3 could not put ${url} together: ${answer}`);
    } catch (error) {
      await ask('DELETE', `${url}?${of}`).catch(() => {}); // the first error is the one to tell
      throw error;
    }
  }

  return {
    target: new URL(endpoint).host,
    async put(id, folder) {
      const parts = inParts(packed(folder, needed(secret, 'BACKUP_PASSPHRASE')), part_bytes);
      const { value: first } = await parts.next();
      if (!first) throw new Error('an encrypted backup is never empty');
      if (first.length < part_bytes) await ask('PUT', urlOf(id), first);
      else await putParts(urlOf(id), parts, first);
    },
    async list() {
      const keys: string[] = [];
      for (let from: string | undefined = ''; from !== undefined; ) {
        const more: string = from && `&continuation-token=${encodeURIComponent(from)}`;
        const query = `list-type=2&prefix=${encodeURIComponent(prefix)}${more}`;
        const text = await (await ask('GET', `${root}?${query}`)).text();
        keys.push(...tag(text, 'Key'));
        from = tag(text, 'NextContinuationToken')[0];
      }
      return idsOf(keys.map((key) => key.slice(prefix.length)));
    },
    async remove(ids) {
      for (const id of ids) await ask('DELETE', urlOf(id));
    },
    async fetch(id, to) {
      const { body } = await ask('GET', urlOf(id));
      if (!body) throw new Error(`S3 gave nothing for ${id}`);
      return unpacked(Readable.from(body), needed(secret, 'BACKUP_PASSPHRASE'), to);
    },
  };
}

/** The texts of all elements of this name. The few that are asked for hold no others. */
function tag(xml: string, name: string): string[] {
  const entities: Record<string, string> = {
    '&amp;': '&',
    '&lt;': '<',
    '&gt;': '>',
    '&quot;': '"',
    '&apos;': "'",
  };
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text = '']) =>
    text.replace(/&\w+;/g, (entity) => entities[entity] ?? entity),
  );
}

async function* inParts(source: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer, undefined> {
  let held: Buffer[] = [];
  let length = 0;
  for await (const chunk of source) {
    held.push(chunk);
    length += chunk.length;
    if (length < size) continue;
    const all = Buffer.concat(held, length);
    yield all.subarray(0, size);
    held = [all.subarray(size)];
    length -= size;
  }
  if (length > 0) yield Buffer.concat(held, length);
}
