/** Forgets by id, never by what a search puts first: what would go is shown, and those ids alone are handed over. */

import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { grouped } from '#shared/base/count.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { together, withRelated, withSources } from '#shared/forget/named.ts';
import { type Plan, plan, type Targets, Unforgettable } from '#shared/forget/plan.ts';
import { shown } from '#shared/forget/shown.ts';
import type { Store } from '#shared/store/store.ts';
import * as message from '#shared/tables/message.ts';
import { harmless } from '../explain.ts';
import { openHouse } from '../house.ts';
import { carried, known } from './wish.ts';

export type Options = {
  turn: string[];
  words?: string;
  scope: string;
  memoriesOnly?: boolean;
  related?: boolean;
  backups?: boolean;
  yes?: boolean;
};

/** A terminal scrolls. */
const MOST_SHOWN = 200;

export async function forget(what: string[], options: Options, command: Command): Promise<void> {
  const { turn, memoriesOnly, related, backups, yes } = options;
  const ids = what.every((word) => /^#?[1-9]\d{0,14}$/.test(word)) ? what : [];
  const words = (options.words ?? (ids.length > 0 ? '' : what.join(' '))).trim();
  const named = ids.length + turn.length > 0 || words !== '';
  if (!named && !backups)
    command.error('error: expected ids, --turn or words; to a shell # begins a comment: write 12, not #12');
  if (memoriesOnly && (related || turn.length > 0))
    command.error(
      'error: --memories-only leaves what was said, --turn and --related name it: expected one of them',
    );
  const house = await openHouse();
  try {
    const { store } = house;
    const { ownersOf } = await import('#shared/runtime/owners.ts');
    const owners = await ownersOf(house.home.config, store);
    const found = await namedBy(store, { ids, prefixes: turn, words }, options.scope, owners);
    const { scope } = found;
    let targets = memoriesOnly ? { ...found.targets, turns: [] } : found.targets;
    if (named && targets.memories.length + targets.turns.length === 0)
      throw new Misconfigured(
        `memory: nothing holds the words '${words}'`,
        'vigil memory search finds what is like it',
      );
    // What a memory was made of would be found again without it.
    if (!memoriesOnly) targets = await withSources(store.read, targets);
    if (named) {
      let planned = await planOf(store, targets, scope);
      if (related) {
        targets = withRelated(targets, planned, systemClock.now());
        planned = await planOf(store, targets, scope);
      }
      process.stdout.write(`${harmless(shown(planned, MOST_SHOWN, 'with turns'))}\n\n`);
      if (planned.related.length > 0 && !related)
        process.stdout.write('With --related these go too; or name some: an id, or --turn <id>.\n\n');
    }
    const removed = backups ? ['every backup but a new one'] : [];
    if (!yes) await demandYes([...(named ? [sumOf(targets)] : []), ...removed].join(', and '));
    const targets_json = JSON.stringify({ ...targets, ...(backups && { backups }) });
    await carried(house, { kind: 'forget', scope, targets_json });
  } finally {
    await house.store.close();
  }
}

/** @throws Misconfigured when something of it is not there, or it is of more than one scope */
async function namedBy(
  store: Store,
  { ids, prefixes, words }: { ids: readonly string[]; prefixes: readonly string[]; words: string },
  within: string,
  owners: readonly number[],
): Promise<{ targets: Targets; scope: string }> {
  const memories = await Promise.all(ids.map((id) => known(store, Number(id.replace('#', '')))));
  const turns = await Promise.all(prefixes.map((prefix) => turnFrom(store.read, prefix)));
  const of = { within, owners, upto_at: systemClock.now(), most: Number.MAX_SAFE_INTEGER };
  return explained(together(store.read, { memories, turns, words }, of));
}

async function turnFrom(read: Store['read'], prefix: string) {
  const [first, second] = await read(message.turnsFrom(prefix.toLowerCase()));
  if (first && !second) return first;
  throw new Misconfigured(
    `memory: ${second ? 'several turns begin with' : 'nothing was said in a turn'} '${prefix}'`,
    second ? 'tell more of its id' : 'vigil memory search names the turns that it finds',
  );
}

const planOf = (store: Store, named: Targets, scope: string): Promise<Plan> =>
  explained(plan(store.read, named, { scope }));

async function explained<T>(found: Promise<T>): Promise<T> {
  try {
    return await found;
  } catch (error) {
    if (!(error instanceof Unforgettable)) throw error;
    throw new Misconfigured(
      `memory: not forgotten: ${error.message}`,
      'vigil memory show tells where it is from',
    );
  }
}

function sumOf({ memories, turns }: Targets): string {
  const [kept, said] = [memories.length, turns.length];
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
