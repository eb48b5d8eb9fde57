/** Decisions, the chat and approvals as a person uses them, in a real browser. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuid } from '#shared/base/ids.ts';
import type { ServiceName } from '#shared/manifest.ts';
import { openStore } from '#shared/store/store.ts';
import * as approval from '#shared/tables/approval.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import * as turn from '#shared/tables/turn.ts';
import { axe, consoleOf, noBrowser, shots, sideways } from '#shared/testing/browser.ts';
import type { House } from '#shared/testing/house.ts';
import { DECISION, liveThrough, TURN } from '#shared/testing/lived.ts';
import { until } from '#shared/testing/scratch.ts';

const HOSTILE = `<script>document.title='taken'</script><img src=x onerror="document.title='taken'">"'\u202Eevil\u001b[31m`;

function storesOf(house: House) {
  const opened = new Map<string, ReturnType<typeof openStore>>();
  return {
    as(principal: ServiceName) {
      const store =
        opened.get(principal) ?? openStore({ directory: house.home.state, principal, flush: 'normal' });
      opened.set(principal, store);
      return store;
    },
    async close() {
      for (const store of opened.values()) await (await store).close();
    },
  };
}

test('a decision is found, read, rated and saved, and what strangers wrote in it does nothing', {
  skip: noBrowser,
}, async (t) => {
  const { page, base, faults } = await consoleOf(t, async (house) => {
    const stores = storesOf(house);
    await liveThrough(house.home, stores.as, {
      asked: `What is the weather? ${HOSTILE}`,
      why: `It has to be looked up. ${HOSTILE}`,
      remembered: `The owner lives in Bonn. ${HOSTILE}`,
      result: `${HOSTILE} sun ${'y'.repeat(2 ** 20)}`,
      answer: `It is **sunny**. ${HOSTILE} See [the page](https://weather.example/today).`,
      request: JSON.stringify({
        system: HOSTILE,
        messages: [{ role: 'user', content: 'x'.repeat(300_000) }],
      }),
    });
    await stores.close();
  });
  await page.goto(`${base}/decisions`);
  await shots(page, 'decisions');
  assert.deepEqual(await axe(page), []);
  assert.equal(await sideways(page), 0);
  await page.getByLabel('Action').selectOption('tool fetch_url');
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByRole('link', { name: 'tool fetch_url' }).click();
  await page.waitForURL(`${base}/decision/${DECISION}`);
  await shots(page, 'decision');
  assert.deepEqual(await axe(page), []);
  assert.equal(await sideways(page), 0);
  assert.equal(await page.locator('main img, main script').count(), 0);
  const link = page.getByRole('link', { name: 'the page', exact: true });
  assert.deepEqual(
    [await link.getAttribute('href'), await link.getAttribute('rel')],
    ['https://weather.example/today', 'noreferrer noopener nofollow'],
  );
  assert.match(await page.locator('#said').innerText(), /\(https:\/\/weather\.example\/today\)/);

  await page.getByRole('link', { name: 'what it was asked and answered' }).last().click();
  await page.waitForURL(/\/exchange\/c2$/);
  assert.deepEqual(await axe(page), []);
  assert.equal(await sideways(page), 0);
  await shots(page, 'exchange');
  const saving = page.waitForEvent('download');
  await page.getByRole('link', { name: /^Save/ }).first().click();
  const saved = await saving;
  assert.equal(saved.suggestedFilename(), 'c2-request.txt');

  await page.goto(`${base}/decision/${TURN}`);
  await page.getByRole('button', { name: 'Rate the answer as good' }).click();
  // core is not there.
  await page.getByText(/^Asked for: the service core is not running/).waitFor();
  assert.notEqual(await page.title(), 'taken');
  assert.deepEqual(faults, []);
});

test('one talks with the agent: an answer comes by itself, commands work, without a script too', {
  skip: noBrowser,
}, async (t) => {
  const { house, page, base, faults, enter } = await consoleOf(t, undefined, { telegram: false, key: false });
  for (const name of ['router', 'core'] as const) await house.serve(name);
  await page.goto(`${base}/chat`);
  await page.getByLabel('Message').fill('Hello there');
  await page.keyboard.press('Enter');
  await page.locator('.talk .own').first().waitFor();
  await page.getByRole('link', { name: 'Why' }).waitFor();
  assert.equal(await page.getByLabel('Message').inputValue(), '', 'there is room for the next');
  await page.getByLabel('Message').fill('/cost');
  await page.keyboard.press('Enter');
  await page.getByText('to /cost').waitFor();
  await page.getByRole('button', { name: 'Rate as good' }).first().click();
  await page.getByText('Good.').waitFor();
  const [rated] = await house.read<{ good: number; sender: string }>('SELECT good, sender FROM rating');
  assert.equal(rated?.good, 1);
  assert.match(rated?.sender ?? '', /^console /);
  await shots(page, 'chat');
  assert.deepEqual(await axe(page), []);
  assert.equal(await sideways(page), 0);
  assert.deepEqual(faults, []);

  const plain = await enter({ javaScriptEnabled: false });
  await plain.page.goto(`${plain.base}/chat`);
  await plain.page.getByLabel('Message').fill('And without a script?');
  await plain.page.getByRole('button', { name: 'Send' }).click();
  await plain.page.locator('.talk', { hasText: 'And without a script?' }).waitFor();
  await until('it is answered', async () => {
    await plain.page.reload();
    return (await plain.page.getByRole('link', { name: 'Why' }).count()) === 2;
  });
});

test('a call that waits for a yes is allowed here, and goes on; whoever is late is told', {
  skip: noBrowser,
}, async (t) => {
  const ids = [uuid(Date.now()), uuid(Date.now()), uuid(Date.now())];
  const { house, page, base, faults } = await consoleOf(
    t,
    async (house) => {
      const stores = storesOf(house);
      const [core, tools] = [await stores.as('core'), await stores.as('tools')];
      const now = Date.now();
      for (const [nth, id] of ids.entries()) {
        const turn_id = uuid(now);
        const of = {
          conversation: `telegram:${nth}`,
          channel: 'telegram',
          chat: `${nth}`,
          sender: '7',
        } as const;
        await core.commit([
          turn.stand({ id: turn_id, ...of, now }),
          tool_call.ask({
            id: `call${nth}`,
            turn_id,
            round: 1,
            place: 0,
            use_id: 'u',
            decision_id: null,
            ...of,
            tool: 'run_command',
            input_json: JSON.stringify({ command: `git push origin main # ${HOSTILE}` }),
            now,
          }),
        ]);
        const [call] = await tools.read(tool_call.of(`call${nth}`));
        assert.ok(call);
        await tools.commit([
          tool_call.asking(call, id),
          approval.ask({
            id,
            call_id: call.id,
            turn_id,
            conversation: of.conversation,
            kind: 'approval',
            tool: 'run_command',
            scope: `Run a command:\n    git push origin main # ${HOSTILE} ${'z'.repeat(2000)}\nIt may reach: github.com`,
            rule_json: '{"commands":["git push"],"hosts":["github.com"],"paths":[]}',
            grants_json: '{"hosts":["github.com"],"paths":[]}',
            choices_json: '["once","always","deny"]',
            taint: nth === 0 ? 'web https://evil.example/page' : null,
            asked_at: now,
            expires_at: now + 3_600_000,
          }),
        ]);
      }
      await stores.close();
    },
    { telegram: false, key: false },
  );
  await page.goto(`${base}/approvals`);
  await shots(page, 'approvals');
  assert.deepEqual(await axe(page), []);
  assert.equal(await sideways(page), 0);
  assert.match(await page.locator('#open').innerText(), /\[U\+202E\]evil\[U\+001B\]\[31m/);
  await house.serve('tools');
  const stateOf = async (nth: number) =>
    (await house.read<{ state: string }>('SELECT state FROM approval WHERE id = ?', ids[nth] ?? ''))[0]
      ?.state;
  await page.getByRole('button', { name: 'Deny: run_command' }).first().click();
  await page.getByText('Denied.').waitFor();
  assert.equal(await stateOf(0), 'denied');
  await page.getByRole('button', { name: 'Allow once: run_command' }).first().click();
  await page.getByText('Granted.').waitFor();
  assert.equal(await stateOf(1), 'granted');

  // Somebody else answers while the page is still as it was.
  await page.route(`${base}/approvals`, (route) =>
    route.request().headers()['x-vigil-renewal'] ? route.fulfill({ status: 304 }) : route.continue(),
  );
  const tools = await openStore({ directory: house.home.state, principal: 'tools', flush: 'normal' });
  const denied = { state: 'denied', choice: 'deny', by: '4242', now: Date.now() } as const;
  await tools.commit([approval.close(ids[2] ?? '', denied)]);
  await tools.close();
  await page.getByRole('button', { name: 'Always for this: run_command' }).click();
  await page.getByText('It was answered elsewhere first: denied, deny, by 4242.').waitFor();
  assert.deepEqual(faults, []);
});
