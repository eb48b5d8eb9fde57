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

/** What a model is shown of one file (Messages API: images up to 5 MB, PDFs up to 32 MB in all of a request). */
const MOST_bytes = { image: 5 * 2 ** 20, pdf: 16 * 2 ** 20, text: 100 * 1024 };
const IMAGES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'] as const;
const TEXTS = /^(text\/|application\/(json|xml|yaml|toml|javascript|x-sh|sql)\b)/;
const TEXT_ENDINGS = new Set(
  '.txt .md .csv .tsv .json .xml .yaml .yml .toml .ini .log .html .css .js .ts .py .rb .go .rs .c .h .cpp .java .sh .sql .tex .org .ics .vcf'.split(
    ' ',
  ),
);

/** A step's content as the API wants it. */
export function sent(blocks: readonly Block[]): ContentBlockParam[] {
  return blocks.map((block): ContentBlockParam => {
    if (block.type === 'file') return shown(block);
    if (block.type !== 'tool_result') return block;
    const content = block.content.map((part) => (part.type === 'file' ? shown(part) : part));
    // The API takes no empty result.
    return { ...block, content: content.length > 0 ? content : [{ type: 'text', text: '(nothing)' }] };
  });
}

type Shown = Extract<ContentBlockParam, { type: 'text' | 'image' | 'document' }>;

function shown(file: File): Shown {
  const { path, name, mime } = file;
  const note = (text: string): Shown => ({
    type: 'text',
    text: `[file ${JSON.stringify(name)} at ${path}: ${text}]`,
  });
  const bytes = statSync(path, { throwIfNoEntry: false })?.size;
  if (bytes === undefined) return note('it is not there any more');
  const image = IMAGES.find((type) => type === mime);
  const data = () => readFileSync(path).toString('base64');
  try {
    if (image && bytes <= MOST_bytes.image) {
      return { type: 'image', source: { type: 'base64', media_type: image, data: data() } };
    }
    if (mime === 'application/pdf' && bytes <= MOST_bytes.pdf) {
      return {
        type: 'document',
        title: name,
        source: { type: 'base64', media_type: 'application/pdf', data: data() },
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
