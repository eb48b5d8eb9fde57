import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { uuid } from '#shared/base/ids.ts';
import { prepareHome } from '#shared/runtime/home.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as task from '#shared/tables/task.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import * as turn from '#shared/tables/turn.ts';
import { axe, consoleOf, noBrowser, shots, sideways } from '#shared/testing/browser.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { visitTo } from '#shared/testing/visit.ts';
import { config } from '../config.ts';
import { acted, shown, turned } from '../visiting.ts';
import { queue, whyOf } from './queue.ts';

const HOSTILE = '<img src=x onerror=alert(1)>"\'&</td><script>alert(2)</script>';

async function opened(t: TestContext) {
  const house = await buildHouse({ telegram: false });
  t.after(() => house.close());
  prepareHome(house.home);
  return crowd(t, house);
}

/** The turns of a house, made by a test as core would. */
async function crowd(t: TestContext, house: House) {
  const visiting = await visitTo(t, config, { home: house.home });
  const store = await visiting.as('core');
  const now = Date.now();
  const lease = { owner: 'test', boot_id: 'test', now, until_at: now + 60_000 };
  async function receive(conversation: string, text: string) {
    await store.commit([
      inbound.receive({
        ...{
          source: 'test',
          source_key: uuid(now),
          channel: 'terminal',
          conversation,
          chat: null,
          sender: 'ann',
        },
        ...{ text, message_ref: null, payload_json: '{}', received_at: now, state: 'pending', note: null },
      }),
    ]);
  }
  async function begin(conversation: string, text: string): Promise<turn.Turn> {
    await receive(conversation, text);
    const id = uuid(Date.now());
    const [[begun]] = await store.commit([turn.open(id, lease), inbound.take(id, 9)] as const);
    assert.ok(begun);
    const { heard } = await import('#shared/tables/message.ts');
    await store.commit([heard(id, 1, [])]);
    return begun;
  }
  const held = async (conversation: string, text: string, error = 'it broke') => {
    const one = await begin(conversation, text);
    await store.commit([turn.hold(one, { now, error })]);
    return one.id;
  };
  const visit = (address = '') => turned(visiting.visit, address);
  const stateOf = async (id: string) => (await store.read(turn.of(id)))[0]?.state;
  return { house, store, as: visiting.as, now, begin, receive, held, visit, stateOf };
}

const itRains = (now: number) =>
  outbound.post({
    ...{ key: 'k', channel: 'telegram', conversation: 'telegram:7', chat: '7', kind: 'reply' },
    ...{ turn_id: null, text: 'it rains', message_ref: null, now },
  });

test('the queue shows all that is not over, and why', async (t) => {
  const { store, now, begin, receive, held, visit } = await opened(t);
  assert.match(await shown(queue, visit()), /nothing waits[\s\S]*Nothing is in work[\s\S]*Nothing is held/);

  await begin('terminal:a', 'what is the weather?');
  const away = await begin('terminal:b', 'and tomorrow?');
  const error = 'the provider is overloaded';
  await store.commit([turn.wait(away, { now, due_at: now + 60_000, because: 'away', told: false, error })]);
  await held('terminal:c', 'a poisoned question', 'it broke three times');
  await receive('terminal:a', 'one that comes behind');
  await store.commit([
    tool_call.ask({
      ...{ id: 'call', turn_id: away.id, round: 1, place: 0, use_id: 'u', decision_id: null },
      ...{ conversation: 'terminal:b', channel: 'terminal', chat: null, sender: null },
      ...{ tool: 'run_command', input_json: '{}', now },
    }),
    itRains(now),
    task.add({
      ...{ goal: 'tidy the attic', check_kind: 'question', check_text: 'tidy?', budget_nanousd: 1e9 },
      ...{
        most_iterations: 5,
        until_at: now + 1e6,
        channel: 'terminal',
        chat: null,
        conversation: 'terminal:a',
      },
      ...{ sender: 'ann', now },
    }),
  ]);
  const text = await shown(queue, visit());
  for (const expected of [
    /what is the weather\?[\s\S]*running[\s\S]*at it/,
    /and tomorrow\?[\s\S]*for the model, failed once: the provider is overloaded, due <time/,
    /a poisoned question[\s\S]*it broke three times[\s\S]*Retry[\s\S]*Drop/,
    /one that comes behind/,
    /run_command[\s\S]*pending/,
    /it rains[\s\S]*telegram:7/,
    /tidy the attic[\s\S]*1 of 5, \$0\.00 of \$1\.00/,
    /<dt>Waiting<\/dt><dd>2<\/dd>/,
    /<dt>In work<\/dt><dd>1<\/dd>/,
  ])
    assert.match(text, expected);
});

