/**
 * Is anything that was acknowledged to the outside missing after a power cut? A whole house works under strace; then
 * the power is cut at random moments of that trace, the store is put together from what was certainly on the disk and
 * a random part of the rest, opened, checked, and compared with what the outside had heard by then: updates that
 * Telegram was told to forget, messages that were sent, calls that cost money.
 *
 * With `[store] flush = "full"` nothing may be missing. With "normal" something must be: it is the control, without
 * which the bench might simply not see losses.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '#shared/base/errors.ts';
import { inspect } from '#shared/store/inspect.ts';
import { FILE, openStore } from '#shared/store/store.ts';
import { randomFrom } from '#shared/testing/messages-latency.ts';
import { afterCut } from './powercut/disk.ts';
import { type Loss, lossIn } from './powercut/loss.ts';
import { type Trace, traced, untraceable } from './powercut/trace.ts';
import type { Heard } from './powercut/traffic.ts';

export type Flush = 'full' | 'normal';

export type Result = {
  flush: Flush;
  cuts: number;
  opened: number;
  checked: number;
  /** Cuts after which anything was missing, what it was over all cuts, and the most in one. */
  lossy: number;
  lost: Loss;
  worst: number;
  /** What the trace holds: changes of the store's files, flushes, and things the outside heard. */
  changes: number;
  syncs: number;
  heard: number;
  /** What was wrong with the stores that did not open, or not check. */
  faults: string[];
};

