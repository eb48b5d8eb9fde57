import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SET_BACK_ms, systemClock } from '#shared/base/clock.ts';
import type { Throttle } from '#shared/tables/throttle.ts';
import { correctionOf, fullest, type Line, limited, line, takesOf } from './limit.ts';
import type { Target } from './route.ts';

const limits = { requests_per_minute: 60, tokens_per_minute: 100_000, queue: 100, wait_s: 30 };
const target = (provider: object = {}) => ({ name: 't', provider }) as Target;

test('a call takes its share of a minute from the bucket of all and from its target’s', () => {
  assert.deepEqual(takesOf(limits, target(), 50_000), [
    { bucket: 'all', request_ms: 1000, tokens_ms: 30_000 },
    { bucket: 't', request_ms: 1000, tokens_ms: 30_000 },
  ]);
  const own = target({ requests_per_minute: 30, tokens_per_minute: 200_000 });
  assert.deepEqual(takesOf(limits, own, 50_000)[1], { bucket: 't', request_ms: 2000, tokens_ms: 15_000 });
});

test('a call that is larger than a bucket takes all of it, and no more', () => {
  const [all, own] = takesOf(limits, target({ tokens_per_minute: 1_000_000 }), 250_000);
  assert.deepEqual([all?.tokens_ms, own?.tokens_ms], [60_000, 15_000]);
});

test('what was thought and what was used is set right in both directions', () => {
  const tokens_ms = (taken: number, used: number) =>
    correctionOf(limits, target(), { taken, used })[0]?.tokens_ms;
  assert.deepEqual(
    [tokens_ms(50_000, 10_000), tokens_ms(10_000, 50_000), tokens_ms(5, 5)],
    [-24_000, 24_000, 0],
  );
  assert.equal(tokens_ms(200_000, 300_000), 0, 'both are the whole bucket');
});

const NOW = 1_000_000;
const row = (more: Partial<Throttle> = {}): Throttle => ({
  bucket: 'all',
  requests_at: 0,
  tokens_at: 0,
  blocked_until_at: 0,
  changed_at: NOW,
  ...more,
});
const take = (request_ms: number, tokens_ms: number, bucket = 'all') => ({ bucket, request_ms, tokens_ms });
const freeIn = (of: Partial<Throttle>, request_ms = 1000, tokens_ms = 0) => {
  const full = fullest([take(request_ms, tokens_ms)], [row(of)], NOW);
  return full && full.free_at - NOW;
};

test('a bucket has room until a minute is taken, and says when it has room again', () => {
  assert.equal(freeIn({ requests_at: NOW + 59_000 }), null);
  assert.equal(freeIn({ requests_at: NOW + 59_001 }), 1);
  assert.equal(freeIn({ requests_at: NOW + 60_000 }), 1000);
  assert.equal(freeIn({ tokens_at: NOW + 30_000 }, 1000, 30_000), null);
  assert.equal(freeIn({ tokens_at: NOW + 30_001 }, 1000, 30_000), 1);
  assert.equal(freeIn({ requests_at: NOW + 60_000, tokens_at: NOW + 60_000 }, 1000, 2500), 2500);
});

test('what takes a whole bucket waits for an empty one', () => {
  assert.equal(freeIn({ tokens_at: NOW + 1 }, 1000, 60_000), 1);
  assert.equal(freeIn({ tokens_at: NOW }, 1000, 60_000), null);
});

test('a bucket that is blocked has room when the block is over', () => {
  assert.equal(freeIn({ blocked_until_at: NOW + 5000 }), 5000);
  assert.equal(freeIn({ blocked_until_at: NOW }), null);
});

test('of several full buckets the one that is full the longest is named; a clock that was set back empties them', () => {
  const rows = [row({ requests_at: NOW + 60_000 }), row({ bucket: 't', requests_at: NOW + 61_000 })];
  const takes = [take(1000, 0), take(1000, 0, 't'), take(1000, 0, 'new')];
  assert.deepEqual(fullest(takes, rows, NOW), { bucket: 't', free_at: NOW + 2000 });
  const after = (changed_at: number) =>
    fullest(
      takes,
      rows.map((one) => ({ ...one, changed_at })),
      NOW,
    );
  assert.equal(after(NOW + SET_BACK_ms)?.bucket, 't', 'another call read the clock a little later');
  assert.equal(after(NOW + SET_BACK_ms + 1), null);
});

test('a refusal says when to come back, in whole seconds, at least one', () => {
  const seconds = (free_at: number) => limited('full', free_at, NOW).headers['retry-after'];
  assert.deepEqual([seconds(NOW - 5), seconds(NOW + 1000), seconds(NOW + 1001)], ['1', '1', '2']);
});

/** A line in which everybody that is called gets through at once, and who that was, in order. */
function stand(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const of = line({ ...systemClock, now: () => 0 });
  const called: string[] = [];
  const join = (
    caller: string,
    more: Partial<Parameters<Line['wait']>[0]> = {},
    gone = new AbortController().signal,
  ) =>
    of
      .wait({ caller, unasked: false, free_at: 100, until_at: 10_000, again: false, ...more }, gone)
      .then((turn) => {
        called.push(turn ? caller : `${caller} gave up`);
        return turn;
      });
  /** Lets everybody through, one by one. */
  const serve = async (times: number) => {
    for (let i = 0; i < times; i++) {
      await Promise.resolve();
      of.served(true, 0);
      await Promise.resolve();
    }
  };
  return { of, called, join, serve, tick: (ms: number) => t.mock.timers.tick(ms) };
}

