/**
 * Files: read, written, edited, listed, searched. Whatever is read is data in a frame: who wrote a file cannot be told from
 * the file, and a turn that has read words of strangers could hide them in one for the next turn to find.
 */

import { spawn } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import * as z from 'zod/mini';
import { codeOf } from '#shared/base/errors.ts';
import { untrusted } from '#shared/base/untrusted.ts';
import { integer } from '#shared/runtime/setting.ts';
import { inFolder, placeOf, reached, replaceFile, shown, verdictAt, withFile, within } from './place.ts';
import { type Call, type Facts, type Hands, type Result, tool } from './registry.ts';
import { MOST_bytes, text } from './result.ts';

const path = z.string().check(z.minLength(1), z.maxLength(4096));

/** What is read at all; a program in the sandbox can do more. */
const MOST_READ_bytes = 8 * 2 ** 20;

/** What the model is shown as such, and how large it may be (Messages API: 5 MB of base64 an image, 32 MB a request). */
const SHOWN: Record<string, { mime: string; magic: string; most_bytes: number }> = {
  '.png': { mime: 'image/png', magic: '89504e47', most_bytes: 3_700_000 },
  '.jpg': { mime: 'image/jpeg', magic: 'ffd8ff', most_bytes: 3_700_000 },
  '.jpeg': { mime: 'image/jpeg', magic: 'ffd8ff', most_bytes: 3_700_000 },
  '.gif': { mime: 'image/gif', magic: '47494638', most_bytes: 3_700_000 },
  '.webp': { mime: 'image/webp', magic: '52494646', most_bytes: 3_700_000 },
  '.pdf': { mime: 'application/pdf', magic: '25504446', most_bytes: 8_000_000 },
};

export const readFile = tool({
  name: 'read_file',
  description: 'Read a text, image or PDF. Paths are relative to the workspace.',
  input: z.strictObject({
    path,
    start: z.optional(integer(1, 1e9)),
    lines: z.optional(integer(1, 1e9)),
  }),
  offer: 'always',
  repeatable: true,
  about: (input) => `read ${input.path}`,
  policy: (input, facts) => verdictAt(placeOf(input.path, facts.home), 'read', facts),
  async run(call, hands) {
    const { home } = hands.ctx;
    const place = reached(call.input.path, 'read', hands);
    const name = shown(place, home);
    const content = await withFile(place, async (file, bytes) => {
      if (bytes > MOST_READ_bytes) {
        throw new Error(
          `${name} has ${bytes} bytes, ${MOST_READ_bytes} are read at most: search_files finds a place in it`,
        );
      }
      return file.readFile();
    });
    const source = `file ${name}`;
    const kind = SHOWN[extname(place).toLowerCase()];
    if (kind && content.toString('hex', 0, 4).startsWith(kind.magic)) {
      if (content.length > kind.most_bytes) {
        throw new Error(
          `${name} has ${content.length} bytes, ${kind.most_bytes} can be looked at: make a smaller one`,
        );
      }
      const copy = await keepCopy(call, home, basename(place), content);
      return { content: [{ type: 'file', path: copy, name: basename(place), mime: kind.mime }], source };
    }
    if (content.subarray(0, 8192).includes(0))
      throw new Error(`${name} is not text (${content.length} bytes)`);
    return { content: text(excerpt(name, source, content.toString(), call.input)), source };
  },
});

/** A copy that no program can change any more, or put a link in the place of: what is shown is what was read. */
export async function keepCopy(
  call: Call,
  home: Hands['ctx']['home'],
  name: string,
  content: Buffer,
): Promise<string> {
  const copy = join(placeOf(home.files, home), call.id, name);
  await replaceFile(copy, content, 0o600);
  return copy;
}

