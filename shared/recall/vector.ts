/** A text as a vector: a direction, in which texts that mean alike lie close. A byte for each dimension is enough of it. Pure. */

import type { Vector } from '../tables/embedding.ts';

/** Of a text that the model would not take. */
export const NO_VECTOR: Vector = { bytes: new Uint8Array(), norm: 1 };

export function vectorOf(numbers: readonly number[]): Vector {
  const most = numbers.reduce((most, n) => Math.max(most, Math.abs(n)), 0) || 1;
  const bytes = Int8Array.from(numbers, (n) => Math.round((n / most) * 127));
  return { bytes: new Uint8Array(bytes.buffer), norm: Math.sqrt(dot(bytes, bytes)) || 1 };
}

/** For SQL, which has none: as `dot` on each connection that reads. */
export function dotOf(one: unknown, other: unknown): number | null {
  if (!(one instanceof Uint8Array) || !(other instanceof Uint8Array)) return null;
  return dot(signed(one), signed(other));
}

const signed = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  new Int8Array(buffer, byteOffset, byteLength);

function dot(one: Int8Array, other: Int8Array): number {
  const length = Math.min(one.length, other.length);
  let sum = 0;
  for (let i = 0; i < length; i++) sum += (one[i] ?? 0) * (other[i] ?? 0);
  return sum;
}
