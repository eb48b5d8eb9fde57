/**
 * What an installed Vigil survives, how soon, and what its owner hears of it. A real systemd in a box, the units as they
 * are installed, with their real limits and times; Telegram and the model are local servers outside of the box.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type ServiceName, services } from '#shared/manifest.ts';
import type { Sent } from '#shared/testing/bot-api/world.ts';
import { noBox } from '#shared/testing/box.ts';
import { installVigil, monotonic_ms, names, noClock } from '#shared/testing/installed.ts';
import {
  crashUntilGivenUp,
  cutPower,
  fullDisk,
  memory,
  offline,
  type Recovery,
  sinceBoot,
  strike,
} from './recovery/faults.ts';
import { quantile, table } from './table.ts';

const HELP = `What an installed Vigil survives, how soon, and what its owner hears of it. Needs root on Linux.

  node bench/recovery.ts [--quick] [--retry-s 60] [--offline-s 300] [--full-s 120]

  --quick      each service hangs in one way only, and nothing is away for more than 45 s (some 12 minutes instead of 25)
  --retry-s    after so long a service that was given up is tried again (installed: 600)
  --offline-s  for so long Telegram and the model are away
  --full-s     for so long the disk is full
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    quick: { type: 'boolean', default: false },
    'retry-s': { type: 'string', default: '60' },
    'offline-s': { type: 'string' },
    'full-s': { type: 'string' },
  },
});
if (values.help || noBox) {
  (values.help ? process.stdout : process.stderr).write(values.help ? HELP : `${noBox}\n`);
  process.exit(values.help ? 0 : 69);
}
const retry_s = Number(values['retry-s']);
const offline_s = Number(values['offline-s'] ?? (values.quick ? 45 : 300));
const full_s = Number(values['full-s'] ?? (values.quick ? 45 : 120));
/** What is told of a service that is ready again is told within this time, its end too. */
const LISTEN_ms = 40_000;

