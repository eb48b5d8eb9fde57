/**
 * Fetches the files that came with messages into `state/files`, where they lie under their row's number, and has
 * recordings turned into text. Its message waits until then; its sender is told of what cannot be had. A file is complete
 * once it bears its name: whatever dies before that begins it anew.
 */

import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Api } from 'grammy/web';
import { backoff_ms } from '#shared/base/backoff.ts';
import { messageOf } from '#shared/base/errors.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as attachment from '#shared/tables/attachment.ts';
import * as outbound from '#shared/tables/outbound.ts';
import type { Transcribe } from './config.ts';
import { LARGEST_bytes, tooLarge } from './content.ts';
import { revoked } from './poll.ts';
import { transcribe } from './transcribe.ts';
import { failureOf } from './verdict.ts';

type Telegram = Context<{ transcribe: false | Transcribe }>;

/** Where files are fetched from, and how. */
export type Source = {
  api: Api;
  /** Everything of a file's address but its path: it holds the token. */
  root: string;
  fetch: typeof fetch;
  key: string | undefined;
};

/** Longer than a fetch and a transcription may take together. */
const CLAIM_ms = 900_000;
const FETCH_ms = 180_000;
const MOST_TRIES = 10;
const MOST_HEARINGS = 3;
const RETRY = { first_ms: 2000, most_ms: 300_000 };
const PART = '.part';

/** It cannot be had, and no further try will change that. The message is for its sender. */
class Unobtainable extends Error {
  override readonly name = 'Unobtainable';
}

/** What a process left behind in the middle is of no use to anybody. */
export function clearParts(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o770 });
  for (const name of readdirSync(folder)) if (name.endsWith(PART)) rmSync(join(folder, name));
}

export async function claim(ctx: Telegram): Promise<attachment.Attachment | undefined> {
  const now = ctx.clock.now();
  if ((await ctx.store.read(attachment.waiting(now))).length === 0) return undefined;
  const [[mine]] = await ctx.store.commit([attachment.claim(now, now + CLAIM_ms)]);
  return mine;
}

export async function obtain(ctx: Telegram, source: Source, file: attachment.Attachment): Promise<void> {
  const path = join(ctx.home.files, `${file.id}${extensionOf(file.name)}`);
  try {
    if (!existsSync(path)) await download(ctx, source, file, path);
  } catch (error) {
    return unobtained(ctx, file, error);
  }
  const text = await heard(ctx, source, file, path);
  if (text === undefined) return;
  const bytes = statSync(path).size;
  await ctx.persist([attachment.fetched(file, { now: ctx.clock.now(), path, bytes, text })]);
  ctx.log.info('file.fetched', { file: file.id, kind: file.kind, bytes, transcribed: text !== null });
}

async function download(
  ctx: Telegram,
  { api, root, fetch }: Source,
  file: attachment.Attachment,
  path: string,
): Promise<void> {
  const { file_path, file_size } = await api.getFile(file.file_id);
  if (!file_path) throw new Unobtainable(`Telegram does not say where ${file.name} is.`);
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(FETCH_ms)]);
  const response = await fetch(`${root}/${file_path}`, { signal });
  // Its own words: the address holds the token.
  if (!response.ok || !response.body) throw new Error(`getFile: the download answered ${response.status}`);
  // For the house: a service that runs as another user reads it. The umask closes it to all others.
  const handle = await open(`${path}${PART}`, 'w', 0o660);
  let bytes = 0;
  try {
    for await (const chunk of response.body) {
      bytes += chunk.length;
      if (bytes > LARGEST_bytes) throw new Unobtainable(tooLarge(file.name, bytes));
      await handle.writeFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (file_size !== undefined && bytes !== file_size) {
    throw new Error(`getFile: expected ${file_size} bytes, got ${bytes}`);
  }
  await rename(`${path}${PART}`, path);
}

/** What is said in it; null when it is no recording, or nobody listens; undefined when the file's fate is settled here. */
async function heard(
  ctx: Telegram,
  { key }: Source,
  file: attachment.Attachment,
  path: string,
): Promise<string | null | undefined> {
  const how = ctx.config.transcribe;
  if (!how || !['voice', 'audio', 'video'].includes(file.kind)) return null;
  const lost = (note: string) => give(ctx, file, note, path);
  try {
    const text = await transcribe(how, { path, mime: file.mime }, key, ctx.signal);
    if (text !== '') return text;
    // A film or a song without words is worth having all the same.
    if (file.kind !== 'voice') return null;
    await lost(`I could make out no words in ${file.name}. Your message is kept.`);
  } catch (error) {
    if (ctx.signal.aborted) return postpone(ctx, file, false);
    ctx.log.warn('file.unheard', { file: file.id, tries: file.attempt, error });
    if (file.attempt < MOST_HEARINGS) return postpone(ctx, file, true);
    await lost(`I could not listen to ${file.name} (${messageOf(error)}). Your message is kept.`);
  }
}

async function unobtained(ctx: Telegram, file: attachment.Attachment, error: unknown): Promise<undefined> {
  // After a drain it is fetched by whoever comes next.
  if (ctx.signal.aborted) return postpone(ctx, file, false);
  if (error instanceof Unobtainable) return give(ctx, file, error.message, null);
  const failure = failureOf(error);
  ctx.log.warn('file.unfetched', { file: file.id, tries: file.attempt, why: failure.what });
  if (failure.kind === 'revoked') {
    await postpone(ctx, file, false);
    throw revoked(failure.what);
  }
  if (failure.kind === 'flood') return postpone(ctx, file, false, failure.retry_after_ms);
  if (failure.kind === 'unsent') return postpone(ctx, file, false);
  const large = /file is too big/i.test(failure.what);
  if (large) return give(ctx, file, tooLarge(file.name, file.bytes ?? LARGEST_bytes), null);
  if (failure.kind === 'refused' || file.attempt >= MOST_TRIES) {
    const note = `I could not fetch ${file.name} from Telegram (${failure.what}). Please send it again.`;
    return give(ctx, file, note, null);
  }
  return postpone(ctx, file, true);
}

async function postpone(
  ctx: Telegram,
  file: attachment.Attachment,
  counted: boolean,
  wait_ms = backoff_ms(file.attempt - 1, RETRY),
): Promise<undefined> {
  await ctx.persist([attachment.retry(file, { due_at: ctx.clock.now() + wait_ms, counted })]);
}

/** It is given up, and its sender told, in one commit. */
async function give(
  ctx: Telegram,
  file: attachment.Attachment,
  note: string,
  path: string | null,
): Promise<undefined> {
  const now = ctx.clock.now();
  const [message] = await ctx.store.read(attachment.messageOf(file));
  const told = outbound.post({
    key: `file:${file.id}`,
    channel: 'telegram',
    conversation: message?.conversation ?? '',
    chat: message?.chat ?? null,
    kind: 'notice',
    turn_id: null,
    text: note,
    message_ref: message?.message_ref ?? null,
    now,
  });
  await ctx.persist([attachment.failed(file, { now, note, path }), ...(message?.chat ? [told] : [])]);
  ctx.log.warn('file.lost', { file: file.id, note });
}

/** Of the sender's name for it, nothing but a plain ending gets to the disk. */
function extensionOf(name: string): string {
  const extension = extname(name).toLowerCase();
  return /^\.[a-z0-9]{1,8}$/.test(extension) ? extension : '';
}
