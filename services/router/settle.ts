/** After each attempt: the bill, written once in one transaction, and what the attempt has taught about its target. */

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { periodOf } from '#shared/base/period.ts';
import * as breaker from '#shared/tables/breaker.ts';
import * as call from '#shared/tables/call.ts';
import * as exchange from '#shared/tables/exchange.ts';
import * as incident from '#shared/tables/incident.ts';
import type { Op } from '#shared/tables/op.ts';
import * as replay from '#shared/tables/replay.ts';
import * as spend from '#shared/tables/spend.ts';
import * as throttle from '#shared/tables/throttle.ts';
import * as total from '#shared/tables/total.ts';
import { type Asked, withModel } from './body.ts';
import { correctionOf } from './limit.ts';
import { cost_nanousd } from './price.ts';
import { homeKey, type Request, type Router, type State, type Try } from './request.ts';
import type { Reserved } from './reserve.ts';
import type { Target } from './route.ts';
import { type Ending, LONGEST_RECORD_bytes } from './upstream.ts';
import { billed, brokenUsage, NOTHING, type Reading } from './usage.ts';
import type { Verdict } from './verdict.ts';

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

/** Up to this size a compression costs more than it saves: its state alone is a quarter of a megabyte. */
const SMALL_bytes = 64 * 1024;
const compressed = promisify(gzip);

/** Writes the bill, in one unit: ledger, budgets, limits, totals, and the bytes for the record. */
export async function settle(
  router: Router,
  request: Request,
  reserved: Reserved,
  ending: Ending,
): Promise<void> {
  const { clock, log, state, limits, config } = router;
  const { caller, asked, route } = request;
  const { id, chosen, hold_nanousd, windows_json, likely_tokens, opened_at } = reserved;
  const { target } = chosen;
  const now = clock.now();
  learn(state, target, ending, now);
  state.inFlight.set(target.name, (state.inFlight.get(target.name) ?? 1) - 1);
  const home = homeKey(caller, asked);
  if (home !== null && ending.outcome === 'ok') remember(state.homes, home, target.name);
  const { usage, cost_nanousd: cost, estimated } = billOf(router, request, reserved, ending);
  const latency_ms = Math.round(clock.mono() - reserved.began);
  // The row says all of it: a line for each call would cost a tenth of what a call does.
  log.debug('call.settled', {
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
      request_id: String(ending.answer?.['request-id'] ?? ending.answer?.['x-request-id'] ?? '') || null,
      usage,
      estimated,
      cost_nanousd: cost,
      first_byte_ms: ending.first_byte_ms,
      latency_ms,
    }),
    throttle.correct(
      correctionOf(limits, target, { taken: likely_tokens, used }, state.learned.get(target.name)),
    ),
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
  const making = caller.step && state.makings.get(caller.step.id);
  if (caller.step && making && ending.outcome === 'ok') {
    ops.push(replay.keep(caller.step.id, router.instance, making.kept(), now));
  }
  // Of vectors nobody reads the bytes, and there are many.
  if (config.keep_days > 0 && asked.what === 'message')
    ops.push(await keeping(id, now, asked, target, ending.record));
  try {
    // The row of a bill that cannot be written stays open, and the next router charges it in full.
    // It can wait for the next call's reservation: a transaction of its own would cost as much as that.
    await router.persist([spend.settle(windows_json, hold_nanousd, cost), ...ops], 'soon');
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

const MOST_HOMES = 10_000;

function remember(homes: Map<string, string>, key: string, target: string): void {
  homes.delete(key);
  homes.set(key, target);
  const [oldest] = homes.keys();
  if (homes.size > MOST_HOMES && oldest !== undefined) homes.delete(oldest);
}

/** What the answer says of its target's limits, and of what is left of them (Claude Platform Docs, "Rate limits"). */
function learn(state: State, { name }: Target, { answer }: Ending, now: number): void {
  if (!answer?.['anthropic-ratelimit-requests-limit']) return;
  const said = (what: string, which: string) => String(answer[`anthropic-ratelimit-${what}-${which}`] ?? '');
  let room = { left: 1, until_at: now };
  for (const what of ['requests', 'tokens', 'input-tokens', 'output-tokens']) {
    const left = Number(said(what, 'remaining')) / Number(said(what, 'limit'));
    if (left < room.left) room = { left, until_at: Date.parse(said(what, 'reset')) || now };
  }
  state.headroom.set(name, room);
  const limit = (what: string) => Number(said(what, 'limit')) || Number.POSITIVE_INFINITY;
  state.learned.set(name, {
    requests_per_minute: limit('requests'),
    tokens_per_minute: Math.min(limit('tokens'), limit('input-tokens')),
  });
}

/** Brings the breaker and the limits of the target up to date. */
export async function judged(router: Router, chosen: Try, suspect: boolean, verdict: Verdict): Promise<void> {
  const { store, clock, config, log, breakers } = router;
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
    breakers.changed();
    if (row?.state !== 'open') return;
    log.warn('breaker.opened', { target: name, failures: row.failures, error: verdict.why });
    const text = `The model ${name} does not answer: it has failed ${row.failures} times in a row (${verdict.why}). It is tried again every ${config.breaker_recovery_s} s, and others answer for it where config.toml names any.`;
    await store.commit([
      incident.open({ cause: `breaker ${name}`, service: 'router', severity: 'warning', text, now }),
    ]);
  } else if (suspect) {
    await store.commit(
      verdict.works
        ? [breaker.worked(name), incident.close(`breaker ${name}`, 'router', now)]
        : [breaker.release(name, now)],
    );
    breakers.changed();
    if (verdict.works) log.info('breaker.closed', { target: name });
  }
}
