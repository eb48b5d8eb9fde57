import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, systemClock } from './clock.ts';

test('a sleep lasts as long as it was told', async () => {
  const began = systemClock.mono();
  await sleep(30);
  assert.ok(systemClock.mono() - began >= 29);
});

test('a sleep ends at once when its signal aborts, without an error, and leaves nothing behind', async () => {
  const waking = new AbortController();
  const began = systemClock.mono();
  const slept = sleep(60_000, waking.signal);
  waking.abort();
  await slept;
  assert.ok(systemClock.mono() - began < 1000);
  assert.equal(process.getActiveResourcesInfo().includes('Timeout'), false);
});

test('with a signal that has aborted nobody sleeps at all', async () => {
  const began = systemClock.mono();
  await sleep(60_000, AbortSignal.abort());
  assert.ok(systemClock.mono() - began < 1000);
});

test('a loop that sleeps a thousand times on one signal leaves no listeners on it', async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners += 1;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners -= 1;
    removeEventListener.apply(signal, args);
  };
  await Promise.all(Array.from({ length: 1000 }, () => sleep(1, signal)));
  assert.equal(listeners, 0);
});

test('rows get whole milliseconds, durations get fractions', () => {
  assert.ok(Number.isInteger(systemClock.now()));
  const first = systemClock.mono();
  assert.ok(systemClock.mono() >= first);
});
