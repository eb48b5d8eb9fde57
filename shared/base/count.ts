/** Numbers as a person reads them. */

/** 1203 → `1,203`. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** 950, 88.4k, 1.2M: for what nobody counts one by one. */
export function about(count: number): string {
  for (const [size, unit] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (count >= size) return `${(count / size).toFixed(count >= 100 * size ? 0 : 1)}${unit}`;
  }
  return String(count);
}
