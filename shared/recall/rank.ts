/** Orders candidates by what speaks for each: a sum of weighted features, in two looks. Pure. */

import type { Candidate } from '#shared/tables/passage.ts';
import { type Feature, type Features, FIRST, firstLook, SECOND, secondLook } from './features.ts';
import type { Asked } from './question.ts';
import { FIRST_WEIGHTS, WEIGHTS } from './weights.ts';

const FEATURES = [...FIRST, ...SECOND];

export type Ranked = {
  candidate: Candidate;
  /** What of its text bears on the question. */
  part: string;
  /** How much of the question it has, by its words, its kin or its time. */
  bearing: number;
  score: number;
  features: Partial<Features>;
  /** What else was added to the score. */
  why: Record<string, number>;
};

export function rank(asked: Asked, idf: readonly number[], candidates: readonly Candidate[]): Ranked[] {
  const looked = firstLook(asked, idf, candidates);
  const scores = looked.map(({ first }) =>
    FIRST.reduce((score, name) => score + FIRST_WEIGHTS[name] * first[name], 0),
  );
  return secondLook(asked, idf, looked, scores)
    .map((features, i) => {
      const { candidate, part } = looked[i] as (typeof looked)[number];
      const { cover_all, kin, spelling, pairs, period } = features;
      const bearing = cover_all + (kin + spelling) / 2 + pairs + period;
      const score = FEATURES.reduce((score, name) => score + WEIGHTS[name] * features[name], 0);
      return { candidate, part, bearing, score, features, why: {} };
    })
    .toSorted((a, b) => b.score - a.score || b.candidate.id - a.candidate.id);
}

/** What each feature added to the score. */
export function whyOf(features: Partial<Features>): Partial<Features> {
  const added = Object.entries(features).map(([name, value]) => [
    name,
    Math.round(WEIGHTS[name as Feature] * value * 1000) / 1000,
  ]);
  return Object.fromEntries(added.filter(([name]) => features[name as Feature] !== 0));
}
