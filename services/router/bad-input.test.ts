/** What no well-behaved client sends: each is answered as the API would, where it can be, and harms nobody else. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { newAccessKey } from '#shared/base/access.ts';
import { systemClock } from '#shared/base/clock.ts';
import type { Log } from '#shared/base/log.ts';
import { root } from '#shared/base/root.ts';
import { prepareHome } from '#shared/runtime/home.ts';
import * as access_key from '#shared/tables/access_key.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { edge } from './edge.ts';

const MB = 2 ** 20;
/** The stand-in takes seconds to make its huge answers where others are at work, and none is late for that. */
const DEADLINE_s = 10;

let house: House;
let child: ChildProcess;
let key: string;

before(async () => {
  house = await buildHouse({ telegram: false, config: `[router]\ndeadline_s = ${DEADLINE_s}\n` });
  key = await house.accessKey('local');
  prepareHome(house.home);
  child = spawn(process.execPath, [join(root, 'services/router/service.ts')], {
    env: { ...process.env, VIGIL_HOME: house.home.directory, VIGIL_CONSOLE: 'off' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await until('the router is ready', async () => (await house.pidOf('router')) === child.pid);
});

/** After everything: others are served as ever. */
afterEach(async () => {
  house.model.clear();
  house.model.script([]);
  assert.equal((await ask(saying('hello'))).status, 200);
});

after(async () => {
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  await ended;
  await house.close();
});

const saying = (content: string, more: object = {}) => ({
  model: 'quick',
  max_tokens: 100,
  messages: [{ role: 'user', content }],
  ...more,
});

type Answer = {
  status: number;
  type: string;
  message: string;
  id: string;
  header: string | undefined;
  body: string;
};

/** One request with a connection of its own. The body may be anything. */
async function ask(
  body: object | string | Buffer,
  { path = '/v1/messages', method = 'POST', headers = {} as Record<string, string> } = {},
): Promise<Answer> {
  const asking = request({
    host: '127.0.0.1',
    port: house.port,
    path,
    method,
    agent: false,
    headers: {
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'x-api-key': key,
      ...headers,
    },
  });
  const answered = once(asking, 'response') as Promise<[IncomingMessage]>;
  asking.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  const [answer] = await answered;
  const text = (await answer.setEncoding('utf8').toArray()).join('');
  const header = answer.headers['request-id'] as string | undefined;
  const said = text.startsWith('{') ? JSON.parse(text) : {};
  const { type = said.type, message = '' } = said.error ?? {};
  return { status: answer.statusCode ?? 0, type, message, id: said.request_id, header, body: text };
}

/** In the envelope, with one request id in the head and in the body. */
function isRefusal(answer: Answer, status: number, type: string, message: RegExp): void {
  assert.deepEqual([answer.status, answer.type], [status, type], answer.message);
  assert.match(answer.message, message);
  assert.ok(answer.id);
  assert.equal(answer.header, answer.id);
}

function rss_mb(): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

const linux = process.platform === 'linux' ? false : 'there is no /proc';

/** A raw connection, with all that was said on it so far. */
function raw(): { socket: Socket; said: () => string; ended: Promise<unknown> } {
  const socket = connect(house.port, '127.0.0.1');
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  // A reset is one of the ends that are waited for.
  socket.on('error', () => {});
  return { socket, said: () => said, ended: once(socket, 'close') };
}

/** A refusal as it stands on the wire. */
function isRawRefusal(said: string, status: number): void {
  const [head = '', body = ''] = said.split('\r\n\r\n');
  assert.match(head, new RegExp(`^HTTP/1.1 ${status} `), said);
  const { type, error, request_id } = JSON.parse(body);
  assert.deepEqual([type, error.type], ['error', 'invalid_request_error']);
  assert.match(head, new RegExp(`request-id: ${request_id}`));
}

test('a body of 100 MB is refused with the reason, others are served meanwhile, and memory stays flat', {
  skip: linux,
}, async () => {
  const whole = Buffer.alloc(100 * MB, ' ');
  isRefusal(await ask(whole), 413, 'request_too_large', /the body has 100.0 MB, expected 32 MB/);
  const before_mb = rss_mb();
  const large = Array.from({ length: 3 }, () => ask(whole));
  assert.equal((await ask(saying('hello'))).status, 200);
  for (const answer of await Promise.all(large))
    isRefusal(answer, 413, 'request_too_large', /expected 32 MB/);
  const grown_mb = rss_mb() - before_mb;
  assert.ok(grown_mb < 64, `it has grown by ${grown_mb.toFixed(0)} MB`);
});

for (const [what, body, message] of [
  ['half of an object', '{"model":', /the body is not valid JSON/],
  ['nothing', '', /the body is not valid JSON/],
  ['a list', '[]', /expected a JSON object/],
  ['a million opening brackets', '['.repeat(MB), /the body is not valid JSON/],
  ['bytes that are no text', Buffer.from([0xff, 0xfe, 0, 1]), /the body is not valid JSON/],
] as const) {
  test(`${what} for a body is refused as such`, async () => {
    isRefusal(await ask(body), 400, 'invalid_request_error', message);
  });
}

for (const [what, fields, status, type, message] of [
  [
    'no model',
    { model: undefined },
    400,
    'invalid_request_error',
    /model: expected the name of an alias or model, got nothing/,
  ],
  ['a model that is no word', { model: 5 }, 400, 'invalid_request_error', /model: .* got 5/],
  ['an alias that is not there', { model: 'quik' }, 400, 'invalid_request_error', /quik has no price/],
  [
    'a negative max_tokens',
    { max_tokens: -1 },
    400,
    'invalid_request_error',
    /max_tokens: expected a whole number from 0, got -1/,
  ],
  ['half a token', { max_tokens: 0.5 }, 400, 'invalid_request_error', /max_tokens: .* got 0.5/],
  ['max_tokens in words', { max_tokens: '100' }, 400, 'invalid_request_error', /max_tokens: .* got "100"/],
  ['max_tokens beyond all numbers', { max_tokens: 1e300 }, 400, 'invalid_request_error', /max_tokens: /],
  ['messages that are none', { messages: 'hi' }, 400, 'invalid_request_error', /messages/],
  [
    'nothing but nulls',
    { messages: [null], tools: null, system: null, thinking: null, metadata: null },
    400,
    'invalid_request_error',
    /./,
  ],
  [
    'a task type that is no word',
    { metadata: { task_type: [] } },
    400,
    'invalid_request_error',
    /metadata.task_type/,
  ],
] as const) {
  test(`${what} is refused with what is wrong`, async () => {
    isRefusal(await ask(saying('hello', fields)), status, type, message);
  });
}

test('a max_tokens beyond what any model writes is left to the provider to judge, and reserved to what it can write', async () => {
  for (const max_tokens of [1e9, Number.MAX_SAFE_INTEGER]) {
    assert.equal((await ask(saying('hello', { max_tokens }))).status, 200);
    const heard = house.model.calls().at(-1)?.body as { max_tokens?: number } | undefined;
    assert.equal(heard?.max_tokens, max_tokens);
  }
});

test('content that is nested without end is refused by whoever reads it, and by no error of the router', async () => {
  const depth = 100_000;
  for (const [open, close] of [
    ['[', ']'],
    ['[{"type":"tool_result","tool_use_id":"x","content":', '}]'],
  ] as const) {
    const content = `${open.repeat(depth)}""${close.repeat(depth)}`;
    for (const model of ['quick', 'auto']) {
      const answer = await ask(
        `{"model":"${model}","max_tokens":10,"messages":[{"role":"user","content":${content}}]}`,
      );
      assert.deepEqual([answer.status, answer.type], [400, 'invalid_request_error'], answer.message);
    }
  }
});

test('a key that is missing, wrong, revoked, or not for this alias is refused', async () => {
  const store = await house.store();
  const { key: narrow, hash } = newAccessKey();
  const unlimited = { hour_nanousd: null, day_nanousd: null, month_nanousd: null, calls_per_hour: null };
  const aliases_json = JSON.stringify(['quick']);
  await store.commit([
    access_key.add({ name: 'narrow', hash, aliases_json, ...unlimited, created_at: Date.now() }),
  ]);
  const as = (given: string, model = 'quick') =>
    ask(saying('hello', { model }), { headers: { 'x-api-key': given } });
  isRefusal(await as(''), 401, 'authentication_error', /there is no key; scripts\/vigil key add/);
  isRefusal(await as('vigil-wrong'), 401, 'authentication_error', /not known, or was revoked/);
  // What was added just now is known within 10 ms.
  await until('the key is known', async () => (await as(narrow)).status === 200);
  isRefusal(
    await as(narrow, 'deep'),
    403,
    'permission_error',
    /the key 'narrow' may not ask for 'deep'; it may ask for quick/,
  );
  isRefusal(await as(narrow, 'claude-haiku-5-5'), 403, 'permission_error', /may not ask for/);
  await store.commit([access_key.revoke('narrow', Date.now())]);
  await until('the key is refused', async () => (await as(narrow)).status === 401);
});

test('a large body with a wrong key is refused with the reason and not a broken connection', async () => {
  const answer = await ask(Buffer.alloc(8 * MB, ' '), { headers: { 'x-api-key': 'wrong' } });
  isRefusal(answer, 401, 'authentication_error', /not known/);
});

for (const [method, path, status] of [
  ['GET', '/', 404],
  ['GET', '/v1/messages', 405],
  ['OPTIONS', '/v1/messages', 405],
  ['DELETE', '/v1/models', 405],
  ['GET', '/v1/models/%zz', 404],
  ['POST', '//v1/messages', 404],
  ['POST', '/v1/messages/../../etc/passwd', 404],
] as const) {
  test(`${method} ${path} is answered with ${status} in the envelope`, async () => {
    const type = status === 404 ? 'not_found_error' : 'invalid_request_error';
    isRefusal(await ask('', { method, path }), status, type, /./);
  });
}

test('HEAD is answered without a body', async () => {
  const answer = await ask('', { method: 'HEAD', path: '/' });
  assert.deepEqual([answer.status, answer.body], [404, '']);
  assert.ok(answer.header);
});

test('a client that asks whether it may send is told to, and answered', async () => {
  const asking = request({
    port: house.port,
    method: 'POST',
    path: '/v1/messages',
    agent: false,
    headers: {
      'x-api-key': key,
      'anthropic-version': '2023-06-01',
      'content-type': 'application/json',
      expect: '100-continue',
    },
  });
  asking.flushHeaders();
  await once(asking, 'continue');
  const answered = once(asking, 'response') as Promise<[IncomingMessage]>;
  asking.end(JSON.stringify(saying('hello')));
  const [answer] = await answered;
  answer.resume();
  assert.equal(answer.statusCode, 200);
  assert.equal(house.model.calls().at(-1)?.headers.expect, undefined);
});

test('a flood of headers is refused as one', async () => {
  const { socket, said, ended } = raw();
  const headers = Array.from({ length: 300 }, (_, i) => `x-${i}: ${'x'.repeat(100)}\r\n`).join('');
  socket.write(`POST /v1/messages HTTP/1.1\r\nhost: x\r\n${headers}\r\n`);
  await ended;
  isRawRefusal(said(), 431);
});

for (const [what, bytes] of [
  ['nonsense', 'hello?\r\n\r\n'],
  ['the greeting of TLS', Buffer.from('16030100a5010000a10303', 'hex')],
  ['a version that is none', 'GET / HTTP/9.9\r\n\r\n'],
  ['a length that is no number', 'POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: ten\r\n\r\n'],
  [
    'two lengths that differ',
    'POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
  ],
  [
    'a length and chunks',
    'POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
  ],
] as const) {
  test(`${what} instead of a request is refused as none`, async () => {
    const { socket, said, ended } = raw();
    socket.write(bytes);
    await ended;
    isRawRefusal(said(), 400);
  });
}

const head = (length: number) =>
  `POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: ${key}\r\nanthropic-version: 2023-06-01\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

test('a body that is cut off midway costs nothing, and is no error of the router', async () => {
  const asked = house.model.calls().length;
  const { socket, said, ended } = raw();
  const body = JSON.stringify(saying('hello'));
  socket.write(head(body.length) + body.slice(0, 20), () => socket.end());
  await ended;
  assert.equal(said(), '');
  assert.equal(house.model.calls().length, asked);
  const folder = join(house.home.logs, 'router');
  const log = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  assert.ok(!log.join('').includes('request.failed'), 'nobody is told of an error');
});

test('a body that is longer than it said is answered, and what is left over is no request', async () => {
  const { socket, said, ended } = raw();
  const body = JSON.stringify(saying('hello'));
  socket.write(head(body.length) + body);
  await until('the answer is there', () => said().includes('"end_turn"'));
  socket.write('}}}}\r\n\r\n');
  await ended;
  assert.match(said(), /^HTTP\/1.1 200 OK[\s\S]*HTTP\/1.1 400 Bad Request/);
});

test('nothing is written into an answer that is under way', async () => {
  house.model.script(() => ({ text: 'word '.repeat(50), delay_ms: 0 }));
  house.model.latency({ per_chunk_ms: 20 });
  const { socket, said, ended } = raw();
  const body = JSON.stringify(saying('hello', { stream: true }));
  socket.write(head(body.length) + body);
  await until('the answer has begun', () => said().includes('content_block_delta'));
  socket.write('}}}}\r\n\r\n');
  await ended;
  house.model.latency({});
  assert.ok(!said().includes('HTTP/1.1 400'), said());
});

test('clients that never read their streams are let go, pay for what came, and are not held against the provider', {
  skip: linux,
}, async () => {
  const before_mb = rss_mb();
  const unread = Array.from({ length: 6 }, () => connect(house.port, '127.0.0.1'));
  const body = JSON.stringify(saying('hello', { stream: true, max_tokens: 10 }));
  house.model.fault({ kind: 'huge', calls: unread.length, huge_bytes: 32 * MB });
  for (const socket of unread) {
    socket.on('error', () => {});
    socket.write(head(body.length) + body);
  }
  const newest = (state: string) =>
    house.read<{ outcome: string; estimated: number }>(
      `SELECT outcome, estimated FROM (SELECT * FROM call ORDER BY rowid DESC LIMIT ${unread.length}) WHERE state ${state} 'open' AND stream = 1`,
    );
  await until('all are under way', async () => (await newest('=')).length === unread.length);
  await until('all are let go', async () => (await newest('<>')).length === unread.length);
  for (const row of await newest('<>')) assert.deepEqual({ ...row }, { outcome: 'left', estimated: 1 });
  assert.deepEqual(await house.read('SELECT * FROM breaker'), []);
  // All of it would be 192 MB; the record of a call keeps 4 MB, and the collector takes its time.
  const more_mb = rss_mb() - before_mb;
  assert.ok(more_mb < 128, `${more_mb} MB more: it is not kept in memory`);
  for (const socket of unread) socket.destroy();
});

test('requests that come one after another without waiting are answered in their order', async () => {
  const { socket, said } = raw();
  const bodies = [1, 2, 3].map((n) => JSON.stringify(saying(`question ${n}`)));
  socket.write(bodies.map((body) => head(body.length) + body).join(''));
  await until('all are answered', () => said().split('HTTP/1.1 200 OK').length === 4);
  assert.deepEqual(
    said().match(/answer to: question \d/g),
    [1, 2, 3].map((n) => `answer to: question ${n}`),
  );
  socket.destroy();
});

test('a thousand connections on which nothing is said hold nobody up', { skip: linux }, async () => {
  const before_mb = rss_mb();
  const idle = await Promise.all(
    Array.from({ length: 1000 }, async () => {
      const one = raw();
      await once(one.socket, 'connect');
      return one;
    }),
  );
  assert.equal((await ask(saying('hello'))).status, 200);
  const grown_mb = rss_mb() - before_mb;
  for (const { socket } of idle) socket.destroy();
  assert.ok(grown_mb < 32, `it has grown by ${grown_mb.toFixed(0)} MB`);
});

test('two hundred clients that send their headers byte by byte hold nobody up', async () => {
  const slow = Array.from({ length: 200 }, raw);
  const text = head(5);
  for (let i = 0; i < 20; i++) {
    for (const { socket } of slow) socket.write(text.slice(i, i + 1));
    if (i % 10 === 0) assert.equal((await ask(saying('hello'))).status, 200);
  }
  for (const { socket } of slow) socket.destroy();
});

test('whoever takes too long over its headers, or its body, is let go with a word', async (t) => {
  const unlogged = { error: () => assert.fail('nothing is wrong') } as unknown as Log;
  const server = edge(
    { clock: systemClock, log: unlogged },
    async (incoming, outgoing) => {
      for await (const _ of incoming);
      outgoing.end('done');
    },
    { headers_ms: 100, request_ms: 200, look_ms: 20 },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  for (const begun of ['GET / HT', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf']) {
    const socket = connect(port, '127.0.0.1');
    let said = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const ended = once(socket, 'close');
    socket.write(begun);
    await ended;
    if (begun.startsWith('GET')) isRawRefusal(said, 408);
  }
  const agent = new Agent({ keepAlive: false });
  const [answer] = (await once(request({ port, agent }).end(), 'response')) as [IncomingMessage];
  answer.resume();
  assert.equal(answer.statusCode, 200);
});
