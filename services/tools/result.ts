/**
 * What the model is told of a call: as much as it can use. What is longer is kept as a file in the workspace, of which
 * it gets the beginning, the end, and the path.
 */

import { join } from 'node:path';
import { messageOf } from '#shared/base/errors.ts';
import type { Home } from '#shared/runtime/home.ts';
import { placeOf, replaceFile } from './place.ts';
import type { Block } from './registry.ts';

export const MOST_bytes = 16 * 1024;

/** The folder of the workspace where long results lie. */
export const RESULTS = '.results';

export function text(words: string): Block[] {
  return [{ type: 'text', text: words }];
}

/** The blocks, their texts no longer than MOST_bytes together. */
export async function bounded(content: readonly Block[], call_id: string, home: Home): Promise<Block[]> {
  const texts = content.flatMap((block) => (block.type === 'text' ? [block.text.toWellFormed()] : []));
  const files = content.filter((block) => block.type === 'file');
  const whole = texts.join('\n');
  if (Buffer.byteLength(whole) <= MOST_bytes) return [...(texts.length > 0 ? text(whole) : []), ...files];
  const path = join(RESULTS, `${call_id}.txt`);
  const kept = await replaceFile(join(placeOf('.', home), path), whole, 0o600).then(
    () => `the whole is in ${path}: read_file and search_files read it`,
    (error) => `the whole could not be kept: ${messageOf(error)}`,
  );
  return [...text(shortened(whole, kept)), ...files];
}

/** Head and tail of a text that is too long. A frame of `untrusted` that the cut goes through is closed and opened anew. */
function shortened(whole: string, kept: string): string {
  const bytes = Buffer.from(whole);
  const head = atLine(bytes.subarray(0, MOST_bytes / 2).toString(), 'end');
  const tail = atLine(bytes.subarray(bytes.length - MOST_bytes / 4).toString(), 'start');
  const left = bytes.length - Buffer.byteLength(head) - Buffer.byteLength(tail);
  const before = whole.slice(0, whole.length - tail.length);
  return [
    head,
    ...(openFrame(head) ? ['</untrusted>'] : []),
    `[${left} of ${bytes.length} bytes left out; ${kept}]`,
    ...(openFrame(before) ? [openFrame(before)] : []),
    tail,
  ].join('\n');
}

/** Cut at a line's end when one is near, so that no tag of a frame (a line of its own, 230 bytes at most) is torn. */
function atLine(part: string, cut: 'start' | 'end'): string {
  const clean = part.replace(/^\uFFFD+|\uFFFD+$/g, '');
  const at = cut === 'end' ? clean.lastIndexOf('\n') : clean.indexOf('\n') + 1;
  const near = cut === 'end' ? at > clean.length - 300 : at > 0 && at < 300;
  if (!near) return clean;
  return cut === 'end' ? clean.slice(0, at) : clean.slice(at);
}

/** The tag of the frame that is open at the end of `part`; empty when none is. Texts within frames hold no tags. */
function openFrame(part: string): string {
  const last = part.match(/<untrusted source="[^"]*">|<\/untrusted>/g)?.at(-1) ?? '';
  return last.startsWith('</') ? '' : last;
}
