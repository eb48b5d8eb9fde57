/**
 * What Telegram does to the text of a message, in two steps, because the chat is looked up between them: `readText`
 * is the Bot API server's part, `fixText` TDLib's. parse_mode is refused by name rather than half understood; and
 * overlapping entities are kept as they are, where TDLib would split or merge them.
 * Sources: telegram-bot-api Client.cpp (get_input_message_text, get_formatted_text, get_text_entity),
 * TDLib MessageEntity.cpp (get_message_entities, fix_formatted_text) and misc.cpp (clean_input_string).
 */

import type { MessageEntity } from 'grammy/types';
import { checkLink } from './link.ts';
import { badRequest } from './refusal.ts';
import {
  type Args,
  intField,
  isObject,
  Malformed,
  optionalTextField,
  parsed,
  parseJson,
  textField,
  words,
} from './request.ts';

export type FormattedText = { text: string; entities: MessageEntity[] };

const max_text_bytes = 1 << 15;
const max_text_code_points = 4096;
const max_caption_code_points = 1024;
const max_entities = 100;

/** TDLib splits these where others begin, and counts them last towards the limit (get_input_message_entities). */
const splittable_types = ['bold', 'italic', 'underline', 'strikethrough', 'spoiler'] as const;
/** Entities that a bot may set and that carry nothing but their place. */
const plain_types = [...splittable_types, 'code', 'blockquote', 'expandable_blockquote'] as const;
/** Entities that the server finds by itself: silently dropped when a bot sets them. */
const found_types = words('mention hashtag cashtag bot_command url email phone_number bank_card_number');

/** The text and entities of a call, as far as the Bot API server itself checks them. */
export function readText(args: Args): FormattedText {
  if ((args.get('text') ?? '') === '') throw badRequest('Message text is empty');
  return readFormatted(args, 'text', 'entities');
}

/** The same of a file's caption, which may be empty. */
export function readCaption(args: Args): FormattedText {
  return readFormatted(args, 'caption', 'caption_entities');
}

function readFormatted(args: Args, of: 'text' | 'caption', entities_of: string): FormattedText {
  const text = args.get(of) ?? '';
  if (Buffer.byteLength(text) > max_text_bytes) throw badRequest('Text is too long');
  const parse_mode = (args.get('parse_mode') ?? '').toLowerCase();
  if (['markdown', 'markdownv2', 'html'].includes(parse_mode)) {
    throw badRequest(`This test server does not parse ${args.get('parse_mode')}: send entities`);
  }
  if (parse_mode !== '' && parse_mode !== 'none') throw badRequest('Unsupported parse_mode');
  const list = parseJson(args.get(entities_of) ?? ''); // what is no JSON array counts as no entities
  const read = () => (Array.isArray(list) ? list.map(readEntity) : []);
  const entities = parsed("Can't parse MessageEntity: ", read).filter((entity) => entity !== undefined);
  return { text, entities };
}

function readEntity(value: unknown): MessageEntity | undefined {
  if (!isObject(value)) throw new Malformed('expected an Object');
  const place = { offset: intField(value, 'offset'), length: intField(value, 'length') };
  const type = textField(value, 'type');
  const plain = plain_types.find((known) => known === type);
  if (plain) return { type: plain, ...place };
  if (type === 'pre') {
    const language = optionalTextField(value, 'language');
    return { type, ...place, ...(language && { language }) };
  }
  if (type === 'text_link') return { type, ...place, url: textField(value, 'url') };
  if (type === 'custom_emoji') {
    return { type, ...place, custom_emoji_id: textField(value, 'custom_emoji_id') };
  }
  if (type === 'text_mention') {
    if (!isObject(value.user)) throw new Malformed('Field "user" must be of type Object');
    return { type, ...place, user: { id: intField(value.user, 'id'), is_bot: false, first_name: 'User' } };
  }
  if (found_types.includes(type)) return undefined;
  throw new Malformed(type === '' ? 'Type is not specified' : 'Unsupported type specified');
}

/** The text and entities as everyone in the chat will see them, or the refusal that TDLib gives. */
export function fixText(raw: FormattedText): FormattedText {
  const { text, entities } = fixFormatted(raw);
  if (/^[\s\u180e\u200b-\u200f\u202e\u2800\ufffc\ufeff\u{e0000}-\u{e007f}]*$/u.test(text)) {
    throw badRequest('Text must be non-empty');
  }
  if (codePoints(text) > max_text_code_points) throw badRequest('Message is too long');
  return { text, entities };
}

