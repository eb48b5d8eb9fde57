import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { excerpt } from '#shared/base/excerpt.ts';
import { nanousdOf, usd } from '#shared/base/money.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as tasks from '#shared/tables/task.ts';
import { MOST, PRESETS, spanOf } from '../../services/core/controls/task.ts';
import { harmless, timeOf } from './explain.ts';
import { CONVERSATION, demandRunning, follow, openHouse, outcomeOf, pressed } from './house.ts';
import { count, raise } from './money.ts';
import { table } from './table.ts';

type Wish = {
  checkCommand?: string;
  checkQuestion?: string;
  budgetUsd: number;
  iterations: number;
  for: number;
};

export function task(program: Command): void {
  const verb = program
    .command('task')
    .description('Long pieces of work: a goal, and a check that says when it is reached.');
  verb
    .command('add')
    .description('Have a goal worked at until its check passes, or money, iterations or time end.')
    .argument('<goal...>', 'what shall be reached')
    .option('--check-command <command>', 'reached when this succeeds, in the sandbox')
    .option('--check-question <question>', 'reached when this is answered yes')
    .option('--budget-usd <usd>', 'what it may cost', raise, nanousdOf(PRESETS.budget_usd))
    .option('--iterations <n>', 'how often it is tried', iterations, PRESETS.iterations)
    .option('--for <time>', 'how long it may take, as in 30m, 2h or 3d', span, PRESETS.for_ms)
    .addHelpText(
      'after',
      `
Examples:
  vigil task add "make the tests of ~/shop pass" --check-command "cd shop && npm test" --budget-usd 2
  vigil task add "a poem about autumn in notes/poem.md" --check-question "Does it rhyme?" --for 30m`,
    )
    .action(add);
  verb
    .command('list')
    .description('Show the latest tasks.')
    .option('--json', 'print it for a program')
    .action(list);
  verb
    .command('show')
    .description('Show one, iteration by iteration.')
    .argument('<id>', 'as in vigil task list', count)
    .option('--json', 'print it for a program')
    .action(show);
  for (const [name, about] of [
    ['pause', 'Let it rest after its present step.'],
    ['resume', 'Let it go on.'],
    ['cancel', 'End it, at once.'],
  ] as const) {
    verb
      .command(name)
      .description(about)
      .argument('<id>', 'as in vigil task list', count)
      .action(steering(name));
  }
}

function span(value: string): number {
  const ms = spanOf(value);
  if (!ms || ms > MOST.for_ms)
    throw new InvalidArgumentError(`expected a time as in 30m, 2h or 3d, got '${value}'`);
  return ms;
}

function iterations(value: string): number {
  const number = count(value);
  if (number > MOST.iterations) throw new InvalidArgumentError(`expected at most ${MOST.iterations}`);
  return number;
}

async function add(words: string[], wish: Wish, command: Command): Promise<void> {
  const { checkCommand, checkQuestion } = wish;
  const check_text = (checkCommand ?? checkQuestion ?? '').trim();
  if (check_text === '' || (checkCommand !== undefined && checkQuestion !== undefined)) {
    command.error('error: expected one of --check-command and --check-question');
  }
  const { store } = await openHouse();
  try {
    const now = systemClock.now();
    const [[row]] = await store.commit([
      tasks.add({
        goal: words.join(' ').toWellFormed(),
        check_kind: checkCommand === undefined ? 'question' : 'command',
        check_text: check_text.toWellFormed(),
        budget_nanousd: wish.budgetUsd,
        most_iterations: wish.iterations,
        until_at: now + wish.for,
        channel: 'terminal',
        chat: null,
        conversation: CONVERSATION,
        sender: userInfo().username,
        now,
      }),
    ]);
    process.stdout.write(`${row?.id}\n`);
  } finally {
    await store.close();
  }
}

const MOST_LISTED = 50;

async function list(options: { json?: boolean }): Promise<void> {
  const { store } = await openHouse();
  try {
    const rows = await store.read(tasks.latest(MOST_LISTED));
    if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
    else if (rows.length === 0) process.stdout.write('There are no tasks: vigil task add --help\n');
    else
      process.stdout.write(
        table(['>id', 'state', '>iteration', '>spent', '>of', 'goal', 'last'], rows.map(cells)),
      );
  } finally {
    await store.close();
  }
}

function cells(row: tasks.Task): string[] {
  return [
    String(row.id),
    row.state === 'running' ? row.phase : row.state,
    `${Math.min(row.iteration, row.most_iterations)}/${row.most_iterations}`,
    usd(row.spent_nanousd),
    usd(row.budget_nanousd),
    harmless(excerpt(row.goal)),
    harmless(excerpt(row.note ?? '')),
  ];
}

async function show(id: number, options: { json?: boolean }): Promise<void> {
  const { store } = await openHouse();
  try {
    const [row] = await store.read(tasks.of(id));
    if (!row) throw unknown(id);
    const told: inbound.Told[] = [];
    for (let n = 1; n <= row.iteration; n++)
      told.push(...(await store.read(inbound.keyed('task', `${id}:${n}`))));
    if (options.json) {
      process.stdout.write(`${JSON.stringify({ ...row, iterations: told })}\n`);
      return;
    }
    const check = `${row.check_kind} ${row.check_text}`;
    process.stdout.write(
      `${harmless(`${row.goal}\ncheck: ${check}`)}\nuntil ${timeOf(row.until_at)}\n\n${table(['>id', 'state', '>iteration', '>spent', '>of', 'goal', 'last'], [cells(row)])}`,
    );
    for (const [i, { turn_id, state }] of told.entries()) {
      process.stdout.write(`iteration ${i + 1}: ${state}${turn_id ? `, vigil explain ${turn_id}` : ''}\n`);
    }
  } finally {
    await store.close();
  }
}

function steering(verb: 'pause' | 'resume' | 'cancel') {
  return async (id: number): Promise<void> => {
    const { home, store } = await openHouse();
    try {
      const [row] = await store.read(tasks.of(id));
      if (!row) throw unknown(id);
      await demandRunning(home);
      const key = await pressed(store, `task-${verb}:${id}`);
      await follow(store, async () => (await outcomeOf(store, key)) !== null);
      const [after] = await store.read(tasks.of(id));
      process.stdout.write(`Task ${id} is ${after?.state}.\n`);
    } finally {
      await store.close();
    }
  };
}

function unknown(id: number): Misconfigured {
  return new Misconfigured(`task: there is no task ${id}`, 'vigil task list shows them');
}
