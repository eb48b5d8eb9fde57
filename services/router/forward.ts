/**
 * One request, from the first byte to the bill. It is tried at the targets of its route until one answers, it can no
 * longer be answered, or its time is up. Each try is reserved before it leaves and settled once when it is over,
 * whatever happened to it, and is a row of the ledger that says why it went where it went.
 */

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Clock, sleep } from '#shared/base/clock.ts';
import { messageOf } from '#shared/base/errors.ts';
import { uuid } from '#shared/base/ids.ts';
import { type Log, withIds } from '#shared/base/log.ts';
import { periodOf } from '#shared/base/period.ts';
import { sendError } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import type { Context } from '#shared/runtime/context.ts';
import { Fenced, type Store } from '#shared/store/store.ts';
import * as breaker from '#shared/tables/breaker.ts';
import * as call from '#shared/tables/call.ts';
import * as exchange from '#shared/tables/exchange.ts';
import * as incident from '#shared/tables/incident.ts';
import type { Op } from '#shared/tables/op.ts';
import * as spend from '#shared/tables/spend.ts';
import * as throttle from '#shared/tables/throttle.ts';
import * as total from '#shared/tables/total.ts';
import { type Asked, withModel } from './body.ts';
import { alerts, type Budget, type Caller, refusal, windowsOf } from './budget.ts';
import { type Candidate, choose, needsOf, reasonOf } from './choose.ts';
import type { Config } from './config.ts';
import { counted } from './count.ts';
import { ALL, correctionOf, fullest, type Limits, type Line, limited, line, takesOf } from './limit.ts';
import { cost_nanousd, type Price } from './price.ts';
import type { Route, Routes, Target } from './route.ts';
import { attempt, type Ending, LONGEST_RECORD_bytes, passedBack, passedOn } from './upstream.ts';
import { billed, brokenUsage, NOTHING, type Reading, unread } from './usage.ts';
import { pause_ms, statusOf, type Verdict, verdictOn } from './verdict.ts';
import { anthropic, chat, type Wire } from './wire.ts';
import { type Worst, worstOf } from './worst.ts';

export type Router = {
  store: Store;
  persist: Context<unknown>['persist'];
  log: Log;
  clock: Clock;
  instance: string;
  worker: number;
  config: Config;
  /** As the config has it now: it may change while the router runs. */
  budget: () => Budget;
  limits: Limits;
  /** A stream that says nothing for so long is given up. */
  idle_ms: number;
  routes: Routes;
  /** Aborts when calls in flight must end, because the router does. */
  signal: AbortSignal;
  state: State;
};

/** What this process alone knows: worth having, and nobody's loss when it dies. */
export type State = {
  lines: Map<string, Line>;
  inFlight: Map<string, number>;
  /** What is left of the target's own limits, from 0 to 1, as its last answer said, and until when that holds. */
  headroom: Map<string, { left: number; until_at: number }>;
  /** The target that each conversation was answered by last, the latest at the end. */
  homes: Map<string, string>;
  /** Which key of each account is in use. */
  keys: Map<string, number>;
  settling: Set<Promise<void>>;
};

export const freshState = (): State => ({
  lines: new Map(),
  inFlight: new Map(),
  headroom: new Map(),
  homes: new Map(),
  keys: new Map(),
  settling: new Set(),
});

const MOST_HOMES = 10_000;

/** What is known of one target while one request is being tried. */
type Try = {
  target: Target;
  rank: number;
  price: Price;
  /** Worked out when it is first needed. */
  worst: Worst | null;
  /** The provider was asked how many tokens the request has. */
  counted: boolean;
  tries: number;
  /** Why this request does not go there any more. */
  over: string | null;
  /** Not before this time. */
  due_at: number;
  /** It has said itself that it takes nothing before. */
  limited: boolean;
};

type Request = {
  id: string;
  caller: Caller;
  asked: Asked;
  route: Route;
  incoming: IncomingMessage;
  outgoing: ServerResponse;
  gone: AbortSignal;
  /** On the monotonic clock. */
  deadline: number;
  home: string | undefined;
  tries: Try[];
  /** So many attempts were made. */
  attempts: number;
};

