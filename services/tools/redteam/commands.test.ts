import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '#shared/base/clock.ts';
import { type Home, homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { openEgress } from '../egress.ts';
import { placeOf, verdictAt } from '../place.ts';
import { verdictOn } from '../policy.ts';
import { openSandbox } from '../sandbox.ts';
import { type Trick, tricks } from './commands.ts';

const SECRET = 'canary-7f3a9c-of-the-house';
const LIMITS = { cpu_s: 20, memory_mb: 1024, processes: 128, wall_ms: 15_000, output_bytes: 1_000_000 };
const AT_A_TIME = 4;

type Target = Awaited<ReturnType<typeof target>>;

/** A house with a secret, a folder outside, a server and a process: what the tricks want. */
async function target(t: TestContext) {
  const base = realpathSync(scratch(t));
  const home = homeOf({ VIGIL_HOME: join(base, 'house') });
  prepareHome(home);
  const outside = join(base, 'outside');
  for (const folder of [home.credentials, home.workspace, outside, join(home.state, 'run')]) {
    mkdirSync(folder, { recursive: true });
  }
  const secret = join(home.credentials, 'anthropic.env');
  for (const file of [secret, join(home.state, 'canary.db')]) writeFileSync(file, `${SECRET}\n`);
  writeFileSync(join(outside, 'canary'), 'canary\n');
  let connections = 0;
  const listen = async (at: string | number) => {
    const server = createServer((socket) => {
      connections += 1;
      socket.on('error', () => {}).end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    });
    if (typeof at === 'string') server.listen(at);
    else server.listen(at, '::');
    await once(server, 'listening');
    t.after(() => server.close());
    return server;
  };
  const socket = join(home.state, 'run', 'router.sock');
  await listen(socket);
  const port = portOf(await listen(0));
  const env = { PATH: process.env.PATH ?? '', HOME: home.workspace, CANARY: SECRET };
  const bystander = spawn('sleep', ['60'], { env, cwd: home.directory });
  t.after(() => ended(bystander));
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const names: Record<string, string> = {
    SECRET: secret,
    SECRET64: base64(secret),
    TERCES: [...secret].reverse().join(''),
    CAT64: base64(`cat ${secret}`),
    HOUSE: home.directory,
    OUTSIDE: outside,
    PORT: String(port),
    SOCKET: socket,
    SOCKET64: base64(socket),
    PID: String(bystander.pid),
  };
  return {
    home,
    env,
    outside,
    command: (trick: Trick, cwd: string) =>
      trick.command.replace(/%([A-Z0-9]+)%/g, (_, name) => names[name] ?? relative(cwd, home.directory)),
    connections: () => connections,
    /** Everything in the folder outside, and in the house besides the workspace. */
    things: () => [outside, home.directory, home.credentials, home.state].flatMap(listed).join(),
  };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function listed(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).map((entry) => {
    const path = join(folder, entry.name);
    return entry.isFile() && !entry.name.startsWith('vigil.db') ? `${path}: ${readFileSync(path)}` : path;
  });
}

/** What the trick has got, of what it wants. */
function harm(
  trick: Trick,
  before: { connections: number; things: string },
  at: Target,
  output: string,
): boolean {
  if (trick.wants === 'connect') return at.connections() > before.connections;
  if (trick.wants === 'write') return at.things() !== before.things;
  return output.includes(SECRET) || output.includes(Buffer.from(`${SECRET}\n`).toString('base64'));
}

const stateOf = (at: Target) => ({ connections: at.connections(), things: at.things() });
const has = (program: string) => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
};
const possible = tricks.filter(({ needs }) => needs === undefined || has(needs));

test('the tricks are tricks: without a sandbox each gets what it wants', async (t) => {
  for (const trick of possible.filter(({ harmless }) => harmless === undefined)) {
    await t.test(trick.title, async (t) => {
      const at = await target(t);
      const before = stateOf(at);
      const cwd = at.home.workspace;
      // No input, rather than a socket: bash takes that for a login from afar.
      const child = spawn('bash', ['-c', at.command(trick, cwd)], {
        cwd,
        env: at.env,
        timeout: 10_000,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk) => {
          output += chunk;
        });
      }
      await once(child, 'close');
      await until(`it does harm: ${output.slice(0, 1000)}`, () => harm(trick, before, at, output));
    });
  }
});

test('the policy judges each trick as it should', async (t) => {
  const at = await target(t);
  const { home } = at;
  const wrong: string[] = [];
  for (const trick of tricks) {
    const verdict = verdictOn({
      tool: 'run_command',
      // Of the temporary folder each sandbox has one of its own.
      input: { command: at.command(trick, home.workspace).replaceAll(at.outside, '/home/ann/outside') },
      about: '',
      own: { do: 'allow' },
      settings: { policy: {}, commands: {}, allowed_hosts: [] },
      permissions: [],
      taints: [],
      known: [],
      workspace: home.workspace,
      at: (path, reach) => verdictAt(placeOf(path, home), reach, { home, shares: [], files: [] }),
    });
    if (verdict.do !== trick.policy) wrong.push(`${trick.title}: ${JSON.stringify(verdict)}`);
  }
  assert.deepEqual(wrong, []);
});

test('in the sandbox no trick gets anything, whatever the policy says', async (t) => {
  const at = await target(t);
  const { home } = at;
  const store = await openStore({ directory: home.state, principal: 'tools', flush: 'normal' });
  t.after(() => store.close());
  const egress = openEgress({ home, store, clock: systemClock, log: { warn() {} } });
  t.after(() => egress.close());
  const sandbox = await openSandbox({ home, shares: async () => [], egress });
  if (!sandbox.available) return t.skip(sandbox.why);
  const free = await sandbox.run(program('echo it runs', home));
  assert.equal(free.stdout, 'it runs\n', free.stderr);
  const before = stateOf(at);
  const queue = [...possible];
  process.env.CANARY = SECRET;
  t.after(() => delete process.env.CANARY);
  const lane = async () => {
    for (let trick = queue.shift(); trick; trick = queue.shift()) {
      // A folder of its own: what one leaves behind shall help no other.
      const cwd = join(home.workspace, String(queue.length));
      mkdirSync(cwd);
      const { stdout, stderr } = await sandbox.run({ ...program(at.command(trick, cwd), home), cwd });
      assert.ok(!harm(trick, before, at, stdout + stderr), `${trick.title}: ${stdout}${stderr}`);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  assert.deepEqual(stateOf(at), before);
});

function program(script: string, home: Home) {
  const signal = new AbortController().signal;
  return { script, cwd: home.workspace, env: {}, hosts: [], signal, limits: LIMITS };
}
