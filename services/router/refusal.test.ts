/** A budget that is used up, as those see it who are refused, and the owner who is told. */

import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { newAccessKey } from '#shared/base/access.ts';
import { NANO } from '#shared/base/money.ts';
import { periodOf } from '#shared/base/period.ts';
import { shared } from '#shared/runtime/config.ts';
import * as access_key from '#shared/tables/access_key.ts';
import * as allowance from '#shared/tables/allowance.ts';
import * as incident from '#shared/tables/incident.ts';
import * as spend from '#shared/tables/spend.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { startMessagesApi } from '#shared/testing/messages-api.ts';
import { type Asking, askRouter, startRouters } from '#shared/testing/routers.ts';
import { until } from '#shared/testing/scratch.ts';
import { alerts } from './budget.ts';
import { priceOf } from './price.ts';
import { worstOf } from './worst.ts';

const asked = {
  model: 'claude-haiku-5-5',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'how much is left?' }],
};
const BODY = JSON.stringify(asked);
const price = priceOf(asked.model, Date.now(), {}) ?? assert.fail('the model has no price');
/** Each call costs all that is reserved for it. */
const WORST = worstOf(asked, BODY.length, price);
const LIMITS = '[limits]\nrequests_per_minute = 1000000\ntokens_per_minute = 1000000000\n';

/** A house with routers whose calls cost what was reserved, and a client of theirs. */
async function housed(t: TestContext, count: number, config: string, prepare = (_house: House) => {}) {
  const house = await buildHouse({ telegram: false, config: `${config}${LIMITS}` });
  t.after(house.close);
  prepare(house);
  const { input_tokens, output_tokens } = WORST;
  house.model.script(() => ({ text: 'this much', usage: { input_tokens, output_tokens } }));
  house.model.fault({ kind: 'not_found_error', endpoint: 'count_tokens' });
  const routers = await startRouters(house, count);
  t.after(routers.stop);
  const client = askRouter(house);
  t.after(client.close);
  const ask = (how: Partial<Asking> = {}, body: object = asked) =>
    client.ask(JSON.stringify(body), { worker: 0, ...how });
  return { house, ask };
}

/** A key that may spend, in this month, what so many calls cost. */
async function keyFor(house: House, name: string, calls: number): Promise<string> {
  const { key, hash } = newAccessKey();
  const others = { aliases_json: null, hour_nanousd: null, day_nanousd: null, calls_per_hour: null };
  const month_nanousd = Math.round(calls * WORST.nanousd);
  const store = await house.store();
  await store.commit([access_key.add({ name, hash, month_nanousd, ...others, created_at: Date.now() })]);
  return key;
}

const monthOf = (name: string) => spend.windowId(`key ${name} month`, 'month', Date.now());
const budget = (day_usd: number) =>
  `[budget]\nhour_usd = 100\nday_usd = ${day_usd}\nmonth_usd = 100\nturn_usd = 100\ncalls_per_hour = 100000\n`;

test('four routers refuse as one when a budget is used up', async (t) => {
  const { house, ask } = await housed(t, 4, budget(100));

  await t.test(
    'the refusal says which budget, what is spent of what, and the command that raises it',
    async () => {
      const key = await keyFor(house, 'small', 1.5);
      assert.equal((await ask({ key })).status, 200);
      const { status, headers, text } = await ask({ key, worker: 1 });
      const { type, error, request_id } = JSON.parse(text);
      assert.deepEqual([status, type, error.type], [402, 'error', 'billing_error']);
      assert.equal(error.details.error_code, 'budget_exceeded');
      assert.equal(request_id, headers['request-id']);
      assert.equal(headers['x-should-retry'], 'false');
      assert.equal(headers['x-vigil-budget'], monthOf('small'));
      const left_s = (periodOf('month', Date.now()).ends_at - Date.now()) / 1000;
      const wait_s = Number(headers['retry-after']);
      assert.ok(Math.abs(wait_s - left_s) <= 5, `${wait_s} of ${left_s} s`);
      const dollars = (calls: number) => ((calls * WORST.nanousd) / NANO).toPrecision(2);
      assert.match(error.message, /the key 'small', this month, has \$/);
      assert.ok(error.message.includes(`$${dollars(1)} spent`), error.message);
      assert.ok(error.message.includes(`has $${dollars(1.5)}`), error.message);
      assert.ok(error.message.includes('scripts/vigil budget raise key:small:month 1'), error.message);
    },
  );

  await t.test('the official client asks once, and is told', async () => {
    let requests = 0;
    const counted: typeof fetch = (input, init) => {
      requests += 1;
      return fetch(input, init);
    };
    const baseURL = `http://127.0.0.1:${house.port}`;
    const apiKey = await keyFor(house, 'poor', 0.5);
    const client = new Anthropic({ apiKey, baseURL, fetch: counted, logLevel: 'off' });
    assert.ok(client.maxRetries > 0);
    await assert.rejects(client.messages.create(asked), { status: 402 });
    assert.equal(requests, 1);
  });

  await t.test('money that is added lets the next call through, and not one more', async () => {
    const key = await keyFor(house, 'raised', 0.5);
    assert.equal((await ask({ key })).status, 402);
    const store = await house.store();
    const nanousd = WORST.nanousd;
    await store.commit([
      allowance.give({ spend_id: monthOf('raised'), nanousd, by: 'test', now: Date.now() }),
    ]);
    assert.equal((await ask({ key, worker: 2 })).status, 200);
    assert.equal((await ask({ key, worker: 3 })).status, 402);
  });

  await t.test('the owner hears once that four fifths are spent, and nothing before', async () => {
    const [few, many] = [await keyFor(house, 'few', 10), await keyFor(house, 'many', 10)];
    const calls = (key: string, count: number) =>
      Promise.all(Array.from({ length: count }, (_, nth) => ask({ key, worker: nth % 4 })));
    const told = (name: string) =>
      house.read<{ text: string }>('SELECT text FROM incident WHERE cause = ?', `budget ${monthOf(name)}`);
    await calls(few, 7);
    await until('the bills are written', async () => {
      const [row] = await house.read<{ spent: number }>(
        'SELECT spent_nanousd AS spent FROM spend WHERE id = ?',
        monthOf('few'),
      );
      return row?.spent === 7 * WORST.nanousd;
    });
    await calls(many, 8);
    const [word] = await until('the owner is told', async () => {
      const rows = await told('many');
      return rows.length > 0 && rows;
    });
    assert.match(word?.text ?? '', /the key 'many', this month, is nearly used/);
    // Whoever saw the one has seen the other.
    assert.equal((await told('few')).length, 0);
    await calls(many, 4);
    assert.equal((await told('many')).length, 1);
  });

  await t.test('a budget that is changed in config.toml holds without a restart', async () => {
    const { config } = house.home;
    const text = readFileSync(config, 'utf8');
    const holds = async (day_usd: number, status: number) => {
      writeFileSync(config, text.replace('day_usd = 100\n', `day_usd = ${day_usd}\n`));
      await until(`all say ${status}`, async () => {
        const answers = await Promise.all([0, 1, 2, 3].map((worker) => ask({ worker })));
        return answers.every((answer) => answer.status === status);
      });
    };
    await holds(0.000001, 402);
    await holds(50, 200);
  });

  await t.test(
    'a config.toml that is wrong changes nothing, and the router says so until it is right',
    async () => {
      const { config } = house.home;
      const text = readFileSync(config, 'utf8');
      const pid = await house.pidOf('router');
      const problem = async () => {
        const [row] = await house.read<{ problem: string | null }>(
          `SELECT problem FROM heartbeat WHERE service = 'router' AND worker = 0`,
        );
        return row?.problem ?? null;
      };
      writeFileSync(config, text.replace(/day_usd = .*\n/, 'day_usd = "much"\n'));
      assert.match(await until('it says so', problem), /\[budget\] day_usd: expected number, got "much"/);
      assert.equal((await ask()).status, 200, 'the budgets are those of before');
      writeFileSync(config, text);
      await until('all is well', async () => (await problem()) === null);
      assert.equal(await house.pidOf('router'), pid);
    },
  );
});

