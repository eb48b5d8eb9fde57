/** Money and numbers as a person writes and reads them; inside, money is integer nano-USD. */

import { InvalidArgumentError } from 'commander';
import { grouped } from '#shared/base/count.ts';
import { NANO, nanousdOf } from '#shared/base/money.ts';

/** The most that a budget may be set to. */
const MOST_usd = 1_000_000;
/** The most that is added to a budget in one go. */
const MOST_RAISE_usd = 10_000;

/** To the last nano-dollar: `$3.00`, `$0.000031`. */
export function exact(nanousd: number): string {
  const cents = String(nanousd % NANO)
    .padStart(9, '0')
    .replace(/0{0,7}$/, '');
  return `$${grouped(Math.floor(nanousd / NANO))}.${cents}`;
}

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
  const nanousd = nanousdOf(decimal(value) ?? 0);
  if (nanousd <= 0 || nanousd > MOST_RAISE_usd * NANO) {
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

/** A number without sign, exponent or anything else that is more often a slip than meant. */
export function decimal(value: string): number | null {
  return /^(\d{1,12}(\.\d{1,9})?|\.\d{1,9})$/.test(value) ? Number(value) : null;
}
