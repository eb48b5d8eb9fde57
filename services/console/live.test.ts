/** Pages renew themselves, in any number of tabs, and nobody's work is lost by it. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Page, Request } from 'playwright-core';
import { openStore, type Store } from '#shared/store/store.ts';
import * as incident from '#shared/tables/incident.ts';
import { consoleOf, noBrowser } from '#shared/testing/browser.ts';
import type { House } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { visitTo } from '#shared/testing/visit.ts';
import { config } from './config.ts';
import { live } from './live.ts';

/** Whose trouble can be opened and closed again. */
async function trouble(
  house: House,
): Promise<{ store: Store; open(text: string): Promise<void>; close(text: string): Promise<void> }> {
  const store = await openStore({ directory: house.home.state, principal: 'watchdog', flush: 'normal' });
  return {
    store,
    open: async (text) =>
      void (await store.commit([
        incident.open({ cause: text, service: 'watchdog', severity: 'warning', text, now: Date.now() }),
      ])),
    close: async (text) => void (await store.commit([incident.close(text, 'watchdog', Date.now())])),
  };
}

const shown = (page: Page, text: string) => page.locator('#troubles').getByText(text).waitFor();

test('eight tabs of one browser load, and hear of what happens by one stream', {
  skip: noBrowser,
}, async (t) => {
  const { house, page, base } = await consoleOf(t);
  const streams = new Set<Request>();
  page.context().on('request', (asked) => {
    if (asked.url().endsWith('/live')) streams.add(asked);
  });
  page.context().on('requestfinished', (asked) => streams.delete(asked));
  page.context().on('requestfailed', (asked) => streams.delete(asked));
  const alive = () => [...streams].filter((asked) => !asked.frame().page().isClosed()).length;
  const tabs = [page];
  await page.reload();
  for (let nth = 1; nth < 8; nth++) {
    const tab = await page.context().newPage();
    await tab.goto(`${base}/`);
    tabs.push(tab);
  }
  assert.equal(alive(), 1);
  const { store, open } = await trouble(house);
  t.after(() => store.close());
  await open('the cellar is wet');
  await Promise.all(tabs.map((tab) => shown(tab, 'the cellar is wet')));
  // Its tab is closed: another one takes the stream over.
  await page.close();
  await open('the roof leaks');
  await Promise.all(tabs.slice(1).map((tab) => shown(tab, 'the roof leaks')));
  assert.equal(alive(), 1);
});

