import * as z from 'zod';

export const config = z.strictObject({
  parallel_turns: z
    .int()
    .min(1)
    .max(256)
    .default(8)
    .describe('How many conversations are answered side by side.'),
  history_messages: z
    .int()
    .min(1)
    .max(1000)
    .default(40)
    .describe('How many of the latest messages of a conversation the model sees.'),
  longest_message_kb: z
    .int()
    .min(1)
    .max(1000)
    .default(100)
    .describe('A message beyond this size is declined, and its sender told so.'),
});
