/** The limits that the rules go by: those of `[alerts]`, and of `[watchdog]` where it sees the same, so that each is set once. */

import * as z from 'zod/mini';
import { readSection } from '#shared/runtime/config.ts';
import { type Config, config } from './config.ts';

/** As much of the watchdog's section as the two have in common. */
const common = z.looseObject({
  grace_s: z._default(z.number(), 30),
  queue_s: z._default(z.number(), 300),
  memory_percent: z._default(z.number(), 80),
  disk_free_mb: z._default(z.number(), 1024),
});

export type Limits = Config & z.infer<typeof common>;

export function limitsOf(file: string, own: Config): Limits {
  return { ...readSection(file, 'watchdog', common), ...own };
}

/** Where nothing is set. */
export const usual: Limits = { ...z.parse(common, {}), ...z.parse(config, {}) };
