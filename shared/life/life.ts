/** The whole life of a message, gathered from the store and put in order: what `vigil explain` and the console tell. */

import { about } from '../base/count.ts';
import { excerpt } from '../base/excerpt.ts';
import { usd } from '../base/money.ts';
import * as answer_check from '../tables/answer_check.ts';
import * as approval from '../tables/approval.ts';
import * as call from '../tables/call.ts';
import * as decision from '../tables/decision.ts';
import * as error from '../tables/error.ts';
import * as external_call from '../tables/external_call.ts';
import * as inbound from '../tables/inbound.ts';
import type { Query } from '../tables/op.ts';
import * as outbound from '../tables/outbound.ts';
import * as rating from '../tables/rating.ts';
import * as recalled from '../tables/recalled.ts';
import * as taint from '../tables/taint.ts';
import * as tool_call from '../tables/tool_call.ts';
import type * as turn from '../tables/turn.ts';

export type Read = <Row>(query: Query<Row>) => Promise<Row[]>;

export type Facts = Awaited<ReturnType<typeof factsOf>>;

/** Everything that bears the turn's name. */
export async function factsOf(read: Read, of: turn.Turn) {
  const { id } = of;
  const tools = await read(tool_call.ofTurn(id));
  const approvals = await Promise.all(
    tools.flatMap(({ approval_id }) => (approval_id ? [read(approval.of(approval_id))] : [])),
  );
  return {
    turn: of,
    inbound: await read(inbound.ofTurn(id)),
    recalled: await read(recalled.ofTurn(id)),
    calls: await read(call.ofTurn(id)),
    decisions: await read(decision.ofTurn(id)),
    tools,
    approvals: approvals.flat(),
    taints: await read(taint.ofTurn(id)),
    outbound: await read(outbound.ofTurn(id)),
    errors: await read(error.ofTurn(id)),
    external: await read(external_call.ofTurn(id)),
    rating: (await read(rating.ofTurn(id)))[0] ?? null,
    check: (await read(answer_check.ofTurn(id)))[0] ?? null,
  };
}

export type Event = { at: number; what: string; detail: string };

/** In the order in which it happened. Pure. */
export function lifeOf(facts: Facts): Event[] {
  const { turn, approvals, taints, errors, external, rating, check } = facts;
  const events: Event[] = [
    ...facts.inbound.map((one) => received(one)),
    { at: turn.created_at, what: 'turn', detail: `${turn.id} in ${turn.conversation}` },
    ...facts.recalled.map(recollected),
    ...facts.calls.flatMap(called),
    ...facts.decisions.map((one) => ({
      at: one.at,
      what: 'decided',
      detail: joined([
        one.action,
        one.confidence === null ? null : `confidence ${one.confidence}`,
        one.reasoning && excerpt(one.reasoning),
      ]),
    })),
    ...facts.tools.flatMap(used),
    ...approvals.flatMap(approved),
    ...taints.map(({ at, source }) => ({ at, what: 'read', detail: `words of strangers: ${source}` })),
    ...external.map((one) => ({
      at: one.at,
      what: 'outside',
      detail: joined([
        `${one.service} → ${one.target} ${one.action}: ${one.status}`,
        `${one.latency_ms} ms`,
        one.retries > 0 ? `after ${one.retries} retries` : null,
      ]),
    })),
    ...errors.map((one) => ({
      at: one.at,
      what: one.severity,
      detail: joined([
        `${one.service} ${one.event}: ${excerpt(one.message)}`,
        one.times > 1 ? `${one.times} times` : null,
        one.recovery,
      ]),
    })),
    ...facts.outbound.flatMap(sent),
  ];
  if (turn.finished_at !== null) {
    const why = turn.error === null ? null : excerpt(turn.error);
    events.push({ at: turn.finished_at, what: 'ended', detail: joined([turn.state, why]) });
  }
  if (rating)
    events.push({
      at: rating.at,
      what: 'rated',
      detail: joined([`${rating.good ? '👍' : '👎'} by ${rating.sender}`, rating.why]),
    });
  if (check?.finished_at)
    events.push({
      at: check.finished_at,
      what: 'checked',
      detail: joined([check.verdict ?? check.state, check.problem, ...claimsOf(check)]),
    });
  return events.toSorted((a, b) => a.at - b.at);
}

/** What nothing bears out. */
function claimsOf({ claims_json }: answer_check.AnswerCheck): string[] {
  const claims: string[] = JSON.parse(claims_json ?? '[]');
  return claims.map((claim) => `"${excerpt(claim)}"`);
}

export function received(one: inbound.Told): Event {
  const detail = joined([
    `inbound ${one.id} from ${one.sender ?? 'nobody'} by ${one.source}: ${excerpt(one.text ?? '')}`,
    one.turn_id === null ? one.state : null,
    one.note,
  ]);
  return { at: one.received_at, what: 'received', detail };
}

/** What spoke for it, the most first. */
export function featuresOf(why_json: string): [string, number][] {
  return Object.entries(JSON.parse(why_json) as Record<string, number>)
    .filter(([, value]) => value !== 0)
    .toSorted(([, a], [, b]) => Math.abs(b) - Math.abs(a));
}