/** The same of a caption. */
export function fixCaption(raw: FormattedText): { caption?: string; caption_entities?: MessageEntity[] } {
  const { text, entities } = fixFormatted(raw);
  if (codePoints(text) > max_caption_code_points) throw badRequest('Message caption is too long');
  return {
    ...(text !== '' && { caption: text }),
    ...(entities.length > 0 && { caption_entities: entities }),
  };
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

function fixFormatted(raw: FormattedText): FormattedText {
  const linked = raw.entities.map((entity) => {
    if (entity.type !== 'text_link') return entity;
    const url = cleanString(entity.url);
    const link = checkLink(url);
    if ('wrong' in link) throw badRequest(`Entity URL '${url}' is invalid: ${link.wrong}`);
    return { ...entity, url: link.url };
  });
  if (!raw.text.isWellFormed()) throw badRequest('Strings must be encoded in UTF-8');
  for (const { offset, length } of linked) {
    const isPlace = (value: number) => value >= 0 && value <= 1_000_000;
    if (!isPlace(offset)) throw badRequest(`Receive an entity with incorrect offset ${offset}`);
    if (!isPlace(length)) throw badRequest(`Receive an entity with incorrect length ${length}`);
  }
  const placed = linked
    .filter((entity) => entity.length > 0)
    .sort((a, b) => a.offset - b.offset || b.length - a.length);
  checkPlaces(raw.text, placed);
  const { text, entities } = trim(clean(raw.text, placed));
  return { text, entities: keepFirst(entities) };
}

/** An entity may neither leave the text nor cut a surrogate pair (clean_input_string_with_entities). */
function checkPlaces(text: string, entities: readonly MessageEntity[]): void {
  const cutsPair = (at: number) =>
    at > 0 && /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(at - 1, at + 1));
  const bytesThrough = (at: number) => Buffer.byteLength(text.slice(0, at + 1));
  for (const { offset, length } of entities) {
    const end = offset + length;
    if (cutsPair(offset)) {
      throw badRequest(`Entity begins in a middle of a UTF-16 symbol at byte offset ${bytesThrough(offset)}`);
    }
    if (cutsPair(end)) {
      const where = `at byte offset ${bytesThrough(end)}`;
      throw badRequest(
        `Entity beginning at UTF-16 offset ${offset} ends in a middle of a UTF-16 symbol ${where}`,
      );
    }
  }
  const outside = entities.find(({ offset }) => offset > text.length);
  if (outside) throw badRequest(`Entity begins after the end of the text at UTF-16 offset ${outside.offset}`);
  const over = entities.findLast(({ offset, length }) => offset + length > text.length);
  if (over) {
    const end = over.offset + over.length;
    throw badRequest(
      `Entity beginning at UTF-16 offset ${over.offset} ends after the end of the text at UTF-16 offset ${end}`,
    );
  }
}

/** Characters that vanish: carriage returns, line and direction marks, and three that draw lines over others. */
const removed_characters = /[\r\u2028-\u202e]|\u0333|\u033f|\u030a/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the rule is about control characters
const control_characters = /[\u0000-\u0009\u000b-\u001f]/g;

function cleanString(text: string): string {
  return text
    .replace(removed_characters, '')
    .replace(control_characters, ' ')
    .replace(/[\u200e\u200f](?=[\u200e\u200f])/g, '\u200c');
}

function clean(text: string, entities: readonly MessageEntity[]): FormattedText {
  const removed_at = [...text.matchAll(removed_characters)].map((match) => match.index);
  if (removed_at.length === 0) return { text: cleanString(text), entities: [...entities] };
  const moved = (at: number) => at - removed_at.filter((index) => index < at).length;
  const shifted = entities.map((entity) => {
    const offset = moved(entity.offset);
    return { ...entity, offset, length: moved(entity.offset + entity.length) - offset };
  });
  return { text: cleanString(text), entities: shifted.filter((entity) => entity.length > 0) };
}

/** Blanks go from both ends, in front only up to the first entity. */
function trim({ text, entities }: FormattedText): FormattedText {
  let end = text.length;
  while (' \n'.includes(text.charAt(end - 1)) && end > 0) end -= 1; // a pattern would take quadratic time
  const trimmed = text.slice(0, end);
  const inside = entities
    .filter((entity) => entity.offset < trimmed.length)
    .map((entity) => ({ ...entity, length: Math.min(entity.length, trimmed.length - entity.offset) }));
  const blanks = trimmed.length - trimmed.replace(/^[ \n]+/, '').length;
  const skipped = Math.min(blanks, inside[0]?.offset ?? blanks);
  return {
    text: trimmed.slice(skipped),
    entities: inside.map((entity) => ({ ...entity, offset: entity.offset - skipped })),
  };
}

/** Beyond the hundredth, entities are lost without a word (get_input_message_entities). */
function keepFirst(entities: readonly MessageEntity[]): MessageEntity[] {
  if (entities.length <= max_entities) return [...entities];
  const splittable = (entity: MessageEntity) => splittable_types.some((type) => type === entity.type);
  const firm = entities.filter((entity) => !splittable(entity));
  const kept = new Set([...firm, ...entities.filter(splittable)].slice(0, max_entities));
  return entities.filter((entity) => kept.has(entity));
}
