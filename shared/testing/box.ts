/** A machine with a systemd of its own for one test, booted by `scripts/with-systemd` and thrown away after it. */

import { type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { root } from '../base/root.ts';

export type Ran = { code: number | null; stdout: string; stderr: string };

export type Box = {
  /** What runs a shell command in the box as its root, for whoever gives it a terminal. */
  command(command: string): string[];
  /** Runs one. */
  exec(command: string): Promise<Ran>;
  /** The same, for what must succeed. Gives what it printed, trimmed. */
  must(command: string): Promise<string>;
  /** Shuts down in order and boots again; the disk stays. */
  reboot(): Promise<void>;
  /** A power cut, and the boot after it. */
  crash(): Promise<void>;
  down(): Promise<void>;
};

const program = join(root, 'scripts', 'with-systemd');

/** Why no box can be had here; false when it can. */
export const noBox: string | false =
  process.platform !== 'linux'
    ? 'systemd runs on Linux only'
    : process.getuid?.() !== 0
      ? 'booting a systemd in a box needs root'
      : ['/lib/systemd/systemd', '/usr/bin/dbus-daemon', '/usr/bin/nsenter'].every((file) => existsSync(file))
        ? false
        : 'booting a systemd in a box needs the packages systemd, dbus and util-linux';

let boxes = 0;

/**
 * @param of whoever has it thrown away: a test, or a suite's hooks
 * @param options `binds`: folders of this machine that the box sees, read-only, at the paths given
 */
export async function boxFor(
  of: { after(handler: () => Promise<void>): void },
  options: { binds?: { [outside: string]: string } } = {},
): Promise<Box> {
  boxes += 1;
  const name = `test-${process.pid}-${boxes}`;
  const binds = Object.entries(options.binds ?? {}).flatMap(([from, to]) => ['--bind', `${from}:${to}`]);
  const down = () => withSystemd('down', name);
  // Its owner dead, the next box's start throws it away.
  await withSystemd('up', '--owner', String(process.pid), ...binds, name);
  of.after(down);
  const inside = (command: string) => ['exec', name, 'sh', '-c', command];
  const exec = (command: string) => run(inside(command));
  return {
    command: (command) => [program, ...inside(command)],
    exec,
    async must(command) {
      const { code, stdout, stderr } = await exec(command);
      if (code !== 0) throw new Error(`${command}: exit code ${code}\n${stdout}${stderr}`);
      return stdout.trim();
    },
    reboot: () => withSystemd('reboot', name),
    crash: () => withSystemd('crash', name),
    down,
  };
}

async function withSystemd(...args: string[]): Promise<void> {
  const { code, stderr } = await run(args);
  if (code !== 0) throw new Error(`with-systemd ${args.join(' ')}: exit code ${code}\n${stderr}`);
}

async function run(args: string[]): Promise<Ran> {
  const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'] };
  const child = spawn(program, args, options);
  const code = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const read = (stream: NodeJS.ReadableStream | null) => (stream ? text(stream) : Promise.resolve(''));
  const [stdout, stderr, ended] = await Promise.all([read(child.stdout), read(child.stderr), code]);
  return { code: ended, stdout, stderr };
}
