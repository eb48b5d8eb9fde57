/** What to make of an update. Pure: whatever Telegram sends becomes a row, and the row says what it is. */

import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { hashOf } from '#shared/base/pairing-code.ts';
import { commandList, commands, readCommand } from '#shared/commands.ts';
import type { Announced } from '#shared/tables/attachment.ts';
import type { Inbound } from '#shared/tables/inbound.ts';
import type { Received as Press } from '#shared/tables/press.ts';
import type { Access, OpenGroup } from './access.ts';
import { contentOf } from './content.ts';

/** The rest of an album comes within this time. */
const ALBUM_ms = 1000;

/** The part of an update that is looked at. Everything else passes through into the stored payload. */
const Chat = z.looseObject({ id: z.int(), type: z.string() });
const Sender = z.looseObject({
  id: z.int(),
  is_bot: z.optional(z.boolean()),
  first_name: z.optional(z.string()),
});
const Entity = z.looseObject({
  type: z.string(),
  offset: z.int(),
  length: z.int(),
  user: z.optional(z.looseObject({ id: z.int() })),
});
const Message = z.looseObject({
  message_id: z.int(),
  date: z.int(),
  edit_date: z.optional(z.int()),
  chat: Chat,
  from: z.optional(Sender),
  text: z.optional(z.string()),
  message_thread_id: z.optional(z.int()),
  is_topic_message: z.optional(z.boolean()),
  media_group_id: z.optional(z.string()),
});
type Message = z.infer<typeof Message>;

const Keyboard = z.looseObject({
  inline_keyboard: z.array(
    z.array(z.looseObject({ text: z.string(), callback_data: z.optional(z.string()) })),
  ),
});

const Query = z.looseObject({
  id: z.string(),
  from: Sender,
  data: z.string(),
  message: z.looseObject({
    message_id: z.int(),
    chat: Chat,
    message_thread_id: z.optional(z.int()),
    is_topic_message: z.optional(z.boolean()),
    // Telegram leaves it out of a message that has become inaccessible.
    reply_markup: z.optional(Keyboard),
  }),
});

const Membership = z.looseObject({
  chat: Chat,
  new_chat_member: z.looseObject({ status: z.string() }),
});

/** What the judgement of an update rests on. */
export type Facts = Access & {
  bot: { id: number; name: string };
  /** Something can listen to recordings. */
  transcribes: boolean;
  /** What tells this halt from another; null when nothing is halted. */
  halt: string | null;
  now: number;
};

export type Received = {
  row: Inbound;
  files: readonly Announced[];
  /** What its sender is told at once, and the keys that keep it from being told again. */
  notices: readonly { key: string; text: string }[];
  /** A command for core. */
  press?: Press;
  pressed?: Pressed;
  errand?: Errand;
  /** What the update says about its chat: that it is there, that it has shut the bot out, that it is another one now. */
  standing?: { muted: string | null } | { moved_to: string };
};

/** A button was pressed: what core gets, unless a stranger did it, and what Telegram shows to whoever did it. */
export type Pressed = {
  query_id: string;
  press: Press | null;
  answer: string;
  /** What becomes of the buttons: null when they stay as they are. */
  keyboard: Keyboard | null;
};
type Keyboard = { inline_keyboard: { text: string; callback_data?: string | undefined }[][] };

/** What the bridge does and answers itself. `key` names it, so that it is answered once. */
export type Errand = { key: string; sender: number; name: string } & (
  | { do: 'start' | 'help' | 'status' | 'resume' }
  | { do: 'halt'; why: string }
  | { do: 'pair'; hash: string }
);

/** The update's number, or null for what is no update at all. */
export function updateIdOf(update: unknown): number | null {
  const id = (update as { update_id?: unknown } | null)?.update_id;
  return typeof id === 'number' && Number.isSafeInteger(id) ? id : null;
}

