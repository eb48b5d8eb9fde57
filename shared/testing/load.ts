/**
 * Many people at once: chats that each say something, wait for the answer, think, and go on, against the whole house with
 * real processes and a model that takes its time (log-normal). What the house adds is what is left without the model's time.
 */

import { sleep } from '../base/clock.ts';
import * as heartbeat from '../tables/heartbeat.ts';
import { buildHouse, OWNER, RAISED } from './house.ts';
import { draw, randomFrom } from './messages-latency.ts';

export type LoadOptions = {
  chats: number;
  minutes: number;
  /** The model's time to its answer, of which 1 in 100 takes longer than `p99_ms`. */
  median_ms: number;
  p99_ms: number;
  /** People think between this and three times as long. */
  think_ms: number;
  seed: number;
  bundled: boolean;
  /** Told about every second. */
  progress(asked: number, answered: number): void;
};

export type Load = {
  asked: number;
  answered: number;
  /** Asked and not answered within a minute. */
  late: number;
  /** Answered more than once. */
  doubled: number;
  seconds: number;
  /** Of each answer: when it was asked for, since the start; from the message to the reply; without the model's time. */
  answers: { at_ms: number; total_ms: number; own_ms: number }[];
  /** Of each request: tokens in and out. */
  tokens: number[];
  /** Memory of each service at the end. */
  rss_bytes: Record<string, number>;
};

const PATIENCE_ms = 60_000;

export async function load(options: LoadOptions): Promise<Load> {
  const { chats, minutes, median_ms, p99_ms, think_ms, seed } = options;
  const random = randomFrom(seed);
  const house = await buildHouse({
    bundled: options.bundled,
    config: `${RAISED}[core]\nparallel_turns = ${Math.max(8, chats)}\n`,
  });
  type Open = { asked_at: number; model_ms: number; answered: (at: number) => void };
  const open = new Map<string, Open>();
  const counts = { asked: 0, late: 0, doubled: 0 };
  const answers: Load['answers'] = [];
  const seen = new Set<string>();
  const over = new AbortController();
  house.model.script((request) => {
    const token = /m\d+x\d+/.exec(JSON.stringify(request.messages.at(-1)))?.[0] ?? '';
    const delay_ms = draw({ median: median_ms, p99: p99_ms }, random);
    const waiting = open.get(token);
    if (waiting) waiting.model_ms += delay_ms;
    return { text: `answer to ${token}.`, delay_ms };
  });

  /** Hears every reply, by message or by edit. */
  async function listen(): Promise<void> {
    let after = 0;
    while (!over.signal.aborted) {
      for (const one of await house.bot.sent({ after, wait_ms: 200 })) {
        after = Math.max(after, one.seq);
        const token = /answer to (m\d+x\d+)\./.exec(one.text)?.[1];
        if (token === undefined) continue;
        // An edit of a message that is there already is no second answer.
        if (seen.has(token) && one.method === 'sendMessage') counts.doubled += 1;
        seen.add(token);
        open.get(token)?.answered(one.at_ms);
      }
    }
  }

  async function chat(nth: number, until_at: number): Promise<void> {
    await sleep(random() * 3 * think_ms, over.signal);
    for (let n = 0; performance.now() < until_at && !over.signal.aborted; n++) {
      const token = `m${nth}x${n}`;
      const heard = Promise.withResolvers<number>();
      const asked_at = performance.timeOrigin + performance.now();
      const waiting: Open = { asked_at, model_ms: 0, answered: heard.resolve };
      open.set(token, waiting);
      counts.asked += 1;
      await house.bot.say({ chat_id: 1000 + nth, from: { id: OWNER }, text: `${token} hello` });
      const timer = setTimeout(() => heard.resolve(Number.NaN), PATIENCE_ms);
      const at = await heard.promise;
      clearTimeout(timer);
      open.delete(token);
      if (Number.isNaN(at)) counts.late += 1;
      else {
        const total_ms = at - asked_at;
        answers.push({ at_ms: asked_at - began_at, total_ms, own_ms: total_ms - waiting.model_ms });
      }
      await sleep(think_ms * (1 + 2 * random()), over.signal);
    }
  }

  const began = performance.now();
  const began_at = performance.timeOrigin + began;
  const ticking = setInterval(() => options.progress(counts.asked, answers.length), 1000);
  try {
    await house.start();
    const listening = listen();
    const until_at = performance.now() + minutes * 60_000;
    await Promise.all(Array.from({ length: chats }, (_, nth) => chat(nth, until_at)));
    const seconds = (performance.now() - began) / 1000;
    over.abort();
    await listening;
    const beats = await (await house.store()).read(heartbeat.all);
    const bills = await house.read<{ tokens: number }>(
      `SELECT input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens AS tokens
       FROM call WHERE state = 'settled' AND outcome = 'ok'`,
    );
    return {
      ...counts,
      answered: answers.length,
      seconds,
      answers,
      tokens: bills.map(({ tokens }) => tokens),
      rss_bytes: Object.fromEntries(beats.map(({ service, rss_bytes }) => [service, rss_bytes])),
    };
  } finally {
    clearInterval(ticking);
    over.abort();
    await house.close();
  }
}
