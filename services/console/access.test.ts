/** Who gets in, from outside: the real process, over real connections. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { hashOf } from '#shared/base/access.ts';
import * as consoleLink from '#shared/tables/console_link.ts';
import { linkInto } from '#shared/testing/browser.ts';
import { vigil } from '#shared/testing/cli.ts';
import { buildHouse } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { pages } from './pages.ts';

const house = await buildHouse();
after(() => house.close());
let served = await house.serve('console');
const port = house.port + 5;
const origin = `http://127.0.0.1:${port}`;

type Answer = { status: number; headers: IncomingHttpHeaders; body: string };
type Asked = { method?: string; headers?: Record<string, string>; body?: string; whole?: false };

/** As it stands: no address is tidied up, no header added. */
async function ask(path: string, { method = 'GET', headers = {}, body, whole }: Asked = {}): Promise<Answer> {
  const asked = request({
    host: '127.0.0.1',
    port,
    path,
    method,
    headers: { host: `127.0.0.1:${port}`, ...headers },
  });
  asked.end(body);
  const [answer] = await once(asked, 'response');
  if (whole === false) {
    asked.destroy();
    return { status: answer.statusCode, headers: answer.headers, body: '' };
  }
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) };
}

const OURS = { origin, 'sec-fetch-site': 'same-origin' };
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

function post(path: string, fields: Record<string, string> | string, headers: Record<string, string> = {}) {
  const body = typeof fields === 'string' ? fields : new URLSearchParams(fields).toString();
  return ask(path, { method: 'POST', headers: { ...OURS, ...FORM, ...headers }, body });
}

const tokenOf = (link: string) => new URL(link).searchParams.get('link') ?? '';

/** As the command line makes one, and quicker. */
async function newToken(): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  const now = Date.now();
  const made = { hash: hashOf(token), kind: 'in', made_by: 'test', made_at: now } as const;
  await (await house.store()).commit([consoleLink.make({ ...made, expires_at: now + 60_000 })]);
  return token;
}

async function startAgain(): Promise<void> {
  await served.stop();
  served = await house.serve('console');
}

async function enter(): Promise<{ base: string; cookie: string }> {
  const answer = await post('/login', { link: await newToken() });
  assert.equal(answer.status, 303);
  const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  return { base: (answer.headers.location ?? '').replace(/\/$/, ''), cookie };
}

test('a link that was looked at still lets one in, and one that was used does not', async () => {
  const link = await linkInto(house);
  const { pathname, search } = new URL(link);
  for (let nth = 0; nth < 3; nth++) assert.equal((await ask(pathname + search)).status, 200);
  assert.equal((await post('/login', { link: tokenOf(link) })).status, 303);
  const again = await post('/login', { link: tokenOf(link) });
  assert.equal(again.status, 401);
  assert.equal(again.headers['set-cookie'], undefined);
  assert.equal((await post('/login', {})).status, 401);
});

test('without the right cookie no address says anything of the house', async () => {
  const { base, cookie } = await enter();
  const other = await enter();
  const paths = [
    ...pages.map(({ path }) => `${base}/${path}`),
    ...pages.map(({ path }) => `${base}/${path}/1`),
    `${base}/live`,
    `${base}/nowhere`,
    '/',
    '/c/',
    '/c/AAAAAAAAAAAAAAAAAAAAAA/',
    base,
  ];
  const strangers = [
    {},
    { cookie: 'vigil_console=guess' },
    { cookie: other.cookie },
    { cookie: `vigil_console=guess; ${other.cookie}` },
  ];
  for (const headers of strangers) {
    for (const path of paths) {
      const { status, body } = await ask(path, { headers });
      assert.equal(status, 401, path);
      assert.match(body, /You are not in/);
      assert.doesNotMatch(body, /data-base|Halt/);
    }
    for (const page of pages) {
      for (const action of Object.keys(page.actions ?? {})) {
        const path = `${base}/${page.path === '' ? '' : `${page.path}/`}do/${action}`;
        assert.equal((await post(path, {}, headers)).status, 401, path);
      }
    }
  }
  assert.equal(existsSync(house.home.halted), false);
  assert.equal((await ask(`${base}/`, { headers: { cookie } })).status, 200);
  assert.equal(
    (await post('/login', { link: await newToken() })).status,
    303,
    'their guesses keep nobody out',
  );
});

