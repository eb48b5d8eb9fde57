import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, type TestContext, test } from 'node:test';
import { Api, InputFile } from 'grammy';
import type { Message, Update } from 'grammy/types';
import { userMessage } from './bot-api/say.ts';
import {
  breakageOf,
  chat_id,
  clientOf,
  descriptionOf,
  eventually,
  refused,
  testbed,
  token,
  waitingPoll,
} from './bot-api/testbed.ts';
import { verb_names } from './bot-api/verbs.ts';
import { openWorld } from './bot-api/world.ts';
import { type BotApi, connectBotApi, startBotApi } from './bot-api.ts';

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bot-api-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** A request by hand, for what grammY would never send. */
async function raw(bot: BotApi, path: string, init?: RequestInit) {
  const response = await fetch(`${bot.root}${path}`, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
}

describe('the HTTP side', () => {
  test('tokens and paths are judged as in the real server', async (t) => {
    const { bot } = await testbed(t);
    const told = async (path: string) => {
      const { status, json } = await raw(bot, path);
      assert.equal(json().error_code, status);
      return `${status} ${json().description}`;
    };
    assert.equal(await told('/bot123:wrong/getMe'), '401 Unauthorized');
    assert.equal(await told('/bot012:abc/getMe'), '401 Unauthorized: invalid token specified');
    assert.equal(await told('/botabc/getMe'), '401 Unauthorized: invalid token specified');
    assert.equal(await told(`/bot1:${'x'.repeat(79)}/getMe`), '401 Unauthorized: invalid token specified');
    assert.equal(await told(`/bot1:${'x'.repeat(78)}/getMe`), '401 Unauthorized');
    assert.equal(await told('/botx:abc/getMe'), '421 Misdirected Request: unallowed token specified');
    assert.equal(await told(`/bot${token}/fly`), '404 Not Found: method not found');
    assert.equal(await told(`/bot${token}`), '404 Not Found');
    assert.equal(await told('/'), '404 Not Found');
    assert.equal((await raw(bot, `/bot${token}/getMe`, { method: 'PUT' })).status, 501);
  });

  test('GET and POST, JSON, form and multipart carry the same arguments', async (t) => {
    const { bot, api } = await testbed(t);
    const path = `/bot${token}/sendmessage`;
    const form = new FormData();
    form.set('chat_id', '7');
    form.set('text', 'as multipart');
    const json = { 'content-type': 'application/json' };
    await raw(bot, `${path}?chat_id=7&text=in+the+query`);
    await raw(bot, path, { method: 'POST', body: new URLSearchParams({ chat_id: '7', text: 'as a form' }) });
    await raw(bot, path, { method: 'POST', body: form });
    await raw(bot, path, { method: 'POST', body: '{"chat_id":"7","text":"as JSON"}', headers: json });
    await raw(bot, `${path}?text=first+wins`, {
      method: 'POST',
      body: '{"chat_id":7,"text":"x"}',
      headers: json,
    });
    await raw(bot, `/bot${token}/?method=sendMessage&chat_id=7&text=method+as+argument`);
    const texts = (await bot.sent()).map(({ text }) => text);
    assert.deepEqual(texts, [
      'in the query',
      'as a form',
      'as multipart',
      'as JSON',
      'first wins',
      'method as argument',
    ]);
    const broken = await raw(bot, path, { method: 'POST', body: '{"chat_id":7,"text":"x"', headers: json });
    assert.equal(broken.json().description, 'Bad Request: message text is empty');
    const upload = api.setWebhook('https://example.com', {
      certificate: new InputFile(Buffer.from('pem'), 'x.pem'),
    });
    assert.equal(await upload, true, 'grammY sends files as multipart');
  });

  test('what is answered has the shapes of the Bot API types', async (t) => {
    const { api } = await testbed(t);
    const { world } = openWorld(token, undefined);
    const message = userMessage(world, { chat_id, text: '/start now' }, 1) satisfies Message;
    const update = { update_id: 1, message } satisfies Update;
    assert.deepEqual(update.message.entities, [{ type: 'bot_command', offset: 0, length: 6 }]);
    assert.equal((await api.getMe()).id, 123);
    const { date, ...sent } = await api.sendMessage(chat_id, 'hi');
    assert.ok(Math.abs(date - Date.now() / 1_000) < 5);
    assert.deepEqual(sent, {
      message_id: 2,
      from: { id: 123, is_bot: true, first_name: 'Test bot', username: 'test_bot' },
      chat: { id: 7, type: 'private', first_name: 'User' },
      text: 'hi',
    });
  });
});

describe('trouble', () => {
  test('flood control refuses with a wait that grows while one persists', async (t) => {
    const { bot, api } = await testbed(t);
    await bot.say({ chat_id: 8, text: 'hello' });
    await bot.limits({ chat: { messages: 2, per_ms: 10_000 } });
    const send = () => raw(bot, `/bot${token}/sendMessage?chat_id=7&text=a`);
    await send();
    await send();
    const waits: number[] = [];
    for (let i = 0; i < 3; i++) {
      const { status, headers, json } = await send();
      const { description, parameters } = json();
      assert.equal(status, 429);
      assert.equal(headers.get('retry-after'), String(parameters.retry_after));
      assert.equal(description, `Too Many Requests: retry after ${parameters.retry_after}`);
      waits.push(parameters.retry_after);
    }
    assert.deepEqual(waits, [10, 20, 40]);
    assert.ok(await api.sendMessage(8, 'another chat is free'));
    await bot.jump(41_000);
    assert.equal((await send()).status, 200);
    await bot.limits({ total: { messages: 1, per_ms: 1_000 } });
    await api.sendMessage(7, 'a');
    await refused(api.sendMessage(8, 'b'), 'Too Many Requests: retry after 1');
  });

  test('each fault breaks a call in its own way, as often as asked', async (t) => {
    const { bot, api } = await testbed(t);
    const send = (text: string, signal?: AbortSignal) => api.sendMessage(chat_id, text, {}, signal as never);
    const method = 'sendMessage';
    await bot.fault({ kind: 'drop_before', method, times: 1 });
    assert.equal(await breakageOf(send('lost')), 'ECONNRESET');
    await bot.fault({ kind: 'drop_after', method, times: 1 });
    assert.equal(await breakageOf(send('delivered in silence')), 'ECONNRESET');
    await bot.fault({ kind: 'hang', method, times: 1 });
    await assert.rejects(send('waits for ever', AbortSignal.timeout(50)));
    await bot.fault({ kind: 'status', status: 502, method, times: 1 });
    await refused(send('x'), 'Bad Gateway');
    await bot.fault({ kind: 'status', status: 502, body: 'html', method, times: 1 });
    assert.match(await breakageOf(send('x')), /invalid json/);
    await bot.fault({ kind: 'too_many_requests', retry_after_s: 7, method, times: 1 });
    await refused(send('x'), 'Too Many Requests: retry after 7');
    await bot.fault({ kind: 'truncate', method, times: 1 });
    assert.match(await breakageOf(send('delivered, half answered')), /invalid json/);
    await bot.fault({ kind: 'slow', over_ms: 100, method, times: 2 });
    const started_ms = performance.now();
    assert.ok(await send('delivered slowly'));
    assert.ok(performance.now() - started_ms >= 95);
    assert.ok(await api.getMe(), 'other methods are spared');
    await bot.clearFaults();
    assert.ok(await send('delivered at last'));
    assert.deepEqual(
      (await bot.sent()).map(({ text }) => text),
      ['delivered in silence', 'delivered, half answered', 'delivered slowly', 'delivered at last'],
    );
    const outcomes = (await bot.calls())
      .filter((call) => call.method === method)
      .map(({ outcome }) => outcome);
    assert.deepEqual(outcomes.slice(0, 3), ['fault: drop_before', 'fault: drop_after', 'fault: hang']);
  });

  test('a fault by chance strikes the same calls for the same seed', async (t) => {
    const { bot, api } = await testbed(t);
    const strikes = async (seed: number) => {
      await bot.fault({ kind: 'status', status: 500, probability: 0.5, seed });
      const struck: boolean[] = [];
      for (let i = 0; i < 20; i++)
        struck.push(
          await api.getMe().then(
            () => false,
            () => true,
          ),
        );
      await bot.clearFaults();
      return struck;
    };
    const once = await strikes(1);
    assert.ok(once.includes(true) && once.includes(false));
    assert.deepEqual(await strikes(1), once);
    assert.notDeepEqual(await strikes(2), once);
  });

  test('with the network down clients are refused, and find the same port when it is up', async (t) => {
    const { bot, api, next } = await testbed(t);
    const poll = breakageOf(api.getUpdates({ offset: next, timeout: 50 }));
    await waitingPoll(bot);
    await bot.network('down');
    assert.equal(await poll, 'ECONNRESET');
    assert.equal(await breakageOf(api.getMe()), 'ECONNREFUSED');
    await bot.say({ chat_id, text: 'meanwhile' });
    await bot.network('up');
    assert.equal((await api.getUpdates({ offset: next })).length, 1);
  });

  test('a revoked token is unauthorized, and a new one takes its place', async (t) => {
    const { bot, api, next } = await testbed(t);
    const poll = descriptionOf(api.getUpdates({ offset: next, timeout: 50 }));
    await waitingPoll(bot);
    await bot.revoke('123:new');
    assert.equal(await poll, 'Unauthorized');
    await refused(api.getMe(), 'Unauthorized');
    assert.ok(await new Api('123:new', { apiRoot: bot.root }).getMe());
  });

  test('a wait for a delivery ends with it, or tells what came instead', async (t) => {
    const { bot, api } = await testbed(t);
    const wait = bot.waitSent(({ text }) => text === 'two');
    const before_ms = performance.timeOrigin + performance.now();
    await api.sendMessage(chat_id, 'one');
    await api.sendMessage(chat_id, 'two');
    const { seq, at_ms, call } = await wait;
    assert.equal(seq, 2);
    assert.ok(at_ms > before_ms && at_ms < before_ms + 1_000);
    assert.equal((await bot.calls()).find((record) => record.seq === call)?.args.text, 'two');
    await assert.rejects(
      bot.waitSent(({ text }) => text === 'three', 20),
      /expected a matching message within 20 ms, but 2 were sent, the last to 7: two/,
    );
  });
});

describe('the server', { concurrency: true }, () => {
  test('knows after a restart all that it has answered for', async (t) => {
    const statePath = join(await temporaryFolder(t), 'state.jsonl');
    const before = await startBotApi({ token, statePath });
    const { update_id } = await before.say({ chat_id, text: 'one' });
    assert.ok(update_id !== null);
    await before.say({ chat_id, text: 'two' });
    await clientOf(before).getUpdates({ offset: update_id + 1, allowed_updates: ['message'] });
    await clientOf(before).sendMessage(chat_id, 'answer');
    const [sent, confirmed] = [await before.sent(), await before.confirmed()];
    await before.close();
    await appendFile(statePath, '{"type":"sent","sent":{"seq":2,"at');

    for (let start = 0; start < 2; start++) {
      const after = await startBotApi({ token, statePath });
      assert.deepEqual(await after.sent(), sent, 'and a line torn by a kill never happened');
      assert.deepEqual(await after.confirmed(), confirmed);
      assert.equal(await after.push({ poll: {} }), null);
      assert.equal((await after.say({ chat_id, text: 'more' })).message_id, 4 + start);
      await after.close();
      confirmed.pending.push(update_id + 2 + start);
    }
  });

  test('runs as a process that another one drives, and drains on SIGTERM', async (t) => {
    const { bot, child } = await spawnServer(t);
    const { update_id } = await bot.say({ chat_id, text: 'hello' });
    assert.ok(update_id !== null);
    const api = clientOf(bot);
    const wait = bot.waitSent(({ text }) => text === 'hi');
    await api.sendMessage(chat_id, 'hi');
    assert.equal((await wait).message.chat.id, chat_id);
    await bot.network('down');
    assert.equal(await breakageOf(api.getMe()), 'ECONNREFUSED');
    await bot.network('up');
    await assert.rejects(bot.say({ chat_id: -1 }), /whoever acts in the group -1 has an id/);
    const poll = descriptionOf(api.getUpdates({ offset: update_id + 1, timeout: 50 }));
    await waitingPoll(bot);
    child.kill('SIGTERM');
    assert.equal(await poll, 'Internal Server Error: restart');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });

  test('says how it is used', () => {
    const file = join(import.meta.dirname, 'bot-api.ts');
    const help = execFileSync(process.execPath, [file, '--help']).toString();
    for (const verb of verb_names) {
      assert.match(help, new RegExp(`^ {2}${verb}\\b`, 'm'));
    }
  });

  test('loses nothing while its clients and itself are killed', { timeout: 60_000 }, async (t) => {
    const state = join(await temporaryFolder(t), 'state.jsonl');
    let server = await spawnServer(t, '--state', state);
    const port = new URL(server.bot.root).port;
    const said = 500;
    for (let i = 0; i < said; i++) await server.bot.say({ chat_id: 1 + (i % 20), text: `message ${i}` });
    let client = spawnEcho(t, server.bot.root);
    for (let kill = 1; kill <= 10; kill++) {
      const news = await server.bot.sent({ after: kill * 40, wait_ms: 20_000 });
      assert.ok(news.length > 0, `stuck before kill ${kill}`);
      client.kill('SIGKILL');
      if (kill % 5 === 0) {
        server.child.kill('SIGKILL');
        await once(server.child, 'exit');
        server = await spawnServer(t, '--state', state, '--port', port);
      }
      client = spawnEcho(t, server.bot.root);
    }
    await eventually('every update to be confirmed', async () => {
      const { pending } = await server.bot.confirmed();
      return pending.length === 0 ? true : undefined;
    });
    client.kill('SIGKILL');
    const { updates } = await server.bot.confirmed();
    const ids = updates.map(({ update_id }) => update_id);
    assert.deepEqual(
      ids,
      Array.from({ length: said }, (_, i) => (ids[0] ?? 0) + i),
      'each confirmed once, in order',
    );
    const sent = await server.bot.sent();
    const answered = new Set(sent.map(({ text }) => text));
    for (let i = 0; i < said; i++) assert.ok(answered.has(`echo of message ${i}`));
    const rss_mb = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(server.child.pid)])) / 1_024;
    t.diagnostic(`${sent.length} answers to ${said} messages, ${rss_mb.toFixed(0)} MB`);
    assert.ok(rss_mb < 250);
  });
});

async function spawnServer(t: TestContext, ...options: string[]) {
  const file = join(import.meta.dirname, 'bot-api.ts');
  const child = spawn(process.execPath, [file, '--token', token, ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [line] = await once(createInterface(child.stdout), 'line');
  const { root, control } = JSON.parse(line);
  return { bot: connectBotApi(root, control), child };
}

/** A client that answers each update and then confirms it, one poll after another. */
function spawnEcho(t: TestContext, root: string): ChildProcess {
  const source = `
    const call = async (method, body) => {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch('${root}/bot${token}/' + method, { method: 'POST', headers, body: JSON.stringify(body) });
      return (await answer.json()).result;
    };
    for (let offset = 0; ; ) {
      for (const { update_id, message } of await call('getUpdates', { offset, timeout: 50, limit: 10 })) {
        await call('sendMessage', { chat_id: message.chat.id, text: 'echo of ' + message.text });
        offset = update_id + 1;
      }
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  return child;
}
