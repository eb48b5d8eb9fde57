/** What somebody names who wants it forgotten: what has their words in it, as they are; never what a search puts first. */

import { scopeOf } from '../recall/scope.ts';
import { pairsOf } from '../recall/terms.ts';
import * as erase from '../tables/erase.ts';
import * as memory from '../tables/memory.ts';
import * as message from '../tables/message.ts';
import * as passage from '../tables/passage.ts';
import { type Plan, type Read, type Targets, Unforgettable } from './plan.ts';

/** Of that scope's, and there by then: what came since was not meant. */
export type Named = {
  scope: string;
  isMine: (conversation: string) => boolean;
  upto_at: number;
  most: number;
};

/** All memories and turns that have these words in a row. */
export async function holding(read: Read, words: string, of: Named): Promise<Targets> {
  const phrase = `"${words.replaceAll('"', ' ')}"`;
  const pairs = pairsOf(words).join(' ');
  const [kept, said, fresh] = await Promise.all([
    read(memory.holding(of, pairs ? { within: words } : { phrase })),
    read(passage.holding(of, pairs ? { pairs: `"${pairs}"` } : { phrase })),
    // Whoever regrets what they have just said does not wait until it is indexed; and a wording that its author put otherwise
    // is in no index.
    read(message.unsearched(words, of.upto_at)),
  ]);
  // Pairs of characters know nothing of the words between them; and what no index has read knows no words.
  const inRow = new RegExp(
    `(?<![\\p{L}\\p{N}])${plain(words).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}(?![\\p{L}\\p{N}])`,
    'u',
  );
  const has = ({ text }: { text: string }) =>
    pairs ? plain(text).includes(plain(words)) : inRow.test(plain(text));
  const mine = fresh.filter((one) => of.isMine(one.conversation) && has(one));
  const turns = [...(pairs ? said.filter(has) : said), ...mine].map(({ turn_id }) => turn_id);
  return { memories: kept.map(({ id }) => id), turns: [...new Set(turns)] };
}

const plain = (text: string) => text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ');

/**
 * What a person names in more than one way: memories, turns, words; and whose it all is.
 * @param within whose the words are, and all of it when nothing else says so
 * @throws Unforgettable when it is of more than one scope
 */
export async function together(
  read: Read,
  named: {
    memories: readonly Pick<memory.Memory, 'id' | 'scope'>[];
    turns: readonly { turn_id: string; conversation: string }[];
    words: string;
  },
  of: { within: string; owners: readonly number[]; upto_at: number; most: number },
): Promise<{ targets: Targets; scope: string }> {
  const { within, owners, upto_at, most } = of;
  const isMine = (conversation: string) => scopeOf(conversation, owners) === within;
  const held =
    named.words === ''
      ? { memories: [], turns: [] }
      : await holding(read, named.words, { scope: within, isMine, upto_at, most });
  const [scope = within, ...others] = new Set([
    ...named.memories.map((one) => one.scope),
    ...named.turns.map(({ conversation }) => scopeOf(conversation, owners)),
    ...(named.words === '' ? [] : [within]),
  ]);
  if (others.length > 0)
    throw new Unforgettable(`some of it is of ${scope}, some of ${others.join(', ')}: forget each by itself`);
  return {
    targets: {
      memories: [...new Set([...named.memories.map(({ id }) => id), ...held.memories])],
      turns: [...new Set([...named.turns.map(({ turn_id }) => turn_id), ...held.turns])],
    },
    scope,
  };
}

/**
 * With the turns that these memories were made of: it would be found again in them. A summary rests on all that was said in
 * its time; it goes, and is made anew of what stays.
 */
export async function withSources(read: Read, { memories, turns }: Targets): Promise<Targets> {
  const made = (await read(erase.memories(memories, []))).filter(({ kind }) => kind !== 'summary');
  const sources = await read(erase.sources(made.map(({ id }) => id)));
  const over = (await read(erase.turns(sources.map(({ turn_id }) => turn_id)))).filter((one) => one.over);
  return { memories, turns: [...new Set([...turns, ...over.map(({ id }) => id)])] };
}

/** With what bears on them as well, and was there by then. */
export function withRelated(targets: Targets, { related }: Pick<Plan, 'related'>, upto_at: number): Targets {
  const also = related.filter(({ at }) => at <= upto_at);
  return {
    ...targets,
    memories: [...targets.memories, ...also.flatMap((one) => ('memory_id' in one ? one.memory_id : []))],
    turns: [...targets.turns, ...also.flatMap((one) => ('turn_id' in one ? one.turn_id : []))],
  };
}
