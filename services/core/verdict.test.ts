import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { Anthropic } from '@anthropic-ai/sdk';
import { httpFetch } from '#shared/base/fetch.ts';
import { sendError } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import { KEY } from '#shared/testing/house.ts';
import { type MessagesApi, startMessagesApi } from '#shared/testing/messages-api.ts';
import type { Fault } from '#shared/testing/messages-faults.ts';
import { freePort } from '#shared/testing/ports.ts';
import { type Diagnosis, diagnose, verdictOn } from './verdict.ts';

let model: MessagesApi;
before(async () => {
  model = await startMessagesApi({ key: KEY });
});
afterEach(() => model.clear());
after(() => model.close());

const question = {
  model: 'claude-haiku-5-5',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'hello' }],
};

/** What is made of the error that the real client throws when a stream is asked for. */
async function failing(
  how: { baseURL?: string; key?: string; max_tokens?: number; signal?: AbortSignal } = {},
) {
  const client = new Anthropic({
    apiKey: how.key ?? KEY,
    baseURL: how.baseURL ?? model.root,
    fetch: httpFetch(),
    maxRetries: 0,
    logLevel: 'off',
  });
  const asked = { ...question, max_tokens: how.max_tokens ?? 100 };
  try {
    await client.messages.stream(asked, { ...(how.signal ? { signal: how.signal } : {}) }).finalMessage();
  } catch (error) {
    return diagnose(error);
  }
  assert.fail('expected the call to fail, but it succeeded');
}

const struck = (fault: Fault): Promise<Diagnosis> => {
  model.fault({ ...fault, calls: 1 });
  return failing();
};

test('a limit is waited for as long as the provider asks', async () => {
  const diagnosis = await struck({ kind: 'rate_limit_error', retry_after_s: 17 });
  assert.equal(diagnosis.kind, 'away');
  assert.equal(diagnosis.kind === 'away' && diagnosis.retry_after_ms, 17_000);
  const unspoken = await struck({ kind: 'rate_limit_error' });
  assert.equal(unspoken.kind === 'away' && unspoken.retry_after_ms, null);
});

test('a provider that is overloaded, broken, or refuses the key or the account, is away and will be back', async () => {
  const kinds = [
    'overloaded_error',
    'api_error',
    'timeout_error',
    'authentication_error',
    'billing_error',
    'permission_error',
  ];
  for (const kind of kinds as Fault['kind'][]) {
    const diagnosis = await struck({ kind });
    assert.equal(diagnosis.kind, 'away', kind);
    assert.match(diagnosis.what, /^\d{3} /, kind);
  }
  assert.equal((await failing({ key: 'a wrong one' })).kind, 'away');
});

test('a request that is wrong in itself is refused however often it is made', async () => {
  assert.equal((await failing({ max_tokens: -1 })).kind, 'rejected');
  for (const kind of ['invalid_request_error', 'not_found_error', 'request_too_large'] as const) {
    assert.equal((await struck({ kind })).kind, 'rejected', kind);
  }
});

test('a stream that breaks, ends early, or tells of an error, is a provider that is away', async () => {
  for (const kind of ['cut', 'early_end', 'error_event', 'reset', 'malformed'] as const) {
    for (const after_events of [0, 1, 4]) {
      assert.equal((await struck({ kind, after_events })).kind, 'away', `${kind} after ${after_events}`);
    }
  }
});

test('a router that is not there, or dies, is away', async () => {
  const diagnosis = await failing({ baseURL: `http://127.0.0.1:${await freePort()}` });
  assert.equal(diagnosis.kind, 'away');
  assert.match(diagnosis.what, /ECONNREFUSED/);
});

test('a call that was broken off on our side is away: it is asked again', async () => {
  const leaving = new AbortController();
  model.fault({ kind: 'hang', calls: 1 });
  const call = failing({ signal: leaving.signal });
  setImmediate(() => leaving.abort());
  assert.equal((await call).kind, 'away');
});

