import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { until } from '../testing/scratch.ts';
import { type LoopOptions, loop, type Work } from './work.ts';

/** A loop over `work`, with a bell of its own, and a record of what it tells. */
function running<Piece>(t: TestContext, work: Omit<Work<Piece>, 'name'>, options: Partial<LoopOptions> = {}) {
  const stopping = new AbortController();
  const failures: unknown[] = [];
  const told = { progressed: 0, listening: false };
  let heard = () => {};
  const ended = loop(
    { name: 'test', idle_ms: 60_000, ...work },
    {
      signal: stopping.signal,
      clock: systemClock,
      listen: (hear) => {
        heard = hear;
        told.listening = true;
        return () => {
          told.listening = false;
        };
      },
      looking: () => () => {
        told.progressed += 1;
      },
      progressed: () => {
        told.progressed += 1;
      },
      failed: (error) => failures.push(error),
      ...options,
    },
  );
  const stop = () => {
    stopping.abort();
    return ended;
  };
  t.after(stop);
  return { ring: () => heard(), stop, failures, told };
}

/** A piece of work that lasts until it is let go. */
const gate = () => Promise.withResolvers<void>();

test('what is found is done, piece after piece, until there is none', async (t) => {
  const queue = [1, 2, 3];
  const done: number[] = [];
  const { told } = running(t, {
    look: async () => queue.shift(),
    act: async (piece) => void done.push(piece),
  });
  await until('all is done', () => done.length === 3);
  assert.deepEqual(done, [1, 2, 3]);
  // Four looks, of which one found nothing, and three acts.
  await until('every step was told as progress', () => told.progressed === 7);
});

test('with one lane nothing is taken while a piece is in work; with two, two are', async (t) => {
  for (const lanes of [1, 2]) {
    const queue = [1, 2, 3];
    const gates = new Map<number, PromiseWithResolvers<void>>();
    let most = 0;
    running(t, {
      lanes,
      look: async () => queue.shift(),
      act: async (piece) => {
        gates.set(piece, gate());
        most = Math.max(most, gates.size);
        await gates.get(piece)?.promise;
        gates.delete(piece);
      },
    });
    for (const piece of [1, 2, 3]) {
      await until(`${piece} is in work`, () => gates.has(piece));
      if (piece === lanes) await new Promise(setImmediate);
      gates.get(piece)?.resolve();
    }
    await until('nothing is in work', () => gates.size === 0);
    assert.equal(most, lanes);
  }
});

