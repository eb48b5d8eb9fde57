import { type Command, InvalidArgumentError } from 'commander';
import { newAccessKey } from '#shared/base/access.ts';
import { systemClock } from '#shared/base/clock.ts';
import { grouped } from '#shared/base/count.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { exact, usd } from '#shared/base/money.ts';
import { periodOf } from '#shared/base/period.ts';
import * as accessKey from '#shared/tables/access_key.ts';
import * as total from '#shared/tables/total.ts';
import { openHouse } from './house.ts';
import { count, limit } from './money.ts';
import { table } from './table.ts';

type Limits = {
  hourUsd?: number;
  dayUsd?: number;
  monthUsd?: number;
  callsPerHour?: number;
  aliases?: string[];
};

export function key(program: Command): void {
  const verb = program
    .command('key')
    .description('The keys with which clients on this machine use the models.')
    .addHelpText('after', EXAMPLES);
  verb
    .command('add')
    .description('Give a client a key of its own, and print it: once, for Vigil keeps its hash alone.')
    .argument('<name>', 'what the client is called in budgets and reports', name)
    .option('--hour-usd <usd>', 'the most that it may cost in an hour', limit)
    .option('--day-usd <usd>', 'the most that it may cost in a day', limit)
    .option('--month-usd <usd>', 'the most that it may cost in a month', limit)
    .option('--calls-per-hour <n>', 'the most calls in an hour', count)
    .option(
      '--aliases <list>',
      'the aliases and models that it may ask for, with commas between (default: all)',
      words,
    )
    .addHelpText('after', EXAMPLES)
    .action(add);
  verb
    .command('list')
    .description('Show every key: how far it may go, and what it has spent.')
    .option('--json', 'print it for a program')
    .action(list);
  verb
    .command('revoke')
    .description('Take a key back, from its next request on. Its name is not given again.')
    .argument('<name>', 'as in vigil key list')
    .action(revoke);
}

const EXAMPLES = `
Examples:
  vigil key add laptop
  vigil key add editor --day-usd 1 --aliases quick,default
  vigil key add ci --hour-usd 0.50 --calls-per-hour 100 >> ci.env`;

function name(value: string): string {
  if (!/^[a-z0-9][a-z0-9_-]{0,31}$/.test(value)) {
    throw new InvalidArgumentError(
      `expected a-z, 0-9, - and _ (32 at most, the first a letter or a digit), got '${value}'`,
    );
  }
  return value;
}

function words(value: string): string[] {
  const list = [...new Set(value.split(',').map((word) => word.trim()))];
  if (list.includes('')) throw new InvalidArgumentError(`expected names with commas between, got '${value}'`);
  return list;
}

/** What a client needs goes to standard output, two lines that a shell or an .env file takes; the words do not. */
async function add(called: string, limits: Limits): Promise<void> {
  const { houseConfig } = await import('./settings.ts');
  const { Fenced } = await import('#shared/store/store.ts');
  const { PRESET_ALIASES } = await import('#shared/base/models.ts');
  const { home, store } = await openHouse();
  try {
    const { router } = houseConfig(home);
    const made = newAccessKey();
    const row = {
      name: called,
      hash: made.hash,
      aliases_json: limits.aliases ? JSON.stringify(limits.aliases) : null,
      hour_nanousd: limits.hourUsd ?? null,
      day_nanousd: limits.dayUsd ?? null,
      month_nanousd: limits.monthUsd ?? null,
      calls_per_hour: limits.callsPerHour ?? null,
      created_at: systemClock.now(),
    };
    try {
      await store.commit([accessKey.add(row)]);
    } catch (error) {
      if (!(error instanceof Fenced)) throw error;
      throw taken(called, await store.read(accessKey.all));
    }
    process.stdout.write(
      `ANTHROPIC_BASE_URL=http://127.0.0.1:${router.port}\nANTHROPIC_API_KEY=${made.key}\n`,
    );
    const known = ['auto', ...Object.keys({ ...PRESET_ALIASES, ...router.aliases })];
    for (const alias of limits.aliases ?? []) {
      if (known.includes(alias)) continue;
      process.stderr.write(
        `note: '${alias}' is no alias of [router.aliases]: it is taken for a model's name\n`,
      );
    }
    process.stderr.write(
      `\nThe key of '${called}' is shown this once. With these two lines in its environment, any Anthropic client\n` +
        `uses ${limits.aliases?.join(', ') ?? 'every model'}, within ${limitsOf(row) || 'the budgets of the house'}.\n`,
    );
  } finally {
    await store.close();
  }
}

