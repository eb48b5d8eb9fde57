/**
 * What a message is made of: its words, what it quotes, where it was forwarded from, its files, and what can be said in
 * a line. Pure, and lenient: a field of a shape that we do not know costs that field, never the message.
 */

import * as z from 'zod/mini';
import type { Announced } from '#shared/tables/attachment.ts';
import type { Part } from '#shared/tables/inbound.ts';

/** What a bot may fetch (Bot API: getFile). */
export const LARGEST_bytes = 20 * 2 ** 20;

export type Content = {
  text: string | null;
  parts: Part[];
  files: Announced[];
  /** Its words are not the sender's own. */
  forwarded: boolean;
  /** The kind of a message of which nothing can be read; null when something can, or when nobody said it. */
  unread: string | null;
};

const text = z.string();
const named = z.looseObject({ first_name: text, last_name: z.optional(text) });
const Entity = z.looseObject({ type: text, offset: z.int(), length: z.int(), url: z.optional(text) });
const Quoted = z.looseObject({
  from: z.optional(z.looseObject({ id: z.int(), first_name: text })),
  text: z.optional(text),
  caption: z.optional(text),
});
const Origin = z.looseObject({
  sender_user: z.optional(named),
  sender_user_name: z.optional(text),
  sender_chat: z.optional(z.looseObject({ title: z.optional(text) })),
  chat: z.optional(z.looseObject({ title: z.optional(text) })),
});
const File = z.looseObject({
  file_id: text,
  file_size: z.optional(z.int()),
  file_name: z.optional(text),
  mime_type: z.optional(text),
});
const Sticker = z.looseObject({
  ...File.shape,
  emoji: z.optional(text),
  is_animated: z.boolean(),
  is_video: z.boolean(),
});
const Place = z.looseObject({ latitude: z.number(), longitude: z.number() });
const Venue = z.looseObject({ location: Place, title: text, address: text });
const Contact = z.looseObject({ ...named.shape, phone_number: text });
const Poll = z.looseObject({ question: text, options: z.array(z.looseObject({ text })) });
const Dice = z.looseObject({ emoji: text, value: z.int() });

type Message = { readonly [field: string]: unknown };

/** @param transcribes whether there is anything that can listen to a recording */
export function contentOf(message: Message, bot_id: number, transcribes: boolean): Content {
  const field = <Schema extends z.core.$ZodType>(name: string, schema: Schema) =>
    z.safeParse(schema, message[name]).data;
  const words = field('text', text) ?? field('caption', text) ?? '';
  // What an inline bot has composed is that bot's, whoever sends it (Bot API: Message.via_bot).
  const via = field('via_bot', named);
  const forward = forwardOf(field('forward_origin', Origin) ?? (via && { sender_user: via }));
  const notes = [...notesOf(field), ...linksOf(field, words)];
  const files = filesOf(field, transcribes);
  const parts: Part[] = [
    ...quoteOf(message, bot_id),
    ...(forward === null ? [] : [{ kind: 'forward', from: forward } as const]),
    ...notes.map((note) => ({ kind: 'note', text: clean(note) }) as const),
  ];
  const empty = words.trim() === '' && files.length === 0 && notes.length === 0;
  return {
    text: words.trim() === '' ? null : words.toWellFormed(),
    parts,
    files,
    forwarded: forward !== null,
    unread: empty ? unreadKind(message) : null,
  };
}

type Field = <Schema extends z.core.$ZodType>(name: string, schema: Schema) => z.output<Schema> | undefined;

/** What it replies to: the chosen words of it when there are any, else all of it. */
function quoteOf(message: Message, bot_id: number): Part[] {
  const { data: reply } = z.safeParse(Quoted, message.reply_to_message);
  const { data: chosen } = z.safeParse(z.looseObject({ text }), message.quote);
  // A message in a topic replies, for Telegram, to the topic's beginning.
  if (reply && 'forum_topic_created' in reply) return [];
  const { data: elsewhere } = z.safeParse(z.looseObject({ origin: Origin }), message.external_reply);
  const words = chosen?.text ?? reply?.text ?? reply?.caption ?? '';
  if (words.trim() === '') return [];
  const from = reply?.from?.first_name ?? forwardOf(elsewhere?.origin) ?? 'somebody';
  return [{ kind: 'quote', text: words.toWellFormed(), from: clean(from), own: reply?.from?.id === bot_id }];
}

function forwardOf(origin: z.output<typeof Origin> | undefined): string | null {
  if (!origin) return null;
  const { sender_user, sender_user_name, sender_chat, chat } = origin;
  const user = sender_user && [sender_user.first_name, sender_user.last_name].filter(Boolean).join(' ');
  return clean(user ?? sender_user_name ?? sender_chat?.title ?? chat?.title ?? 'somebody');
}

