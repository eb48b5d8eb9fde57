/**
 * One request, from the first byte to the last. It is tried at the targets of its route until one answers, it can no
 * longer be answered, or its time is up. Each try is reserved before it leaves and settled once when it is over,
 * whatever happened to it.
 */

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { messageOf } from '#shared/base/errors.ts';
import { uuid } from '#shared/base/ids.ts';
import { withIds } from '#shared/base/log.ts';
import { sendError } from '#shared/messages/answer.ts';
import { ApiError, errorTypeOf } from '#shared/messages/error.ts';
import { type Asked, withModel } from './body.ts';
import type { Caller } from './budget.ts';
import { join } from './replay.ts';
import { keyOf, nextKey, type Request, type Router, requestOf } from './request.ts';
import { type Reserved, reserve } from './reserve.ts';
import type { Target } from './route.ts';
import { judged, settle } from './settle.ts';
import { attempt, type Ending, type Outlet, passedBack, passedOn } from './upstream.ts';
import { unread } from './usage.ts';
import { errorIn, pause_ms, statusOf, verdictOn } from './verdict.ts';
import { anthropic, chat, vectors, type Wire } from './wire.ts';

/** Answers a request to /v1/messages or /v1/embeddings. */
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
    if (caller.step === null) return respond(router, id, caller, asked, incoming, outgoing);
    const making = await join(router, caller.step, outgoing);
    if (!making) return;
    await respond(router, id, caller, asked, incoming, making);
    await making.over();
  });
}

async function respond(
  router: Router,
  id: string,
  caller: Caller,
  asked: Asked,
  incoming: IncomingMessage,
  outgoing: Outlet,
): Promise<void> {
  try {
    await answered(router, requestOf(router, id, caller, asked, incoming, outgoing));
  } catch (error) {
    const known =
      error instanceof ApiError ? error : new ApiError('api_error', `router: ${messageOf(error)}`);
    if (!(error instanceof ApiError)) router.log.error('request.failed', { error });
    if (outgoing.headersSent) outgoing.destroy();
    else sendError(outgoing, known, id);
  }
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
    const key = keyOf(router, chosen.target);
    const ending = await tried(router, request, chosen.target, key, headers);
    const verdict = verdictOn(ending, clock.now());
    // Written while the next try is on its way, or the client reads: the reservation stands until then.
    const settled = settle(router, request, reserved, ending).finally(() =>
      router.state.settling.delete(settled),
    );
    router.state.settling.add(settled);
    await judged(router, chosen, reserved.suspect, verdict);
    if (verdict.kind === 'over') {
      // What came to nothing because the router stops, or all is halted.
      if (ending.error && !ending.told) refuse(request.outgoing, ending, headers, request.id);
      // With the bill the answer is kept.
      if (request.caller.step) await settled;
      return;
    }
    last = { ending, headers };
    const spare = nextKey(router, chosen.target, key, ending.status);
    if (verdict.kind === 'request' || failures >= config.retries) break;
    if (verdict.kind === 'target') {
      if (!spare) chosen.over = `gave up: ${verdict.why}`;
    } else {
      chosen.limited = verdict.kind === 'limited' || verdict.retry_after_ms !== null;
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
  // Clients of the Messages API look for it, and Chat Completions has none of that name.
  if (chosen.target.provider.kind === 'openai') headers['request-id'] = request.id;
  return headers;
}

/** Hands on what the last target said, word for word; what the router found out itself, in the same form. */
export function refuse(outgoing: Outlet, ending: Ending, headers: OutgoingHttpHeaders, id: string): void {
  if (outgoing.destroyed) return;
  const { error, body, answer, status } = ending;
  if (error || body === null || status === null) {
    sendError(outgoing, error ?? new ApiError('api_error', 'router: there was no answer'), id, headers);
    return;
  }
  // An error that came inside a stream came under the status 200.
  const own = status >= 300 ? status : statusOf(ending.error_type);
  if (!errorIn(body)?.type) {
    const who = headers['x-vigil-target'] ?? 'the provider';
    const words = body.toString('utf8', 0, MOST_QUOTED_bytes).trim();
    const message = `router: ${who} answered ${own}, and gave no reason but '${words}'`;
    const { 'retry-after': wait } = passedBack(answer ?? {});
    const more = wait === undefined ? headers : { ...headers, 'retry-after': wait };
    sendError(outgoing, new ApiError(errorTypeOf(own), message, { status: own }), id, more);
    return;
  }
  outgoing.writeHead(own, {
    ...passedBack(answer ?? {}),
    'content-type': 'application/json',
    ...headers,
    'content-length': body.length,
  });
  outgoing.end(body);
}

/** Of a page that says what no API would. */
const MOST_QUOTED_bytes = 500;

/** Makes the attempt that was reserved. */
async function tried(
  router: Router,
  request: Request,
  target: Target,
  key: number,
  headers: OutgoingHttpHeaders,
): Promise<Ending> {
  const { asked, outgoing, signal, deadline, long_ms } = request;
  const left_ms = deadline - router.clock.mono();
  // In one piece it says nothing before its end: silent is what takes longer than the longest answer.
  const whole_ms = asked.stream ? left_ms : Math.max(router.idle_ms, long_ms);
  let wire: Wire;
  try {
    wire = wireTo(request, target, target.account.keys[key] ?? '');
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // It cannot be said in this provider's language: nothing leaves.
    return unsaid(error, request.id);
  }
  return attempt({
    provider: target.provider,
    method: 'POST',
    wire,
    expect: 'message',
    streams: asked.stream,
    idle_ms: router.idle_ms,
    left_ms: Math.max(1, Math.min(left_ms, whole_ms)),
    clock: router.clock,
    outgoing,
    signal,
    headers,
    record: router.config.keep_days > 0,
  });
}

function wireTo({ id, asked, incoming }: Request, target: Target, key: string): Wire {
  const { provider, model } = target;
  if (asked.what === 'vectors') return vectors(key, withModel(asked, model), id);
  if (provider.kind === 'openai') return chat(provider, key, model, asked.json, id);
  return anthropic(key, incoming.url ?? '/v1/messages', withModel(asked, model), passedOn(incoming.headers));
}

function unsaid(error: ApiError, id: string): Ending {
  return {
    sent: false,
    status: error.status,
    outcome: 'refused',
    error: null,
    error_type: error.type,
    answer: {},
    body: Buffer.from(JSON.stringify(error.envelope(id))),
    told: false,
    reading: unread(),
    began: 0,
    first_byte_ms: null,
    record: [],
  };
}