function recollected({ at, kind, ref, text, score, why_json }: recalled.Told): Event {
  const why = featuresOf(why_json).map(([feature, value]) => `${feature} ${rounded(value)}`);
  const detail = joined([
    `${kind} ${ref}: ${text === null ? 'forgotten since' : excerpt(text)}`,
    `score ${rounded(score)}`,
    why.join(', '),
  ]);
  return { at, what: 'recalled', detail };
}

export function rounded(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function called(one: call.Call): Event[] {
  const asked = joined([
    `${one.alias ?? one.model} → ${one.target}${one.attempt > 1 ? `, attempt ${one.attempt}` : ''}`,
    why(one.reason_json),
  ]);
  const events = [{ at: one.opened_at, what: 'asked', detail: asked }];
  if (one.closed_at !== null) {
    const cached = one.cache_read_tokens ?? 0;
    const tokens = `${about(tokensIn(one))} tokens in${cached > 0 ? ` (${about(cached)} from cache)` : ''}, ${about(one.output_tokens ?? 0)} out`;
    const detail = joined([
      `${one.outcome ?? one.state}${one.error_type ? ` (${one.error_type})` : ''}`,
      tokens,
      `${usd(one.cost_nanousd ?? 0)}${one.estimated ? ', estimated' : ''}`,
      one.latency_ms === null
        ? null
        : `${one.latency_ms} ms, the first word after ${one.first_byte_ms ?? '–'}`,
    ]);
    events.push({ at: one.closed_at, what: 'answered', detail });
  }
  return events;
}

export function tokensIn(one: call.Call): number {
  const parts = [
    one.input_tokens,
    one.cache_read_tokens,
    one.cache_write_5m_tokens,
    one.cache_write_1h_tokens,
  ];
  return parts.reduce<number>((sum, part) => sum + (part ?? 0), 0);
}

/** What spoke for the target, and against the others, as the router has noted it. */
export function reasonOf(reason_json: string | null): {
  because: string | null;
  others: { target: string; why: string }[];
} {
  return { because: null, others: [], ...JSON.parse(reason_json ?? '{}') };
}

function why(reason_json: string | null): string | null {
  const { because, others } = reasonOf(reason_json);
  return joined([because, ...others.map((other) => `not ${other.target}: ${other.why}`)]) || null;
}

function used(one: tool_call.ToolCall): Event[] {
  const events = [
    { at: one.created_at, what: 'tool', detail: `${one.tool} ${excerpt(one.input_json)} (call ${one.id})` },
  ];
  if (one.finished_at !== null) {
    const detail = joined([
      `${one.tool}: ${one.state}`,
      one.started_at === null ? null : `${one.finished_at - one.started_at} ms`,
      `${about(Buffer.byteLength(one.result_json ?? ''))} bytes`,
      one.source === null ? null : `from ${one.source}`,
    ]);
    events.push({ at: one.finished_at, what: 'result', detail });
  }
  return events;
}

function approved(one: approval.Approval): Event[] {
  const events = [
    {
      at: one.asked_at,
      what: 'approval',
      detail: joined([`${one.tool}: ${excerpt(one.scope)}`, one.taint && `had read ${one.taint}`]),
    },
  ];
  if (one.answered_at !== null) {
    const detail = joined([one.state, one.choice, one.answered_by && `by ${one.answered_by}`]);
    events.push({ at: one.answered_at, what: 'ruled', detail });
  }
  return events;
}

function sent(one: outbound.Outbound): Event[] {
  const refs: unknown[] = JSON.parse(one.refs_json);
  const detail = joined([
    `${one.kind} ${one.state}: ${excerpt(one.text)}`,
    refs.length > 0 ? `message ${refs.join(', ')}` : null,
    one.uncertain > 0 ? `perhaps ${one.uncertain + 1} times` : null,
    one.failures > 0 ? `${one.failures} failures` : null,
    one.error,
  ]);
  return [
    { at: one.finished_at ?? one.created_at, what: one.finished_at === null ? 'posted' : 'sent', detail },
  ];
}

/** Its words are gone for good; that it was, and what it cost, stays. */
export function isForgotten({ inbound }: Pick<Facts, 'inbound'>): boolean {
  return inbound.length > 0 && inbound.every((one) => one.text === null && one.payload_json === '{}');
}

export function sumOf({ calls }: Pick<Facts, 'calls'>): { nanousd: number; tokens: number } {
  return {
    nanousd: calls.reduce((sum, one) => sum + (one.cost_nanousd ?? 0), 0),
    tokens: calls.reduce((sum, one) => sum + tokensIn(one) + (one.output_tokens ?? 0), 0),
  };
}

/** What it came to. */
export function totalOf(facts: Facts): string {
  const { turn, calls, tools, errors } = facts;
  const { nanousd, tokens } = sumOf(facts);
  const took = turn.finished_at === null ? turn.state : `${turn.finished_at - turn.created_at} ms`;
  return `${turn.state} · ${took} · ${calls.length} model calls, ${about(tokens)} tokens, ${usd(nanousd)} · ${tools.length} tool calls · ${errors.length} errors`;
}

function joined(parts: readonly (string | null)[]): string {
  return parts.filter((part) => part).join(' · ');
}
