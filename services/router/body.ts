/** The request as it came: its bytes, what the router must know of them, and the two words that it may change in them. */

import type { IncomingMessage } from 'node:http';
import { messageOf } from '#shared/base/errors.ts';
import { ApiError } from '#shared/messages/error.ts';
import { CONTEXT_tokens } from './price.ts';

/** https://docs.claude.com/en/api/overview: a request to Messages has at most 32 MB. */
const LONGEST_bytes = 32 * 2 ** 20;

export type Asked = {
  /** `vectors`: of the words in `input` (`/v1/embeddings`). */
  what: 'message' | 'vectors';
  body: Buffer;
  json: Record<string, unknown>;
  model: string;
  max_tokens: number;
  stream: boolean;
  /** `metadata.task_type`, which is the router's and not in the body any more; null when there is none. */
  task: string | null;
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
    // One that says itself that it is too large is not kept even in part.
    const fits = !(Number(message.headers['content-length']) > most);
    let bytes = 0;
    message.on('data', (chunk: Buffer) => {
      heard?.();
      bytes += chunk.length;
      if (fits && bytes <= most) chunks.push(chunk);
      else chunks.length = 0;
    });
    message.once('end', () => {
      const [only] = chunks;
      resolve({ body: only && chunks.length === 1 ? only : Buffer.concat(chunks), bytes });
    });
    message.once('error', reject);
    // Made only when it is one: an error costs more than all else here.
    message.once('close', () => {
      if (!message.readableEnded) reject(new Error('it was cut off'));
    });
  });
}

/** @throws ApiError for what cannot be understood, and so not be reserved */
export function askedOf(body: Buffer): Asked {
  const json = jsonOf(body);
  // Without it nothing is asked of the Messages API, but other servers may take it for as much as they like.
  const { model, max_tokens = CONTEXT_tokens, stream } = json;
  if (typeof model !== 'string' || model === '') invalid('model', 'the name of an alias or model', model);
  if (!Number.isSafeInteger(max_tokens) || (max_tokens as number) < 0) {
    invalid('max_tokens', 'a whole number from 0', max_tokens);
  }
  const asked = {
    what: 'message',
    json,
    model,
    max_tokens: max_tokens as number,
    stream: stream === true,
  } as const;
  const { metadata } = json as { metadata?: { task_type?: unknown } | null };
  if (metadata?.task_type === undefined) return { ...asked, body, task: null };
  const task = metadata.task_type;
  if (typeof task !== 'string' || task === '') invalid('metadata.task_type', 'the name of a task type', task);
  delete metadata.task_type;
  return { ...asked, body: withoutTaskType(body), task };
}

/** The same of a request for vectors. @throws ApiError for one whose words cannot be counted */
export function vectorsAskedOf(body: Buffer): Asked {
  const json = jsonOf(body);
  const { model, input } = json;
  if (typeof model !== 'string' || model === '') invalid('model', 'the name of an alias or model', model);
  const texts: unknown[] = Array.isArray(input) ? input : [input];
  if (texts.length === 0 || texts.some((text) => typeof text !== 'string' || text === '')) {
    invalid('input', 'a text, or a list of texts, none of them empty', input);
  }
  return { what: 'vectors', json, model, max_tokens: 0, stream: false, body, task: null };
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

/** Says of a refusal in which part of the request its cause is. */
export function within<T>(where: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { type, message, status } = error;
    throw new ApiError(type, message.replace(/^router: /, `router: ${where}: `), { status });
  }
}

/** The same bytes, but for the value of the model: nothing else of what a client says is the router's to change. */
export function withModel({ body, model: given }: Asked, model: string): Buffer {
  if (model === given) return body;
  // A key that is written once needs no look beyond it.
  const once = body.indexOf('"model"') === body.lastIndexOf('"model"') && body.indexOf(BACKSLASH) < 0;
  const cuts: Cut[] = [];
  for (const { key, value, end } of membersOf(body, body.indexOf(OPEN))) {
    if (key !== 'model') continue;
    cuts.push({ from: value, to: end });
    if (once) break;
  }
  return replaced(body, cuts, JSON.stringify(model));
}

/** Without the task type, which is the router's to know: the API refuses what it does not know of the metadata. */
function withoutTaskType(body: Buffer): Buffer {
  const cuts: Cut[] = [];
  for (const { key, value } of membersOf(body, body.indexOf(OPEN))) {
    if (key !== 'metadata' || body[value] !== OPEN) continue;
    const members = [...membersOf(body, value)];
    let stays = false;
    for (const [i, { key, start, end }] of members.entries()) {
      if (key !== 'task_type') stays = true;
      // A comma goes along: the one before it, or for the first that stays nobody before, the one after.
      else if (stays) cuts.push({ from: members[i - 1]?.end ?? start, to: end });
      else cuts.push({ from: start, to: members[i + 1]?.start ?? end });
    }
  }
  return replaced(body, cuts, '');
}

type Cut = { from: number; to: number };

function replaced(body: Buffer, cuts: readonly Cut[], text: string): Buffer {
  const put = Buffer.from(text);
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { from, to } of cuts) {
    pieces.push(body.subarray(at, from), put);
    at = to;
  }
  return Buffer.concat([...pieces, body.subarray(at)]);
}

const [QUOTE, BACKSLASH, OPEN, COMMA] = [0x22, 0x5c, 0x7b, 0x2c];
const OPENING = new Set([OPEN, 0x5b]);
const CLOSING = new Set([0x7d, 0x5d]);
const SPACE = new Set([0x20, 0x0a, 0x0d, 0x09]);

/** Where a member of an object is: its key from `start`, its value from `value` to `end`. */
type Member = { key: string; start: number; value: number; end: number };

/** The members of the object that opens at `open`, in JSON that is known to be valid. */
function* membersOf(body: Buffer, open: number): Generator<Member> {
  let start = afterSpace(body, open + 1);
  while (body[start] === QUOTE) {
    const keyEnd = endOfString(body, start);
    const value = afterSpace(body, afterSpace(body, keyEnd) + 1);
    const end = endOfValue(body, value);
    yield { key: JSON.parse(body.toString('utf8', start, keyEnd)), start, value, end };
    const comma = afterSpace(body, end);
    start = body[comma] === COMMA ? afterSpace(body, comma + 1) : comma;
  }
}

function endOfValue(body: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < body.length; at++) {
    const byte = body[at] ?? 0;
    if (byte === QUOTE) {
      at = endOfString(body, at) - 1;
      if (depth === 0) return at + 1;
    } else if (OPENING.has(byte)) depth += 1;
    else if (CLOSING.has(byte)) {
      // A number or a word ends where what it stands in does.
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || SPACE.has(byte))) return at;
  }
  return body.length;
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
  while (SPACE.has(body[after] ?? 0)) after += 1;
  return after;
}
