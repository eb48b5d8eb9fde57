/**
 * What is the same whoever starts a service's process: systemd, launchd, or the suite in the foreground.
 */
import type { Service } from '#shared/manifest.ts';

/** The line that every generated file opens with, in that file's own comment signs. */
export const note = 'Generated from shared/manifest.ts: change that and run `npm run generate`.';

/**
 * Node's own options. The heap stays well below the service's memory: V8 then fails with a heap report before
 * the system kills the process without a word, and buffers, threads and SQLite's cache have the rest. A small nursery
 * keeps a busy router 25 MB lighter, at the same speed (measured with `bench/router.ts --only memory`).
 */
export function nodeOptions(service: Service): string[] {
  return [`--max-old-space-size=${Math.floor(service.memory_mb * 0.6)}`, '--max-semi-space-size=4'];
}

/** SIGKILL comes a little after the drain's own deadline, so that a service can still say what held it up. */
export function killAfter_s(service: Service): number {
  return service.stop_s + 5;
}