test('of more streams than one browser has, the oldest go at once, however many come together', async (t) => {
  const { visit } = await visitTo(t, config);
  const streams = live(visit.ctx);
  const asked: ServerResponse[] = [];
  const server = createServer((_incoming, response) => void asked.push(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const clients = Array.from({ length: 20 }, () => request({ host: '127.0.0.1', port }).end());
  t.after(() => clients.forEach((client) => void client.destroy()));
  for (const client of clients) client.on('error', () => {});
  await until('all have asked', () => asked.length === 20);
  for (const response of asked) streams.attach(response, async () => true);
  assert.deepEqual(
    asked.map(({ writableEnded }) => writableEnded),
    asked.map((_, nth) => nth < 4),
  );
});

test('a tab that nobody looks at asks for nothing, and catches up once it is looked at', {
  skip: noBrowser,
}, async (t) => {
  const { house, page } = await consoleOf(t);
  const { store, open } = await trouble(house);
  t.after(() => store.close());
  await page.evaluate(
    `Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.away })`,
  );
  await page.evaluate('window.away = true');
  let asked = 0;
  page.on('request', () => asked++);
  await open('nobody looks');
  // The stream has told of it once the tab knows that it is behind.
  await until('it knows that it is behind', () => page.evaluate('stale'));
  assert.equal(asked, 0);
  await page.evaluate(`window.away = false; document.dispatchEvent(new Event('visibilitychange'))`);
  await shown(page, 'nobody looks');
});

test('what one types, has opened, and where one is, stays when the page renews itself', {
  skip: noBrowser,
}, async (t) => {
  const { house, page } = await consoleOf(t);
  const { store, open, close } = await trouble(house);
  t.after(() => store.close());
  await open('first');
  await shown(page, 'first');
  await page.evaluate(`(() => {
    const own = document.createElement('div');
    own.innerHTML = '<details id="more" open><summary>more</summary></details><input id="word" value=""><textarea id="text"></textarea>';
    document.querySelector('#troubles').prepend(own);
    /* As the server would send them: closed and empty. */
    const real = window.fetch;
    window.fetch = async (...all) => {
      const answer = await real(...all);
      const text = (await answer.text()).replace(/(<section class="card" id="troubles"[^>]*>)/,
        '$1<div><details id="more"><summary>more</summary></details><input id="word" value=""><textarea id="text"></textarea></div>');
      return new Response(text, { status: answer.status, headers: { etag: '' } });
    };
  })()`);
  await page.locator('#text').fill('half a sentence');
  await page.locator('#word').fill('wor');
  await page.evaluate('word.setSelectionRange(1, 2); scrollTo(0, 120)');
  const mark = await page.evaluate('window.scrollY');
  await page.evaluate('window.same = [word, document.getElementById("text"), more]');
  await open('second');
  await shown(page, 'second');
  await close('first');
  await until(
    'the first is gone',
    async () => (await page.locator('#troubles').getByText('first').count()) === 0,
  );
  const kept = await page.evaluate(`({
    same: window.same.every((one) => one.isConnected),
    open: more.open, word: word.value, text: document.getElementById('text').value,
    focus: document.activeElement.id, caret: [word.selectionStart, word.selectionEnd], scroll: scrollY })`);
  assert.deepEqual(kept, {
    same: true,
    open: true,
    word: 'wor',
    text: 'half a sentence',
    focus: 'word',
    caret: [1, 2],
    scroll: mark,
  });
});

test('what was asked for before a form was sent does not take the place of what came of it', {
  skip: noBrowser,
}, async (t) => {
  const { page, base } = await consoleOf(t);
  await page.goto(`${base}/access`);
  const held = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await page.route(`${base}/access`, async (route) => {
    if (route.request().headers()['x-vigil-renewal'] === undefined) return route.continue();
    const answer = await route.fetch();
    asked.resolve();
    await held.promise;
    await route.fulfill({ response: answer });
  });
  await page.evaluate('etag = ""; void renew()');
  await asked.promise;
  await page.getByRole('link', { name: 'Halt' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Halt' }).click();
  await page.locator('#notice').getByText('All is halted.').waitFor();
  held.resolve();
  await until('the renewal is over', () => page.evaluate('!renewing'));
  assert.equal(await page.locator('#standing').innerText(), 'halted');
  assert.equal(await page.locator('.pages [aria-current]').innerText(), 'Overview');
});

test('whoever presses with the keyboard stays where they pressed, or comes to the page', {
  skip: noBrowser,
}, async (t) => {
  const { page, house, base } = await consoleOf(t);
  const { store, open } = await trouble(house);
  t.after(() => store.close());
  await open('wet');
  await shown(page, 'wet');
  await page.getByRole('button', { name: 'Seen: wet' }).focus();
  await page.keyboard.press('Enter');
  await page.locator('#notice').getByText('Seen: it is not told again.').waitFor();
  const focus = () =>
    page.evaluate('document.activeElement.getAttribute("aria-label") || document.activeElement.id');
  assert.equal(await focus(), 'Seen: wet');
  await page.goto(`${base}/access`);
  const end = page.getByRole('button', { name: /^End the session/ });
  await end.focus();
  await page.keyboard.press('Enter');
  await page.getByText('You are not in any more').waitFor();
});

test('where pages share no lock, each tab has a stream of its own, and forms work', {
  skip: noBrowser,
}, async (t) => {
  const { page, house, faults } = await consoleOf(t);
  await page.addInitScript(`Object.defineProperty(navigator, 'locks', { value: undefined })`);
  await page.reload();
  const { store, open } = await trouble(house);
  t.after(() => store.close());
  await open('heard without a lock');
  await shown(page, 'heard without a lock');
  await page.getByRole('link', { name: 'Halt' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Halt' }).waitFor();
  assert.deepEqual(faults, []);
});

test('a console that goes away is told of, and one that comes back is heard again', {
  skip: noBrowser,
}, async (t) => {
  const { house, page } = await consoleOf(t);
  const pid = await house.pidOf('console');
  process.kill(pid, 'SIGTERM');
  await page.locator('#live').getByText('not reached').waitFor();
  await house.serve('console');
  await page.locator('#live').waitFor({ state: 'hidden' });
});

test('who was sent away is told how to come in again, and asks no more', { skip: noBrowser }, async (t) => {
  const { house, page, enter } = await consoleOf(t);
  const other = await enter();
  await other.page.goto(`${other.base}/access`);
  const row = other.page.locator('#browsers tr', { hasNot: other.page.getByText('this browser') });
  await row.getByRole('button', { name: /End/ }).first().click();
  await other.page
    .locator('#notice')
    .getByText(/is over\.$/)
    .waitFor();
  const { store, open } = await trouble(house);
  t.after(() => store.close());
  await open('a change');
  await page.getByText('You are not in any more').waitFor();
  assert.equal(await page.evaluate('out'), true);
});

test('a day of an open tab leaves no heap behind', { skip: noBrowser }, async (t) => {
  const { house, page } = await consoleOf(t);
  const { store, open, close } = await trouble(house);
  t.after(() => store.close());
  const session = await page.context().newCDPSession(page);
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    const { nodes } = await session.send('Memory.getDOMCounters');
    return { usedSize, nodes };
  };
  /** So many renewals of a page that is never twice the same. */
  async function hours(renewals: number): Promise<void> {
    for (let nth = 0; nth < renewals; nth++) {
      if (nth % 20 === 0) await open('now and then');
      if (nth % 20 === 10) await close('now and then');
      await page.evaluate('etag = ""; renew()');
    }
  }
  await hours(60);
  const before = await heap();
  await hours(300);
  // The house has its own changes to show meanwhile: what is just being renewed is there twice.
  let after = before;
  await until('the heap is what it was', async () => {
    after = await heap();
    return after.usedSize < before.usedSize * 1.2 + 200_000 && after.nodes < before.nodes * 1.2 + 200;
  }).catch(() => assert.fail(`${JSON.stringify(before)} → ${JSON.stringify(after)}`));
});