test('a caller with a hundred calls waiting gets no more turns than one with a single one', async (t) => {
  const { of, called, join, serve, tick } = stand(t);
  for (let i = 0; i < 100; i++) join('many');
  join('one');
  join('other');
  assert.equal(of.length, 102);
  tick(100);
  await serve(4);
  assert.deepEqual(called, ['many', 'one', 'other', 'many', 'many']);
  await serve(200);
  assert.equal(called.length, 102, 'all are called in the end');
  assert.equal(of.length, 0);
});

test('those whom somebody has asked go before those whom nobody has, who are called when no other waits', async (t) => {
  const { called, join, serve, tick } = stand(t);
  join('jobs', { unasked: true });
  join('memory', { unasked: true });
  join('core');
  join('core');
  tick(100);
  await serve(4);
  assert.deepEqual(called, ['core', 'core', 'jobs', 'memory']);
});

test('nobody is called before there is room', async (t) => {
  const { called, join, tick } = stand(t);
  join('a');
  tick(99);
  await Promise.resolve();
  assert.deepEqual(called, []);
  tick(1);
  await Promise.resolve();
  assert.deepEqual(called, ['a']);
});

test('whoever was called and found no room keeps its place at the head', async (t) => {
  const { of, called, join, serve, tick } = stand(t);
  const first = join('a');
  join('b');
  join('b');
  join('a');
  tick(100);
  assert.equal(await first, true);
  of.served(false, 50);
  join('a', { again: true, free_at: 50 });
  assert.deepEqual(called, ['a']);
  tick(50);
  await serve(4);
  assert.deepEqual(called, ['a', 'a', 'b', 'a', 'b']);
});

test('whoever leaves the line, or loses patience, holds nobody up', async (t) => {
  const { of, called, join, serve, tick } = stand(t);
  const leaving = new AbortController();
  join('a', {}, leaving.signal);
  join('b', { until_at: 40 });
  join('c');
  leaving.abort();
  assert.equal(of.length, 2);
  tick(40);
  await Promise.resolve();
  assert.deepEqual([called, of.length], [['a gave up', 'b gave up'], 1]);
  tick(60);
  await serve(1);
  assert.deepEqual(called.at(-1), 'c');
  join('d', { free_at: 10 });
  tick(10);
  await Promise.resolve();
  assert.deepEqual([called.at(-1), of.length], ['d', 0]);
});

test('a line that everybody has left calls the next that comes', async (t) => {
  const { called, join, tick } = stand(t);
  const leaving = new AbortController();
  join('a', {}, leaving.signal);
  leaving.abort();
  tick(100);
  join('b');
  tick(100);
  await Promise.resolve();
  assert.deepEqual(called, ['a gave up', 'b']);
});

test('while one is called nobody else is, however much time passes', async (t) => {
  const { of, called, join, tick } = stand(t);
  join('a');
  join('b');
  tick(100);
  tick(5000);
  await Promise.resolve();
  assert.deepEqual(called, ['a']);
  of.served(false, 200);
  tick(200);
  await Promise.resolve();
  assert.deepEqual(called, ['a', 'b']);
});

test('in whatever order they come, leave and are served, each is called or gives up, and only once', async (t) => {
  let state = 7;
  const chance = (n: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  const of = line({ ...systemClock, now: () => now });
  let [waiting, over, inHand] = [0, 0, 0];
  for (let i = 0; i < 3000; i++) {
    const what = chance(4);
    if (what < 2) {
      const leaving = new AbortController();
      waiting += 1;
      void of
        .wait(
          {
            caller: `caller ${chance(5)}`,
            unasked: chance(2) === 0,
            free_at: now + chance(50),
            until_at: now + 20 + chance(300),
            again: chance(5) === 0,
          },
          leaving.signal,
        )
        .then((turn) => {
          over += 1;
          if (turn) inHand += 1;
        });
      if (chance(10) === 0) leaving.abort();
    } else if (what === 2 && inHand > 0) {
      inHand -= 1;
      of.served(chance(2) === 0, now + chance(50));
    } else {
      now += 10;
      t.mock.timers.tick(10);
    }
    await Promise.resolve();
    await Promise.resolve();
    assert.ok(inHand <= 1, 'two were called at once');
    assert.equal(of.length, waiting - over);
  }
  for (let i = 0; i < 100; i++) {
    now += 10;
    t.mock.timers.tick(10);
    await Promise.resolve();
    await Promise.resolve();
    if (inHand > 0) of.served(true, now);
    inHand = 0;
  }
  assert.equal(over, waiting);
});

test('what the provider names as its limit holds at that target, when it is lower than ours', () => {
  const learned = { requests_per_minute: 30, tokens_per_minute: 1_000 };
  const [all, own] = takesOf(limits, target(), 500, learned);
  assert.deepEqual(own, { bucket: 't', request_ms: 2000, tokens_ms: 30_000 });
  assert.deepEqual(all, takesOf(limits, target(), 500)[0]);
  const more = { requests_per_minute: 1e6, tokens_per_minute: Number.POSITIVE_INFINITY };
  assert.deepEqual(takesOf(limits, target(), 500, more), takesOf(limits, target(), 500));
});
