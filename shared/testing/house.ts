/**
 * A whole house for a test: a home of its own, Telegram and the model as local servers with the real rules, and the
 * suite as real processes. Everything ends with the test.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { newAccessKey } from '../base/access.ts';
import { root } from '../base/root.ts';
import { type ServiceName, services } from '../manifest.ts';
import { type Home, homeOf, lockOf, prepareHome } from '../runtime/home.ts';
import { isLocked } from '../store/liveness.ts';
import { FILE, openStore, type Store } from '../store/store.ts';
import * as access_key from '../tables/access_key.ts';
import * as heartbeat from '../tables/heartbeat.ts';
import type { Query } from '../tables/op.ts';
import type { CallRecord } from './bot-api/server.ts';
import { type RunningBotApi, startBotApi } from './bot-api.ts';
import { type MessagesApi, startMessagesApi } from './messages-api.ts';
import { freePort } from './ports.ts';
import { until } from './scratch.ts';

export const OWNER = 4242;
export const TOKEN = '7000001:test-token-of-a-bot-that-is-not-there';
export const KEY = 'sk-ant-test-key-0123456789';

/** Limits that no test or bench comes near: what they are about is something else. */
export const RAISED = `[budget]
hour_usd = 100000
day_usd = 100000
month_usd = 100000
turn_usd = 100000
calls_per_hour = 1000000000
[limits]
requests_per_minute = 10000000
tokens_per_minute = 1000000000
`;

export type HouseOptions = {
  /** Where it lies; a folder of its own that goes with the house, when left out. */
  directory?: string;
  /**
   * Lines of config.toml besides the owners and the port, which go into their sections; `RAISED` goes with them, unless
   * they set a budget themselves.
   */
  config?: string;
  /** Those who may talk to it, instead of OWNER alone. */
  owners?: readonly number[];
  /** Told of each call that Telegram hears, before it takes effect. */
  heard?: (call: CallRecord) => void;
  /** Without Telegram, or without a key (then the rehearsal model answers). */
  telegram?: boolean;
  key?: boolean;
  /** Runs the bundles of .build/ instead of the sources. */
  bundled?: boolean;
  /** Keeps Telegram's and the model's servers out: somebody else runs them, at these addresses. */
  outside?: { telegram: string; model: string };
};

export type House = {
  home: Home;
  port: number;
  bot: RunningBotApi;
  model: MessagesApi;
  /** Starts the suite, perhaps `under` another program; resolves when it says that it is ready, or has ended. */
  start(args?: string[], env?: Record<string, string>, under?: string[]): Promise<Suite>;
  /** Starts one service alone; resolves when it is ready, or has ended. */
  serve(name: ServiceName, env?: Record<string, string>): Promise<Suite>;
  /** The store, as the command line sees it. */
  store(): Promise<Store>;
  read<Row>(sql: string, ...args: (string | number | null)[]): Promise<Row[]>;
  pidOf(service: ServiceName): Promise<number>;
  /** A key for a client of the router. */
  accessKey(name?: string): Promise<string>;
  close(): Promise<void>;
};

export type Suite = {
  child: ChildProcess;
  /** All that it printed so far. */
  output(): string;
  exit: Promise<number | null>;
  stop(): Promise<number | null>;
};