/** As many lines as fit, and where to go on. */
function excerpt(
  name: string,
  source: string,
  whole: string,
  { start = 1, lines }: { start?: number | undefined; lines?: number | undefined },
): string {
  const all = whole.split('\n');
  if (all.at(-1) === '') all.pop();
  if (start > Math.max(1, all.length))
    throw new Error(`${name} has ${all.length} lines: expected start up to that, got ${start}`);
  const wanted = all.slice(start - 1, lines === undefined ? undefined : start - 1 + lines);
  const fitting: string[] = [];
  let room_bytes = MOST_bytes - 1024;
  for (const line of wanted) {
    room_bytes -= Buffer.byteLength(line) + 1;
    // One line that is too long by itself is given all the same: the result as a whole is bounded, and kept.
    if (room_bytes < 0 && fitting.length > 0) break;
    fitting.push(line);
  }
  const end = start - 1 + fitting.length;
  const part =
    start === 1 && end === all.length
      ? ''
      : `\n[lines ${start} to ${end} of ${all.length}${end < all.length ? `; start=${end + 1} reads on` : ''}]`;
  return untrusted(source, fitting.join('\n')) + part;
}

export const writeFile = tool({
  name: 'write_file',
  description: 'Write a text file whole; folders are made.',
  input: z.strictObject({ path, content: z.string() }),
  offer: 'always',
  repeatable: true,
  about: (input) => `write ${input.path}`,
  policy: (input, facts) => verdictOnWriting(input.path, facts),
  async run(call, hands) {
    const place = reached(call.input.path, 'write', hands);
    const before = await modeOf(place);
    await replaceFile(place, call.input.content, before);
    const bytes = Buffer.byteLength(call.input.content);
    return {
      content: text(
        `${before === undefined ? 'Made' : 'Replaced'} ${shown(place, hands.ctx.home)}: ${bytes} bytes.`,
      ),
    };
  },
});

export const editFile = tool({
  name: 'edit_file',
  description: 'Replace exact text in a file. `old` must occur once, unless `all`.',
  input: z.strictObject({
    path,
    old: z.string().check(z.minLength(1)),
    new: z.string(),
    all: z.optional(z.boolean()),
  }),
  offer: 'always',
  repeatable: false,
  about: (input) => `edit ${input.path}`,
  policy: (input, facts) => verdictOnWriting(input.path, facts),
  async run(call, hands) {
    const { old, new: fresh, all } = call.input;
    const place = reached(call.input.path, 'write', hands);
    const name = shown(place, hands.ctx.home);
    const before = await withFile(place, async (file, bytes) => {
      if (bytes > MOST_READ_bytes)
        throw new Error(`${name} has ${bytes} bytes, ${MOST_READ_bytes} are edited at most`);
      return file.readFile('utf8');
    });
    const parts = before.split(old);
    const times = parts.length - 1;
    if (times === 0)
      throw new Error(
        `${name} does not contain \`old\`: expected it word for word, blanks and line ends too`,
      );
    if (times > 1 && !all)
      throw new Error(
        `${name} contains \`old\` ${times} times: expected once; give more of its surroundings, or all=true`,
      );
    await replaceFile(place, parts.join(fresh), await modeOf(place));
    return { content: text(`Edited ${name}: ${times === 1 ? 'one place' : `${times} places`}.`) };
  },
});

/** Skills are instructions that later turns will follow: to write one is to be asked for, wherever else it could go unasked. */
function verdictOnWriting(written: string, facts: Facts) {
  const place = placeOf(written, facts.home);
  const verdict = verdictAt(place, 'write', facts);
  if (verdict.do !== 'allow' || !within(place, placeOf('skills', facts.home))) return verdict;
  const scope = `write ${shown(place, facts.home)}, a skill: instructions that later turns will follow`;
  return { do: 'ask', scope, rule: null, grants: { hosts: [], paths: [place] } } as const;
}

async function modeOf(place: string): Promise<number | undefined> {
  try {
    return (await stat(place)).mode & 0o777;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return undefined;
  }
}

const MOST_ENTRIES = 500;

