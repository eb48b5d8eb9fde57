import { userInfo } from 'node:os';
import { styleText } from 'node:util';
import type { Command } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { grouped } from '#shared/base/count.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { decimal, exact, nanousdOf, usd } from '#shared/base/money.ts';
import type { Standing } from '#shared/runtime/budgets.ts';
import { homeOf } from '#shared/runtime/home.ts';
import type { Store } from '#shared/store/store.ts';
import * as allowance from '#shared/tables/allowance.ts';
import * as incident from '#shared/tables/incident.ts';
import * as spend from '#shared/tables/spend.ts';
import * as turn from '#shared/tables/turn.ts';
import { openHouse } from './house.ts';
import { raise } from './money.ts';
import { fitted, gauge, table } from './table.ts';

export function budget(program: Command): void {
  const verb = program
    .command('budget')
    .description('What the model calls may cost.')
    .addHelpText('after', EXAMPLES);
  verb
    .command('show', { isDefault: true })
    .description('Show every budget: what is spent, what is left, and until when.')
    .option('--json', 'print it for a program')
    .action(show);
  verb
    .command('set')
    .description('Set a limit for good, in config.toml; a running Vigil goes by it within two seconds.')
    .argument('<name>', 'as in [budget], with or without its unit: hour, day_usd, calls_per_hour …')
    .argument('<value>', 'US dollars; calls or percent where the name says so')
    .addHelpText('after', EXAMPLES)
    .action(set);
  verb
    .command('raise')
    .description('Add money to the present period of a budget, and to no other.')
    .argument('<budget>', 'hour, day, month, unasked, key:<name>:<hour|day|month>, turn:<id>')
    .argument('<usd>', 'how much more it may cost', raise)
    .addHelpText('after', EXAMPLES)
    .action(add);
}

const EXAMPLES = `
Examples:
  vigil budget show                      how every budget stands
  vigil budget raise day 1               one dollar more, today only
  vigil budget raise key:laptop:day 0.5  half a dollar more for one client
  vigil budget set month 60              60 dollars a month from now on
  vigil budget set calls_per_hour 500`;

