import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, frame, message, text, usageOf } from '#shared/messages/answer.ts';
import { cost_nanousd, FREE, type Price, priceOf } from './price.ts';
import {
  billed,
  brokenUsage,
  NOTHING,
  type Reading,
  readWhole,
  streamReader,
  unread,
  updated,
} from './usage.ts';

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
    server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
  }),
};
const used = {
  input_tokens: 11,
  output_tokens: 22,
  cache_read_tokens: 33,
  cache_write_5m_tokens: 14,
  cache_write_1h_tokens: 30,
  web_searches: 2,
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

test('what is no JSON object is malformed: no end, no usage and no failure of ours', () => {
  const malformed = { ...unread(), malformed: true };
  for (const data of ['{"type":"mess', 'null', '[]', '7', '<html>']) {
    assert.deepEqual(read([Buffer.from(`event: message_stop\ndata: ${data}\n\n`)]), malformed, data);
    assert.deepEqual(readWhole(Buffer.from(data)), malformed, data);
  }
  const cut = frame({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'half' } });
  assert.equal(read([Buffer.from(cut)]).malformed, false);
  assert.equal(read([Buffer.from(cut.replace('}}', ''))]).malformed, true, 'a delta that was cut');
  assert.equal(read([Buffer.from(': a comment\n\nevent: ping\ndata:\n\nretry: 5\n\n')]).malformed, false);
  assert.equal(read([Buffer.from(`${stream}data: [DONE]\n\n`)]).malformed, false, 'after the end');
});

