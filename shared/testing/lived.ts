/** A message that has lived its life: asked, routed, answered with a tool, sent and rated, in a store of its own. */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { ServiceName } from '../manifest.ts';
import type { Home } from '../runtime/home.ts';
import { openStore, type Store } from '../store/store.ts';
import * as answer_check from '../tables/answer_check.ts';
import * as call from '../tables/call.ts';
import * as decision from '../tables/decision.ts';
import * as error from '../tables/error.ts';
import * as exchange from '../tables/exchange.ts';
import * as inbound from '../tables/inbound.ts';
import * as outbound from '../tables/outbound.ts';
import * as rating from '../tables/rating.ts';
import * as recalled from '../tables/recalled.ts';
import * as taint from '../tables/taint.ts';
import * as tool_call from '../tables/tool_call.ts';
import * as turn from '../tables/turn.ts';
import { quietHome } from './cli.ts';
import { put } from './remembered.ts';

export const TURN = '0190aaaa-0000-7000-8000-000000000001';
export const DECISION = '0190aaaa-1111-7000-8000-000000000002';
const start = Date.now() - 60_000;

const USAGE = {
  input_tokens: 1000,
  output_tokens: 20,
  cache_read_tokens: 500,
  cache_write_5m_tokens: 0,
  cache_write_1h_tokens: 0,
  web_searches: 0,
};

const WORDS = {
  asked: 'what is the weather?\u001b[31m',
  remembered: 'The owner lives in Bonn.',
  why: 'It has to be looked up.',
  url: 'https://weather.example',
  result: 'sun',
  fault: 'no answer',
  answer: 'Sun.',
  request: '{"model":"m","system":"be good"}',
};

/** A home of its own. */
export async function lived(t: TestContext, words: Partial<typeof WORDS> = {}): Promise<Home> {
  const { home, router } = await quietHome(t);
  const as = async (principal: ServiceName) => {
    if (principal === 'router') return router;
    const store = await openStore({ directory: home.state, principal, flush: 'normal' });
    t.after(() => store.close());
    return store;
  };
  await liveThrough(home, as, words);
  return home;
}

