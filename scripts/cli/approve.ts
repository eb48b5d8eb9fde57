import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { rule } from '#shared/runtime/rule.ts';
import type { Store } from '#shared/store/store.ts';
import * as approval from '#shared/tables/approval.ts';
import { openHouse } from './house.ts';
import { table } from './table.ts';

/** What the terminal shows of an id: its end, which tells those apart that are open. */
const SHORT_chars = 6;

export function approve(program: Command): void {
  program
    .command('approve')
    .description('Show what waits for your word, or give it.')
    .argument('[id]', 'as in the list')
    .argument('[choice]', 'once, always or deny; of a question, the number of the choice')
    .option('--json', 'print the list for a program')
    .addHelpText(
      'after',
      '\nExamples:\n  vigil approve\n  vigil approve 1f9c2a once\n  vigil approve 1f9c2a deny',
    )
    .action(async (id: string | undefined, choice: string | undefined, options: { json?: boolean }) => {
      const { store } = await openHouse();
      try {
        const open = await store.read(approval.open);
        if (id === undefined) process.stdout.write(options.json ? `${JSON.stringify(open)}\n` : listed(open));
        else await answer(store, open, id, choice);
      } finally {
        await store.close();
      }
    });
}

function listed(open: readonly approval.Approval[]): string {
  if (open.length === 0) return 'Nothing waits for your word.\n';
  const now = systemClock.now();
  const rows = open.map((one) => [
    one.id.slice(-SHORT_chars),
    choicesOf(one)
      .map((choice, i) => (one.kind === 'question' ? `${i}: ${choice}` : choice))
      .join(' '),
    `${Math.max(0, Math.ceil((one.expires_at - now) / 60_000))} min`,
    one.taint?.replaceAll('\n', ', ') ?? '–',
    one.scope.replace(/\s+/g, ' '),
  ]);
  return table(['id', 'choices', '>left', 'has read', 'what'], rows);
}

async function answer(
  store: Store,
  open: readonly approval.Approval[],
  id: string,
  choice: string | undefined,
): Promise<void> {
  const meant = id.length >= SHORT_chars ? open.filter((one) => one.id.endsWith(id)) : [];
  const [one] = meant;
  if (!one || meant.length > 1) {
    throw new Misconfigured(
      `approve: ${meant.length > 1 ? 'more than one' : 'nothing'} that waits is called '${id}'`,
      'choose one of the list: vigil approve',
    );
  }
  const words = one.kind === 'question' ? choicesOf(one).map((_, i) => String(i)) : choicesOf(one);
  if (choice === undefined || !words.includes(choice)) {
    throw new Misconfigured(
      `approve: expected ${words.join(', ')}, got ${choice === undefined ? 'nothing' : `'${choice}'`}\n  ${one.scope}`,
      `vigil approve ${id} ${words.at(-1)}`,
    );
  }
  const given = { about: `approval ${one.id}`, choice, by: userInfo().username };
  process.stdout.write(`${await rule(store, given)}\n`);
}

function choicesOf({ choices_json }: approval.Approval): string[] {
  return JSON.parse(choices_json);
}
