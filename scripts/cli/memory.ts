/** What is remembered: looked at, searched, changed, forgotten, taken along. The service `memory` alone changes it. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { KINDS, STATUSES } from '#shared/tables/memory.ts';
import { exported } from './memory/export.ts';
import { forget } from './memory/forget.ts';
import { list, profile, search } from './memory/look.ts';
import { listRuns } from './memory/runs.ts';
import { show } from './memory/show.ts';
import { stats } from './memory/stats.ts';
import { type Wished, wish } from './memory/wish.ts';
import { count } from './money.ts';

const OWNER = 'owner';

export function memory(program: Command): void {
  const verb = program
    .command('memory')
    .description('What is remembered: looked at, changed, forgotten for good, taken along.')
    .addHelpText('after', EXAMPLES);
  looking(verb);
  changing(verb);
  going(verb);
  runs(verb);
}

const EXAMPLES = `
Examples:
  vigil memory list --kind preference
  vigil memory list --scope all --status proposed
  vigil memory show 12
  vigil memory search where did we park
  vigil memory add "My sister's birthday is on May 3rd"
  vigil memory forget 12 14`;

/** Whose memory: the owner's, or that of one conversation. */
const scoped = (more = '') =>
  new Option('--scope <scope>', `whose: 'owner', a group as in telegram:-42${more}`).default(OWNER);

function looking(verb: Command): void {
  verb
    .command('list', { isDefault: true })
    .description('Show what is in force, and what waits for your word; the pinned first, then the latest.')
    .addOption(scoped(", or 'all'"))
    .addOption(new Option('--kind <kind>', 'only of this kind').choices(KINDS))
    .addOption(new Option('--status <status>', 'only in this state').choices([...STATUSES, 'all']))
    .option('--conversation <name>', 'only what was said there, as in telegram:4242')
    .option('--limit <n>', 'at most so many', count, 50)
    .option('--json', 'print it for a program')
    .action(list);
  verb
    .command('show')
    .description(
      'Tell the whole life of one: who said it, since when it holds, what it replaced, when it was recalled.',
    )
    .argument('<id>', 'as in the list', id)
    .option('--json', 'print it for a program')
    .action(show);
  verb
    .command('search')
    .description(
      'Look for what the model would be reminded of by these words: messages and memories, and why.',
    )
    .argument('<words...>')
    .addOption(scoped())
    .option('--tokens <n>', 'as much as fits into so many', count, 1024)
    .option('--json', 'print it for a program')
    .action(search);
  verb
    .command('profile')
    .description('Print what the model is told of you before every conversation.')
    .addOption(scoped())
    .option('--json', 'print it for a program')
    .action(profile);
  verb
    .command('stats')
    .description('Count what there is, what it takes on the disk, and how it grows.')
    .option('--json', 'print it for a program')
    .action(stats);
}

function changing(verb: Command): void {
  verb
    .command('add')
    .alias('remember')
    .description('Have something remembered.')
    .argument('<text...>')
    .addOption(scoped())
    .action((words: string[], { scope }: { scope: string }, command: Command) =>
      wish({ kind: 'remember', scope, text: textOf(words, command) }),
    );
  verb
    .command('edit')
    .description('Have it say something else; what it said stays in its history.')
    .argument('<id>', 'as in the list', id)
    .argument('<text...>')
    .action((memory_id: number, words: string[], _options: object, command: Command) =>
      wish({ kind: 'edit', memory_id, text: textOf(words, command) }),
    );
  for (const [kind, about] of [
    ['pin', 'Always tell it to the model; it never fades.'],
    ['unpin', 'Let it be one among the others again.'],
    ['confirm', 'Say yes to what was proposed, is disputed, or was held back.'],
    ['reject', 'Say no to it.'],
  ] as const satisfies [Wished['kind'], string][]) {
    verb
      .command(kind)
      .description(about)
      .argument('<id>', 'as in the list', id)
      .action((memory_id: number) => wish({ kind, memory_id }));
  }
}

function going(verb: Command): void {
  verb
    .command('forget')
    .description('Forget for good, messages too: shows what would go, and asks.')
    .argument('[what...]', 'ids of memories, or else the words that it is about')
    .option('--turn <id>', 'what was said in this turn, by the beginning of its id', gathered, [])
    .option('--words <text>', 'the words that it is about, when they look like ids')
    .addOption(scoped())
    .option('--related', 'also what repeats it, or was told of it')
    .option('--memories-only', 'what they were made of stays, and can be found again')
    .option('--backups', 'make a new backup, and remove all others, here and elsewhere')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      `
Examples:
  vigil memory forget 12 14
  vigil memory forget the blue teapot      every memory and message with these words
  vigil memory forget --turn 0190aaaa-1111`,
    )
    .action(forget);
  verb
    .command('export')
    .description('Write down all that is remembered, and where each is from.')
    .argument('[file]', 'a new file that only you can read; the terminal when left out')
    .addOption(scoped())
    .addOption(new Option('--format <format>').choices(['json', 'markdown']).default('json'))
    .action(exported);
}

function runs(verb: Command): void {
  verb
    .command('runs')
    .description('Show the latest passes over what was said, and what each brought.')
    .argument('[id]', 'one of them, change by change', id)
    .option('--limit <n>', 'at most so many', count, 20)
    .option('--json', 'print it for a program')
    .action(listRuns);
  verb
    .command('undo')
    .description('Take back all that a run changed.')
    .argument('<run>', 'as in vigil memory runs', id)
    .action((run_id: number) => wish({ kind: 'undo', run_id }));
  verb
    .command('consolidate')
    .description('Go over what is new now, not only at night.')
    .action(() => wish({ kind: 'consolidate' }));
}

function id(value: string): number {
  if (!/^#?[1-9]\d{0,14}$/.test(value))
    throw new InvalidArgumentError(`expected an id such as 12, got '${value}'`);
  return Number(value.replace('#', ''));
}

function gathered(value: string, before: string[]): string[] {
  return [...before, value];
}

function textOf(words: string[], command: Command): string {
  const text = words.join(' ').trim().toWellFormed();
  return text === '' ? command.error('error: expected a text, got nothing') : text;
}
