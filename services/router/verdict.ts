/** What to do about an attempt that gave no answer. Pure: all facts in, a verdict out. */

import { ApiError, isErrorType } from '#shared/messages/error.ts';
import type { Ending } from './upstream.ts';

export type Verdict = {
  /**
   * `over`: it is answered, or nobody can answer it any more. `request`: the request itself is at fault. `target`: this
   * target will not answer it, another may. `limited`: this target will, later. `failing`: it may, if asked again.
   */
  kind: 'over' | 'request' | 'target' | 'limited' | 'failing';
  /** It counts against the target's breaker. */
  broken: boolean;
  /** It speaks for the target: it works. */
  works: boolean;
  retry_after_ms: number | null;
  /** In a few words, for the record. */
  why: string;
};

/** Limits of the account that last until a person, or the calendar, changes them: asking again is of no use. */
const SPENT = new Set(['enforced_spend_limit_reached', 'contract_spend_limit_reached']);

/** What is wrong with the target and not with the request. */
const UNFIT = new Set([401, 402, 403, 404]);
/** What may pass, without the provider being unwell. */
const PASSING = new Set([408, 409]);

export function verdictOn(ending: Ending, now: number): Verdict {
  const { status, outcome } = ending;
  const said = errorIn(ending.body);
  const why = [status ?? '', ending.error_type ?? outcome].join(' ').trim();
  const verdict = { broken: false, works: false, retry_after_ms: null, why };
  if (outcome === 'ok') return { ...verdict, kind: 'over', works: true };
  if (outcome === 'left') return { ...verdict, kind: 'over' };
  // It could not be said in this provider's language.
  if (outcome === 'refused' && !ending.sent) return { ...verdict, kind: 'target' };
  if (ending.told) return { ...verdict, kind: 'over', broken: true };
  // Before its content a stream can fail with any error, under the status 200.
  const as = status === null || (status < 300 && !said) ? null : status < 300 ? statusOf(said?.type) : status;
  if (as === null) return { ...verdict, kind: 'failing', broken: true };
  const header = (name: string) => String(ending.answer?.[name] ?? '');
  const retry_after_ms = retryAfter_ms(header('retry-after-ms'), header('retry-after'), now);
  if (
    SPENT.has(said?.details?.error_code ?? '') ||
    (as === 400 && /specified .*usage limits/.test(said?.message ?? ''))
  ) {
    return { ...verdict, kind: 'target' };
  }
  if (as === 429) return { ...verdict, kind: 'limited', works: true, retry_after_ms };
  if (UNFIT.has(as)) return { ...verdict, kind: 'target', works: true };
  if (header('x-should-retry') === 'false') {
    return as >= 500
      ? { ...verdict, kind: 'target', broken: true }
      : { ...verdict, kind: 'request', works: true };
  }
  if (as >= 500) return { ...verdict, kind: 'failing', broken: true, retry_after_ms };
  if (PASSING.has(as)) return { ...verdict, kind: 'failing', retry_after_ms };
  return { ...verdict, kind: 'request', works: true };
}

type Said = { type?: string; message?: string; details?: { error_code?: string } };

/** What the envelope of an error says; null for what is none, a proxy's page say. */
export function errorIn(body: Buffer | null): Said | null {
  if (!body || body.length > 100_000) return null;
  try {
    const { error } = JSON.parse(body.toString('utf8'));
    return typeof error === 'object' ? error : null;
  } catch {
    return null;
  }
}

/** The status that belongs to an error that came without one. */
export function statusOf(type: string | null | undefined): number {
  return type && isErrorType(type) ? new ApiError(type, '').status : 500;
}

/** Longer than any limit of a provider lasts: what says more is no answer to when to ask again. */
const LONGEST_ms = 24 * 3_600_000;

/** Milliseconds, seconds, or a date (RFC 9110, 10.2.3); whole, as the store keeps times. */
function retryAfter_ms(ms: string, seconds: string, now: number): number | null {
  const said = [numberIn(ms), numberIn(seconds) * 1000, Date.parse(seconds) - now].find(Number.isFinite);
  return said === undefined ? null : Math.ceil(Math.min(Math.max(0, said), LONGEST_ms));
}

const numberIn = (text: string) => (text === '' ? Number.NaN : Number(text));

const FIRST_ms = 500;
const MOST_ms = 8_000;

/** Exponential with full jitter: anywhere from at once to 0.5, 1, 2 … 8 s, so that those who failed together part. */
export function pause_ms(failures: number, random = Math.random): number {
  return Math.min(MOST_ms, FIRST_ms * 2 ** failures) * random();
}
