/**
 * A laptop sleeps, and clocks are set. Real processes: stopped all at once, as a sleeping machine stops them; and with
 * a wall clock that jumps under them (libfaketime) while the monotonic one goes on.
 */

import assert from 'node:assert/strict';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { sleep } from '#shared/base/clock.ts';
import { isRemembered } from '#shared/base/untrusted.ts';
import type { ServiceName } from '#shared/manifest.ts';
import type { MessagesRequest } from '#shared/messages/request-fields.ts';
import { turnsOf } from '#shared/messages/request-rules.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

const [ANNA, BORIS, CLARA] = [101, 102, 103];
const SERVICES: readonly ServiceName[] = ['telegram', 'core', 'router'];
const ASLEEP_ms = 5_000;

/** What people said last, without the time that stands above it, and without what is remembered of it. */
function spoken(request: MessagesRequest): string {
  const blocks = turnsOf(request).at(-1)?.blocks ?? [];
  const texts = blocks.flatMap(({ block }) => (block.type === 'text' ? [block.text] : []));
  return texts.filter((text) => !text.startsWith('[') && !isRemembered(text)).join('\n\n');
}

/** The model repeats all that it was just asked, so that an answer shows which messages it is for. */
async function houseFor(t: TestContext): Promise<House> {
  // Eight hours from now it may be night, when memory would ask the model too.
  const config = '[owner]\nquiet = ""\n[memory]\nconsolidate = "off"\n';
  const house = await buildHouse({ owners: [ANNA, BORIS, CLARA], config });
  t.after(house.close);
  house.model.script((request) => `answer to: ${spoken(request)}`);
  return house;
}

/**
 * What is told besides the answers: to owners of a long sleep, and after a day without a word from Telegram, whose clock was
 * set hears it too; to whoever waits for an answer that is late.
 */
function isAboutTime(text: string): boolean {
  return /^I could not hear Telegram|The machine slept|^I cannot reach the model/.test(text);
}

/** Each of the messages is answered, once, in the order in which they were said, and nothing else was. */
async function answered({ bot }: House, chat_id: number, ...messages: string[]): Promise<void> {
  const last = messages.at(-1) ?? '';
  await bot.waitSent((sent) => sent.chat_id === chat_id && sent.text.endsWith(last));
  const sent = (await bot.sent({ chat_id })).filter(({ text }) => !isAboutTime(text));
  const words = sent.map(({ text }) => text.replace('answer to: ', ''));
  assert.deepEqual(words.join('\n\n').split('\n\n'), messages, `chat ${chat_id}`);
}

/** How many sends of Vigil's had an unknown outcome, and what is still unfinished. */
async function doubts(house: House): Promise<{ uncertain: number; unfinished: number }> {
  const [row] = await house.read<{ uncertain: number; unfinished: number }>(
    `SELECT (SELECT sum(uncertain) FROM outbound) AS uncertain,
      (SELECT count(*) FROM turn WHERE state <> 'done') + (SELECT count(*) FROM inbound WHERE state <> 'answered')
      + (SELECT count(*) FROM outbound WHERE state <> 'sent') AS unfinished`,
  );
  assert.ok(row);
  return row;
}

const HOUR_s = 3_600;
const DAY_s = 24 * HOUR_s;
const libfaketime = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
].find((path) => existsSync(path));
const noClock = libfaketime ? false : 'needs libfaketime: apt-get install faketime';

