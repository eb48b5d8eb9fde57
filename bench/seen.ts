/**
 * Seen: one fault at a time, in a house of real processes, looked at from outside as its owner and their programs look: in
 * Telegram, at `/health`, at `/metrics`, by a Prometheus with the generated rules, and in the console. How soon each shows
 * it, in which words, and how soon each shows that it is over.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sleep } from '#shared/base/clock.ts';
import { root } from '#shared/base/root.ts';
import type { ServiceName } from '#shared/manifest.ts';
import { readConfig } from '#shared/runtime/config.ts';
import { openStore } from '#shared/store/store.ts';
import * as inbound from '#shared/tables/inbound.ts';
import type { Op } from '#shared/tables/op.ts';
import { linkInto } from '#shared/testing/browser.ts';
import { vigil } from '#shared/testing/cli.ts';
import { noSmallDisk, smallDisk } from '#shared/testing/full-disk.ts';
import { buildHouse, type House, OWNER, RAISED } from '#shared/testing/house.ts';
import { freePort } from '#shared/testing/ports.ts';
import { noPrometheus, startPrometheus } from '#shared/testing/prometheus.ts';
import { until } from '#shared/testing/scratch.ts';
import { config as alertsConfig } from '../services/alerts/config.ts';
import { limitsOf } from '../services/alerts/limits.ts';
import { rulesText, scrapeText } from '../services/alerts/prometheus.ts';
import { rulesOf } from '../services/alerts/rules.ts';
import { type Cure, isOver, keepDown, once, type Scene, sideBySide } from './outages.ts';

export const EYES = ['Telegram', '/health', '/metrics', 'Prometheus', 'console'] as const;
type Eye = (typeof EYES)[number];

/** The value of a series, as `/metrics` names it; NaN where there is none. */
type Values = (series: string) => number;

/** With what goes on beside the fault, until the house goes. */
type Stage = Scene & { atEnd(step: () => void): void };

export type Fault = {
  name: string;
  strike(stage: Stage): Promise<Cure>;
  /** What the owner is to hear, and what says that it is over. */
  says: RegExp;
  over?: RegExp;
  /** The check of `/health` that is not healthy then. */
  check: string;
  /** What `/metrics` shows then. */
  series: { named: string; shows(of: Values): boolean };
  /** By the rule's name, and labels of it. None: whoever did it knows. */
  alert?: { alertname: string } & Record<string, string>;
  /** On the overview, without its markup. */
  page: RegExp;
  /** These do not answer then, which shows it. */
  silent?: readonly Eye[];
  config?: string;
  /** On a disk of its own, so small. */
  disk_kb?: number;
};

export type Sight = { ms: number; what: string };
export type Seen = { fault: Fault; begun: Map<Eye, Sight>; over: Map<Eye, Sight> };

export type Pace = {
  /** Of `[watchdog]` and `[alerts]`. */
  watchdog: string;
  alerts: string;
  scrape: string;
  grace_ms: number;
  patience_ms: number;
};

/** As it is without any setting. */
export const REAL: Pace = {
  watchdog: '',
  alerts: '',
  scrape: '15s',
  grace_ms: 33_000,
  patience_ms: 240_000,
};

/** As quick as heartbeats of 5 s allow on a busy machine. Five minutes are ten seconds. */
export const QUICK: Pace = {
  watchdog: 'look_s = 0.3\nstale_s = 15\ngrace_s = 0.5\ncalm_s = 1\nuntold_s = 3\n',
  alerts: 'look_s = 0.5\nwindow_s = 10\ncalm_s = 2\nunresponsive_s = 16\n',
  scrape: '1s',
  grace_ms: 2_000,
  patience_ms: 60_000,
};

const MODEL = 'claude-haiku-5-5';
const TARGET = `anthropic/${MODEL}`;

function down(name: ServiceName, how: Partial<Fault> = {}): Fault {
  const series = `agent_service_up{service="${name}"}`;
  return {
    name: `${name} is killed, and kept down`,
    strike: (scene) => keepDown(scene, name),
    says: new RegExp(`${name} is down`),
    check: 'services',
    series: { named: `\`${series}\` 0`, shows: (of) => of(series) === 0 },
    alert: { alertname: 'AgentServiceUnresponsive', service: name },
    page: new RegExp(`${name} does not work|${name} is down`),
    ...how,
  };
}

