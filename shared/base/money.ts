/** Money as a person reads and writes it; inside, money is integer nano-USD. */

import { grouped } from './count.ts';

export const NANO = 1_000_000_000;

export function nanousdOf(dollars: number): number {
  return Math.round(dollars * NANO);
}

/** With as many digits as it takes to see it: `$12.30`, `$0.0042`; two digits after the point, or two that count. */
export function usd(nanousd: number): string {
  const dollars = nanousd / NANO;
  const size = Math.abs(dollars);
  const digits = size === 0 || size >= 0.1 ? 2 : Math.min(9, 1 - Math.floor(Math.log10(size)));
  return `${dollars < 0 ? '-' : ''}$${size.toFixed(digits)}`;
}

/** To the last nano-dollar: `$3.00`, `$0.000031`. */
export function exact(nanousd: number): string {
  const cents = String(nanousd % NANO)
    .padStart(9, '0')
    .replace(/0{0,7}$/, '');
  return `$${grouped(Math.floor(nanousd / NANO))}.${cents}`;
}

/** A number without sign, exponent or anything else that is more often a slip than meant. */
export function decimal(value: string): number | null {
  return /^(\d{1,12}(\.\d{1,9})?|\.\d{1,9})$/.test(value) ? Number(value) : null;
}

/** The most that is added to a budget in one go. */
export const MOST_RAISE_usd = 10_000;

/** What somebody wrote to be added to a budget; null when it is no such amount. */
export function raised_nanousd(text: string): number | null {
  const nanousd = nanousdOf(decimal(text) ?? 0);
  return nanousd > 0 && nanousd <= MOST_RAISE_usd * NANO ? nanousd : null;
}
