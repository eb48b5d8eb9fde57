/** Who may talk to the bot, and how it answers. */

import * as z from 'zod/mini';
import { section, setting } from '#shared/runtime/setting.ts';

const user = z.int().check(z.positive());
const word = z.string().check(z.minLength(1));

const group = z.strictObject({
  /** As Telegram numbers it: a negative number. */
  chat: z.int().check(z.negative()),
  senders: z.union([z.literal('members'), z.array(user)]),
  mention: z._default(z.enum(['always', 'mention', 'reply or mention']), 'reply or mention'),
});
export type Group = z.infer<typeof group>;

const transcribe = z.union([
  z.strictObject({ command: z.array(word).check(z.minLength(1)) }),
  z.strictObject({ url: z.url({ protocol: /^https?$/ }), model: z._default(word, 'whisper-1') }),
]);
export type Transcribe = z.infer<typeof transcribe>;

export const config = section({
  owners: setting(
    z.array(user),
    [],
    'The numeric Telegram ids of those who may talk to Vigil, besides those who were let in by a code (scripts/vigil pair). Everybody else is refused. Takes effect at once.',
  ),
  groups: setting(
    z.array(group),
    [],
    'The groups in which Vigil answers: { chat = -100…, senders = "members" or [ids], mention = "always", "mention" or "reply or mention" }. Each sender has a conversation of their own. Takes effect at once.',
  ),
  transcribe: setting(
    z.union([z.literal(false), transcribe]),
    false,
    'What turns a recording into text: { command = ["whisper", "--stdout"] }, which is given the file as its last argument, or { url = "http://127.0.0.1:8000/v1/audio/transcriptions", model = "whisper-1" }, with a key in credentials/transcribe.env (TRANSCRIBE_API_KEY) where it needs one.',
  ),
});