const budget = (day_usd: number) =>
  RAISED.replace(/day_usd = \d+/, `day_usd = ${day_usd}`).replace(/turn_usd = \d+/, 'turn_usd = 1');
const SHARE = 'agent_budget_spent_usd{budget="day"} / agent_budget_limit_usd{budget="day"}';
const shareOf = (of: Values) => {
  const [spent = '', limit = ''] = SHARE.split(' / ');
  return of(spent) / of(limit);
};
const room = async ({ house }: Scene) => said(house, ['budget', 'raise', 'day', '1000']);

const breaker = `agent_breaker_state{target="${TARGET}"}`;
const depth = 'agent_queue_depth{queue="message"}';
const late = 'agent_queue_oldest_age_seconds{queue="job"}';
const begins = 'agent_time_to_first_token_seconds';
const failed = 'agent_job_failed{house_job="hourly backup"}';

const DISK_mb = 40;

export const faults: readonly Fault[] = [
  down('core', { check: 'core' }),
  down('alerts'),
  down('console', { silent: ['console'] }),
  down('metrics', { alert: { alertname: 'AgentMetricsAbsent' }, silent: ['/health', '/metrics'] }),
  {
    name: 'the provider answers 500 to everything',
    async strike(stage) {
      const { house } = stage;
      house.model.fault({ kind: 'api_error' });
      await house.bot.say({ chat_id: OWNER, text: 'a question' });
      await asking(stage, 1_000);
      return () => house.model.clear();
    },
    // Whoever waits for an answer is told there, and the answer is its end.
    says: /I cannot reach the model/,
    over: /^answer to the question$/,
    check: 'provider',
    series: { named: `\`${breaker}\` > 0`, shows: (of) => of(breaker) > 0 },
    alert: { alertname: 'AgentBreakerOpen', target: TARGET },
    page: /does not answer/,
  },
  {
    name: 'the breaker of one model is open',
    async strike(stage) {
      stage.house.model.fault({ kind: 'overloaded_error', model: MODEL });
      await asking(stage, 1_000);
      return () => stage.house.model.clear();
    },
    says: /does not answer/,
    check: 'provider',
    series: { named: `\`${breaker}\` > 0`, shows: (of) => of(breaker) > 0 },
    alert: { alertname: 'AgentBreakerOpen', target: TARGET },
    page: /does not answer/,
  },
  {
    name: 'a model begins its answers after 6 s',
    async strike(stage) {
      stage.house.model.latency({ first_ms: 6_000 });
      await asking(stage, 2_000);
      return () => stage.house.model.latency({});
    },
    says: /is slow/,
    check: 'incidents',
    series: {
      named: `\`${begins}\` > 5 on average`,
      shows: (of) => of(`${begins}_sum{model="${MODEL}"}`) / of(`${begins}_count{model="${MODEL}"}`) > 5,
    },
    alert: { alertname: 'AgentModelApiSlow', model: MODEL },
    page: /is slow/,
  },
  {
    name: 'a budget is used to 80 %',
    async strike(scene) {
      await spend(scene, 0.8);
      return () => room(scene);
    },
    says: /nearly used/,
    check: 'incidents',
    series: { named: `\`${SHARE}\` ≥ 0.8`, shows: (of) => shareOf(of) >= 0.8 },
    alert: { alertname: 'AgentBudgetNearlySpent', budget: 'day' },
    page: /nearly used/,
    config: budget(1),
  },
  {
    name: 'a budget is used up, and an answer waits for it',
    async strike(scene) {
      await spend(scene, 1);
      await scene.house.bot.say({ chat_id: OWNER, text: 'a question' });
      return () => room(scene);
    },
    says: /budget .*used/i,
    check: 'budget',
    series: { named: '`agent_budget_waiting` > 0', shows: (of) => of('agent_budget_waiting') > 0 },
    alert: { alertname: 'AgentBudgetSpent' },
    page: /nearly used|used up/,
    config: budget(1),
  },
  {
    name: 'the disk is nearly full',
    async strike({ house }) {
      const file = join(house.home.directory, 'filler');
      const { bavail, bsize } = statfsSync(house.home.directory);
      writeFileSync(file, Buffer.alloc(bavail * bsize - (DISK_mb - 10) * 2 ** 20));
      return () => rmSync(file);
    },
    says: /disk/,
    check: 'disk',
    series: {
      named: `\`agent_disk_free_bytes\` below ${DISK_mb} MB`,
      shows: (of) => of('agent_disk_free_bytes') < DISK_mb * 2 ** 20,
    },
    alert: { alertname: 'AgentDiskLow' },
    page: /disk that holds the store/,
    config: `${RAISED}[watchdog]\ndisk_free_mb = ${DISK_mb}\ncanary_s = 0\n`,
    disk_kb: 128_000,
  },
  {
    // From the moment on that it is 15 minutes late.
    name: 'a time of a job is missed',
    async strike({ house }) {
      const due_at = Date.now() - 900_000;
      const put = `INSERT INTO slot (job, due_at, service, state, created_at) VALUES ('of nobody', ?, 'nobody', 'due', ?)`;
      await as(house, 'cron', [raw(put, due_at, due_at)]);
      const end = `UPDATE slot SET state = 'skipped', finished_at = ? WHERE job = 'of nobody'`;
      return () => as(house, 'cron', [raw(end, Date.now())]);
    },
    says: /job/,
    check: 'incidents',
    series: { named: `\`${late}\` > 900`, shows: (of) => of(late) > 900 },
    alert: { alertname: 'AgentCronSlotMissed' },
    page: /has not begun/,
  },
  {
    name: 'a backup fails',
    async strike({ house }) {
      const { backups } = house.home;
      mkdirSync(backups, { recursive: true });
      renameSync(backups, `${backups}.away`);
      writeFileSync(backups, 'no folder');
      await said(house, ['jobs', 'run', 'hourly backup']);
      return async () => {
        rmSync(backups);
        renameSync(`${backups}.away`, backups);
        await said(house, ['jobs', 'run', 'hourly backup']);
      };
    },
    says: /backup/,
    check: 'incidents',
    series: { named: `\`${failed}\` 1`, shows: (of) => of(failed) === 1 },
    alert: { alertname: 'AgentJobFailed', house_job: 'hourly backup' },
    page: /backup.* failed/,
  },
  {
    name: '200 messages of one chat wait',
    async strike({ house }) {
      let open = () => {};
      const gate = new Promise<void>((resolve) => {
        open = resolve;
      });
      house.model.script(async () => {
        await gate;
        return 'answer to the question';
      });
      const messages = Array.from({ length: 200 }, (_, nth) => message(nth));
      await as(house, 'cli', messages);
      return open;
    },
    says: /Much waits|queue/,
    check: 'incidents',
    series: { named: `\`${depth}\` > 100`, shows: (of) => of(depth) > 100 },
    alert: { alertname: 'AgentQueueLong', queue: 'message' },
    page: /Much waits/,
  },
  {
    name: 'all is halted',
    async strike({ house }) {
      await house.bot.say({ chat_id: OWNER, text: '/halt it is too loud' });
      return async () => void (await house.bot.say({ chat_id: OWNER, text: '/resume' }));
    },
    says: /All is halted/,
    over: /^It goes on/,
    check: 'halt',
    series: { named: '`agent_halted` 1', shows: (of) => of('agent_halted') === 1 },
    page: /All is halted/,
  },
];

