import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { scratch } from '../testing/scratch.ts';
import { httpFetch, NeverSent, neverSent } from './fetch.ts';

async function serve(t: TestContext, listener: RequestListener, path?: string): Promise<string> {
  const server = createServer(listener);
  if (path) server.listen(path);
  else server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : 'http://house';
}

test('a request goes out as it was given, and its answer comes back', async (t) => {
  const root = await serve(t, async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    response.writeHead(418, 'Tea', { 'x-one': 'a', 'content-type': 'application/json' });
    response.end(JSON.stringify([request.method, request.url, request.headers['x-two'], body]));
  });
  const answer = await httpFetch()(`${root}/path?q=1`, {
    method: 'POST',
    headers: { 'x-two': 'b' },
    body: 'ä€😀',
  });
  assert.deepEqual(
    [answer.status, answer.statusText, answer.ok, answer.headers.get('X-One'), answer.headers.get('none')],
    [418, 'Tea', false, 'a', null],
  );
  assert.deepEqual(await answer.json(), ['POST', '/path?q=1', 'b', 'ä€😀']);
});

test('headers may be pairs as well', async (t) => {
  const root = await serve(t, (request, response) => response.end(request.headers['x-two']));
  const answer = await httpFetch()(root, {
    headers: new Map([['x-two', 'b']]) as unknown as [string, string][],
  });
  assert.ok(answer.ok);
  assert.equal(await answer.text(), 'b');
});

test('a Unix socket is spoken to whatever the host is called', async (t) => {
  const path = join(scratch(t), 's');
  await serve(t, (request, response) => response.end(request.headers.host), path);
  assert.equal(await (await httpFetch({ socketPath: path })('http://router/x')).text(), 'router');
});

test('the body can be read as it comes', async (t) => {
  const second = Promise.withResolvers<void>();
  const root = await serve(t, async (_request, response) => {
    response.write('one');
    await second.promise;
    response.end('two');
  });
  const { body } = await httpFetch()(root);
  const chunks: string[] = [];
  for await (const chunk of body as unknown as AsyncIterable<Buffer>) {
    chunks.push(chunk.toString());
    second.resolve();
  }
  assert.deepEqual(chunks, ['one', 'two']);
});

test('nobody there: it certainly was not sent', async (t) => {
  const silent = createSocketServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  silent.close();
  await once(silent, 'close');
  assert.ok(typeof address === 'object' && address);
  const refused = await httpFetch()(`http://127.0.0.1:${address.port}/`).catch((error) => error);
  assert.ok(refused instanceof NeverSent);
  assert.equal((refused as { code?: string }).code, 'ECONNREFUSED');
  const missing = await httpFetch({ socketPath: join(scratch(t), 'no') })('http://x/').catch(
    (error) => error,
  );
  assert.ok(missing instanceof NeverSent);
});

test('a connection that breaks after it was made: it may have been sent', async (t) => {
  const server = createSocketServer((socket) => socket.once('data', () => socket.destroy())).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address);
  const error = await httpFetch()(`http://127.0.0.1:${address.port}/`, { method: 'POST', body: 'x' }).catch(
    (error) => error,
  );
  assert.ok(error instanceof Error);
  assert.equal(neverSent(error), false);
});

test('a kept connection that meets its end counts as sent: the bytes may have been read', async (t) => {
  let answered = 0;
  const root = await serve(t, (request, response) => {
    answered += 1;
    if (answered === 1) response.end('first');
    else request.socket.destroy();
  });
  const fetch = httpFetch();
  await (await fetch(root)).text();
  const error = await fetch(root).catch((error) => error);
  assert.equal(neverSent(error), false);
});

test('an abort ends it, before and during the answer', async (t) => {
  const root = await serve(t, (request, response) => {
    if (request.url === '/silent') return;
    response.write('begun');
  });
  const before = new AbortController();
  const asked = httpFetch()(`${root}/silent`, { signal: before.signal });
  before.abort();
  await assert.rejects(asked, { name: /AbortError|NeverSent/ });
  const during = new AbortController();
  const { text } = await httpFetch()(root, { signal: during.signal }).then((answer) => ({
    text: answer.text(),
  }));
  during.abort();
  await assert.rejects(text, { message: /abort/ });
});

test('an answer that breaks off is an error, not a short answer', async (t) => {
  const root = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half');
    setImmediate(() => response.destroy());
  });
  await assert.rejects((await httpFetch()(root)).text(), { code: 'ECONNRESET' });
});

test('what proves that nothing was sent is found however a client wrapped it', () => {
  const bare = new NeverSent('no');
  assert.ok(neverSent(bare));
  assert.ok(neverSent(new Error('outer', { cause: new Error('middle', { cause: bare }) })));
  assert.ok(neverSent(Object.assign(new Error('outer'), { error: bare })));
  for (const other of [new Error('no'), null, undefined, 'NeverSent', { cause: bare }]) {
    assert.equal(neverSent(other), false);
  }
});

test('a body that is neither a string nor a stream is refused before anything leaves', async (t) => {
  const root = await serve(t, () => assert.fail('something arrived'));
  await assert.rejects(httpFetch()(root, { method: 'POST', body: new Uint8Array(3) }), {
    name: 'TypeError',
    message: /expected a string or a stream as the body, got object/,
  });
});

test('a stream is sent as it comes, and one that breaks breaks the request', async (t) => {
  const root = await serve(t, async (request, response) => {
    let heard = '';
    for await (const chunk of request) heard += chunk;
    response.end(heard);
  });
  const body = (broken: boolean) =>
    Readable.from(
      (async function* () {
        yield Buffer.from('one ');
        if (broken) throw new Error('torn');
        yield Buffer.from('two');
      })(),
    ) as unknown as NonNullable<RequestInit['body']>;
  const answer = await httpFetch()(root, { method: 'POST', body: body(false) });
  assert.equal(await answer.text(), 'one two');
  await assert.rejects(httpFetch()(root, { method: 'POST', body: body(true) }));
});
