/** How much each feature speaks for a candidate. Generated: `node bench/recall/fit.ts <dataset.json>… --write`. */

import type { Feature, First } from './features.ts';

/** At first look, each by itself. */
export const FIRST_WEIGHTS: Readonly<Record<First, number>> = {
  text: 1.199,
  before: 1.731,
  cover: 2.414,
  cover_all: 5.004,
  rarest: 0.946,
  kin: 3.429,
  spelling: 2.707,
  pairs: 5.0,
  author: 0.933,
  period: 6.6,
  time: 2.626,
  number: 1.816,
  place: 2.231,
  name: 1.256,
  asks: -2.551,
  answers: 0.524,
  length: 1.07,
  user: 3.551,
  user_self: 2.527,
  agent_agent: 2.621,
};

/** At second look, with what the first has found around it. */
export const WEIGHTS: Readonly<Record<Feature, number>> = {
  text: 1.363,
  before: 1.238,
  cover: 1.685,
  cover_all: 1.943,
  rarest: 0.543,
  kin: 2.222,
  spelling: 1.997,
  pairs: 5.0,
  author: 0.976,
  period: 3.469,
  time: 2.112,
  number: 1.461,
  place: 1.652,
  name: 1.29,
  asks: -2.342,
  answers: 0.732,
  length: -0.145,
  user: 2.667,
  user_self: 1.265,
  agent_agent: 1.38,
  session: 1.418,
  session_cover: 1.015,
  next: 0.453,
  previous: 0.741,
  feedback: 1.338,
  opens: 1.475,
};