export async function buildHouse(options: HouseOptions = {}): Promise<House> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'vigil-house-'));
  const home = homeOf({ VIGIL_HOME: directory });
  const port = await freePort();
  const bot = await startBotApi({
    token: TOKEN,
    port: await freePort(),
    ...(options.heard && { heard: options.heard }),
  });
  const model = await startMessagesApi({ key: KEY, port: await freePort() });
  mkdirSync(join(home.credentials, 'mcp'), { recursive: true, mode: 0o700 });
  const secret = (name: string, lines: string) =>
    writeFileSync(join(home.credentials, `${name}.env`), lines, { mode: 0o600 });
  if (options.telegram !== false) {
    const root = options.outside?.telegram ?? bot.root;
    secret('telegram', `TELEGRAM_BOT_TOKEN=${TOKEN}\nTELEGRAM_API_ROOT=${root}\n`);
  }
  if (options.key !== false) {
    const root = options.outside?.model ?? model.root;
    secret('anthropic', `ANTHROPIC_API_KEY=${KEY}\nANTHROPIC_BASE_URL=${root}\n`);
  }
  if (!existsSync(home.config)) {
    const { config = '', owners = [OWNER] } = options;
    let lines = `${config}\n${config.includes('[budget]') ? '' : RAISED}`;
    const sections: Record<string, string> = {
      router: `port = ${port}`,
      metrics: `port = ${port + 4}`,
      console: `port = ${port + 5}`,
      telegram: `owners = ${JSON.stringify(owners)}`,
    };
    // It is told by night as by day, but to whoever sets the hours.
    if (!config.includes('quiet =')) sections.owner = 'quiet = ""';
    // Whoever counts messages counts their own.
    if (!config.includes('[watchdog]')) sections.watchdog = 'canary_s = 0';
    // Nor is a week told to whoever sets the clock to a Monday.
    if (!config.includes('weekly')) sections.metrics += '\nweekly = false';
    // Nobody looks outside who does not say where.
    if (!config.includes('[upstream]')) sections.upstream = 'watch = []';
    for (const [name, line] of Object.entries(sections)) {
      if (!lines.includes(`[${name}]\n`)) lines += `[${name}]\n`;
      lines = lines.replace(`[${name}]\n`, `[${name}]\n${line}\n`);
    }
    writeFileSync(home.config, lines);
  }
  const suites = new Set<Suite>();
  let store: Store | undefined;

  const house: House = {
    home,
    port,
    bot,
    model,
    async start(args = [], env = {}, under = []) {
      const program = options.bundled ? '.build/suite.cjs' : 'scripts/suite.ts';
      const more = options.bundled ? [] : ['--sources'];
      const command = [...under, process.execPath, join(root, program), '--no-chat', ...more, ...args];
      const suite = startSuite(command, {
        ...process.env,
        VIGIL_HOME: directory,
        ...env,
      });
      suites.add(suite);
      let over = false;
      suite.exit.then(() => {
        over = true;
      });
      // A machine that is busy with other tests takes its time.
      await until('the suite is ready', () => over || suite.output().includes('vigil ready'));
      return suite;
    },
    async serve(name, env = {}) {
      prepareHome(home);
      const started = startSuite([process.execPath, join(root, 'services', name, 'service.ts')], {
        ...process.env,
        VIGIL_HOME: directory,
        VIGIL_CONSOLE: 'off',
        ...env,
      });
      suites.add(started);
      const { child } = started;
      const ready = (beats: heartbeat.Heartbeat[]) =>
        beats.some(({ pid, phase }) => pid === child.pid && phase === 'ready');
      await until(
        `${name} is ready`,
        async () => child.exitCode !== null || ready(await (await house.store()).read(heartbeat.all)),
      );
      return started;
    },
    async store() {
      store ??= await openStore({ directory: home.state, principal: 'cli' });
      return store;
    },
    async read<Row>(sql: string, ...args: (string | number | null)[]) {
      const query: Query<Row> = { verb: 'test', sql, args };
      return (await house.store()).read(query);
    },
    async pidOf(service) {
      return until(`${service} is alive`, async () => {
        if (!existsSync(join(home.state, FILE)) || !isLocked(lockOf(home, service))) return null;
        const beats = await (await house.store()).read(heartbeat.all);
        const beat = beats.find(
          (row) => row.service === service && row.worker === 0 && row.phase === 'ready',
        );
        return beat && alive(beat.pid) ? beat.pid : null;
      });
    },
    async accessKey(name = 'test') {
      const { key, hash } = newAccessKey();
      const unlimited = { hour_nanousd: null, day_nanousd: null, month_nanousd: null, calls_per_hour: null };
      const store = await house.store();
      await store.commit([
        access_key.add({ name, hash, aliases_json: null, ...unlimited, created_at: Date.now() }),
      ]);
      return key;
    },
    async close() {
      for (const suite of suites) await suite.stop();
      await store?.close();
      await bot.close();
      await model.close();
      if (!options.directory) rmSync(directory, { recursive: true, force: true });
    },
  };
  return house;
}

function startSuite([program = '', ...args]: string[], env: NodeJS.ProcessEnv): Suite {
  const child = spawn(program, args, { env, cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exit = once(child, 'close').then(([code]): number | null => code);
  return {
    child,
    output: () => output,
    exit,
    async stop() {
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      return exit;
    },
  };
}

/** The suite's own children, by the program that they run. */
export async function processesOf(suite: Suite): Promise<Map<ServiceName, number>> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'pid=,ppid=,args=']);
  const found = new Map<ServiceName, number>();
  for (const line of stdout.split('\n')) {
    const [, pid, parent, args = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    if (Number(parent) !== suite.child.pid) continue;
    const service = services.find(({ name }) =>
      new RegExp(`services/${name}(\\.cjs|/service\\.ts)$`).test(args),
    );
    if (service) found.set(service.name, Number(pid));
  }
  return found;
}

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
