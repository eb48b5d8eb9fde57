/**
 * The optional leg: what lies near a question by its vector, whatever its words. How near is a share that is added to the
 * other scores; where the two orders were merged instead, a weak leg would cost more than a good one brings.
 */

import type { Ref, Vector } from '#shared/tables/embedding.ts';
import * as embedding from '#shared/tables/embedding.ts';
import * as memory from '#shared/tables/memory.ts';
import * as passage from '#shared/tables/passage.ts';
import type { Field } from './find.ts';
import { isIdle } from './question.ts';
import type { Question, Read } from './recall.ts';

export type Meaning = {
  model: string;
  /** The question's. */
  vector: Vector;
  /** What is less near (a cosine) has nothing to do with it; and how much it counts to be the nearest. */
  floor: number;
  weight: number;
};

/** So many of the nearest are candidates beside those that were found by words. */
const NEAREST = 60;

/** What was found by words, and what is near besides; with the share of all that are near. */
export async function withNear(
  read: Read,
  { scope, except_turns = [], messages_only, meaning }: Question,
  field: Field,
): Promise<Field & { near: ReadonlyMap<Ref, number> }> {
  if (!meaning || isIdle(field.asked)) return { ...field, near: new Map() };
  const known = new Set([...field.candidates.map(({ id }) => id), ...field.memories.map(({ id }) => -id)]);
  const { model, vector, floor } = meaning;
  const all = await read(embedding.near({ scope, model, vector, refs: [...known], most: NEAREST }));
  const found = messages_only ? all.filter(({ ref }) => ref > 0) : all;
  const near = sharesOf(found, floor);
  const others = [...near.keys()].filter((ref) => !known.has(ref));
  const said = others.filter((ref) => ref > 0);
  const kept = others.filter((ref) => ref < 0).map((ref) => -ref);
  return {
    ...field,
    near,
    candidates: [...field.candidates, ...(await read(passage.named(scope, said, except_turns)))],
    memories: [...field.memories, ...(await read(memory.inForce(scope, kept)))],
  };
}

/**
 * Of what is near: from 1, of the nearest, down to 0, of the middle of all that were compared. How large a nearness is
 * differs by model: the share does not.
 * @param found the nearest first
 */
export function sharesOf(found: readonly { ref: Ref; nearness: number }[], floor: number): Map<Ref, number> {
  const top = found[0]?.nearness ?? 0;
  const middle = found[Math.floor(found.length / 2)]?.nearness ?? 0;
  const near = found.filter(({ nearness }) => nearness >= floor && nearness > middle);
  return new Map(near.map(({ ref, nearness }) => [ref, (nearness - middle) / (top - middle)]));
}

type Scored = { candidate: { id: Ref }; score: number; why: Record<string, number> };

export function addNear<Item extends Scored>(
  ranked: readonly Item[],
  near: ReadonlyMap<Ref, number>,
  weight: number,
): Item[] {
  return ranked
    .map((item) => {
      const added = weight * (near.get(item.candidate.id) ?? 0);
      if (added === 0) return item;
      return {
        ...item,
        score: item.score + added,
        why: { ...item.why, near: Math.round(added * 1000) / 1000 },
      };
    })
    .toSorted((a, b) => b.score - a.score || b.candidate.id - a.candidate.id);
}
