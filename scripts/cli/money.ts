/** Money and numbers as arguments; inside, money is integer nano-USD. */

import { InvalidArgumentError } from 'commander';
import { grouped } from '#shared/base/count.ts';
import { decimal, MOST_RAISE_usd, nanousdOf, raised_nanousd } from '#shared/base/money.ts';

/** The most that a budget may be set to. */
const MOST_usd = 1_000_000;

/** The limit of a budget, as an argument. */
export function limit(value: string): number {
  const dollars = decimal(value);
  if (dollars === null || dollars > MOST_usd) {
    throw new InvalidArgumentError(`expected US dollars, at most ${grouped(MOST_usd)}, got '${value}'`);
  }
  return nanousdOf(dollars);
}

/** What is added to a budget, as an argument. */
export function raise(value: string): number {
  const nanousd = raised_nanousd(value);
  if (nanousd === null) {
    throw new InvalidArgumentError(
      `expected US dollars, more than 0 and at most ${grouped(MOST_RAISE_usd)}, got '${value}'`,
    );
  }
  return nanousd;
}

export function count(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) {
    throw new InvalidArgumentError(`expected a whole number from 1 on, got '${value}'`);
  }
  return Number(value);
}
