/** The code that lets somebody in: eight characters of which none looks like another one, and its hash. */

import { createHash, randomInt } from 'node:crypto';

const ALPHABET = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
const LENGTH = 8;

/** How long a code is good for. */
export const GOOD_ms = 600_000;

/** Some 40 bits: with the few tries that there are, nobody guesses one. */
export function newCode(): string {
  return Array.from({ length: LENGTH }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
}

/** The hash of what somebody typed, or null for what cannot be a code. Case, blanks and dashes do not count. */
export function hashOf(typed: string): string | null {
  const code = typed.replace(/[\s-]/g, '').toUpperCase();
  if (code.length !== LENGTH || [...code].some((character) => !ALPHABET.includes(character))) return null;
  return createHash('sha256').update(`vigil pairing ${code}`).digest('hex');
}
