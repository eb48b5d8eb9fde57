import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorFromChat, errorWithin } from './error.ts';

const said = (status: number, error: unknown) => errorFromChat(status, JSON.stringify({ error }));

test('the type is that of the code where there is one, else that of the status', () => {
  const cases: [number, object, string, number][] = [
    [
      401,
      { message: 'no', type: 'invalid_request_error', code: 'invalid_api_key' },
      'authentication_error',
      401,
    ],
    [404, { message: 'no', type: 'invalid_request_error', code: 'model_not_found' }, 'not_found_error', 404],
    [400, { message: 'no', code: 'model_not_found' }, 'not_found_error', 404],
    [429, { message: 'no', type: 'tokens', code: 'rate_limit_exceeded' }, 'rate_limit_error', 429],
    [413, { message: 'no', type: 'tokens', code: 'rate_limit_exceeded' }, 'request_too_large', 413],
    [400, { message: 'no', type: 'invalid_request_error', code: null }, 'invalid_request_error', 400],
    [422, { message: 'no' }, 'invalid_request_error', 400],
    [402, { message: 'no' }, 'billing_error', 402],
    [403, { message: 'no' }, 'permission_error', 403],
    [500, { message: 'no', type: 'server_error' }, 'api_error', 500],
    [502, { message: 'no' }, 'api_error', 500],
    [503, { message: 'no', type: 'unavailable_error', code: 503 }, 'overloaded_error', 529],
    [504, { message: 'no' }, 'timeout_error', 504],
  ];
  for (const [status, error, type, becomes] of cases) {
    const { type: got, status: gotStatus, message, error_code } = said(status, error);
    assert.deepEqual([got, gotStatus, message, error_code], [type, becomes, 'no', undefined]);
  }
});

test('a quota that is used up is not taken for a rate limit that passes', () => {
  for (const code of ['insufficient_quota', 'billing_hard_limit_reached', 'billing_not_active']) {
    const error = said(429, { message: 'You exceeded your current quota.', type: code, code });
    assert.equal(error.status, 429);
    assert.equal(error.error_code, 'enforced_spend_limit_reached');
    assert.equal(error.message, 'You exceeded your current quota.');
  }
});

test('a prompt that does not fit is told so that clients which shorten it know it', () => {
  const sentence = "This model's maximum context length is 8 tokens.";
  for (const error of [
    said(400, { message: sentence, code: 'context_length_exceeded' }),
    said(400, { message: sentence, type: 'BadRequestError', code: 400 }),
    said(500, { message: sentence, type: 'exceed_context_size_error', code: 500 }),
  ]) {
    assert.equal(error.type, 'invalid_request_error');
    assert.equal(error.message, `prompt is too long: ${sentence}`);
  }
});

test('the reason is found in every envelope that servers use', () => {
  const cases: [string, string][] = [
    ['{"error":{"message":"why"}}', 'why'],
    ['{"error":"why"}', 'why'],
    ['[{"error":{"message":"why"}}]', 'why'],
    ['{"object":"error","message":"why","code":400}', 'why'],
    ['{"detail":"why"}', 'why'],
    ['{"detail":[{"msg":"why"}]}', '[{"msg":"why"}]'],
    [' why ', 'why'],
    ['<html>why</html>', '<html>why</html>'],
    ['', 'the provider answered 418 and gave no reason'],
    ['null', 'the provider answered 418 and gave no reason'],
    ['{"error":{}}', 'the provider answered 418 and gave no reason'],
  ];
  for (const [body, message] of cases) assert.equal(errorFromChat(418, body).message, message);
  assert.equal(errorFromChat(500, 'x'.repeat(9999)).message.length, 2000);
});

test('an error inside an answer has the status that its code says, if it is one', () => {
  assert.equal(errorWithin({ error: { message: 'x', code: 429 } }).type, 'rate_limit_error');
  assert.equal(errorWithin({ object: 'error', message: 'x', code: 400 }).type, 'invalid_request_error');
  assert.equal(
    errorWithin({ error: { message: 'x', code: 'rate_limit_exceeded' } }).type,
    'rate_limit_error',
  );
  assert.equal(errorWithin({ error: { message: 'x' } }).type, 'api_error');
  assert.equal(errorWithin({ error: 'x' }).message, 'x');
});
