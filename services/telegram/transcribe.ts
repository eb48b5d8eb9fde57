/** Turns a recording into text: by a program of the owner's, or by a server that speaks as OpenAI's does. */

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { httpFetch } from '#shared/base/fetch.ts';
import type { Transcribe } from './config.ts';

/** How long a recording may take. */
const WITHIN_ms = 300_000;
const MOST_TEXT_bytes = 1 << 20;

export type Recording = { path: string; mime: string };

/** @param key for the server, where it wants one */
export async function transcribe(
  how: Transcribe,
  recording: Recording,
  key: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(WITHIN_ms)]);
  const text =
    'command' in how
      ? await byProgram(how.command, recording, within)
      : await byServer(how, recording, key, within);
  return text.trim().toWellFormed();
}

async function byProgram(command: string[], { path }: Recording, signal: AbortSignal): Promise<string> {
  const [program = '', ...args] = command;
  // A group of its own, so that what a script has started ends with it.
  const child = spawn(program, [...args, path], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const kill = () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  signal.addEventListener('abort', kill, { once: true });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] = (output[stream] + text).slice(0, MOST_TEXT_bytes);
    });
  }
  try {
    const [code, killed] = await once(child, 'close');
    if (code === 0) return output.stdout;
    const last = output.stderr.trim().split('\n').at(-1) ?? '';
    throw new Error(
      `transcribe: ${basename(program)} ended with ${signal.aborted ? 'the time' : (killed ?? code)}${last && `: ${last}`}`,
    );
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** `POST …/v1/audio/transcriptions`, a form with the file and the model's name; the answer is `{ "text": … }`. */
async function byServer(
  { url, model }: Extract<Transcribe, { url: string }>,
  { path, mime }: Recording,
  key: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const boundary = randomUUID();
  const head = (disposition: string) => `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n`;
  const body = [
    Buffer.from(`${head('name="model"')}\r\n${model}\r\n`),
    Buffer.from(`${head(`name="file"; filename="${basename(path)}"`)}Content-Type: ${mime}\r\n\r\n`),
    await readFile(path),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ];
  const response = await httpFetch()(url, {
    method: 'POST',
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': String(body.reduce((sum, part) => sum + part.length, 0)),
      ...(key && { authorization: `Bearer ${key}` }),
    },
    body: Readable.from(body),
    signal,
  });
  const answer = await response.text();
  if (!response.ok) {
    throw new Error(`transcribe: ${new URL(url).host} answered ${response.status}: ${answer.slice(0, 200)}`);
  }
  const { text }: { text?: unknown } = JSON.parse(answer);
  if (typeof text !== 'string')
    throw new Error(`transcribe: expected { "text": … }, got ${answer.slice(0, 200)}`);
  return text;
}
