/** Money in words: whole nano-dollars as dollars, with as many digits as it takes to see it. */

export const NANO = 1_000_000_000;

export function nanousdOf(dollars: number): number {
  return Math.round(dollars * NANO);
}

/** `$12.30`, `$0.0042`; two digits after the point, or two that count. */
export function usd(nanousd: number): string {
  const dollars = nanousd / NANO;
  const size = Math.abs(dollars);
  const digits = size === 0 || size >= 0.1 ? 2 : Math.min(9, 1 - Math.floor(Math.log10(size)));
  return `${dollars < 0 ? '-' : ''}$${size.toFixed(digits)}`;
}
