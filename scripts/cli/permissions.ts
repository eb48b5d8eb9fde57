import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { Misconfigured } from '#shared/base/errors.ts';
import { rule } from '#shared/runtime/rule.ts';
import * as permission from '#shared/tables/permission.ts';
import { openHouse } from './house.ts';
import { table } from './table.ts';

export function permissions(program: Command): void {
  const verb = program.command('permissions').description('What was always allowed.');
  verb
    .command('list', { isDefault: true })
    .description('Show what is allowed until it is revoked.')
    .option('--json', 'print it for a program')
    .action(list);
  verb
    .command('revoke')
    .description('Take a permission back, from the next call on.')
    .argument('<n>', 'its number in the list', number)
    .action(revoke);
}

function number(value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new InvalidArgumentError(`expected a number of the list, got '${value}'`);
}

async function list(options: { json?: boolean }): Promise<void> {
  const { store } = await openHouse();
  try {
    const rows = await store.read(permission.inForce);
    if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
    else if (rows.length === 0) process.stdout.write('Nothing is always allowed.\n');
    else {
      const cells = rows.map(({ id, tool, scope, given_by, given_at }) => [
        String(id),
        tool,
        scope,
        given_by,
        new Date(given_at).toLocaleDateString('sv'),
      ]);
      process.stdout.write(table(['>n', 'tool', 'what', 'given by', 'on'], cells));
    }
  } finally {
    await store.close();
  }
}

async function revoke(n: number): Promise<void> {
  const { store } = await openHouse();
  try {
    const found = (await store.read(permission.inForce)).find(({ id }) => id === n);
    if (!found) {
      throw new Misconfigured(`permissions: none in force has the number ${n}`, 'see vigil permissions');
    }
    process.stdout.write(
      `${await rule(store, { about: `permission ${n}`, choice: 'revoke', by: userInfo().username })}\n`,
    );
  } finally {
    await store.close();
  }
}
