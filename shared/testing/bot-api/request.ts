/**
 * From HTTP to a call: which token, which method, which arguments. Every argument is a string, as in the real
 * server: a JSON body's strings are taken as they are, anything else in it is its JSON text, and each method
 * parses its own. Sources: telegram-bot-api HttpConnection.cpp and Query.cpp, TDLib HttpReader.cpp.
 */

import type { IncomingMessage } from 'node:http';
import { badRequest, Refusal } from './refusal.ts';

export type Args = ReadonlyMap<string, string>;
/** The files of a multipart body, by the names of their fields. */
export type Files = ReadonlyMap<string, Upload>;
export type Upload = { name: string; mime: string; bytes: Buffer };

/** A client may send 50 MB files (Bot API: sending files), and no more than that is kept in memory. */
const max_body_bytes = 51 * 1024 * 1024;

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size_bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size_bytes += chunk.length;
    if (size_bytes > max_body_bytes) throw new Refusal(413, 'Request Entity Too Large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** `/bot<token>/<method>`, or nothing when the path has another form (HttpConnection.cpp: 404 `Not Found`). */
export function readPath(pathname: string): { token: string; method: string } | undefined {
  const match = /^\/bot([^/]*)\/(.*)$/s.exec(decodePath(pathname));
  return match ? { token: match[1] ?? '', method: match[2] ?? '' } : undefined;
}

/** `/file/bot<token>/<file_path>` (Bot API: getFile). */
export function readFilePath(pathname: string): { token: string; path: string } | undefined {
  const match = /^\/file\/bot([^/]*)\/(.+)$/s.exec(decodePath(pathname));
  return match ? { token: match[1] ?? '', path: match[2] ?? '' } : undefined;
}

function decodePath(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname; // a stray % is no encoding: HttpReader.cpp keeps it as it is
  }
}

/** Arguments of the query string first, then of the body: Query::arg answers with the first of a name. */
export async function readArgs(
  query: URLSearchParams,
  content_type: string,
  body: Buffer,
): Promise<{ args: Args; files: Files }> {
  const args = new Map<string, string>();
  const files = new Map<string, Upload>();
  const add = (name: string, value: string) => args.has(name) || args.set(name, value);
  for (const [name, value] of query) add(name, value);
  const type = content_type.toLowerCase();
  if (type.includes('multipart/form-data')) {
    const form = await readForm(content_type, body);
    for (const [name, value] of form) {
      if (typeof value === 'string') add(name, value);
      else {
        const bytes = Buffer.from(await value.arrayBuffer());
        files.set(name, { name: value.name, mime: value.type, bytes });
      }
    }
  } else if (type.includes('application/x-www-form-urlencoded')) {
    for (const [name, value] of new URLSearchParams(body.toString())) add(name, value);
  } else if (type.includes('application/json')) {
    // HttpReader.cpp only logs a body that is no JSON object: the method then misses its arguments and says so.
    const object = parseJson(body.toString());
    if (isObject(object)) {
      for (const [name, value] of Object.entries(object)) {
        add(name, typeof value === 'string' ? value : JSON.stringify(value));
      }
    }
  }
  return { args, files };
}

async function readForm(content_type: string, body: Buffer): Promise<FormData> {
  try {
    return await new Response(new Uint8Array(body), { headers: { 'content-type': content_type } }).formData();
  } catch (error) {
    throw new Refusal(400, `Bad Request: ${error}`);
  }
}

/** The value of JSON text, undefined when it is none: what that means differs from argument to argument. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export type JsonObject = { [name: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** TDLib to_integer: the leading digits, 0 where there are none. */
export function integer(args: Args, name: string, fallback = 0): number {
  const text = args.get(name);
  return text === undefined ? fallback : Number.parseInt(text, 10) || 0;
}

/** Client.cpp to_bool. */
export function flag(args: Args, name: string): boolean {
  return ['true', 'yes', '1'].includes((args.get(name) ?? '').toLowerCase().trim());
}

/** What is wrong inside a JSON argument; `parsed` says inside which. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

/** Runs `read`; what it finds malformed is refused, with `where` in front when the real server says it there. */
export function parsed<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) throw badRequest(`${where}${error.message}`);
    throw error;
  }
}

/** A whole number inside a JSON argument; a string of digits counts (TDLib JsonBuilder.cpp). */
export function intField(object: JsonObject, name: string): number {
  const value = object[name];
  if (value === undefined) throw new Malformed(`Can't find field "${name}"`);
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isInteger(number)) {
    throw new Malformed(`Field "${name}" must be of type Number`);
  }
  return number;
}

/** A text inside a JSON argument; a number counts (TDLib JsonBuilder.cpp). */
export function textField(object: JsonObject, name: string): string {
  const text = optionalTextField(object, name);
  if (text === undefined) throw new Malformed(`Can't find field "${name}"`);
  return text;
}

export function optionalTextField(object: JsonObject, name: string): string | undefined {
  const value = object[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') throw new Malformed(`Field "${name}" must be of type String`);
  return value;
}

export function optionalFlag(object: JsonObject, name: string): boolean {
  const value = object[name] ?? false;
  if (typeof value !== 'boolean') throw new Malformed(`Field "${name}" must be of type Boolean`);
  return value;
}

/** A list written as one text. */
export const words = (text: string) => text.split(/\s+/);
