/** Days are counted from hand-made histories, of which every number is known. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { dayBefore, periodOf } from '#shared/base/period.ts';
import { ALL, type Counts, figureIn, figures } from '#shared/metrics/quality.ts';
import { openStore } from '#shared/store/store.ts';
import * as quality from '#shared/tables/quality.ts';
import { historyIn } from '#shared/testing/history.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { againstUsual, countsOf } from './day.ts';
import { count, staleDays } from './days.ts';

const HOUR_ms = 3_600_000;
const NOW = new Date(2026, 10, 22, 15, 30).getTime();
const TODAY = dayBefore(NOW, 0);
const YESTERDAY = dayBefore(NOW, 1);

async function build(t: TestContext, now = NOW) {
  const store = await openStore({ directory: scratch(t), principal: 'metrics', flush: 'normal' });
  const history = historyIn(store);
  t.after(async () => {
    history.close();
    await store.close();
  });
  const clock = { now: () => now, mono: () => performance.now() };
  const counts = async (day = TODAY) => countsOf(store.read, day, now);
  const all = async (day = TODAY) => (await counts(day)).get(ALL) ?? {};
  return { ...history, store, clock, counts, all };
}

const figure = (name: string, counts: Counts) => {
  const found = figures.find((one) => one.name === name);
  assert.ok(found, name);
  return figureIn(found, counts);
};

test('of a day on which nothing happened there is no figure, and nothing is written', async (t) => {
  const house = await build(t);
  const all = await house.all();
  for (const one of figures) assert.equal(figureIn(one, all), null, one.name);
  await count(house, TODAY);
  assert.deepEqual(await house.store.read(quality.between(0, Number.MAX_SAFE_INTEGER)), []);
});

test('a message that is answered counts once, however many were answered together', async (t) => {
  const house = await build(t);
  house.answer({ at: NOW - 1, messages: 3, took_ms: 6000, model_ms: 2000 });
  house.answer({ at: NOW - 2, took_ms: 2000, model_ms: 1000 });
  house.use(NOW, 'm', { calls: 3, tokens: 900, usd: 0.08 });
  const all = await house.all();
  assert.equal(all.messages, 4);
  assert.equal(all.answered, 2);
  assert.equal(figure('cost_per_message_usd', all), 0.02);
  assert.equal(figure('answer_seconds', all), 4);
  assert.equal(figure('decision_seconds', all), 1.5);
});

test('what was cut off, stopped, given up or waits for its owner was not completed; jobs and tasks are counted apart', async (t) => {
  const house = await build(t);
  const at = NOW - HOUR_ms;
  house.answer({ at });
  house.answer({ at, action: 'stop' });
  house.answer({ at, action: 'stop', error: 'stopped by 7' });
  house.answer({ at, action: 'give up', state: 'dead', error: 'no use' });
  house.answer({ at, action: 'escalate', state: 'held' });
  house.answer({ at, action: 'ignore' });
  house.answer({ at, unasked: true, conversation: 'job:1' });
  house.answer({ at, messages: 0, conversation: 'task:1' });
  for (const [job, state] of Object.entries({ a: 'done', b: 'done', c: 'failed', d: 'skipped' }))
    house.run(
      `INSERT INTO slot (job, due_at, state, created_at, finished_at) VALUES (?,?,?,0,?)`,
      ...[job, at, state, at],
    );
  house.run(
    `INSERT INTO slot (job, due_at, service, state, created_at, finished_at) VALUES ('prune',1,'backup','done',0,?)`,
    at,
  );
  for (const [state, finished_at] of [
    ['done', at],
    ['failed', at],
    ['cancelled', at],
    ['held', null],
    ['running', null],
  ] as const)
    house.run(
      `INSERT INTO task (goal, check_kind, check_text, budget_nanousd, most_iterations, until_at, channel, conversation,
         state, phase, created_at, changed_at, finished_at) VALUES ('g','command','c',1,1,1,'telegram','c',?,'work',0,?,?)`,
      ...[state, at, finished_at],
    );
  const all = await house.all();
  const { answered, cut, cancelled, failed, held } = all;
  assert.deepEqual(
    { answered, cut, cancelled, failed, held },
    { answered: 1, cut: 1, cancelled: 1, failed: 1, held: 1 },
  );
  assert.equal(figure('completed_share', all), 0.2);
  assert.equal(figure('jobs_done_share', all), 0.5);
  assert.equal(figure('tasks_done_share', all), 0.25);
});

test('what was thought of an answer counts on the day of the answer, and is said with how many said so', async (t) => {
  const house = await build(t);
  house.answer({ at: NOW - 1, rated: { good: true } });
  house.answer({ at: NOW - 1, rated: { good: true } });
  house.answer({ at: NOW - 1, rated: { good: false, why: 'not helpful' } });
  house.answer({ at: YESTERDAY.starts_at, rated: { good: false, at: NOW } });
  house.answer({ at: NOW - 1 });
  const all = await house.all();
  assert.deepEqual([all.up, all.down, all.not_helpful, all.made_up], [2, 1, 1, 0]);
  assert.equal(figure('satisfied_share', all), 2 / 3);
  assert.deepEqual([(await house.all(YESTERDAY)).up, (await house.all(YESTERDAY)).down], [0, 1]);
});

test('an answer is suspect once, by whatever it is found; a tool that there is none of counts besides', async (t) => {
  const house = await build(t);
  house.run(
    `INSERT INTO tool (name, source, description, schema_json, offer, repeatable, changed_at) VALUES ('read_file','','','{}','always',1,0)`,
  );
  const at = NOW - 1;
  house.answer({ at, rated: { good: false, why: 'made up' }, checked: { verdict: 'unsupported' } });
  house.answer({ at, checked: { verdict: 'unclear' } });
  house.answer({ at, checked: { verdict: 'supported' } });
  house.answer({ at, answer: 'I do it. <invoke name="read_file">' });
  // Who has called one may show how that looks.
  const shows = [{ tool: 'read_file', state: 'done' }];
  house.answer({ at, answer: 'so: <invoke name="read_file">', tools: shows });
  house.answer({ at, tools: [{ tool: 'read_mind', state: 'failed', began: false }] });
  // Of these, one is there and was called wrongly, and one was there when it was called.
  house.answer({ at, tools: [{ tool: 'read_file', state: 'failed', began: false }] });
  house.answer({ at, tools: [{ tool: 'gone_since', state: 'done' }] });
  house.use(at, 'm', { calls: 80, failures: 30, tokens: 1 });
  house.use(at, 'v', { calls: 500, tokens: 1, task: 'embedding' });
  const all = await house.all();
  const { suspect, invented, pretended, checked, unsupported, made_up } = all;
  assert.deepEqual(
    { suspect, invented, pretended, checked, unsupported, made_up },
    { suspect: 2, invented: 1, pretended: 1, checked: 3, unsupported: 1, made_up: 1 },
  );
  assert.equal(figure('made_up_per_100_calls', all), 6);
});

test('each model has its own figures, and all of them together theirs', async (t) => {
  const house = await build(t);
  house.answer({ at: NOW - 1, model: 'large', took_ms: 9000, rated: { good: true } });
  house.answer({ at: NOW - 1, model: 'small', took_ms: 1000, rated: { good: false } });
  house.answer({ at: NOW - 1, action: 'give up', state: 'dead', error: 'e' });
  house.use(NOW, 'large', { calls: 1, tokens: 100, usd: 0.09 });
  house.use(NOW, 'small', { calls: 1, tokens: 10, usd: 0.01 });
  const models = await house.counts();
  assert.deepEqual([...models.keys()].sort(), [ALL, 'large', 'small']);
  const of = (name: string) => ['large', 'small', ALL].map((model) => figure(name, models.get(model) ?? {}));
  assert.deepEqual(of('cost_per_message_usd'), [0.09, 0.01, 0.05]);
  assert.deepEqual(of('satisfied_share'), [1, 0, 0.5]);
  assert.deepEqual(of('answer_seconds'), [9, 1, 5]);
  assert.deepEqual(of('completed_share'), [1, 1, 2 / 3]);
});

test('midnight parts the days, to the millisecond', async (t) => {
  const house = await build(t);
  house.answer({ at: TODAY.starts_at - 1 });
  house.answer({ at: TODAY.starts_at });
  house.answer({ at: TODAY.starts_at + 1 });
  house.use(TODAY.starts_at - 1, 'm', { tokens: 10 });
  house.use(TODAY.starts_at, 'm', { tokens: 20 });
  const [today, yesterday] = [await house.all(), await house.all(YESTERDAY)];
  assert.deepEqual([yesterday.answered, today.answered], [1, 2]);
  assert.deepEqual([yesterday.tokens, today.tokens], [10, 20]);
});

test('a day on which the clock is set has its 23 or 25 hours, and is held against the same hours of others', (t) => {
  const before = process.env.TZ;
  process.env.TZ = 'Europe/Berlin';
  t.after(() => {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  });
  for (const [month, date, length] of [
    [2, 29, 23],
    [9, 25, 25],
  ] as const) {
    const noon = new Date(2026, month, date, 12).getTime();
    const day = periodOf('day', noon);
    assert.equal((day.ends_at - day.starts_at) / HOUR_ms, length);
    const hours: { hour_at: number; tokens: number }[] = [];
    for (let at = dayBefore(noon, 7).starts_at; at < day.ends_at; at += HOUR_ms)
      hours.push({ hour_at: at, tokens: 10 });
    const whole = againstUsual(hours, day, day.ends_at);
    assert.deepEqual(whole, { tokens_so_far: length * 10, tokens_usual: 240 });
    // Until noon it is an hour less, or more; until then others have twelve.
    assert.deepEqual(againstUsual(hours, day, noon + 5), {
      tokens_so_far: (length - 12) * 10,
      tokens_usual: 120,
    });
  }
});

test('what is usual is told from three days of use on, of seven at most, and of the hours that are over', () => {
  const at = (back: number, hour: number) => dayBefore(NOW, back).starts_at + hour * HOUR_ms;
  const use = (back: number, hour: number, tokens: number) => ({ hour_at: at(back, hour), tokens });
  const today = [use(0, 3, 100), use(0, 14, 50), use(0, 15, 7777)];
  const two = [use(1, 3, 60), use(2, 3, 60)];
  assert.deepEqual(againstUsual([...today, ...two], TODAY, NOW), {});
  // One that was used only later in the day counts too.
  const three = [...today, ...two, use(5, 20, 5000)];
  assert.deepEqual(againstUsual(three, TODAY, NOW), { tokens_so_far: 150, tokens_usual: 40 });
  assert.deepEqual(againstUsual([...three, use(8, 3, 9999)], TODAY, NOW), {
    tokens_so_far: 150,
    tokens_usual: 40,
  });
  assert.deepEqual(againstUsual(three, TODAY, TODAY.starts_at + 5), {}, 'no hour is over');
  assert.deepEqual(againstUsual(three, TODAY, at(0, 16)), { tokens_so_far: 7927, tokens_usual: 40 });
});

test('counted again it is the same; counted after more has come, it is more, and what is no more goes', async (t) => {
  const house = await build(t);
  const turn = house.answer({ at: NOW - 1, rated: { good: true } });
  const written = async () => {
    await count(house, TODAY);
    return house.store.read(quality.between(TODAY.starts_at, TODAY.ends_at));
  };
  const once = await written();
  assert.ok(once.length > 0);
  assert.deepEqual(await written(), once);
  // As another zone would have it.
  house.run(`INSERT INTO quality VALUES (?, '', 'answered', 99)`, TODAY.starts_at + HOUR_ms);
  assert.deepEqual(await written(), once);
  house.answer({ at: NOW - 1 });
  house.run(`DELETE FROM rating WHERE turn_id = ?`, turn);
  const more = await written();
  const of = (name: string) => more.find((row) => row.model === ALL && row.name === name)?.value;
  assert.deepEqual([of('answered'), of('up')], [2, undefined]);
});

test('today and yesterday are counted anew, days that were missed, and days of answers that were judged late', async (t) => {
  const house = await build(t);
  const names = async () => (await staleDays(house)).map(({ name }) => name);
  assert.deepEqual(await names(), ['2026-11-21', '2026-11-22']);
  house.use(dayBefore(NOW, 4).starts_at, 'm', { tokens: 1 });
  assert.deepEqual(await names(), ['2026-11-18', '2026-11-19', '2026-11-20', '2026-11-21', '2026-11-22']);
  for (const day of await staleDays(house)) await count(house, day);
  house.answer({ at: NOW });
  await count(house, TODAY);
  assert.deepEqual(await names(), ['2026-11-21', '2026-11-22']);
  const late = { good: false, at: NOW - HOUR_ms };
  house.answer({ at: dayBefore(NOW, 30).starts_at + 1, rated: late });
  house.answer({ at: dayBefore(NOW, 9).starts_at + 1, checked: { verdict: 'supported', at: NOW } });
  house.answer({ at: dayBefore(NOW, 8).starts_at + 1, rated: { good: true } });
  assert.deepEqual(await names(), ['2026-10-23', '2026-11-13', '2026-11-21', '2026-11-22']);
});
