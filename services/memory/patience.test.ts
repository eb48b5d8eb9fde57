import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreFull } from '#shared/store/store.ts';
import { patiently } from './patience.ts';

test('what fails five times in a row is given up, each piece by itself', async () => {
  const given: string[] = [];
  let broken = true;
  const act = patiently(
    (piece: string) => piece,
    async () => {
      if (broken) throw new Error('broken');
    },
    async (piece, error) => void given.push(`${piece}: ${error}`),
  );
  for (let i = 0; i < 4; i += 1) await assert.rejects(act('a'), /broken/);
  broken = false;
  await act('a');
  broken = true;
  for (let i = 0; i < 4; i += 1) await assert.rejects(act('a'), /broken/);
  await assert.rejects(act('b'), /broken/);
  await act('a');
  assert.deepEqual(given, ['a: Error: broken']);
  await assert.rejects(act('a'), /broken/, 'found again, it has its tries again');
});

test('nothing is given up because the disk is full', async () => {
  const act = patiently(
    () => 1,
    async () => {
      throw new StoreFull('full');
    },
    async () => assert.fail('given up'),
  );
  for (let i = 0; i < 9; i += 1) await assert.rejects(act(1), /full/);
});
