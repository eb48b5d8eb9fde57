import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, frame, message, text, usageOf } from '#shared/messages/answer.ts';
import { NOTHING, type Reading, readWhole, streamReader, unread, updated } from './usage.ts';

const words = 'Ein Wörtchen, 漢字 and 😀 to cut in the middle of.';
const answer = {
  model: 'claude-haiku-5-5',
  content: [text(words)],
  stop_reason: 'end_turn' as const,
  usage: usageOf({
    input_tokens: 11,
    output_tokens: 22,
    cache_read_input_tokens: 33,
    cache_creation_input_tokens: 44,
    cache_creation: { ephemeral_5m_input_tokens: 14, ephemeral_1h_input_tokens: 30 },
  }),
};
const used = {
  input_tokens: 11,
  output_tokens: 22,
  cache_read_tokens: 33,
  cache_write_5m_tokens: 14,
  cache_write_1h_tokens: 30,
};
const stream = [...events(answer)].map(frame).join('');

function read(chunks: Iterable<Buffer>): Reading {
  const reading = unread();
  const follow = streamReader(reading);
  for (const chunk of chunks) follow(chunk);
  return reading;
}

test('a stream says the same wherever its chunks are cut, in the middle of characters too', () => {
  const bytes = Buffer.from(stream);
  const whole = read([bytes]);
  assert.deepEqual(whole.usage, used);
  assert.ok(whole.complete && whole.begun && whole.error_type === null);
  for (let at = 1; at < bytes.length; at++) {
    assert.deepEqual(read([bytes.subarray(0, at), bytes.subarray(at)]), whole);
  }
  assert.deepEqual(read([...bytes].map((byte) => Buffer.from([byte]))), whole);
});

test('a stream is complete with message_stop and not before it', () => {
  const without = stream.slice(0, stream.indexOf('event: message_stop'));
  assert.equal(read([Buffer.from(without)]).complete, false);
  assert.deepEqual(read([Buffer.from(without)]).usage, used, 'the bill is known all the same');
});

test('a stream with line ends of two characters, or without the space after data, reads the same', () => {
  const whole = read([Buffer.from(stream)]);
  for (const other of [stream.replaceAll('\n', '\r\n'), stream.replaceAll('data: ', 'data:')]) {
    assert.deepEqual(read([Buffer.from(other)]), whole);
  }
});

test('of an answer that broke off, the input is known and the bytes of content are counted', () => {
  const deltas = stream.split('\n\n').filter((event) => event.includes('content_block_delta'));
  assert.ok(deltas.length > 3);
  const start = stream.slice(0, stream.indexOf('event: content_block_delta'));
  const reading = read([Buffer.from(`${start}${deltas.slice(0, 3).join('\n\n')}\n\n`)]);
  assert.deepEqual(reading.usage, { ...used, output_tokens: 1 });
  assert.ok(reading.begun && !reading.complete);
  const said = words.split(' ').slice(0, 3).join(' ');
  assert.ok(reading.content_bytes >= Buffer.byteLength(said), 'no token is shorter than a byte');
});

test('an error inside the stream is kept by its type', () => {
  const error = frame({
    type: 'error',
    error: { type: 'overloaded_error', message: 'Overloaded' },
    request_id: 'r',
  });
  assert.equal(read([Buffer.from(error)]).error_type, 'overloaded_error');
});

test('what is no JSON is no end, no usage and no failure of ours', () => {
  assert.deepEqual(
    read([Buffer.from('event: message_stop\ndata: {"type":"mess\n\n: a comment\n\n')]),
    unread(),
  );
  assert.deepEqual(readWhole(Buffer.from('<html>')), { ...unread(), content_bytes: 6 });
  assert.equal(readWhole(Buffer.from('null')).complete, false);
});

test('a whole answer tells its usage, and a refusal its type', () => {
  const reading = readWhole(Buffer.from(JSON.stringify(message(answer))));
  assert.deepEqual(reading.usage, used);
  assert.ok(reading.complete && reading.begun);
  const refusal = { type: 'error', error: { type: 'rate_limit_error', message: 'no' } };
  const refused = readWhole(Buffer.from(JSON.stringify(refusal)));
  assert.deepEqual([refused.error_type, refused.begun, refused.usage], ['rate_limit_error', false, NOTHING]);
});

test('what an event leaves out or calls null stays as it was, for its numbers are totals', () => {
  assert.deepEqual(updated(used, {}), used);
  assert.deepEqual(updated(used, null), used);
  assert.deepEqual(updated(used, { input_tokens: null, cache_creation_input_tokens: null }), used);
  assert.deepEqual(updated(used, { output_tokens: 30 }), { ...used, output_tokens: 30 });
  assert.deepEqual(updated(updated(used, { output_tokens: 30 }), { output_tokens: 31 }).output_tokens, 31);
});

test('of what was written to the cache, the part for an hour is known from the first event', () => {
  const written = (said: Parameters<typeof updated>[1], known = NOTHING) => {
    const { cache_write_5m_tokens, cache_write_1h_tokens } = updated(known, said);
    return [cache_write_5m_tokens, cache_write_1h_tokens];
  };
  const split = { ephemeral_5m_input_tokens: 14, ephemeral_1h_input_tokens: 30 };
  assert.deepEqual(written({ cache_creation_input_tokens: 44, cache_creation: split }), [14, 30]);
  assert.deepEqual(
    written({ cache_creation_input_tokens: 44 }),
    [44, 0],
    'without a split it is the usual five minutes',
  );
  assert.deepEqual(written({ cache_creation_input_tokens: 44 }, used), [14, 30]);
  assert.deepEqual(written({ cache_creation_input_tokens: 50 }, used), [20, 30]);
  assert.deepEqual(written({ cache_creation_input_tokens: 0 }, used), [0, 0]);
  assert.deepEqual(written({ cache_creation: split }), [14, 30]);
});
