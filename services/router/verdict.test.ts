import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ending } from './upstream.ts';
import { unread } from './usage.ts';
import { pause_ms, statusOf, verdictOn } from './verdict.ts';

const NOW = Date.UTC(2026, 10, 22, 12);

const ending = (more: Partial<Ending> = {}): Ending => ({
  sent: true,
  status: null,
  outcome: 'unreachable',
  error: null,
  error_type: null,
  answer: null,
  body: null,
  told: false,
  reading: unread(),
  began: 0,
  first_byte_ms: null,
  record: [],
  ...more,
});

/** A refusal with this status, these headers and this error. */
const refused = (status: number, headers: Record<string, string> = {}, error: object = {}) =>
  verdictOn(
    ending({
      status,
      outcome: 'refused',
      answer: headers,
      body: Buffer.from(JSON.stringify({ type: 'error', error })),
    }),
    NOW,
  );

const shortly = ({ kind, broken, works }: ReturnType<typeof verdictOn>) =>
  `${kind}${broken ? ' broken' : ''}${works ? ' works' : ''}`;

for (const [status, expected] of [
  [400, 'request works'],
  [401, 'target works'],
  [402, 'target works'],
  [403, 'target works'],
  [404, 'target works'],
  [408, 'failing'],
  [409, 'failing'],
  [413, 'request works'],
  [422, 'request works'],
  [429, 'limited works'],
  [500, 'failing broken'],
  [502, 'failing broken'],
  [503, 'failing broken'],
  [529, 'failing broken'],
] as const) {
  test(`after a ${status} the verdict is: ${expected}`, () =>
    assert.equal(shortly(refused(status)), expected));
}

for (const [status, expected] of [
  [400, 'request works'],
  [401, 'target works'],
  [404, 'target works'],
  [408, 'request works'],
  [500, 'target broken'],
  [529, 'target broken'],
] as const) {
  test(`a ${status} that says not to ask again is not asked again there: ${expected}`, () => {
    assert.equal(shortly(refused(status, { 'x-should-retry': 'false' })), expected);
  });
}

test('an answer is over and speaks for its target, whoever left says nothing, a stream that broke speaks against it', () => {
  assert.equal(shortly(verdictOn(ending({ status: 200, outcome: 'ok', told: true }), NOW)), 'over works');
  assert.equal(shortly(verdictOn(ending({ status: 200, outcome: 'left', told: true }), NOW)), 'over');
  assert.equal(shortly(verdictOn(ending({ status: 200, outcome: 'cut', told: true }), NOW)), 'over broken');
});

test('what could not be reached, and what broke off before its content, is failing', () => {
  assert.equal(shortly(verdictOn(ending(), NOW)), 'failing broken');
  assert.equal(shortly(verdictOn(ending({ status: 200, outcome: 'cut' }), NOW)), 'failing broken');
});

test('an error that a stream begins with counts as the status that it would have had', () => {
  const told = (type: string) =>
    shortly(
      verdictOn(
        ending({
          status: 200,
          outcome: 'cut',
          answer: {},
          body: Buffer.from(JSON.stringify({ error: { type } })),
        }),
        NOW,
      ),
    );
  assert.equal(told('overloaded_error'), 'failing broken');
  assert.equal(told('rate_limit_error'), 'limited works');
  assert.equal(told('invalid_request_error'), 'request works');
  assert.equal(told('an_error_of_next_year'), 'failing broken');
});

test('what one provider has no words for is no fault of the request: another may have them', () => {
  const unsaid = ending({ sent: false, status: 400, outcome: 'refused', answer: {} });
  assert.equal(shortly(verdictOn(unsaid, NOW)), 'target');
});

test('a limit of money is not waited for, however it is told', () => {
  for (const error_code of ['enforced_spend_limit_reached', 'contract_spend_limit_reached']) {
    assert.equal(shortly(refused(429, { 'retry-after': '1' }, { details: { error_code } })), 'target');
  }
  const message = 'You have reached your specified API usage limits.';
  assert.equal(shortly(refused(400, {}, { message })), 'target');
  assert.equal(shortly(refused(429, {}, { details: { error_code: 'tokens_per_minute' } })), 'limited works');
});

for (const [headers, expected] of [
  [{}, null],
  [{ 'retry-after': '3' }, 3000],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after': '-5' }, 0],
  [{ 'retry-after': '0.0015' }, 2],
  [{ 'retry-after-ms': '1.2' }, 2],
  [{ 'retry-after-ms': '250', 'retry-after': '3' }, 250],
  [{ 'retry-after-ms': 'soon', 'retry-after': '3' }, 3000],
  [{ 'retry-after': 'Sun, 22 Nov 2026 12:00:05 GMT' }, 5000],
  [{ 'retry-after': 'Sun, 22 Nov 2026 11:00:00 GMT' }, 0],
  [{ 'retry-after': 'later' }, null],
  [{ 'retry-after': 'Infinity' }, null],
  [{ 'retry-after': '1e300' }, 86_400_000],
  [{ 'retry-after': '86400' }, 86_400_000],
] as const) {
  test(`${JSON.stringify(headers)} means to ask again in ${expected} ms`, () => {
    assert.equal(refused(429, headers).retry_after_ms, expected);
    assert.equal(refused(529, headers).retry_after_ms, expected);
  });
}

test('a refusal that is no JSON, or far too long to be an envelope, is judged by its status', () => {
  for (const body of [
    '<html>',
    '',
    'null',
    '{"error":"x"}',
    '5',
    `{"error":{"message":"${'x'.repeat(200_000)}"}}`,
  ]) {
    const verdict = verdictOn(
      ending({ status: 503, outcome: 'refused', answer: {}, body: Buffer.from(body) }),
      NOW,
    );
    assert.equal(shortly(verdict), 'failing broken');
  }
});

test('the record says the status and the error, or how it ended', () => {
  assert.equal(
    verdictOn(ending({ status: 529, error_type: 'overloaded_error', outcome: 'refused' }), NOW).why,
    '529 overloaded_error',
  );
  assert.equal(verdictOn(ending(), NOW).why, 'unreachable');
});

test('an error type has its status, and one that nobody knows is an error of the server', () => {
  assert.deepEqual(
    [statusOf('billing_error'), statusOf('overloaded_error'), statusOf('toString'), statusOf(null)],
    [402, 529, 500, 500],
  );
});

test('pauses double from half a second to eight, and lie anywhere between nothing and that', () => {
  const most = [0, 1, 2, 3, 4, 5, 2000].map((failures) => pause_ms(failures, () => 1));
  assert.deepEqual(most, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
  assert.equal(
    pause_ms(9, () => 0),
    0,
  );
});