test('an address that is written strangely leads nowhere else', async () => {
  const { base, cookie } = await enter();
  for (const path of [
    `/${base}/`,
    `//evil.test${base}/`,
    `${base}%2F`,
    `/asset/..${base}/`,
    `/asset/%2e%2e/`,
    `${base.toUpperCase()}/`,
    `/login/..${base}/`,
  ]) {
    assert.equal((await ask(path, { headers: { cookie } })).status, 401, path);
  }
  for (const path of ['%', '..%2Fhalt', 'a/b/c/d', 'do', 'do/', '__proto__', 'constructor/do/toString']) {
    assert.equal((await ask(`${base}/${path}`, { headers: { cookie } })).status, 404, path);
  }
  for (const path of ['halt/do/toString', 'halt/do/__proto__', 'do/halt', 'halt/do/', 'halt']) {
    assert.equal((await post(`${base}/${path}`, {}, { cookie })).status, 404, path);
  }
});

test('nothing is changed by looking', async () => {
  const { base, cookie } = await enter();
  for (const page of pages) {
    for (const action of Object.keys(page.actions ?? {})) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await ask(`${base}/${page.path}/do/${action}`, { method, headers: { cookie } });
        assert.equal(answer.status, 404);
      }
    }
  }
  assert.equal(existsSync(house.home.halted), false);
});

test('a form that is not one, or too much, or twice the same, is not taken', async () => {
  const { base, cookie } = await enter();
  const to = `${base}/halt/do/halt`;
  assert.equal(
    (await post(to, '{"reason":"x"}', { cookie, 'content-type': 'application/json' })).status,
    415,
  );
  assert.equal((await post(to, 'reason=x', { cookie, 'content-type': 'text/plain' })).status, 415);
  assert.equal((await post(to, 'reason=x', { cookie, 'content-type': 'multipart/form-data' })).status, 415);
  assert.equal((await post(to, 'reason=a&reason=b', { cookie })).status, 400);
  assert.equal((await post(to, `reason=${'x'.repeat(65_536)}`, { cookie })).status, 413);
  assert.equal(existsSync(house.home.halted), false);
});

test('a page of another program on this machine cannot act, with the cookie even', async () => {
  const { base, cookie } = await enter();
  const foreign: Record<string, string>[] = [
    { origin: `http://127.0.0.1:${port + 1}`, 'sec-fetch-site': 'same-site' },
    { origin: 'http://evil.test', 'sec-fetch-site': 'cross-site' },
    { origin: 'null', 'sec-fetch-site': 'same-origin' },
  ];
  for (const headers of foreign) {
    assert.equal((await post(`${base}/halt/do/halt`, {}, { ...headers, cookie })).status, 403);
  }
  const rebound = { host: `evil.test:${port}`, cookie };
  assert.equal((await ask(`${base}/`, { headers: rebound })).status, 421);
  const led = await ask(`${base}/?a=1`, { headers: { host: `localhost:${port}`, cookie } });
  assert.deepEqual([led.status, led.headers.location], [307, `${origin}${base}/?a=1`]);
  assert.equal(existsSync(house.home.halted), false);
});

test('every answer says that nothing may frame it, script it, keep it or guess at it', async () => {
  const { base, cookie } = await enter();
  const answers = [
    await ask('/'),
    await ask('/', { headers: { host: 'evil.test' } }),
    await ask('/login?link=x'),
    await ask(`${base}/`, { headers: { cookie } }),
    await ask(`${base}/nowhere`, { headers: { cookie } }),
    await ask(`${base}/live`, { headers: { cookie }, whole: false }),
    await post(`${base}/access/do/end`, {}, { cookie }),
    await post(`${base}/halt/do/halt`, 'x', { cookie, 'content-type': 'text/plain' }),
  ];
  for (const { headers } of answers) {
    assert.equal(
      headers['content-security-policy'],
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['referrer-policy'], 'same-origin');
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['access-control-allow-origin'], undefined);
  }
});

test('style and script are kept by browsers, under addresses that mean what is in them', async () => {
  const { body } = await ask('/');
  const addresses = [...body.matchAll(/(?:href|src)="(\/asset\/[^"]+)"/g)].map(([, address = '']) => address);
  assert.equal(addresses.length, 3);
  for (const address of addresses) {
    const { status, headers } = await ask(address);
    assert.equal(status, 200);
    assert.equal(headers['cache-control'], 'public, max-age=31536000, immutable');
  }
});

