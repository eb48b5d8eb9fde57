/** Retries, breakers and fallbacks, end to end: real router processes in front of providers that fail. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { buildHouse, type House, RAISED } from '#shared/testing/house.ts';
import { type MessagesApi, startMessagesApi } from '#shared/testing/messages-api.ts';
import { until } from '#shared/testing/scratch.ts';

const WORDS = 'one two three four five six seven eight nine ten';
const IMAGE = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } };

const prices = (...models: string[]) =>
  models.map((model) => `[router.prices.${model}]\ninput = 1\noutput = 5\n`).join('');

type World = { house: House; key: string; ask: Ask; rows(alias: string): Promise<Attempt[]> };

type Attempt = {
  target: string;
  model: string;
  alias: string | null;
  state: string;
  outcome: string | null;
  estimated: number;
  cost_nanousd: number;
  hold_nanousd: number;
  reason_json: string;
};

type Answered = { status: number; type: string; message: string; headers: Headers; took_ms: number };

/** Asks the first router, or the one of another worker. */
type Ask = (
  model: string,
  more?: { worker?: number; body?: object; signal?: AbortSignal },
) => Promise<Answered>;

/** A house whose Anthropic is `house.model`, with what else its config says. */
async function build(t: TestContext, config: string, secrets = ''): Promise<World> {
  const house = await buildHouse({ telegram: false, config });
  t.after(() => house.close());
  house.model.script(() => WORDS);
  if (secrets !== '') writeFileSync(join(house.home.credentials, 'providers.env'), secrets, { mode: 0o600 });
  const key = await house.accessKey();
  const ask: Ask = async (model, { worker = 0, body = {}, signal } = {}) => {
    const began = performance.now();
    const answer = await fetch(`http://127.0.0.1:${house.port + worker}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': key },
      body: JSON.stringify({
        model,
        max_tokens: 50,
        messages: [{ role: 'user', content: 'hello' }],
        ...body,
      }),
      ...(signal ? { signal } : {}),
    });
    const said = (await answer.json()) as { type: string; error?: { type: string; message: string } };
    const { status, headers } = answer;
    const { type, message } = said.error ?? { type: said.type, message: '' };
    return { status, headers, type, message, took_ms: performance.now() - began };
  };
  const rows = (alias: string) =>
    until('all attempts are settled', async () => {
      const found = await house.read<Attempt>('SELECT * FROM call WHERE alias = ? ORDER BY rowid', alias);
      return found.every(({ state }) => state !== 'open') ? found : null;
    });
  return { house, key, ask, rows };
}

async function another(t: TestContext, key: string | string[] = 'none'): Promise<MessagesApi> {
  const api = await startMessagesApi({ key });
  t.after(() => api.close());
  api.script(() => WORDS);
  return api;
}

const modelOf = ({ body }: { body: unknown }) => (body as { model?: string } | undefined)?.model;
const callsFor = (api: MessagesApi, model: string) => api.calls().filter((call) => modelOf(call) === model);
const targetOf = ({ headers }: Answered) => headers.get('x-vigil-target');
const alias = (name: string, targets: unknown, more = '') =>
  `[router.aliases.${name}]\ntargets = ${toml(targets)}\n${more}`;
/** A value as TOML writes it, inline tables too. */
function toml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toml).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `${key} = ${toml(inner)}`)
    .join(', ')} }`;
}
const local = (name: string, api: MessagesApi, more = '') =>
  `[router.providers.${name}]\nbase_url = "${api.root}"\n${more}`;

describe('whoever asks is answered by somebody who can', { concurrency: 3 }, () => {
  test('retries wait as long as the provider says, are bounded, and are made only for what can heal', async (t) => {
    const { house, ask, rows } = await build(
      t,
      `[router]\nretries = 2\n${prices('claude-limited', 'claude-overloaded', 'claude-failing', 'claude-refusing')}
    ${['limited', 'overloaded', 'failing', 'refusing'].map((name) => alias(name, [`claude-${name}`])).join('\n')}`,
    );
    await house.serve('router');
    for (const [name, kind] of [
      ['limited', 'rate_limit_error'],
      ['overloaded', 'overloaded_error'],
    ] as const) {
      const model = `claude-${name}`;
      house.model.fault({ kind, model, calls: 1, retry_after_s: 1 });
      assert.equal((await ask(name)).status, 200);
      const [first, second, ...more] = callsFor(house.model, model).map(({ received_at }) => received_at);
      assert.equal(more.length, 0);
      const waited_ms = (second ?? 0) - (first ?? 0);
      assert.ok(waited_ms >= 990 && waited_ms < 3000, `${kind}: it waited ${waited_ms} ms`);
    }

    house.model.fault({ kind: 'api_error', model: 'claude-failing' });
    const failed = await ask('failing');
    assert.deepEqual(
      [failed.status, failed.type, failed.message],
      [500, 'api_error', 'Internal server error'],
    );
    assert.equal(failed.headers.get('x-vigil-attempts'), '3');
    assert.equal(callsFor(house.model, 'claude-failing').length, 3, 'one and two retries');

    let refusals = 0;
    for (const fault of [
      { kind: 'invalid_request_error' },
      { kind: 'authentication_error' },
      { kind: 'permission_error' },
      { kind: 'not_found_error' },
      { kind: 'request_too_large' },
      { kind: 'rate_limit_error', error_code: 'enforced_spend_limit_reached' },
    ] as const) {
      refusals += 1;
      house.model.clear();
      house.model.fault({ ...fault, model: 'claude-refusing' });
      assert.equal((await ask('refusing')).type, fault.kind);
      assert.equal((await rows('refusing')).length, refusals, `${fault.kind} is not asked again`);
    }
  });

  test('all tries together end with the deadline, and a wait that does not fit into it is not begun', async (t) => {
    const { house, ask } = await build(
      t,
      `[router]\ndeadline_s = 2\n${prices('claude-hanging', 'claude-later')}${RAISED}`,
    );
    await house.serve('router');
    house.model.fault({ kind: 'hang', model: 'claude-hanging' });
    for (const stream of [false, true]) {
      const late = await ask('claude-hanging', { body: { stream } });
      assert.deepEqual([late.status, late.type], [504, 'timeout_error']);
      assert.match(late.message, /deadline_s/);
      assert.ok(late.took_ms >= 1950 && late.took_ms < 3500, `it took ${late.took_ms} ms`);
    }
    house.model.fault({ kind: 'overloaded_error', model: 'claude-later', retry_after_s: 60 });
    const refused = await ask('claude-later');
    assert.deepEqual([refused.status, refused.type], [529, 'overloaded_error']);
    assert.equal(refused.headers.get('retry-after'), '60', 'the provider is heard word for word');
    assert.ok(refused.took_ms < 1500);
  });

  test('a breaker opens after so many failures, for all processes and over a restart; one probe closes it', async (t) => {
    const model = 'claude-broken';
    const { house, ask } = await build(
      t,
      `[router]\nretries = 0\nbreaker_failures = 3\nbreaker_recovery_s = 3\n${prices(model)}`,
    );
    const [first, second] = [await house.serve('router'), await house.serve('router', { VIGIL_WORKER: '1' })];
    assert.equal(second.child.exitCode, null);
    type Breaker = { state: string; failures: number; due_at: number };
    const breaker = async () => (await house.read<Breaker>('SELECT * FROM breaker'))[0];
    const asked = () => callsFor(house.model, model).length;

    house.model.fault({ kind: 'api_error', model });
    for (const worker of [0, 1]) assert.equal((await ask(model, { worker })).status, 500);
    assert.equal((await breaker())?.state, 'closed', 'two failures are not yet three');
    assert.equal((await ask(model)).status, 500);
    assert.deepEqual([(await breaker())?.state, asked()], ['open', 3]);

    // Each process looks at the breakers again after ten milliseconds at the soonest.
    const looked = () => new Promise((resolve) => setTimeout(resolve, 20));
    const refusing = async (worker: number, failures = 3) => {
      const refused = await ask(model, { worker });
      assert.deepEqual([refused.status, refused.type], [529, 'overloaded_error']);
      const why = `anthropic/claude-broken: breaker: open after ${failures} failures (500 api_error)`;
      assert.ok(refused.message.includes(why), refused.message);
      const wait_s = Number(refused.headers.get('retry-after'));
      assert.ok(wait_s >= 1 && wait_s <= 3, `retry-after: ${wait_s}`);
    };
    await refusing(0);
    await looked();
    await refusing(1);
    first.child.kill('SIGKILL');
    await first.exit;
    await house.serve('router');
    await refusing(0);
    assert.equal(asked(), 3, 'nobody has asked it');
    const [incident] = await house.read<{ text: string }>(
      `SELECT * FROM incident WHERE cause LIKE 'breaker%'`,
    );
    assert.match(incident?.text ?? '', /claude-broken does not answer: it has failed 3 times in a row/);

    const due = () => until('its time has come', async () => ((await breaker())?.due_at ?? 0) < Date.now());
    await due();
    assert.equal((await ask(model)).status, 500, 'the probe fails');
    assert.deepEqual([(await breaker())?.state, asked()], ['open', 4]);
    await looked();
    await refusing(1, 4);

    house.model.clear();
    const others = Promise.withResolvers<void>();
    house.model.script(async () => {
      await others.promise;
      return WORDS;
    });
    await due();
    let refused = 0;
    const herd = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const { status } = await ask(model, { worker: i % 2 });
        if (status === 529) refused += 1;
        if (refused === 19) others.resolve();
        return status;
      }),
    );
    assert.deepEqual(herd.toSorted(), [200, ...Array<number>(19).fill(529)]);
    assert.equal(asked(), 5, 'one of twenty reached the provider');
    await until('the breaker is closed', async () => (await breaker()) === undefined);
    const open = await house.read(`SELECT * FROM incident WHERE cause LIKE 'breaker%' AND closed_at IS NULL`);
    assert.deepEqual(open, [], 'and the owner hears that it is over');
    await until('the other has seen it', async () => (await ask(model, { worker: 1 })).status === 200);
  });

  test('what cannot answer falls back to the next rank, then to the cheaper alias, and the answer says who gave it', async (t) => {
    const spare = await another(t);
    const blind = await another(t);
    const { house, ask, rows } = await build(
      t,
      `[router]
    ${prices('claude-dear', 'claude-cheap')}
    ${local('spare', spare)}${local('blind', blind, 'without = ["images"]\n')}
    ${alias('ranked', ['claude-dear', 'spare/claude-dear'])}
    ${alias('thoughtful', ['claude-dear'], 'tier = "complex"\notherwise = "hasty"\n')}
    ${alias('hasty', ['spare/claude-cheap'], 'tier = "fast"\n')}
    ${alias('seeing', ['blind/claude-cheap', 'spare/claude-cheap'])}
    ${alias('sightless', ['blind/claude-cheap'])}`,
    );
    await house.serve('router');
    house.model.fault({ kind: 'not_found_error', model: 'claude-dear' });

    const ranked = await ask('ranked');
    assert.equal(ranked.status, 200, ranked.message);
    assert.deepEqual(
      [targetOf(ranked), ranked.headers.get('x-vigil-alias'), ranked.headers.get('x-vigil-attempts')],
      ['spare/claude-dear', 'ranked', '2'],
    );
    const [lost, won] = await rows('ranked');
    assert.deepEqual(
      [lost, won].map((row) => JSON.parse(row?.reason_json ?? '')),
      [
        {
          asked: 'ranked',
          taken: 'anthropic/claude-dear',
          others: [{ target: 'spare/claude-dear', why: 'less preferred' }],
        },
        {
          asked: 'ranked',
          taken: 'spare/claude-dear',
          others: [{ target: 'anthropic/claude-dear', why: 'gave up: 404 not_found_error' }],
        },
      ],
    );

    const thoughtful = await ask('thoughtful');
    assert.deepEqual([thoughtful.status, targetOf(thoughtful)], [200, 'spare/claude-cheap']);
    const last = (await rows('thoughtful')).at(-1);
    assert.deepEqual([last?.model, last?.alias], ['claude-cheap', 'thoughtful']);

    const body = { messages: [{ role: 'user', content: [IMAGE] }] };
    assert.equal(targetOf(await ask('seeing')), 'blind/claude-cheap');
    assert.equal(targetOf(await ask('seeing', { body })), 'spare/claude-cheap');
    const seen = (await rows('seeing')).at(-1);
    assert.match(seen?.reason_json ?? '', /"blind\/claude-cheap","why":"capability: it has no images"/);
    const sightless = await ask('sightless', { body });
    assert.deepEqual([sightless.status, sightless.type], [400, 'invalid_request_error']);
    assert.match(
      sightless.message,
      /nobody behind 'sightless' .*blind\/claude-cheap: capability: it has no images/,
    );
  });

  test('when the budget is used up a local model answers, if the alias names one; else nobody', async (t) => {
    const home = await another(t);
    const { house, ask, rows } = await build(
      t,
      `[budget]\nhour_usd = 0.000001\n[router]
    ${prices('claude-paid')}${local('home', home, 'free = true\n')}
    ${alias('careful', ['claude-paid', 'home/claude-own'])}
    ${alias('proud', ['claude-paid'])}`,
    );
    await house.serve('router');
    const careful = await ask('careful');
    assert.deepEqual([careful.status, targetOf(careful)], [200, 'home/claude-own']);
    const [row] = await rows('careful');
    assert.equal(row?.cost_nanousd, 0);
    assert.match(row?.reason_json ?? '', /"anthropic\/claude-paid","why":"budget: /);
    const proud = await ask('proud');
    assert.deepEqual([proud.status, proud.type], [402, 'billing_error']);
    assert.equal(house.model.calls().filter(({ path }) => path === '/v1/messages').length, 0);
  });

  test('a config that would fall back to a dearer model is refused at the start, with the cure', async (t) => {
    const dearer = alias('default', ['claude-haiku-5-5', 'claude-opus-5-5']);
    const cheaper = alias('quick', ['claude-haiku-5-5'], 'tier = "fast"\notherwise = "deep"\n');
    for (const [config, fault, cure] of [
      [dearer, /claude-opus-5-5 is dearer than what is preferred to it/, /put the dearest first/],
      [cheaper, /otherwise: 'deep' is of the tier complex/, /name an alias of a cheaper tier/],
    ] as const) {
      const { house } = await build(t, `[router]\n${config}`);
      const refused = await house.serve('router');
      assert.equal(await refused.exit, 78);
      assert.match(refused.output(), fault);
      assert.match(refused.output(), cure);
    }
  });

  test('among equals the least busy answers, by weight, and a conversation stays where it was', async (t) => {
    const [one, two] = [await another(t), await another(t)];
    const { house, ask } = await build(
      t,
      `[router]\n${prices('claude-equal', 'claude-weighed', 'claude-home')}${local('one', one)}${local('two', two)}
    ${alias('equal', [['one/claude-equal', 'two/claude-equal']])}
    ${alias('weighed', [[{ target: 'one/claude-weighed', weight: 3 }, 'two/claude-weighed']])}
    ${alias('homely', [['one/claude-home', 'two/claude-home']])}`,
    );
    await house.serve('router');
    for (const api of [one, two]) api.script(() => ({ text: WORDS, delay_ms: 400 }));
    const herd = async (name: string) => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => ask(name)));
      return [one, two].map((api, i) => {
        const mine = answers.filter((answer) => targetOf(answer)?.startsWith(i === 0 ? 'one/' : 'two/'));
        assert.equal(callsFor(api, targetOf(mine[0] as Answered)?.slice(4) ?? '').length, mine.length);
        return mine.length;
      });
    };
    assert.deepEqual(await herd('equal'), [6, 6]);
    assert.deepEqual(await herd('weighed'), [9, 3]);

    const before = callsFor(one, 'claude-home').length;
    const occupying = ask('homely');
    await until('the first is busy', () => callsFor(one, 'claude-home').length > before);
    const of = (user_id: string) => ({ body: { metadata: { user_id } } });
    assert.equal(targetOf(await ask('homely', of('anna'))), 'two/claude-home');
    await occupying;
    assert.equal(targetOf(await ask('homely', of('otto'))), 'one/claude-home', 'both are idle');
    assert.equal(targetOf(await ask('homely', of('anna'))), 'two/claude-home', 'anna is at home there');
    two.fault({ kind: 'not_found_error' });
    assert.equal(targetOf(await ask('homely', of('anna'))), 'one/claude-home', 'a home that is down is left');
    two.clear();
    assert.equal(targetOf(await ask('homely', of('anna'))), 'one/claude-home', 'and now she is at home here');
  });

  test('the second key of an organisation takes over when the first is refused, for all calls at once', async (t) => {
    const api = await another(t, ['key-a', 'key-b']);
    const { house, ask, rows } = await build(
      t,
      `[router]\n${prices('claude-keyed')}
    ${local('mine', api, 'keys = [{ variable = "A", organisation = "o" }, { variable = "B", organisation = "o" }]\n')}
    ${alias('keyed', ['mine/claude-keyed'])}`,
      'A=key-a\nB=key-b\n',
    );
    await house.serve('router');
    const keys = () => api.calls().map(({ headers }) => headers['x-api-key']);
    assert.equal((await ask('keyed')).status, 200);
    assert.deepEqual(keys(), ['key-a']);
    api.revoke('key-a');
    const herd = await Promise.all(Array.from({ length: 10 }, () => ask('keyed')));
    assert.deepEqual(
      herd.map(({ status }) => status),
      Array(10).fill(200),
    );
    const before = keys().length;
    assert.equal((await ask('keyed')).headers.get('x-vigil-attempts'), '1');
    assert.deepEqual(keys().slice(before), ['key-b'], 'and stays in use');
    api.revoke('key-b');
    const refused = await ask('keyed');
    assert.deepEqual([refused.status, refused.type], [401, 'authentication_error']);
    assert.equal((await rows('keyed')).at(-1)?.outcome, 'refused');
  });

  test('tokens are counted with the second key when the first is refused', async (t) => {
    const api = await another(t, ['key-a', 'key-b']);
    const { house } = await build(
      t,
      `[router]\n${prices('claude-counted')}
    ${local('mine', api, 'keys = [{ variable = "A", organisation = "o" }, { variable = "B", organisation = "o" }]\n')}
    ${alias('counted', ['mine/claude-counted'])}`,
      'A=key-a\nB=key-b\n',
    );
    await house.serve('router');
    api.revoke('key-a');
    const answer = await fetch(`http://127.0.0.1:${house.port}/v1/messages/count_tokens`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'anthropic-version': '2023-06-01',
        'x-api-key': await house.accessKey('counter'),
      },
      body: JSON.stringify({ model: 'counted', messages: [{ role: 'user', content: 'hello' }] }),
    });
    assert.equal(answer.status, 200, await answer.text());
    assert.deepEqual(
      api.calls().map(({ headers }) => headers['x-api-key']),
      ['key-a', 'key-b'],
    );
  });

  test('a client that leaves takes the call along at once, pays for it, and is not retried for', async (t) => {
    const { house, ask, rows } = await build(
      t,
      `[router]\n${prices('claude-slow', 'claude-waiting')}${alias('slow', ['claude-slow'])}${alias('waiting', ['claude-waiting'])}`,
    );
    await house.serve('router');
    house.model.script(() => ({ text: WORDS, delay_ms: 60_000 }));
    for (const stream of [false, true]) {
      const leaving = new AbortController();
      const before = house.model.calls().length;
      const asking = ask('slow', { body: { stream }, signal: leaving.signal });
      await until('the provider is at work', () => house.model.calls().length > before);
      const left_at = performance.timeOrigin + performance.now();
      leaving.abort();
      await assert.rejects(asking);
      await house.model.idle();
      const { ended_at, client_left } = house.model.calls().at(-1) ?? assert.fail();
      assert.ok(client_left && (ended_at ?? Number.POSITIVE_INFINITY) - left_at < 30_000);
      const row = await until('it is settled', async () => (await rows('slow'))[Number(stream)]);
      assert.deepEqual([row.outcome, row.estimated, row.cost_nanousd], ['left', 1, row.hold_nanousd]);
    }

    house.model.script(() => WORDS);
    house.model.fault({ kind: 'rate_limit_error', model: 'claude-waiting', retry_after_s: 1, calls: 1 });
    const leaving = new AbortController();
    const asking = ask('waiting', { signal: leaving.signal });
    await until('it was told to wait', async () => (await rows('waiting')).length === 1);
    leaving.abort();
    await assert.rejects(asking);
    // Another waits for the same second: when it is answered, the first would have been.
    assert.equal((await ask('waiting')).status, 200);
    assert.equal(callsFor(house.model, 'claude-waiting').length, 2, 'nobody is asked for one who has left');
  });
});
