/**
 * Files: what users send, what the bot sends, and how it fetches them.
 * Sources: Bot API (getFile, Sending files, sendPhoto, sendDocument), telegram-bot-api Client.cpp (get_input_file,
 * process_get_file_query), TDLib FileManager.cpp (the size of a photo).
 */

import { randomBytes } from 'node:crypto';
import type { Message } from 'grammy/types';
import { badRequest, Refusal } from './refusal.ts';
import type { Args, Files } from './request.ts';
import type { StoredFile, World } from './world.ts';

/** What a bot may fetch from a server that does not run with --local. */
const max_download_bytes = 20 * 2 ** 20;
const max_photo_bytes = 10 * 2 ** 20;
const max_document_bytes = 50 * 2 ** 20;
/** A link is good for at least this long, and nobody may count on more. */
const link_s = 3_600;

/** A file of a user's, to be said with `say({ more: { document: … } })`. */
export type NewFile = {
  name: string;
  mime?: string;
  /** Its content: as text, or in base64. */
  text?: string;
  base64?: string;
  /** Claims to be of another size than it is, as one that would take too much room in a test. */
  size_bytes?: number;
};

export function storedFile(file: NewFile): StoredFile {
  const bytes = file.base64 === undefined ? Buffer.from(file.text ?? '') : Buffer.from(file.base64, 'base64');
  return {
    file_id: `file-${randomBytes(12).toString('hex')}`,
    file_unique_id: randomBytes(6).toString('hex'),
    name: file.name,
    mime: file.mime ?? 'application/octet-stream',
    size_bytes: file.size_bytes ?? bytes.length,
    base64: bytes.toString('base64'),
  };
}

/** The file as a message bears it (Bot API: Document, and much the same of the others). */
export function documentOf({ file_id, file_unique_id, name, mime, size_bytes }: StoredFile) {
  return { file_id, file_unique_id, file_name: name, mime_type: mime, file_size: size_bytes };
}

export function createFiles(world: World, nowSeconds: () => number) {
  /** What getFile has given out, and until when it is good. */
  const links = new Map<string, { file: StoredFile; until_s: number }>();

  return {
    getFile(args: Args): string {
      const file_id = args.get('file_id') ?? '';
      if (file_id === '') throw badRequest('file_id not specified');
      const file = world.files.get(file_id);
      if (!file) throw badRequest('wrong file_id or the file is temporarily unavailable');
      if (file.size_bytes > max_download_bytes) throw badRequest('File is too big');
      const file_path = `documents/${file.file_unique_id}${/\.\w+$/.exec(file.name)?.[0] ?? ''}`;
      links.set(file_path, { file, until_s: nowSeconds() + link_s });
      const { file_unique_id, size_bytes } = file;
      return JSON.stringify({ file_id, file_unique_id, file_size: size_bytes, file_path });
    },
    download(path: string): Buffer {
      const link = links.get(path);
      if (!link || link.until_s < nowSeconds()) throw new Refusal(404, 'Not Found');
      return Buffer.from(link.file.base64, 'base64');
    },
  };
}

/** What is to be sent: a part of the body (also as `attach://<part>`), or a file that the server knows already. */
export function readUpload(args: Args, files: Files, kind: 'photo' | 'document', world: World): StoredFile {
  const given = args.get(kind) ?? '';
  const upload = files.get(/^attach:\/\/(.+)$/.exec(given)?.[1] ?? kind);
  if (!upload) {
    if (given === '' || given.startsWith('attach://')) throw badRequest(`There is no ${kind} in the request`);
    if (/^https?:/.test(given)) throw badRequest('This test server fetches no URL: send the file');
    const known = world.files.get(given);
    if (!known) throw badRequest('Wrong file identifier/HTTP URL specified');
    return known;
  }
  if (upload.bytes.length === 0) throw badRequest('File must be non-empty');
  if (upload.bytes.length > max_document_bytes) throw new Refusal(413, 'Request Entity Too Large');
  if (kind === 'photo' && upload.bytes.length > max_photo_bytes) {
    throw badRequest(`File "${upload.name}" is too big for a photo`);
  }
  if (kind === 'photo' && !isImage(upload.bytes)) throw badRequest('IMAGE_PROCESS_FAILED');
  return storedFile({ name: upload.name, mime: upload.mime, base64: upload.bytes.toString('base64') });
}

/** PNG, JPEG, GIF, WebP, by how they begin. */
function isImage(bytes: Buffer): boolean {
  return /^(\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP)/s.test(bytes.toString('latin1', 0, 12));
}

export function mediaOf(kind: 'photo' | 'document', file: StoredFile): Pick<Message, 'photo' | 'document'> {
  const { file_name: _, mime_type: __, ...size } = documentOf(file);
  return kind === 'photo' ? { photo: [{ ...size, width: 90, height: 90 }] } : { document: documentOf(file) };
}
