import { gunzipSync } from 'node:zlib';
import type { Command } from 'commander';
import { Misconfigured } from '#shared/base/errors.ts';
import type { Store } from '#shared/store/store.ts';
import * as decision from '#shared/tables/decision.ts';
import * as exchange from '#shared/tables/exchange.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as turn from '#shared/tables/turn.ts';
import { openHouse } from './house.ts';
import { type Event, type Facts, factsOf, lifeOf, received, totalOf } from './life.ts';
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
        await tell(store, await resolved(store, what), options);
      } finally {
        await store.close();
      }
    });
}

/** A message that never became a turn has a short life. */
type Found = { turn: turn.Turn } | { message: inbound.Told };

async function resolved(store: Store, what: string): Promise<Found> {
  const number = /^(?:telegram:)?(\d{1,15})$/.exec(what)?.[1];
  if (number !== undefined) {
    const [message] = what === number ? await store.read(inbound.of(Number(number))) : [];
    const [heard] = message ? [message] : await store.read(inbound.named(number));
    const [said] = heard ? [] : await store.read(outbound.named(Number(number)));
    const id = heard?.turn_id ?? said?.turn_id;
    const [found] = id ? await store.read(turn.of(id)) : [];
    if (found) return { turn: found };
    if (heard) return { message: heard };
  }
  if (what === 'last' || /^[0-9a-f-]{8,36}$/i.test(what)) {
    const prefix = what === 'last' ? '' : what.toLowerCase();
    const turns = await store.read(turn.found(prefix));
    const [first, second] = turns;
    if (first && (what === 'last' || !second)) return { turn: first };
    const [chosen, another] = first ? [] : await store.read(decision.found(prefix));
    if (second || another) {
      throw new Misconfigured(`explain: several ids begin with '${what}'`, 'tell more of it');
    }
    const [found] = chosen ? await store.read(turn.of(chosen.turn_id)) : [];
    if (found) return { turn: found };
  }
  throw new Misconfigured(
    `explain: nothing goes by '${what}'`,
    "name a turn, a decision, an inbound message or telegram:<message id>, or say 'last'; vigil decisions lists what there was",
  );
}

async function tell(store: Store, found: Found, options: { full?: boolean; json?: boolean }): Promise<void> {
  if ('message' in found) {
    const events = [received(found.message)];
    process.stdout.write(
      options.json ? `${JSON.stringify({ inbound: [found.message], events })}\n` : drawn(events),
    );
    return;
  }
  const facts = await factsOf(store, found.turn);
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

type Kept = { call_id: string; request: string; response: string };

async function exchangesOf(store: Store, { calls }: Facts): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (const { id: call_id } of calls) {
    const [row] = await store.read(exchange.of(call_id));
    if (!row) {
      kept.push({ call_id, request: 'not kept ([router] keep_days, keep_mb)', response: '' });
      continue;
    }
    const plain = (bytes: Uint8Array) =>
      (row.encoding === 'gzip' ? gunzipSync(bytes) : Buffer.from(bytes)).toString('utf8');
    kept.push({ call_id, request: indented(plain(row.request)), response: indented(plain(row.response)) });
  }
  return kept;
}

/** JSON as a person reads it; a stream as it came. */
function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // not JSON: server-sent events
  }
}