export const listFiles = tool({
  name: 'list_files',
  description: 'List a folder, the workspace when none is named.',
  input: z.strictObject({ path: z.optional(path), depth: z.optional(integer(1, 8)) }),
  offer: 'always',
  repeatable: true,
  about: (input) => `list ${input.path ?? 'the workspace'}`,
  policy: (input, facts) => verdictAt(placeOf(input.path ?? '.', facts.home), 'read', facts),
  async run(call, hands) {
    const place = reached(call.input.path ?? '.', 'read', hands);
    const found: string[] = [];
    await list(place, '', call.input.depth ?? 1, found, hands.signal);
    const more = found.length > MOST_ENTRIES ? [`[only the first ${MOST_ENTRIES} entries]`] : [];
    const source = `folder ${shown(place, hands.ctx.home)}`;
    if (found.length === 0) return { content: text('The folder is empty.') };
    return framed(source, [...found.slice(0, MOST_ENTRIES), ...more].join('\n'));
  },
});

async function list(
  folder: string,
  prefix: string,
  depth: number,
  found: string[],
  signal: AbortSignal,
): Promise<void> {
  const entries = await inFolder(folder, (at) => readdir(at('.'), { withFileTypes: true }));
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (found.length > MOST_ENTRIES || signal.aborted) return;
    const kind = entry.isDirectory() ? '/' : entry.isSymbolicLink() ? '@' : '';
    found.push(`${prefix}${entry.name}${kind}`);
    const bulky = entry.name === '.git' || entry.name === 'node_modules';
    if (kind === '/' && depth > 1 && !bulky) {
      await list(join(folder, entry.name), `${prefix}${entry.name}/`, depth - 1, found, signal);
    }
  }
}

export const searchFiles = tool({
  name: 'search_files',
  description: 'Search text in files by regular expression.',
  input: z.strictObject({
    pattern: z.string().check(z.minLength(1), z.maxLength(1000)),
    path: z.optional(path),
    glob: z.optional(z.string().check(z.minLength(1), z.maxLength(200))),
  }),
  offer: 'always',
  repeatable: true,
  limit_ms: 30_000,
  about: (input) => `search ${input.pattern} in ${input.path ?? 'the workspace'}`,
  policy: (input, facts) => verdictAt(placeOf(input.path ?? '.', facts.home), 'read', facts),
  async run(call, hands) {
    const { pattern, glob } = call.input;
    const place = reached(call.input.path ?? '.', 'read', hands);
    const folder = (await stat(place)).isDirectory() ? place : dirname(place);
    const target = folder === place ? '.' : `./${basename(place)}`;
    const found = await inFolder(folder, (at) => search(at('.'), target, pattern, glob, hands.signal));
    if (found === '') return { content: text('Found nothing.') };
    return framed(`files in ${shown(place, hands.ctx.home)}`, found);
  },
});

function framed(source: string, words: string): Result {
  return { content: text(untrusted(source, words)), source };
}

/** What is read of a search's findings. */
const MOST_FOUND_bytes = 64 * 1024;

/** ripgrep, or grep where there is none. Neither follows links, and neither goes by a shell or anybody's settings. */
async function search(
  cwd: string,
  target: string,
  pattern: string,
  glob: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const rg = [
    '--no-config',
    '--hidden',
    '--glob=!.git',
    '-n',
    '-H',
    '--color=never',
    '--max-columns=300',
    '--max-count=50',
  ];
  const grep = ['-rnIHE', '--color=never', '--exclude-dir=.git', '--max-count=50'];
  const rest = ['-e', pattern, '--', target];
  try {
    return await output('rg', [...rg, ...(glob ? [`--glob=${glob}`] : []), ...rest], cwd, signal);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return output('grep', [...grep, ...(glob ? [`--include=${glob}`] : []), ...rest], cwd, signal);
  }
}

function output(program: string, args: string[], cwd: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', LANG: 'C.UTF-8' };
    const child = spawn(program, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
      killSignal: 'SIGKILL',
    });
    let found = '';
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      found += more;
      if (found.length > MOST_FOUND_bytes) child.kill('SIGKILL');
    });
    child.stderr.setEncoding('utf8').on('data', (more: string) => {
      said = (said + more).slice(0, 2000);
    });
    child.once('error', reject).once('close', (code) => {
      // 1: nothing was found. 2 with findings: some file could not be read.
      if (code === 2 && found === '') return reject(new Error(`search_files: ${said.trim()}`));
      resolve(found.slice(0, MOST_FOUND_bytes).replaceAll(/^\.\//gm, ''));
    });
  });
}
