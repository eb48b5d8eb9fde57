/** What other pages of the same browser, and texts that strangers wrote, can do to the console: nothing. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { openStore } from '#shared/store/store.ts';
import * as incident from '#shared/tables/incident.ts';
import { consoleOf, noBrowser } from '#shared/testing/browser.ts';

/** Another program on this machine, which serves a page and notes what it is sent. */
async function stranger(
  t: TestContext,
): Promise<{ port: number; heard: { path: string; cookie: string }[] }> {
  const heard: { path: string; cookie: string }[] = [];
  const server = createServer((incoming, response) => {
    heard.push({ path: incoming.url ?? '', cookie: incoming.headers.cookie ?? '' });
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>x</title><body>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { port, heard };
}

test('a page at another port can neither read, listen, frame nor act, and is sent no cookie', {
  skip: noBrowser,
}, async (t) => {
  const { page, base, house } = await consoleOf(t);
  const { port, heard } = await stranger(t);
  const other = await page.context().newPage();
  for (const host of ['127.0.0.1', 'localhost']) {
    await other.goto(`http://${host}:${port}/`);
    const tried: unknown = await other.evaluate(`(async (base) => {
      const outcome = (promise) => promise.then(() => 'done', () => 'refused');
      const read = (how) => outcome(fetch(base + '/', how).then((answer) => answer.text()));
      const listened = new Promise((resolve, reject) => {
        const stream = new EventSource(base + '/live', { withCredentials: true });
        stream.onopen = resolve;
        stream.onerror = reject;
      });
      const framed = await new Promise((resolve) => {
        const frame = document.createElement('iframe');
        frame.onload = () => { let seen = ''; try { seen = frame.contentDocument.body.innerText; } catch {} resolve(seen); };
        frame.src = base + '/';
        document.body.append(frame);
      });
      const scripted = new Promise((resolve, reject) => {
        const script = document.createElement('script');
        script.onload = resolve;
        script.onerror = reject;
        script.src = base + '/';
        document.body.append(script);
      });
      return [
        await read({ credentials: 'include' }),
        await outcome(fetch(base + '/halt/do/halt', { method: 'POST', credentials: 'include', mode: 'no-cors',
          headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'reason=evil' }).then((answer) =>
            { if (answer.type !== 'opaque') throw answer; })),
        await outcome(listened), framed, await outcome(scripted)];
    })(${JSON.stringify(base)})`);
    assert.deepEqual(tried, ['refused', 'refused', 'refused', '', 'refused'], host);
    const form = `<form method="post" action="${base}/halt/do/halt"><input name="reason" value="evil"></form>`;
    await other.evaluate(`document.body.innerHTML = ${JSON.stringify(form)}`);
    const [answer] = await Promise.all([
      other.waitForResponse((one) => one.url().includes('/halt/do/halt')),
      other.evaluate('document.querySelector("form").submit()'),
    ]);
    assert.equal(answer.status(), 403);
    await other.waitForURL('**/halt/do/halt');
  }
  assert.equal(existsSync(house.home.halted), false);
  assert.ok(heard.length >= 2);
  assert.deepEqual(
    heard.filter(({ cookie }) => cookie !== ''),
    [],
  );
});

test('what strangers wrote is read as text: no markup, no script, no picture, no link of it', {
  skip: noBrowser,
}, async (t) => {
  const { port, heard } = await stranger(t);
  const wicked = [
    `<img src="http://127.0.0.1:${port}/picture" onerror="document.title='evil'">`,
    `<script>document.title='evil'</script>`,
    `"><svg onload="document.title='evil'"><a href="javascript:document.title='evil'">x</a>`,
    `</style></title><base href="http://127.0.0.1:${port}/">`,
    `' data-confirm='x' id='main' data-live='`,
    `![p](http://127.0.0.1:${port}/picture) [x](http://127.0.0.1:${port}/)`,
  ];
  const { page, faults } = await consoleOf(t, async ({ home }) => {
    const store = await openStore({ directory: home.state, principal: 'watchdog', flush: 'normal' });
    await store.commit(
      wicked.map((text, nth) =>
        incident.open({
          cause: `${nth} ${text}`,
          service: 'watchdog',
          severity: 'warning',
          text,
          now: Date.now(),
        }),
      ),
    );
    await store.close();
  });
  await page.reload();
  const read = await page.locator('#troubles').innerText();
  for (const text of wicked) assert.ok(read.includes(text), text);
  assert.equal(await page.title(), 'Overview · Vigil');
  assert.equal(await page.locator('#troubles a, #troubles img, #troubles script, base').count(), 0);
  assert.equal(await page.locator('#main').count(), 1);
  // What is put in place later is text as well.
  await page.evaluate('renew()');
  assert.equal(await page.title(), 'Overview · Vigil');
  assert.deepEqual([heard, faults], [[], []]);
});

test('were there ever markup of a stranger, no script of it would run', { skip: noBrowser }, async (t) => {
  const { page, faults } = await consoleOf(t);
  await page.evaluate(
    `document.getElementById('notice').innerHTML = '<img src="x:" onerror="window.evil = 1"><iframe srcdoc="<script>parent.evil=1</scr' + 'ipt>"></iframe>'`,
  );
  await page.evaluate(
    `document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.evil = 1' }))`,
  );
  assert.equal(await page.evaluate('window.evil'), undefined);
  assert.ok(faults.some((fault) => /Content Security Policy/.test(fault)));
});
