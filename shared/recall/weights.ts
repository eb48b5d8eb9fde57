/** How much each feature speaks for a candidate. Generated: `node bench/recall/fit.ts <dataset.json>… --write`. */

import type { Feature, First } from './features.ts';

/** At first look, each by itself. */
export const FIRST_WEIGHTS: Readonly<Record<First, number>> = {
  text: 1.09,
  before: 1.7,
  cover: 2.48,
  cover_all: 5.01,
  rarest: 0.95,
  kin: 3.48,
  spelling: 2.6,
  pairs: 5.0,
  author: 0.94,
  period: 6.62,
  time: 2.71,
  number: 1.8,
  place: 2.24,
  name: 1.3,
  asks: -2.58,
  answers: 0.52,
  length: 0.76,
  user: 3.45,
  user_self: 2.53,
  agent_agent: 2.55,
};

/** At second look, with what the first has found around it. */
export const WEIGHTS: Readonly<Record<Feature, number>> = {
  text: 1.35,
  before: 1.19,
  cover: 1.69,
  cover_all: 1.91,
  rarest: 0.52,
  kin: 2.26,
  spelling: 1.86,
  pairs: 5.0,
  author: 0.93,
  period: 3.38,
  time: 2.06,
  number: 1.44,
  place: 1.64,
  name: 1.26,
  asks: -2.38,
  answers: 0.69,
  length: -0.47,
  user: 2.57,
  user_self: 1.22,
  agent_agent: 1.45,
  session: 1.44,
  session_cover: 0.97,
  next: 0.47,
  previous: 0.75,
  feedback: 1.44,
  opens: 1.42,
};
