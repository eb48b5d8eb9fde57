/**
 * What a program and all that it starts do to a few files, in the order in which it happened: strace's log, read back
 * with every byte that was written. A moment is the number of a line in that log.
 */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** Why nothing can be traced here, and what to do about it; or false. */
export const untraceable: string | false =
  process.platform !== 'linux'
    ? 'needs strace, which there is for Linux only'
    : spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0
      ? false
      : 'needs strace, and the right to trace: apt-get install strace';

/** A call in progress from `start` to `end`: before `end`, nobody knows how much of it has happened. */
type Span = { start: number; end: number };
export type Write = Span & { at: number; data: Buffer };
export type Change = Write | (Span & { truncated_to: number });

/** One file from its creation to its removal; a new file of the same name is another one. */
export type Traced = { path: string; born: number; died: number; changes: Change[]; syncs: Span[] };
export type Trace = { files: Traced[]; moments: number };

const CALLS =
  'openat,open,creat,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,sync_file_range,ftruncate,truncate,' +
  'fallocate,copy_file_range,sendfile,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat';

/** Runs `command` to its end. @throws when it fails, with what it said */
export async function traced(command: string[], paths: string[], log: string): Promise<Trace> {
  const only = paths.flatMap((path) => ['-P', path]);
  const how = ['-f', '--seccomp-bpf', '-qq', '-y', '-xx', '-s', `${2 ** 20}`, '-e', `trace=${CALLS}`];
  const child = spawn('strace', [...how, ...only, '-o', log, ...command], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${said}`);
  return readTrace(createInterface({ input: createReadStream(log, 'latin1') }));
}

/**
 * A call that others come in between is two lines, `call(… <unfinished ...>` and `<... call resumed>…`; one in a
 * single line begins and ends without anything in between.
 */
export async function readTrace(lines: AsyncIterable<string> | Iterable<string>): Promise<Trace> {
  const files: Traced[] = [];
  const present = new Map<string, Traced>();
  const unfinished = new Map<string, { text: string; start: number }>();
  let moment = 0;

  function apply(call: string, { start, end }: Span): void {
    const [, name = '', args = '', result = ''] = /^(\w+)\((.*)\) += (-?\d+)/s.exec(call) ?? [];
    if (name === '' || Number(result) < 0) return;
    const path = unhex(/^\d+<([^>]*)>/.exec(args)?.[1] ?? /"([^"]*)"/.exec(args)?.[1] ?? '');
    if (name === 'openat') {
      if (present.has(path)) return;
      const file: Traced = { path, born: end, died: Number.POSITIVE_INFINITY, changes: [], syncs: [] };
      files.push(file);
      present.set(path, file);
      return;
    }
    const file = present.get(path);
    if (!file) throw new Error(`trace: ${name} on ${path}, which was never opened`);
    const last = Number(/(\d+)$/.exec(args)?.[1]);
    switch (name) {
      case 'pwrite64': {
        const data = bytes(/"([^"]*)"/.exec(args)?.[1] ?? '').subarray(0, Number(result));
        file.changes.push({ start, end, at: last, data });
        return;
      }
      case 'write': {
        const at = extentOf(file.changes);
        file.changes.push({ start, end, at, data: bytes(/"([^"]*)"/.exec(args)?.[1] ?? '') });
        return;
      }
      case 'ftruncate':
        file.changes.push({ start, end, truncated_to: last });
        return;
      case 'fsync':
      case 'fdatasync':
        file.syncs.push({ start, end });
        return;
      case 'unlink':
        file.died = end;
        present.delete(path);
        return;
      default:
        // A way to change a file that this model does not know would make every verdict worthless.
        throw new Error(`trace: no rule for ${name} on ${path}`);
    }
  }

  for await (const line of lines) {
    moment += 1;
    const [, pid = '', text = ''] = /^(\d+) +(.*)$/s.exec(line) ?? [];
    if (text.endsWith('<unfinished ...>')) {
      unfinished.set(pid, { text: text.slice(0, -'<unfinished ...>'.length).trimEnd(), start: moment });
    } else if (text.startsWith('<... ')) {
      const begun = unfinished.get(pid);
      unfinished.delete(pid);
      if (begun) apply(begun.text + text.replace(/^<\.\.\. \w+ resumed>/, ''), { ...begun, end: moment });
    } else {
      apply(text, { start: moment, end: moment });
    }
  }
  return { files, moments: moment };
}

/** How far the writes reach, for a file that is only appended to. */
function extentOf(changes: Change[]): number {
  return changes.reduce((extent, change) => extent + ('data' in change ? change.data.length : 0), 0);
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex');
}

function unhex(text: string): string {
  return text.startsWith('\\x') ? bytes(text).toString() : text;
}