const ends: (() => Promise<void> | void)[] = [];
const rows: string[][] = [];
const faults: string[] = [];
const s = (ms: number) => (Number.isFinite(ms) ? (ms / 1000).toFixed(1) : '–');
const progress = (what: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${what}`);
const naming = (text: string, word: string) => new RegExp(`\\b${word}\\b`).test(text);

try {
  await bench();
} finally {
  for (const end of ends) await end();
}

async function bench(): Promise<void> {
  progress('install');
  const began = monotonic_ms();
  const vigil = await installVigil({ after: (end) => void ends.unshift(end) });
  const { box, bot } = vigil;
  console.log(`made, installed and ready in ${s(monotonic_ms() - began)} s`);
  await vigil.ask('hello');
  await box.must(
    `mkdir -p '/etc/systemd/system/vigil-failed@.service.d'; printf '[Service]\\nEnvironment=RETRY_FIRST_S=${retry_s}\\n' >'/etc/systemd/system/vigil-failed@.service.d/test.conf'; systemctl daemon-reload`,
  );

  progress('memory, after a minute without work');
  await sleep(60_000);
  const used = await memory(vigil);
  const mib = (values: number[]) => values.reduce((sum, one) => sum + one, 0).toFixed(0);
  console.log(
    table(
      ['idle', 'PSS MiB', 'cgroup MiB', 'limit MiB'],
      [
        ...used.map((row) => [
          row.service,
          row.pss_mib.toFixed(1),
          row.cgroup_mib.toFixed(1),
          row.limit_mib.toFixed(0),
        ]),
        ['all', mib(used.map((row) => row.pss_mib)), mib(used.map((row) => row.cgroup_mib)), ''],
      ],
    ),
  );

  const lastSent = async () => (await bot.sent()).at(-1)?.seq ?? 0;
  const mark = async () => ({ at_ms: Date.now(), after: await lastSent() });
  /** A row of what was told of this since then. */
  async function row(
    fault: string,
    what: string,
    recovered_ms: number,
    since: { at_ms: number; after: number },
    of: (told: Sent[]) => Sent[] = (told) => told,
  ) {
    const told = of(await vigil.told(since.after));
    const [first] = told;
    const lines = first?.text.split('\n') ?? [];
    const words = lines.find((line) => naming(line, what)) ?? lines[0] ?? 'nothing';
    rows.push([
      fault,
      what,
      s(recovered_ms),
      first ? s(first.at_ms - since.at_ms) : '–',
      String(told.length),
      words,
    ]);
  }
  /** systemd counts five starts in five minutes; each fault is to be seen by itself. */
  const afresh = () => box.must('systemctl reset-failed');

  async function each(fault: string, which: readonly ServiceName[], recover: () => Promise<Recovery[]>) {
    progress(`${fault}: ${which}`);
    const since = await mark();
    const found = await recover();
    const stray = found[0]?.others ?? [];
    if (stray.length > 0) faults.push(`${fault} of ${which}: ${stray} restarted too`);
    return { since, found };
  }

  async function oneByOne(fault: string, blow: (name: ServiceName) => Promise<void>) {
    const seen: Awaited<ReturnType<typeof each>>[] = [];
    for (const name of names)
      seen.push(await each(fault, [name], () => strike(vigil, [name], blow, 120_000)));
    await sleep(LISTEN_ms);
    for (const { since, found } of seen) {
      for (const { service, after_ms } of found)
        await row(fault, service, after_ms, since, (told) =>
          told.filter(({ text }) => naming(text, service)),
        );
    }
    await afresh();
  }

  await oneByOne('kill -9', (name) => vigil.signal(name, 'KILL'));
  await oneByOne('memory hog', (name) => vigil.ail(name, 'hog'));

  // Not many at once: when all are silent it is the machine, and nobody is restarted. The watchdog alone: it is to tell.
  const some = names.filter((name) => name !== 'watchdog');
  const groups: ServiceName[][] = [some.slice(0, 3), some.slice(3), ['watchdog']];
  const ways: [string, (name: ServiceName) => Promise<void>][] = [
    ['SIGSTOP', (name) => vigil.signal(name, 'STOP')],
    ['endless loop', (name) => vigil.ail(name, 'loop')],
  ];
  for (const [nth, group] of groups.entries()) {
    for (const [fault, blow] of values.quick ? ways.slice(nth % 2, (nth % 2) + 1) : ways) {
      const { since, found } = await each(fault, group, () => strike(vigil, group, blow, 180_000));
      await sleep(LISTEN_ms);
      for (const { service, after_ms } of found)
        await row(fault, service, after_ms, since, (told) =>
          told.filter(({ text }) => naming(text, service)),
        );
      await afresh();
    }
  }

  progress('power cut');
  const boots: number[] = [];
  {
    const since = await mark();
    const cut = await cutPower(vigil, 20);
    boots.push(cut.ready_ms);
    await sleep(LISTEN_ms);
    const { lost, doubled, said, in_doubt } = cut;
    await row(`power cut, ${said} messages`, 'all', cut.ready_ms, since);
    console.log(
      `power cut: ${lost.length} of ${said} messages lost, ${doubled.length} answered twice, ${in_doubt} sends in doubt`,
    );
    if (lost.length > 0 || doubled.length > in_doubt)
      faults.push(`power cut: lost ${lost}, doubled ${doubled}`);
  }

  progress('given up');
  {
    const since = await mark();
    const before = await vigil.standings();
    const crashes = await crashUntilGivenUp(vigil, 'cron');
    const gave_up_ms = monotonic_ms();
    const again = await vigil.renewed(before, ['cron'], (retry_s + 60) * 1000);
    await sleep(LISTEN_ms);
    const ready_ms = again.get('cron')?.ready_at_ms ?? Number.NaN;
    await row(`${crashes} crashes, tried again after ${retry_s} s`, 'cron', ready_ms - gave_up_ms, since);
    await afresh();
  }

  const unharmed = async (fault: string, what: string, happens: () => Promise<void>) => {
    progress(fault);
    const before = await vigil.standings();
    const since = await mark();
    await happens();
    const over_ms = monotonic_ms();
    await vigil.ask(`after ${fault}`, 180_000);
    const answered_ms = monotonic_ms() - over_ms;
    await sleep(LISTEN_ms);
    const changed = await vigil.changed(before);
    if (changed.length > 0) faults.push(`${fault}: ${changed} restarted`);
    await row(fault, what, answered_ms, since);
  };
  await unharmed(`Telegram and model away for ${offline_s} s`, 'answer', () =>
    offline(vigil, offline_s * 1000),
  );
  await unharmed(`disk full for ${full_s} s`, 'answer', () => fullDisk(vigil, full_s * 1000));
  if (!noClock) await unharmed('clock set forward by 1 h', 'answer', () => vigil.setClock(3600));

  progress('off and on');
  {
    const since = await mark();
    console.log(await box.must('vigil off for the bench'));
    const left = [await vigil.processes()];
    await box.reboot();
    left.push(await vigil.processes());
    console.log(`processes after off, and after a reboot: ${left.join(', ')}`);
    if (left.some((count) => count > 0)) faults.push('off: processes were left');
    const on_ms = monotonic_ms();
    await box.must('vigil on');
    await vigil.ready();
    await row('off, reboot, on', 'all', monotonic_ms() - on_ms, since);
  }

  progress('boots');
  for (let boot = 0; boot < (values.quick ? 2 : 5); boot++) {
    await box.reboot();
    boots.push(await sinceBoot(vigil));
    await afresh();
  }

  console.log(table(['fault', 'who', 'recovered after s', 'told after s', 'messages', 'said'], rows));
  console.log(
    `boot to all ready: p50 ${s(quantile(boots, 0.5))} s, worst ${s(Math.max(...boots))} s, of ${boots.length}`,
  );
  const limits = services.map(({ name, quiet_s }) => `${name} ${quiet_s} s`).join(', ');
  console.log(
    `aims: ready again ≤ 4 s after kill -9; after a hang within its quiet time and 4 s (${limits}); told ≤ 60 s`,
  );
  for (const fault of faults) console.log(`BROKEN: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