export async function powercut(options: {
  flush: Flush;
  cuts: number;
  messages: number;
  seed: number;
}): Promise<Result> {
  const { flush, cuts, messages } = options;
  const directory = mkdtempSync(join(tmpdir(), 'vigil-powercut-'));
  try {
    const { trace, heard } = await record(directory, messages, flush);
    const { files } = trace;
    const result: Result = {
      flush,
      cuts,
      opened: 0,
      checked: 0,
      lossy: 0,
      lost: { updates: 0, sends: 0, reservations: 0 },
      worst: 0,
      changes: files.reduce((sum, file) => sum + file.changes.length, 0),
      syncs: files.reduce((sum, file) => sum + file.syncs.length, 0),
      heard: heard.length,
      faults: [],
    };
    const promises = heard.filter(({ what }) => what.kind !== 'said');
    const random = randomFrom(options.seed);
    for (let cut = 0; cut < cuts; cut++) {
      // Anywhere, and every other time just when a promise was heard: its write is youngest then.
      const promise = cut % 2 === 0 ? undefined : promises[Math.floor(random() * promises.length)];
      const moment = promise?.at ?? Math.ceil(random() * trace.moments);
      const state = join(directory, `cut-${cut}`);
      mkdirSync(state);
      for (const [path, content] of afterCut(trace, moment, random)) {
        writeFileSync(join(state, basename(path)), content);
      }
      const known = heard.filter(({ at }) => at <= moment).map(({ what }) => what);
      await judge(state, known, result).catch((error) => {
        result.faults.push(`cut ${cut} at moment ${moment} of ${trace.moments}: ${messageOf(error)}`);
      });
      rmSync(state, { recursive: true });
    }
    return result;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

type Recorded = { trace: Trace; heard: { at: number; what: Heard }[] };

async function record(directory: string, messages: number, flush: Flush): Promise<Recorded> {
  const home = join(directory, 'home');
  const told = join(directory, 'heard.jsonl');
  mkdirSync(home);
  // Without the -shm: after a crash SQLite makes it anew.
  const store = [FILE, `${FILE}-wal`, `${FILE}-journal`].map((name) => join(home, 'state', name));
  const traffic = join(import.meta.dirname, 'powercut', 'traffic.ts');
  const command = [process.execPath, traffic, home, told, String(messages), flush];
  const { files, moments } = await traced(command, [...store, told], join(directory, 'strace.log'));
  const lines = files.find(({ path }) => path === told)?.changes ?? [];
  return {
    trace: { files: files.filter(({ path }) => path !== told), moments },
    heard: lines.map((line) => ({
      at: line.start,
      what: JSON.parse('data' in line ? line.data.toString() : 'null'),
    })),
  };
}

/** Opens the store as a starting service would, has it checked, and counts what is missing. */
async function judge(state: string, known: readonly Heard[], result: Result): Promise<void> {
  const store = await openStore({ directory: state, principal: 'cli' });
  try {
    result.opened += 1;
    const verdict = await inspect(store.file);
    if (verdict !== 'ok') throw new Error(verdict);
    result.checked += 1;
    const loss = await lossIn(store, known);
    const missing = loss.updates + loss.sends + loss.reservations;
    result.lost.updates += loss.updates;
    result.lost.sends += loss.sends;
    result.lost.reservations += loss.reservations;
    if (missing > 0) result.lossy += 1;
    result.worst = Math.max(result.worst, missing);
  } finally {
    await store.close();
  }
}

/** What is wrong with the promise, or with the bench; null when all is as it should be. */
export function complaint(result: Result): string | null {
  const { flush, cuts, opened, checked, lossy } = result;
  if (opened < cuts) return `${flush}: ${cuts - opened} of ${cuts} stores did not open`;
  if (checked < cuts) return `${flush}: ${cuts - checked} of ${cuts} stores did not pass the check-up`;
  if (flush === 'full' && lossy > 0)
    return `full: something acknowledged was missing after ${lossy} cuts: ${JSON.stringify(result.lost)}`;
  if (flush === 'normal' && lossy === 0) return 'normal: nothing was lost, so this bench proves nothing';
  return null;
}

const USAGE = `node bench/powercut.ts [--cuts 400] [--messages 60] [--seed N] [--flush full|normal|both]

Cuts the power of a working house at random moments, and looks for what was acknowledged and is gone.

  --cuts      power cuts in each flush mode
  --messages  messages that go through the house while it is traced
  --seed      the same cuts again (the trace is another one each time)
  --flush     the durability to test: full must lose nothing, normal is the control and must lose something

Needs Linux and strace. Exits 1 when a promise is broken, or when the control shows no loss.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      cuts: { type: 'string', default: '400' },
      messages: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      flush: { type: 'string', default: 'both' },
      help: { type: 'boolean', default: false },
    },
  });
  const numbers = { cuts: Number(values.cuts), messages: Number(values.messages), seed: Number(values.seed) };
  const modes = (['full', 'normal'] as const).filter((mode) => [mode, 'both'].includes(values.flush));
  const valid = modes.length > 0 && Object.values(numbers).every(Number.isSafeInteger);
  if (values.help || !valid) {
    (values.help ? process.stdout : process.stderr).write(USAGE);
    process.exitCode = values.help ? 0 : 64;
    return;
  }
  if (untraceable) {
    process.stderr.write(`powercut ${untraceable}\n`);
    process.exitCode = 69;
    return;
  }
  console.log(`seed ${values.seed}`);
  const results: Result[] = [];
  for (const flush of modes) {
    const began = performance.now();
    const result = await powercut({ flush, ...numbers });
    results.push(result);
    const took_s = ((performance.now() - began) / 1000).toFixed(0);
    console.log(
      `${flush}: ${values.messages} messages, ${result.changes} changes of the files, ${result.syncs} flushes, ${result.heard} things heard outside, ${took_s} s`,
    );
  }
  console.table(
    results.map(({ flush, cuts, opened, checked, lossy, lost, worst }) => ({
      flush,
      cuts,
      'opened clean': opened,
      'check-up ok': checked,
      'cuts with a loss': lossy,
      'lost updates': lost.updates,
      'lost sends': lost.sends,
      'lost reservations': lost.reservations,
      'worst loss': worst,
    })),
  );
  for (const { faults } of results) for (const fault of faults) console.error(fault);
  for (const result of results) {
    const wrong = complaint(result);
    if (wrong === null) continue;
    console.error(wrong);
    process.exitCode = 1;
  }
}

if (import.meta.main) await main();
