/**
 * Outages: one thing breaks at a time, in a house of real processes, while somebody talks to it. What still works
 * meanwhile, how soon the owner hears what is wrong and by which route, what the words are, and how soon that it is over.
 *
 * What is kept down is killed each time its supervisor brings it back. What is frozen is stopped with SIGSTOP.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sleep } from '#shared/base/clock.ts';
import { root } from '#shared/base/root.ts';
import { type ServiceName, services } from '#shared/manifest.ts';
import { holdWrites } from '#shared/store/hold.ts';
import { FILE } from '#shared/store/store.ts';
import { type AlarmRoutes, startAlarmRoutes } from '#shared/testing/alarm-routes.ts';
import { freeze as hang } from '#shared/testing/freeze.ts';
import { noSmallDisk, smallDisk } from '#shared/testing/full-disk.ts';
import {
  alive,
  buildHouse,
  type House,
  OWNER,
  processesOf,
  type Suite,
  TOKEN,
} from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { table } from './table.ts';

export type Scene = { house: House; suite: Suite };
/** Mends what was broken. */
export type Cure = () => void | Promise<void>;

export type Outage = {
  service: ServiceName | 'all' | 'the model' | 'Telegram' | 'the store';
  fault: string;
  strike(scene: Scene): Cure | Promise<Cure>;
  /** What the owner is to hear. */
  says: RegExp;
  config?: string;
  /** On a disk of its own, so small. */
  disk_kb?: number;
  /** What it stands in the way of: a message waits. */
  waits?: true;
};

export type Heard = {
  outage: Outage;
  /** Whether a message was answered while it lasted, and /status. */
  message: boolean;
  status: boolean;
  /** Since it broke; null: never. */
  seen_ms: number | null;
  told_ms: number | null;
  routes: string;
  text: string;
  /** Since it was mended. */
  over_ms: number | null;
  /** The message was answered at last, once. */
  answers: number;
  /** All that the owner was told by the bot, from beginning to end. */
  words: string[];
  restarts: string[];
};

export type Pace = {
  watchdog: string;
  /** Nobody is judged before. */
  grace_ms: number;
  /** It waits so long for a word, and for its end. */
  patience_ms: number;
};

/** As it is without any setting. */
export const REAL: Pace = { watchdog: '', grace_ms: 33_000, patience_ms: 100_000 };

/** As quick as heartbeats of 5 s allow on a busy machine. */
export const QUICK: Pace = {
  watchdog: 'look_s = 0.3\nstale_s = 15\ngrace_s = 0.5\ncalm_s = 1\nuntold_s = 3\ncanary_s = 0\n',
  grace_ms: 1_000,
  patience_ms: 90_000,
};

const keptDown = (name: ServiceName) => (scene: Scene) => keepDown(scene, name);
const frozen =
  (...names: ServiceName[]) =>
  (scene: Scene) =>
    freeze(scene, names);
const wrongConfig = (name: ServiceName, line: string) => (scene: Scene) => misconfigure(scene, name, line);
const unlessWatchdog = services.map(({ name }) => name).filter((name) => name !== 'watchdog');