/** A wall clock for the processes of the house; their monotonic one stays the machine's. */
function settableClock({ home }: House): { env: Record<string, string>; set(ahead_s: number): void } {
  const file = join(home.directory, 'clock');
  const set = (ahead_s: number) => {
    // Renamed into place: a process that read an empty file at this moment would take it for no offset.
    writeFileSync(`${file}.new`, `${ahead_s >= 0 ? '+' : ''}${ahead_s}\n`);
    renameSync(`${file}.new`, file);
  };
  set(0);
  const env = {
    LD_PRELOAD: libfaketime ?? '',
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
  return { env, set };
}

async function assertClock(house: House, ahead_s: number): Promise<void> {
  const [latest] = await house.read<{ at: number }>('SELECT max(id), received_at AS at FROM inbound');
  assert.ok(latest && Math.abs(latest.at - Date.now() - ahead_s * 1000) < 60_000, 'the clock was set');
}

describe('a machine that sleeps', { concurrency: true }, () => {
  /** Asleep with an answer in the making, a message half sent, and more messages arriving. */
  async function nap(t: TestContext, meanwhile: { connections?: 'die'; ahead_s?: number }): Promise<House> {
    const house = await houseFor(t);
    const { bot, model } = house;
    const { connections, ahead_s } = meanwhile;
    const clock = ahead_s === undefined ? undefined : settableClock(house);
    const suite = await house.start([], clock?.env);
    const pids = [suite.child.pid ?? 0, ...(await Promise.all(SERVICES.map(house.pidOf)))];
    const gate = Promise.withResolvers<void>();
    model.script(async (request) => {
      const words = spoken(request);
      if (words === 'slow') await gate.promise;
      return `answer to: ${words}`;
    });
    await bot.fault({ kind: 'slow', method: 'sendMessage', over_ms: ASLEEP_ms - 1_000, times: 1 });
    await bot.say({ chat_id: BORIS, text: 'quick' });
    await bot.say({ chat_id: ANNA, text: 'slow' });
    await until('one is being sent, the other worked out', async () => {
      const sends = await bot.calls({ method: 'sendMessage' });
      return sends.length === 1 && model.calls().length === 2;
    });
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    try {
      for (const text of ['m1', 'm2', 'm3']) {
        for (const chat_id of [ANNA, BORIS, CLARA]) await bot.say({ chat_id, text });
      }
      gate.resolve();
      if (connections === 'die') {
        for (const world of [bot, model]) await world.network('down');
        for (const world of [bot, model]) await world.network('up');
      }
      if (ahead_s !== undefined) {
        clock?.set(ahead_s);
        await bot.jump(ahead_s * 1000);
      }
      await sleep(ASLEEP_ms);
      assert.equal((await bot.sent()).length, 1, 'nobody talks in their sleep');
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    }
    return house;
  }

  it('answers every message once when it wakes, those that came meanwhile too', async (t) => {
    const house = await nap(t, {});
    await answered(house, ANNA, 'slow', 'm1', 'm2', 'm3');
    await answered(house, BORIS, 'quick', 'm1', 'm2', 'm3');
    await answered(house, CLARA, 'm1', 'm2', 'm3');
    await until('the last outcome is written down', async () => (await doubts(house)).unfinished === 0);
    assert.deepEqual(await doubts(house), { uncertain: 0, unfinished: 0 });
  });

  for (const [name, skip, night] of [
    ['died in its sleep', false, { connections: 'die' }],
    ['died in a night of eight hours', noClock, { connections: 'die', ahead_s: 8 * HOUR_s }],
  ] as const) {
    it(`doubts only the message that was on its way when its connections ${name}`, { skip }, async (t) => {
      const house = await nap(t, night);
      await answered(house, ANNA, 'slow', 'm1', 'm2', 'm3');
      await answered(house, BORIS, 'quick', 'quick', 'm1', 'm2', 'm3');
      await answered(house, CLARA, 'm1', 'm2', 'm3');
      await until('the last outcome is written down', async () => (await doubts(house)).unfinished === 0);
      assert.deepEqual(await doubts(house), { uncertain: 1, unfinished: 0 });
      await assertClock(house, 'ahead_s' in night ? night.ahead_s : 0);
    });
  }
});

describe('a wall clock that is set while work waits', { skip: noClock, concurrency: true }, () => {
  for (const [name, by_s] of [
    ['an hour ahead', HOUR_s],
    ['an hour back', -HOUR_s],
    ['a day ahead', DAY_s],
    ['a day back', -DAY_s],
  ] as const) {
    it(`${name}: everything that waited goes out soon, and once`, async (t) => {
      const house = await houseFor(t);
      const { bot, model } = house;
      const clock = settableClock(house);
      await house.start([], clock.env);

      // Anna's chat is paused by Telegram, Boris' turn waits for the model, Clara's answer for the network.
      await bot.fault({ kind: 'too_many_requests', method: 'sendMessage', retry_after_s: 45, times: 1 });
      await bot.say({ chat_id: ANNA, text: 'm1' });
      await until('the chat is paused', async () => (await house.read('SELECT 1 FROM chat')).length === 1);
      // Overloaded is this call alone: a rate limit would hold for Clara's too.
      model.fault({ kind: 'overloaded_error', retry_after_s: 45, calls: 1 });
      await bot.say({ chat_id: BORIS, text: 'm1' });
      await until('the turn waits', async () => {
        return (await house.read(`SELECT 1 FROM turn WHERE state = 'waiting'`)).length === 1;
      });
      const gate = Promise.withResolvers<void>();
      model.script(async (request) => {
        await gate.promise;
        return `answer to: ${spoken(request)}`;
      });
      await bot.say({ chat_id: CLARA, text: 'm1' });
      await until('Clara is being answered', () => model.calls().length === 3);
      await bot.network('down');
      gate.resolve();
      await until('the answer has failed to leave', async () => {
        return (await house.read('SELECT 1 FROM outbound WHERE failures > 0')).length === 1;
      });
      assert.deepEqual(
        (await bot.sent()).filter(({ text }) => !isAboutTime(text)),
        [],
      );

      clock.set(by_s);
      await bot.network('up');
      for (const chat_id of [ANNA, BORIS, CLARA]) await answered(house, chat_id, 'm1');
      for (const chat_id of [ANNA, BORIS, CLARA]) await bot.say({ chat_id, text: 'm2' });
      for (const chat_id of [ANNA, BORIS, CLARA]) await answered(house, chat_id, 'm1', 'm2');
      await until('the last outcome is written down', async () => (await doubts(house)).unfinished === 0);
      assert.deepEqual(await doubts(house), { uncertain: 0, unfinished: 0 });
      const sends = (await bot.calls({ method: 'sendMessage' })).filter(
        ({ args }) => !isAboutTime(String(args.text)),
      );
      assert.equal(sends.length, 6 + 1, 'each message once, and the one that Telegram refused');
      assert.equal(model.calls().length, 6 + 1, 'each message once, and the one that the model refused');
      await assertClock(house, by_s);
    });
  }
});
