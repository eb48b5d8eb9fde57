/** The owner's phone: one chat with the bot, in which they write, press buttons and read. */

import type { Message } from 'grammy/types';
import type { Say } from './bot-api/say.ts';
import type { Sent } from './bot-api/world.ts';
import { type House, OWNER } from './house.ts';
import { PATIENCE_ms } from './scratch.ts';

export type Phone = {
  chat: number;
  /** Writes something; `more` are the message's further fields. Its number in the chat. */
  say(text?: string, more?: Say['more'], reply_to?: number): Promise<number>;
  /** Presses the button with this label below a message. */
  press(below: Sent, label: RegExp): Promise<void>;
  /** The first message since the last word or press, new or edited, whose text fits. */
  hear(text: RegExp, within_ms?: number): Promise<Sent>;
  /** Says it, and waits for that answer. */
  ask(text: string, answer: RegExp): Promise<Sent>;
};

export function phoneOf({ bot }: Pick<House, 'bot'>, chat: number, from: Say['from'] = { id: OWNER }): Phone {
  /** What was sent before the owner last did something is no answer to it. */
  let before = 0;
  const begin = async () => {
    before = (await bot.sent()).at(-1)?.seq ?? 0;
  };
  const phone: Phone = {
    chat,
    async say(text, more = {}, reply_to) {
      await begin();
      const told = { chat_id: chat, from, more, ...(text !== undefined && { text }) };
      const { message_id } = await bot.say({ ...told, ...(reply_to !== undefined && { reply_to }) });
      return message_id;
    },
    async press(below, label) {
      const found = buttonsOf(below.message).find((button) => label.test(button.text));
      if (!found) throw new Error(`expected a button ${label} below: ${below.text}`);
      await begin();
      await bot.press({ chat_id: chat, message_id: below.message_id, data: found.data, from });
    },
    hear: (text, within_ms = PATIENCE_ms) =>
      bot.waitSent((sent) => sent.seq > before && sent.chat_id === chat && text.test(sent.text), within_ms),
    async ask(text, answer) {
      await phone.say(text);
      return phone.hear(answer);
    },
  };
  return phone;
}

export function buttonsOf({ reply_markup }: Message): { text: string; data: string }[] {
  return (reply_markup?.inline_keyboard ?? [])
    .flat()
    .flatMap((button) =>
      'callback_data' in button ? [{ text: button.text, data: button.callback_data }] : [],
    );
}