test('the bell wakes it, and nothing else does before its time', async (t) => {
  let looks = 0;
  const { ring } = running(t, {
    look: async () => {
      looks += 1;
    },
    act: async () => {},
  });
  await until('it has looked once', () => looks === 1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(looks, 1);
  ring();
  await until('it has looked again', () => looks === 2);
});

test('a ring during a look is not lost', async (t) => {
  const looking = [gate(), gate()];
  let looks = 0;
  const { ring } = running(t, {
    look: async () => {
      looks += 1;
      await looking[looks - 1]?.promise;
    },
    act: async () => {},
  });
  await until('it looks', () => looks === 1);
  ring();
  looking[0]?.resolve();
  await until('it looks again for the ring', () => looks === 2);
  looking[1]?.resolve();
});

test('looks never overlap, however often the bell rings', async (t) => {
  let inLook = 0;
  let most = 0;
  let looks = 0;
  const { ring } = running(t, {
    lanes: 4,
    look: async () => {
      most = Math.max(most, ++inLook);
      looks += 1;
      await new Promise(setImmediate);
      inLook -= 1;
    },
    act: async () => {},
  });
  await until('it has looked twenty times', () => {
    ring();
    return looks >= 20;
  });
  assert.equal(most, 1);
});

test('without a bell it looks after its idle time', async (t) => {
  let looks = 0;
  running(t, {
    idle_ms: 10,
    look: async () => {
      looks += 1;
    },
    act: async () => {},
  });
  await until('it has looked three times', () => looks === 3);
});

test('what is due later is looked for when it is due', async (t) => {
  const due_at = Date.now() + 60;
  const looked: number[] = [];
  running(t, {
    look: async () => void looked.push(Date.now()),
    act: async () => {},
    due: async () => (looked.length === 1 ? due_at : null),
  });
  await until('it has looked again', () => looked.length === 2);
  // A timer of Node's may be a millisecond early against the wall clock.
  assert.ok((looked[1] ?? 0) >= due_at - 2, `due at ${due_at}, looked at ${looked[1]}`);
});

test('what is due a day from now does not keep it from looking after its idle time', async (t) => {
  let looks = 0;
  running(t, {
    idle_ms: 10,
    look: async () => {
      looks += 1;
    },
    act: async () => {},
    due: async () => Date.now() + 86_400_000,
  });
  await until('it has looked again', () => looks === 2);
});

test('what has been due for long is looked for at once, but never in a busy loop', async (t) => {
  let looks = 0;
  const began = performance.now();
  running(t, {
    look: async () => {
      looks += 1;
    },
    act: async () => {},
    due: async () => 0,
  });
  await until('it has looked ten times', () => looks >= 10);
  assert.ok(performance.now() - began >= 9);
});

test('a look that fails is told, and tried again after a back-off that grows', async (t) => {
  const at: number[] = [];
  const { failures } = running(t, {
    look: async () => {
      at.push(performance.now());
      throw new Error(`failure ${at.length}`);
    },
    act: async () => {},
  });
  await until('it has failed three times', () => failures.length === 3);
  assert.deepEqual(failures.map(String), ['Error: failure 1', 'Error: failure 2', 'Error: failure 3']);
  const [first = 0, second = 0, third = 0] = at;
  assert.ok(second - first >= 99, `${second - first} ms`);
  assert.ok(third - second >= 199, `${third - second} ms`);
});

test('a piece that fails stops neither the loop nor the others', async (t) => {
  const queue = ['good', 'bad', 'good', 'good'];
  const done: string[] = [];
  const { failures } = running(t, {
    lanes: 2,
    look: async () => queue.shift(),
    act: async (piece) => {
      if (piece === 'bad') throw new Error('bad');
      done.push(piece);
    },
  });
  await until('the good ones are done', () => done.length === 3);
  assert.deepEqual(failures.map(String), ['Error: bad']);
});

test('a piece that fails and is found again at once is no busy loop', async (t) => {
  const at: number[] = [];
  running(t, {
    look: async () => 'the same',
    act: async () => {
      at.push(performance.now());
      throw new Error('again');
    },
  });
  await until('it has been tried three times', () => at.length === 3);
  const [first = 0, second = 0, third = 0] = at;
  assert.ok(second - first >= 99, `${second - first} ms`);
  assert.ok(third - second >= 199, `${third - second} ms`);
});

test('a queue whose due time cannot be told is still worked on', async (t) => {
  let looks = 0;
  const { failures } = running(t, {
    idle_ms: 10,
    look: async () => {
      looks += 1;
    },
    act: async () => {},
    due: async () => {
      throw new Error('no idea');
    },
  });
  await until('it goes on looking', () => looks >= 3);
  assert.ok(failures.length >= 2);
});

test('a drain waits for what is in work, takes nothing new, and listens no more', async (t) => {
  const working = gate();
  const queue = ['first', 'second'];
  const begun: string[] = [];
  let ended = false;
  const { ring, stop, told } = running(t, {
    look: async () => queue.shift(),
    act: async (piece) => {
      begun.push(piece);
      await working.promise;
    },
  });
  await until('the first is in work', () => begun.length === 1);
  assert.ok(told.listening);
  const stopped = stop().then(() => {
    ended = true;
  });
  ring();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(ended, false);
  working.resolve();
  await stopped;
  assert.deepEqual(begun, ['first']);
  assert.equal(told.listening, false);
});

test('a drain does not wait for a back-off, nor for the idle time', async (t) => {
  const { stop, failures } = running(t, {
    look: async () => {
      throw new Error('down');
    },
    act: async () => {},
  });
  await until('it is in its third back-off', () => failures.length === 3);
  const began = performance.now();
  await stop();
  assert.ok(performance.now() - began < 100);
});

test('one that is stopped before it begins does nothing', async () => {
  let looks = 0;
  await loop(
    {
      name: 'test',
      look: async () => {
        looks += 1;
      },
      act: async () => {},
    },
    {
      signal: AbortSignal.abort(),
      clock: systemClock,
      listen: () => () => {},
      progressed: () => {},
      looking: () => () => {},
      failed: () => {},
    },
  );
  assert.equal(looks, 0);
});
