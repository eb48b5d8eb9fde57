/**
 * What Vigil weighs: start to ready, memory of each process (PSS: shared pages divided among those who share them),
 * idle CPU, and the size of what is installed. Beside it, in the same run, a bare Node process that does nothing.
 *
 *   node bench/footprint.ts [--idle 60] [--starts 5] [--messages 20] [--houses 4]
 *
 * Linux only: it reads /proc. Memory is taken idle after the start, again after some conversation, and
 * once more with several houses side by side: what processes share weighs less the more of them there are.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sleep } from '#shared/base/clock.ts';
import { root } from '#shared/base/root.ts';
import { services } from '#shared/manifest.ts';
import { buildHouse, OWNER, RAISED } from '#shared/testing/house.ts';
import { median, table } from './table.ts';

const { values } = parseArgs({
  options: {
    idle: { type: 'string', default: '60' },
    starts: { type: 'string', default: '5' },
    messages: { type: 'string', default: '20' },
    houses: { type: 'string', default: '4' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  console.log('node bench/footprint.ts [--idle SECONDS] [--starts N] [--messages N] [--houses N]');
  process.exit(0);
}
const [idle_s, starts, messages] = [Number(values.idle), Number(values.starts), Number(values.messages)];
const houses = Number(values.houses);

const MIB = 1024;
/** Proportional and private memory of a process, in KiB. */
function memory(pid: number): { pss: number; private: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { pss: kib('Pss'), private: kib('Private_Clean') + kib('Private_Dirty') };
}

/** CPU time of a process so far, in ms (USER_HZ is 100 on every Linux we run on). */
function cpu_ms(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function size_mb(path: string): number {
  const { size } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0 };
  if (!statSync(path).isDirectory()) return size / 2 ** 20;
  return readdirSync(path).reduce((sum, name) => sum + size_mb(join(path, name)), 0);
}

execFileSync(process.execPath, [join(root, 'scripts/bundle.ts')]);

console.log(`budgets and limits are on, and raised:\n${RAISED}`);
console.error(`starting the suite ${starts} times …`);
const took: number[] = [];
for (let i = 0; i < starts; i++) {
  const house = await buildHouse({ bundled: true });
  const suite = await house.start();
  took.push(Number(/vigil ready in (\d+) ms/.exec(suite.output())?.[1]));
  await house.close();
}

const house = await buildHouse({ bundled: true });
const suite = await house.start();
const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60000)'], { stdio: 'ignore' });
await once(bare, 'spawn');
const pids = new Map<string, number>([['supervisor', pidOf(suite.child)]]);
for (const { name } of services) pids.set(name, await house.pidOf(name));
pids.set('(bare node)', pidOf(bare));

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the process was not started');
  return child.pid;
}

console.error(`idle for ${idle_s} s …`);
const before = new Map([...pids].map(([name, pid]) => [name, cpu_ms(pid)]));
await sleep(idle_s * 1000);
const idle = new Map([...pids].map(([name, pid]) => [name, memory(pid)]));
const burnt = new Map([...pids].map(([name, pid]) => [name, cpu_ms(pid) - (before.get(name) ?? 0)]));

console.error(`${messages} messages …`);
for (let i = 0; i < messages; i++) {
  await house.bot.say({ chat_id: OWNER, text: `message ${i}.` });
  await house.bot.waitSent((sent) => sent.text.includes(`message ${i}.`));
}
await sleep(5000);
const used = new Map([...pids].map(([name, pid]) => [name, memory(pid)]));
bare.kill();
await house.close();

console.error(`${houses} houses …`);
const street = await Promise.all(Array.from({ length: houses }, () => buildHouse({ bundled: true })));
for (const one of street) await one.start();
await sleep(10_000);
const residents: number[] = [];
for (const one of street) for (const { name } of services) residents.push(memory(await one.pidOf(name)).pss);
for (const one of street) await one.close();

const mib = (kib: number | undefined) => ((kib ?? 0) / MIB).toFixed(1);
const percent = (ms: number) => `${(ms / (idle_s * 10)).toFixed(2)} %`;
const rows = [...pids.keys()].map((name) => [
  name,
  mib(idle.get(name)?.pss),
  mib(idle.get(name)?.private),
  mib(used.get(name)?.pss),
  percent(burnt.get(name) ?? 0),
]);
const ours = [...pids.keys()].filter((name) => name !== '(bare node)');
const sum = (of: Map<string, { pss: number; private: number }>, kind: 'pss' | 'private') =>
  mib(ours.reduce((total, name) => total + (of.get(name)?.[kind] ?? 0), 0));
const cpu = ours.reduce((total, name) => total + (burnt.get(name) ?? 0), 0);
rows.push(['the whole suite', sum(idle, 'pss'), sum(idle, 'private'), sum(used, 'pss'), percent(cpu)]);
console.log(table(['process', 'PSS MiB', 'private MiB', 'PSS after use', `CPU of a core`], rows));

const mean = (kib: number[]) => kib.reduce((total, one) => total + one, 0) / kib.length;
const bareKib = idle.get('(bare node)')?.pss ?? 1;
const alone = mean(services.map(({ name }) => idle.get(name)?.pss ?? 0));
const among = mean(residents);
const ratio = (kib: number) => (kib / bareKib).toFixed(2);
console.log(
  `PSS per service, mean: ${mib(alone)} MiB in one house, ${ratio(alone)} of a bare Node's ${mib(bareKib)} MiB`,
);
console.log(`PSS per service, mean: ${mib(among)} MiB among ${residents.length} services (aim: 22)`);
console.log(`idle CPU of the suite ${percent(cpu)} (aim: 0.30 %)`);
console.log(`start to ready, median of ${starts}: ${median(took)} ms (aim: 600), all: ${took.join(', ')}`);

const release = mkdtempSync(join(tmpdir(), 'vigil-release-'));
for (const part of ['.build', 'package.json', 'config.example.toml', 'shared/store/migrations']) {
  cpSync(join(root, part), join(release, part), { recursive: true });
}
const driver = 'node_modules/better-sqlite3';
mkdirSync(join(release, driver, 'prebuilds'), { recursive: true });
for (const part of ['package.json', 'lib', `prebuilds/${process.platform}-${process.arch}.node`]) {
  cpSync(join(root, driver, part), join(release, driver, part), { recursive: true });
}
const bundle_mb = size_mb(release);
rmSync(release, { recursive: true });
const node_mb = size_mb(process.execPath);
console.log(
  `what runs, installed: ${bundle_mb.toFixed(1)} MB without the runtime (aim: 60), ${(bundle_mb + node_mb).toFixed(1)} MB with it`,
);