test('work that nobody asked for stops at its share of the day, asked work at the whole, free work not at all', async (t) => {
  const local = await startMessagesApi({ key: 'local-key', models: ['llama'] });
  t.after(() => local.close());
  const { house, ask } = await housed(
    t,
    1,
    `${budget((20 * WORST.nanousd) / NANO)}unasked_percent = 30\n[router.providers.local]\nbase_url = "${local.root}"\nkeys = ["LOCAL_KEY"]\nfree = true\n`,
    ({ home }) =>
      appendFileSync(join(home.credentials, 'providers.env'), 'LOCAL_KEY=local-key\n', { mode: 0o600 }),
  );
  const unasked = { headers: { 'x-vigil-unasked': '1' } };

  const complex = await ask(unasked, { ...asked, model: 'deep' });
  assert.deepEqual([complex.status, JSON.parse(complex.text).error.type], [403, 'permission_error']);
  assert.match(complex.text, /complex tier/);

  for (let call = 0; call < 6; call++) assert.equal((await ask(unasked)).status, 200);
  const refused = await ask(unasked);
  assert.equal(refused.status, 402);
  assert.match(String(refused.headers['x-vigil-budget']), /^unasked /);
  const [, cure = ''] = /scripts\/vigil (budget raise unasked \d+)/.exec(refused.text) ?? [];
  const raised = await vigil(house.home, cure.split(' '));
  assert.equal(raised.code, 0, raised.stderr);
  assert.equal((await ask(unasked)).status, 200);

  for (let call = 7; call < 20; call++) assert.equal((await ask()).status, 200);
  const last = await ask();
  assert.deepEqual([last.status, String(last.headers['x-vigil-budget']).split(' ')[0]], [402, 'day']);

  for (const how of [{}, unasked]) {
    assert.equal((await ask(how, { ...asked, model: 'local/llama' })).status, 200);
  }
  const [day] = await house.read<spend.Spend>(`SELECT * FROM spend WHERE budget = 'day'`);
  assert.deepEqual([day?.spent_nanousd, day?.limit_nanousd], [20 * WORST.nanousd, 20 * WORST.nanousd]);
});

test('a budget of nothing, for those who have free models only, is never nearly used', async (t) => {
  const { router } = await quietHome(t);
  const now = Date.now();
  const { starts_at, ends_at } = periodOf('day', now);
  const day = { budget: 'day', starts_at, ends_at, limit_calls: null };
  await router.commit([
    spend.hold({ ...day, id: 'of nothing', limit_nanousd: 0 }, 0),
    spend.hold({ ...day, id: 'at 79 %', limit_nanousd: 100 }, 79),
    spend.settle('["at 79 %"]', 79, 79),
    spend.hold({ ...day, id: 'at 80 %', limit_nanousd: 100 }, 80),
    spend.settle('["at 80 %"]', 80, 80),
  ]);
  await alerts(router, shared.budget.parse({}), now, now);
  const causes = (await router.read(incident.ongoing)).map(({ cause }) => cause);
  assert.deepEqual(causes, ['budget at 80 %']);
});
