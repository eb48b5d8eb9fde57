/** What each step of the first hour is given. */

import type { Home } from '#shared/runtime/home.ts';
import type { Place } from '../../host/place.ts';
import type { Answers } from './answers.ts';
import type { Desk } from './desk.ts';

export type Visit = {
  home: Home;
  desk: Desk;
  answers: Answers;
  /** Where it is installed; null: it runs from a checkout. */
  place: Place | null;
};

export type Step = {
  name: string;
  title: string;
  /** @returns false when it was put off: it comes again the next time */
  run(visit: Visit): Promise<boolean>;
};
