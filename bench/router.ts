/**
 * What the router adds to a call, and how many it carries: side by side in one run with no proxy, a proxy that does
 * nothing, and Portkey's gateway from npm. Ours has every check on: keys, budgets, limits, breakers, the durable ledger.
 *
 *   node bench/router.ts [--seconds 3] [--rounds 3] [--only NAME,NAME] [--calls 200000] [--no-portkey]
 *
 * Who is measured has one core to itself; the load and the provider share the other. Figures are the best of the rounds,
 * which alternate: whatever else the machine does only ever makes a figure worse. Then the router alone: memory over
 * many calls, durable commits per call, and the same with flushes that take 1 and 5 ms (strace delays fdatasync).
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '#shared/base/root.ts';
import { serviceOf } from '#shared/manifest.ts';
import { prepareHome } from '#shared/runtime/home.ts';
import { buildHouse, type House, KEY, RAISED } from '#shared/testing/house.ts';
import { freePort } from '#shared/testing/ports.ts';
import { until } from '#shared/testing/scratch.ts';
import { nodeOptions } from '#shared/units/process.ts';
import { type Load, load, requestTo } from './router/load.ts';
import { quantile, table } from './table.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    calls: { type: 'string', default: '200000' },
    only: { type: 'string' },
    'no-portkey': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  console.log(
    'node bench/router.ts [--seconds N] [--rounds N] [--calls N] [--only direct,bare,portkey,vigil,memory,flush] [--no-portkey]',
  );
  process.exit(0);
}
const seconds = Number(values.seconds);
const wanted = (name: string) => !values.only || values.only.split(',').includes(name);

/** Pins a process: who is measured to the last core, all else to the first. */
const measuredCore = String(cpus().length - 1);
const pinned = (core: string, command: string[]) => ['taskset', '-c', core, ...command];
execFileSync('taskset', ['-a', '-c', '-p', '0', String(process.pid)], { stdio: 'ignore' });

type Gateway = {
  name: string;
  port: number;
  headers: Record<string, string>;
  pid: number | null;
  stop(): Promise<void>;
};

function started(command: string[], env: NodeJS.ProcessEnv = process.env, cwd = root): ChildProcess {
  const [program = '', ...args] = command;
  return spawn(program, args, { env, cwd, stdio: ['ignore', 'pipe', 'inherit'] });
}

async function printsPort(child: ChildProcess): Promise<number> {
  const [line] = await once(child.stdout ?? child, 'data');
  return Number(String(line).trim());
}

async function ended(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  const closed = once(child, 'close');
  child.kill(signal);
  await closed;
}

const provider = started(pinned('0', [process.execPath, join(root, 'bench/router/provider.ts')]));
const providerPort = await printsPort(provider);

async function bare(): Promise<Gateway> {
  const child = started(
    pinned(measuredCore, [process.execPath, join(root, 'bench/router/bare-proxy.ts'), String(providerPort)]),
  );
  const port = await printsPort(child);
  return {
    name: 'bare proxy',
    port,
    headers: { 'x-api-key': KEY },
    pid: child.pid ?? null,
    stop: () => ended(child),
  };
}

/** Portkey's gateway, installed by npm into a folder of its own. */
const PORTKEY = '@portkey-ai/gateway@1.15.2';

async function portkey(): Promise<Gateway> {
  const folder = join(tmpdir(), `vigil-bench-${PORTKEY.replace(/\W+/g, '-')}`);
  const program = join(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js');
  if (!existsSync(program)) {
    console.error(`installing ${PORTKEY} …`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'package.json'),
      '{"private":true,"overrides":{"@hono/node-server":"1.13.8"}}',
    );
    execFileSync('npm', ['install', '--no-audit', '--no-fund', PORTKEY], { cwd: folder, stdio: 'ignore' });
  }
  const port = await freePort();
  const child = started(pinned(measuredCore, [process.execPath, program, `--port=${port}`, '--headless']), {
    ...process.env,
    NODE_ENV: 'production',
  });
  child.stdout?.resume();
  await until('Portkey listens', () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    ),
  );
  const headers = {
    'x-api-key': KEY,
    'x-portkey-provider': 'anthropic',
    'x-portkey-custom-host': `http://127.0.0.1:${providerPort}/v1`,
  };
  return {
    name: `Portkey ${PORTKEY.split('@').at(-1)}`,
    port,
    headers,
    pid: child.pid ?? null,
    stop: () => ended(child, 'SIGKILL'),
  };
}

