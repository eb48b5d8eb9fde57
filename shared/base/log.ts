/**
 * The log of every service: one JSON object a line, in files that are bounded and private (`logfile.ts`), for people,
 * `grep` and `jq`. What must be counted or accounted for is a row in the store; the line carries the same ids.
 *
 *     log.info('turn.finished', { steps: 3, cost_nanousd })
 *     log.error('update.rejected', { update_id, error }, 'Telegram sent an update without a chat')
 *
 * Every line has `level`, `time`, `agent`, `service`, `version`, `pid`, `event`, `msg`, and the ids of the work it belongs to.
 * The time is ISO 8601 in UTC: a person reads it, it sorts as text, and `grep 2026-08-01T14:0` is a query.
 *
 * What must not be logged: what people write and what the model answers, prompts, memories, tool results, bodies of
 * requests and responses. Log their ids and sizes. To keep it from happening by accident, an error is told by a fixed
 * set of its properties (many carry the whole request in the others) and a short piece of its message.
 * Secrets are taken out of every line by the scrubber, but none belongs here either.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { pino, stdTimeFunctions } from 'pino';
import { messageOf } from './errors.ts';
import { LONGEST_LINE_BYTES, openLogFile } from './logfile.ts';
import { type Scrub, scrubber } from './scrub.ts';
import { sourced } from './sources.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** What happened, as noun.past: 'turn.finished'. The variables go in fields. */
export type Event = `${string}.${string}`;

type Reserved = 'level' | 'time' | 'agent' | 'service' | 'version' | 'pid' | 'event' | 'msg';
export type Fields = { readonly [key: string]: unknown } & { readonly [key in Reserved]?: never };

/** The ids of a piece of work: `turn`, `decision`, `call` … */
export type Ids = { readonly [key: string]: string | number } & { readonly [key in Reserved]?: never };

type Say = (event: Event, fields?: Fields, msg?: string) => void;

export type Log = { readonly [level in Level]: Say } & {
  /** Lines that could not be written, since the process began. */
  readonly dropped: number;
  close(): Promise<void>;
};

export type LogOptions = {
  service: string;
  version: string;
  /** Holds one folder per service. */
  directory: string;
  level?: Level;
  /** The bound of one file, and how many are kept with the current one. */
  size_bytes?: number;
  files?: number;
  /** A file that nobody has written to for so long goes. */
  days?: number;
  /** How soon files that could not be written are tried again. */
  retry_ms?: number;
  /** Whoever is in the folder's group may read. */
  group?: boolean;
  scrub?: Scrub;
  /** Warnings and worse also go to stderr, in this form. That the log itself fails is told there in any case. */
  console?: 'human' | 'json' | 'off';
};

const storage = new AsyncLocalStorage<Ids>();

/** Runs `fn`, and whatever it starts, with these ids on every line; those around it stay. */
export function withIds<T>(ids: Ids, fn: () => T): T {
  return storage.run({ ...storage.getStore(), ...ids }, fn);
}

/** The ids of the work that is being done here. */
export function idsNow(): Ids {
  return storage.getStore() ?? {};
}

