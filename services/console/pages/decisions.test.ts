/** The list of decisions, over a store that has many of them, and the whole of one. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Op, Value } from '#shared/tables/op.ts';
import { DECISION, liveThrough, TURN } from '#shared/testing/lived.ts';
import { visitTo } from '#shared/testing/visit.ts';
import { config } from '../config.ts';
import { decision } from './decision.ts';
import { decisions } from './decisions.ts';
import { exchange } from './exchange.ts';

const op = (sql: string, ...args: Value[]): Op => ({ verb: 'test', sql, args });
const id = (n: number) => `0190bbbb-${String(n).padStart(4, '0')}-7000-8000-000000000000`;
const at = (n: number) => Date.UTC(2026, 10, 22) + n * 1000;

/** `count` turns of a decision each, one a second. */
async function many(
  t: TestContext,
  count: number,
  how: (n: number) => { action?: string; model?: string; conversation?: string; state?: string } = () => ({}),
) {
  const visiting = await visitTo(t, config);
  const core = await visiting.as('core');
  await core.commit(
    Array.from({ length: count }, (_, n) => {
      const { action = 'answer', model = 'm', conversation = 'telegram:7', state = 'done' } = how(n);
      return [
        op(
          `INSERT INTO turn (id, conversation, channel, state, attempt, due_at, changed_at, owner, boot_id, lease_until_at,
             created_at, finished_at) VALUES (?, ?, 'telegram', ?, 1, 0, 0, 'o', 'b', 0, ?, ?)`,
          ...[`t${id(n)}`, conversation, state, at(n), at(n)],
        ),
        op(
          `INSERT INTO decision (id, turn_id, round, conversation, sender, model, action, reasoning, at)
           VALUES (?, ?, 1, ?, '7', ?, ?, ?, ?)`,
          ...[id(n), `t${id(n)}`, conversation, model, action, `because ${n}`, at(n)],
        ),
      ];
    }).flat(),
  );
  const show = async (query = '') => {
    const { body } = await decisions.show({ ...visiting.visit, query: new URLSearchParams(query) });
    const text = String(await body);
    return {
      text,
      listed: [...text.matchAll(/because (\d+)/g)].map(([, n]) => Number(n)),
      older: /\?([^"]*)" rel="next"/.exec(text)?.[1]?.replaceAll('&amp;', '&') ?? null,
    };
  };
  return { ...visiting, show };
}

const down = (from: number, count: number) => Array.from({ length: count }, (_, i) => from - i);

test('fifty are on a page, the latest first, and every one of them is on one', async (t) => {
  const { show } = await many(t, 120);
  const first = await show();
  assert.deepEqual(first.listed, down(119, 50));
  const second = await show(first.older ?? '');
  assert.deepEqual(second.listed, down(69, 50));
  const third = await show(second.older ?? '');
  assert.deepEqual([third.listed, third.older], [down(19, 20), null]);
});

test('decisions of the same millisecond are neither lost nor told twice at the end of a page', async (t) => {
  const { show, as } = await many(t, 60);
  await (await as('core')).commit([op('UPDATE decision SET at = ?', at(1))]);
  const first = await show();
  const second = await show(first.older ?? '');
  assert.deepEqual([...first.listed, ...second.listed], down(59, 60));
});

test('they are narrowed by what was done, by whom, where, since when, and by the beginning of an id', async (t) => {
  const { show } = await many(t, 9, (n) => ({
    action: n % 3 === 0 ? 'answer' : n % 3 === 1 ? 'tool fetch_url' : 'tool run_command',
    model: n < 5 ? 'small' : 'large',
    conversation: n === 4 ? 'terminal:main' : 'telegram:7',
  }));
  const of = async (query: string) => (await show(query)).listed;
  assert.deepEqual(await of('action=tool'), [8, 7, 5, 4, 2, 1]);
  assert.deepEqual(await of('action=tool+fetch_url'), [7, 4, 1]);
  assert.deepEqual(await of('action=tool&model=small'), [4, 2, 1]);
  assert.deepEqual(await of('conversation=terminal%3Amain'), [4]);
  assert.deepEqual(await of(`id=${id(3).slice(0, 13)}`), [3]);
  assert.deepEqual(await of(`id=t${id(3)}`), [], 'an id has no other letters');
  assert.deepEqual(await of('from=2026-11-21'), down(8, 9));
  assert.deepEqual(await of('from=2027-01-01'), []);
  assert.match((await show('id=0190')).text, /at least its first eight characters/);
  assert.match((await show('from=yesterday')).text, /A day is told as in 2026-11-22/);
});

test('how their turns stand finds the few that did not end well, and those that are not over', async (t) => {
  const { show } = await many(t, 80, (n) => ({
    state: n === 3 ? 'dead' : n === 4 ? 'held' : n === 5 ? 'waiting' : 'done',
  }));
  for (const [state, expected] of [
    ['dead', [3]],
    ['held', [4]],
    ['waiting', [5]],
    ['running', []],
  ] as const)
    assert.deepEqual((await show(`state=${state}`)).listed, expected, state);
  assert.deepEqual((await show('state=done')).listed, down(79, 50));
});

test('what is rare among much is looked for a stretch at a time, and the way on is told', async (t) => {
  const { show } = await many(t, 5100, (n) => ({
    model: n === 10 ? 'rare' : 'm',
    conversation: 'telegram:7',
  }));
  const first = await show('conversation=telegram%3A7&model=rare');
  assert.match(first.text, /None among the latest of these/);
  assert.match(first.text, /Looked back until/);
  const second = await show(first.older ?? '');
  assert.deepEqual([second.listed, second.older], [[10], null]);
});

const HOSTILE = '<script>alert(1)</script>"\'><img src=x onerror=alert(2)>\u202Eevil\u001b[31m';
const all = {
  asked: HOSTILE,
  remembered: HOSTILE,
  why: HOSTILE,
  url: `https://x.example/${HOSTILE}`,
  result: HOSTILE + 'y'.repeat(2 ** 20),
  fault: HOSTILE,
  answer: `${HOSTILE} [x](javascript:alert(3)) ![i](https://evil.example/i.png)`,
  request: JSON.stringify({ system: HOSTILE }),
};

async function turnIn(t: TestContext, words: Parameters<typeof liveThrough>[2] = {}) {
  const visiting = await visitTo(t, config);
  await liveThrough(visiting.visit.ctx.home, visiting.as, words);
  const show = async (what: string | null) => {
    const shown = await decision.show({ ...visiting.visit, id: what });
    return { ...shown, text: String(await shown.body) };
  };
  return { ...visiting, show };
}

test('the whole of a turn is told: message, recall and why, routes not taken, tools, answer, cost and thumbs', async (t) => {
  const { show } = await turnIn(t);
  for (const what of [TURN, DECISION, DECISION.slice(0, 13), null]) {
    const { text, status } = await show(what);
    assert.equal(status, undefined, String(what));
    for (const part of [
      /what is the weather\?\[U\+001B\]\[31m/,
      /The owner lives in Bonn\..*3\.2.*text 2\.8, day 0\.4/s,
      /message 99<\/span> <span[^>]*>forgotten since/,
      /default → one\/m <span class="pill bad">refused<\/span>/,
      /default → two\/m <span class="pill good">ok<\/span> <span class="pill warn">attempt 2<\/span>/,
      /<td class="">one\/m<\/td><td class="">tried 1 times<\/td>/,
      /1\.5k in, 500 of them from cache, 20 out/,
      /\$0\.012/,
      /the first word after 300 ms/,
      /tool fetch_url.*Confidence<\/dt><dd>0\.90/s,
      /It has to be looked up\./,
      /web https:\/\/weather\.example/,
      /Result, 3 bytes<\/summary><pre[^>]*>sun<\/pre>/,
      /<p>Sun\.<\/p>/,
      /made up, by 7/,
      /Held against its sources<\/dt><dd>unsupported/,
      /core turn\.postponed.*no answer.*3 times/s,
      /href="\/c\/A{22}\/exchange\/c2"/,
      /aria-label="model two\/m, attempt 2, ok: after 40 ms, 600 ms"/,
    ])
      assert.match(text, part, String(what));
  }
});

test('nothing that anybody said becomes markup on the page of a turn, and a long line does not fill it', async (t) => {
  const { show, visit } = await turnIn(t, all);
  const { text } = await show(TURN);
  const { body } = await exchange.show({ ...visit, id: 'c2' });
  const bodies = String(await body);
  for (const page of [text, bodies]) {
    assert.match(page, /&lt;script&gt;alert\(1\)/);
    assert.doesNotMatch(page, /<(script|img)\b/i);
    assert.doesNotMatch(page, /<[^>]*\son\w+=/i);
    assert.ok(!page.includes('\u001b') && !page.includes('\u202e'));
    assert.doesNotMatch(page, /href="javascript/i);
  }
  assert.ok(text.length < 120_000, `${text.length} characters`);
});

test("an id that is nobody's, or too many's, is said to be that", async (t) => {
  const { show } = await turnIn(t);
  for (const what of ['0190cccc', 'x', "0190aaaa'--", 'telegram:902']) {
    const { status, text } = await show(what);
    assert.equal(status, 404, what);
    assert.match(text, /No turn and no decision has this id/);
  }
});

test('what was forgotten says so, and what it cost stays', async (t) => {
  const { show, as } = await turnIn(t);
  const memory = await as('memory');
  const { erase, NOTHING } = await import('#shared/tables/erase.ts');
  await memory.commit(erase({ ...NOTHING, turn: [TURN] }));
  const { text } = await show(TURN);
  assert.match(text, /This was forgotten/);
  assert.doesNotMatch(text, /weather|Sun\./);
  assert.match(text, /\$0\.012/);
});

test('what a model was asked is laid out, and saved whole', async (t) => {
  const { visit } = await turnIn(t);
  const shown = async (call: string) => String(await (await exchange.show({ ...visit, id: call })).body);
  assert.match(await shown('c2'), /&quot;system&quot;: &quot;be good&quot;/);
  assert.match(await shown('c2'), /event: message_start/);
  assert.match(await shown('c1'), /Not kept any more/);
  assert.equal((await exchange.show({ ...visit, id: 'c9' })).status, 404);
  const save = (what: string) =>
    exchange.save?.({ ...visit, id: 'c2', query: new URLSearchParams({ save: what }) });
  assert.deepEqual(await save('response'), { name: 'c2-response.txt', text: 'event: message_start' });
  assert.equal(await save('anything'), null);
});
