/** What came of it, for whoever wished it: what is gone, and what still holds it and until when. No word of it. Pure. */

import { periodOf } from '#shared/base/period.ts';
import type { Plan } from '#shared/forget/plan.ts';

export type Facts = {
  plan: Pick<Plan, 'said' | 'memories' | 'counts' | 'shared' | 'setUp' | 'batches'>;
  /** Rows in which words were struck. */
  struck: number;
  unremoved: readonly string[];
  /** Files besides the store in which the words stand, and those that could not be looked into. */
  elsewhere: readonly string[];
  unread: number;
  backups: readonly { id: string; copies: readonly string[] }[];
  /** When the last of them is outlived, as the settings of today say. */
  aged_at: number;
  /** What came of the wish that they go; null: nobody wished it. */
  rid: string | null;
  provider: string | null;
};

export function outcomeOf(facts: Facts): string {
  const { plan, elsewhere, backups } = facts;
  const rows = plan.counts.reduce((sum, { rows }) => sum + rows, 0) + facts.struck;
  const sentences: string[] = [];
  const say = (when: boolean, sentence: string) => {
    if (when) sentences.push(sentence);
  };
  say(
    plan.said.length + plan.memories.length > 0,
    `Forgotten: ${many(plan.said.length, 'message')} and ${many(plan.memories.length, 'memory', 'memories')}, with all that was made of them (${many(rows, 'row')}). Nothing of it is left in the store.`,
  );
  say(plan.shared.length > 0, 'Some of the words also stand in other messages or memories, and stay there.');
  say(plan.setUp.length > 0, `They also stand in ${listed(plan.setUp)}: change or remove that yourself.`);
  say(elsewhere.length > 0, `These files still hold them: ${listed(elsewhere)}.`);
  say(facts.unremoved.length > 0, `These files could not be removed: ${listed(facts.unremoved)}.`);
  say(facts.unread > 0, `${many(facts.unread, 'file')} of other services could not be looked into.`);
  if (facts.rid !== null) sentences.push(`A new backup, in the place of all before it: ${facts.rid}.`);
  else if (backups.length > 0) {
    const places = [...new Set(backups.flatMap(({ copies }) => copies))];
    const copies = places.length > 0 ? `, and copies of them at ${listed(places)}` : '';
    sentences.push(
      `${many(backups.length, 'backup')} made since then still ${backups.length === 1 ? 'holds' : 'hold'} it (${listed(backups.map(({ id }) => id))})${copies}: as backups go on, the last is removed by ${periodOf('day', facts.aged_at).name}. To remove them now: vigil memory forget --backups.`,
    );
  }
  if (facts.provider !== null) sentences.push(facts.provider);
  sentences.push('What was sent to model providers is with them, and what stands in the chat stays there.');
  return sentences.join(' ');
}

function many(count: number, one: string, more = `${one}s`): string {
  return `${count} ${count === 1 ? one : more}`;
}

const MOST_LISTED = 5;

function listed(names: readonly string[]): string {
  const more = names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more` : '';
  return names.slice(0, MOST_LISTED).join(', ') + more;
}
