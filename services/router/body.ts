/** The request as it came: its bytes, what the router must know of them, and the one word that it may change in them. */

import type { IncomingMessage } from 'node:http';
import { messageOf } from '#shared/base/errors.ts';
import { ApiError } from '#shared/messages/error.ts';

/** https://docs.claude.com/en/api/overview: a request to Messages has at most 32 MB. */
const LONGEST_bytes = 32 * 2 ** 20;

export type Asked = {
  body: Buffer;
  json: Record<string, unknown>;
  model: string;
  max_tokens: number;
  stream: boolean;
};

/**
 * The body. One that is too large is read to its end and dropped: a client that is still sending would see a broken
 * connection instead of the reason.
 */
export async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const { body, bytes } = await collected(incoming, LONGEST_bytes);
  if (bytes <= LONGEST_bytes) return body;
  throw new ApiError(
    'request_too_large',
    `router: the body has ${(bytes / 2 ** 20).toFixed(1)} MB, expected ${LONGEST_bytes / 2 ** 20} MB at most`,
  );
}

/**
 * A message to its end; empty, when it has more than `most` bytes. By events: an iterator would take a turn of the loop
 * for each chunk. Rejects when it breaks off.
 */
export function collected(
  message: IncomingMessage,
  most: number,
  heard?: () => void,
): Promise<{ body: Buffer; bytes: number }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    message.on('data', (chunk: Buffer) => {
      heard?.();
      bytes += chunk.length;
      if (bytes <= most) chunks.push(chunk);
      else chunks.length = 0;
    });
    message.once('end', () => {
      const [only] = chunks;
      resolve({ body: only && chunks.length === 1 ? only : Buffer.concat(chunks), bytes });
    });
    message.once('error', reject);
    message.once('close', () => reject(new Error('it was cut off')));
  });
}

/** @throws ApiError for what cannot be understood, and so not be reserved */
export function askedOf(body: Buffer): Asked {
  const json = jsonOf(body);
  const { model, max_tokens = 0, stream } = json;
  if (typeof model !== 'string' || model === '') invalid('model', 'the name of an alias or model', model);
  if (!Number.isSafeInteger(max_tokens) || (max_tokens as number) < 0) {
    invalid('max_tokens', 'a whole number from 0', max_tokens);
  }
  return { body, json, model, max_tokens: max_tokens as number, stream: stream === true };
}

export function jsonOf(body: Buffer): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new ApiError('invalid_request_error', `router: the body is not valid JSON: ${messageOf(error)}`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new ApiError('invalid_request_error', 'router: the body: expected a JSON object');
  }
  return json as Record<string, unknown>;
}

function invalid(field: string, expected: string, got: unknown): never {
  const said = got === undefined ? 'nothing' : JSON.stringify(got);
  throw new ApiError('invalid_request_error', `router: ${field}: expected ${expected}, got ${said}`);
}

const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];
const OPENING = new Set([0x7b, 0x5b]);
const CLOSING = new Set([0x7d, 0x5d]);

/** The same bytes, but for the value of the model: nothing else of what a client says is the router's to change. */
export function withModel(asked: Asked, model: string): Buffer {
  if (model === asked.model) return asked.body;
  const places = valuesOf(asked.body, 'model');
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { start, end } of places) {
    pieces.push(asked.body.subarray(from, start), Buffer.from(JSON.stringify(model)));
    from = end;
  }
  return Buffer.concat([...pieces, asked.body.subarray(from)]);
}

/** Where the string values of a key of the outermost object are, in JSON that is known to be valid. */
function valuesOf(body: Buffer, key: string): { start: number; end: number }[] {
  const places: { start: number; end: number }[] = [];
  const wanted = Buffer.from(`"${key}"`);
  // A key that is written once needs no look beyond it.
  const once = body.indexOf(wanted) === body.lastIndexOf(wanted) && body.indexOf(BACKSLASH) < 0;
  let depth = 0;
  let isKey = false;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] ?? 0;
    if (byte === QUOTE) {
      const end = endOfString(body, at);
      if (depth === 1) {
        if (isKey) places.push({ start: at, end });
        const after = afterSpace(body, end);
        isKey = !isKey && body[after] === COLON && JSON.parse(body.toString('utf8', at, end)) === key;
        if (isKey) at = after;
        else at = end - 1;
        if (places.length > 0 && once) return places;
      } else at = end - 1;
    } else if (OPENING.has(byte)) depth += 1;
    else if (CLOSING.has(byte)) depth -= 1;
  }
  return places;
}

function endOfString(body: Buffer, start: number): number {
  let at = start + 1;
  for (;;) {
    const quote = body.indexOf(QUOTE, at);
    let slashes = 0;
    while (body[quote - 1 - slashes] === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

function afterSpace(body: Buffer, at: number): number {
  let after = at;
  while (
    (body[after] ?? 0) === 0x20 ||
    (body[after] ?? 0) === 0x0a ||
    (body[after] ?? 0) === 0x0d ||
    body[after] === 0x09
  ) {
    after += 1;
  }
  return after;
}