/** A log that cannot be written is no reason to stop: this resolves all the same, and lines are dropped until it can. */
export async function openLog(options: LogOptions): Promise<Log> {
  const { service, version, directory, level = 'info', scrub = scrubber(), console = 'off' } = options;
  const folder = join(directory, service);

  const file = await openLogFile({
    folder,
    name: service,
    size_bytes: options.size_bytes ?? 50 * 1024 * 1024,
    files: options.files ?? 5,
    days: options.days ?? 14,
    retry_ms: options.retry_ms ?? 5000,
    group: options.group ?? false,
    onFailure: (error) =>
      tell(
        scrub(`${service}: the log in ${folder} cannot be written, lines are dropped: ${messageOf(error)}\n`),
      ),
    onRecovery: (lines, error) =>
      log.error('lines.dropped', { lines, error }, `${lines} lines are missing here`),
  });

  const logger = pino(
    {
      level,
      base: { agent: 'vigil', service, version, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write(line: string) {
        const whole = fit(line);
        const clean = scrub(whole);
        file.write(clean);
        // The level is what pino writes first.
        if (console !== 'off' && /^\{"level":"(?:warn|error|fatal)"/.test(clean)) {
          tell(console === 'json' ? clean : human(whole, scrub));
        }
      },
    },
  );

  function say(level: Level): Say {
    if (!logger.isLevelEnabled(level)) return () => {};
    return (event, fields = {}, msg = wordsOf(event)) => {
      const line = (more: Fields) =>
        logger[level](
          { event, ...storage.getStore(), ...plain(more, scrub, level) },
          cut(msg, LONGEST_STRING, scrub),
        );
      try {
        line(fields);
      } catch (error) {
        line({ error }); // a getter of somebody else's object threw: the event is still worth a line
      }
    };
  }

  const log: Log = {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    fatal: say('fatal'),
    get dropped() {
      return file.dropped;
    },
    close: file.close,
  };
  return log;
}

/** 'turn finished' for 'turn.finished': what a line says when nobody said it better. */
function wordsOf(event: string): string {
  return event.replace('.', ' ');
}

const LONGEST_STRING = 8 * 1024;
const LONGEST_MESSAGE = 1000;
const MOST_FRAMES = 20;
const MOST_VALUES = 1000;
const DEEPEST = 6;

/** The fields as plain data of bounded size, errors told as `{ type, message, code, stack, cause … }`. */
function plain(fields: Fields, scrub: Scrub, level: Level): object {
  let room = MOST_VALUES;

  function walk(value: unknown, depth: number): unknown {
    room -= 1;
    if (room < 0 || depth > DEEPEST) return '[left out]';
    if (typeof value === 'string') return cut(value, LONGEST_STRING, scrub);
    if (typeof value === 'bigint') return String(value);
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Error) return errorOf(value, depth);
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if ('toJSON' in value && typeof value.toJSON === 'function') return walk(value.toJSON(), depth + 1);
    if (Array.isArray(value)) return value.slice(0, MOST_VALUES).map((item) => walk(item, depth + 1));
    return entries(value, depth);
  }

  function entries(value: object, depth: number): object {
    const copy: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value).slice(0, MOST_VALUES)) {
      copy[cut(key, LONGEST_MESSAGE, scrub)] = walk(item, depth + 1);
    }
    return copy;
  }

  function errorOf(
    error: Error & { code?: unknown; status?: unknown; errors?: unknown },
    depth: number,
  ): object {
    // Of the stack the frames alone: it begins with the message, uncut.
    const frames = scrub(String(error.stack)).match(/^ +at .+$/gm) ?? [];
    const stack = frames.slice(0, MOST_FRAMES).join('\n');
    // Warnings come in hundreds when the network is away, and nobody looks for their line of code.
    const told = level === 'error' || level === 'fatal' ? sourced(stack) : stack;
    return {
      type: walk(error.name, depth + 1),
      message: cut(String(error.message), LONGEST_MESSAGE, scrub),
      code: walk(error.code, depth + 1),
      status: walk(error.status, depth + 1),
      stack: cut(told, LONGEST_STRING, scrub),
      cause: walk(error.cause, depth + 1),
      errors: error instanceof AggregateError ? walk(error.errors, depth + 1) : undefined,
    };
  }

  return entries(fields, 0);
}

/** Scrubs before it cuts: half a secret is one that nothing recognises any more. */
function cut(text: string, length: number, scrub: Scrub): string {
  if (text.length <= length) return text;
  return `${scrub(text).slice(0, length)} [cut, of ${text.length} characters]`;
}

/** A line beyond the bound keeps its short values only, so that it can still be found. */
function fit(line: string): string {
  const bytes = Buffer.byteLength(line);
  // Scrubbing may still lengthen it, but never double it.
  if (bytes <= LONGEST_LINE_BYTES / 2) return line;
  const values: Record<string, unknown> = JSON.parse(line);
  const short = Object.entries(values).filter((entry) => JSON.stringify(entry).length < 500);
  return `${JSON.stringify({ ...Object.fromEntries(short.slice(0, 20)), cut_from_bytes: bytes })}\n`;
}

/** The line for somebody who watches: `14:03:22 warn telegram poll.failed attempt=3 error="…"`. */
function human(line: string, scrub: Scrub): string {
  const values: Record<string, unknown> = JSON.parse(line);
  const { level, time, agent, service, version, pid, event, msg, error, ...rest } = values;
  const parts = [String(time).slice(11, 19), level, service, event];
  if (msg !== wordsOf(String(event))) parts.push(msg);
  for (const [key, value] of Object.entries(rest)) parts.push(`${key}=${JSON.stringify(value)}`);
  if (error !== undefined) parts.push(`error=${JSON.stringify(Object(error).message ?? error)}`);
  // Whoever wrote the text must not command the terminal.
  return `${scrub(parts.join(' ')).replace(/\p{Cc}/gu, ' ')}\n`;
}

/** To stderr, if anybody reads it. Not through process.stderr, which throws later when nobody does. */
function tell(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // There is no further place to say it.
  }
}
