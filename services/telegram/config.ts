import * as z from 'zod';

export const config = z.strictObject({
  owners: z
    .array(z.int().positive())
    .default([])
    .describe(
      'The numeric Telegram ids of those who may talk to Vigil. Everybody else is refused. Write to the bot to learn yours.',
    ),
});