export const outages: readonly Outage[] = [
  {
    service: 'core',
    fault: 'kept down',
    strike: keptDown('core'),
    says: /core is down/,
    waits: true,
  },
  { service: 'core', fault: 'frozen', strike: frozen('core'), says: /core hangs/, waits: true },
  {
    service: 'core',
    fault: 'misconfigured',
    strike: wrongConfig('core', 'parallel_turns = "many"'),
    says: /core is down/,
    waits: true,
  },
  {
    service: 'core',
    fault: 'given up',
    strike: async (scene) => {
      const cure = await keepDown(scene, 'core');
      const folder = join(scene.house.home.state, 'failed');
      mkdirSync(folder, { recursive: true });
      const report = { service: 'core', result: 'start-limit-hit', at: new Date().toISOString(), count: 5 };
      writeFileSync(join(folder, 'core'), JSON.stringify(report));
      return cure;
    },
    says: /core is down(: it has failed too often| \()/,
    waits: true,
  },
  { service: 'router', fault: 'kept down', strike: keptDown('router'), says: /router is down/, waits: true },
  { service: 'router', fault: 'frozen', strike: frozen('router'), says: /router hangs/, waits: true },
  { service: 'tools', fault: 'kept down', strike: keptDown('tools'), says: /tools is down/ },
  { service: 'tools', fault: 'frozen', strike: frozen('tools'), says: /tools hangs/ },
  { service: 'cron', fault: 'kept down', strike: keptDown('cron'), says: /cron is down/ },
  { service: 'backup', fault: 'kept down', strike: keptDown('backup'), says: /backup is down/ },
  { service: 'backup', fault: 'frozen', strike: frozen('backup'), says: /backup hangs/ },
  { service: 'memory', fault: 'kept down', strike: keptDown('memory'), says: /memory is down/ },
  { service: 'memory', fault: 'frozen', strike: frozen('memory'), says: /memory hangs/ },
  { service: 'upstream', fault: 'kept down', strike: keptDown('upstream'), says: /upstream is down/ },
  { service: 'upstream', fault: 'frozen', strike: frozen('upstream'), says: /upstream hangs/ },
  { service: 'metrics', fault: 'kept down', strike: keptDown('metrics'), says: /metrics is down/ },
  { service: 'metrics', fault: 'frozen', strike: frozen('metrics'), says: /metrics hangs/ },
  { service: 'console', fault: 'kept down', strike: keptDown('console'), says: /console is down/ },
  { service: 'console', fault: 'frozen', strike: frozen('console'), says: /console hangs/ },
  { service: 'alerts', fault: 'kept down', strike: keptDown('alerts'), says: /alerts is down/ },
  { service: 'alerts', fault: 'frozen', strike: frozen('alerts'), says: /alerts hangs/ },
  {
    service: 'core',
    fault: 'frozen together with alerts',
    strike: frozen('core', 'alerts'),
    says: /core hangs/,
    waits: true,
  },
  {
    service: 'telegram',
    fault: 'kept down',
    strike: keptDown('telegram'),
    says: /telegram is down/,
    waits: true,
  },
  { service: 'telegram', fault: 'frozen', strike: frozen('telegram'), says: /telegram hangs/, waits: true },
  {
    service: 'telegram',
    fault: 'token revoked',
    strike: async ({ house }) => {
      await house.bot.revoke();
      return async () => {
        await house.bot.revoke(TOKEN);
        await house.serve('telegram');
      };
    },
    says: /telegram is down/,
    waits: true,
  },
  { service: 'watchdog', fault: 'kept down', strike: keptDown('watchdog'), says: /watchdog/ },
  { service: 'watchdog', fault: 'frozen', strike: frozen('watchdog'), says: /watchdog/ },
  {
    service: 'Telegram',
    fault: 'unreachable',
    strike: async ({ house }) => {
      await house.bot.network('down');
      return () => house.bot.network('up');
    },
    says: /Telegram cannot/,
    waits: true,
  },
  {
    service: 'the model',
    fault: 'unreachable',
    strike: async ({ house }) => {
      await house.model.network('down');
      return () => house.model.network('up');
    },
    says: /[Tt]he model/,
    waits: true,
  },
  {
    service: 'the store',
    fault: 'locked',
    strike: ({ house }) => holdWrites(join(house.home.state, FILE)),
    says: /The store cannot be/,
    waits: true,
  },
  {
    service: 'the store',
    fault: 'disk full',
    strike: ({ house }) => {
      const file = join(house.home.directory, 'filler');
      fill(file);
      return () => rmSync(file);
    },
    says: /disk|full|The store cannot be/,
    config: '[watchdog]\ndisk_free_mb = 5\n',
    disk_kb: 64_000,
    waits: true,
  },
  { service: 'all', fault: 'frozen', strike: frozen(...unlessWatchdog), says: /All services/, waits: true },
];

/** Kills it now, and each time that it comes back. */
export async function keepDown({ suite }: Scene, name: ServiceName): Promise<Cure> {
  const over = new AbortController();
  const killing = (async () => {
    while (!over.signal.aborted) {
      const pid = (await processesOf(suite)).get(name);
      if (pid !== undefined && alive(pid)) process.kill(pid, 'SIGKILL');
      await sleep(150);
    }
  })();
  return async () => {
    over.abort();
    await killing;
  };
}

async function freeze({ house }: Scene, names: readonly ServiceName[]): Promise<Cure> {
  const pids = await Promise.all(names.map((name) => house.pidOf(name)));
  for (const pid of pids) hang(join(house.home.state, FILE), pid);
  return () => {
    for (const pid of pids) if (alive(pid)) process.kill(pid, 'SIGCONT');
  };
}

async function misconfigure({ house }: Scene, name: ServiceName, line: string): Promise<Cure> {
  const before = readFileSync(house.home.config, 'utf8');
  writeFileSync(house.home.config, `${before}\n[${name}]\n${line}\n`);
  process.kill(await house.pidOf(name), 'SIGKILL');
  return async () => {
    writeFileSync(house.home.config, before);
    await house.serve(name);
  };
}

function fill(file: string): void {
  writeFileSync(file, '');
  const { bavail, bsize } = statfsSync(file);
  for (let blocks = bavail; blocks > 0; ) {
    try {
      writeFileSync(file, Buffer.alloc(blocks * bsize), { flag: 'a' });
      return;
    } catch {
      blocks = statfsSync(file).bavail;
    }
  }
}

export async function suffer(outage: Outage, pace: Pace, bundled = false): Promise<Heard> {
  const ends: (() => void | Promise<void>)[] = [];
  try {
    const directory = outage.disk_kb
      ? smallDisk({ after: (end: () => void) => void ends.push(end) }, outage.disk_kb).directory
      : undefined;
    const routes = await startAlarmRoutes();
    ends.push(routes.close);
    const lines = (outage.config ?? '[watchdog]\n').replace('[watchdog]\n', `[watchdog]\n${pace.watchdog}`);
    const house = await buildHouse({
      bundled,
      config: `${lines}[owner]\nquiet = ""\n`,
      ...(directory && { directory }),
    });
    ends.push(house.close);
    return await watched(outage, pace, house, routes, ends);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

async function watched(
  outage: Outage,
  pace: Pace,
  house: House,
  routes: AlarmRoutes,
  ends: Cure[],
): Promise<Heard> {
  const { bot } = house;
  const secret = [
    `TELEGRAM_BOT_TOKEN=${TOKEN}`,
    `TELEGRAM_API_ROOT=${bot.root}`,
    `ALARM_NTFY_URL=${routes.ntfy('alarms')}`,
  ];
  writeFileSync(join(house.home.credentials, 'watchdog.env'), secret.join('\n'), { mode: 0o600 });
  house.model.script(() => 'answer to the question');
  const suite = await house.start();
  // A bot may write to nobody who has not written to it.
  await bot.say({ chat_id: OWNER, text: '/help' });
  await bot.waitSent(({ chat_id }) => chat_id === OWNER);
  await sleep(pace.grace_ms);
  const said = (await bot.sent()).length;
  const texts = async () =>
    (await bot.sent({ chat_id: OWNER, after: said, method: 'sendMessage' })).map(({ text }) => text);
  const isAnswer = (text: string) => text === 'answer to the question';
  const isStatus = (text: string) => text.startsWith('Vigil ');
  const isWord = (text: string) => outage.says.test(text) && !isAnswer(text) && !isStatus(text);
  /** By the bot or by ntfy, whichever is first. */
  const heard = async (over: boolean) => {
    const find = (all: string[]) => all.find((text) => isWord(text) && over === isOver(text));
    const text = find(await texts());
    if (text !== undefined) return { text, by: 'Telegram' };
    const other = find(routes.notifications.map(({ message }) => message));
    return other === undefined ? null : { text: other, by: 'ntfy' };
  };

  const struck_at = Date.now();
  const cure = once(await outage.strike({ house, suite }));
  ends.push(cure);
  await bot.say({ chat_id: OWNER, text: 'a question' });
  await bot.say({ chat_id: OWNER, text: '/status' });
  const told = await until('the owner is told', () => heard(false), pace.patience_ms).catch(() => null);
  const told_ms = told && Date.now() - struck_at;
  const during = await texts();
  // Whoever mends it has read of it.
  await sleep(1_000);

  const cured_at = Date.now();
  await cure();
  const over =
    told && (await until('its end is told', () => heard(true), pace.patience_ms).catch(() => null));
  const over_ms = over && Date.now() - cured_at;
  await until('the answer', async () => (await texts()).some(isAnswer), pace.patience_ms).catch(() => {});
  // What comes twice comes soon.
  await sleep(6_000);
  const words = await texts();
  const incidents = await house.read<{ opened_at: number; text: string; cause: string }>(
    'SELECT cause, opened_at, text FROM incident WHERE opened_at >= ? ORDER BY opened_at',
    struck_at - 1000,
  );
  const mine = incidents.find(({ text }) => outage.says.test(text));
  const [row] = await house.read<{ routes_json: string }>(
    `SELECT routes_json FROM telling WHERE phase = 'begun' AND incident_id = (SELECT id FROM incident WHERE cause = ?)`,
    mine?.cause ?? '',
  );
  return {
    outage,
    message: during.some(isAnswer),
    status: during.some(isStatus),
    seen_ms: mine ? Math.max(0, mine.opened_at - struck_at) : null,
    told_ms,
    routes: row ? Object.keys(JSON.parse(row.routes_json)).join(', ') : (told?.by ?? ''),
    text: told?.text ?? '',
    over_ms,
    answers: words.filter(isAnswer).length,
    words: words.filter((text) => !isAnswer(text) && !isStatus(text)),
    restarts: [...suite.output().matchAll(/vigil: (\w+) is restarted, as was asked for/g)].map(
      ([, name = '']) => name,
    ),
  };
}

export const isOver = (text: string) => /✅/u.test(text);

/** The same step again does nothing. */
export function once(step: Cure): Cure {
  let done: void | Promise<void> | undefined;
  let called = false;
  return () => {
    if (!called) done = step();
    called = true;
    return done;
  };
}

function rowOf({
  outage,
  message,
  status,
  seen_ms,
  told_ms,
  routes,
  over_ms,
  answers,
  words,
}: Heard): string[] {
  const s = (ms: number | null) => (ms === null ? 'never' : `${(ms / 1000).toFixed(0)} s`);
  const works = [message ? 'answered' : answers === 1 ? 'waits, answered after' : `answered ${answers}×`];
  if (status) works.push('/status');
  return [
    `${outage.service}, ${outage.fault}`,
    works.join('; '),
    seen_ms === null ? '–' : s(seen_ms),
    s(told_ms),
    routes,
    s(over_ms),
    String(words.length),
  ];
}

const HELP = `node bench/outages.ts [--only core,frozen] [--at-once 3]

Breaks one thing at a time in a house of its own, with the times of an installation, and tells when the owner has heard
of it. Some minutes.

  --only      what matches one of these words alone
  --at-once   so many houses at a time
`;

/** So many at a time. Houses that are built at the same moment only keep each other up. */
export async function sideBySide<T>(
  all: readonly T[],
  at_once: number,
  step: (one: T) => Promise<void>,
): Promise<void> {
  const left = [...all];
  const worker = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await step(next);
  };
  await Promise.all(Array.from({ length: at_once }, (_, nth) => sleep(nth * 8_000).then(worker)));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      'at-once': { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const wanted = outages.filter(
    ({ service, fault, disk_kb }) =>
      (!disk_kb || !noSmallDisk) &&
      values.only.split(',').some((word) => `${service}, ${fault}`.includes(word)),
  );
  execFileSync(process.execPath, [join(root, 'scripts/bundle.ts')]);
  const found = new Map<Outage, Heard>();
  await sideBySide(wanted, Number(values['at-once']), async (next) => {
    const heard = await suffer(next, REAL, true).catch((error) => {
      process.stderr.write(`${next.service}, ${next.fault}: ${error.stack}\n`);
    });
    if (!heard) return;
    found.set(next, heard);
    const restarts = heard.restarts.length > 0 ? `\n    restarted: ${heard.restarts.join(', ')}` : '';
    const words = heard.words.map((text) => `\n    > ${text.replaceAll('\n', '\n      ')}`).join('');
    process.stderr.write(`${next.service}, ${next.fault}:${words}${restarts}\n`);
  });
  const rows = wanted.flatMap((outage) => found.get(outage) ?? []);
  const head = ['outage', 'a message meanwhile', 'seen', 'told', 'by', 'its end told', 'messages'];
  process.stdout.write(`${table(head, rows.map(rowOf))}\n`);
  const late = rows.filter(({ told_ms }) => told_ms === null || told_ms > 60_000);
  const lost = rows.filter(({ outage, message, answers }) => answers !== 1 || (!outage.waits && !message));
  for (const { outage } of late) process.stdout.write(`LATE: ${outage.service}, ${outage.fault}\n`);
  for (const { outage, answers } of lost)
    process.stdout.write(`ANSWERED ${answers} times: ${outage.service}, ${outage.fault}\n`);
  process.exitCode = late.length + lost.length === 0 && rows.length === wanted.length ? 0 : 1;
}

if (import.meta.main) await main();
