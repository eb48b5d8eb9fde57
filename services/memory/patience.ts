/** Work that fails again and again is given up: it holds up none of what waits behind it. */

import { isOfStore } from '#shared/store/store.ts';

const MOST_FAILURES = 5;

/**
 * @param nameOf by which a piece is known again when it is found anew
 * @param giveUp what ends it, told the last error; a store that fails is no fault of the piece's, and ends none
 */
export function patiently<Piece>(
  nameOf: (piece: Piece) => string | number,
  act: (piece: Piece) => Promise<void>,
  giveUp: (piece: Piece, error: unknown) => Promise<void>,
): (piece: Piece) => Promise<void> {
  const failures = new Map<string | number, number>();
  return async (piece) => {
    const name = nameOf(piece);
    try {
      await act(piece);
    } catch (error) {
      const times = (failures.get(name) ?? 0) + 1;
      failures.set(name, times);
      if (times < MOST_FAILURES || isOfStore(error)) throw error;
      await giveUp(piece, error);
    }
    failures.delete(name);
  };
}
