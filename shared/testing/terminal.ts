/** A program on a terminal of its own, as a person has it before them. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { until } from './scratch.ts';

/** Node makes no terminals. */
export const noTerminal: string | false =
  spawnSync('python3', ['-c', 'import pty']).status === 0
    ? false
    : 'there is no python3 to make a terminal with';

/** Runs its arguments on a terminal of that many columns; types what it reads from stdin, prints what is shown. */
const PROGRAM = `
import fcntl, os, pty, select, struct, sys, termios
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[2], sys.argv[2:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 40, int(sys.argv[1]), 0, 0))
while True:
    ready, _, _ = select.select([fd, 0], [], [])
    if fd in ready:
        try: shown = os.read(fd, 65536)
        except OSError: break
        if not shown: break
        os.write(1, shown)
    if 0 in ready: os.write(fd, os.read(0, 65536))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

export type Terminal = {
  /** All that was shown, without colours and movements. */
  shown(): string;
  /** Waits until it shows `words` beyond what was waited for before. */
  shows(words: string | RegExp, within_ms?: number): Promise<RegExpExecArray>;
  type(keys: string): void;
  /** Closes the window: what runs there hears SIGHUP. */
  close(): void;
  exit: Promise<number | null>;
};

/** It ends with the test. */
export function onTerminal(
  t: TestContext,
  command: readonly string[],
  { env = {}, columns = 100 }: { env?: NodeJS.ProcessEnv; columns?: number } = {},
): Terminal {
  const child = spawn('python3', ['-c', PROGRAM, String(columns), ...command], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 120_000,
  });
  t.after(() => void child.kill());
  let raw = '';
  let looked = 0;
  child.stdout.setEncoding('utf8').on('data', (more) => {
    raw += more;
  });
  const shown = () => stripVTControlCharacters(raw);
  return {
    shown,
    async shows(words, within_ms) {
      const wanted = typeof words === 'string' ? RegExp(words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : words;
      try {
        const look = () => wanted.exec(shown().slice(looked));
        const found = await until(`the terminal shows ${wanted}`, look, within_ms);
        looked += found.index + found[0].length;
        return found;
      } catch (error) {
        throw new Error(`${String(error)}; it shows:\n${shown().slice(looked)}`);
      }
    },
    close: () => void child.kill('SIGKILL'),
    type: (keys) => void child.stdin.write(keys),
    exit: once(child, 'close').then(([code]) => code),
  };
}
