import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { GrammyError, HttpError } from 'grammy';
import { Api } from 'grammy/web';
import { httpFetch } from '#shared/base/fetch.ts';
import { type RunningBotApi, startBotApi } from '#shared/testing/bot-api.ts';
import { TOKEN } from '#shared/testing/house.ts';
import { freePort } from '#shared/testing/ports.ts';
import { until } from '#shared/testing/scratch.ts';
import { type Failure, failureOf } from './verdict.ts';

const CHAT = 7;
let bot: RunningBotApi;
let api: Api;

before(async () => {
  bot = await startBotApi({ token: TOKEN });
  api = clientOf(bot.root);
  await bot.say({ chat_id: CHAT, text: 'hello' });
});
beforeEach(() => bot.clearFaults());
after(() => bot.close());

/** The client as the bridge has it: grammY over our own fetch. */
const clientOf = (apiRoot: string, timeoutSeconds = 30) =>
  new Api(TOKEN, { apiRoot, timeoutSeconds, fetch: httpFetch() });

/** What is made of the error that grammY throws; `kind` says which of its two it is. */
async function failing(
  call: Promise<unknown>,
  kind: typeof GrammyError | typeof HttpError,
): Promise<Failure> {
  try {
    await call;
  } catch (error) {
    // The web build has classes of its own: by name they are the same.
    assert.equal((error as Error).constructor.name, kind.name);
    return failureOf(error);
  }
  assert.fail('expected the call to fail, but it succeeded');
}

const send = (client = api) => client.sendMessage(CHAT, 'text');
const delivered = async () => (await bot.sent({ chat_id: CHAT })).length;

test('a refused connection is a message that never left', async () => {
  const failure = await failing(send(clientOf(`http://127.0.0.1:${await freePort()}`)), HttpError);
  assert.equal(failure.kind, 'unsent');
  assert.match(failure.what, /ECONNREFUSED/);
});

test('a host that has no address is a message that never left', async () => {
  const failure = await failing(send(clientOf('http://no-such-host.invalid')), HttpError);
  assert.equal(failure.kind, 'unsent');
});

test('a connection that broke after it was made leaves it open whether the message arrived', async () => {
  const count = await delivered();
  await bot.fault({ kind: 'drop_after', method: 'sendMessage', times: 1 });
  assert.equal((await failing(send(), HttpError)).kind, 'unknown');
  assert.equal(await delivered(), count + 1, 'it did arrive');
  await bot.fault({ kind: 'drop_before', method: 'sendMessage', times: 1 });
  assert.equal((await failing(send(), HttpError)).kind, 'unknown');
  assert.equal(await delivered(), count + 1, 'and this one did not: nobody can tell from here');
});

test('a first connection that breaks before any answer leaves it open too', async () => {
  const server = createServer((socket) => socket.once('data', () => socket.resetAndDestroy())).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  assert.equal((await failing(send(clientOf(`http://127.0.0.1:${port}`)), HttpError)).kind, 'unknown');
  server.close();
});

test('half of an answer leaves it open', async () => {
  const count = await delivered();
  await bot.fault({ kind: 'truncate', method: 'sendMessage', times: 1 });
  assert.equal((await failing(send(), HttpError)).kind, 'unknown');
  assert.equal(await delivered(), count + 1);
});

test('no answer within the time leaves it open', async () => {
  await bot.fault({ kind: 'hang', method: 'sendMessage', times: 1 });
  assert.equal((await failing(send(clientOf(bot.root, 0.1)), HttpError)).kind, 'unknown');
});

test('a server that failed may have failed after the work was done', async () => {
  for (const [status, body] of [
    [500, 'json'],
    [502, 'json'],
    [502, 'html'],
  ] as const) {
    await bot.fault({ kind: 'status', status, body, method: 'sendMessage', times: 1 });
    const failure = await failing(send(), body === 'json' ? GrammyError : HttpError);
    assert.equal(failure.kind, 'unknown');
  }
});

test('too many requests is a time of silence, as long as Telegram says', async () => {
  await bot.fault({ kind: 'too_many_requests', retry_after_s: 17, method: 'sendMessage', times: 1 });
  const failure = await failing(send(), GrammyError);
  assert.deepEqual(failure, {
    kind: 'flood',
    what: '429 Too Many Requests: retry after 17',
    retry_after_ms: 17_000,
  });
});

test('a chat that has blocked the bot is barred for now', async () => {
  await bot.say({ chat_id: 8, text: 'hello' });
  await bot.block(8);
  const what = '403 Forbidden: bot was blocked by the user';
  assert.deepEqual(await failing(api.sendMessage(8, 'text'), GrammyError), { kind: 'barred', what });
});

test('a group that has become a supergroup says what it is now', async () => {
  await bot.say({ chat_id: -8, from: { id: 9 }, text: 'hello' });
  await bot.migrate({ chat_id: -8, to: -1_000_000_000_008 });
  const failure = await failing(api.sendMessage(-8, 'text'), GrammyError);
  assert.deepEqual([failure.kind, 'to' in failure && failure.to], ['moved', '-1000000000008']);
});

test('a chat that is not there, and a text that is refused, will never take it', async () => {
  const refusals = {
    '400 Bad Request: chat not found': api.sendMessage(12_345, 'text'),
    '400 Bad Request: message is too long': api.sendMessage(CHAT, 'x'.repeat(4097)),
  };
  for (const [what, call] of Object.entries(refusals)) {
    assert.deepEqual(await failing(call, GrammyError), { kind: 'refused', what });
  }
});

test('a second program that reads the same updates is a conflict', async () => {
  const read = await api.getUpdates();
  const wanted = { offset: (read.at(-1)?.update_id ?? 0) + 1, timeout: 50 };
  const waiting = failing(api.getUpdates(wanted), GrammyError);
  const calls = () => bot.calls({ method: 'getUpdates' });
  await until('the poll waits', async () => (await calls()).some(({ outcome }) => outcome === 'pending'));
  const second = clientOf(bot.root).getUpdates(wanted);
  const failure = await waiting;
  assert.equal(failure.kind, 'conflict');
  assert.match(failure.what, /^409 Conflict: terminated by other getUpdates request/);
  await bot.say({ chat_id: CHAT, text: 'the second one gets it' });
  assert.equal((await second).length, 1);
});

test('a webhook is a conflict that says so', async (t) => {
  const hooked = await startBotApi({ token: TOKEN });
  t.after(() => hooked.close());
  const client = clientOf(hooked.root);
  await client.setWebhook('https://example.org/hook');
  const failure = await failing(client.getUpdates(), GrammyError);
  assert.deepEqual([failure.kind, /webhook is active/.test(failure.what)], ['conflict', true]);
});

test('a token that is refused is revoked, and no other refusal is', async () => {
  const other = new Api('7000001:another-token', { apiRoot: bot.root, fetch: httpFetch() });
  assert.deepEqual(await failing(send(other), GrammyError), { kind: 'revoked', what: '401 Unauthorized' });
});

test('what is no error of a request at all leaves it open, in its own words', () => {
  assert.deepEqual(failureOf(new Error('a bug')), { kind: 'unknown', what: 'a bug' });
  assert.equal(failureOf(undefined).kind, 'unknown');
});
