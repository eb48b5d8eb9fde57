import type { Command } from 'commander';
import { Misconfigured } from '#shared/base/errors.ts';
import * as turn from '#shared/tables/turn.ts';
import { demandRunning, follow, openHouse, outcomeOf, pressed } from './house.ts';

/** What the buttons below a held turn do, where there are none. */
export function retry(program: Command): void {
  for (const [name, about] of [
    ['retry', 'Try a message again that was held because it failed.'],
    ['drop', 'Leave a message unanswered that was held because it failed.'],
  ] as const) {
    program
      .command(name)
      .description(about)
      .argument('<turn>', 'its turn, as you were told')
      .action(async (id: string) => {
        const { home, store } = await openHouse();
        try {
          const [found] = await store.read(turn.of(id));
          if (found?.state !== 'held') {
            const what = found ? `the turn ${id} is ${found.state}, not held` : `there is no turn ${id}`;
            throw new Misconfigured(
              `${name}: ${what}`,
              `vigil explain ${found ? id : 'last'} tells its life`,
            );
          }
          await demandRunning(home);
          const key = await pressed(store, `${name}:${id}`);
          await follow(store, async () => (await outcomeOf(store, key)) !== null);
          process.stdout.write(`${await outcomeOf(store, key)}\n`);
        } finally {
          await store.close();
        }
      });
  }
}
