import type { Command } from 'commander';
import { Misconfigured } from '#shared/base/errors.ts';
import { type Bodies, bodiesOf } from '#shared/life/bodies.ts';
import { type Found, foundBy } from '#shared/life/found.ts';
import { type Event, type Facts, factsOf, lifeOf, received, totalOf } from '#shared/life/life.ts';
import type { Store } from '#shared/store/store.ts';
import { openHouse } from './house.ts';
import { table } from './table.ts';

export function explain(program: Command): void {
  program
    .command('explain')
    .description('Tell the whole life of a message: received, asked, decided, done, sent, and what it cost.')
    .argument('<what>', "'last', or the id of a turn, a decision, an inbound message, a message in Telegram")
    .option('--full', 'with every request and answer, word for word, as long as they are kept')
    .option('--json', 'print it for a program')
    .addHelpText(
      'after',
      `
Examples:
  vigil explain last
  vigil explain 12                the inbound message 12, or else Telegram's message 12
  vigil explain telegram:12       Telegram's message 12, to or from Vigil
  vigil explain 0190aaaa-1111     a turn or a decision, by the beginning of its id (vigil decisions lists them)`,
    )
    .action(async (what: string, options: { full?: boolean; json?: boolean }) => {
      const { store } = await openHouse();
      try {
        await tell(store, found(await foundBy(store.read, what), what), options);
      } finally {
        await store.close();
      }
    });
}

/** @throws Misconfigured when it is not one */
function found(named: Found | 'nothing' | 'several', what: string): Found {
  if (named === 'several') {
    throw new Misconfigured(`explain: several ids begin with '${what}'`, 'tell more of it');
  }
  if (named === 'nothing') {
    throw new Misconfigured(
      `explain: nothing goes by '${what}'`,
      "name a turn, a decision, an inbound message or telegram:<message id>, or say 'last'; vigil decisions lists what there was",
    );
  }
  return named;
}

async function tell(store: Store, found: Found, options: { full?: boolean; json?: boolean }): Promise<void> {
  if ('message' in found) {
    const events = [received(found.message)];
    process.stdout.write(
      options.json ? `${JSON.stringify({ inbound: [found.message], events })}\n` : drawn(events),
    );
    return;
  }
  const facts = await factsOf(store.read, found.turn);
  const events = lifeOf(facts);
  const full = options.full ? await exchangesOf(store, facts) : [];
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ ...facts, events, ...(options.full && { exchanges: full }) })}\n`,
    );
    return;
  }
  process.stdout.write(`${drawn(events)}\n${totalOf(facts)}\n`);
  for (const { call_id, request, response } of full) {
    process.stdout.write(harmless(`\n── call ${call_id}: asked\n${request}\n── answered\n${response}\n`));
  }
}

function drawn(events: readonly Event[]): string {
  const first = events[0]?.at ?? 0;
  const rows = events.map(({ at, what, detail }) => [timeOf(at), `${at - first}`, what, harmless(detail)]);
  return table(['time', '>ms', 'what', ''], rows);
}

/** 2026-11-22 14:03:22.123, where the machine is. */
export function timeOf(at: number): string {
  const local = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return local.toISOString().replace('T', ' ').slice(0, -1);
}

/** Whoever wrote it must not command the terminal. */
export function harmless(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '?');
}

async function exchangesOf({ read }: Store, { calls }: Facts): Promise<({ call_id: string } & Bodies)[]> {
  const gone = { request: 'not kept ([router] keep_days, keep_mb)', response: '' };
  return Promise.all(
    calls.map(async ({ id: call_id }) => ({ call_id, ...((await bodiesOf(read, call_id)) ?? gone) })),
  );
}
