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

/** Waits until `fact` is there (neither false, null nor undefined), and gives it back. Fails after `within_ms`. */
export async function until<T>(
  what: string,
  fact: () => T | Promise<T>,
  within_ms = 15_000,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + within_ms;
  for (;;) {
    const found = await fact();
    if (found !== false && found !== null && found !== undefined) {
      return found as Exclude<T, false | null | undefined>;
    }
    if (performance.now() > deadline) throw new Error(`waited ${within_ms} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
