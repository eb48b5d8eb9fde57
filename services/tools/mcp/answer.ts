/** What a server has answered, as the model may read it: framed, its secrets taken out, its pictures as files. */

import * as z from 'zod/mini';
import { untrusted } from '#shared/base/untrusted.ts';
import { kindOf } from '../kind.ts';
import type { Block, Result } from '../registry.ts';
import type { Answer } from './server.ts';

const OTHER = 'application/octet-stream';
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

/** @param how.keep puts a file where no program can change it, and says where that is */
export async function resultOf(
  server: string,
  answer: Answer,
  how: { keep(name: string, bytes: Buffer): Promise<string>; hidden(text: string): string },
): Promise<Result> {
  const source = `mcp ${server}`;
  const files: { name: string; mime: string; bytes: Buffer }[] = [];

  /** One block of theirs, in words; a file is put down and named. */
  function told(block: Answer['content'][number]): string {
    if (block.type === 'text') return text.safeParse(block).data?.text ?? '[a text without words]';
    if (block.type === 'image' || block.type === 'audio') {
      const found = binary.safeParse(block).data;
      return found ? added(found.data, found.mimeType) : `[${block.type}: not in base64]`;
    }
    if (block.type === 'resource_link') {
      const found = link.safeParse(block).data;
      return found ? `[link: ${found.name ?? ''} ${found.uri}]` : '[a link to nowhere]';
    }
    const found = block.type === 'resource' ? resource.safeParse(block).data?.resource : undefined;
    if (found?.text !== undefined) return `[${found.uri}]\n${found.text}`;
    if (found?.blob !== undefined) return `[${found.uri}] ${added(found.blob, found.mimeType ?? '')}`;
    return `[something of type ${block.type}]`;
  }

  function added(base64: string, called: string): string {
    const bytes = Buffer.from(base64, 'base64');
    if (files.length >= MOST_FILES || bytes.length > LARGEST_FILE_bytes) {
      return `[${called}, ${bytes.length} bytes: left out, it is ${files.length >= MOST_FILES ? 'one too many' : 'too large'}]`;
    }
    const kind = kindOf(bytes);
    const name = `${files.length + 1}.${kind?.ending ?? 'bin'}`;
    files.push({ name, bytes, mime: kind?.mime ?? OTHER });
    return `[file ${name}, ${bytes.length} bytes, said to be ${called}]`;
  }

  const shown = answer.content.slice(0, MOST_BLOCKS).map(told);
  if (answer.content.length > MOST_BLOCKS) shown.push(`[and ${answer.content.length - MOST_BLOCKS} more]`);
  if (shown.length === 0 && answer.structuredContent !== undefined) {
    shown.push(JSON.stringify(answer.structuredContent));
  }
  const blocks: Block[] = [];
  for (const { name, mime, bytes } of files) {
    const path = await how.keep(name, bytes);
    shown.push(`[${name} lies at ${path}]`);
    // What is no picture and no document stays a file, of which the model has the name.
    if (mime !== OTHER) blocks.push({ type: 'file', path, name, mime });
  }
  const words = how.hidden(shown.join('\n\n')).trim() || '[nothing]';
  return {
    content: [{ type: 'text', text: untrusted(source, words) }, ...blocks],
    source,
    failed: answer.isError === true,
  };
}
