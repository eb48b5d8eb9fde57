import type { Command } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { GOOD_ms, hashOf, newCode } from '#shared/base/pairing-code.ts';
import type { Store } from '#shared/store/store.ts';
import * as pairing from '#shared/tables/pairing.ts';
import * as poller from '#shared/tables/poller.ts';
import { openHouse } from './house.ts';

export function pair(program: Command): void {
  program
    .command('pair')
    .description('Let somebody in: print a code that makes whoever sends it to the bot an owner, once.')
    .option('--json', 'print { code, link, expires_at }')
    .action(async (options: { json?: boolean }) => {
      const { store } = await openHouse();
      try {
        const { code, expires_at } = await openPairing(store);
        const name = (await store.read(poller.latest))[0]?.name ?? null;
        const link = name === null ? null : linkOf(name, code);
        if (options.json) {
          process.stdout.write(`${JSON.stringify({ code, link, expires_at })}\n`);
          return;
        }
        const minutes = GOOD_ms / 60_000;
        const open = link === null ? '' : `, or open ${link}`;
        process.stdout.write(`${code}\n`);
        process.stderr.write(
          `\nSend this code to ${name === null ? 'the bot' : `@${name}`} within ${minutes} minutes${open}.\n` +
            'Whoever does so first may do all that an owner may. It is shown this once.\n',
        );
      } finally {
        await store.close();
      }
    });
}

/** A code that lets in whoever sends it first. */
export async function openPairing(store: Store): Promise<{ code: string; expires_at: number }> {
  const now = systemClock.now();
  const code = newCode();
  const hash = hashOf(code);
  if (hash === null) throw new Error(`pair: expected ${code} to be a code`);
  const expires_at = now + GOOD_ms;
  await store.commit([pairing.prune(now), pairing.open({ hash, created_at: now, expires_at })]);
  return { code, expires_at };
}

/** Opens the chat with the bot; one tap there sends the code (Bot API: Deep linking). */
export function linkOf(bot: string, code: string): string {
  return `https://t.me/${bot}?start=${code}`;
}
