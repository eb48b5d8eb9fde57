/** What was said, cut into what one sitting was: where nobody spoke for long, and where it is too much to be read at once. Pure. */

import type { Passage } from '#shared/tables/passage.ts';

export type Said = Pick<Passage, 'id' | 'scope' | 'role' | 'at' | 'trust' | 'text'>;

/** Of a longer message no model is shown more. */
export const LONGEST_chars = 8000;
/** What a message takes besides its words. */
const FRAME_chars = 80;

/** So believable is what may become a memory: the owner's own words, and the agent's where it had read nobody else's. */
export const BELIEVED = 2;

/** How large a message is that is shown; of one that is not, only its frame is. */
const sizeOf = ({ text, trust }: Said) =>
  FRAME_chars + (trust < BELIEVED ? 0 : Math.min(text.length, LONGEST_chars));

/** From the same messages always the same, wherever one begins that began one. */
export function sittingsOf(said: readonly Said[], gap_ms: number, most_chars: number): Said[][] {
  const sittings: Said[][] = [];
  let chars = 0;
  for (const one of said) {
    const current = sittings.at(-1);
    const last = current?.at(-1);
    chars += sizeOf(one);
    if (!current || !last || one.at - last.at >= gap_ms || chars > most_chars) {
      sittings.push([one]);
      chars = sizeOf(one);
    } else current.push(one);
  }
  return sittings;
}

/** Whether a person said anything in it that may be believed: nobody is asked about anything else. */
export function isWorth(sitting: readonly Said[]): boolean {
  return sitting.some(({ role, trust }) => role === 'user' && trust >= BELIEVED);
}

/** Those that are read together, in order: as many sittings as fit. */
export function packed(sittings: readonly Said[][], most_chars: number): Said[][][] {
  const packs: Said[][][] = [];
  let chars = 0;
  for (const sitting of sittings) {
    const size = sitting.reduce((sum, one) => sum + sizeOf(one), 0);
    chars += size;
    const current = packs.at(-1);
    if (!current || chars > most_chars) {
      packs.push([sitting]);
      chars = size;
    } else current.push(sitting);
  }
  return packs;
}
