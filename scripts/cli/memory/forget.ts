/** Forgets by id, never by what a search puts first: what would go is shown, and those ids alone are handed over. */

import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { Misconfigured } from '#shared/base/errors.ts';
import { scopeOf } from '#shared/recall/scope.ts';
import type { Home } from '#shared/runtime/home.ts';
import type { Store } from '#shared/store/store.ts';
import * as memories from '#shared/tables/memory.ts';
import * as message from '#shared/tables/message.ts';
import { harmless, timeOf } from '../explain.ts';
import { openHouse } from '../house.ts';
import { excerpt } from '../life.ts';
import { grouped } from '../money.ts';
import { table } from '../table.ts';
import { drawn } from './look.ts';
import { speakerOf } from './show.ts';
import { carried, known } from './wish.ts';

export type Options = { turn: string[]; words?: string; scope: string; backups?: boolean; yes?: boolean };
type Targets = { memories: memories.Memory[]; turns: string[] };

export async function forget(what: string[], options: Options, command: Command): Promise<void> {
  const ids = what.every((word) => /^#?[1-9]\d{0,14}$/.test(word)) ? what : [];
  const words = (options.words ?? (ids.length > 0 ? '' : what.join(' '))).trim();
  if (ids.length + options.turn.length === 0 && words === '')
    command.error('error: expected ids, --turn or words; to a shell # begins a comment: write 12, not #12');
  const house = await openHouse();
  try {
    const { store } = house;
    const targets = await targetsOf(house, { ids, turns: options.turn, words, scope: options.scope });
    if (targets.memories.length + targets.turns.length === 0)
      throw new Misconfigured(
        `memory: nothing holds the words '${words}'`,
        'vigil memory search finds what is like it',
      );
    process.stdout.write(await preview(store, targets));
    if (!options.yes) await demandYes(targets);
    await carried(house, {
      kind: 'forget',
      scope: options.scope,
      targets_json: JSON.stringify({
        memories: targets.memories.map(({ id }) => id),
        turns: targets.turns,
        ...(options.backups && { backups: true }),
      }),
    });
  } finally {
    await house.store.close();
  }
}

async function targetsOf(
  { home, store }: { home: Home; store: Store },
  asked: { ids: string[]; turns: string[]; words: string; scope: string },
): Promise<Targets> {
  const found: Targets = { memories: [], turns: [] };
  for (const id of asked.ids) found.memories.push(await known(store, Number(id.replace('#', ''))));
  for (const prefix of asked.turns) found.turns.push(await turnNamed(store, prefix));
  if (asked.words === '') return found;
  const held = await holding({ home, store }, asked.words, asked.scope);
  return {
    memories: [...found.memories, ...held.memories],
    turns: [...new Set([...found.turns, ...held.turns])],
  };
}

async function turnNamed(store: Store, prefix: string): Promise<string> {
  const [first, second] = await store.read(message.turnsFrom(prefix.toLowerCase()));
  if (first && !second) return first.turn_id;
  throw new Misconfigured(
    `memory: ${second ? 'several turns begin with' : 'nothing was said in a turn'} '${prefix}'`,
    second ? 'tell more of its id' : 'vigil memory search names the turns that it finds',
  );
}

const PAGE = 5000;

/** All memories and turns of the scope with these words in a row, whatever their case and the blanks between them. */
async function holding(
  { home, store }: { home: Home; store: Store },
  words: string,
  scope: string,
): Promise<Targets> {
  const plain = (text: string) => text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ');
  const holds = (text: string) => plain(text).includes(plain(words));
  const of = { scope, kind: null, conversation: null, statuses: memories.STATUSES };
  const rows = await store.read(memories.listed({ ...of, most: Number.MAX_SAFE_INTEGER }));
  const { ownersOf } = await import('#shared/runtime/owners.ts');
  const own = await ownersOf(home.config, store);
  const turns = new Set<string>();
  let after = 0;
  for (;;) {
    const page = await store.read(message.page(after, PAGE));
    for (const row of page) {
      if (holds(row.text) && scopeOf(row.conversation, own) === scope) turns.add(row.turn_id);
    }
    after = page.at(-1)?.id ?? after;
    if (page.length < PAGE) break;
  }
  return { memories: rows.filter(({ text }) => holds(text)), turns: [...turns] };
}

async function preview(store: Store, targets: Targets): Promise<string> {
  const said: string[][] = [];
  for (const turn_id of targets.turns) {
    for (const row of await store.read(message.exchanged(turn_id)))
      said.push([
        turn_id,
        timeOf(row.at).slice(0, 16),
        harmless(speakerOf(row)),
        harmless(excerpt(row.text)),
      ]);
  }
  return [
    ...(targets.memories.length > 0 ? [drawn(targets.memories)] : []),
    ...(said.length > 0 ? [table(['turn', 'said', 'by', 'words'], said)] : []),
    '',
  ].join('\n');
}

async function demandYes(targets: Targets): Promise<void> {
  const [kept, said] = [targets.memories.length, targets.turns.length];
  const what = `${grouped(kept)} ${kept === 1 ? 'memory' : 'memories'} and ${grouped(said)} ${said === 1 ? 'turn' : 'turns'}`;
  const refused = new Misconfigured(
    `memory: ${what} would be forgotten; nothing was`,
    'say it where it asks, or with --yes',
  );
  if (!process.stdin.isTTY) throw refused;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  const question = `This forgets ${what} for good, with all that rests on them. Type yes to go on: `;
  const word = await Promise.race([terminal.question(question), ended]);
  terminal.close();
  if (word.trim().toLowerCase() !== 'yes') throw refused;
}
