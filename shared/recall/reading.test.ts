import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Query } from '../tables/op.ts';
import { readingOf } from './reading.ts';
import type { Read } from './recall.ts';

const question: Query<unknown> = { verb: 'a question', sql: '', args: [] };

/** Which way a question goes when the newest passage is this one. */
async function wayOf(newest: number | null): Promise<string[]> {
  const ways: string[] = [];
  const way =
    (name: string): Read =>
    async ({ verb }) => {
      if (verb === question.verb) ways.push(name);
      return (verb === 'passage.newest' ? [{ id: newest }] : []) as never[];
    };
  const read = readingOf({ read: way('here'), readAside: way('aside') });
  await read(question);
  await read(question);
  return ways;
}

test('while there is little to search it is read here, and aside when there is much', async () => {
  assert.deepEqual(await wayOf(null), ['here', 'here']);
  assert.deepEqual(await wayOf(20_000), ['here', 'here']);
  assert.deepEqual(await wayOf(20_001), ['aside', 'aside']);
});
