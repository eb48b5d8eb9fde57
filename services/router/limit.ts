/**
 * Rate limits: what a call takes from which bucket, and the line that callers stand in when one is full. The buckets are
 * shared through the store; each router process has lines of its own, and in them the callers take turns.
 */

import { type Clock, SET_BACK_ms } from '#shared/base/clock.ts';
import { ApiError } from '#shared/messages/error.ts';
import type { Shared } from '#shared/runtime/config.ts';
import type { Take, Throttle } from '#shared/tables/throttle.ts';
import type { Target } from './route.ts';

export type Limits = Shared['limits'];

/** The bucket of all calls together. */
export const ALL = 'all';

const MINUTE_ms = 60_000;

/** What a target's provider has said that it takes in a minute. */
export type Learned = { requests_per_minute: number; tokens_per_minute: number };

/** @param learned of the target: nothing more than that is sent there, whatever the config allows */
export function takesOf(limits: Limits, target: Target, tokens: number, learned?: Learned): Take[] {
  const take = (bucket: string, requests: number, perMinute: number): Take => ({
    bucket,
    request_ms: MINUTE_ms / requests,
    // One that is larger than the bucket takes all of it.
    tokens_ms: (Math.min(tokens, perMinute) * MINUTE_ms) / perMinute,
  });
  const { requests_per_minute, tokens_per_minute } = limits;
  return [
    take(ALL, requests_per_minute, tokens_per_minute),
    take(
      target.name,
      Math.min(
        target.provider.requests_per_minute ?? requests_per_minute,
        learned?.requests_per_minute ?? Number.POSITIVE_INFINITY,
      ),
      Math.min(
        target.provider.tokens_per_minute ?? tokens_per_minute,
        learned?.tokens_per_minute ?? Number.POSITIVE_INFINITY,
      ),
    ),
  ];
}

/** What to give back to the buckets, or to take in addition, now that the tokens are known. */
export function correctionOf(
  limits: Limits,
  target: Target,
  tokens: { taken: number; used: number },
  learned?: Learned,
): Take[] {
  const before = takesOf(limits, target, tokens.taken, learned);
  return takesOf(limits, target, tokens.used, learned).map((take, i) => ({
    ...take,
    tokens_ms: take.tokens_ms - (before[i]?.tokens_ms ?? 0),
  }));
}

/** Which of the buckets has no room for this, and when it has; null when all have. */
export function fullest(
  takes: readonly Take[],
  rows: readonly Throttle[],
  now: number,
): { bucket: string; free_at: number } | null {
  let last: { bucket: string; free_at: number } | null = null;
  for (const { bucket, request_ms, tokens_ms } of takes) {
    const row = rows.find((row) => row.bucket === bucket);
    if (!row || row.changed_at > now + SET_BACK_ms) continue;
    const room = (until_at: number, ms: number) =>
      until_at <= now ? now : until_at - Math.max(0, MINUTE_ms - ms);
    const free_at = Math.max(
      row.blocked_until_at,
      room(row.requests_at, request_ms),
      room(row.tokens_at, tokens_ms),
    );
    if (free_at > now && free_at > (last?.free_at ?? 0)) last = { bucket, free_at };
  }
  return last;
}

export function limited(what: string, free_at: number, now: number): ApiError {
  const seconds = Math.max(1, Math.ceil((free_at - now) / 1000));
  return new ApiError('rate_limit_error', `router: ${what}; there is room again in ${seconds} s`, {
    headers: { 'retry-after': String(seconds) },
  });
}

type Waiter = { call(): void };

type Waiting = {
  caller: string;
  unasked: boolean;
  free_at: number;
  until_at: number;
  /** It was called before, and somebody else was quicker: it keeps its place at the head. */
  again: boolean;
};

export type Line = {
  readonly length: number;
  /**
   * Resolves when it is this caller's turn to try, no sooner than `free_at`; false when it is given up at `until_at`, or
   * when the caller has left. Whoever was called says with `served` whether it got through.
   */
  wait(waiting: Waiting, gone: AbortSignal): Promise<boolean>;
  served(through: boolean, free_at: number): void;
};

/** One line for one bucket. */
export function line(clock: Clock): Line {
  // The callers in the order of their turns; those who were asked by somebody go before those who were not.
  const asked = new Map<string, Waiter[]>();
  const unasked = new Map<string, Waiter[]>();
  let length = 0;
  let called = false;
  let timer: NodeJS.Timeout | undefined;

  function next(): void {
    timer = undefined;
    const lanes = asked.size > 0 ? asked : unasked;
    const [first] = lanes;
    if (called || !first) return;
    const [caller, waiters] = first;
    const waiter = waiters.shift();
    // To the end of the round: a caller with a hundred calls waiting gets no more turns than one with a single one.
    lanes.delete(caller);
    if (waiters.length > 0) lanes.set(caller, waiters);
    called = true;
    waiter?.call();
  }

  function callAt(free_at: number): void {
    if (timer || called) return;
    timer = setTimeout(next, Math.max(0, free_at - clock.now()));
  }

  return {
    get length() {
      return length;
    },
    wait({ caller, free_at, until_at, again, ...of }, gone) {
      return new Promise((resolve) => {
        const lanes = of.unasked ? unasked : asked;
        const settle = (turn: boolean) => {
          clearTimeout(patience);
          gone.removeEventListener('abort', leave);
          length -= 1;
          resolve(turn);
        };
        const waiter: Waiter = { call: () => settle(true) };
        const leave = () => {
          const waiters = lanes.get(caller);
          const at = waiters?.indexOf(waiter) ?? -1;
          if (!waiters || at < 0) return;
          waiters.splice(at, 1);
          if (waiters.length === 0) lanes.delete(caller);
          settle(false);
        };
        const patience = setTimeout(leave, Math.max(0, until_at - clock.now()));
        gone.addEventListener('abort', leave, { once: true });
        length += 1;
        const waiters = lanes.get(caller) ?? [];
        if (again) {
          const others = [...lanes];
          lanes.clear();
          lanes.set(caller, [waiter, ...waiters]);
          for (const [name, theirs] of others) if (name !== caller) lanes.set(name, theirs);
        } else lanes.set(caller, [...waiters, waiter]);
        callAt(free_at);
      });
    },
    served(through, free_at) {
      called = false;
      if (through) next();
      else callAt(free_at);
    },
  };
}
