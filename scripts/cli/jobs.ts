import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { Misconfigured, messageOf } from '#shared/base/errors.ts';
import { excerpt } from '#shared/base/excerpt.ts';
import { usd } from '#shared/base/money.ts';
import type { Store } from '#shared/store/store.ts';
import * as fire from '#shared/tables/fire.ts';
import * as schedule from '#shared/tables/schedule.ts';
import * as slots from '#shared/tables/slot.ts';
import { harmless, timeOf } from './explain.ts';
import { CONVERSATION, openHouse } from './house.ts';
import { raise } from './money.ts';
import { table } from './table.ts';

const SHOWN_TIMES = 5;
const MOST_HISTORY = 20;

type Wish = {
  prompt?: string;
  command?: string;
  zone?: string;
  missed: schedule.Schedule['missed'];
  overlap: schedule.Schedule['overlap'];
  runUsd?: number;
  dayUsd?: number;
  host: string[];
  path: string[];
  chat?: string;
};

export function jobs(program: Command): void {
  const verb = program
    .command('jobs')
    .description('What is done at set times: by the agent, by a command, by the house itself.');
  verb
    .command('list', { isDefault: true })
    .description('Show them all, and when each is next due.')
    .option('--json', 'print it for a program')
    .action(list);
  verb
    .command('add')
    .description('Have the agent told something, or a command run, at set times.')
    .argument('<name>', 'what it is called')
    .argument('<when>', '"0 8 * * 1-5", "every 15m", "in 20m" or "at 2027-03-01T09:00"')
    .option('--prompt <text>', 'what the agent is to do')
    .option('--command <line>', 'a command line instead, run in the sandbox without any model')
    .option('--zone <name>', 'the time zone that it goes by, as in Europe/Berlin')
    .option(
      '--missed <rule>',
      'times that were slept through: once, all or skip',
      among('once', 'all', 'skip'),
      'once',
    )
    .option('--overlap <rule>', 'while it is still at work: skip or queue', among('skip', 'queue'), 'skip')
    .option('--run-usd <usd>', 'what one run may cost', raise)
    .option('--day-usd <usd>', 'what the runs of a day may cost', raise)
    .option('--host <name>', 'a host that the command may reach', gathered, [])
    .option('--path <path>', 'a path outside of the workspace that the command may write', gathered, [])
    .option('--chat <id>', 'the Telegram chat that hears of it; without it, the terminal does')
    .addHelpText(
      'after',
      `
Examples:
  vigil jobs add "morning news" "0 8 * * 1-5" --prompt "Tell me the news in five lines." --chat 4242
  vigil jobs add disk "every 1h" --command "df -h / | awk '\\$5+0 > 90'"
  vigil jobs add ping "*/10 * * * *" --command "curl -sf https://example.com" --host example.com --missed skip`,
    )
    .action(add);
  verb
    .command('show')
    .description('Show one, and when it is due the next five times.')
    .argument('<name>')
    .option('--json', 'print it for a program')
    .action(show);
  verb.command('history').description('Show what came of its last times.').argument('<name>').action(history);
  verb.command('run').description('Run it now, whatever its times are.').argument('<name>').action(run);
  for (const [name, state, about] of [
    ['pause', 'paused', 'Let it rest.'],
    ['resume', 'active', 'Let it go on; what it was paused over is not made up for.'],
    ['rm', 'deleted', 'Delete it.'],
  ] as const) {
    verb
      .command(name)
      .description(about)
      .argument('<name>')
      .action((job: string) => change(job, state));
  }
}

function among<Word extends string>(...words: Word[]) {
  return (value: string): Word => {
    const found = words.find((word) => word === value);
    if (!found) throw new InvalidArgumentError(`expected one of ${words.join(', ')}`);
    return found;
  };
}

function gathered(value: string, before: string[]): string[] {
  return [...before, value];
}

async function withStore(act: (store: Store) => Promise<void>): Promise<void> {
  const { home, store } = await openHouse();
  try {
    // Not before it is asked for: --help stays quick.
    const { readSection, shared } = await import('#shared/runtime/config.ts');
    const { time_zone } = readSection(home.config, 'owner', shared.owner);
    if (time_zone !== '') process.env.TZ = time_zone;
    await act(store);
  } finally {
    await store.close();
  }
}

async function add(name: string, when: string, wish: Wish, command: Command): Promise<void> {
  const work = (wish.prompt ?? wish.command ?? '').trim();
  if (work === '' || (wish.prompt !== undefined && wish.command !== undefined)) {
    command.error('error: expected one of --prompt and --command');
  }
  if (wish.prompt !== undefined && wish.host.length + wish.path.length > 0) {
    command.error(
      'error: --host and --path are for --command: what a prompt may do is asked when it does it',
    );
  }
  if (!schedule.NAME.test(name)) command.error(`error: name: ${schedule.NAMED}`);
  if (wish.chat !== undefined && !/^-?\d+$/.test(wish.chat)) {
    command.error(`error: --chat: expected the number of a chat, got '${wish.chat}'`);
  }
  const { readNew } = await import('#shared/base/cron.ts');
  await withStore(async (store) => {
    const at = systemClock.now();
    const [taken] = await store.read(schedule.named(name));
    if (taken && taken.state !== 'deleted') {
      throw new Misconfigured(
        `jobs: there is a job "${name}" already`,
        'choose another name, or remove it first',
      );
    }
    let spec = '';
    try {
      spec = readNew(when, wish.zone ?? null, at).text;
    } catch (error) {
      command.error(`error: ${messageOf(error)}`);
    }
    const to =
      wish.chat === undefined
        ? ({ channel: 'terminal', chat: null, conversation: CONVERSATION } as const)
        : ({ channel: 'telegram', chat: wish.chat, conversation: `telegram:${wish.chat}` } as const);
    await store.commit([
      schedule.put({
        ...to,
        name,
        state: 'active',
        spec,
        prompt: work.toWellFormed(),
        given_by: userInfo().username,
        at,
        kind: wish.command === undefined ? 'prompt' : 'command',
        zone: wish.zone ?? null,
        missed: wish.missed,
        overlap: wish.overlap,
        run_nanousd: wish.runUsd ?? null,
        day_nanousd: wish.dayUsd ?? null,
        grants_json:
          wish.command === undefined
            ? null
            : JSON.stringify({ hosts: wish.host, paths: wish.path.map((path) => resolve(path)) }),
      }),
    ]);
    await print(store, name);
  });
}

