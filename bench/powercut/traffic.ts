/**
 * What goes on when the power is cut: a whole house at work, with messages in several chats that go all the way to
 * their answers. What the outside hears of it is written to a file, line by line, at the moment it is heard; the trace
 * of this process and of all that it starts then holds both, the promises and the writes, in one order.
 *
 *   node bench/powercut/traffic.ts <folder> <file of what was heard> <messages> <full|normal>
 */

import { openSync, writeSync } from 'node:fs';
import { buildHouse } from '#shared/testing/house.ts';
import { randomFrom } from '#shared/testing/messages-latency.ts';
import { heard as lastWords } from '#shared/testing/messages-script.ts';

/** What the outside knows, or has been told. */
export type Heard =
  /** A user has said something, or edited it (then without a text). Nobody has promised anything yet. */
  | { kind: 'said'; update_id: number; text: string }
  /** Telegram was told that every update below this one is ours, and forgets them. */
  | { kind: 'confirmed'; below: number }
  /** Telegram was given a message. */
  | { kind: 'sent'; chat: string; text: string }
  /** The provider was asked about these words: it will be paid for. */
  | { kind: 'asked'; text: string };

/** So few pages between checkpoints that there are many of them. */
const CHECKPOINT_pages = 20;
const ANSWER = 'answer to: ';
const CHATS = [101, 102, 103, 104, 105];
const PATIENCE_ms = 30_000;

async function main(directory: string, heardFile: string, messages: number, flush: string): Promise<void> {
  const file = openSync(heardFile, 'a');
  const tell = (what: Heard) => void writeSync(file, `${JSON.stringify(what)}\n`);
  const random = randomFrom(messages);
  const house = await buildHouse({
    directory,
    config: `[store]\nflush = "${flush}"\ncheckpoint_pages = ${CHECKPOINT_pages}\n`,
    owners: CHATS,
    heard({ method, args }) {
      const { offset, chat_id = '', text = '' } = args;
      if (method === 'getUpdates' && offset !== undefined) tell({ kind: 'confirmed', below: Number(offset) });
      // An alarm that the watchdog sends past the bridge, where strace makes all so slow, is in no row of the outbox.
      if (method === 'sendMessage' && text.startsWith(ANSWER)) tell({ kind: 'sent', chat: chat_id, text });
    },
  });
  house.model.script((request) => {
    const text = lastWords(request);
    tell({ kind: 'asked', text });
    return { text: `${ANSWER}${text}`, delay_ms: random() * 20 };
  });

  let said = 0;
  /** One conversation: each message waits for the answer to the one before. */
  async function converse(chat_id: number): Promise<void> {
    while (said < messages) {
      said += 1;
      // From a few words to more than half a page of the store.
      const text = `message ${said}: ${'so it goes. '.repeat(random() * 250)}`.trimEnd();
      const { update_id, message_id } = await house.bot.say({ chat_id, text });
      tell({ kind: 'said', update_id: taken(update_id), text });
      await house.bot.waitSent(
        (sent) => sent.chat_id === chat_id && sent.text === `${ANSWER}${text}`,
        PATIENCE_ms,
      );
      // An update that nothing follows upon: no later flush makes good for one that was forgotten here.
      const edited_message = { message_id, chat: { id: chat_id, type: 'private' }, text: 'edited' };
      tell({ kind: 'said', update_id: taken(await house.bot.push({ edited_message })), text: '' });
    }
  }

  try {
    const suite = await house.start();
    if (!suite.output().includes('vigil ready')) throw new Error(`the suite ended: ${suite.output()}`);
    await Promise.all(CHATS.map(converse));
  } finally {
    await house.close();
  }
}

function taken(update_id: number | null): number {
  if (update_id === null)
    throw new Error('the Bot API server dropped an update: nobody would ever hear of it');
  return update_id;
}

if (import.meta.main) {
  const [directory = '', heardFile = '', messages = '', flush = ''] = process.argv.slice(2);
  await main(directory, heardFile, Number(messages), flush);
}