function message(nth: number): Op {
  return inbound.receive({
    source: 'bench',
    source_key: String(nth),
    channel: 'terminal',
    conversation: 'terminal:bench',
    sender: 'bench',
    chat: null,
    text: 'hello',
    message_ref: null,
    payload_json: '{}',
    received_at: Date.now(),
    state: 'pending',
    note: null,
  });
}

const raw = (sql: string, ...args: (string | number)[]): Op => ({ verb: 'bench', sql, args });

/** Into the tables of a service, by its pen. */
async function as(house: House, principal: string, ops: readonly Op[]): Promise<void> {
  const store = await openStore({ directory: house.home.state, principal });
  await store.commit(ops);
  await store.close();
}

async function said(house: House, words: string[]): Promise<void> {
  const { code, stdout, stderr } = await vigil(house.home, words);
  if (code !== 0) throw new Error(`vigil ${words.join(' ')} ended with ${code}: ${stdout}${stderr}`);
}

/** A client of the router's; says with what status it was answered, 0: with none. */
async function clientOf({ accessKey, port }: House): Promise<() => Promise<number>> {
  const headers = {
    'x-api-key': await accessKey(),
    'anthropic-version': '2023-06-01',
    'content-type': 'application/json',
  };
  const messages = [{ role: 'user', content: 'hello' }];
  const body = JSON.stringify({ model: MODEL, max_tokens: 16, stream: true, messages });
  return async () => {
    try {
      const url = `http://127.0.0.1:${port}/v1/messages`;
      const response = await fetch(url, { method: 'POST', headers, body });
      await response.text();
      return response.status;
    } catch {
      return 0;
    }
  };
}