async function show(options: { json?: boolean }): Promise<void> {
  const { allWindows, standings } = await import('#shared/runtime/budgets.ts');
  const { houseConfig } = await import('./settings.ts');
  const { home, store } = await openHouse();
  try {
    const now = systemClock.now();
    const { budget } = houseConfig(home);
    const budgets = await standings(store, await allWindows(store, budget, now));
    const open = await store.read(incident.ongoing);
    const incidents = open.filter(({ cause }) => cause.startsWith('budget'));
    if (options.json) {
      const { turn_usd, alert_usd } = budget;
      process.stdout.write(`${JSON.stringify({ budgets, turn_usd, alert_usd, incidents })}\n`);
      return;
    }
    const turns = `one answer: at most ${exact(nanousdOf(budget.turn_usd))}`;
    const alert =
      budget.alert_usd > 0 ? `; a word once a day has cost ${exact(nanousdOf(budget.alert_usd))}` : '';
    process.stdout.write(`${await drawn(budgets, now)}\n${callsOf(budgets)}\n${turns}${alert}\n`);
    for (const { text, opened_at } of incidents) {
      const at = new Date(opened_at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
      process.stdout.write(`\n${styleText('red', `since ${at}:`)} ${text}\n`);
    }
  } finally {
    await store.close();
  }
}

async function drawn(budgets: readonly Standing[], now: number): Promise<string> {
  const { isCapped, until } = await import('#shared/runtime/budgets.ts');
  const rows = (width: number) =>
    budgets
      .filter(isCapped)
      .map(({ name, spent_nanousd, held_nanousd, limit_nanousd, added_nanousd, left_nanousd, ends_at }) => [
        name,
        gauge(spent_nanousd, held_nanousd, limit_nanousd, width),
        usd(spent_nanousd),
        held_nanousd > 0 ? usd(held_nanousd) : '–',
        exact(limit_nanousd) + (added_nanousd > 0 ? ` (+${exact(added_nanousd)})` : ''),
        usd(left_nanousd),
        until(ends_at, now),
      ]);
  const columns = ['budget', '', '>spent', '>reserved', 'limit', '>left', 'until'];
  return fitted(20, (width) => table(columns, rows(width)));
}

function callsOf(budgets: readonly Standing[]): string {
  const limited = budgets.flatMap(({ name, calls, limit_calls }) =>
    limit_calls === null
      ? []
      : [
          `${name.startsWith('key:') ? `${name.split(':')[1]} ` : ''}${grouped(calls)} of ${grouped(limit_calls)}`,
        ],
  );
  return `calls in this hour: ${limited.join(', ')}`;
}

async function add(name: string, nanousd: number, _: unknown, command: Command): Promise<void> {
  const { home, store } = await openHouse();
  try {
    const { allWindows, isCapped, standings, until } = await import('#shared/runtime/budgets.ts');
    const { houseConfig } = await import('./settings.ts');
    const { budget: set } = houseConfig(home);
    if (name.startsWith('turn:'))
      return await addToTurn(store, name.slice('turn:'.length), nanousd, set.turn_usd);
    const now = systemClock.now();
    const windows = await allWindows(store, set, now);
    const before = (await standings(store, windows)).filter(isCapped);
    const chosen = before.find((budget) => budget.name === name);
    if (!chosen) {
      const names = before.map((budget) => budget.name).join(', ');
      command.error(`error: '${name}' is no budget that limits money; expected one of ${names}, turn:<id>`);
    }
    await give(store, chosen.id, nanousd);
    for (const budget of (await standings(store, windows)).filter(isCapped)) {
      const [limit, left] = [exact(budget.limit_nanousd), usd(budget.left_nanousd)];
      if (budget.name === name) {
        process.stdout.write(
          `${exact(nanousd)} added: the limit is now ${limit}, ${left} of it is left, until ${until(budget.ends_at, now)}\n`,
        );
      } else if (budget.left_nanousd === 0 && ['hour', 'day', 'month'].includes(budget.name)) {
        process.stdout.write(`note: nothing is left of '${budget.name}', which stops calls all the same\n`);
      }
    }
  } finally {
    await store.close();
  }
}

async function addToTurn(store: Store, id: string, nanousd: number, turn_usd: number): Promise<void> {
  const [found] = await store.read(turn.unfinished(id));
  if (!found) {
    throw new Misconfigured(
      `budget: no answer called '${id}' is in the making: it has ended, or never was`,
      'take the id from the message that asked for money',
    );
  }
  const spend_id = `turn ${id}`;
  await give(store, spend_id, nanousd);
  const [added] = await store.read(spend.added([spend_id]));
  const limit = exact(nanousdOf(turn_usd) + (added?.nanousd ?? 0));
  process.stdout.write(`${exact(nanousd)} added: this answer may now cost ${limit}\n`);
}

async function give(store: Store, spend_id: string, nanousd: number): Promise<void> {
  await store.commit([
    allowance.give({ spend_id, nanousd, by: userInfo().username, now: systemClock.now() }),
  ]);
}

async function set(name: string, value: string, _: unknown, command: Command): Promise<void> {
  const { checkConfig, shared } = await import('#shared/runtime/config.ts');
  const { replace } = await import('./replace.ts');
  const { withSetting } = await import('./toml.ts');
  const { sections } = await import('../sections.ts');
  const keys = Object.keys(shared.budget.shape);
  const key = keys.find((candidate) => candidate === name || candidate.startsWith(`${name}_`));
  if (!key) command.error(`error: expected one of ${keys.join(', ')}, got '${name}'`);
  const number = decimal(value);
  if (number === null) command.error(`error: expected a number from 0 on, got '${value}'`);

  const { config } = homeOf();
  const { budget: before } = checkConfig(config, sections) as { budget: Record<string, number> };
  replace(
    config,
    (text) => withSetting(text, 'budget', key, number),
    (file) => checkConfig(file, sections),
  );
  process.stdout.write(
    `${key} = ${number} (was ${before[key]}) in ${config}; a running Vigil goes by it within two seconds\n`,
  );
}