/** Answers a request to /v1/messages. */
export async function forward(
  router: Router,
  caller: Caller,
  asked: Asked,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const id = uuid(router.clock.now());
  const ids = caller.turn_id ? { request: id, turn: caller.turn_id } : { request: id };
  await withIds(ids, async () => {
    try {
      await answered(router, requestOf(router, id, caller, asked, incoming, outgoing));
    } catch (error) {
      const known =
        error instanceof ApiError ? error : new ApiError('api_error', `router: ${messageOf(error)}`);
      if (!(error instanceof ApiError)) router.log.error('request.failed', { error });
      if (outgoing.headersSent) outgoing.destroy();
      else sendError(outgoing, known, id);
    }
  });
}

function requestOf(
  router: Router,
  id: string,
  caller: Caller,
  asked: Asked,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Request {
  const { clock, config, routes, state } = router;
  const route = routes.of({ model: asked.model, task: caller.task, request: asked.json });
  allowed(caller, asked, route);
  const needs = needsOf(asked.json);
  const tries = route.ranks.flatMap((targets, rank) =>
    targets.map((target): Try => {
      const price = routes.price(target);
      const lacks = target.provider.without.filter((need) => needs.has(need));
      const over = lacks.length > 0 ? `capability: it has no ${lacks.join(', ')}` : null;
      return { target, rank, price, worst: null, counted: false, tries: 0, over, due_at: 0, limited: false };
    }),
  );
  const left = new AbortController();
  outgoing.once('close', () => left.abort());
  // The time that the SDK, too, expects an answer to take: 128,000 tokens an hour.
  const long_ms = (asked.max_tokens * 3_600_000) / 128_000;
  return {
    id,
    caller,
    asked,
    route,
    incoming,
    outgoing,
    gone: left.signal,
    deadline: clock.mono() + Math.max(config.deadline_s * 1000, long_ms),
    home: state.homes.get(homeKey(caller, asked) ?? ''),
    tries,
    attempts: 0,
  };
}

/** What the caller may not ask for. */
export function allowed({ key, unasked }: Caller, { model }: Asked, { alias, tier }: Route): void {
  if (unasked && tier === 'complex') {
    throw new ApiError(
      'permission_error',
      `router: '${model}' is of the complex tier, which work that nobody asked for never uses`,
    );
  }
  if (!key?.aliases_json) return;
  const names: unknown[] = JSON.parse(key.aliases_json);
  if (!names.includes(alias ?? model)) {
    throw new ApiError(
      'permission_error',
      `router: the key '${key.name}' may not ask for '${model}'; it may ask for ${names.join(', ')}`,
    );
  }
}

function homeKey(caller: Caller, { json }: Asked): string | null {
  if (caller.conversation !== null) return caller.conversation;
  const { metadata } = json as { metadata?: { user_id?: unknown } | null };
  return typeof metadata?.user_id === 'string' ? `${caller.name} ${metadata.user_id}` : null;
}

/** Tries until it is over. */
async function answered(router: Router, request: Request): Promise<void> {
  const { clock, config } = router;
  let last: { ending: Ending; headers: OutgoingHttpHeaders } | undefined;
  for (let failures = 0; ; failures++) {
    const reserved = await reserve(router, request);
    if (!reserved) break;
    const { chosen } = reserved;
    request.attempts += 1;
    chosen.tries += 1;
    const headers = ownHeaders(request, reserved);
    const ending = await tried(router, request, reserved, headers);
    const verdict = verdictOn(ending, clock.now());
    // Written while the next try is on its way, or the client reads: the reservation stands until then.
    const settled = settle(router, request, reserved, ending, verdict).finally(() =>
      router.state.settling.delete(settled),
    );
    router.state.settling.add(settled);
    await judged(router, chosen, reserved.suspect, verdict);
    if (verdict.kind === 'over') return;
    last = { ending, headers };
    if (verdict.kind === 'request' || failures >= config.retries) break;
    if (verdict.kind === 'target') {
      if (!nextKey(router, chosen.target, ending)) chosen.over = `gave up: ${verdict.why}`;
    } else {
      chosen.limited = verdict.kind === 'limited';
      chosen.due_at = clock.now() + Math.max(verdict.retry_after_ms ?? 0, pause_ms(failures));
    }
  }
  if (last) refuse(request.outgoing, last.ending, last.headers, request.id);
}

function ownHeaders(request: Request, { id, chosen }: Reserved): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {
    'x-vigil-call': id,
    'x-vigil-target': chosen.target.name,
    'x-vigil-attempts': String(request.attempts),
  };
  if (request.route.alias !== null) headers['x-vigil-alias'] = request.route.alias;
  return headers;
}

