import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStore } from '../store/store.ts';
import { scratch } from '../testing/scratch.ts';
import { openTombstones, settle } from './tombstones.ts';

test('what was forgotten is known again by its words whatever their case, and by nobody without the key', async (t) => {
  const state = scratch(t);
  const store = await openStore({ directory: state, principal: 'memory' });
  t.after(() => store.close());
  const stones = openTombstones(state);
  stones.write([{ hmac: stones.of('text', 'My PIN is 4711.'), kind: 'text', at: 1 }]);
  await settle(store, stones);
  const asked = ['my pin  is 4711', 'my pin is 4712'];
  assert.deepEqual([...(await stones.among(store.read, 'text', asked))], ['my pin  is 4711']);
  assert.equal((await stones.among(store.read, 'turn', asked)).size, 0);
  assert.equal(openTombstones(state).of('text', 'x'), stones.of('text', 'x'), 'the same key ever after');
  assert.notEqual(
    openTombstones(scratch(t)).of('text', 'x'),
    stones.of('text', 'x'),
    'another house, another key',
  );
  for (const file of ['tombstone.key', 'tombstones'])
    assert.equal(statSync(join(state, file)).mode & 0o777, 0o600);
});

test('a line that a power cut has torn harms no other, and none is written twice', (t) => {
  const state = scratch(t);
  const stones = openTombstones(state);
  const stone = (name: string) => ({ hmac: stones.of('turn', name), kind: 'turn' as const, at: 1 });
  stones.write([stone('a'), stone('b')]);
  truncateSync(join(state, 'tombstones'), statSync(join(state, 'tombstones')).size - 5);
  appendFileSync(join(state, 'tombstones'), '');
  stones.write([stone('c'), stone('a')]);
  assert.deepEqual(
    stones.written().map(({ hmac }) => hmac),
    [stone('a').hmac, stone('c').hmac],
  );
  stones.write([stone('b')]);
  assert.equal(stones.written().length, 3);
  assert.equal(readFileSync(join(state, 'tombstones'), 'utf8').split(stone('a').hmac).length, 2);
});
