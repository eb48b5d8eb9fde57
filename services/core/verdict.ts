/** What to do about a model call that gave no answer. Pure: all facts in, a verdict out. */

import { backoff_ms } from '#shared/base/backoff.ts';
import { messageOf } from '#shared/base/errors.ts';
import { BrokenOff } from './ask.ts';
import { timeInWords } from './time.ts';

/** What went wrong, seen by what can be done about it. */
export type Diagnosis =
  /** The model cannot be reached for now: it will be. */
  | { kind: 'away'; what: string; retry_after_ms: number | null }
  /** The answer began, and broke off: it may have cost something. */
  | { kind: 'broken'; what: string }
  /**
   * A budget has no room for it: the window `spend_id`, which ends in so long, or never. `command` makes room; null
   * when no money would.
   */
  | { kind: 'refused'; what: string; spend_id: string; retry_after_ms: number | null; command: string | null }
  /** This request will be refused however often it is made. */
  | { kind: 'rejected'; what: string }
  /** Neither: a fault of ours, most likely. Tried a few times more. */
  | { kind: 'fault'; what: string };

/** The part of the SDK's errors that is looked at, so that no SDK has to be loaded to judge one. */
type SdkError = Error & {
  status?: unknown;
  type?: unknown;
  headers?: { get?(name: string): string | null };
  apiMessage?: unknown;
};

const HOPELESS = new Set([400, 404, 413, 422]);
const HOPELESS_TYPES = new Set(['invalid_request_error', 'not_found_error', 'request_too_large']);

/** What the router says of a budget: the facts, and then, where money helps, the command that adds some. */
const REFUSAL = /^budget: (.+?)(?:; .*(scripts\/vigil budget raise .+))?$/s;

export function diagnose(error: unknown): Diagnosis {
  if (error instanceof BrokenOff) {
    const cause = diagnose(error.cause);
    return cause.kind === 'away' ? { kind: 'broken', what: cause.what } : cause;
  }
  const { status, type, headers, name, apiMessage } = (error ?? {}) as SdkError;
  const what = messageOf(error);
  if (typeof status === 'number') {
    const spend_id = headers?.get?.('x-vigil-budget');
    if (status === 402 && spend_id) {
      const told = typeof apiMessage === 'string' ? apiMessage : what;
      const [, facts = told, command = null] = REFUSAL.exec(told) ?? [];
      return { kind: 'refused', what: facts, spend_id, retry_after_ms: retryAfter_ms(headers), command };
    }
    if (HOPELESS.has(status)) return { kind: 'rejected', what };
    const said = typeof apiMessage === 'string' ? `${status} ${apiMessage}` : what;
    return { kind: 'away', what: said, retry_after_ms: retryAfter_ms(headers) };
  }
  // An error inside a stream has a type and no status; a connection that failed, or an answer that broke off, has
  // neither. All of the SDK's own errors are named so.
  if (typeof type === 'string') {
    return HOPELESS_TYPES.has(type)
      ? { kind: 'rejected', what }
      : { kind: 'away', what, retry_after_ms: null };
  }
  const isSdk =
    /^(APIConnection|Anthropic|APIUserAbort|Silence)/.test(error?.constructor?.name ?? '') ||
    name === 'AbortError';
  const isNetwork = /ECONN|EPIPE|ENOENT|ETIMEDOUT|terminated|socket hang up|aborted/i.test(what);
  return isSdk || isNetwork ? { kind: 'away', what, retry_after_ms: null } : { kind: 'fault', what };
}

function retryAfter_ms(headers: SdkError['headers']): number | null {
  const seconds = Number(headers?.get?.('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : null;
}

/** A file's name says nothing to whoever waits for an answer. */
function spoken(what: string): string {
  return what.includes('router.sock') ? 'the router is not there' : what;
}

/** Back-off while the model is away: soon at first, and never so rarely that its return goes unnoticed for long. */
const AWAY = { first_ms: 500, most_ms: 60_000 };
/** An answer that will be late by so much is worth a word. */
const LATE_ms = 10_000;
/** What may have cost something each time is not tried more often by itself: whether it is worth more, its sender says. */
const MOST_FAULTS = 3;
/** What no new period will help waits so long for its sender to decide. */
const UNDECIDED_ms = 86_400_000;
/** A turn over which the process has died so often would take it down for ever. */
export const MOST_CRASHES = 10;

export type Verdict =
  | { do: 'wait'; because: 'away' | 'fault'; due_at: number; tell: string | null; error: string }
  | {
      do: 'ask the sender';
      spend_id: string;
      due_at: number;
      command: string | null;
      tell: string;
      error: string;
    }
  /** It spends nothing more until somebody decides. */
  | { do: 'escalate'; tell: string; error: string }
  | { do: 'give up'; tell: string; error: string };

export function verdictOn(
  turn: {
    failures: number;
    faults: number;
    first_failed_at: number | null;
    told_at: number | null;
    spend_id: string | null;
    due_at: number;
  },
  diagnosis: Diagnosis,
  now: number,
  random = Math.random,
): Verdict {
  const { what } = diagnosis;
  if (diagnosis.kind === 'rejected')
    return { do: 'give up', tell: `I cannot answer this: ${what}`, error: what };
  const counts = diagnosis.kind === 'fault' || diagnosis.kind === 'broken';
  if (counts && turn.faults + 1 >= MOST_FAULTS) {
    return {
      do: 'escalate',
      tell: `This has failed ${turn.faults + 1} times in a row, so I leave it to you: ${what}`,
      error: what,
    };
  }
  if (diagnosis.kind === 'refused') {
    const { spend_id, retry_after_ms, command } = diagnosis;
    if (retry_after_ms === null && turn.spend_id === spend_id && now >= turn.due_at) {
      return {
        do: 'give up',
        tell: `Nobody has decided for a day, so I leave this unanswered: ${what}`,
        error: what,
      };
    }
    const due_at = now + (retry_after_ms ?? UNDECIDED_ms);
    const facts = what.charAt(0).toUpperCase() + what.slice(1);
    const until = retry_after_ms === null ? 'kept until' : 'kept, and the answer comes after';
    return {
      do: 'ask the sender',
      spend_id,
      due_at,
      command,
      tell: `The budget has no room for this answer. ${facts}.\n\nYour message is ${until} ${timeInWords(due_at)}.`,
      error: what,
    };
  }
  const asked_ms = diagnosis.kind === 'away' ? (diagnosis.retry_after_ms ?? 0) : 0;
  const due_at = now + Math.max(asked_ms, backoff_ms(turn.failures, AWAY, random));
  const late = due_at - (turn.first_failed_at ?? now) >= LATE_ms;
  return {
    do: 'wait',
    because: counts ? 'fault' : 'away',
    due_at,
    tell:
      late && turn.told_at === null
        ? `I cannot reach the model at the moment (${spoken(what)}). Your message is kept: the answer comes when the model is back.`
        : null,
    error: what,
  };
}
