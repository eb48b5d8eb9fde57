/**
 * Torture: the promises that nothing said is lost, and nothing done twice, put to the proof. People write to a house of
 * real processes, whose model uses tools, in the real sandbox, and asks its owner, while its services are killed with
 * SIGKILL, Telegram drops, garbles and refuses, and the model fails. Then the weather clears, the house gets time to
 * finish, and every promise is counted.
 *
 * Each message has a token of its own and the model answers with the tokens it was asked about, so that the chats
 * themselves tell what was lost, doubled, or mixed up; so have the effects of tools. Who is killed when, and which fault strikes, follows from the
 * seed; what the victim was doing at that moment does not.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { codeOf } from '#shared/base/errors.ts';
import { root } from '#shared/base/root.ts';
import { type ServiceName, services } from '#shared/manifest.ts';
import { inspect } from '#shared/store/inspect.ts';
import type { Fault as TelegramFault } from '#shared/testing/bot-api/fault.ts';
import { buildHouse, type House, processesOf, RAISED, type Suite } from '#shared/testing/house.ts';
import type { Fault as ModelFault } from '#shared/testing/messages-faults.ts';
import { randomFrom } from '#shared/testing/messages-latency.ts';
import { judgeCalls, sandboxed } from './torture/calls.ts';
import { judgeChats } from './torture/chats.ts';
import { modelWith } from './torture/model.ts';
import { ownerOf } from './torture/owner.ts';
import { calledFor, wantedBy } from './torture/token.ts';

export type Options = {
  messages: number;
  chats: number;
  kills: number;
  seed: number;
  flush: 'full' | 'normal';
  /** Runs the services from their sources, and not from bundles. */
  sources: boolean;
};

export type Report = { figures: [what: string, figure: string | number][]; broken: string[] };

/** About so much of the storm's time belongs to each kill. */
const PER_KILL_ms = 700;
/** Outages are short, and so is the breaker's patience: a house that waits for a minute has nothing to lose in it. */
const AT_WORK = `[router]
breaker_failures = 50
breaker_recovery_s = 2
[tools]
policy = { schedule_create = "ask" }
`;
/** For so long every answer is cut off: enough for three attempts. */
const SPOILT_ms = 4000;
/** In a calm, everything must be finished within this time. */
const DRAIN_ms = 150_000;

const TELEGRAM_WEATHER: readonly (TelegramFault | 'down')[] = [
  'down',
  { kind: 'drop_before', probability: 0.4 },
  { kind: 'drop_after', probability: 0.4 },
  { kind: 'truncate', probability: 0.4 },
  { kind: 'status', status: 502, body: 'html', probability: 0.4 },
  { kind: 'status', status: 500, body: 'json', probability: 0.4 },
  { kind: 'too_many_requests', retry_after_s: 1, probability: 0.3 },
];

const MODEL_WEATHER: readonly (ModelFault | 'down')[] = [
  'down',
  { kind: 'overloaded_error', probability: 0.5 },
  { kind: 'api_error', probability: 0.5 },
  { kind: 'rate_limit_error', retry_after_s: 1, probability: 0.5 },
  { kind: 'reset', probability: 0.5 },
  { kind: 'cut', probability: 0.5 },
  { kind: 'early_end', probability: 0.5 },
  { kind: 'error_event', probability: 0.5 },
  { kind: 'malformed', probability: 0.5 },
];