/** @param update as it came, of whatever shape */
export function receive(update: unknown, facts: Facts): Received {
  const payload_json = JSON.stringify(update) ?? 'null';
  const id = updateIdOf(update);
  const kind = kindOf(update);
  const kinds = update as Record<string, unknown> | null;
  const edited = kind === 'edited_message';
  const message = Message.safeParse(edited ? kinds?.edited_message : kinds?.message).data;
  const date = message ? (message.edit_date ?? message.date) : null;
  const row: Inbound = {
    source: `telegram:${facts.bot.id}`,
    source_key: keyOf(id, date, payload_json),
    channel: 'telegram',
    conversation: null,
    chat: null,
    sender: null,
    text: null,
    message_ref: null,
    payload_json,
    received_at: facts.now,
    state: 'ignored',
    note: `an update of kind ${kind}`,
  };
  if (message) return receiveMessage(message, edited, row, facts);
  const query = Query.safeParse(kinds?.callback_query);
  if (query.success) return receivePress(query.data, row, facts);
  const membership = Membership.safeParse(kinds?.my_chat_member);
  return membership.success ? receiveMembership(membership.data, row) : only(row);
}

const only = (row: Inbound, more: Partial<Received> = {}): Received => ({
  row,
  files: [],
  notices: [],
  ...more,
});

/** What every answer to a message needs to know of it. */
type About = { row: Inbound; facts: Facts; from: z.infer<typeof Sender>; group: OpenGroup | null };

function receiveMessage(message: Message, edited: boolean, bare: Inbound, facts: Facts): Received {
  const { chat, from, message_id, migrate_to_chat_id } = message;
  const row: Inbound = {
    ...bare,
    chat: String(chat.id),
    sender: from ? String(from.id) : null,
    message_ref: String(message_id),
  };
  const group = facts.groups.find(({ numbers }) => numbers.has(chat.id)) ?? null;
  if (group && typeof migrate_to_chat_id === 'number') {
    const standing = { moved_to: String(migrate_to_chat_id) };
    return only({ ...row, note: 'a group that moved' }, { standing });
  }
  // Two bots that answer each other never end.
  if (from?.is_bot) return only({ ...row, note: 'a bot' });
  if (chat.type !== 'private' && !group) return only({ ...row, state: 'refused', note: `a ${chat.type}` });
  const known = group ? group.senders : facts.owners;
  if (!from || !known.has(from.id)) return refuse(message, edited, row, facts);

  const about = {
    row: { ...row, conversation: conversationOf(message, from.id, group) },
    facts,
    from,
    group,
  };
  if (group && !addressed(message, group, facts.bot)) {
    return only({ ...row, note: 'said to others' });
  }
  const content = contentOf(message, facts.bot.id, facts.transcribes);
  const command = content.forwarded ? null : readCommand(message.text ?? '');
  const received =
    command && (command.bot === null || isName(command.bot, facts.bot.name))
      ? edited
        ? only({ ...row, note: 'an edit of a command' })
        : receiveCommand(command, about)
      : receiveContent(content, message, edited, about);
  // Whoever writes is there again.
  return { standing: { muted: null }, ...received };
}

/** A stranger is told once a day how the owner would let them in: it may be the owner, on the first evening. */
function refuse(message: Message, edited: boolean, row: Inbound, facts: Facts): Received {
  const { chat, from, text } = message;
  const refused: Inbound = { ...row, state: 'refused', note: 'a stranger' };
  if (!from || edited || chat.type !== 'private') return only(refused);
  const command = readCommand(text ?? '');
  const hash = hashOf(command?.name === 'start' ? command.rest : (text ?? ''));
  if (hash !== null) {
    const errand = { do: 'pair', hash, ...byOf(row, from) } as const;
    return only({ ...refused, note: 'a pairing code' }, { errand });
  }
  const key = `stranger:${from.id}:${Math.floor(facts.now / 86_400_000)}`;
  const introduction = `This is a private agent. If it is yours: run scripts/vigil pair on its machine and send me the code that it shows. Or put your Telegram id, which is ${from.id}, into config.toml: [telegram] owners = [${from.id}].`;
  return only(refused, { notices: [{ key, text: introduction }] });
}

function byOf(row: Inbound, from: z.infer<typeof Sender>) {
  return {
    key: `${row.source}:${row.source_key}`,
    sender: from.id,
    name: from.first_name ?? String(from.id),
  };
}

