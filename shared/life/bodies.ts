/** What a model was asked and what it answered, word for word, as a person reads it. */

import { gunzipSync } from 'node:zlib';
import * as exchange from '../tables/exchange.ts';
import type { Read } from './life.ts';

export type Bodies = { request: string; response: string };

/** Null where they are not kept, or not any more. */
export async function bodiesOf(read: Read, call_id: string): Promise<Bodies | null> {
  const [row] = await read(exchange.of(call_id));
  if (!row) return null;
  const plain = (bytes: Uint8Array) =>
    (row.encoding === 'gzip' ? gunzipSync(bytes) : Buffer.from(bytes)).toString('utf8');
  return { request: indented(plain(row.request)), response: indented(plain(row.response)) };
}

/** JSON as a person reads it; a stream as it came. */
function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // not JSON: server-sent events
  }
}
