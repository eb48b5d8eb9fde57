/** The life of a message, from a store that has seen one, as the command line tells it. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openStore } from '#shared/store/store.ts';
import * as answer_check from '#shared/tables/answer_check.ts';
import * as call from '#shared/tables/call.ts';
import * as decision from '#shared/tables/decision.ts';
import * as error from '#shared/tables/error.ts';
import * as exchange from '#shared/tables/exchange.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as rating from '#shared/tables/rating.ts';
import * as recalled from '#shared/tables/recalled.ts';
import * as taint from '#shared/tables/taint.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import * as turn from '#shared/tables/turn.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';
import { put } from '#shared/testing/remembered.ts';

const TURN = '0190aaaa-0000-7000-8000-000000000001';
const DECISION = '0190aaaa-1111-7000-8000-000000000002';
const start = Date.now() - 60_000;

const USAGE = {
  input_tokens: 1000,
  output_tokens: 20,
  cache_read_tokens: 500,
  cache_write_5m_tokens: 0,
  cache_write_1h_tokens: 0,
  web_searches: 0,
};

/** A message that was answered with the help of a tool, after a target that had refused. */
async function lived(t: TestContext) {
  const { home, router } = await quietHome(t);
  const as = async (principal: string) => {
    const store = await openStore({ directory: home.state, principal, flush: 'normal' });
    t.after(() => store.close());
    return store;
  };
  const [core, tools, telegram] = [await as('core'), await as('tools'), await as('telegram')];
  const metrics = await as('metrics');
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
  await telegram.commit([
    said('1', 'what is the weather?\u001b[31m', 'pending', '900'),
    said('2', 'let me in', 'refused', '901'),
  ]);
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
      request: gzipSync('{"model":"m","system":"be good"}'),
      response: gzipSync('event: message_start'),
    }),
  ]);
  const memory = { scope: 'owner', text: 'The owner lives in Bonn.', recorded_at: 1 };
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
      subject_json: '{"url":"https://weather.example"}',
      reasoning: 'It has to be looked up.',
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
      input_json: '{"url":"https://weather.example"}',
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
      result_json: '[{"type":"text","text":"sun"}]',
      source: 'web https://weather.example',
      now: start + 900,
    }),
    taint.note({ turn_id: TURN, source: 'web https://weather.example', at: start + 901 }),
  ]);
  const fault = {
    service: 'core',
    event: 'turn.postponed',
    type: 'Silence',
    message: 'no answer',
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
      text: 'Sun.',
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
  return home;
}

test('the life of a message is told in the order in which it happened, with what it cost', async (t) => {
  const home = await lived(t);
  const { code, stdout, stderr } = await vigil(home, ['explain', 'last']);
  assert.deepEqual([code, stderr], [0, '']);
  const lines = stdout.split('\n').slice(1);
  const expected = [
    / 0 {2}received {2}inbound 1 from 7 by telegram:1: what is the weather\?/,
    / 10 {2}turn/,
    / 20 {2}asked {5}default → one\/m$/,
    / 30 {2}answered {2}refused \(overloaded_error\) · /,
    / 40 {2}asked {5}default → two\/m, attempt 2 · not one\/m: tried 1 times$/,
    / 640 {2}answered {2}ok · 1\.5k tokens in \(500 from cache\), 20 out · \$0\.012 · 600 ms, the first word after 300$/,
    / 645 {2}recalled {2}memory 1: The owner lives in Bonn\. · score 3\.2 · text 2\.8, day 0\.4$/,
    / 645 {2}recalled {2}message 99: forgotten since · score 3\.2$/,
    / 650 {2}decided {3}tool fetch_url · confidence 0\.9 · It has to be looked up\.$/,
    / 650 {2}tool {6}fetch_url \{"url"/,
    / 900 {2}result {4}fetch_url: done · 200 ms · 30 bytes · from web https:\/\/weather\.example$/,
    / 901 {2}read {6}words of strangers: web https/,
    / 950 {2}warning {3}core turn\.postponed: no answer · 3 times · tried again later$/,
    / 1000 {2}ended {5}done$/,
    / 1100 {2}sent {6}reply sent: Sun\. · message 902$/,
    / 9000 {2}rated {5}👎 by 7 · made up$/,
    / 9500 {2}checked {3}unsupported · "Sun\."$/,
    /^$/,
    /^done · 990 ms · 2 model calls, 3\.0k tokens, \$0\.012 · 1 tool calls · 1 errors$/,
  ];
  for (const [i, pattern] of expected.entries()) assert.match(lines[i] ?? '', pattern);
  assert.ok(!stdout.includes('\u001b'), 'what was said commands no terminal');
});

test('a turn is found by its message, by what answered it, by its decision, and by the beginning of their ids', async (t) => {
  const home = await lived(t);
  for (const what of ['1', 'telegram:902', TURN, DECISION.slice(0, 13)]) {
    const { code, stdout } = await vigil(home, ['explain', what, '--json']);
    assert.equal(code, 0, what);
    const told: { turn: { id: string }; events: unknown[] } = JSON.parse(stdout);
    assert.deepEqual([told.turn.id, told.events.length], [TURN, 17], what);
  }
});

test('a message that was never answered is told as far as it came, and nothing is told of what is not there', async (t) => {
  const home = await lived(t);
  const refused = await vigil(home, ['explain', '2']);
  assert.match(refused.stdout, /received {2}inbound 2 from 7 .* · refused · a stranger/);
  for (const what of ['telegram:1', '0190cccc']) {
    const { code, stderr } = await vigil(home, ['explain', what]);
    assert.equal(code, 78, what);
    assert.match(stderr, /nothing goes by/);
  }
});

test('--full prints what was asked and answered, and says what is not kept', async (t) => {
  const home = await lived(t);
  const { stdout } = await vigil(home, ['explain', 'last', '--full']);
  assert.match(stdout, /call c1: asked\nnot kept/);
  assert.match(
    stdout,
    /call c2: asked\n\{\n {2}"model": "m",\n {2}"system": "be good"\n\}\n── answered\nevent: message_start/,
  );
});

test('decisions are listed with their reasons, by action and time', async (t) => {
  const home = await lived(t);
  const { stdout } = await vigil(home, ['decisions']);
  assert.match(
    stdout,
    /0190aaaa-1111 {2}\S+ \S+ {2}tool fetch_url +0\.9 +\$0\.012 {2}m +It has to be looked up\./,
  );
  const listed = async (...args: string[]) =>
    (JSON.parse((await vigil(home, ['decisions', '--json', ...args])).stdout) as unknown[]).length;
  assert.equal(await listed('--action', 'tool'), 1);
  assert.equal(await listed('--action', 'answer'), 0);
  assert.equal(await listed('--since', '2m'), 1);
  assert.equal((await vigil(home, ['decisions', '--since', 'soon'])).code, 64);
});