/** `/name@bot rest`, of somebody who may talk here. */
function receiveCommand(command: { name: string; rest: string }, { row, facts, from }: About): Received {
  const noted: Inbound = { ...row, note: 'a command' };
  const by = byOf(row, from);
  const known = commands.find(({ name }) => name === command.name);
  const tell = (text: string) => only(noted, { notices: [{ key: `command:${by.key}`, text }] });
  if (!known) return tell(`There is no /${command.name}. What there is:\n\n${commandList()}`);
  if (!facts.owners.has(from.id) && command.name !== 'help')
    return tell('Only the owner can give me commands.');
  if (known.who === 'bridge') return only(noted, { errand: errandOf(command, by) });
  const press: Press = {
    source: row.source,
    source_key: `message:${row.source_key}`,
    channel: 'telegram',
    conversation: row.conversation ?? '',
    chat: row.chat,
    sender: String(from.id),
    data: `/${command.name} ${command.rest}`.trim().toWellFormed(),
    message_ref: row.message_ref,
    received_at: facts.now,
  };
  return only(noted, { press });
}

function errandOf({ name, rest }: { name: string; rest: string }, by: ReturnType<typeof byOf>): Errand {
  if (name === 'halt') return { do: 'halt', why: rest, ...by };
  return { do: name === 'help' || name === 'status' || name === 'resume' ? name : 'start', ...by };
}

function receiveContent(
  content: ReturnType<typeof contentOf>,
  message: Message,
  edited: boolean,
  { row, facts, group }: About,
): Received {
  const { text, parts, files, unread } = content;
  const { conversation: _, ...apart } = row;
  const unsaid: Inbound = { ...apart, conversation: null };
  if (edited) {
    if (text === null) return only({ ...unsaid, note: 'an edit without text' });
    return only({ ...row, text, parts, edits: row.message_ref, state: 'pending', note: null });
  }
  if (text === null && parts.every(({ kind }) => kind !== 'note') && files.length === 0) {
    const note = `a message without text (${unread ?? 'nobody said it'})`;
    if (unread === null || group) return only({ ...unsaid, note });
    // Once a minute is enough, whatever a chat is flooded with.
    const key = `untold:${row.source}:${row.chat}:${Math.floor(facts.now / 60_000)}`;
    const told = `I cannot read this kind of message (${unread.replaceAll('_', ' ')}).`;
    return only({ ...unsaid, note }, { notices: [{ key, text: told }] });
  }
  const failed = files.flatMap(({ note }) => (note === null ? [] : [note]));
  const notices = [...new Set(failed)].map((told, i) => ({
    key: `file:${row.source}:${row.source_key}:${i}`,
    text: told,
  }));
  // Nothing is left of it that anybody could answer.
  const lost = text === null && failed.length === files.length && parts.every(({ kind }) => kind !== 'note');
  const kept: Inbound = lost
    ? { ...unsaid, note: 'a file that could not be had' }
    : {
        ...row,
        text,
        parts,
        state: 'pending',
        note: null,
        ready_at: message.media_group_id === undefined ? 0 : facts.now + ALBUM_ms,
      };
  if (!lost && facts.halt !== null) {
    const key = `halted:${row.chat}:${facts.halt}`;
    notices.push({ key, text: 'All is halted. What you write is kept, and answered after /resume.' });
  }
  return only(kept, { files, notices });
}

/** Whether a message of a group is for the bot. */
function addressed(message: Message, group: OpenGroup, bot: Facts['bot']): boolean {
  if (group.mention === 'always') return true;
  const { text, caption } = message;
  const words = text ?? (typeof caption === 'string' ? caption : '');
  const entities = message.entities ?? message.caption_entities;
  const { data: found = [] } = z.safeParse(z.array(Entity), entities);
  const mentioned = found.some(({ type, offset, length, user }) => {
    const word = words.slice(offset, offset + length);
    if (type === 'text_mention') return user?.id === bot.id;
    if (type === 'mention') return isName(word.slice(1), bot.name);
    return type === 'bot_command' && isName(word.split('@')[1] ?? '', bot.name);
  });
  if (mentioned || group.mention === 'mention') return mentioned;
  const { data: reply } = z.safeParse(z.looseObject({ from: Sender }), message.reply_to_message);
  return reply?.from.id === bot.id;
}

const isName = (word: string, name: string) => word.toLowerCase() === name.toLowerCase();

/**
 * Where it is said: a private chat, a topic of it, or, in a group, what one sender says there: nobody reads on in what
 * somebody else has told the agent.
 */
