import * as z from 'zod';

export const config = z.strictObject({
  port: z
    .int()
    .min(1)
    .max(65_535)
    .default(4100)
    .describe('Where any Anthropic client on this machine finds the router: http://127.0.0.1:<port>.'),
});