async function vigil(under: string[] = []): Promise<Gateway & { house: House }> {
  const house = await buildHouse({
    telegram: false,
    outside: { telegram: '', model: `http://127.0.0.1:${providerPort}` },
  });
  prepareHome(house.home);
  const key = await house.accessKey('bench');
  const child = started(
    pinned(measuredCore, [
      ...under,
      process.execPath,
      ...nodeOptions(serviceOf('router')),
      join(root, '.build/services/router.cjs'),
    ]),
    { ...process.env, VIGIL_HOME: house.home.directory, VIGIL_CONSOLE: 'off' },
  );
  const pid = await house.pidOf('router');
  return {
    name: 'Vigil',
    port: house.port,
    headers: { 'x-api-key': key },
    pid,
    house,
    async stop() {
      process.kill(pid, 'SIGTERM');
      await once(child, 'close');
      await house.close();
    },
  };
}

const prompt = 'A question of some length, as a person would ask it, with a few details that matter. '.repeat(
  6,
);
const bodyOf = (stream: boolean) => ({
  model: 'claude-haiku-5-5',
  max_tokens: 256,
  messages: [{ role: 'user', content: prompt }],
  ...(stream ? { stream } : {}),
});

const shapes = [
  { name: 'JSON, 1', stream: false, connections: 1 },
  { name: 'JSON, 50', stream: false, connections: 50 },
  { name: 'SSE, 1', stream: true, connections: 1 },
  { name: 'SSE, 50', stream: true, connections: 50 },
] as const;

type Figure = { p50_us: number; p99_us: number; first_us: number; perSecond: number; cpu_us: number };

function figureOf({ calls, seconds }: Load, cpu_ms: number): Figure {
  const total = calls.map(({ total_ms }) => 1000 * total_ms);
  return {
    p50_us: quantile(total, 0.5),
    p99_us: quantile(total, 0.99),
    first_us: quantile(
      calls.map(({ first_ms }) => 1000 * first_ms),
      0.5,
    ),
    perSecond: calls.length / seconds,
    cpu_us: (1000 * cpu_ms) / calls.length,
  };
}

/** User and system time of a process (proc(5)), in milliseconds. */
function cpu_ms(pid: number | null): number {
  if (pid === null) return 0;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

function rss_mb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

async function measure(gateway: Gateway, shape: (typeof shapes)[number]): Promise<Figure> {
  const request = requestTo(gateway.port, gateway.headers, bodyOf(shape.stream));
  const before = cpu_ms(gateway.pid);
  const loaded = await load({ port: gateway.port, request }, shape.connections, { seconds });
  if (loaded.failed > 0) console.error(`${gateway.name}: ${loaded.failed} calls were not answered with 200`);
  return figureOf(loaded, cpu_ms(gateway.pid) - before);
}

const best = (figures: Figure[]): Figure => ({
  p50_us: Math.min(...figures.map(({ p50_us }) => p50_us)),
  p99_us: Math.min(...figures.map(({ p99_us }) => p99_us)),
  first_us: Math.min(...figures.map(({ first_us }) => first_us)),
  perSecond: Math.max(...figures.map(({ perSecond }) => perSecond)),
  cpu_us: Math.min(...figures.map(({ cpu_us }) => cpu_us)),
});

async function sideBySide(): Promise<void> {
  const direct: Gateway = {
    name: 'direct',
    port: providerPort,
    headers: { 'x-api-key': KEY },
    pid: null,
    async stop() {},
  };
  const gateways: Gateway[] = [direct];
  if (wanted('bare')) gateways.push(await bare());
  if (wanted('portkey') && !values['no-portkey']) gateways.push(await portkey());
  if (wanted('vigil')) gateways.push(await vigil());
  const figures = new Map<string, Figure[]>();
  const keyOf = (gateway: Gateway, shape: { name: string }) => `${gateway.name} ${shape.name}`;
  try {
    for (const gateway of gateways) {
      for (const stream of [false, true]) {
        const request = requestTo(gateway.port, gateway.headers, bodyOf(stream));
        await load({ port: gateway.port, request }, 50, { seconds: 4 });
      }
    }
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const shape of shapes) {
        for (const gateway of gateways) {
          console.error(`round ${round + 1}: ${shape.name}: ${gateway.name}`);
          const key = keyOf(gateway, shape);
          figures.set(key, [...(figures.get(key) ?? []), await measure(gateway, shape)]);
        }
      }
    }
    for (const shape of shapes) {
      const of = (gateway: Gateway) => best(figures.get(keyOf(gateway, shape)) ?? []);
      const floor = of(direct);
      const us = (value: number) => `${value.toFixed(0)} µs`;
      const rows = gateways.map((gateway) => {
        const figure = of(gateway);
        const added = (value: number, from: number) =>
          gateway === direct ? us(value) : `+${us(value - from)}`;
        return [
          gateway.name,
          added(figure.p50_us, floor.p50_us),
          added(figure.p99_us, floor.p99_us),
          added(figure.first_us, floor.first_us),
          figure.perSecond.toFixed(0),
          gateway.pid === null ? '' : us(figure.cpu_us),
          gateway.pid === null ? '' : `${rss_mb(gateway.pid).toFixed(0)} MB`,
        ];
      });
      console.log(
        `\n${table([shape.name, 'p50', 'p99', 'first byte', 'calls/s', 'CPU a call', 'RSS now'], rows)}`,
      );
    }
    ratios(gateways, (gateway, shape) => best(figures.get(keyOf(gateway, shape)) ?? []));
  } finally {
    for (const gateway of gateways) await gateway.stop();
  }
}

