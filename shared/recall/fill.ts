/** As many of the best as fit into the budget, each thing once. Pure. */

/** Scripts of which a character says as much as a word's part elsewhere. */
const DENSE = /[\u2e80-\ud7ff\uf900-\ufaff]/g;

/** What a text takes, as it is mostly counted: a token for four characters, or for a single one of a dense script. */
export function tokensOf(text: string): number {
  return Math.ceil((text.length + 3 * (text.match(DENSE)?.length ?? 0)) / 4);
}

/**
 * Greedy: what does not fit is left out, and what comes after it may.
 * @param keysOf what it tells: of two that tell the same, the better one is enough
 */
export function fill<Item extends { text: string }>(
  best: readonly Item[],
  budget_tokens: number,
  keysOf: (item: Item) => readonly string[],
): Item[] {
  const told = new Set<string>();
  let left = budget_tokens;
  return best.filter((item) => {
    const keys = keysOf(item);
    if (keys.some((key) => told.has(key)) || tokensOf(item.text) > left) return false;
    left -= tokensOf(item.text);
    for (const key of keys) told.add(key);
    return true;
  });
}
