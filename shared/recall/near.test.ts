import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addNear, sharesOf } from './near.ts';
import { dotOf, vectorOf } from './vector.ts';

test('a vector in bytes points where it pointed, whatever its length', () => {
  const cosine = (a: readonly number[], b: readonly number[]) => {
    const [one, other] = [vectorOf(a), vectorOf(b)];
    return (dotOf(one.bytes, other.bytes) ?? 0) / one.norm / other.norm;
  };
  const some = Array.from({ length: 300 }, (_, i) => Math.sin(i * i));
  const others = Array.from({ length: 300 }, (_, i) => Math.sin(i * i) + Math.cos(i));
  assert.ok(
    Math.abs(
      cosine(
        some,
        some.map((n) => n / 1000),
      ) - 1,
    ) < 0.001,
  );
  const dot = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, n, i) => sum + n * (b[i] ?? 0), 0);
  const exact = dot(some, others) / Math.sqrt(dot(some, some) * dot(others, others));
  assert.ok(Math.abs(cosine(some, others) - exact) < 0.005, `${cosine(some, others)} for ${exact}`);
  assert.equal(cosine([0, 0], [1, 2]), 0);
  assert.equal(dotOf(null, new Uint8Array(1)), null);
});

test('the nearest has a whole share, the middle none, and what is below the floor is not near', () => {
  const found = [0.9, 0.8, 0.7, 0.6, 0.5].map((nearness, i) => ({ ref: i + 1, nearness }));
  const shares = (floor: number) =>
    [...sharesOf(found, floor)].map(([ref, share]) => [ref, Math.round(share * 100)]);
  assert.deepEqual(shares(0), [
    [1, 100],
    [2, 50],
  ]);
  assert.deepEqual(shares(0.8), [
    [1, 100],
    [2, 50],
  ]);
  assert.deepEqual(shares(0.81), [[1, 100]]);
  assert.deepEqual(shares(0.91), []);
  assert.deepEqual([...sharesOf([], 0)], []);
});

test('a share is added to what words have scored, and told in why', () => {
  const item = (id: number, score: number) => ({ candidate: { id }, score, why: { cover: score } });
  const ranked = addNear(
    [item(1, 9), item(2, 5), item(-3, 4)],
    new Map([
      [2, 1],
      [-3, 0.5],
    ]),
    4.5,
  );
  assert.deepEqual(
    ranked.map(({ candidate: { id }, score, why }) => [id, score, why]),
    [
      [2, 9.5, { cover: 5, near: 4.5 }],
      [1, 9, { cover: 9 }],
      [-3, 6.25, { cover: 4, near: 2.25 }],
    ],
  );
});
