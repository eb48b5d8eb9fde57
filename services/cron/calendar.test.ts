/** The ledger against a naive reference: every minute of the wall clock, one after another. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { readSpec } from '#shared/base/cron.ts';
import type { Log } from '#shared/base/log.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import * as fire from '#shared/tables/fire.ts';
import * as schedule from '#shared/tables/schedule.ts';
import * as slot from '#shared/tables/slot.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { MOST_MISSED, timesOf, verdictsOn } from './due.ts';
import { begin, type Cron, calendar } from './service.ts';

const MINUTE_ms = 60_000;
const HOUR_ms = 60 * MINUTE_ms;
const DAY_ms = 24 * HOUR_ms;

type Desk = Cron & { store: Store; set(at: number): void };

async function deskOf(t: TestContext, begin_at: number): Promise<Desk> {
  const store = await openStore({ directory: scratch(t), principal: 'cron', flush: 'normal' });
  t.after(() => store.close());
  let now = begin_at;
  const silent = () => {};
  return {
    store,
    persist: store.commit,
    clock: { now: () => now, mono: () => now },
    log: { info: silent, warn: silent, error: silent } as unknown as Log,
    set: (at) => {
      now = at;
    },
  };
}

const job = (more: Partial<schedule.Put> & { at: number }): schedule.Put => ({
  ...{ name: 'job', state: 'active', spec: '* * * * *', prompt: 'go', given_by: 'me' },
  ...{ conversation: 'terminal:main', channel: 'terminal', chat: null },
  ...more,
});

/** What a cron that has just started finds to do, until there is nothing. */
async function tick(desk: Desk): Promise<void> {
  const { look, act } = calendar(desk);
  for (let piece = await look(); piece !== null; piece = await look()) await act(piece);
}

const rows = (desk: Desk, name = 'job') =>
  desk.store.read<slot.Slot>({
    verb: 'test',
    sql: 'SELECT * FROM slot WHERE job = ? ORDER BY due_at',
    args: [name],
  });

/** Whole minutes of a wall clock, as a person writes them, and when the clock first shows them, or would have. */
function wallOf(zone: string, from: number, to: number): Map<string, number> {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'short',
  });
  const wall = new Map<string, number>();
  let before = Number.NaN;
  for (let at = from; at <= to; at += MINUTE_ms) {
    const shown = format.format(at);
    const number = Date.parse(`${shown.replace(' ', 'T')}Z`);
    for (let missing = before + MINUTE_ms; missing < number; missing += MINUTE_ms) {
      wall.set(
        new Date(missing).toISOString().slice(0, 16).replace('T', ' '),
        at + missing - before - MINUTE_ms,
      );
    }
    if (!wall.has(shown)) wall.set(shown, at);
    before = number;
  }
  return wall;
}

type Rule = { minute: number; step: number; hours: readonly number[]; weekdays: readonly number[] };

const specOf = ({ minute, step, hours, weekdays }: Rule) =>
  `${step === 60 ? minute : `*/${step}`} ${hours.join(',')} * * ${weekdays.length === 7 ? '*' : weekdays.join(',')}`;

function isMeant({ minute, step, hours, weekdays }: Rule, shown: string): boolean {
  const [h = 0, m = 0] = shown.slice(11).split(':').map(Number);
  const weekday = new Date(`${shown.slice(0, 10)}T00:00Z`).getUTCDay();
  return hours.includes(h) && weekdays.includes(weekday) && (step === 60 ? m === minute : m % step === 0);
}

