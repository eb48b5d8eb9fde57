/**
 * What a message is made of, piece by piece, each of which Telegram takes as one. The same message gives the same pieces
 * every time: after a crash the next piece is known by its number. The Markdown library is loaded by the first message
 * that is written in it, so that a bridge that only sends notices stays light.
 */

import { isTangled, LONGEST_PARSED } from '#shared/base/tangled.ts';
import type * as outbound from '#shared/tables/outbound.ts';
import type { Outbound } from '#shared/tables/outbound.ts';
import { LONGEST_PART, type Part, split, splitFormatted } from './split.ts';

/** The longest text below a file (Bot API: sendDocument). */
const LONGEST_CAPTION = 1024;
/** What takes more messages than this is read more easily in one file. */
const MOST_PARTS = 3;
const IN_FILE = '(The whole answer is in the file.)';
/** Room for the status below what is shown of an answer. */
const LONGEST_PREVIEW = LONGEST_PART - 400;

export type Piece =
  | ({ is: 'text' } & Part)
  | { is: 'file'; file: outbound.File; caption: Part }
  | { is: 'document'; name: string; content: string };

export async function piecesOf(
  message: Pick<Outbound, 'text' | 'format' | 'file_json' | 'turn_id' | 'id'>,
): Promise<Piece[]> {
  const { text, format, file_json } = message;
  const file: outbound.File | null = file_json ? JSON.parse(file_json) : null;
  const parts = format === 'markdown' ? await partsOf(text) : plainParts(text);
  const texts = parts.map((part): Piece => ({ is: 'text', ...part }));
  if (file) {
    const [caption] = parts;
    const fits = parts.length === 1 && caption && caption.text.length <= LONGEST_CAPTION;
    if (fits) return [{ is: 'file', file, caption }];
    return [{ is: 'file', file, caption: { text: '', entities: [] } }, ...texts];
  }
  if (format === 'plain' || texts.length <= MOST_PARTS) return texts;
  const [head] = await partsOf(text, LONGEST_PART - IN_FILE.length - 2);
  if (!head) return texts;
  return [
    { is: 'text', ...head, text: `${head.text}\n\n${IN_FILE}` },
    { is: 'document', name: `answer-${message.id}.md`, content: text },
  ];
}

/** An answer that is being written: as much of its end as one message holds, what is being done, and nothing when there is neither. */
export async function previewOf(text: string, status: string | null): Promise<Part | null> {
  const parts = await partsOf(
    text.length > LONGEST_PARSED ? text.slice(-LONGEST_PREVIEW) : text,
    LONGEST_PREVIEW,
  );
  const end = parts.at(-1) ?? { text: '', entities: [] };
  const shown = parts.length > 1 ? behind('…\n\n', end) : end;
  const [doing] = plainParts(status ?? '');
  if (!doing) return shown.text === '' ? null : shown;
  const line = doing.text.slice(0, 300).toWellFormed();
  const gap = shown.text === '' ? '' : '\n\n';
  const offset = shown.text.length + gap.length;
  return {
    text: `${shown.text}${gap}${line}`,
    entities: [...shown.entities, { type: 'italic', offset, length: line.length }],
  };
}

function behind(mark: string, { text, entities }: Part): Part {
  return {
    text: mark + text,
    entities: entities.map((entity) => ({ ...entity, offset: entity.offset + mark.length })),
  };
}

async function partsOf(markdown: string, longest = LONGEST_PART): Promise<Part[]> {
  if (isTangled(markdown)) return plainParts(markdown, longest);
  const { render } = await import('./markdown.ts');
  return splitFormatted(render(markdown), longest);
}

const plainParts = (text: string, longest = LONGEST_PART): Part[] =>
  split(text, longest).map((part) => ({ text: part, entities: [] }));