/** Hands on what the last target said, word for word; what the router found out itself, in the same form. */
export function refuse(
  outgoing: ServerResponse,
  ending: Ending,
  headers: OutgoingHttpHeaders,
  id: string,
): void {
  if (outgoing.destroyed) return;
  const { error, body, answer, status } = ending;
  if (error || body === null || status === null) {
    sendError(outgoing, error ?? new ApiError('api_error', 'router: there was no answer'), id, headers);
    return;
  }
  // An error that came inside a stream came under the status 200.
  const own = status >= 300 ? status : statusOf(ending.error_type);
  outgoing.writeHead(own, {
    ...passedBack(answer ?? {}),
    ...(status >= 300 ? {} : { 'content-type': 'application/json' }),
    ...headers,
    'content-length': body.length,
  });
  outgoing.end(body);
}

type Reserved = {
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
async function reserve(router: Router, request: Request): Promise<Reserved | null> {
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
      if (request.gone.aborted) return null;
      if (request.deadline <= clock.mono()) return nothing(request, timedOut());
      const rows = new Map((await router.store.read(breaker.all)).map((row) => [row.target, row]));
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
            hindrances.set(one, hindranceOf(one, refused, rows.get(one.target.name), now));
          }
        }
        const wait = soonest(hindrances, now);
        if (!wait) return nothing(request, refusalOf(request, candidates, hindrances, now));
        const waiting = lineOf(state, wait.bucket, clock);
        if (wait.free_at > until_at || waiting.length >= limits.queue) {
          const what = waiting.length >= limits.queue ? `${waiting.length} calls wait already` : wait.why;
          return nothing(request, limited(what, wait.free_at, now));
        }
        const again = turn !== null;
        served(false, wait.free_at);
        const { name } = request.caller;
        const called = await waiting.wait(
          { caller: name, unasked: request.caller.unasked, free_at: wait.free_at, until_at, again },
          request.gone,
        );
        if (!called)
          return request.gone.aborted ? null : nothing(request, limited(wait.why, wait.free_at, clock.now()));
        turn = { line: waiting, bucket: wait.bucket };
        hindrances = new Map();
        continue;
      }
      const { one } = pick;
      if (one.due_at > now) {
        if (clock.mono() + one.due_at - now >= request.deadline) return nothing(request, timedOut());
        await sleep(one.due_at - now, request.gone);
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
  if (row && row.state !== 'closed' && row.due_at > now && row.changed_at <= now) {
    return `breaker: ${row.state} after ${row.failures} failures (${row.error})`;
  }
  if (one.limited && one.due_at > now) return LIMIT;
  const queues = (bucket: string) => bucket !== turn && (router.state.lines.get(bucket)?.length ?? 0) > 0;
  return queues(ALL) || queues(one.target.name) ? LIMIT : null;
}

const LIMIT = 'limit: others wait before it, or the provider has said to wait';