test('a refusal inside a stream, whose type says that it will not pass, is a rejection', async () => {
  const told = `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: 'invalid_request_error', message: 'no' } })}\n\n`;
  const server = createServer((incoming, outgoing) => {
    incoming.resume();
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' }).end(told);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const diagnosis = await failing({ baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  assert.equal(diagnosis.kind, 'rejected');
  server.close();
  server.closeAllConnections();
});

test('a refusal for want of money says what of, until when, and the command that adds some', async (t) => {
  let headers: Record<string, string> = {};
  let message = '';
  const server = createServer((incoming, outgoing) => {
    incoming.resume();
    sendError(outgoing, new ApiError('billing_error', message, { headers }), 'req_1');
  }).listen(0, '127.0.0.1');
  t.after(() => server.close().closeAllConnections());
  await once(server, 'listening');
  const refused = (told: string, with_headers: Record<string, string>) => {
    message = told;
    headers = with_headers;
    return failing({ baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  };
  const told =
    'budget: today has $3: $3 spent; it goes on at 00:00, or at once with: scripts/vigil budget raise day 1';
  const day = { kind: 'refused', what: 'today has $3: $3 spent', spend_id: 'day 2026-11-22' };
  const window = { 'x-vigil-budget': 'day 2026-11-22' };
  assert.deepEqual(await refused(told, { ...window, 'retry-after': '17' }), {
    ...day,
    retry_after_ms: 17_000,
    command: 'scripts/vigil budget raise day 1',
  });
  const calls =
    'budget: all 1000 calls of this hour are made; at once with: raise calls_per_hour in config.toml';
  assert.deepEqual(await refused(calls, window), {
    ...day,
    what: calls.replace('budget: ', ''),
    retry_after_ms: null,
    command: null,
  });
  assert.equal((await refused(told, {})).kind, 'away', "a provider's own bill is not our budget");
});

test('whatever else is thrown is a fault of ours', () => {
  for (const error of [
    new TypeError('x is not a function'),
    new Error('store: closed'),
    'text',
    undefined,
    null,
  ]) {
    assert.equal(diagnose(error).kind, 'fault');
  }
});

const NOW = 1_790_000_000_000;
const fresh = { failures: 0, faults: 0, first_failed_at: null, told_at: null, spend_id: null, due_at: NOW };
const away = { kind: 'away', what: 'away', retry_after_ms: null } as const;
const most = () => 1;

test('while the model is away, tries are soon at first and a minute apart at most', () => {
  const waits = Array.from({ length: 12 }, (_, failures) => {
    const verdict = verdictOn({ ...fresh, failures }, away, NOW, most);
    return verdict.do === 'wait' ? verdict.due_at - NOW : null;
  });
  assert.deepEqual(waits.slice(0, 4), [500, 1000, 2000, 4000]);
  assert.equal(Math.max(...waits.map(Number)), 60_000);
  const soonest = verdictOn(fresh, away, NOW, () => 0);
  assert.equal(soonest.do === 'wait' && soonest.due_at - NOW, 250);
});

test('the time that was asked for is kept to, unless our own is longer', () => {
  const wait = (retry_after_ms: number, failures = 0) => {
    const verdict = verdictOn({ ...fresh, failures }, { ...away, retry_after_ms }, NOW, most);
    return verdict.do === 'wait' ? verdict.due_at - NOW : null;
  };
  assert.equal(wait(17_000), 17_000);
  assert.equal(wait(100), 500);
  assert.equal(wait(0, 30), 60_000);
});

test('the sender is told of the delay once, as soon as it will be ten seconds, and not before', () => {
  const tell = (failed_ago_ms: number, told_at: number | null = null) => {
    const verdict = verdictOn(
      { ...fresh, failures: 3, first_failed_at: NOW - failed_ago_ms, told_at },
      { kind: 'away', what: 'away', retry_after_ms: 8_000 },
      NOW,
      () => 0,
    );
    assert.equal(verdict.do, 'wait');
    return verdict.tell;
  };
  assert.equal(verdictOn(fresh, away, NOW).tell, null);
  assert.equal(tell(1_999), null);
  assert.match(tell(2_000) ?? '', /Your message is kept/);
  assert.equal(tell(2_000, NOW - 1), null);
});

test('what is rejected is given up at once; what may have cost something is put to its sender the third time, an absence never', () => {
  assert.equal(verdictOn(fresh, { kind: 'rejected', what: 'no' }, NOW).do, 'give up');
  for (const kind of ['fault', 'broken'] as const) {
    const fault = (faults: number) =>
      verdictOn({ ...fresh, failures: 9, faults }, { kind, what: 'bug' }, NOW);
    assert.equal(fault(1).do, 'wait');
    const third = fault(2);
    assert.equal(third.do, 'escalate');
    assert.match(third.tell ?? '', /3 times in a row.*bug/);
  }
  assert.equal(verdictOn({ ...fresh, failures: 100_000, first_failed_at: 0 }, away, NOW).do, 'wait');
});

const refused = {
  kind: 'refused',
  what: 'no room',
  spend_id: 'turn 1',
  retry_after_ms: null,
  command: null,
} as const;

test('what a new period will help waits for it, however often; what none will help, a day and no longer', () => {
  const period = { ...refused, spend_id: 'hour 14', retry_after_ms: 60_000 };
  const waits = verdictOn({ ...fresh, spend_id: 'hour 14', due_at: 0 }, period, NOW);
  assert.equal(waits.do === 'ask the sender' && waits.due_at, NOW + 60_000);

  const first = verdictOn({ ...fresh, spend_id: 'hour 14', due_at: NOW }, refused, NOW);
  assert.equal(first.do === 'ask the sender' && first.due_at, NOW + 86_400_000);
  const at = (now: number) => verdictOn({ ...fresh, spend_id: 'turn 1', due_at: NOW }, refused, now);
  assert.equal(at(NOW - 1).do, 'ask the sender');
  const given = at(NOW);
  assert.equal(given.do, 'give up');
  assert.match(given.tell ?? '', /Nobody has decided for a day.*no room/);
});