export async function torture(options: Options, say = (_line: string) => {}): Promise<Report> {
  if (!options.sources) execFileSync(process.execPath, [join(root, 'scripts/bundle.ts')]);
  const directory = mkdtempSync(join(tmpdir(), 'vigil-torture-'));
  const house = await buildHouse({
    directory,
    bundled: !options.sources,
    config: `[store]\nflush = "${options.flush}"\n${AT_WORK}`,
    owners: Array.from({ length: options.chats }, (_, chat) => 1000 + chat),
  });
  const ledger = `ledger${basename(directory).replace(/\W/g, '')}.txt`;
  const owner = ownerOf(house.bot, options.seed + 21);
  let report: Report | undefined;
  try {
    house.model.script(modelWith(ledger));
    house.model.latency({ first_ms: { median: 60, p99: 400 } });
    const suite = await house.start();
    if (suite.output().includes(' is down')) throw new Error(`torture: ${suite.output()}`);
    const began = performance.now();
    const { tokens, kills } = await storm(house, suite, options, say);
    const storm_ms = performance.now() - began;
    const stuck = await drain(house, options.messages, say);
    const whole_s = (performance.now() - began) / 1000;
    await owner.end();
    const shown = await judgeChats(house, tokens);
    const made = await judgeCalls(house, tokens, ledger, owner);
    for (const line of shown.leftovers) say(line);
    const left = sandboxed(ledger);
    const [dead] = await house.read<{ turns: number; outbound: number; notices: number }>(`SELECT
      (SELECT count(*) FROM turn WHERE state = 'dead') AS turns,
      (SELECT count(*) FROM outbound WHERE state = 'dead') AS outbound,
      (SELECT count(*) FROM outbound WHERE key LIKE 'notice:%') AS notices`);
    const doubts = await share(house, 'SELECT uncertain AS name, count(*) AS n FROM outbound GROUP BY 1');
    const attempts = await share(house, 'SELECT attempt AS name, count(*) AS n FROM turn GROUP BY 1');
    const rounds = await share(
      house,
      `SELECT rounds AS name, count(*) AS n FROM
        (SELECT max(round) AS rounds FROM step WHERE kind = 'model' GROUP BY turn_id) GROUP BY 1`,
    );
    const previews = await share(house, 'SELECT state AS name, count(*) AS n FROM preview GROUP BY 1');
    const books = await share(house, 'SELECT state AS name, count(*) AS n FROM call GROUP BY 1');
    const code = await suite.stop();
    const checked = await inspect((await house.store()).file);

    const restarts = [...suite.output().matchAll(/ ended \((.+)\); started again/g)].map(([, how]) => how);
    const unbidden = restarts.filter((how) => how !== 'SIGKILL').length;
    const killed = Object.values(kills).reduce((sum, count) => sum + count, 0);
    const promises: Record<string, number> = {
      lost: shown.lost,
      stuck,
      'out of order': shown.disordered,
      'in a wrong chat': shown.astray,
      'doubled, and not marked': shown.unmarked,
      ...made.promises,
      'sandboxed processes left': Math.max(left, sandboxed(ledger)),
      'Stop buttons left': shown.stoppable,
      'questions left with buttons': shown.askable,
      'dead turns': dead?.turns ?? -1,
      'dead outbound': dead?.outbound ?? -1,
      'deaths without a kill': unbidden,
      'kills too few': Math.max(0, options.kills - killed),
      'messages too few': options.messages - tokens.length,
      'store damaged': checked === 'ok' ? 0 : 1,
      'suite ended badly': code === 0 ? 0 : 1,
    };
    report = {
      figures: [
        ['messages', tokens.length],
        ['kills', `${killed} (${services.map(({ name }) => `${name} ${kills[name]}`).join(', ')})`],
        ['restarts seen', restarts.length],
        ['duration', `${whole_s.toFixed(1)} s, of which storm ${(storm_ms / 1000).toFixed(1)} s`],
        ['messages/s', (tokens.length / whole_s).toFixed(1)],
        ['doubled and marked', shown.marked],
        ['replies and notices, by doubts', doubts],
        ['turns, by attempts', attempts],
        ['turns, by rounds', rounds],
        ['messages of turns that were held', shown.held],
        ...made.figures,
        ['presses', owner.presses()],
        ['previews', previews],
        ['notices of a model away', dead?.notices ?? -1],
        ['ledger', books],
        ['store check-up', checked],
        ...Object.entries(promises),
      ],
      broken: Object.keys(promises).filter((promise) => promises[promise] !== 0),
    };
    return report;
  } finally {
    await owner.end();
    await house.close();
    if (report?.broken.length === 0) rmSync(directory, { recursive: true, force: true });
    else say(`what is left of the house: ${directory}`);
  }
}

