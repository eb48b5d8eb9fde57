/** How good the answers are: counted day by day, some of them checked, and told to the owner every week. */

import type { Context } from '#shared/runtime/context.ts';
import type { Config } from '../config.ts';
import { checks } from './checks.ts';
import { days } from './days.ts';
import { digests } from './digest.ts';

export function quality(ctx: Context<Config>): void {
  days(ctx);
  checks(ctx);
  digests(ctx);
}
