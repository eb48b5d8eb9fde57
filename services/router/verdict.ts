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
  const said = envelope(ending.body);
  const why = [status ?? '', ending.error_type ?? outcome].join(' ').trim();
  const verdict = { broken: false, works: false, retry_after_ms: null, why };
  if (outcome === 'ok') return { ...verdict, kind: 'over', works: true };
  if (outcome === 'left') return { ...verdict, kind: 'over' };
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
  if (header('x-should-retry') === 'false')
    return { ...verdict, kind: as >= 500 ? 'target' : 'request', broken: as >= 500 };
  if (as >= 500) return { ...verdict, kind: 'failing', broken: true, retry_after_ms };
  if (PASSING.has(as)) return { ...verdict, kind: 'failing', retry_after_ms };
  return { ...verdict, kind: UNFIT.has(as) ? 'target' : 'request', works: true };
}

type Said = { type?: string; message?: string; details?: { error_code?: string } };

function envelope(body: Buffer | null): Said | null {
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

/** Milliseconds, seconds, or a date (RFC 9110, 10.2.3). */
function retryAfter_ms(ms: string, seconds: string, now: number): number | null {
  if (ms !== '' && Number.isFinite(Number(ms))) return Math.max(0, Number(ms));
  if (seconds === '') return null;
  if (Number.isFinite(Number(seconds))) return Math.max(0, Number(seconds) * 1000);
  const date = Date.parse(seconds);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

const FIRST_ms = 500;
const MOST_ms = 8_000;

/** Exponential with full jitter: anywhere from at once to 0.5, 1, 2 … 8 s, so that those who failed together part. */
export function pause_ms(failures: number, random = Math.random): number {
  return Math.min(MOST_ms, FIRST_ms * 2 ** failures) * random();
}