test('fields of a wrong type are as good as not said', () => {
  const nonsense = {
    type: 'message',
    model: 5,
    stop_reason: {},
    usage: {
      input_tokens: '11',
      output_tokens: -1,
      cache_read_input_tokens: 1.5,
      cache_creation: 'much',
      server_tool_use: 7,
      iterations: [null, 3],
    },
  };
  const reading = readWhole(Buffer.from(JSON.stringify(nonsense)));
  assert.deepEqual(
    [reading.usage, reading.model, reading.stop_reason, reading.complete],
    [NOTHING, null, null, true],
  );
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

/** A stream of the given events, framed as the API does. */
const eventsOf = (...list: object[]) =>
  Buffer.from(list.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
const begins = (usage: object = { input_tokens: 11, output_tokens: 1 }) => ({
  type: 'message_start',
  message: { model: 'claude-opus-5', usage },
});
const opens = (type: string) => ({ type: 'content_block_start', index: 0, content_block: { type } });
const says = (text: string) => ({
  type: 'content_block_delta',
  index: 0,
  delta: { type: 'text_delta', text },
});
const closes = { type: 'content_block_stop', index: 0 };
const ends = (usage: object, stop_reason: string | null = 'end_turn') => ({
  type: 'message_delta',
  delta: { stop_reason },
  usage,
});

test('a failure can be kept from the client until the first event of content', () => {
  const error = { type: 'error', error: { type: 'overloaded_error' } };
  assert.equal(read([eventsOf(begins(), { type: 'ping' }, error)]).content, false);
  for (const event of [opens('text'), says('x'), ends({ output_tokens: 1 }), { type: 'message_stop' }]) {
    assert.equal(read([eventsOf(begins(), event)]).content, true, event.type);
  }
  assert.equal(read([eventsOf({ type: 'ping' })]).begun, false);
  assert.equal(read([eventsOf(begins())]).begun, true);
});

test('an answer names its model, why it stopped and the terms it was given on', () => {
  const usage = { input_tokens: 1, inference_geo: 'us', speed: 'fast', service_tier: 'batch' };
  const streamed = read([eventsOf(begins(usage), ends({ output_tokens: 2 }, 'max_tokens'))]);
  assert.deepEqual([streamed.model, streamed.stop_reason], ['claude-opus-5', 'max_tokens']);
  assert.deepEqual(streamed.terms, { us: true, fast: true, batch: true });
  const whole = readWhole(Buffer.from(JSON.stringify(message(answer))));
  assert.deepEqual([whole.model, whole.stop_reason, whole.terms], ['claude-haiku-5-5', 'end_turn', {}]);
});

test('a stream that ended in an error of the provider is charged for its bytes, at most for max_tokens', () => {
  const reading = read([eventsOf(begins(), opens('text'), says(words))]);
  const bytes = reading.content_bytes;
  assert.ok(bytes > Buffer.byteLength(words));
  const told = { ...reading, error_type: 'overloaded_error' };
  assert.equal(brokenUsage(told, 1000)?.output_tokens, bytes);
  assert.equal(brokenUsage(told, bytes - 1)?.output_tokens, bytes - 1);
  assert.equal(brokenUsage(told, 1000)?.input_tokens, 11);
});

test('what was on its way when a stream broke off is charged too', () => {
  const reading = read([eventsOf(begins(), opens('text'), says(words))]);
  const bytes = reading.content_bytes;
  assert.equal(brokenUsage(reading, 9000)?.output_tokens, bytes + 1000);
  assert.equal(brokenUsage(reading, bytes + 999)?.output_tokens, bytes + 999);
  assert.equal(brokenUsage(read([eventsOf(begins())]), 9000)?.output_tokens, 1000);
});

test('a stream cut where content is held back or omitted is charged max_tokens for its output', () => {
  for (const type of ['thinking', 'tool_use']) {
    const open = [begins(), opens(type)];
    assert.equal(brokenUsage(read([eventsOf(...open)]), 9000)?.output_tokens, 9000, type);
    const closed = brokenUsage(read([eventsOf(...open, closes)]), 9000)?.output_tokens ?? 9000;
    assert.ok(closed < 9000, `${type}: its signature or its input is there when it is closed`);
    const next = read([eventsOf(...open, closes, opens('text'), says('x'))]);
    assert.ok((brokenUsage(next, 9000)?.output_tokens ?? 9000) < 9000, `${type}, then text`);
  }
});

test('what a stream used that broke off in a loop of server tools is not known', () => {
  for (const type of ['server_tool_use', 'compaction', 'fallback', 'mcp_tool_use', 'something_new']) {
    const reading = read([eventsOf(begins(), opens(type), closes)]);
    assert.equal(brokenUsage(reading, 1000), null, type);
  }
});

test('a stream that broke off after its last word on usage is charged just that', () => {
  const reading = read([eventsOf(begins(), opens('thinking'), closes, ends({ output_tokens: 222 }))]);
  assert.deepEqual(brokenUsage(reading, 1000), { ...NOTHING, input_tokens: 11, output_tokens: 222 });
  const early = read([eventsOf(begins(), opens('text'), ends({ output_tokens: 2 }, null))]);
  assert.ok((brokenUsage(early, 1000)?.output_tokens ?? 0) > 2, 'no last word without a stop reason');
});

function priceNow(model: string): Price | undefined {
  return priceOf(model, Date.parse('2026-11-22'), {});
}

test('the parts of a bill are priced each by its model, and summed', () => {
  const iterations = [
    { type: 'compaction', input_tokens: 1000, output_tokens: 100 },
    {
      type: 'message',
      model: null,
      input_tokens: 10,
      output_tokens: 20,
      cache_creation_input_tokens: 30,
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 30 },
    },
    { type: 'advisor_message', model: 'claude-fable-5-1', input_tokens: 5, output_tokens: 6 },
    { type: 'fallback_message', model: 'claude-sonnet-5-5', input_tokens: 7, output_tokens: 8 },
  ];
  const totals = { output_tokens: 28, iterations, server_tool_use: { web_search_requests: 3 } };
  const reading = read([eventsOf(begins(), ends(totals), { type: 'message_stop' })]);
  const price = priceNow('claude-opus-5');
  assert.ok(price);
  const bill = billed(price, reading, priceNow);
  assert.deepEqual(bill.usage, {
    input_tokens: 1022,
    output_tokens: 134,
    cache_read_tokens: 0,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 30,
    web_searches: 3,
  });
  const opus = 1010 * 5000 + 120 * 25_000 + 30 * 10_000 + 3 * 10_000_000;
  const [advisor, fallback] = [5 * 10_000 + 6 * 50_000, 7 * 2000 + 8 * 10_000];
  assert.equal(bill.cost_nanousd, opus + advisor + fallback);
  assert.equal(billed(FREE, reading, () => undefined).cost_nanousd, 0);
  const asked = { ...iterations[1], model: 'claude-opus-5' };
  const own = read([eventsOf(begins(), ends({ iterations: [asked, iterations[2]] }))]);
  assert.equal(
    billed(FREE, own, priceNow).cost_nanousd,
    advisor,
    'the model that was asked keeps its own price',
  );
});

test('an answer without parts is billed by its totals, on the terms it names', () => {
  const usage = { input_tokens: 10, output_tokens: 5, inference_geo: 'us' };
  const reading = readWhole(Buffer.from(JSON.stringify({ type: 'message', usage })));
  const price = priceNow('claude-opus-5');
  assert.ok(price);
  const bill = billed(price, reading, priceNow);
  assert.deepEqual(bill.usage, reading.usage);
  assert.equal(bill.cost_nanousd, 11 * (10 * 500 + 5 * 2500));
  assert.equal(bill.cost_nanousd, cost_nanousd(price, reading.usage, { us: true }));
});
