import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { periodOf } from '#shared/base/period.ts';
import type { Home } from '#shared/runtime/home.ts';
import * as member from '#shared/tables/member.ts';
import * as removal from '#shared/tables/removal.ts';
import { openHouse } from './house.ts';
import { table } from './table.ts';

export function members(program: Command): void {
  const verb = program.command('members').description('Those who may talk to Vigil in Telegram.');
  verb
    .command('list', { isDefault: true })
    .description('Show them all.')
    .option('--json', 'print it for a program')
    .action(list);
  verb
    .command('remove')
    .description('Shut somebody out, from their next message on.')
    .argument('<id>', 'their numeric Telegram id, as in vigil members', id)
    .action(remove);
}

function id(value: string): number {
  if (!/^[1-9]\d{0,15}$/.test(value))
    throw new InvalidArgumentError(`expected a Telegram id, got '${value}'`);
  return Number(value);
}

async function list(options: { json?: boolean }): Promise<void> {
  const { home, store } = await openHouse();
  try {
    const configured = (await owners(home)).map((user_id) => ({ user_id, name: null, added_at: null }));
    const paired = await store.read(member.current);
    if (options.json) {
      const rows = [
        ...configured,
        ...paired.map(({ user_id, name, added_at }) => ({ user_id, name, added_at })),
      ];
      process.stdout.write(`${JSON.stringify(rows)}\n`);
      return;
    }
    const rows = [
      ...configured.map(({ user_id }) => [String(user_id), '–', 'owner', 'config.toml, [telegram] owners']),
      ...paired.map(({ user_id, name, role, added_at }) => [
        String(user_id),
        name,
        role,
        `a code, on ${periodOf('day', added_at).name}`,
      ]),
    ];
    if (rows.length === 0) process.stdout.write('Nobody may talk to Vigil yet. vigil pair lets you in.\n');
    else process.stdout.write(table(['>id', 'name', 'role', 'let in by'], rows));
  } finally {
    await store.close();
  }
}

async function remove(user_id: number): Promise<void> {
  const { home, store } = await openHouse();
  try {
    if ((await owners(home)).includes(user_id)) {
      throw new Misconfigured(
        `members: ${user_id} is an owner by config.toml`,
        `take the id out of ${home.config}, [telegram] owners; that takes effect at once`,
      );
    }
    const found = (await store.read(member.current)).find((row) => row.user_id === user_id);
    if (!found) {
      throw new Misconfigured(
        `members: there is no ${user_id}`,
        'choose one of those that vigil members shows',
      );
    }
    const given_by = userInfo().username;
    await store.commit([removal.post({ user_id, given_by, at: systemClock.now() })]);
    process.stdout.write(`${found.name} (${user_id}) is out: their next message is refused\n`);
  } finally {
    await store.close();
  }
}

async function owners(home: Home): Promise<number[]> {
  const { readSection } = await import('#shared/runtime/config.ts');
  const { config } = await import('../../services/telegram/config.ts');
  return readSection(home.config, 'telegram', config).owners;
}