/** Somebody asks the model again and again, until the house is gone. */
async function asking({ house, atEnd }: Stage, every_ms: number): Promise<void> {
  const call = await clientOf(house);
  const timer = setInterval(() => void call(), every_ms);
  atEnd(() => clearInterval(timer));
}

/** Calls whose answers are long, until so large a share of the day's budget is used. */
async function spend({ house }: Scene, share: number): Promise<void> {
  house.model.script(() => ({ text: 'dear words', usage: { output_tokens: 20_000 } }));
  const call = await clientOf(house);
  const used = async () => {
    const [row] = await house.read<{ spent_nanousd: number; limit_nanousd: number }>(
      `SELECT spent_nanousd, limit_nanousd FROM spend WHERE budget = 'day' ORDER BY starts_at DESC LIMIT 1`,
    );
    return row ? row.spent_nanousd / row.limit_nanousd : 0;
  };
  while ((await used()) < share) await call();
  house.model.script(() => 'answer to the question');
}

/** What is shown now; null: nothing; undefined: it does not answer. */
type Look = () => Promise<string | null | undefined>;

export async function behold(fault: Fault, pace: Pace, bundled = false): Promise<Seen> {
  const ends: (() => void | Promise<void>)[] = [];
  try {
    const directory = fault.disk_kb
      ? smallDisk({ after: (end: () => void) => void ends.push(end) }, fault.disk_kb).directory
      : undefined;
    let lines = fault.config ?? RAISED;
    if (!lines.includes('[watchdog]')) lines += '[watchdog]\ncanary_s = 0\n';
    lines = lines.replace('[watchdog]\n', `[watchdog]\n${pace.watchdog}`);
    const config = `${lines}[alerts]\n${pace.alerts}[owner]\nquiet = ""\n`;
    const house = await buildHouse({ bundled, config, ...(directory && { directory }) });
    ends.push(house.close);
    return await seenIn(house, fault, pace, ends);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

async function seenIn(house: House, fault: Fault, pace: Pace, ends: Cure[]): Promise<Seen> {
  const { bot } = house;
  house.model.script(() => 'answer to the question');
  const suite = await house.start();
  // A bot may write to nobody who has not written to it.
  await bot.say({ chat_id: OWNER, text: '/help' });
  await bot.waitSent(({ chat_id }) => chat_id === OWNER);
  const looks = new Map<Eye, Look>([
    ['/health', () => healthOf(house, fault)],
    ['/metrics', () => seriesOf(house, fault)],
    ['console', await consoleLook(house, fault)],
  ]);
  if (fault.alert && !noPrometheus) looks.set('Prometheus', await prometheusLook(house, fault, pace, ends));
  await sleep(pace.grace_ms);
  for (const [eye, look] of looks) {
    const first = async () => {
      const shown = await look();
      return shown === undefined ? null : { shown };
    };
    const { shown } = await until(`${eye} answers`, first);
    if (shown !== null) throw new Error(`${eye} shows it before it is so: ${shown}`);
  }
  const told = async (after: number, what: (text: string) => boolean) => {
    const sent = await bot.sent({ chat_id: OWNER, after, method: 'sendMessage' });
    return sent.find(({ text }) => what(text))?.text;
  };

  const before = (await bot.sent()).length;
  const struck_at = Date.now();
  const cure = once(await fault.strike({ house, suite, atEnd: (step) => void ends.push(step) }));
  ends.push(cure);
  const begun = await times(struck_at, pace, [
    ['Telegram', () => told(before, (text) => fault.says.test(text) && !isOver(text))],
    ...[...looks].map(([eye, look]): [Eye, Look] => [
      eye,
      async () => {
        const shown = await look();
        return shown === undefined && fault.silent?.includes(eye) ? 'no answer' : shown;
      },
    ]),
  ]);

  const during = (await bot.sent()).length;
  const cured_at = Date.now();
  await cure();
  const ended = fault.over;
  const over = await times(cured_at, pace, [
    [
      'Telegram',
      () => told(during, (text) => (ended ? ended.test(text) : isOver(text) && fault.says.test(text))),
    ],
    ...[...looks].map(([eye, look]): [Eye, Look] => [
      eye,
      async () => ((await look()) === null ? 'no more' : undefined),
    ]),
  ]);
  return { fault, begun, over };
}

/** When each of them first says something. */
async function times(
  from_at: number,
  { patience_ms }: Pace,
  looks: readonly [Eye, Look][],
): Promise<Map<Eye, Sight>> {
  const seen = new Map<Eye, Sight>();
  const one = async ([eye, look]: [Eye, Look]) => {
    while (Date.now() - from_at < patience_ms) {
      const what = await look();
      if (typeof what === 'string') return void seen.set(eye, { ms: Date.now() - from_at, what });
      await sleep(400);
    }
  };
  await Promise.all(looks.map(one));
  return seen;
}

async function fetched(url: string, init: RequestInit = {}): Promise<string | undefined> {
  try {
    const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(5_000) });
    const body = await response.text();
    return response.status === 200 || response.status === 503 ? body : undefined;
  } catch {
    return undefined;
  }
}

