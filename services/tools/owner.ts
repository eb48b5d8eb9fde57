/** What goes to the owner by a tool: a question with choices, a file, a proposal for their standing instructions. */

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import * as z from 'zod/mini';
import { codeOf } from '#shared/base/errors.ts';
import * as approval from '#shared/tables/approval.ts';
import * as outbound from '#shared/tables/outbound.ts';
import { keepCopy } from './file.ts';
import { placeOf, reached, replaceFile, verdictAt, withFile } from './place.ts';
import { tool } from './registry.ts';
import { text } from './result.ts';

export const askOwner = tool({
  name: 'ask_owner',
  description: 'Ask the owner to choose, with buttons; the choice is the result.',
  input: z.strictObject({
    question: z.string().check(z.minLength(1), z.maxLength(1000)),
    choices: z.array(z.string().check(z.minLength(1), z.maxLength(60))).check(z.minLength(2), z.maxLength(8)),
  }),
  offer: 'always',
  repeatable: false,
  about: (input) => `ask: ${input.question}`,
  policy: ({ question, choices }) => ({ do: 'question', question, choices }),
  async run() {
    throw new Error('ask_owner: the owner could not be asked');
  },
});

/** What Telegram takes of a bot (Bot API: sendDocument, sendPhoto). */
const MOST_FILE_bytes = 50_000_000;
const MOST_PHOTO_bytes = 10_000_000;

export const sendFile = tool({
  name: 'send_file',
  description: 'Send a file or picture to this chat.',
  input: z.strictObject({
    path: z.string().check(z.minLength(1), z.maxLength(4096)),
    caption: z.optional(z.string().check(z.maxLength(1000))),
  }),
  offer: 'on demand',
  // The message is posted in the commit that finishes the call: a second run posts nothing twice.
  repeatable: true,
  about: (input) => `send ${input.path}`,
  policy: (input, facts) => verdictAt(placeOf(input.path, facts.home), 'read', facts),
  async run(call, hands) {
    const { home, clock } = hands.ctx;
    const place = reached(call.input.path, 'read', hands);
    const name = basename(place);
    const content = await withFile(place, async (file, bytes) => {
      if (bytes === 0) throw new Error(`${name} is empty, and an empty file cannot be sent`);
      if (bytes > MOST_FILE_bytes)
        throw new Error(`${name} has ${bytes} bytes: expected at most ${MOST_FILE_bytes}`);
      return file.readFile();
    });
    const photo = /\.(png|jpe?g|webp)$/i.test(name) && content.length <= MOST_PHOTO_bytes;
    const path = await keepCopy(call, home, name, content);
    const message = outbound.post({
      key: `file:${call.id}`,
      channel: call.channel,
      conversation: call.conversation,
      chat: call.chat,
      kind: 'notice',
      turn_id: call.turn_id,
      text: call.input.caption ?? '',
      message_ref: null,
      file: { path, name, kind: photo ? 'photo' : 'document' },
      now: clock.now(),
    });
    return { content: text(`${name} (${content.length} bytes) is on its way to the chat.`), ops: [message] };
  },
});

export const proposePersona = tool({
  name: 'propose_persona',
  description:
    "Propose a new text of the owner's standing instructions (tone, language, rules), whole. The owner is shown what changes and decides.",
  input: z.strictObject({ text: z.string().check(z.minLength(1), z.maxLength(8000)) }),
  offer: 'on demand',
  repeatable: true,
  about: () => 'change the standing instructions',
  async policy(input, { home }) {
    const scope = changeOf(await personaAt(home.persona), input.text);
    return { do: 'ask', scope, rule: null, grants: { hosts: [], paths: [] } };
  },
  async run(call, hands) {
    const { home, store } = hands.ctx;
    const now = await personaAt(home.persona);
    // By its words and not by the file's time, which is older than the clock by up to a tick of the kernel.
    const [asked] = await store.read(approval.of(call.approval_id ?? ''));
    if (now !== call.input.text && asked?.scope !== changeOf(now, call.input.text)) {
      throw new Error('the standing instructions were changed meanwhile: read them anew, and propose again');
    }
    await replaceFile(placeOf(home.persona, home), call.input.text, 0o660);
    return { content: text('The standing instructions are as proposed, from the next turn on.') };
  },
});

function changeOf(before: string, after: string): string {
  return `change the standing instructions:\n${difference(before, after)}`;
}

async function personaAt(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return '';
  }
}

/** The lines that go and the lines that come; those before and after them are the same. */
export function difference(before: string, after: string): string {
  const [was, will] = [before, after].map((whole) => whole.trimEnd().split('\n'));
  if (!was || !will) return '';
  const same = (a: string[], b: string[]) => {
    const at = a.findIndex((line, i) => line !== b[i]);
    return at < 0 ? a.length : at;
  };
  const head = same(was, will);
  const tail = Math.min(same([...was].reverse(), [...will].reverse()), was.length - head, will.length - head);
  const gone = was.slice(head, was.length - tail).filter((line) => before !== '' || line !== '');
  const come = will.slice(head, will.length - tail);
  return [...gone.map((line) => `- ${line}`), ...come.map((line) => `+ ${line}`)].join('\n');
}
