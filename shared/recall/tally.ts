/** Adds up what speaks for each of thousands, on the event loop: numbers only, no object for any of them. Pure. */

/** What is for `ids`, which ascend. */
export type Hits = { readonly weight: number; readonly ids: readonly number[] };

/** All ids, ascending, and what speaks for each. */
type Tally = { readonly ids: Float64Array; readonly scores: Float64Array };

/** Those for which most speaks first, of equals the highest; `most` of them. */
export function tally(hits: readonly Hits[], most: number): number[] {
  let all: Tally = { ids: new Float64Array(), scores: new Float64Array() };
  // The short ones first: each is gone through again with all that follow.
  for (const each of hits.toSorted((a, b) => a.ids.length - b.ids.length)) all = merged(all, each);
  const { ids, scores } = all;
  const score = (at: number) => scores[at] ?? 0;
  const least = scores.toSorted()[Math.max(0, scores.length - most)] ?? 0;
  const best: number[] = [];
  for (let at = 0; at < ids.length; at++) if (score(at) >= least) best.push(at);
  return best
    .sort((a, b) => score(b) - score(a) || b - a)
    .slice(0, most)
    .map((at) => ids[at] ?? 0);
}

function merged(old: Tally, more: Hits): Tally {
  const most = old.ids.length + more.ids.length;
  const ids = new Float64Array(most);
  const scores = new Float64Array(most);
  let [a, b, n] = [0, 0, 0];
  while (a < old.ids.length || b < more.ids.length) {
    const one = old.ids[a] ?? Number.POSITIVE_INFINITY;
    const other = more.ids[b] ?? Number.POSITIVE_INFINITY;
    let score = 0;
    if (one <= other) score += old.scores[a++] ?? 0;
    if (other <= one) {
      score += more.weight;
      b += 1;
    }
    ids[n] = Math.min(one, other);
    scores[n++] = score;
  }
  return { ids: ids.subarray(0, n), scores: scores.subarray(0, n) };
}
