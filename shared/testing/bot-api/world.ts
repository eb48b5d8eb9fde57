/**
 * Everything the server knows that outlives a request: the update queue, chats and their messages, what the bot
 * sent. It changes through events alone; each is one line appended to the state file before it takes effect, so a
 * server killed at any moment and started again on the same file knows all that it has answered for. The file is
 * never compacted: it grows with the test, and so do `sent` and `confirmed`, which are the test's result.
 */

import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { BotCommand, Chat, Message, User } from 'grammy/types';
import { isObject } from './request.ts';

/** A message that the bot sent or changed, as the test sees it. */
export type Sent = {
  /** 1, 2, 3 … in order of delivery, also over restarts. */
  seq: number;
  /** When the request had been read whole: milliseconds since the epoch, with fractions. */
  at_ms: number;
  /** The request, by its number in `calls()`. */
  call: number;
  method: string;
  chat_id: number;
  message_id: number;
  /** Of a message with a file: its caption. */
  text: string;
  /** The message as the chat shows it from now on. */
  message: Message;
};

/** A file that a user or the bot has sent. */
export type StoredFile = {
  file_id: string;
  file_unique_id: string;
  name: string;
  mime: string;
  size_bytes: number;
  base64: string;
};

export type QueuedUpdate = { update_id: number; json: string; expires_s: number };

type Event =
  | { type: 'created'; update: object; update_id: number | null; created_s: number; expires_s: number }
  | { type: 'confirmed'; below: number; at_ms: number }
  | { type: 'forgotten'; update_ids: number[] }
  | { type: 'allowed'; updates: string[] | null }
  | { type: 'sent'; sent: Sent }
  | { type: 'deleted'; chat_id: number; message_id: number }
  | { type: 'answered'; callback_query_id: string }
  | { type: 'blocked'; chat_id: number }
  | { type: 'unblocked'; chat_id: number }
  | { type: 'migrated'; chat_id: number; to: number }
  | { type: 'file'; file: StoredFile }
  | { type: 'webhook'; url: string }
  | { type: 'commands'; scope: string; commands: BotCommand[] }
  | { type: 'token'; token: string }
  | { type: 'jumped'; ms: number };

type Room = { chat: Chat; messages: Map<number, Message>; last_message_id: number; threads: Set<number> };

export type World = {
  token: string;
  /** How far the server's clock is ahead of the machine's. */
  skew_ms: number;
  queue: QueuedUpdate[];
  /** The id of the next update; 0 until the first one is created. */
  tail_id: number;
  last_created_s: number;
  /** null: all kinds but those that the Bot API leaves out by default. */
  allowed_updates: string[] | null;
  confirmed: { update_id: number; at_ms: number }[];
  rooms: Map<number, Room>;
  users: Map<number, User>;
  blocked: Set<number>;
  /** Groups that have become supergroups, and which. */
  migrated: Map<number, number>;
  files: Map<string, StoredFile>;
  sent: Sent[];
  /** Callback queries that wait for an answer, and until when (unix seconds) they may get one. */
  callbacks: Map<string, number>;
  webhook_url: string;
  commands: Map<string, BotCommand[]>;
};

/** Older messages of a chat are given up, so that a night of torture does not fill the memory. */
const messages_kept_per_chat = 10_000;

export type Journal = { world: World; commit: (event: Event) => void; close: () => void };

/** The world as the state file left it, and the one way to change it. Without a path it lives in memory only. */
export function openWorld(token: string, state_path: string | undefined): Journal {
  const world: World = {
    token,
    skew_ms: 0,
    queue: [],
    tail_id: 0,
    last_created_s: 0,
    allowed_updates: null,
    confirmed: [],
    rooms: new Map(),
    users: new Map(),
    blocked: new Set(),
    migrated: new Map(),
    files: new Map(),
    sent: [],
    callbacks: new Map(),
    webhook_url: '',
    commands: new Map(),
  };
  if (state_path === undefined) return { world, commit: (event) => apply(world, event), close: () => {} };
  const file = openSync(state_path, 'a+', 0o600);
  const stored = readFileSync(file);
  // A line without its end was torn by a kill, and nobody was told of it: it never happened.
  const whole_bytes = stored.lastIndexOf(0x0a) + 1;
  ftruncateSync(file, whole_bytes);
  for (const line of stored.toString('utf8', 0, whole_bytes).split('\n')) {
    if (line !== '') apply(world, JSON.parse(line) as Event);
  }
  let is_open = true;
  const commit = (event: Event) => {
    if (!is_open) throw new Error('the server was closed; its state file takes no more events');
    writeSync(file, `${JSON.stringify(event)}\n`);
    apply(world, event);
  };
  const close = () => {
    is_open = false;
    closeSync(file);
  };
  return { world, commit, close };
}