test('what failed to go out once says so', async (t) => {
  const { store, as, now, visit } = await opened(t);
  await store.commit([itRains(now)]);
  const telegram = await as('telegram');
  await telegram.commit([{ verb: 'test', sql: 'UPDATE outbound SET failures = 1', args: [] }]);
  assert.match(await shown(queue, visit()), /\(failed once\)/);
});

test('a waiting turn says what it waits for', () => {
  const row = { state: 'waiting', waits_for: null, failures: 0, error: null, attempt: 1 } as const;
  assert.equal(whyOf({ ...row, state: 'running' }), 'at it');
  assert.equal(whyOf({ ...row, state: 'running', attempt: 2 }), 'at it, attempt 2');
  assert.equal(whyOf(row), 'to be taken up again');
  assert.equal(
    whyOf({ ...row, waits_for: 'budget', error: 'the day is spent' }),
    'for money: the day is spent',
  );
  assert.equal(whyOf({ ...row, waits_for: 'model', failures: 2 }), 'for the model, failed 2 times');
});

test('what people and tools say never becomes markup', async (t) => {
  const { store, now, begin, receive, held, visit } = await opened(t);
  const one = await begin(`terminal:${HOSTILE}`, HOSTILE);
  await store.commit([turn.wait(one, { now, due_at: now, because: 'away', told: false, error: HOSTILE })]);
  await held('terminal:c', HOSTILE, HOSTILE);
  await receive(`terminal:${HOSTILE}`, HOSTILE);
  await store.commit([
    outbound.post({
      ...{ key: 'k', channel: 'telegram', conversation: HOSTILE, chat: '7', kind: 'reply', turn_id: null },
      ...{ text: HOSTILE, message_ref: null, now },
    }),
    task.add({
      ...{ goal: HOSTILE, check_kind: 'question', check_text: 'x', budget_nanousd: 1e9, most_iterations: 5 },
      ...{ until_at: now, channel: 'terminal', chat: null, conversation: HOSTILE, sender: HOSTILE, now },
    }),
  ]);
  const text = await shown(queue, visit());
  assert.ok(text.includes('&lt;img'));
  assert.doesNotMatch(text, /<img|<script|onerror=alert\(1\)>"/);
});

test('a page of those given up is followed by the older ones', async (t) => {
  const { store, now, begin, visit } = await opened(t);
  for (let nth = 0; nth < 51; nth++) {
    const one = await begin('terminal:a', `question ${String(nth).padStart(2, '0')}`);
    await store.commit([
      turn.finish(one, { now, state: 'dead', error: 'no use' }),
      inbound.close(one.id, 'dead'),
    ]);
  }
  const first = await shown(queue, visit());
  assert.ok(first.includes('question 50') && first.includes('question 01'));
  assert.ok(!first.includes('question 00'));
  const [, before] = /before=([\w-]+)/.exec(first) ?? [];
  const second = await shown(queue, visit(`?before=${before}`));
  assert.ok(second.includes('question 00') && !second.includes('question 01'));
  assert.doesNotMatch(second, /rel="next"/);
});

test('core retries, drops and stops what the console asks it to', async (t) => {
  const { house, store, now, held, visit, stateOf } = await opened(t);
  const [again, left] = [await held('terminal:a', 'one'), await held('terminal:b', 'two')];
  const early = await acted(queue, visit(), 'drop', { id: left });
  assert.match(early.say, /^Asked for: the service core is not running/);

  const { halt } = await import('#shared/runtime/halt.ts');
  halt(house.home.halted, 'a test'); // presses are answered all the same, and no turn is taken up
  const core = await house.serve('core');
  t.after(() => core.stop());
  await until('the early press is answered', async () => (await stateOf(left)) === 'done');
  assert.deepEqual(await acted(queue, visit(), 'retry', { id: again }), {
    say: 'It is tried once more.',
    subject: `turn ${again}`,
  });
  assert.equal(await stateOf(again), 'waiting');
  assert.deepEqual(await acted(queue, visit(), 'retry', { id: again }), {
    say: 'That is settled already: nothing was changed.',
    subject: `turn ${again}`,
    refused: true,
  });
  assert.equal((await acted(queue, visit(), 'stop', { id: again })).say, 'It is stopped.');
  assert.equal(await stateOf(again), 'done');
  assert.equal((await acted(queue, visit(), 'stop', { id: '/halt' })).refused, true);

  const three = [await held('terminal:a', '1'), await held('terminal:b', '2'), await held('terminal:a', '3')];
  const all = await acted(queue, visit(), 'retry-all');
  assert.deepEqual(all, { say: 'Of 3: 2 released, 1 busy.', subject: '3 held turns' });
  assert.deepEqual(await Promise.all(three.map(stateOf)), ['waiting', 'waiting', 'held']);
  assert.equal((await acted(queue, visit(), 'drop-all')).say, 'Of 1: 1 dropped.');
  assert.equal((await acted(queue, visit(), 'drop-all')).say, 'Nothing is held.');

  const wish: task.Wish = {
    ...({ goal: 'tidy', check_kind: 'question', check_text: 'x', budget_nanousd: 1e9 } as const),
    ...({ most_iterations: 5, until_at: now + 1e6, channel: 'terminal', chat: null } as const),
    ...{ conversation: 'terminal:a', sender: 'ann', now },
  };
  const [[made]] = await store.commit([task.add(wish)]);
  const id = made?.id ?? 0;
  assert.equal((await acted(queue, visit(), 'task-pause', { id })).say, 'It rests after its present step.');
  assert.equal((await acted(queue, visit(), 'task-resume', { id })).say, 'It goes on.');
  assert.equal((await acted(queue, visit(), 'task-cancel', { id })).say, 'It is cancelled.');
  assert.equal((await acted(queue, visit(), 'task-cancel', { id })).refused, true);
  const [{ by } = { by: '' }] = await house.read<{ by: string }>(
    `SELECT DISTINCT sender AS by FROM press WHERE source = 'console'`,
  );
  assert.equal(by, 'console AAAAAA');
});

test('the queue in a browser: seen at every width, and worked with the keyboard', {
  skip: noBrowser,
}, async (t) => {
  const turns: string[] = [];
  const { house, page, base, faults } = await consoleOf(t, async (house) => {
    const { held, begin, store, now, receive } = await crowd(t, house);
    turns.push(
      await held('terminal:a', 'Which of the two flights is cheaper?', 'the model refused three times'),
    );
    turns.push(await held('terminal:b', 'Summarise the attached report', 'the file could not be read'));
    const away = await begin(
      'telegram:4242',
      'What does my calendar say about tomorrow, and is there time for the dentist?',
    );
    const error = 'anthropic: 529 overloaded';
    await store.commit([turn.wait(away, { now, due_at: now + 90_000, because: 'away', told: true, error })]);
    await begin('terminal:main', 'Please tidy the notes of last week');
    await receive('terminal:main', 'And send them to Ann');
  });
  await page.goto(`${base}/queue`);
  await shots(page, 'queue');
  assert.deepEqual(await axe(page), []);
  assert.equal(await sideways(page), 0);
  const core = await house.serve('core');
  t.after(() => core.stop());
  await page.getByRole('button', { name: 'Drop the turn in terminal:a' }).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Shift+Tab'); // from Cancel to what it asks for
  await page.keyboard.press('Enter');
  await page.getByText('It is left unanswered.').waitFor();
  await page.getByRole('button', { name: 'Drop the turn in terminal:a' }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Retry the turn in terminal:b' }).click();
  await page.getByText('It is tried once more.').waitFor();
  assert.deepEqual(faults, []);
});
