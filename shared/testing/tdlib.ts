/**
 * Telegram's own parser, offline: the code with which the Bot API server checks a text and its entities (TDLib, called by
 * telegram-bot-api Client.cpp). It is too large for a dependency; `scripts/test` fetches it where it can be had.
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { MessageEntity } from 'grammy/types';
import { root } from '../base/root.ts';

type Answer = { _: string; message?: string; text?: string };
type Tdl = { configure(options: object): void; execute(request: object): Answer };

/** @returns what Telegram refuses a text with, or null when it takes it; no judge at all where it is not installed. */
export function openJudge(): ((text: string, entities: readonly MessageEntity[]) => string | null) | null {
  const folder = join(root, '.runtime', 'tdlib');
  if (!existsSync(join(folder, 'node_modules', 'tdl'))) return null;
  const load = createRequire(join(folder, 'package.json'));
  const tdl = load('tdl') as Tdl;
  const { getTdjson } = load('prebuilt-tdlib') as { getTdjson(): string };
  tdl.configure({ tdjson: getTdjson(), verbosityLevel: 0 });
  return (text, entities) => {
    const given = {
      _: 'formattedText',
      text,
      entities: entities.map(({ offset, length, ...entity }) => ({ offset, length, type: typeOf(entity) })),
    };
    const answer = tdl.execute({ _: 'getMarkdownText', text: given });
    if (answer._ === 'error') return answer.message ?? 'refused';
    return answer.text === '' ? 'nothing is left of it' : null;
  };
}

const NAMES: { [type: string]: string } = {
  bold: 'Bold',
  italic: 'Italic',
  strikethrough: 'Strikethrough',
  spoiler: 'Spoiler',
  code: 'Code',
  pre: 'Pre',
  blockquote: 'BlockQuote',
  expandable_blockquote: 'ExpandableBlockQuote',
  text_link: 'TextUrl',
};

function typeOf(entity: object): object {
  const { type, language, url } = entity as { type: string; language?: string; url?: string };
  if (language !== undefined) return { _: 'textEntityTypePreCode', language };
  const name = NAMES[type];
  if (!name) throw new Error(`tdlib: no name is known for an entity '${type}'`);
  return { _: `textEntityType${name}`, ...(url !== undefined && { url }) };
}
