/**
 * The owner at the buttons: approves, denies, chooses and retries, at once or late, now and then twice, or one thing and
 * then the other. What they pressed is kept, to be held against what came of it.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningBotApi } from '#shared/testing/bot-api.ts';
import { randomFrom } from '#shared/testing/messages-latency.ts';
import { CHOICES } from './model.ts';

export type Owner = {
  /** Of each approval, by its id: the choices that were pressed. */
  pressed: ReadonlyMap<string, ReadonlySet<string>>;
  presses(): number;
  /** Presses nothing more. */
  end(): Promise<void>;
};

const LOOK_ms = 500;

export function ownerOf(bot: RunningBotApi, seed: number): Owner {
  const random = randomFrom(seed);
  const pressed = new Map<string, Set<string>>();
  const ended = new AbortController();
  const busy = new Set<Promise<void>>();
  let count = 0;

  async function press(at: { chat_id: number; message_id: number }, data: string): Promise<void> {
    const [, id = '', choice = ''] = /^\w+:([^:]+)(?::(\d+))?$/.exec(data) ?? [];
    // Whoever is quick may be ahead of the edit that takes the buttons away, but not behind it.
    const done = await bot.press({ ...at, data }).catch(() => null);
    if (done?.update_id == null) return;
    count += 1;
    const verb = data.slice(0, data.indexOf(':'));
    if (verb !== 'retry') pressed.set(id, (pressed.get(id) ?? new Set()).add(choice || verb));
  }

  async function answer(at: { chat_id: number; message_id: number }, offered: readonly string[]) {
    const [yes, no] = ['once:', 'deny:'].map((verb) => offered.find((data) => data.startsWith(verb)));
    const answers = offered.filter((data) => data.startsWith('answer:'));
    const retry = offered.find((data) => data.startsWith('retry:'));
    const choice = answers[Math.floor(random() * CHOICES.length)] ?? (random() < 0.7 ? yes : no) ?? retry;
    if (choice === undefined) return;
    const how = random();
    const wait_ms = random() < 0.2 ? 3000 + 4000 * random() : 800 * random();
    await sleep(wait_ms, undefined, { signal: ended.signal });
    await press(at, choice);
    // Twice; or thought better of it.
    if (how < 0.2) await press(at, choice);
    else if (how < 0.3 && no) await press(at, no);
  }

  async function watch(): Promise<void> {
    let after = 0;
    while (!ended.signal.aborted) {
      const news = await bot.sent({ after, wait_ms: LOOK_ms });
      for (const { seq, chat_id, message_id, method, message } of news) {
        after = seq;
        // A message that was sent twice is seen twice, and each is pressed.
        if (method !== 'sendMessage') continue;
        const rows = message.reply_markup?.inline_keyboard.flat() ?? [];
        const offered = rows.flatMap((button) => ('callback_data' in button ? [button.callback_data] : []));
        const acting = answer({ chat_id, message_id }, offered)
          .catch((error) => {
            if (!ended.signal.aborted) throw error;
          })
          .finally(() => busy.delete(acting));
        busy.add(acting);
      }
    }
  }

  const watching = watch();
  return {
    pressed,
    presses: () => count,
    async end() {
      ended.abort();
      await watching;
      await Promise.all(busy);
    },
  };
}