/** Talk, kills and bad weather at once, until all is said and enough are killed. */
async function storm(house: House, suite: Suite, options: Options, say: (line: string) => void) {
  const { bot, model } = house;
  const { messages, chats, seed } = options;
  const planned_ms = options.kills * PER_KILL_ms;
  const began = performance.now();
  const deadline = began + 4 * planned_ms + 30_000;
  const tokens: string[] = [];
  const kills = Object.fromEntries(services.map(({ name }) => [name, 0])) as Record<ServiceName, number>;
  const victims = new Set<number>();
  const saidIn = new Map<number, number>();
  const killed = () => Object.values(kills).reduce((sum, count) => sum + count, 0);
  const over = () => (tokens.length >= messages && killed() >= options.kills) || performance.now() > deadline;

  async function tell(chat: number): Promise<void> {
    if (tokens.length >= messages) return;
    const n = (saidIn.get(chat) ?? 0) + 1;
    saidIn.set(chat, n);
    const token = `t${chat}.${n}`;
    tokens.push(token);
    if (wantedBy(token) === 'read_file') {
      const call = calledFor(token);
      writeFileSync(join(house.home.workspace, `${call}.txt`), `words of ${call}\n`);
    }
    await bot.say({ chat_id: 1000 + chat, text: `what about ${token}?` });
  }

  async function talk(random: () => number): Promise<void> {
    while (tokens.length < messages) {
      const chat = Math.floor(random() * chats);
      const burst = 1 + Math.floor(random() * 4);
      for (let n = 0; n < burst; n++) await tell(chat);
      // The talk lasts as long as the killing will, at the rate that it has had so far.
      const perKill_ms = killed() === 0 ? PER_KILL_ms : (performance.now() - began) / killed();
      const left_ms = Math.max(1, options.kills - killed()) * perKill_ms;
      await sleep((random() * 2 * burst * left_ms) / (messages - tokens.length + 1));
    }
  }

  /** Who dies within a second is restarted ever later: most are let live for longer, counted from their start. */
  async function kill(name: ServiceName, random: () => number): Promise<void> {
    let last: number | undefined;
    while (!over()) {
      const pid = (await processesOf(suite)).get(name);
      if (pid === undefined || pid === last) {
        await sleep(100);
        continue;
      }
      last = pid;
      await sleep(random() < 0.25 ? 400 * random() : 1500 + 1000 * random());
      const together = random() < 0.1;
      for (const [service, found] of await processesOf(suite)) {
        // Two killers may meet over one body: it is counted once.
        if ((service !== name && !together) || victims.has(found) || !killNow(found)) continue;
        victims.add(found);
        kills[service] += 1;
      }
    }
  }

  async function telegramWeather(random: () => number): Promise<void> {
    while (!over()) {
      await bot.network('up');
      await bot.clearFaults();
      // A send that takes its time is one that a kill can hit.
      const seed = Math.floor(random() * 2 ** 31);
      await bot.fault({ kind: 'slow', over_ms: 80, method: 'sendMessage', probability: 0.5, seed });
      await sleep(300 + 1200 * random());
      const fault = pick(TELEGRAM_WEATHER, random);
      if (fault === 'down') await bot.network('down');
      else {
        await bot.clearFaults();
        await bot.fault({ ...fault, seed });
      }
      await sleep(200 + 1500 * random());
    }
  }

  async function modelWeather(random: () => number): Promise<void> {
    let spoilt = false;
    let outage = false;
    while (!over()) {
      await sleep(500 + 2500 * random());
      const fault = pick(MODEL_WEATHER, random);
      if (fault === 'down') await model.network('down');
      else model.fault(fault);
      await sleep(200 + 600 * random());
      if (!spoilt && tokens.length > messages / 4) {
        // Three broken answers in a row, and a turn is held until its owner wants it tried again.
        spoilt = true;
        await model.network('up');
        model.clear();
        model.fault({ kind: 'cut' });
        await sleep(SPOILT_ms);
      }
      if (!outage && tokens.length > messages / 2) {
        // A long one, and somebody with much to say meanwhile: more than one turn takes.
        outage = true;
        await model.network('down');
        for (let n = 0; n < Math.min(80, messages * 0.3); n++) await tell(0);
        await sleep(planned_ms / 6);
      }
      await model.network('up');
      model.clear();
    }
  }

  const progress = setInterval(
    () => say(`${tokens.length} of ${messages} said, ${killed()} of ${options.kills} killed`),
    5000,
  );
  try {
    await Promise.all([
      talk(randomFrom(seed)),
      ...services.map(({ name }, n) => kill(name, randomFrom(seed + 1 + n))),
      telegramWeather(randomFrom(seed + 11)),
      modelWeather(randomFrom(seed + 12)),
    ]);
  } finally {
    clearInterval(progress);
  }
  await bot.clearFaults();
  await bot.network('up');
  return { tokens, kills };
}

