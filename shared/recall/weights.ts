/** How much each feature speaks for a candidate. Generated: `node bench/recall/fit.ts <dataset.json>… --write`. */

import type { Feature, First } from './features.ts';

/** At first look, each by itself. */
export const FIRST_WEIGHTS: Readonly<Record<First, number>> = {
  text: 1.093,
  before: 1.7,
  cover: 2.482,
  cover_all: 5.008,
  rarest: 0.948,
  kin: 3.478,
  spelling: 2.601,
  pairs: 5.0,
  author: 0.945,
  period: 6.619,
  time: 2.707,
  number: 1.803,
  place: 2.242,
  name: 1.297,
  asks: -2.575,
  answers: 0.52,
  length: 0.76,
  user: 3.45,
  user_self: 2.532,
  agent_agent: 2.55,
};

/** At second look, with what the first has found around it. */
export const WEIGHTS: Readonly<Record<Feature, number>> = {
  text: 1.352,
  before: 1.189,
  cover: 1.691,
  cover_all: 1.912,
  rarest: 0.52,
  kin: 2.257,
  spelling: 1.858,
  pairs: 5.0,
  author: 0.934,
  period: 3.378,
  time: 2.063,
  number: 1.435,
  place: 1.643,
  name: 1.258,
  asks: -2.378,
  answers: 0.693,
  length: -0.467,
  user: 2.568,
  user_self: 1.216,
  agent_agent: 1.448,
  session: 1.435,
  session_cover: 0.967,
  next: 0.471,
  previous: 0.752,
  feedback: 1.439,
  opens: 1.421,
};