/** @param as the home's store as each service sees it @param words in the place of those that it has by itself */
export async function liveThrough(
  home: Home,
  as: (principal: ServiceName) => Promise<Store>,
  words: Partial<typeof WORDS> = {},
): Promise<void> {
  const say = { ...WORDS, ...words };
  const [core, tools, telegram, router, metrics] = [
    await as('core'),
    await as('tools'),
    await as('telegram'),
    await as('router'),
    await as('metrics'),
  ];
  const said = (source_key: string, text: string, state: 'pending' | 'refused', message_ref: string) =>
    inbound.receive({
      source: 'telegram:1',
      source_key,
      channel: 'telegram',
      conversation: state === 'pending' ? 'telegram:7' : null,
      chat: '7',
      sender: '7',
      text,
      message_ref,
      payload_json: '{}',
      received_at: start,
      state,
      note: state === 'refused' ? 'a stranger' : null,
    });
  await telegram.commit([said('1', say.asked, 'pending', '900'), said('2', 'let me in', 'refused', '901')]);
  const [[mine]] = await core.commit([
    turn.open(TURN, { owner: 'o', boot_id: 'b', now: start + 10, until_at: start + 1000 }),
    inbound.take(TURN, 10),
  ]);
  assert.ok(mine);
  const attempt = (id: string, n: number, target: string, reason: object): call.Reservation => ({
    id,
    kind: 'message',
    request: 'r1',
    attempt: n,
    caller: 'core',
    turn_id: TURN,
    conversation: 'telegram:7',
    alias: 'default',
    task: 'chat',
    unasked: false,
    provider: 'anthropic',
    model: 'm',
    target,
    reason_json: JSON.stringify(reason),
    stream: true,
    worker: 0,
    owner: 'o',
    opened_at: start + 20 * n,
    hold_nanousd: 1,
    windows_json: '[]',
    price_rev: '1',
  });
  const bill = {
    status: 200,
    request_id: null,
    usage: USAGE,
    estimated: false,
    first_byte_ms: 300,
    latency_ms: 600,
  };
  await router.commit([
    call.open(attempt('c1', 1, 'one/m', { others: [] })),
    call.settle('c1', {
      ...bill,
      closed_at: start + 30,
      outcome: 'refused',
      error_type: 'overloaded_error',
      cost_nanousd: 0,
    }),
    call.open(attempt('c2', 2, 'two/m', { others: [{ target: 'one/m', why: 'tried 1 times' }] })),
    call.settle('c2', {
      ...bill,
      closed_at: start + 640,
      outcome: 'ok',
      error_type: null,
      cost_nanousd: 12_000_000,
    }),
    exchange.keep({
      call_id: 'c2',
      at: start,
      encoding: 'gzip',
      request: gzipSync(say.request),
      response: gzipSync('event: message_start'),
    }),
  ]);
  const memory = { scope: 'owner', text: say.remembered, recorded_at: 1 };
  await put(home.state, { memories: [memory] });
  const found = { turn_id: TURN, round: 1, at: start + 645, score: 3.204 } as const;
  const why_json = '{"day":0.4,"text":2.8041,"rank":0}';
  await core.commit([
    recalled.note({ ...found, place: 0, kind: 'memory', ref: 1, why_json }),
    recalled.note({ ...found, place: 1, kind: 'message', ref: 99, why_json: '{}' }),
    decision.record({
      id: DECISION,
      turn_id: TURN,
      round: 1,
      call_id: 'c2',
      conversation: 'telegram:7',
      sender: '7',
      model: 'm',
      action: 'tool fetch_url',
      subject_json: JSON.stringify({ url: say.url }),
      reasoning: say.why,
      confidence: 0.9,
      at: start + 650,
    }),
    tool_call.ask({
      id: 'tc1',
      turn_id: TURN,
      round: 1,
      place: 0,
      use_id: 'u',
      decision_id: DECISION,
      conversation: 'telegram:7',
      channel: 'telegram',
      chat: '7',
      sender: '7',
      tool: 'fetch_url',
      input_json: JSON.stringify({ url: say.url }),
      now: start + 650,
    }),
  ]);
  const [waiting] = await tools.read(tool_call.next);
  assert.ok(waiting);
  const [[begun]] = await tools.commit([tool_call.start(waiting, 'o', start + 700)]);
  assert.ok(begun);
  await tools.commit([
    tool_call.finish(begun, {
      state: 'done',
      result_json: JSON.stringify([{ type: 'text', text: say.result }]),
      source: `web ${say.url}`,
      now: start + 900,
    }),
    taint.note({ turn_id: TURN, source: `web ${say.url}`, at: start + 901 }),
  ]);
  const fault = {
    service: 'core',
    event: 'turn.postponed',
    type: 'Silence',
    message: say.fault,
    trace: null,
    recovery: 'tried again later',
    severity: 'warning',
    turn_id: TURN,
    at: start + 950,
  } as const;
  await core.commit([
    ...error.record(fault, 1),
    ...error.record(fault, 2),
    turn.finish(mine, { now: start + 1000, state: 'done', error: null }),
    inbound.close(TURN, 'answered'),
    outbound.post({
      key: `reply:${TURN}`,
      channel: 'telegram',
      conversation: 'telegram:7',
      chat: '7',
      kind: 'reply',
      turn_id: TURN,
      text: say.answer,
      format: 'markdown',
      message_ref: '900',
      now: start + 1000,
    }),
    rating.give({ turn_id: TURN, good: false, why: 'made up', sender: '7', at: start + 9000 }),
  ]);
  const asked = { turn_id: TURN, step: `check:${TURN}:1` };
  await metrics.commit([
    answer_check.plan(TURN, 'm', start + 9100),
    answer_check.ask(TURN, asked.step, start + 9200),
    answer_check.end(asked, { state: 'done', verdict: 'unsupported', claims: ['Sun.'], now: start + 9500 }),
  ]);
  const [[going]] = await telegram.commit([outbound.claim('o', start + 1010)]);
  assert.ok(going);
  await telegram.commit([outbound.sent(going, { now: start + 1100, refs_json: '[902]', last: true })]);
}
