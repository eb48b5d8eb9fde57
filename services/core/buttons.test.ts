/** A budget without room, from the refusal to the answer: core and the bridge as real processes, the router played. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { systemClock } from '#shared/base/clock.ts';
import { root } from '#shared/base/root.ts';
import { sendAnswer, sendError, text, usageOf } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import { prepareHome, socketOf } from '#shared/runtime/home.ts';
import { FILE } from '#shared/store/store.ts';
import * as allowance from '#shared/tables/allowance.ts';
import * as inbound from '#shared/tables/inbound.ts';
import type { Turn } from '#shared/tables/turn.ts';
import { freeze } from '#shared/testing/freeze.ts';
import { buildHouse, type House, OWNER } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { effectOf, questionOf } from './buttons.ts';

type Budgeted = { window: string; facts: string; cure: string; retry_after_s: number | null };
const DAY: Budgeted = {
  window: 'day 2026-11-22',
  facts: 'today has $3.00: $2.97 spent, and this call may cost up to $0.06',
  cure: 'it goes on on 2026-11-23 at 00:00, or at once with: scripts/vigil budget raise day 1',
  retry_after_s: 3600,
};

let house: House;
/** What has no room at present; the cheap model costs nothing here. */
let budget: Budgeted = DAY;
const asked: { model: string; headers: Record<string, unknown> }[] = [];
const children = new Map<string, ChildProcess>();
/** Each test talks in a chat of its own. */
let chat = 100;

/** Holds the model back on `hang`. */
const gate = Promise.withResolvers<void>();

/** Refuses what its budget has no room for, until somebody adds money. */
const router = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { model, messages } = JSON.parse(body) as {
    model: string;
    messages: { content: { text: string }[] }[];
  };
  const heard = messages.at(-1)?.content.at(-1)?.text ?? '';
  asked.push({ model, headers: request.headers });
  const { window, facts, cure, retry_after_s } = budget;
  const added = await house.read('SELECT id FROM allowance WHERE spend_id = ?', window);
  if (model !== 'quick' && added.length === 0) {
    const headers = {
      'x-should-retry': 'false',
      'x-vigil-budget': window,
      ...(retry_after_s !== null && { 'retry-after': String(retry_after_s) }),
    };
    const error = new ApiError('billing_error', `budget: ${facts}; ${cure}`, {
      error_code: 'budget_exceeded',
      headers,
    });
    return sendError(response, error, 'req_1');
  }
  if (heard.endsWith('hang')) await gate.promise;
  const said = `${model}: ${heard}`;
  const usage = usageOf({ input_tokens: 1, output_tokens: 1 });
  const answer = { model, content: [text(said)], stop_reason: 'end_turn', usage } as const;
  await sendAnswer(response, answer, { stream: true, headers: {} });
});

function hangCore(): void {
  freeze(join(house.home.state, FILE), children.get('core')?.pid ?? 0);
}

