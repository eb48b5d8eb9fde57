/**
 * A bucket that speaks as much of S3 as a backup needs, and is as strict: signatures (SigV4, worked out here from the
 * documentation, "Signature Calculations for the Authorization Header"), hashes of what is sent, the least size of parts,
 * and the order of an upload.
 */

import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export const ACCESS = { id: 'AKIDEXAMPLE', secret: 'a-secret-of-the-test' };

/** S3 refuses smaller parts than this, the last one apart. */
const LEAST_PART_bytes = 5 * 2 ** 20;

export type Bucket = {
  endpoint: string;
  objects: Map<string, Buffer>;
  uploads: Map<string, Map<number, Buffer>>;
  /** Each request: its method and path. */
  heard: string[];
  /** Answers this many of the next uploads of parts with an error. */
  failing: { parts: number };
  close(): Promise<void>;
};

class Refused extends Error {
  readonly status: number;
  constructor(status: number, code: string) {
    super(code);
    this.status = status;
  }
}

export async function startBucket(name: string, region = 'us-east-1'): Promise<Bucket> {
  const objects = new Map<string, Buffer>();
  const uploads = new Map<string, Map<number, Buffer>>();
  const heard: string[] = [];
  const failing = { parts: 0 };

  function answer(request: IncomingMessage, body: Buffer): { text?: string | Buffer; etag?: string } {
    demandSignature(request, body, region);
    const url = new URL(request.url ?? '', 'http://bucket');
    const [, bucket, ...path] = url.pathname.split('/');
    if (bucket !== name) throw new Refused(404, 'NoSuchBucket');
    const key = decodeURIComponent(path.join('/'));
    const upload = url.searchParams.get('uploadId');
    const { method } = request;
    if (method === 'PUT') {
      if (request.headers['content-md5'] !== createHash('md5').update(body).digest('base64'))
        throw new Refused(400, 'BadDigest');
      const etag = `"${createHash('md5').update(body).digest('hex')}"`;
      if (upload === null) objects.set(key, body);
      else {
        if (failing.parts > 0) {
          failing.parts -= 1;
          throw new Refused(403, 'AccessDenied');
        }
        partsOf(upload).set(Number(url.searchParams.get('partNumber')), body);
      }
      return { etag };
    }
    if (method === 'POST' && url.searchParams.has('uploads')) {
      const id = `upload/${uploads.size + 1}&more`;
      uploads.set(id, new Map());
      return { text: `<R><UploadId>${id.replace('&', '&amp;')}</UploadId></R>` };
    }
    if (method === 'POST' && upload !== null) {
      const parts = [...partsOf(upload)].toSorted(([a], [b]) => a - b);
      const told = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>"(\w+)"<\/ETag>/g)];
      const same = told.every(
        ([, number, etag], i) =>
          Number(number) === parts[i]?.[0] &&
          etag ===
            createHash('md5')
              .update(parts[i]?.[1] ?? '')
              .digest('hex'),
      );
      if (!same || told.length !== parts.length) throw new Refused(400, 'InvalidPart');
      if (parts.slice(0, -1).some(([, part]) => part.length < LEAST_PART_bytes))
        throw new Refused(400, 'EntityTooSmall');
      objects.set(key, Buffer.concat(parts.map(([, part]) => part)));
      uploads.delete(upload);
      return { text: '<CompleteMultipartUploadResult/>' };
    }
    if (method === 'DELETE') {
      if (upload === null) objects.delete(key);
      else uploads.delete(upload);
      return {};
    }
    if (method === 'GET' && url.searchParams.get('list-type') === '2') {
      // Two at a time: whoever lists must ask for the rest.
      const keys = [...objects.keys()]
        .filter((one) => one.startsWith(url.searchParams.get('prefix') ?? ''))
        .toSorted();
      const from = Number(url.searchParams.get('continuation-token') ?? 0);
      const more = from + 2 < keys.length ? `<NextContinuationToken>${from + 2}</NextContinuationToken>` : '';
      return {
        text: `<L>${keys
          .slice(from, from + 2)
          .map((one) => `<Key>${one}</Key>`)
          .join('')}${more}</L>`,
      };
    }
    const found = objects.get(key);
    if (!found) throw new Refused(404, 'NoSuchKey');
    return { text: found };
  }

  function partsOf(upload: string): Map<number, Buffer> {
    const parts = uploads.get(upload);
    if (!parts) throw new Refused(404, 'NoSuchUpload');
    return parts;
  }

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    heard.push(`${request.method} ${request.url}`);
    try {
      const { text = '', etag } = answer(request, Buffer.concat(chunks));
      response.writeHead(200, etag ? { etag } : {}).end(text);
    } catch (error) {
      const status = error instanceof Refused ? error.status : 500;
      response
        .writeHead(status)
        .end(`<Error><Code>${error instanceof Error ? error.message : ''}</Code></Error>`);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    uploads,
    heard,
    failing,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function demandSignature({ method, url = '', headers }: IncomingMessage, body: Buffer, region: string): void {
  const told = /^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=(\w+)$/.exec(
    headers.authorization ?? '',
  );
  const [, credential = '', signed = '', signature = ''] = told ?? [];
  const [id, day = '', where, service, end] = credential.split('/');
  if (id !== ACCESS.id || where !== region || service !== 's3' || end !== 'aws4_request')
    throw new Refused(403, 'InvalidAccessKeyId');
  const hash = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');
  if (headers['x-amz-content-sha256'] !== hash(body)) throw new Refused(400, 'XAmzContentSHA256Mismatch');
  const names = signed.split(';');
  if (!['host', 'x-amz-date', 'x-amz-content-sha256'].every((name) => names.includes(name)))
    throw new Refused(403, 'AccessDenied');
  const [path = '', query = ''] = url.split('?');
  const sorted = query
    .split('&')
    .filter(Boolean)
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .toSorted()
    .join('&');
  const lines = names.map((name) => `${name}:${String(headers[name]).trim()}\n`).join('');
  const canonical = [method, path, sorted, lines, signed, headers['x-amz-content-sha256']].join('\n');
  const date = String(headers['x-amz-date']);
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', date, scope, hash(canonical)].join('\n');
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer | string>(
    (last, part) => createHmac('sha256', last).update(part).digest(),
    `AWS4${ACCESS.secret}`,
  );
  if (createHmac('sha256', key).update(toSign).digest('hex') !== signature)
    throw new Refused(403, 'SignatureDoesNotMatch');
}
