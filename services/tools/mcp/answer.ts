/** What a server has answered, as the model may read it: framed, its secrets taken out, its pictures as files. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { untrusted } from '#shared/base/untrusted.ts';
import type { Block, Result } from '../registry.ts';
import type { Answer } from './server.ts';

const MOST_BLOCKS = 50;
const MOST_FILES = 8;
const LARGEST_FILE_bytes = 6 * 2 ** 20;

const text = z.object({ text: z.string() });
const binary = z.object({ data: z.base64(), mimeType: z.string() });
const resource = z.object({
  resource: z.object({
    uri: z.string(),
    mimeType: z.optional(z.string()),
    text: z.optional(z.string()),
    blob: z.optional(z.base64()),
  }),
});
const link = z.object({ uri: z.string(), name: z.optional(z.string()) });

/** What the model can look at, by the first bytes: what a server calls it proves nothing. */
const KINDS = [
  { mime: 'image/png', ending: 'png', begins: '\x89PNG\r\n' },
  { mime: 'image/jpeg', ending: 'jpg', begins: '\xff\xd8\xff' },
  { mime: 'image/gif', ending: 'gif', begins: 'GIF8' },
  { mime: 'image/webp', ending: 'webp', begins: 'RIFF' },
  { mime: 'application/pdf', ending: 'pdf', begins: '%PDF-' },
];

export function kindOf(bytes: Uint8Array): { mime: string; ending: string } | undefined {
  const first = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  return KINDS.find(
    ({ begins, mime }) => first.startsWith(begins) && (mime !== 'image/webp' || first.endsWith('WEBP')),
  );
}

/** @param at the folder for files, and what their names begin with */
export function resultOf(
  server: string,
  answer: Answer,
  { folder, prefix, hidden }: { folder: string; prefix: string; hidden(text: string): string },
): Result {
  const source = `mcp ${server}`;
  const files: Block[] = [];

  /** One block of theirs, in words; a file is put down and named. */
  function told(block: Answer['content'][number]): string {
    if (block.type === 'text') return text.safeParse(block).data?.text ?? '[a text without words]';
    if (block.type === 'image' || block.type === 'audio') {
      const found = binary.safeParse(block).data;
      return found ? kept(found.data, found.mimeType) : `[${block.type}: not in base64]`;
    }
    if (block.type === 'resource_link') {
      const found = link.safeParse(block).data;
      return found ? `[link: ${found.name ?? ''} ${found.uri}]` : '[a link to nowhere]';
    }
    const found = block.type === 'resource' ? resource.safeParse(block).data?.resource : undefined;
    if (found?.text !== undefined) return `[${found.uri}]\n${found.text}`;
    if (found?.blob !== undefined) return `[${found.uri}] ${kept(found.blob, found.mimeType ?? '')}`;
    return `[something of type ${block.type}]`;
  }

  function kept(base64: string, called: string): string {
    const bytes = Buffer.from(base64, 'base64');
    if (files.length >= MOST_FILES || bytes.length > LARGEST_FILE_bytes) {
      return `[${called}, ${bytes.length} bytes: left out, it is ${files.length >= MOST_FILES ? 'one too many' : 'too large'}]`;
    }
    const kind = kindOf(bytes);
    const name = `${prefix}-${files.length + 1}.${kind?.ending ?? 'bin'}`;
    const path = join(folder, name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(path, bytes, { mode: 0o600 });
    files.push({ type: 'file', path, name, mime: kind?.mime ?? 'application/octet-stream' });
    return `[file ${name}, ${bytes.length} bytes, said to be ${called}]`;
  }

  const shown = answer.content.slice(0, MOST_BLOCKS).map(told);
  if (answer.content.length > MOST_BLOCKS) shown.push(`[and ${answer.content.length - MOST_BLOCKS} more]`);
  if (shown.length === 0 && answer.structuredContent !== undefined) {
    shown.push(JSON.stringify(answer.structuredContent));
  }
  const words = hidden(shown.join('\n\n')).trim() || '[nothing]';
  return {
    content: [
      { type: 'text', text: untrusted(source, words) },
      // What is no picture and no document stays a file in the workspace, of which the model has the name.
      ...files.filter((file) => file.type === 'file' && file.mime !== 'application/octet-stream'),
    ],
    source,
    failed: answer.isError === true,
  };
}
