import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect, createServer as createSocketServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { scratch } from '#shared/testing/scratch.ts';
import { getter } from './get.ts';

async function serve(
  t: TestContext,
  listener: RequestListener,
  connected?: (socket: Socket, to: string) => void,
) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  if (connected) server.on('connect', (request, socket) => connected(socket as Socket, request.url ?? ''));
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : '';
}

const get = (t: TestContext, proxy = '', env: NodeJS.ProcessEnv = {}) => {
  const ended = new AbortController();
  t.after(() => ended.abort());
  return getter({ proxy, no_proxy: '' }, ended.signal, env);
};

test('an answer comes with its head, and what is posted arrives', async (t) => {
  const root = await serve(t, async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    response.setHeader('etag', '"1"').end(`${request.method} ${request.headers['content-type']} ${body}`);
  });
  const got = await get(t)(`${root}/`, { body: '{"ä":1}' });
  assert.deepEqual(
    [got.status, got.text, got.header('etag'), got.cut],
    [200, 'POST application/json {"ä":1}', '"1"', false],
  );
});

test('what is longer than a megabyte is cut there, however much would follow', async (t) => {
  const root = await serve(t, (request, response) => {
    const size = Number(request.url?.slice(1));
    if (size > 0) return void response.end(Buffer.alloc(size, 'a'));
    const more = () => {
      while (response.write(Buffer.alloc(65_536, 'b')));
    };
    response.on('drain', more);
    more();
  });
  const whole = await get(t)(`${root}/${2 ** 20}`);
  assert.deepEqual([whole.text.length, whole.cut], [2 ** 20, false]);
  const more = await get(t)(`${root}/${2 ** 20 + 1}`);
  assert.deepEqual([more.text.length, more.cut], [2 ** 20, true]);
  assert.equal((await get(t)(`${root}/0`)).cut, true, 'also one without an end');
});

test('one that is packed though nobody asked is unpacked, and a bomb is not', async (t) => {
  const root = await serve(t, (request, response) => {
    response.setHeader('content-encoding', request.url === '/zstd' ? 'zstd' : 'gzip');
    if (request.url === '/bomb') response.end(gzipSync(Buffer.alloc(2 ** 24)));
    else if (request.url === '/broken') response.end('no gzip');
    else response.end(gzipSync('hello'));
  });
  assert.equal((await get(t)(`${root}/`)).text, 'hello');
  await assert.rejects(get(t)(`${root}/bomb`), /cannot be unpacked, or is longer than 1 MB/);
  await assert.rejects(get(t)(`${root}/broken`), /cannot be unpacked/);
  await assert.rejects(get(t)(`${root}/zstd`), /packed as zstd/);
});

test('whoever answers a byte at a time, or never, is left', async (t) => {
  const timers: NodeJS.Timeout[] = [];
  t.after(() => timers.forEach(clearInterval));
  const root = await serve(t, (request, response) => {
    if (request.url === '/drip') timers.push(setInterval(() => response.write('a'), 10));
  });
  for (const path of ['/drip', '/never']) {
    await assert.rejects(get(t)(root + path, { limit_ms: 200 }), {
      code: 'ETIMEDOUT',
      message: 'no whole answer within 0.2 s',
    });
  }
});

test('redirects are followed five times, and not where the owner is at home', async (t) => {
  const root = await serve(t, (request, response) => {
    const left = Number(request.url?.slice(1));
    if (left > 0) response.writeHead(302, { location: `/${left - 1}` }).end();
    else if (request.url === '/home') response.writeHead(301, { location: 'http://192.168.1.1/admin' }).end();
    else if (request.url === '/file') response.writeHead(301, { location: 'file:///etc/passwd' }).end();
    else response.end('there');
  });
  assert.equal((await get(t)(`${root}/5`)).text, 'there');
  await assert.rejects(get(t)(`${root}/6`), /redirects more than 5 times/);
  await assert.rejects(get(t)(`${root}/home`), /redirects into the network at home, to 192\.168\.1\.1/);
  await assert.rejects(get(t)(`${root}/file`), /redirects to file:/);
  assert.equal((await get(t)(`${root}/home`, { follow: false })).status, 301, 'unless it is the answer');
});

test('other alphabets are read by the word of the server or of the page, and a charset that there is not as UTF-8', async (t) => {
  const root = await serve(t, (request, response) => {
    const type = request.url === '/server' ? 'text/html; charset=iso-8859-1' : 'text/html';
    response.setHeader('content-type', request.url === '/odd' ? 'text/html; charset=klingon' : type);
    const page = request.url === '/page' ? '<meta charset="windows-1252">' : '';
    response.end(request.url === '/odd' ? 'ä' : Buffer.from(`${page}\u00e4`, 'latin1'));
  });
  assert.equal((await get(t)(`${root}/server`)).text, 'ä');
  assert.match((await get(t)(`${root}/page`)).text, /ä$/);
  assert.equal((await get(t)(`${root}/odd`)).text, 'ä');
});

test('behind a proxy everything goes through it: plain addresses by its hand, the others in a tunnel', async (t) => {
  const root = await serve(t, (_request, response) => response.end('outside'));
  const heard: string[] = [];
  const proxy = await serve(
    t,
    (request, response) => {
      heard.push(`${request.method} ${request.url}`);
      response.end('by the proxy');
    },
    (socket, to) => {
      heard.push(`CONNECT ${to}`);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    },
  );
  assert.equal((await get(t, proxy)(`${root}/a`)).text, 'by the proxy');
  await assert.rejects(get(t, proxy)('https://api.example/b'), /proxy|tunnel/i);
  assert.deepEqual(heard, [`GET ${root}/a`, 'CONNECT api.example:443']);
  // What the environment says counts where the config is silent, with its exceptions.
  assert.equal((await get(t, '', { HTTP_PROXY: proxy })(`${root}/c`)).text, 'by the proxy');
  assert.equal((await get(t, '', { HTTP_PROXY: proxy, NO_PROXY: '127.0.0.1' })(`${root}/d`)).text, 'outside');
});

test('what comes out of a tunnel is the far side itself', async (t) => {
  const folder = scratch(t);
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const subject = ['-subj', '/CN=api.example', '-addext', 'subjectAltName=DNS:api.example'];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      ...subject,
      '-keyout',
      key,
      '-out',
      cert,
    ],
    { stdio: 'ignore' },
  );
  const far = createSecureServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) =>
    response.end('the far side'),
  ).listen(0, '127.0.0.1');
  await once(far, 'listening');
  t.after(() => far.close());
  const address = far.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const proxy = await serve(
    t,
    (_request, response) => response.writeHead(500).end(),
    (socket) => {
      const out = connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        out.pipe(socket).pipe(out);
      });
      for (const end of [socket, out]) end.on('error', () => {});
    },
  );
  // Nobody has signed it.
  await assert.rejects(get(t, proxy)('https://api.example/'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, readFileSync(cert, 'utf8')]);
  t.after(() => setDefaultCACertificates(before));
  assert.equal((await get(t, proxy)('https://api.example/')).text, 'the far side');
});

test('nobody there is said in the words of the system', async (t) => {
  const silent = createSocketServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  silent.close();
  await once(silent, 'close');
  const port = typeof address === 'object' && address ? address.port : 0;
  await assert.rejects(get(t)(`http://127.0.0.1:${port}/`), { code: 'ECONNREFUSED' });
});