test('the same page again is not sent again', async () => {
  const { base, cookie } = await enter();
  const first = await ask(`${base}/halt`, { headers: { cookie } });
  const etag = first.headers.etag ?? '';
  const again = await ask(`${base}/halt`, { headers: { cookie, 'if-none-match': etag } });
  assert.deepEqual([again.status, again.body], [304, '']);
});

test('what was done is told on the page that follows, and to nobody else', async () => {
  const [one, other] = [await enter(), await enter()];
  const answer = await post(`${one.base}/access/do/end`, { session: 'zzzzzz' }, { cookie: one.cookie });
  assert.equal(answer.status, 303);
  const to = answer.headers.location ?? '';
  assert.match((await ask(to, { headers: { cookie: one.cookie } })).body, /That session is over/);
  const notice = to.slice(to.indexOf('?'));
  const elsewhere = await ask(`${other.base}/${notice}`, { headers: { cookie: other.cookie } });
  assert.doesNotMatch(elsewhere.body, /That session is over/);
  const [row] = await house.read<{ action: string; outcome: string; by: string; fields: string }>(
    'SELECT * FROM console_action ORDER BY id DESC LIMIT 1',
  );
  assert.deepEqual(
    { action: row?.action, outcome: row?.outcome, fields: row?.fields },
    { action: 'end', outcome: 'refused: That session is over.', fields: '{"session":"zzzzzz"}' },
  );
  assert.match(row?.by ?? '', /^console [\w-]{6}$/);
});

test('what was said is not kept with what was done, where nobody could forget it', async () => {
  const { base, cookie } = await enter();
  const said = 'pin 4711';
  await post(`${base}/chat/do/say`, { text: said, seen: '0.0' }, { cookie });
  await post(`${base}/memory/do/remember`, { text: said }, { cookie });
  await post(
    `${base}/schedules/do/add`,
    { name: 'x', when: '@daily', kind: 'prompt', work: said },
    { cookie },
  );
  const rows = await house.read<{ fields: string }>('SELECT * FROM console_action ORDER BY id DESC LIMIT 3');
  assert.doesNotMatch(JSON.stringify(rows), /4711/);
  assert.match(rows[2]?.fields ?? '', /"text":"8 characters"/);
});

test('neither link nor cookie stands in the store, the log or what was printed', async () => {
  const token = tokenOf(await linkInto(house));
  const answer = await post('/login', { link: token });
  const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0]?.split('=')[1] ?? '';
  assert.equal(cookie.length, 43);
  const rows = await house.read(
    'SELECT hash AS a, made_by AS b FROM console_link UNION SELECT hash, agent FROM console_session',
  );
  for (const secret of [token, cookie]) {
    assert.equal(JSON.stringify(rows).includes(secret), false);
    assert.equal(served.output().includes(secret), false);
  }
});

test('who is in stays in when the console starts again, until all are told to leave', async () => {
  const { base, cookie } = await enter();
  const looks = async () => (await ask(`${base}/`, { headers: { cookie } })).status;
  assert.equal(await looks(), 200);
  await startAgain();
  assert.equal(await looks(), 200);
  assert.equal((await vigil(house.home, ['console', '--end'])).code, 0);
  assert.equal(await looks(), 401);
});

test('streams end when the console stops, and with too many the oldest goes', async () => {
  const { base, cookie } = await enter();
  const streams = Array.from({ length: 17 }, () => {
    const asked = request({
      host: '127.0.0.1',
      port,
      path: `${base}/live`,
      headers: { host: `127.0.0.1:${port}`, cookie },
    });
    const stream = { ended: false, began: once(asked, 'response') };
    asked.on('response', (answer) => {
      answer.resume();
      answer.on('end', () => {
        stream.ended = true;
      });
    });
    asked.end();
    return stream;
  });
  for (const { began } of streams) await began;
  const ended = () => streams.filter((one) => one.ended).length;
  await until('one of them has ended', () => ended() === 1);
  const stopping = performance.now();
  await served.stop();
  assert.ok(performance.now() - stopping < 4000);
  await until('all have ended', () => ended() === streams.length);
});

test('where the console does not run, the command line says so instead of a link that leads nowhere', async () => {
  const { code, stderr } = await vigil(house.home, ['console']);
  assert.equal(code, 78);
  assert.match(stderr, /the console is not running/);
});