async function nextTimes({ state, spec, zone }: schedule.Schedule, most: number): Promise<number[]> {
  if (state !== 'active') return [];
  const cron = await import('#shared/base/cron.ts');
  return cron.nextTimes(cron.readSpec(spec, zone), systemClock.now(), most);
}

async function list(options: { json?: boolean }): Promise<void> {
  await withStore(async (store) => {
    const all = await store.read(schedule.all);
    const rows = await Promise.all(
      all.map(async (job) => {
        const [next_at = null] = await nextTimes(job, 1);
        const [last = null] = await store.read(slots.ofJob(job.name, 1));
        return { ...job, next_at, last };
      }),
    );
    if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
    else if (rows.length === 0) process.stdout.write('There are no jobs: vigil jobs add --help\n');
    else {
      const cells = rows.map(({ name, kind, spec, zone, state, next_at, last, prompt, service }) => [
        name,
        kind,
        zone ? `${spec} ${zone}` : spec,
        next_at === null ? state : minuteOf(next_at),
        last ? `${last.state} ${minuteOf(last.due_at)}` : '',
        harmless(excerpt(service ?? prompt)),
      ]);
      process.stdout.write(table(['name', 'kind', 'when', 'next', 'last', 'what'], cells));
    }
  });
}

function minuteOf(at: number): string {
  return timeOf(at).slice(0, 16);
}

async function known(store: Store, name: string): Promise<schedule.Schedule> {
  const [job] = await store.read(schedule.named(name));
  if (job && job.state !== 'deleted') return job;
  throw new Misconfigured(`jobs: there is no job "${name}"`, 'vigil jobs list shows them');
}

async function show(name: string, options: { json?: boolean }): Promise<void> {
  await withStore(async (store) => {
    if (!options.json) return print(store, name);
    const job = await known(store, name);
    process.stdout.write(`${JSON.stringify({ ...job, next: await nextTimes(job, SHOWN_TIMES) })}\n`);
  });
}

async function print(store: Store, name: string): Promise<void> {
  const job = await known(store, name);
  const money = [
    job.run_nanousd === null ? null : `${usd(job.run_nanousd)} a run`,
    job.day_nanousd === null ? null : `${usd(job.day_nanousd)} a day`,
  ].filter((limit) => limit !== null);
  const next = await nextTimes(job, SHOWN_TIMES);
  const facts = [
    ['when', `${job.spec}${job.zone ? ` ${job.zone}` : ''}`],
    [job.kind, job.service ?? job.prompt],
    ['missed', job.missed],
    ['overlap', job.overlap],
    ['money', money.join(', ') || 'what the budgets leave'],
    ['tells', job.chat ? `chat ${job.chat}` : job.channel],
    ['next', next.map(minuteOf).join('\n         ') || (job.state === 'active' ? 'never' : job.state)],
  ];
  process.stdout.write(`${job.name}\n`);
  for (const [what = '', value = ''] of facts) process.stdout.write(`${what.padEnd(9)}${harmless(value)}\n`);
}

async function history(name: string): Promise<void> {
  await withStore(async (store) => {
    const rows = await store.read(slots.ofJob(name, MOST_HISTORY));
    if (rows.length === 0) {
      process.stdout.write('It was never due.\n');
      return;
    }
    const cells = rows.map(({ id, due_at, state, reason, started_at, finished_at }) => [
      String(id),
      minuteOf(due_at),
      state,
      started_at !== null && finished_at !== null ? `${finished_at - started_at}` : '',
      harmless(excerpt(reason ?? '')),
    ]);
    process.stdout.write(table(['>id', 'due', 'state', '>ms', 'why'], cells));
  });
}

async function run(name: string): Promise<void> {
  await withStore(async (store) => {
    const job = await known(store, name);
    const at = systemClock.now();
    await store.commit([fire.ask({ job: job.name, given_by: userInfo().username, at })]);
    process.stdout.write(`"${name}" runs as soon as it can: vigil jobs history "${name}"\n`);
  });
}

async function change(name: string, state: schedule.Schedule['state']): Promise<void> {
  await withStore(async (store) => {
    const { id: _, ...job } = await known(store, name);
    if (state === 'deleted' && job.kind === 'house') {
      throw new Misconfigured(
        `jobs: "${name}" is the house's own`,
        `vigil jobs pause "${name}" lets it rest`,
      );
    }
    if (job.state !== state) {
      await store.commit([
        schedule.put({ ...job, state, given_by: userInfo().username, at: systemClock.now() }),
      ]);
    }
    process.stdout.write(`"${name}" is ${state}.\n`);
  });
}
