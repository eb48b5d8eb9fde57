/**
 * Before each attempt: a target that may be asked now, and room for the call in every budget and every limit, taken in one
 * transaction with the row of the ledger. Waits where waiting helps.
 */

import { type Clock, SET_BACK_ms, sleep } from '#shared/base/clock.ts';
import { uuid } from '#shared/base/ids.ts';
import { ApiError } from '#shared/messages/error.ts';
import { Fenced } from '#shared/store/store.ts';
import * as breaker from '#shared/tables/breaker.ts';
import * as call from '#shared/tables/call.ts';
import type { Op } from '#shared/tables/op.ts';
import * as spend from '#shared/tables/spend.ts';
import * as throttle from '#shared/tables/throttle.ts';
import { refusal, windowsOf } from './budget.ts';
import { type Candidate, choose, reasonOf } from './choose.ts';
import { counted } from './count.ts';
import { ALL, fullest, type Line, limited, line, takesOf } from './limit.ts';
import { keyOf, type Request, type Router, type State, type Try } from './request.ts';
import type { Target } from './route.ts';
import { vectorsWorst, worstOf } from './worst.ts';

export type Reserved = {
  /** The ledger's name for this attempt. */
  id: string;
  chosen: Try;
  hold_nanousd: number;
  windows_json: string;
  likely_tokens: number;
  opened_at: number;
  /** On the monotonic clock. */
  began: number;
  /** The target's breaker is not closed, or it has failed before. */
  suspect: boolean;
};

/** What stands against a target for now, and until when; an error when the client is to hear it. */
type Hindrance = { why: string; free_at?: number; bucket?: string; error?: ApiError };

/**
 * Finds a target that may be asked now, and reserves the call there; waits where waiting helps. null when there is
 * nothing left to try after a failure, or nobody to answer any more.
 * @throws ApiError when nothing may be tried at all
 */
export async function reserve(router: Router, request: Request): Promise<Reserved | null> {
  const { clock, state, limits } = router;
  const until_at = clock.now() + Math.min(limits.wait_s * 1000, request.deadline - clock.mono());
  let hindrances = new Map<Try, Hindrance>();
  let turn: { line: Line; bucket: string } | null = null;
  /** Whoever was called out of a line says how it went, or nobody after it would ever be called. */
  const served = (through: boolean, free_at = clock.now()) => {
    turn?.line.served(through, free_at);
    turn = null;
  };
  try {
    for (;;) {
      const now = clock.now();
      if (request.outgoing.destroyed) return null;
      request.signal.throwIfAborted();
      if (request.deadline <= clock.mono()) return nothing(request, timedOut());
      const rows = await router.breakers.now();
      const candidates = request.tries.map((one): Candidate & { one: Try } => ({
        one,
        target: one.target,
        rank: one.rank,
        tries: one.tries,
        refused:
          one.over ??
          hindrances.get(one)?.why ??
          hindered(router, one, rows.get(one.target.name), turn?.bucket, now),
        busy: busy(state, one.target, now),
      }));
      const pick = choose(candidates, request.home);
      if (!pick) {
        for (const { one, refused } of candidates) {
          if (one.over === null && refused !== null && !hindrances.has(one)) {
            hindrances.set(one, hindranceOf(state, one, refused, rows.get(one.target.name), now));
          }
        }
        const wait = soonest(hindrances, now);
        if (!wait) return nothing(request, refusalOf(request, candidates, hindrances, now));
        const waiting = lineOf(state, wait.bucket, clock);
        const again = turn !== null;
        const crowded = !again && waiting.length >= limits.queue;
        if (wait.free_at > until_at || crowded) {
          const what = crowded ? `${waiting.length} calls wait already` : wait.why;
          return nothing(request, limited(what, wait.free_at, now));
        }
        served(false, wait.free_at);
        const { name } = request.caller;
        const called = await waiting.wait(
          { caller: name, unasked: request.caller.unasked, free_at: wait.free_at, until_at, again },
          gone(request),
        );
        if (!called) {
          if (request.outgoing.destroyed) return null;
          request.signal.throwIfAborted();
          return nothing(request, limited(wait.why, wait.free_at, clock.now()));
        }
        turn = { line: waiting, bucket: wait.bucket };
        hindrances = new Map();
        continue;
      }
      const { one } = pick;
      if (one.due_at > now) {
        if (clock.mono() + one.due_at - now >= request.deadline) return nothing(request, timedOut());
        await sleep(one.due_at - now, gone(request));
        continue;
      }
      const row = rows.get(one.target.name);
      const reserved = await hold(
        router,
        request,
        one,
        row,
        reasonOf(request.asked.model, candidates, pick, request.home),
      );
      if ('id' in reserved) {
        served(true);
        return reserved;
      }
      if (reserved.why !== '') hindrances.set(one, reserved);
    }
  } finally {
    served(false);
  }
}