function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)] as T;
}

function killNow(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
    throw error;
  }
}

/** Waits until nothing is left to do, and says how much was left when patience ended. */
async function drain(house: House, messages: number, say: (line: string) => void): Promise<number> {
  const deadline = performance.now() + DRAIN_ms;
  for (let looks = 0; ; looks++) {
    const [row] = await house.read<{ arrived: number; open: number }>(`SELECT
      (SELECT count(*) FROM inbound) AS arrived,
      (SELECT count(*) FROM inbound WHERE state IN ('pending', 'taken'))
      + (SELECT count(*) FROM turn WHERE state IN ('running', 'waiting', 'held'))
      + (SELECT count(*) FROM tool_call WHERE state IN ('pending', 'asking', 'running'))
      + (SELECT count(*) FROM approval WHERE state = 'open')
      + (SELECT count(*) FROM press WHERE handled_at IS NULL)
      + (SELECT count(*) FROM ruling WHERE handled_at IS NULL)
      + (SELECT count(*) FROM draft WHERE open = 1)
      + (SELECT count(*) FROM preview WHERE state IN ('sending', 'shown'))
      + (SELECT count(*) FROM outbound WHERE state IN ('pending', 'sending', 'uncertain'))
      + (SELECT count(*) FROM call WHERE state = 'open') AS open`);
    const left = row ? row.open + Math.max(0, messages - row.arrived) : messages;
    if (left === 0 || performance.now() > deadline) return left;
    if (looks % 50 === 0) say(`the storm is over, ${left} rows are not yet`);
    await sleep(100);
  }
}

/** How many rows have each name. */
async function share(house: House, sql: string): Promise<string> {
  const rows = await house.read<{ name: string | number; n: number }>(sql);
  return rows.map(({ name, n }) => `${name}: ${n}`).join(', ');
}

const HELP = `node bench/torture.ts [--messages 2000] [--chats 20] [--kills 300] [--seed N] [--flush full|normal] [--sources]

Kills the services and breaks their networks while people talk, then counts what was promised. Ends with 1 when a
promise is broken. The full run takes some minutes.

  --messages   how many are said, in --chats chats
  --kills      at least so many SIGKILLs, over all services
  --seed       repeats a run, as far as clocks and schedulers allow
  --flush      the store's [store] flush
  --sources    runs the services from their sources instead of bundles
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      messages: { type: 'string', default: '2000' },
      chats: { type: 'string', default: '20' },
      kills: { type: 'string', default: '300' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      flush: { type: 'string', default: 'full' },
      sources: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const [messages, chats, kills, seed] = [values.messages, values.chats, values.kills, values.seed].map(
    Number,
  );
  const { flush, sources } = values;
  if (!(messages && chats && kills && seed) || (flush !== 'full' && flush !== 'normal')) {
    process.stderr.write(HELP);
    process.exitCode = 64;
    return;
  }
  const began = performance.now();
  const say = (line: string) =>
    void process.stderr.write(`${Math.round((performance.now() - began) / 1000)} s: ${line}\n`);
  say(`budgets and limits are on, and raised:\n${RAISED}`);
  say(`seed ${seed}`);
  const { figures, broken } = await torture({ messages, chats, kills, seed, flush, sources }, say);
  const width = Math.max(...figures.map(([what]) => what.length));
  for (const [what, figure] of figures) process.stdout.write(`${what.padEnd(width)}  ${figure}\n`);
  process.stdout.write(broken.length === 0 ? 'every promise was kept\n' : `BROKEN: ${broken.join(', ')}\n`);
  process.exitCode = broken.length === 0 ? 0 : 1;
}

if (import.meta.main) await main();
