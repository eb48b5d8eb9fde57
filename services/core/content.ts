/** The content of a step: blocks of the Messages API, of which files are only named, and read when they are sent. */

import { readFileSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import type {
  ContentBlockParam,
  TextBlockParam,
  ToolResultBlockParam,
} from '@anthropic-ai/sdk/resources/messages';
import { codeOf } from '#shared/base/errors.ts';
import { untrusted } from '#shared/base/untrusted.ts';

export type Text = { type: 'text'; text: string };
/** A file below the state's folder. */
export type File = { type: 'file'; path: string; name: string; mime: string };
export type Result = { type: 'tool_result'; tool_use_id: string; content: (Text | File)[]; is_error?: true };
/** What a model said stands as it came: blocks that are not known here are passed back untouched. */
export type Block = Text | File | Result | Exclude<ContentBlockParam, TextBlockParam | ToolResultBlockParam>;

/** What a model is shown of one file (Messages API: images up to 5 MB of base64, 32 MB in all of a request). */
const MOST_bytes = { image: 3_700_000, pdf: 16 * 2 ** 20, text: 100 * 1024 };
const PDF = 'application/pdf';
const IMAGES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'] as const;
const TEXTS = /^(text\/|application\/(json|xml|yaml|toml|javascript|x-sh|sql)\b)/;
const TEXT_ENDINGS = new Set(
  '.txt .md .csv .tsv .json .xml .yaml .yml .toml .ini .log .html .css .js .ts .py .rb .go .rs .c .h .cpp .java .sh .sql .tex .org .ics .vcf'.split(
    ' ',
  ),
);

/** Images and PDFs of one request, before they grow by a third as base64 (Messages API: 32 MB in all). */
export const MOST_REQUEST_bytes = 20 * 2 ** 20;

/** What is left of it: whoever comes first takes of it. */
export type Room = { bytes: number };

/** A step's content as the API wants it. */
export function sent(blocks: readonly Block[], room: Room): ContentBlockParam[] {
  return blocks.map((block): ContentBlockParam => {
    if (block.type === 'file') return shown(block, room);
    if (block.type !== 'tool_result') return block;
    const content = block.content.map((part) => (part.type === 'file' ? shown(part, room) : part));
    // The API takes no empty result.
    return { ...block, content: content.length > 0 ? content : [{ type: 'text', text: '(nothing)' }] };
  });
}

type Shown = Extract<ContentBlockParam, { type: 'text' | 'image' | 'document' }>;

function shown(file: File, room: Room): Shown {
  const { path, name, mime } = file;
  const note = (text: string): Shown => ({
    type: 'text',
    text: `[file ${JSON.stringify(name)} at ${path}: ${text}]`,
  });
  const bytes = statSync(path, { throwIfNoEntry: false })?.size;
  if (bytes === undefined) return note('it is not there any more');
  const image = IMAGES.find((type) => type === mime);
  const data = () => {
    room.bytes -= bytes;
    return readFileSync(path).toString('base64');
  };
  const isLarge = (image && bytes <= MOST_bytes.image) || (mime === PDF && bytes <= MOST_bytes.pdf);
  if (isLarge && bytes > room.bytes) {
    return note('left out, since later files fill the request; read_file shows it again');
  }
  try {
    if (image && bytes <= MOST_bytes.image) {
      return { type: 'image', source: { type: 'base64', media_type: image, data: data() } };
    }
    if (mime === PDF && bytes <= MOST_bytes.pdf) {
      return {
        type: 'document',
        title: name,
        source: { type: 'base64', media_type: PDF, data: data() },
      };
    }
    if ((TEXTS.test(mime) || TEXT_ENDINGS.has(extname(name).toLowerCase())) && bytes <= MOST_bytes.text) {
      return {
        type: 'text',
        text: untrusted(`file ${name} (${path})`, readFileSync(path, 'utf8').toWellFormed()),
      };
    }
  } catch (error) {
    return note(`it cannot be read (${codeOf(error)})`);
  }
  return note(`${mime}, ${bytes} bytes; too large or of no kind to be shown here`);
}

/** About what the files of a step's content take, in characters: what they are sent as, not the path that stands there. */
export function filesSize(content_json: string): number {
  if (!content_json.includes('"type":"file"')) return 0;
  const blocks: Block[] = JSON.parse(content_json);
  const parts = blocks.flatMap((block) => (block.type === 'tool_result' ? block.content : [block]));
  return parts.reduce((sum, part) => sum + (part.type === 'file' ? fileSize(part) : 0), 0);
}

/** An image costs as much as some 1,500 tokens (Messages API: vision); pages cannot be counted from here. */
function fileSize({ path, mime }: File): number {
  const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (mime.startsWith('image/')) return 6000;
  return mime === PDF ? Math.min(bytes, MOST_bytes.text) : bytes <= MOST_bytes.text ? bytes : 0;
}
