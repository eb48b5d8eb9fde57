/** Orders candidates by what speaks for each: a sum of weighted features, in two looks. Pure. */

import { type Candidate, type Feature, FIRST, firstLook, secondLook } from './features.ts';
import type { Asked } from './question.ts';
import { FIRST_WEIGHTS, WEIGHTS } from './weights.ts';

export type Ranked = {
  candidate: Candidate;
  /** What of its text bears on the question. */
  part: string;
  /** How much of the question it has, by its words, its kin or its time. */
  bearing: number;
  score: number;
  /** What each feature added to the score. */
  why: Partial<Record<Feature, number>>;
};

export function rank(asked: Asked, idf: readonly number[], candidates: readonly Candidate[]): Ranked[] {
  const looked = firstLook(asked, idf, candidates);
  const scores = looked.map(({ first }) =>
    FIRST.reduce((score, name) => score + FIRST_WEIGHTS[name] * first[name], 0),
  );
  return secondLook(asked, idf, looked, scores)
    .map((features, i) => {
      const { candidate, part } = looked[i] as (typeof looked)[number];
      const why: Ranked['why'] = {};
      let score = 0;
      for (const [name, value] of Object.entries(features) as [Feature, number][]) {
        const added = WEIGHTS[name] * value;
        score += added;
        if (added !== 0) why[name] = Math.round(added * 1000) / 1000;
      }
      const { cover_all, kin, spelling, pairs, period } = features;
      const bearing = cover_all + (kin + spelling) / 2 + pairs + period;
      return { candidate, part, bearing, score, why };
    })
    .toSorted((a, b) => b.score - a.score || b.candidate.id - a.candidate.id);
}