function taken(called: string, keys: readonly accessKey.AccessKey[]): Misconfigured {
  const revoked_at = keys.find((key) => key.name === called)?.revoked_at ?? null;
  const state = revoked_at === null ? 'is there already' : `was revoked on ${date(revoked_at)}`;
  return new Misconfigured(
    `key: '${called}' ${state}, and a name is given once: the ledger would mix two clients up`,
    `choose another, such as ${called.slice(0, 30)}-2`,
  );
}

async function list(options: { json?: boolean }): Promise<void> {
  const { store } = await openHouse();
  try {
    const keys = await store.read(accessKey.all);
    const now = systemClock.now();
    const sums = {
      day: await store.read(total.by('key', periodOf('day', now).starts_at, now)),
      month: await store.read(total.by('key', periodOf('month', now).starts_at, now)),
    };
    const spent = (called: string, kind: 'day' | 'month') =>
      sums[kind].find(({ name }) => name === called)?.cost_nanousd ?? 0;
    if (options.json) {
      const rows = keys.map(({ hash: _, aliases_json, ...key }) => ({
        ...key,
        aliases: aliases_json === null ? null : JSON.parse(aliases_json),
        spent_today_nanousd: spent(key.name, 'day'),
        spent_this_month_nanousd: spent(key.name, 'month'),
      }));
      process.stdout.write(`${JSON.stringify(rows)}\n`);
      return;
    }
    if (keys.length === 0) {
      process.stdout.write('There is no key yet. vigil key add <name> makes one.\n');
      return;
    }
    const rows = keys.map((key) => [
      key.name,
      key.aliases_json === null ? 'all' : JSON.parse(key.aliases_json).join(', '),
      limitsOf(key) || 'none',
      usd(spent(key.name, 'day')),
      usd(spent(key.name, 'month')),
      key.revoked_at === null ? `in use since ${date(key.created_at)}` : `revoked ${date(key.revoked_at)}`,
    ]);
    process.stdout.write(table(['name', 'may ask for', 'limits', '>today', '>this month', 'state'], rows));
  } finally {
    await store.close();
  }
}

async function revoke(called: string): Promise<void> {
  const { store } = await openHouse();
  try {
    const keys = await store.read(accessKey.all);
    const key = keys.find((other) => other.name === called);
    if (!key) {
      const names = keys.filter((other) => other.revoked_at === null).map((other) => other.name);
      throw new Misconfigured(
        `key: there is none called '${called}'`,
        names.length > 0 ? `choose one of ${names.join(', ')}` : 'nothing is to be done: no key is in use',
      );
    }
    if (key.revoked_at !== null) {
      process.stdout.write(`'${called}' was revoked already, on ${date(key.revoked_at)}\n`);
      return;
    }
    await store.commit([accessKey.revoke(called, systemClock.now())]);
    process.stdout.write(`'${called}' is revoked: its next request is refused\n`);
  } finally {
    await store.close();
  }
}

/** `$0.50 an hour, 100 calls an hour`; '' when there are none. */
function limitsOf(key: Omit<accessKey.AccessKey, 'revoked_at'>): string {
  const of = [
    [key.hour_nanousd, 'an hour'],
    [key.day_nanousd, 'a day'],
    [key.month_nanousd, 'a month'],
  ] as const;
  const money = of.flatMap(([nanousd, period]) => (nanousd === null ? [] : [`${exact(nanousd)} ${period}`]));
  const calls = key.calls_per_hour === null ? [] : [`${grouped(key.calls_per_hour)} calls an hour`];
  return [...money, ...calls].join(', ');
}

function date(at: number): string {
  return periodOf('day', at).name;
}
