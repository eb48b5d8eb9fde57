/** The whole life of a memory: who said it, since when it holds, what it replaced, when it was recalled; and its words for people. */

import * as memories from '../tables/memory.ts';
import * as memory_change from '../tables/memory_change.ts';
import * as memory_run from '../tables/memory_run.ts';
import * as memory_source from '../tables/memory_source.ts';
import * as recalled from '../tables/recalled.ts';
import * as wishes from '../tables/wish.ts';
import type { Found, Read } from './recall.ts';

const MOST_RECALLED = 5;

export type Life = {
  memory: memories.Memory;
  sources: memory_source.Quoted[];
  chain: memories.Memory[];
  changes: memory_change.Change[];
  run: memory_run.Run | null;
  wish: wishes.Wish | null;
  recalled: recalled.Recalled[];
};

/** Null when there is no such memory. */
export async function lifeOf(read: Read, id: number): Promise<Life | null> {
  const [memory] = await read(memories.of(id));
  if (!memory) return null;
  const { run_id, wish_id } = memory;
  return {
    memory,
    sources: await read(memory_source.ofMemory(id)),
    chain: await read(memories.chain(id)),
    changes: await read(memory_change.ofMemory(id)),
    run: run_id === null ? null : ((await read(memory_run.of(run_id)))[0] ?? null),
    wish: wish_id === null ? null : ((await read(wishes.of(wish_id)))[0] ?? null),
    recalled: await read(recalled.ofMemory(id, MOST_RECALLED)),
  };
}

/** How far it may be believed, by its `trust`. */
export const TRUST = [
  'from outside, or said after reading it',
  "another person's words",
  "the agent's, which had read nobody else's",
  "the owner's own words",
] as const;

/** Why it is in the state that it is in. */
export function whyOf({ memory, changes }: Pick<Life, 'memory' | 'changes'>): string {
  switch (memory.status) {
    case 'active':
      return memory.pinned ? 'always told to the model' : 'in force';
    case 'proposed':
      return 'waits for your yes';
    case 'disputed': {
      const other = changes.findLast(({ op, other_id }) => op === 'dispute' && other_id !== null)?.other_id;
      return `contradicts ${other ? `#${other}` : 'another'}, and nobody said which is so`;
    }
    case 'quarantined':
      return `not told to the model: it rests on ${TRUST[memory.trust]}`;
    case 'superseded':
      return memory.superseded_by === null ? 'replaced' : `replaced by #${memory.superseded_by}`;
    case 'retracted':
      return 'taken back';
    case 'expired':
      return 'its time is over';
  }
}

export function originOf({ memory: { origin }, run, wish }: Pick<Life, 'memory' | 'run' | 'wish'>): string {
  const who = { owner: 'the owner', rule: 'a rule', model: 'a model' }[origin];
  if (wish) return `${who}, by wish ${wish.id} (${wish.kind}, ${wish.given_by})`;
  return run ? `${who}, in run ${run.id} over ${run.conversation}` : who;
}

/** The words that it rests on: those that were cited, or all of the message. */
export function quoteOf({ text, quote_from, quote_to }: memory_source.Quoted): string {
  return quote_from === null || quote_to === null ? text : text.slice(quote_from, quote_to);
}

export function speakerOf({ role, sender }: Pick<memory_source.Quoted, 'role' | 'sender'>): string {
  return role === 'assistant' ? 'vigil' : (sender ?? 'user');
}

const MOST_REASONS = 3;

/** What weighed most when it was found, either way. */
export function reasonsOf(why: Found['why']): string {
  return Object.entries(why)
    .filter(([, weight]) => weight !== 0)
    .sort(([, a], [, b]) => Math.abs(b) - Math.abs(a))
    .slice(0, MOST_REASONS)
    .map(([feature, weight]) => `${feature} ${weight.toFixed(2)}`)
    .join(', ');
}