async function start(service: 'core' | 'telegram'): Promise<void> {
  const child = spawn(process.execPath, [join(root, `services/${service}/service.ts`)], {
    env: { ...process.env, VIGIL_HOME: house.home.directory, VIGIL_CONSOLE: 'off' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.set(service, child);
  await until(`${service} is ready`, async () => (await house.pidOf(service)) === child.pid);
}

async function end(service: 'core' | 'telegram', signal: NodeJS.Signals): Promise<void> {
  const child = children.get(service);
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'close');
  child.kill(signal);
  if (signal === 'SIGTERM') child.kill('SIGCONT');
  await ended;
}

before(async () => {
  house = await buildHouse({ config: '[core]\nparallel_turns = 1\n' });
  prepareHome(house.home);
  router.listen(socketOf(house.home, 'router'));
  await once(router, 'listening');
  await start('core');
  await start('telegram');
});

afterEach(async () => {
  budget = DAY;
  await house.bot.clearFaults();
});

after(async () => {
  for (const service of ['core', 'telegram'] as const) await end(service, 'SIGTERM');
  router.close();
  router.closeAllConnections();
  await house.close();
});

/** A window of its own for each test: money that was added to another one is no use. */
function windowOf(kind: string): Budgeted {
  return { ...DAY, window: `${kind} ${chat}` };
}

const say = (words: string) => house.bot.say({ chat_id: chat, text: words, from: { id: OWNER } });
const sent = async () =>
  (await house.bot.sent({ chat_id: chat, method: 'sendMessage' })).map(({ text }) => text);
const hears = (what: RegExp) =>
  until(`chat ${chat} hears ${what}`, async () => (await sent()).some((words) => what.test(words)));

/** What `vigil budget raise` does. */
const raise = () =>
  allowance.give({ spend_id: budget.window, nanousd: 1_000_000_000, by: 'cli', now: systemClock.now() });

type Row = { text: string; callback_data?: string };
/** The refusal in the chat, with its buttons by their labels. */
async function refusal() {
  const { message, text } = await house.bot.waitSent(
    (one) => one.chat_id === chat && one.message.reply_markup !== undefined,
  );
  const rows: Row[] = message.reply_markup?.inline_keyboard.flat() ?? [];
  const press = (label: string, from = OWNER) => {
    const data = rows.find((button) => button.text === label)?.callback_data ?? label;
    return house.bot.press({ chat_id: chat, message_id: message.message_id, data, from: { id: from } });
  };
  return { text, labels: rows.map((button) => button.text), press, message };
}

const given = () =>
  house.read<{ nanousd: number; given_by: string }>(
    'SELECT nanousd, given_by FROM allowance WHERE spend_id = ?',
    budget.window,
  );
const presses = () =>
  house.read<{ outcome: string | null }>(
    'SELECT outcome FROM press WHERE chat = ? ORDER BY id',
    String(chat),
  );
const turns = () =>
  house.read<{ state: string; alias: string | null }>('SELECT * FROM turn WHERE chat = ?', String(chat));

test('a refusal tells the sender at once what has no room, and a press of +$1 brings the answer, and takes the buttons away', async () => {
  chat += 1;
  budget = windowOf('day');
  await say('hello');
  const { text, labels, press, message } = await refusal();
  assert.match(
    text,
    /^The budget has no room for this answer\. Today has \$3\.00: \$2\.97 spent.*\n\nYour message is kept, and the answer comes after .* at /,
  );
  assert.doesNotMatch(text, /scripts\/vigil/);
  assert.deepEqual(labels, ['+$1 today', 'Cheaper model', 'Wait']);
  assert.deepEqual(
    (await turns()).map(({ state }) => state),
    ['waiting'],
  );
  const { query_id } = await press('+$1 today');
  await hears(/^default: hello$/);
  assert.deepEqual(await sent(), [text, 'Added $1 today; I go on.', 'default: hello']);
  assert.deepEqual(await given(), [{ nanousd: 1_000_000_000, given_by: String(OWNER) }]);
  assert.deepEqual(await presses(), [{ outcome: 'raised' }]);
  const answered = await until('the press is answered', async () =>
    (await house.bot.calls({ method: 'answerCallbackQuery' })).find(
      ({ args }) => args.callback_query_id === query_id,
    ),
  );
  assert.equal(answered.args.text, 'Received: +$1 today');
  const edited = await house.bot.waitSent(
    (one) => one.message_id === message.message_id && one.chat_id === chat && one.method !== 'sendMessage',
  );
  assert.equal(edited.message.reply_markup, undefined);
  assert.equal(edited.text, text);
  const { headers } = asked.at(-1) ?? {};
  assert.deepEqual(
    ['service', 'conversation', 'task'].map((name) => headers?.[`x-vigil-${name}`]),
    ['core', `telegram:${chat}`, 'chat'],
  );
});

test('a cheaper model answers when that is pressed, and nothing is added', async () => {
  chat += 1;
  budget = windowOf('hour');
  await say('hello');
  const { labels, press } = await refusal();
  assert.equal(labels[0], '+$1 this hour');
  await press('Cheaper model');
  await hears(/^quick: hello$/);
  assert.deepEqual(await given(), []);
  assert.deepEqual(
    (await turns()).map(({ state, alias }) => [state, alias]),
    [['done', 'quick']],
  );
  await say('and now?');
  await until('it is refused', async () => (await turns()).some(({ state }) => state === 'waiting'));
  assert.equal(asked.at(-1)?.model, 'default', 'the choice was for one answer');
});

test('whoever waits is told until when, and another conversation that raises the same budget ends the wait', async () => {
  chat += 1;
  const waits = chat;
  budget = windowOf('month');
  await say('patience');
  const { press, labels } = await refusal();
  assert.equal(labels[0], '+$1 this month');
  await press('Wait');
  await hears(/^Then it waits: your message is answered after /);
  assert.deepEqual(
    (await turns()).map(({ state }) => state),
    ['waiting'],
  );
  chat = 201;
  await say('now');
  await (await refusal()).press('+$1 this month');
  await hears(/^default: now$/);
  chat = waits;
  await hears(/^default: patience$/);
  assert.equal((await given()).length, 1);
});

test('a button pressed twice, and one of an answer that was given, change nothing more', async () => {
  chat += 1;
  budget = windowOf('day');
  await say('hello');
  const { press } = await refusal();
  const core = children.get('core');
  hangCore(); // both presses are there before the first has any effect
  await Promise.all([press('+$1 today'), press('+$1 today'), press('Cheaper model')]);
  await until('all are stored', async () => (await presses()).length === 3);
  core?.kill('SIGCONT');
  await hears(/^default: hello$/);
  await hears(/^That is settled already/);
  assert.equal((await given()).length, 1);
  const outcomes = await until('all are handled', async () => {
    const all = (await presses()).map(({ outcome }) => outcome);
    return all.includes(null) ? null : all;
  });
  assert.deepEqual(outcomes.toSorted(), ['raised', 'too late', 'too late']);
  assert.equal((await sent()).length, 4, 'the question, the raise, the answer, and one word on the rest');
});

test('a press waits behind no answer that is being given', async () => {
  chat += 1;
  budget = windowOf('day');
  await say('hello');
  const { press } = await refusal();
  const [patient, hung] = [chat, 301];
  chat = hung;
  budget = windowOf('day');
  await (await house.store()).commit([raise()]);
  await say('hang');
  await until('the only lane is taken', async () => (await turns())[0]?.state === 'running');
  chat = patient;
  await press('Wait');
  await hears(/^Then it waits/);
  chat = hung;
  assert.deepEqual(await turns().then((all) => all.map(({ state }) => state)), ['running']);
  gate.resolve();
  await hears(/^default: hang$/);
  chat = patient;
});

test('a stranger who presses is told that this is private, recorded, and nothing is done', async () => {
  chat += 1;
  budget = windowOf('day');
  await say('hello');
  const { press } = await refusal();
  const { query_id } = await press('+$1 today', 666);
  const answered = await until('the stranger is told', async () =>
    (await house.bot.calls({ method: 'answerCallbackQuery' })).find(
      ({ args, status }) => args.callback_query_id === query_id && status === 200,
    ),
  );
  assert.match(answered.args.text ?? '', /private/);
  assert.equal(answered.args.show_alert, 'true');
  const rows = await house.read<{ state: string; note: string }>(
    `SELECT state, note FROM inbound WHERE sender = '666'`,
  );
  assert.deepEqual(
    rows.map(({ state, note }) => `${state}: ${note}`),
    ['refused: a stranger'],
  );
  assert.deepEqual([await presses(), await given()], [[], []]);
  await press('+$1 today');
  await hears(/^default: hello$/);
});

test('a core that is killed over a press carries it out once when it is back', async () => {
  chat += 1;
  budget = windowOf('day');
  await say('hello');
  const { press } = await refusal();
  hangCore();
  await press('+$1 today');
  await until('the press is stored', async () => (await presses()).length === 1);
  await end('core', 'SIGKILL');
  assert.deepEqual(await given(), []);
  await start('core');
  await hears(/^default: hello$/);
  assert.equal((await given()).length, 1);
  assert.equal((await sent()).length, 3);
});

test('a bridge that is killed between a press and its effect loses neither, nor does a silent Telegram hold it up', async () => {
  chat += 1;
  budget = windowOf('day');
  await say('hello');
  const { press } = await refusal();
  hangCore();
  await house.bot.fault({ kind: 'hang', method: 'answerCallbackQuery', times: 1 });
  await press('+$1 today');
  await until('the press is stored', async () => (await presses()).length === 1);
  const asides = await house.bot.say({ chat_id: chat + 1, text: 'are you there?', from: { id: OWNER } });
  await until('the bridge polls on', async () =>
    (await house.bot.confirmed()).updates.some(({ update_id }) => update_id === asides.update_id),
  );
  await end('telegram', 'SIGKILL');
  children.get('core')?.kill('SIGCONT');
  await until('the turn is done', async () => (await turns())[0]?.state === 'done');
  await start('telegram');
  await hears(/^default: hello$/);
  assert.equal((await given()).length, 1);

  chat = 202;
  budget = windowOf('day');
  await say('again');
  const second = await refusal();
  await end('telegram', 'SIGKILL');
  await second.press('+$1 today');
  await start('telegram');
  await hears(/^default: again$/);
  assert.equal((await given()).length, 1);
});

test('an answer that alone costs more than it may is kept for a day, and its button names the answer', async () => {
  chat += 1;
  budget = { ...windowOf('turn'), retry_after_s: null };
  const before_at = systemClock.now();
  await say('hello');
  const { text, labels } = await refusal();
  assert.equal(labels[0], '+$1 for this answer');
  assert.match(text, /Your message is kept until /);
  const [turn] = await house.read<{ due_at: number }>('SELECT due_at FROM turn WHERE chat = ?', String(chat));
  assert.ok((turn?.due_at ?? 0) - before_at >= 86_400_000);
});

test('in the terminal the same is said with the command, and what it adds brings the answer', async () => {
  chat += 1;
  budget = windowOf('day');
  const store = await house.store();
  await store.commit([
    inbound.receive({
      source: 'terminal',
      source_key: 'one',
      channel: 'terminal',
      conversation: 'terminal:main',
      chat: null,
      sender: 'me',
      text: 'hello',
      message_ref: null,
      payload_json: '{}',
      received_at: systemClock.now(),
      state: 'pending',
      note: null,
    }),
  ]);
  const heard = () =>
    house.read<{ text: string; buttons_json: string | null }>(
      `SELECT text, buttons_json FROM outbound WHERE conversation = 'terminal:main' ORDER BY id`,
    );
  const [told] = await until('the terminal is told', async () =>
    (await heard()).length > 0 ? heard() : null,
  );
  assert.match(
    told?.text ?? '',
    /Today has \$3\.00.*To have it at once: scripts\/vigil budget raise day 1$/s,
  );
  assert.equal(told?.buttons_json, null);
  await store.commit([raise()]);
  const [, answer] = await until('the answer is there', async () => {
    const all = await heard();
    return all.length > 1 ? all : null;
  });
  assert.equal(answer?.text, 'default: hello');
});

const waiting = {
  id: 't',
  attempt: 2,
  state: 'waiting',
  conversation: 'c',
  spend_id: 'day 1',
  due_at: 1,
} as Turn;
const outcome = (data: string, found: Partial<Turn> = {}) =>
  effectOf(
    {
      id: 1,
      channel: 'telegram',
      conversation: 'c',
      chat: '1',
      sender: '1',
      data,
      message_ref: null,
      received_at: 1,
      owner: 1,
    },
    { ...waiting, ...found },
    1,
  ).outcome;

test('a button works for the refusal that it came with alone', () => {
  assert.equal(outcome('raise:t:2'), 'raised');
  assert.equal(outcome('raise:t:1'), 'too late', 'refused again after a raise, an old button adds no more');
  assert.equal(
    outcome('raise:t:2', { conversation: 'd' }),
    'too late',
    'nor does one of another conversation',
  );
  assert.equal(outcome('raise:t:2', { spend_id: null }), 'too late', 'it waits for the model, not for money');
  assert.equal(outcome('raise:t:2', { state: 'done' }), 'too late');
  assert.equal(outcome('raise:t'), 'too late');
  assert.equal(outcome('destroy:t:2'), 'unknown');
});

test('no button is offered that would not help', () => {
  const labels = (command: string | null, model: string) =>
    questionOf(
      { id: 't', attempt: 1, channel: 'telegram' },
      { spend_id: 'hour 1', command, tell: '' },
      model,
    ).buttons.map((row) => row.map(({ text }) => text));
  assert.deepEqual(labels('raise', 'default'), [['+$1 this hour'], ['Cheaper model', 'Wait']]);
  assert.deepEqual(labels('raise', 'quick'), [['+$1 this hour'], ['Wait']]);
  assert.deepEqual(labels(null, 'default'), [['Wait']]);
});

test('a button fits into what Telegram lets it bear', () => {
  const refused = { id: randomUUID(), attempt: 1_000_000, channel: 'telegram' } as const;
  const { buttons } = questionOf(refused, { spend_id: 'day 1', command: 'raise', tell: '' }, 'default');
  for (const { data } of buttons.flat()) assert.ok(Buffer.byteLength(data) <= 64, data);
});

test('in a whole house the router refuses, the owner presses, and the ledger tells it', async (t) => {
  const whole = await buildHouse({ config: '[budget]\nhour_usd = 0.03\n' });
  t.after(() => whole.close());
  await whole.start();
  const texts = async (chat_id: number) =>
    (await whole.bot.sent({ chat_id, method: 'sendMessage' })).map(({ text }) => text);
  async function ask(chat_id: number, label: string): Promise<string> {
    await whole.bot.say({ chat_id, text: 'hello', from: { id: OWNER } });
    const { message_id, message, text } = await whole.bot.waitSent(
      (one) => one.chat_id === chat_id && one.message.reply_markup !== undefined,
    );
    const buttons: Row[] = message.reply_markup?.inline_keyboard.flat() ?? [];
    const data = buttons.find((button) => button.text === label)?.callback_data ?? '';
    await whole.bot.press({ chat_id, message_id, data, from: { id: OWNER } });
    await until('it is answered', async () => (await texts(chat_id)).includes('answer to: hello'));
    return text;
  }
  const told = await ask(1, 'Cheaper model');
  assert.match(
    told,
    /^The budget has no room for this answer\. This hour has \$0\.030: \$0\.00 spent, .*\n\nYour message is kept/,
  );
  await ask(2, '+$1 this hour');
  const calls = await until('both bills are written', async () => {
    const rows = await whole.read<{ alias: string; task: string; conversation: string }>(
      `SELECT alias, task, conversation FROM call WHERE state = 'settled' AND cost_nanousd > 0 ORDER BY opened_at`,
    );
    return rows.length >= 2 && rows;
  });
  assert.deepEqual(
    calls.map(({ alias, task, conversation }) => [alias, task, conversation]),
    [
      ['quick', 'chat', 'telegram:1'],
      ['default', 'chat', 'telegram:2'],
    ],
  );
});
