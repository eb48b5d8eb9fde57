/** Forgets by id, never by what a search puts first: what would go is shown, and those ids alone are handed over. */

import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { Misconfigured } from '#shared/base/errors.ts';
import { all, type Plan, plan, Unforgettable } from '#shared/forget/plan.ts';
import { scopeOf } from '#shared/recall/scope.ts';
import type { Store } from '#shared/store/store.ts';
import * as erase from '#shared/tables/erase.ts';
import * as memories from '#shared/tables/memory.ts';
import * as memory_source from '#shared/tables/memory_source.ts';
import * as message from '#shared/tables/message.ts';
import { harmless, timeOf } from '../explain.ts';
import { openHouse } from '../house.ts';
import { excerpt } from '../life.ts';
import { grouped } from '../money.ts';
import { table } from '../table.ts';
import { drawn } from './look.ts';
import { speakerOf } from './show.ts';
import { carried, known } from './wish.ts';

export type Options = {
  turn: string[];
  words?: string;
  scope: string;
  memoriesOnly?: boolean;
  backups?: boolean;
  yes?: boolean;
};

type Named = { memories: number[]; turns: string[] };

type Targets = {
  memories: memories.Memory[];
  /** Each with its conversation. */
  turns: Map<string, string>;
};

export async function forget(what: string[], options: Options, command: Command): Promise<void> {
  const { turn, memoriesOnly, backups, yes } = options;
  const ids = what.every((word) => /^#?[1-9]\d{0,14}$/.test(word)) ? what : [];
  const words = (options.words ?? (ids.length > 0 ? '' : what.join(' '))).trim();
  const named = ids.length + turn.length > 0 || words !== '';
  if (!named && !backups)
    command.error('error: expected ids, --turn or words; to a shell # begins a comment: write 12, not #12');
  if (memoriesOnly && turn.length > 0)
    command.error('error: --memories-only leaves what was said, and --turn names it: expected one of them');
  const house = await openHouse();
  try {
    const { store } = house;
    const { ownersOf } = await import('#shared/runtime/owners.ts');
    const owners = await ownersOf(house.home.config, store);
    const targets: Targets = { memories: [], turns: new Map() };
    await addNamed(store, targets, ids, turn);
    if (words !== '') await addHolding(store, targets, words, options.scope, owners);
    // What a memory was made of would be found again without it.
    if (memoriesOnly) targets.turns.clear();
    else await addSources(store, targets);
    if (named && targets.memories.length + targets.turns.size === 0)
      throw new Misconfigured(
        `memory: nothing holds the words '${words}'`,
        'vigil memory search finds what is like it',
      );
    const scope = named ? scopeAmong(targets, owners) : options.scope;
    const gone = { memories: targets.memories.map(({ id }) => id), turns: [...targets.turns.keys()] };
    if (named) {
      const planned = await planOf(store, gone, scope);
      process.stdout.write(`${await preview(store, targets)}${consequences(planned)}`);
    }
    const removed = backups ? ['every backup but a new one'] : [];
    if (!yes) await demandYes([...(named ? [sumOf(targets)] : []), ...removed].join(', and '));
    const targets_json = JSON.stringify({ ...gone, ...(backups && { backups }) });
    await carried(house, { kind: 'forget', scope, targets_json });
  } finally {
    await house.store.close();
  }
}

async function addNamed(
  store: Store,
  targets: Targets,
  ids: readonly string[],
  prefixes: readonly string[],
): Promise<void> {
  for (const id of ids) targets.memories.push(await known(store, Number(id.replace('#', ''))));
  for (const prefix of prefixes) {
    const [first, second] = await store.read(message.turnsFrom(prefix.toLowerCase()));
    if (!first || second)
      throw new Misconfigured(
        `memory: ${second ? 'several turns begin with' : 'nothing was said in a turn'} '${prefix}'`,
        second ? 'tell more of its id' : 'vigil memory search names the turns that it finds',
      );
    targets.turns.set(first.turn_id, first.conversation);
  }
}

/** All memories and turns of the scope with these words in a row, whatever their case and the blanks between them. */
async function addHolding(
  store: Store,
  targets: Targets,
  words: string,
  scope: string,
  owners: readonly number[],
): Promise<void> {
  const plain = (text: string) => text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ');
  const holds = ({ text }: { text: string }) => plain(text).includes(plain(words));
  const of = { scope, kind: null, conversation: null, statuses: memories.STATUSES };
  const rows = await store.read(memories.listed({ ...of, most: Number.MAX_SAFE_INTEGER }));
  targets.memories.push(...rows.filter(holds));
  for await (const row of all(store.read, erase.said)) {
    if (holds(row) && scopeOf(row.conversation, owners) === scope)
      targets.turns.set(row.turn_id, row.conversation);
  }
}

async function addSources(store: Store, { memories, turns }: Targets): Promise<void> {
  for (const { id } of memories) {
    for (const source of await store.read(memory_source.ofMemory(id)))
      turns.set(source.turn_id, source.conversation);
  }
}

/** @throws Misconfigured when they are of more than one */
function scopeAmong({ memories, turns }: Targets, owners: readonly number[]): string {
  const said = [...turns.values()].map((conversation) => scopeOf(conversation, owners));
  const [scope = '', ...others] = new Set([...memories.map((one) => one.scope), ...said]);
  if (others.length === 0) return scope;
  throw new Misconfigured(
    `memory: some of it is of ${scope}, some of ${others.join(', ')}`,
    'forget each by itself',
  );
}

async function preview(store: Store, { memories, turns }: Targets): Promise<string> {
  const said: string[][] = [];
  for (const turn_id of turns.keys()) {
    for (const row of await store.read(message.exchanged(turn_id)))
      said.push([
        turn_id,
        timeOf(row.at).slice(0, 16),
        harmless(speakerOf(row)),
        harmless(excerpt(row.text)),
      ]);
  }
  return [
    ...(memories.length > 0 ? [drawn(memories)] : []),
    ...(said.length > 0 ? [table(['turn', 'said', 'by', 'words'], said)] : []),
    '',
  ].join('\n');
}

async function planOf(store: Store, named: Named, scope: string): Promise<Plan> {
  try {
    return await plan(store.read, named, { scope });
  } catch (error) {
    if (!(error instanceof Unforgettable)) throw error;
    throw new Misconfigured(
      `memory: not forgotten: ${error.message}`,
      'vigil memory show tells where it is from',
    );
  }
}

/** What goes along; and what bears on it and stays, unless it is named as well. */
function consequences({ counts, related, setUp }: Plan): string {
  const rows = related.map((one) => [
    'turn_id' in one ? `--turn ${one.turn_id}` : `#${one.memory_id}`,
    one.why,
    harmless(excerpt(one.text)),
  ]);
  return [
    `With all that was made of it: rows of ${counts.map(({ table, rows }) => `${table} ${rows}`).join(', ')}.\n`,
    ...(rows.length > 0 ? [table(['stays', 'although', 'words'], rows)] : []),
    ...(setUp.length > 0 ? [`Its words stand in ${setUp.join(', ')} too: change that yourself.\n`] : []),
    '',
  ].join('\n');
}

function sumOf({ memories, turns }: Targets): string {
  const [kept, said] = [memories.length, turns.size];
  return `${grouped(kept)} ${kept === 1 ? 'memory' : 'memories'} and ${grouped(said)} ${said === 1 ? 'turn' : 'turns'}`;
}

async function demandYes(what: string): Promise<void> {
  const refused = new Misconfigured(
    `memory: ${what} would be forgotten; nothing was`,
    'say yes where it asks, or --yes',
  );
  if (!process.stdin.isTTY) throw refused;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  const question = `This forgets ${what} for good, with all that rests on them. Type yes to go on: `;
  const word = await Promise.race([terminal.question(question), ended]);
  terminal.close();
  if (word.trim().toLowerCase() !== 'yes') throw refused;
}
