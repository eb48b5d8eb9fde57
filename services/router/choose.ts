/** Which target a request goes to next. Pure: all facts in, a verdict out, with the reason for the ledger. */

import type { Target } from './route.ts';

export type Candidate = {
  target: Target;
  rank: number;
  /** Why it is out of the question now; null: it is not. */
  refused: string | null;
  /** The tries that this request has made there. */
  tries: number;
  /** Calls in flight, against what is left of its limits: 0 is idle. */
  busy: number;
};

/** A target is tried so often before the request goes down a rank. */
const TRIES = 2;

/**
 * The best rank that has anybody left; in it whoever was tried least; of these the one that the conversation is at home
 * with (its prompt lies in that one's cache), else the least busy for its weight.
 */
export function choose<C extends Candidate>(
  candidates: readonly C[],
  home: string | undefined,
): C | undefined {
  const open = candidates.filter(({ refused }) => refused === null);
  const fresh = open.filter(({ tries }) => tries < TRIES);
  const pool = fresh.length > 0 ? fresh : open;
  const rank = Math.min(...pool.map((candidate) => candidate.rank));
  const equals = pool.filter((candidate) => candidate.rank === rank);
  const least = Math.min(...equals.map(({ tries }) => tries));
  const next = equals.filter(({ tries }) => tries === least);
  const load = ({ busy, target }: C) => (busy + 1) / target.weight;
  return next.find(({ target }) => target.name === home) ?? next.toSorted((a, b) => load(a) - load(b))[0];
}

/** For the ledger: who was taken, and what spoke against each of the others. */
export function reasonOf(
  asked: string,
  candidates: readonly Candidate[],
  taken: Candidate,
  home: string | undefined,
): string {
  return JSON.stringify({
    asked,
    taken: taken.target.name,
    ...(taken.target.name === home ? { because: 'the conversation is at home there' } : {}),
    others: candidates
      .filter((candidate) => candidate !== taken)
      .map(({ target, refused, rank, tries }) => ({
        target: target.name,
        why:
          refused ??
          (tries > taken.tries ? `tried ${tries} times` : rank > taken.rank ? 'less preferred' : 'busier'),
      })),
  });
}

/** What this request needs that not every model has. */
export function needsOf(request: Record<string, unknown>): Set<string> {
  const needs = new Set<string>();
  if (Array.isArray(request.tools) && request.tools.length > 0) needs.add('tools');
  const { thinking } = request as { thinking?: { type?: unknown } };
  if (thinking && thinking.type !== 'disabled') needs.add('thinking');
  const messages = Array.isArray(request.messages) ? request.messages : [];
  for (const message of messages) {
    for (const block of blocksOf(message)) {
      // Within a result there are no further results.
      for (const { type } of block.type === 'tool_result' ? blocksOf(block) : [block]) {
        if (type === 'image') needs.add('images');
        else if (type === 'document') needs.add('documents');
      }
    }
  }
  return needs;
}

function blocksOf(holder: { content?: unknown } | null): { type?: unknown; content?: unknown }[] {
  const content = holder?.content;
  return Array.isArray(content) ? content.filter((block) => typeof block === 'object' && block !== null) : [];
}