function apply(world: World, event: Event): void {
  switch (event.type) {
    case 'created':
      remember(world, event.update, event.expires_s);
      if (event.update_id === null) break;
      world.queue.push({ ...event, update_id: event.update_id, json: JSON.stringify(event.update) });
      world.tail_id = event.update_id + 1;
      world.last_created_s = event.created_s;
      break;
    case 'confirmed': {
      const first_kept = world.queue.findIndex((update) => update.update_id >= event.below);
      const gone = world.queue.splice(0, first_kept < 0 ? world.queue.length : first_kept);
      for (const { update_id } of gone) world.confirmed.push({ update_id, at_ms: event.at_ms });
      break;
    }
    case 'forgotten': {
      const forgotten = new Set(event.update_ids);
      world.queue = world.queue.filter((update) => !forgotten.has(update.update_id));
      break;
    }
    case 'allowed':
      world.allowed_updates = event.updates;
      break;
    case 'sent':
      world.sent.push(event.sent);
      keep(roomOf(world, event.sent.message.chat), event.sent.message);
      break;
    case 'deleted':
      world.rooms.get(event.chat_id)?.messages.delete(event.message_id);
      break;
    case 'answered':
      world.callbacks.delete(event.callback_query_id);
      break;
    case 'blocked':
      world.blocked.add(event.chat_id);
      break;
    case 'unblocked':
      world.blocked.delete(event.chat_id);
      break;
    case 'migrated':
      world.migrated.set(event.chat_id, event.to);
      break;
    case 'file':
      world.files.set(event.file.file_id, event.file);
      break;
    case 'webhook':
      world.webhook_url = event.url;
      break;
    case 'commands':
      world.commands.set(event.scope, event.commands);
      break;
    case 'token':
      world.token = event.token;
      break;
    case 'jumped':
      world.skew_ms += event.ms;
      break;
  }
}

/** An update makes its chat, its message and its sender known; one of a strange shape teaches nothing. */
function remember(world: World, update: object, expires_s: number): void {
  for (const [kind, payload] of Object.entries(update)) {
    if (!isObject(payload)) continue;
    if (isUser(payload.from)) world.users.set(payload.from.id, payload.from);
    if (kind === 'callback_query' && typeof payload.id === 'string')
      world.callbacks.set(payload.id, expires_s);
    const holder = isMessage(payload.message) ? payload.message : payload;
    if (!isChat(holder.chat)) continue;
    const room = roomOf(world, holder.chat);
    if (isMessage(holder)) keep(room, holder);
  }
}

function roomOf(world: World, chat: Chat): Room {
  const known = world.rooms.get(chat.id);
  if (known) return known;
  const room = { chat, messages: new Map(), last_message_id: 0, threads: new Set<number>() };
  world.rooms.set(chat.id, room);
  return room;
}

function keep(room: Room, message: Message): void {
  room.messages.set(message.message_id, message);
  room.last_message_id = Math.max(room.last_message_id, message.message_id);
  if (message.message_thread_id) room.threads.add(message.message_thread_id);
  if (room.messages.size <= messages_kept_per_chat) return;
  const [oldest] = room.messages.keys();
  if (oldest !== undefined) room.messages.delete(oldest);
}

const isUser = (value: unknown): value is User => isObject(value) && typeof value.id === 'number';
const isChat = (value: unknown): value is Chat =>
  isObject(value) && typeof value.id === 'number' && typeof value.type === 'string';
const isMessage = (value: unknown): value is Message =>
  isObject(value) && typeof value.message_id === 'number' && isChat(value.chat);

/** The id that the next message of a chat gets: ids are unique within a chat only. */
export function nextMessageId(world: World, chat_id: number): number {
  return (world.rooms.get(chat_id)?.last_message_id ?? 0) + 1;
}