/** Whatever can be said in a line. */
function notesOf(field: Field): string[] {
  const venue = field('venue', Venue);
  const place = venue?.location ?? field('location', Place);
  const contact = field('contact', Contact);
  const poll = field('poll', Poll);
  const dice = field('dice', Dice);
  const sticker = field('sticker', Sticker);
  const at = place && `${place.latitude}, ${place.longitude}`;
  return [
    venue ? `[place: ${venue.title}, ${venue.address} (${at})]` : at && `[place: ${at}]`,
    contact &&
      `[contact: ${[contact.first_name, contact.last_name].filter(Boolean).join(' ')}, ${contact.phone_number}]`,
    poll && `[poll: ${poll.question} (${poll.options.map((option) => option.text).join(' / ')})]`,
    dice && `[dice: ${dice.emoji} ${dice.value}]`,
    sticker && `[sticker: ${sticker.emoji ?? 'without a name'}]`,
  ].filter((note) => note !== undefined);
}

/** A link that is hidden behind words, for whoever reads the words alone. */
function linksOf(field: Field, words: string): string[] {
  const entities = field('entities', z.array(Entity)) ?? field('caption_entities', z.array(Entity)) ?? [];
  return entities
    .filter(({ type, url }) => type === 'text_link' && url)
    .slice(0, 50)
    .map(({ offset, length, url }) => `[link: ${words.slice(offset, offset + length)} → ${url}]`);
}

/** Whoever listens to one of these needs its words, and they are its sender's, unless it was forwarded. */
const RECORDINGS = ['voice', 'video_note'];

const KINDS = [
  { field: 'document', kind: 'document', name: 'file', mime: 'application/octet-stream' },
  { field: 'voice', kind: 'voice', name: 'voice.ogg', mime: 'audio/ogg' },
  { field: 'audio', kind: 'audio', name: 'audio.mp3', mime: 'audio/mpeg' },
  { field: 'video', kind: 'video', name: 'video.mp4', mime: 'video/mp4' },
  { field: 'video_note', kind: 'voice', name: 'video.mp4', mime: 'video/mp4' },
] as const;

function filesOf(field: Field, transcribes: boolean): Announced[] {
  const files: Announced[] = [];
  const add = (
    kind: Announced['kind'],
    file: z.output<typeof File>,
    name: string,
    mime: string,
    why = '',
  ) => {
    const called = clean(file.file_name ?? '').slice(0, 200) || name;
    const bytes = file.file_size ?? null;
    const large = bytes !== null && bytes > LARGEST_bytes ? tooLarge(called, bytes) : null;
    const note = large ?? (why || null);
    files.push({ kind, file_id: file.file_id, name: called, mime: file.mime_type ?? mime, bytes, note });
  };
  const sizes = field('photo', z.array(z.looseObject({ ...File.shape, width: z.int(), height: z.int() })));
  const largest = sizes?.toSorted((a, b) => b.width * b.height - a.width * a.height)[0];
  if (largest) add('photo', largest, 'photo.jpg', 'image/jpeg');
  for (const { field: name, kind, name: called, mime } of KINDS) {
    const file = field(name, File);
    const deaf = RECORDINGS.includes(name) && !transcribes;
    if (file) add(kind, file, called, mime, deaf ? DEAF : '');
  }
  const sticker = field('sticker', Sticker);
  // One that moves is told by its emoji alone: no model takes such a file.
  if (sticker && !sticker.is_animated && !sticker.is_video)
    add('sticker', sticker, 'sticker.webp', 'image/webp');
  return files;
}

const DEAF =
  'I cannot listen to recordings yet: set transcribe in config.toml, [telegram]. Your message is kept.';

export function tooLarge(name: string, bytes: number): string {
  const size_mb = (bytes / 2 ** 20).toFixed(1);
  return `I cannot fetch ${name}: it has ${size_mb} MB, and Telegram gives a bot 20 MB at most. Your message is kept.`;
}

/** What every message has, and what stands in one that nobody said (Bot API: Message). */
const ABOUT =
  /^(message_id|message_thread_id|is_.*|from|chat|date|edit_date|.*sender_.*|.*_chat|via_bot|reply_.*|external_reply|quote|has_.*|media_group_id|author_signature|forward_.*|entities|caption.*|text|link_preview_options|effect_id|show_caption_above_media|direct_messages_topic|paid_star_count)$/;
const UNSAID =
  /^(new_chat_.*|left_chat_member|delete_chat_photo|\w+_chat_created|message_auto_delete_timer_changed|migrate_.*|pinned_message|forum_topic_.*|general_forum_topic_.*|video_chat_.*|write_access_allowed|boost_added|chat_.*|users_shared|connected_website|proximity_alert_triggered|giveaway_.*|web_app_data|.*_payment|checklist_tasks_.*|poll_option_.*|suggested_post_.*|direct_message_price_changed|paid_message_price_changed|gift.*|unique_gift.*|passport_data)$/;

function unreadKind(message: Message): string | null {
  const kinds = Object.keys(message).filter((key) => !ABOUT.test(key));
  if (kinds.some((kind) => UNSAID.test(kind))) return null;
  return kinds[0] ?? 'empty message';
}

/** One line, without what a terminal or a file's name would stumble over. */
function clean(line: string): string {
  return line
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim();
}