/** Numbers that are the same in every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

const zones: [zone: string, change: string][] = [
  ['Europe/Berlin', '2027-03-28T01:00Z'],
  ['Europe/Berlin', '2026-10-25T01:00Z'],
  ['America/New_York', '2027-03-14T07:00Z'],
  ['America/Nuuk', '2027-03-28T01:00Z'],
  ['Australia/Lord_Howe', '2027-04-03T15:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30Z'],
  ['Asia/Kolkata', '2027-01-01T00:00Z'],
];

for (const [zone, change] of zones) {
  test(`around ${change} in ${zone} each time is a row, once, however the clock and the house behave`, async (t) => {
    const roll = dice(Date.parse(change) % 1_000_003);
    for (let round = 0; round < 6; round++) {
      const from = Date.parse(change) - 30 * HOUR_ms;
      const to = Date.parse(change) + 30 * HOUR_ms;
      const rule: Rule = {
        minute: roll(60),
        step: [60, 60, 30, 20][roll(4)] ?? 60,
        hours: Array.from({ length: 24 }, (_, h) => h).filter((h) => h < 4 || h > 20 || roll(4) === 0),
        weekdays: roll(2) ? [0, 1, 2, 3, 4, 5, 6] : [0, 6],
      };
      const desk = await deskOf(t, from);
      const missed = (['once', 'all', 'skip'] as const)[round % 3];
      await desk.store.commit([
        schedule.put(job({ spec: specOf(rule), zone, at: from, ...(missed && { missed }) })),
      ]);

      let latest = from;
      for (let at = from; at < to; ) {
        // On time, late by a while, asleep for half a day, or set back by up to three hours.
        at += [MINUTE_ms, 7 * MINUTE_ms, roll(12) * HOUR_ms, -roll(3) * HOUR_ms][roll(4)] ?? MINUTE_ms;
        at = Math.max(at, from);
        desk.set(at);
        await tick(desk);
        latest = Math.max(latest, at);
      }

      const wall = wallOf(zone, from - DAY_ms, latest + DAY_ms);
      const meant = [...new Set([...wall].filter(([shown]) => isMeant(rule, shown)).map(([, at]) => at))];
      const expected = meant.filter((at) => at > from && at <= latest).sort((a, b) => a - b);
      const found = await rows(desk);
      assert.ok(expected.length < MOST_MISSED);
      assert.deepEqual(
        found.map(({ due_at }) => new Date(due_at).toISOString()),
        expected.map((at) => new Date(at).toISOString()),
        specOf(rule),
      );
      for (const { state, reason } of found) {
        if (missed === 'all') assert.equal(state, 'due');
        else assert.ok(state === 'due' || reason?.startsWith('missed'), String(reason));
        if (missed === 'skip' && state === 'due') assert.equal(reason, null, 'nothing is made up for');
      }
    }
  });
}

test('of missed times the last is made up for, or all are, or none, and a time that is there stands for them', () => {
  const now = 1000 * MINUTE_ms;
  const at = (...minutes: number[]) => ({ times: minutes.map((m) => now - m * MINUTE_ms), more: false });
  const states = (rule: schedule.Schedule['missed'], come: ReturnType<typeof at>) =>
    verdictsOn(rule, come, now).map(({ state }) => state);
  assert.deepEqual(states('once', at(30, 20, 10)), ['skipped', 'skipped', 'due']);
  assert.deepEqual(states('once', at(30, 20, 0)), ['skipped', 'skipped', 'due']);
  assert.deepEqual(states('all', at(30, 20, 0)), ['due', 'due', 'due']);
  assert.deepEqual(states('skip', at(30, 20)), ['skipped', 'skipped']);
  assert.deepEqual(states('skip', at(30, 0)), ['skipped', 'due']);
  assert.deepEqual(states('skip', at(1)), ['due'], 'a minute late is on time');
  assert.deepEqual(states('skip', { times: [now - MINUTE_ms - 1], more: false }), ['skipped']);
});

test('after a year of absence the latest hundred times are rows, and it takes no time', () => {
  const now = Date.parse('2027-11-22T10:00:30Z');
  const began = performance.now();
  const { times, more } = timesOf(readSpec('* * * * *'), now - 365 * DAY_ms, now);
  assert.ok(performance.now() - began < 5_000);
  assert.equal(times.length, MOST_MISSED);
  assert.equal(times.at(-1), Date.parse('2027-11-22T10:00Z'));
  assert.equal(more, true);
  const yearly = timesOf(readSpec('0 8 24 12 *'), now - 365 * DAY_ms, now);
  assert.deepEqual(
    yearly,
    { times: [Date.parse('2026-12-24T08:00Z')], more: false },
    'and nothing rare is lost',
  );
  assert.match(verdictsOn('once', { times, more }, now)[0]?.reason ?? '', /others before it/);
});

test('a clock that was a year ahead holds nothing back once it is right again', async (t) => {
  const begin_at = Date.parse('2026-11-22T10:00:30Z');
  const desk = await deskOf(t, begin_at);
  await desk.store.commit([schedule.put(job({ spec: '0 * * * *', at: begin_at }))]);
  desk.set(begin_at + 365 * DAY_ms);
  await desk.store.commit([
    schedule.put(job({ name: 'new', spec: '0 * * * *', at: begin_at + 365 * DAY_ms })),
  ]);
  await tick(desk);
  assert.equal((await rows(desk)).length, MOST_MISSED);
  assert.equal((await rows(desk)).filter(({ state }) => state === 'due').length, 1);

  const times = calendar(desk);
  desk.set(begin_at + 5000);
  assert.equal(await times.look(), null);
  assert.equal(await times.due(), Date.parse('2026-11-22T11:00Z'));
  desk.set(Date.parse('2026-11-22T11:00:01Z'));
  for (let piece = await times.look(); piece; piece = await times.look()) await times.act(piece);
  const due = async (name: string) => (await rows(desk, name))[0];
  assert.equal((await due('job'))?.due_at, Date.parse('2026-11-22T11:00Z'));
  assert.equal((await due('new'))?.due_at, Date.parse('2026-11-22T11:00Z'), 'also what was made meanwhile');
});

test('a job that is paused, or gets another time, is due from then on, and its earlier times are not missed', async (t) => {
  const at = Date.parse('2026-11-22T10:00:30Z');
  const desk = await deskOf(t, at);
  await desk.store.commit([
    schedule.put(job({ spec: '0 * * * *', missed: 'all', at: at - DAY_ms })),
    schedule.put(job({ spec: '0 * * * *', missed: 'all', at: at - 3 * HOUR_ms, state: 'paused' })),
    schedule.put(job({ spec: '0 * * * *', missed: 'all', at: at - 1.5 * HOUR_ms })),
    // Other words are no other times.
    schedule.put(job({ spec: '0 * * * *', missed: 'all', at: at - 1000, prompt: 'go on' })),
  ]);
  await tick(desk);
  const hours = (await rows(desk)).map(({ due_at }) => new Date(due_at).toISOString().slice(11, 16));
  assert.deepEqual(hours, ['09:00', '10:00']);
});

test('a time for once is over once it has run, and its name is free again', async (t) => {
  const at = Date.parse('2026-11-22T10:00:00Z');
  const desk = await deskOf(t, at);
  await desk.store.commit([schedule.put(job({ spec: 'at 2026-11-22T10:00:05Z', at }))]);
  await tick(desk);
  assert.deepEqual(await rows(desk), [], 'not yet');
  desk.set(at + 5000);
  await tick(desk);
  const [due] = await rows(desk);
  assert.equal(due?.state, 'due');
  assert.equal((await desk.store.read(schedule.named('job')))[0]?.state, 'active');
  await desk.store.commit([slot.end(due.id, { state: 'done', reason: null, now: at })]);
  await tick(desk);
  assert.equal((await desk.store.read(schedule.named('job')))[0]?.state, 'deleted');
  assert.equal((await rows(desk)).length, 1);
});

test('while a run is at work the next time is skipped, or waits, and what is wanted by hand runs after it', async (t) => {
  for (const overlap of ['skip', 'queue'] as const) {
    const at = Date.parse('2026-11-22T10:00:30Z');
    const desk = await deskOf(t, at);
    const states = async () => (await rows(desk)).map(({ state }) => state);
    const starts = async () => {
      for (let [next] = await desk.store.read(slot.next); next; [next] = await desk.store.read(slot.next)) {
        await begin(desk, next);
      }
    };
    await desk.store.commit([schedule.put(job({ at, overlap }))]);
    for (let minute = 1; minute <= 2; minute++) {
      desk.set(at + minute * MINUTE_ms);
      await tick(desk);
      await starts();
    }
    assert.deepEqual(await states(), ['started', overlap === 'skip' ? 'skipped' : 'due']);
    await desk.store.commit([fire.ask({ job: 'job', given_by: 'me', at })]);
    await tick(desk);
    await starts();
    assert.deepEqual(await states(), ['started', overlap === 'skip' ? 'skipped' : 'due', 'due']);
    const [first] = await rows(desk);
    await desk.store.commit([slot.end(first?.id ?? 0, { state: 'done', reason: null, now: at })]);
    await starts();
    assert.deepEqual(
      await states(),
      overlap === 'skip' ? ['done', 'skipped', 'started'] : ['done', 'started', 'due'],
    );
  }
});

test('a time that the money of the day does not allow is skipped, and told once a day', async (t) => {
  const at = Date.parse('2026-11-22T10:00:30Z');
  const desk = await deskOf(t, at);
  await desk.store.commit([schedule.put(job({ at, day_nanousd: 0 }))]);
  for (const minutes of [1, 2, 3, 24 * 60 + 1]) {
    desk.set(at + minutes * MINUTE_ms);
    await tick(desk);
    for (let [next] = await desk.store.read(slot.next); next; [next] = await desk.store.read(slot.next)) {
      await begin(desk, next);
    }
  }
  assert.ok((await rows(desk)).every(({ state }) => state === 'skipped'));
  const said = await desk.store.read<{ text: string; urgency: string }>({
    verb: 'test',
    sql: 'SELECT text, urgency FROM outbound ORDER BY id',
    args: [],
  });
  assert.equal(said.length, 2, 'today, and tomorrow');
  assert.match(said[0]?.text ?? '', /"job" rests until tomorrow: its \$0\.00 for the day are spent/);
  assert.equal(said[0]?.urgency, 'unasked');
});

test('a time that comes while missed ones are made up for waits for its turn, and is not lost', async (t) => {
  const at = Date.parse('2026-11-22T10:00:30Z');
  const desk = await deskOf(t, at);
  await desk.store.commit([schedule.put(job({ spec: '0 * * * *', at, missed: 'all' }))]);
  desk.set(Date.parse('2026-11-22T13:00:01Z'));
  await tick(desk);
  const done: number[] = [];
  for (let [next] = await desk.store.read(slot.next); next; [next] = await desk.store.read(slot.next)) {
    await begin(desk, next);
    assert.deepEqual(await desk.store.read(slot.next), [], 'one after another');
    await desk.store.commit([slot.end(next.id, { state: 'done', reason: null, now: at })]);
    done.push(next.due_at);
  }
  assert.equal(done.length, 3);
  assert.ok((await rows(desk)).every(({ state }) => state === 'done'));
});