async function healthOf({ port }: House, { check }: Fault): Promise<string | null | undefined> {
  const body = await fetched(`http://127.0.0.1:${port + 4}/health`);
  if (body === undefined) return undefined;
  const { status, checks } = JSON.parse(body) as {
    status: string;
    checks: Record<string, { status: string; detail: string }>;
  };
  const found = checks[check];
  if (!found || found.status === 'healthy' || found.status === 'off') return null;
  return `${status}: \`${check}\` ${found.detail}`;
}

async function seriesOf({ port }: House, { series }: Fault): Promise<string | null | undefined> {
  const body = await fetched(`http://127.0.0.1:${port + 4}/metrics`);
  if (body === undefined) return undefined;
  const lines = body.split('\n');
  const of: Values = (named) =>
    Number(lines.find((line) => line.startsWith(`${named} `))?.slice(named.length) ?? Number.NaN);
  return series.shows(of) ? series.named : null;
}

/** In by the link that the command line prints. */
async function consoleLook(house: House, { page }: Fault): Promise<Look> {
  const origin = `http://127.0.0.1:${house.port + 5}`;
  const link = new URL(await linkInto(house)).searchParams.get('link') ?? '';
  const entered = await fetch(`${origin}/login`, {
    method: 'POST',
    headers: { origin, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ link }),
    redirect: 'manual',
  });
  const cookie = entered.headers.get('set-cookie')?.split(';')[0];
  const path = entered.headers.get('location');
  if (!cookie || !path) throw new Error(`the console let nobody in: ${entered.status}`);
  return async () => {
    const body = await fetched(`${origin}${path}`, { headers: { cookie } });
    if (body === undefined) return undefined;
    return page.exec(body.replace(/<[^>]*>/g, ' '))?.[0] ?? null;
  };
}

async function prometheusLook(house: House, { alert }: Fault, { scrape }: Pace, ends: Cure[]): Promise<Look> {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-prometheus-'));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  const { own } = readConfig(house.home.config, { name: 'alerts', section: alertsConfig });
  writeFileSync(join(folder, 'rules.yml'), rulesText(rulesOf(limitsOf(house.home.config, own))));
  const metrics = `127.0.0.1:${house.port + 4}`;
  writeFileSync(join(folder, 'prometheus.yml'), scrapeText({ metrics, every: scrape }));
  const prometheus = startPrometheus(folder, await freePort());
  ends.push(prometheus.close);
  await until('Prometheus is up', prometheus.firing);
  const wanted = Object.entries(alert ?? {});
  return async () => {
    const firing = await prometheus.firing();
    if (firing === null) return undefined;
    const found = firing.find((labels) => wanted.every(([name, value]) => labels[name] === value));
    return found ? `\`${found.alertname}\`` : null;
  };
}