/** Aborts when the client leaves or the call must end: made for those alone who wait, for most requests cost less. */
function gone({ outgoing, signal }: Request): AbortSignal {
  const left = new AbortController();
  if (outgoing.destroyed) left.abort();
  else outgoing.once('close', () => left.abort());
  return AbortSignal.any([left.signal, signal]);
}

/** After a failure the client hears of that; only when nothing was tried at all, of this. */
function nothing(request: Request, error: ApiError): null {
  if (request.attempts === 0) throw error;
  return null;
}

const timedOut = () =>
  new ApiError('timeout_error', 'router: the time for an answer is over ([router] deadline_s)');

/** What stands against a target that can be seen before anything is reserved; null: nothing. */
function hindered(
  router: Router,
  one: Try,
  row: breaker.Breaker | undefined,
  turn: string | undefined,
  now: number,
): string | null {
  if (row && row.state !== 'closed' && row.due_at > now && row.changed_at <= now + SET_BACK_ms) {
    return `breaker: ${row.state} after ${row.failures} failures (${row.error})`;
  }
  if (one.limited && one.due_at > now) return LIMIT;
  // Whoever was called out of a line has had its wait: sent on to the next line, it would never get through two.
  return turn === undefined && queued(router.state, one.target) !== null ? LIMIT : null;
}

/** The line before a target in which somebody waits. */
function queued({ lines }: State, { name }: Target): string | null {
  return [ALL, name].find((bucket) => (lines.get(bucket)?.length ?? 0) > 0) ?? null;
}

const LIMIT = 'limit: others wait before it, or the provider has said to wait';

function hindranceOf(
  state: State,
  one: Try,
  why: string,
  row: breaker.Breaker | undefined,
  now: number,
): Hindrance {
  if (why !== LIMIT) return { why, ...(row ? { free_at: row.due_at } : {}) };
  return { why, bucket: queued(state, one.target) ?? one.target.name, free_at: Math.max(now, one.due_at) };
}

/** The limit that ends first. */
function soonest(
  hindrances: Map<Try, Hindrance>,
  now: number,
): { bucket: string; free_at: number; why: string } | null {
  let first: { bucket: string; free_at: number; why: string } | null = null;
  for (const { bucket, free_at = now, why } of hindrances.values()) {
    if (bucket !== undefined && (!first || free_at < first.free_at)) first = { bucket, free_at, why };
  }
  return first;
}

/** Why nothing can be tried: what can be done about it first. */
function refusalOf(
  request: Request,
  candidates: readonly Candidate[],
  hindrances: Map<Try, Hindrance>,
  now: number,
): ApiError {
  const all = [...hindrances.values()];
  const told = all.find(({ error }) => error)?.error;
  if (told) return told;
  const why = candidates.map(({ target, refused }) => `${target.name}: ${refused}`).join('; ');
  const free_at = Math.min(...all.map((hindrance) => hindrance.free_at ?? Number.POSITIVE_INFINITY));
  if (!Number.isFinite(free_at)) {
    return new ApiError(
      'invalid_request_error',
      `router: nobody behind '${request.asked.model}' can answer this: ${why}`,
    );
  }
  const headers = { 'retry-after': String(Math.max(1, Math.ceil((free_at - now) / 1000))) };
  return new ApiError(
    'overloaded_error',
    `router: nobody behind '${request.asked.model}' can be asked now: ${why}`,
    { headers },
  );
}

function lineOf(state: State, bucket: string, clock: Clock): Line {
  const known = state.lines.get(bucket);
  if (known) return known;
  const made = line(clock);
  state.lines.set(bucket, made);
  return made;
}

/** Calls in flight against what is left of the limits. */
function busy({ inFlight, headroom }: State, { name }: Target, now: number): number {
  const room = headroom.get(name);
  const left = room && room.until_at > now ? Math.max(0.01, room.left) : 1;
  return ((inFlight.get(name) ?? 0) + 1) / left - 1;
}

