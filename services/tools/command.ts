/** The tool run_command: a command line for bash, in the sandbox. Whom it may reach, the verdict on the call has said. */

import { resolve } from 'node:path';
import * as z from 'zod/mini';
import { untrusted } from '#shared/base/untrusted.ts';
import { integer } from '#shared/runtime/setting.ts';
import { ownAmong } from './address.ts';
import { type Ended, type Limits, tool } from './registry.ts';

const DEFAULT_s = 60;
const MOST_s = 600;
const LIMITS: Omit<Limits, 'wall_ms'> = {
  cpu_s: MOST_s,
  memory_mb: 2048,
  processes: 256,
  // Per stream; what the model is told of it is far less, the rest is kept as a file.
  output_bytes: 1_000_000,
};

export const runCommand = tool({
  name: 'run_command',
  description:
    'Run a bash command line in a sandbox, in the workspace. It can write there, read the system and shared folders; ' +
    'it has no network but the hosts that you name (their use may need approval).',
  input: z.strictObject({
    command: z.string().check(z.minLength(1), z.maxLength(100_000)),
    cwd: z.optional(z.string()),
    timeout_s: z.optional(integer(1, MOST_s)),
    hosts: z.optional(z.array(z.string()).check(z.maxLength(20))),
  }),
  offer: 'always',
  repeatable: false,
  // Its own limit is told more exactly, with what was printed until then.
  limit_ms: (MOST_s + 30) * 1000,
  about: ({ command }) => `run ${firstLine(command)}`,
  // By the shape of its command line: that is the policy's.
  policy: () => ({ do: 'allow' }),
  async run(call, { ctx, signal, sandbox, allowed }) {
    if (!sandbox.available) throw new Error(sandbox.why);
    const { command, cwd = '.', timeout_s = DEFAULT_s } = call.input;
    const ended = await sandbox.run({
      script: command,
      cwd: resolve(ctx.home.workspace, cwd),
      env: {},
      hosts: allowed.hosts,
      lan: ownAmong(ctx.config.lan_hosts, allowed.hosts),
      paths: allowed.paths,
      signal,
      limits: { ...LIMITS, wall_ms: timeout_s * 1000 },
      behalf: { action: 'run_command', payload: `tool_call ${call.id}`, turn_id: call.turn_id },
    });
    signal.throwIfAborted();
    // What a program prints may be anybody's words: those of a file, or of a page that it has fetched.
    const source = ended.stdout || ended.stderr ? 'what a command printed' : null;
    return { content: [{ type: 'text', text: told(ended) }], failed: ended.why !== undefined, source };
  },
});

function told({ code, stdout, stderr, refused, why }: Ended): string {
  return [
    why === undefined ? `exit code ${code}` : `stopped: ${why}`,
    ...(stdout ? [untrusted('stdout', stdout.trimEnd())] : []),
    ...(stderr ? [untrusted('stderr', stderr.trimEnd())] : []),
    ...(refused.length > 0
      ? [`refused by the sandbox: ${refused.join(', ')}. Name a host in \`hosts\` to reach it.`]
      : []),
  ].join('\n');
}

function firstLine(command: string): string {
  const [line = ''] = command.trim().split('\n');
  const shown = line.length > 100 ? line.slice(0, 100) : line;
  return shown === command.trim() ? shown : `${shown} …`;
}