function hindranceOf(one: Try, why: string, row: breaker.Breaker | undefined, now: number): Hindrance {
  if (why !== LIMIT) return { why, ...(row ? { free_at: row.due_at } : {}) };
  return { why, bucket: one.target.name, free_at: Math.max(now, one.due_at) };
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
  one.worst ??= worstOf(asked.json, asked.body.length, price, { priceOfModel: router.routes.priceOfModel });
  const { nanousd, likely_tokens } = one.worst;
  const now = clock.now();
  const windows = windowsOf(router.budget(), caller, now);
  const windows_json = JSON.stringify(windows.map(({ id }) => id));
  const takes = takesOf(limits, target, likely_tokens);
  const probe = row !== undefined && row.state !== 'closed';
  const id = uuid(now);
  const ops: Op[] = [
    spend.hold(windows, nanousd),
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
  if (probe) ops.unshift(breaker.probe(target.name, now, now + request.deadline - clock.mono()));
  try {
    await store.commit(ops);
  } catch (error) {
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
  state.inFlight.set(target.name, (state.inFlight.get(target.name) ?? 0) + 1);
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
  if (state.settling.size > 0) {
    await Promise.race(state.settling);
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

/** Makes the attempt that was reserved. */
async function tried(
  router: Router,
  request: Request,
  { chosen }: Reserved,
  headers: OutgoingHttpHeaders,
): Promise<Ending> {
  const { target } = chosen;
  const { asked, incoming, outgoing, deadline } = request;
  let wire: Wire;
  try {
    wire = wireTo(router, target, asked, incoming);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // It cannot be said in this provider's language: nothing leaves.
    return unsaid(error);
  }
  return attempt({
    provider: target.provider,
    method: 'POST',
    wire,
    expect: 'message',
    streams: asked.stream,
    idle_ms: router.idle_ms,
    left_ms: Math.max(1, deadline - router.clock.mono()),
    clock: router.clock,
    outgoing,
    signal: router.signal,
    headers,
    record: router.config.keep_days > 0,
  });
}

function wireTo(router: Router, target: Target, asked: Asked, incoming: IncomingMessage): Wire {
  const { provider, account, model } = target;
  const key = account.keys[keyOf(router, target)] ?? '';
  if (provider.kind === 'openai') return chat(provider, key, model, asked.json);
  return anthropic(key, incoming.url ?? '/v1/messages', withModel(asked, model), passedOn(incoming.headers));
}

function unsaid(error: ApiError): Ending {
  return {
    sent: false,
    status: error.status,
    outcome: 'refused',
    error: null,
    error_type: error.type,
    answer: {},
    body: Buffer.from(JSON.stringify(error.envelope(''))),
    told: false,
    reading: unread(),
    first_byte_ms: null,
    record: [],
  };
}

const accountName = ({ provider, account }: Target) => `${provider.name} ${account.organisation}`;

function keyOf({ state }: Router, target: Target): number {
  return state.keys.get(accountName(target)) ?? 0;
}

/** The next key of the same organisation, when this one is refused; false when there is none. */
function nextKey(router: Router, target: Target, { status }: Ending): boolean {
  const next = keyOf(router, target) + 1;
  if ((status !== 401 && status !== 403) || next >= target.account.keys.length) return false;
  router.state.keys.set(accountName(target), next);
  return true;
}

/** What the attempt used, and what that costs, as far as it can be known. */
function billOf(router: Router, { asked }: Request, reserved: Reserved, ending: Ending) {
  const { chosen, hold_nanousd } = reserved;
  const { reading, sent, status } = ending;
  const { price, target } = chosen;
  const whole = { usage: NOTHING, cost_nanousd: hold_nanousd, estimated: true };
  if (reading.complete || reading.stop_reason !== null) {
    // Some servers of Chat Completions never say what they used.
    if (target.provider.kind === 'openai' && isNothing(reading)) return whole;
    return { ...billed(price, reading, router.routes.priceOfModel), estimated: !reading.complete };
  }
  // What Chat Completions has used it says at the end alone, and it hides what it reasons.
  if (reading.begun && target.provider.kind === 'openai') return whole;
  if (reading.begun) {
    const usage = brokenUsage(reading, asked.max_tokens);
    return usage
      ? { usage, cost_nanousd: cost_nanousd(price, usage, reading.terms), estimated: true }
      : whole;
  }
  const refused = (status !== null && status >= 300) || reading.error_type !== null;
  // Of a request that may have arrived, and brought neither an answer nor a refusal, nothing is known.
  return sent && !refused ? whole : { usage: NOTHING, cost_nanousd: 0, estimated: false };
}

function isNothing({ usage }: Reading): boolean {
  return usage.input_tokens + usage.cache_read_tokens === 0 && usage.output_tokens === 0;
}

/** Bodies up to this size are not worth compressing. */
const SMALL_bytes = 8 * 1024;
const compressed = promisify(gzip);

/** Writes the bill, in one unit: ledger, budgets, limits, totals, and the bytes for the record. */
async function settle(
  router: Router,
  request: Request,
  reserved: Reserved,
  ending: Ending,
  verdict: Verdict,
): Promise<void> {
  const { clock, log, state, limits, config } = router;
  const { caller, asked, route } = request;
  const { id, chosen, hold_nanousd, windows_json, likely_tokens, opened_at } = reserved;
  const { target } = chosen;
  const now = clock.now();
  learn(state, target, ending, now);
  state.inFlight.set(target.name, (state.inFlight.get(target.name) ?? 1) - 1);
  const home = homeKey(caller, asked);
  if (home !== null && verdict.works) remember(state.homes, home, target.name);
  const { usage, cost_nanousd: cost, estimated } = billOf(router, request, reserved, ending);
  const latency_ms = Math.round(clock.mono() - reserved.began);
  log.info('call.settled', {
    call: id,
    target: target.name,
    status: ending.status,
    outcome: ending.outcome,
    error_type: ending.error_type,
    output_tokens: usage.output_tokens,
    cost_nanousd: cost,
    latency_ms,
  });
  if (cost > hold_nanousd) log.warn('hold.exceeded', { call: id, hold_nanousd, cost_nanousd: cost });
  const used =
    usage.input_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens + usage.output_tokens;
  const failed = ending.outcome !== 'ok';
  const ops: Op[] = [
    call.settle(id, {
      closed_at: now,
      status: ending.status,
      outcome: ending.outcome,
      error_type: ending.error_type,
      request_id: String(ending.answer?.['request-id'] ?? '') || null,
      usage,
      estimated,
      cost_nanousd: cost,
      first_byte_ms: ending.first_byte_ms,
      latency_ms,
    }),
    throttle.correct(correctionOf(limits, target, likely_tokens, used)),
    total.add(
      {
        hour_at: periodOf('hour', opened_at).starts_at,
        model: target.model,
        alias: route.alias ?? '',
        task: caller.task ?? '',
        caller: caller.name,
        conversation: caller.conversation ?? '',
      },
      { failed, usage, cost_nanousd: cost, estimated },
    ),
  ];
  if (config.keep_days > 0) ops.push(await keeping(id, now, asked, target, ending.record));
  try {
    // The row of a bill that cannot be written stays open, and the next router charges it in full.
    const [rows] = await router.persist([spend.settle(windows_json, hold_nanousd, cost), ...ops]);
    await alerts(router.store, router.budget(), rows, now);
  } catch (error) {
    log.error('bill.unwritten', { call: id, error });
  }
}

async function keeping(
  call_id: string,
  at: number,
  asked: Asked,
  target: Target,
  record: Buffer[],
): Promise<Op> {
  const request = target.provider.kind === 'openai' ? asked.body : withModel(asked, target.model);
  const response = Buffer.concat(record).subarray(0, LONGEST_RECORD_bytes);
  if (request.length + response.length <= SMALL_bytes) {
    return exchange.keep({ call_id, at, encoding: 'identity', request, response });
  }
  const [small, smallAnswer] = await Promise.all([compressed(request), compressed(response)]);
  return exchange.keep({ call_id, at, encoding: 'gzip', request: small, response: smallAnswer });
}

function remember(homes: Map<string, string>, key: string, target: string): void {
  homes.delete(key);
  homes.set(key, target);
  const [oldest] = homes.keys();
  if (homes.size > MOST_HOMES && oldest !== undefined) homes.delete(oldest);
}

/** What the answer says is left of its target's limits (Claude Platform Docs, "Rate limits"). */
function learn(state: State, { name }: Target, { answer }: Ending, now: number): void {
  if (!answer?.['anthropic-ratelimit-requests-limit']) return;
  let room = { left: 1, until_at: now };
  for (const what of ['requests', 'tokens', 'input-tokens', 'output-tokens']) {
    const said = (which: string) => String(answer[`anthropic-ratelimit-${what}-${which}`] ?? '');
    const left = Number(said('remaining')) / Number(said('limit'));
    if (left < room.left) room = { left, until_at: Date.parse(said('reset')) || now };
  }
  state.headroom.set(name, room);
}

/** Brings the breaker and the limits of the target up to date. */
async function judged(router: Router, chosen: Try, suspect: boolean, verdict: Verdict): Promise<void> {
  const { store, clock, config, log } = router;
  const { name } = chosen.target;
  const now = clock.now();
  if (verdict.kind === 'limited' && verdict.retry_after_ms) {
    await store.commit([throttle.block(name, now + verdict.retry_after_ms, now)]);
  }
  if (verdict.broken) {
    const due_at = now + config.breaker_recovery_s * 1000;
    const [[row]] = await store.commit([
      breaker.failed(name, { now, due_at, threshold: config.breaker_failures, error: verdict.why }),
    ]);
    if (row?.state !== 'open') return;
    log.warn('breaker.opened', { target: name, failures: row.failures, error: verdict.why });
    const text = `${name} has failed ${row.failures} times in a row (${verdict.why}) and is left alone for ${config.breaker_recovery_s} s at a time.`;
    await store.commit([
      incident.open({ cause: `breaker ${name}`, service: 'router', severity: 'warning', text, now }),
    ]);
  } else if (suspect) {
    await store.commit([verdict.works ? breaker.worked(name) : breaker.release(name, now)]);
    if (verdict.works) log.info('breaker.closed', { target: name });
  }
}