/** Reserves the call in every budget and every limit, and opens its row, in one unit; or says what has no room. */
async function hold(
  router: Router,
  request: Request,
  one: Try,
  row: breaker.Breaker | undefined,
  reason_json: string,
): Promise<Reserved | Hindrance> {
  const { store, clock, state, limits } = router;
  const { caller, asked, route } = request;
  const { target, price } = one;
  one.worst ??=
    asked.what === 'vectors'
      ? vectorsWorst(asked.body.length, price)
      : worstOf(asked.json, asked.body.length, price, { priceOfModel: router.routes.priceOfModel });
  const { nanousd, likely_tokens } = one.worst;
  const now = clock.now();
  const windows = windowsOf(router.budget(), caller, now);
  const windows_json = JSON.stringify(windows.map(({ id }) => id));
  const takes = takesOf(limits, target, likely_tokens, state.learned.get(target.name));
  const probe = row !== undefined && row.state !== 'closed';
  const id = uuid(now);
  const ops: Op[] = [
    ...windows.map((window) => spend.hold(window, nanousd)),
    throttle.take(takes, now),
    call.open({
      id,
      kind: 'message',
      request: request.id,
      attempt: request.attempts + 1,
      caller: caller.name,
      turn_id: caller.turn_id,
      conversation: caller.conversation,
      alias: route.alias,
      task: caller.task,
      unasked: caller.unasked,
      provider: target.provider.name,
      model: target.model,
      target: target.name,
      reason_json,
      stream: asked.stream,
      worker: router.worker,
      owner: router.instance,
      opened_at: now,
      hold_nanousd: nanousd,
      windows_json,
      price_rev: price.rev,
    }),
  ];
  if (probe) {
    const lost_at = now + Math.ceil(request.deadline - clock.mono());
    ops.unshift(breaker.probe(target.name, now, lost_at));
  }
  // Counted before it is written: of calls that come together, each sees the one before it.
  const inFlight = (more: number) =>
    state.inFlight.set(target.name, (state.inFlight.get(target.name) ?? 0) + more);
  inFlight(1);
  try {
    await store.commit(ops);
    if (probe) router.breakers.changed();
  } catch (error) {
    inFlight(-1);
    if (!(error instanceof Fenced)) throw error;
    if (error.verb === 'breaker.probe')
      return { why: 'breaker: another call tries it now', free_at: now + 1000 };
    if (error.verb === 'throttle.take') {
      const full = fullest(takes, await store.read(throttle.of(takes.map(({ bucket }) => bucket))), now);
      const of = full?.bucket === ALL ? 'all calls' : target.name;
      return full ? { ...full, why: `limit: the rate limit of ${of} is reached` } : { why: '' };
    }
    return await withoutRoom(router, request, one, windows);
  }
  return {
    id,
    chosen: one,
    hold_nanousd: nanousd,
    windows_json,
    likely_tokens,
    opened_at: now,
    began: clock.mono(),
    suspect: row !== undefined,
  };
}

/** A budget has no room for it: perhaps for the bills that are about to be written, or for what it really has in tokens. */
async function withoutRoom(
  router: Router,
  request: Request,
  one: Try,
  windows: readonly spend.Window[],
): Promise<Hindrance> {
  const { store, clock, state } = router;
  // Once: where much is going on, some bill is always about to be written.
  if (!one.waited && state.settling.size > 0) {
    one.waited = true;
    await Promise.all(state.settling);
    return { why: '' };
  }
  const { provider, account } = one.target;
  if (!one.counted && provider.kind === 'anthropic' && !provider.free && one.worst) {
    one.counted = true;
    const key = account.keys[keyOf(router, one.target)] ?? '';
    const counted_tokens = await counted(
      provider,
      key,
      one.target.model,
      request.asked.json,
      request.incoming.headers,
    );
    if (counted_tokens !== null) {
      const { asked } = request;
      const { priceOfModel } = router.routes;
      one.worst = worstOf(asked.json, asked.body.length, one.price, { priceOfModel, counted_tokens });
      return { why: '' };
    }
  }
  const error = await refusal(store, windows, one.worst?.nanousd ?? 0, clock.now());
  return error ? { why: `budget: ${error.message}`, error } : { why: '' };
}