function ratios(gateways: Gateway[], of: (gateway: Gateway, shape: (typeof shapes)[number]) => Figure): void {
  const ours = gateways.find(({ name }) => name === 'Vigil');
  if (!ours) return;
  for (const shape of shapes.filter(({ connections }) => connections > 1)) {
    for (const other of gateways.filter((gateway) => gateway.pid !== null && gateway !== ours)) {
      const ratio = of(ours, shape).perSecond / of(other, shape).perSecond;
      console.log(`${shape.name}: Vigil carries ${ratio.toFixed(2)} × the calls of ${other.name}`);
    }
  }
  console.log(
    'aims: at 1, p50 ≤ +150 µs, p99 ≤ +3 ms, first byte ≤ +200 µs; at 50, ≥ 8 × Portkey and ≥ 0.33 × the bare proxy',
  );
}

async function memory(): Promise<void> {
  const gateway = await vigil();
  const pid = gateway.pid ?? 0;
  const calls = Number(values.calls);
  const rows: string[][] = [['0', `${rss_mb(pid).toFixed(0)} MB`, '']];
  try {
    for (let done = 0; done < calls; ) {
      const most = Math.min(calls / 8, calls - done);
      const request = requestTo(gateway.port, gateway.headers, bodyOf((done / most) % 2 === 1));
      const { seconds } = await load({ port: gateway.port, request }, 50, { seconds: 600, most });
      done += most;
      rows.push([String(done), `${rss_mb(pid).toFixed(0)} MB`, (most / seconds).toFixed(0)]);
    }
    console.log(`\n${table(['calls, JSON and SSE in turns', 'RSS', 'calls/s'], rows)}`);
    console.log('aim: ≤ 130 MB, and flat');
  } finally {
    await gateway.stop();
  }
}

async function flushes(): Promise<void> {
  const rows: string[][] = [];
  for (const ms of [0, 1, 5]) {
    const trace = join(mkdtempSync(join(tmpdir(), 'vigil-trace-')), 'flushes');
    const calls = 'fdatasync,fsync';
    const inject = `inject=${calls}:delay_exit=${ms * 1000}`;
    const under = [
      'strace',
      '-D',
      '-f',
      '-qq',
      '--seccomp-bpf',
      '-y',
      '-e',
      `trace=${calls}`,
      '-e',
      inject,
      '-o',
      trace,
    ];
    const gateway = await vigil(under);
    try {
      for (const connections of [1, 50]) {
        const request = requestTo(gateway.port, gateway.headers, bodyOf(false));
        await load({ port: gateway.port, request }, connections, { seconds: 1 });
        const before = flushesIn(trace);
        const loaded = await load({ port: gateway.port, request }, connections, { seconds });
        const { p50_us, p99_us, perSecond } = figureOf(loaded, 0);
        const each = (flushesIn(trace) - before) / loaded.calls.length;
        rows.push([
          `flush + ${ms} ms, ${connections} at once`,
          `${(p50_us / 1000).toFixed(2)} ms`,
          `${(p99_us / 1000).toFixed(2)} ms`,
          perSecond.toFixed(0),
          each.toFixed(2),
        ]);
      }
    } finally {
      await gateway.stop();
      rmSync(join(trace, '..'), { recursive: true, force: true });
    }
  }
  console.log(`\n${table(['Vigil under strace, JSON', 'p50', 'p99', 'calls/s', 'flushes a call'], rows)}`);
  console.log('aim: ≤ 2 flushes a call, those of checkpoints included');
}

function flushesIn(trace: string): number {
  return readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => /f(data)?sync\(.*vigil\.db/.test(line)).length;
}

try {
  execFileSync(process.execPath, [join(root, 'scripts/bundle.ts')], { stdio: 'inherit' });
  console.log(`limits of the run, which stay on:\n${RAISED}`);
  if (['direct', 'bare', 'portkey', 'vigil'].some(wanted)) await sideBySide();
  if (wanted('memory')) await memory();
  if (wanted('flush')) await flushes();
} finally {
  await ended(provider, 'SIGKILL');
}
