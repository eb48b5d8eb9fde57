/** What a form sends: each field once, as browsers encode it, and not too much of it. Anything else is refused. */

import type { IncomingMessage } from 'node:http';

const LONGEST_bytes = 64 * 1024;

export class BadForm extends Error {
  readonly status: 400 | 413 | 415;
  constructor(status: 400 | 413 | 415, message: string) {
    super(message);
    this.status = status;
  }
}

/** @throws BadForm */
export async function formOf(incoming: IncomingMessage): Promise<ReadonlyMap<string, string>> {
  const [type = ''] = (incoming.headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded') {
    throw new BadForm(415, `expected a form, got ${type === '' ? 'no type' : type}`);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Read to its end all the same: a browser that is still sending would see a broken connection instead of the reason.
    if (bytes <= LONGEST_bytes) chunks.push(chunk);
  }
  if (bytes > LONGEST_bytes) throw new BadForm(413, `expected ${LONGEST_bytes / 1024} KiB at most`);
  const fields = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(Buffer.concat(chunks).toString('utf8'))) {
    if (fields.has(name)) throw new BadForm(400, `expected each field once, got ${name} twice`);
    fields.set(name, value);
  }
  return fields;
}
