/** How much each feature speaks for a candidate. Generated: `node bench/recall/fit.ts <dataset.json>… --write`. */

import type { Feature, First } from './features.ts';

/** At first look, each by itself. */
export const FIRST_WEIGHTS: Readonly<Record<First, number>> = {
  text: 1.12,
  before: 1.71,
  cover: 2.46,
  cover_all: 5.02,
  rarest: 0.95,
  kin: 3.47,
  spelling: 2.72,
  pairs: 5.0,
  author: 0.96,
  period: 6.63,
  time: 2.69,
  number: 1.81,
  place: 2.24,
  name: 1.29,
  asks: -2.56,
  answers: 0.53,
  length: 0.84,
  user: 3.47,
  user_self: 2.53,
  agent_agent: 2.58,
};

/** At second look, with what the first has found around it. */
export const WEIGHTS: Readonly<Record<Feature, number>> = {
  text: 1.35,
  before: 1.19,
  cover: 1.68,
  cover_all: 1.92,
  rarest: 0.54,
  kin: 2.23,
  spelling: 1.87,
  pairs: 5.0,
  author: 0.93,
  period: 3.39,
  time: 2.07,
  number: 1.44,
  place: 1.67,
  name: 1.26,
  asks: -2.37,
  answers: 0.71,
  length: -0.41,
  user: 2.58,
  user_self: 1.21,
  agent_agent: 1.42,
  session: 1.45,
  session_cover: 0.98,
  next: 0.46,
  previous: 0.76,
  feedback: 1.41,
  opens: 1.44,
};