const HEAD = ['fault', ...EYES, 'its end'];

/** The first sentence, as a cell of markdown. */
const cell = (text: string) =>
  text
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\. .*/, '.')
    .replace(/\/\S*\/vigil-house-\w+/g, '…')
    .replaceAll('|', '\\|');
const s = ({ ms }: Sight) => `${(ms / 1000).toFixed(0)} s`;

export function cellsOf({ fault, begun, over }: Seen): string[] {
  const eyes = EYES.map((eye) => {
    const sight = begun.get(eye);
    if (sight) return `${s(sight)}: ${cell(sight.what)}`;
    return eye === 'Prometheus' && !fault.alert ? '–' : 'never';
  });
  const ends = EYES.filter((eye) => begun.has(eye)).map((eye) => {
    const sight = over.get(eye);
    return `${eye} ${sight ? s(sight) : 'never'}`;
  });
  return [fault.name, ...eyes, ends.join(', ')];
}

/** What somebody looked for in vain. */
export function missedIn({ fault, begun, over }: Seen): string[] {
  const wanted = EYES.filter((eye) => eye !== 'Prometheus' || (fault.alert && !noPrometheus));
  return wanted.flatMap((eye) => {
    if (!begun.has(eye)) return [`${eye} did not show it`];
    return over.has(eye) ? [] : [`${eye} did not show its end`];
  });
}

const DOCUMENT = join(root, 'docs/alerts.md');
const [BEGIN, END] = ['<!-- seen: measured -->', '<!-- /seen -->'];

/** Rows that were measured take the place of those of the same fault; the others stay. */
function write(rows: readonly string[][]): void {
  const text = readFileSync(DOCUMENT, 'utf8');
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from)
    throw new Error(`${DOCUMENT}: expected '${BEGIN}' and '${END}', found no such pair`);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const known = text.slice(from, to).split('\n');
  const kept = faults.flatMap(({ name }) => {
    const row = rows.find(([first]) => first === name);
    const before = known.find((one) => one.startsWith(`| ${name} |`));
    return row ? [line(row)] : before === undefined ? [] : [before];
  });
  const table = [line(HEAD), line(HEAD.map(() => '---')), ...kept].join('\n');
  writeFileSync(DOCUMENT, `${text.slice(0, from)}${BEGIN}\n${table}\n${text.slice(to)}`);
}

const HELP = `node bench/seen.ts [--only core,disk] [--at-once 3] [--quick] [--write]

Breaks one thing at a time in a house of its own, with the times of an installation, and tells when it is seen, and where.
Some minutes for each.

  --only      what matches one of these words alone
  --at-once   so many houses at a time
  --quick     with shorter times
  --write     renews the rows in docs/alerts.md
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      'at-once': { type: 'string', default: '3' },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const wanted = faults.filter(
    ({ name, disk_kb }) =>
      (!disk_kb || !noSmallDisk) && values.only.split(',').some((word) => name.includes(word)),
  );
  execFileSync(process.execPath, [join(root, 'scripts/bundle.ts')]);
  const found = new Map<Fault, Seen>();
  await sideBySide(wanted, Number(values['at-once']), async (fault) => {
    try {
      const seen = await behold(fault, values.quick ? QUICK : REAL, true);
      found.set(fault, seen);
      process.stderr.write(`${cellsOf(seen).join('\n    ')}\n`);
      if (values.write) write([cellsOf(seen)]);
    } catch (error) {
      process.stderr.write(`${fault.name}: ${error instanceof Error ? error.stack : error}\n`);
    }
  });
  const rows = wanted.flatMap((fault) => found.get(fault) ?? []);
  for (const cells of [HEAD, HEAD.map(() => '---'), ...rows.map(cellsOf)]) {
    process.stdout.write(`| ${cells.join(' | ')} |\n`);
  }
  const missed = rows.flatMap((seen) => missedIn(seen).map((what) => `${seen.fault.name}: ${what}`));
  for (const what of missed) process.stdout.write(`MISSED: ${what}\n`);
  process.exitCode = missed.length === 0 && rows.length === wanted.length ? 0 : 1;
}

if (import.meta.main) await main();