function conversationOf(
  {
    chat,
    message_thread_id,
    is_topic_message,
  }: Pick<Message, 'chat' | 'message_thread_id' | 'is_topic_message'>,
  sender: number,
  group: OpenGroup | null,
): string {
  const topic = is_topic_message && message_thread_id !== undefined ? `/${message_thread_id}` : '';
  return `telegram:${group?.chat ?? chat.id}${topic}${group ? `/u${sender}` : ''}`;
}

/** Of these, the first press is the last one. */
const ONCE =
  /^(raise|cheaper|wait|stop|retry|drop|once|always|deny|answer|forget|task-cancel|made-up|unhelpful):/;
/** Of these, one can think better of it: the chosen one is marked. */
const CHOICES = /^(good|bad):/;
const MARK = '✓ ';

function receivePress(query: z.infer<typeof Query>, row: Inbound, facts: Facts): Received {
  const { id: query_id, from, data, message } = query;
  const { chat, message_id, reply_markup } = message;
  const by = { chat: String(chat.id), sender: String(from.id), message_ref: String(message_id) };
  const noted = { ...row, ...by, payload_json: withoutMessage(row.payload_json) };
  const group = facts.groups.find(({ numbers }) => numbers.has(chat.id)) ?? null;
  const open = chat.type === 'private' || group !== null;
  if (!open || !facts.owners.has(from.id)) {
    const note = open ? 'a stranger' : `a ${chat.type}`;
    const pressed = { query_id, press: null, answer: 'This is a private agent.', keyboard: null };
    return only({ ...noted, state: 'refused', note }, { pressed });
  }
  const { source, received_at } = row;
  const button = reply_markup?.inline_keyboard.flat().find(({ callback_data }) => callback_data === data);
  const press: Press = {
    source,
    source_key: query_id,
    channel: 'telegram',
    conversation: conversationOf(message, from.id, group),
    ...by,
    data: data.toWellFormed(),
    received_at,
  };
  const answer = `Received: ${button?.text.replace(MARK, '') ?? 'your choice'}`;
  const keyboard = keyboardAfter(data, reply_markup);
  const { conversation } = press;
  return only(
    { ...noted, conversation, note: 'a press' },
    { pressed: { query_id, press, answer, keyboard } },
  );
}

/** What bears the button is ours: its words stand in `outbound`, and are not kept a second time. */
function withoutMessage(payload_json: string): string {
  const { callback_query, ...update } = JSON.parse(payload_json);
  const { message_id, date, chat } = callback_query.message;
  return JSON.stringify({
    ...update,
    callback_query: { ...callback_query, message: { message_id, date, chat } },
  });
}

function keyboardAfter(data: string, shown: z.infer<typeof Keyboard> | undefined): Keyboard | null {
  if (ONCE.test(data)) return { inline_keyboard: [] };
  if (!CHOICES.test(data) || !shown) return null;
  return {
    inline_keyboard: shown.inline_keyboard.map((buttons) =>
      buttons.map(({ text, ...button }) => {
        const label = text.replace(MARK, '');
        return { ...button, text: button.callback_data === data ? `${MARK}${label}` : label };
      }),
    ),
  };
}

/** The bot was blocked, thrown out, or let in (Bot API: ChatMemberUpdated). */
function receiveMembership({ chat, new_chat_member }: z.infer<typeof Membership>, row: Inbound): Received {
  const { status } = new_chat_member;
  const out = status === 'kicked' || status === 'left';
  const note = `the bot is ${status} there`;
  return only({ ...row, chat: String(chat.id), note }, { standing: { muted: out ? note : null } });
}

/**
 * An update's name. Numbers alone will not do: after a week of silence Telegram begins a new random sequence, which
 * may come upon an old number (Bot API: Update.update_id); the message's own date tells the two apart.
 */
function keyOf(id: number | null, date: number | null, payload_json: string): string {
  if (id === null) return `garbage:${createHash('sha256').update(payload_json).digest('hex')}`;
  return date === null ? `${id}` : `${id}:${date}`;
}

function kindOf(update: unknown): string {
  if (typeof update !== 'object' || update === null) return 'garbage';
  return Object.keys(update).find((key) => key !== 'update_id') ?? 'nothing';
}
