/** A folder for one test, removed after it; and the patience to wait for a fact. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'vigil-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** No promise of a speed: only what is surely lost is not there by then, on a machine that is shared and slow. */
export const PATIENCE_ms = 60_000;

/**
 * Waits until `fact` is there (neither false, null nor undefined), and gives it back. Fails after `within_ms`.
 * What takes longer is looked for less often: the looks shall not hold up what they wait for.
 */
export async function until<T>(
  what: string,
  fact: () => T | Promise<T>,
  within_ms = PATIENCE_ms,
): Promise<Exclude<T, false | null | undefined>> {
  const began = performance.now();
  for (;;) {
    const found = await fact();
    if (found !== false && found !== null && found !== undefined) {
      return found as Exclude<T, false | null | undefined>;
    }
    const waited_ms = performance.now() - began;
    if (waited_ms > within_ms) throw new Error(`waited ${within_ms} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(50, 5 + waited_ms / 20)));
  }
}
