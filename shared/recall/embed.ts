/** Asks the router for vectors, over its Unix socket. */

import { httpFetch } from '../base/fetch.ts';
import type { Vector } from '../tables/embedding.ts';
import { vectorOf } from './vector.ts';

export type Asked = {
  /** An alias, or a provider and its model. */
  model: string;
  texts: readonly string[];
  /** Who asks, and for what: see the router's headers. */
  headers: Readonly<Record<string, string>>;
  signal: AbortSignal;
};

/** `model`: whose they are, in the provider's words: those of another cannot be compared with them. */
export type Embed = (asked: Asked) => Promise<{ model: string; vectors: Vector[] }>;

export class NoVectors extends Error {
  override readonly name = 'NoVectors';
  readonly status: number;
  /** The model would not have these texts; others it may. */
  readonly unfit: boolean;
  readonly retry_after_ms: number | null;

  constructor(message: string, of: { status: number; unfit: boolean; retry_after_ms: number | null }) {
    super(message);
    this.status = of.status;
    this.unfit = of.unfit;
    this.retry_after_ms = of.retry_after_ms;
  }
}

/** A text is cut to this: what is longer many models refuse, and its beginning says what it is about. */
const LONGEST_chars = 1500;

const UNFIT = new Set([400, 413, 422]);

export function embedAt(socketPath: string): Embed {
  const fetch = httpFetch({ socketPath });
  return async ({ model, texts, headers, signal }) => {
    const answer = await fetch('http://router/v1/embeddings', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-vigil-task': 'embedding', ...headers },
      body: JSON.stringify({
        model,
        input: texts.map((text) => text.slice(0, LONGEST_chars).toWellFormed()),
      }),
      signal,
    });
    if (!answer.ok) {
      const wait_s = Number(answer.headers.get('retry-after') ?? Number.NaN);
      throw new NoVectors(`no vectors of ${model}: ${answer.status} ${wordsIn(await answer.text())}`, {
        status: answer.status,
        // What the router refuses by itself has no target.
        unfit: UNFIT.has(answer.status) && answer.headers.get('x-vigil-target') !== null,
        retry_after_ms: Number.isFinite(wait_s) ? wait_s * 1000 : null,
      });
    }
    return read(await answer.json(), model, texts.length);
  };
}

function wordsIn(body: string): string {
  try {
    return String(JSON.parse(body).error.message);
  } catch {
    // No envelope: somebody else's page.
    return body.slice(0, 200);
  }
}

type Item = { index?: unknown; embedding?: unknown };

/** @throws Error for what are no vectors of one kind, one for each text */
function read(answer: unknown, asked: string, count: number): { model: string; vectors: Vector[] } {
  const { data, model } = answer as { data?: unknown; model?: unknown };
  const items: Item[] = Array.isArray(data) ? data : [];
  const rows = items
    .toSorted((a, b) => Number(a.index ?? 0) - Number(b.index ?? 0))
    .map(({ embedding }) => embedding);
  const isVector = (row: unknown): row is number[] =>
    Array.isArray(row) && row.length > 0 && row.every((n) => typeof n === 'number' && Number.isFinite(n));
  const whole = rows.filter(isVector);
  if (whole.length !== count || whole.some(({ length }) => length !== whole[0]?.length)) {
    throw new Error(
      `no vectors of ${asked}: expected ${count} of one length, got ${whole.length} of ${items.length}`,
    );
  }
  return { model: typeof model === 'string' && model !== '' ? model : asked, vectors: whole.map(vectorOf) };
}
