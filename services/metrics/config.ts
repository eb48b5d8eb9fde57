/** Where counts are served, and how answers are measured. */

import * as z from 'zod/mini';
import { integer, section, setting } from '#shared/runtime/setting.ts';

export const config = section({
  port: setting(
    integer(0, 65_535),
    4190,
    'Where /metrics and /health are served, on 127.0.0.1. 0: any free port.',
  ),
  check_share: setting(
    z.number().check(z.gte(0), z.lte(1)),
    0,
    'Of so many of the answers (0.05: one in twenty) a cheap model looks whether their own sources bear them out; 0: of none.',
  ),
  check_usd_day: setting(
    z.number().check(z.gte(0), z.lte(1000)),
    0.1,
    'The most that this may cost in a day, in US dollars; [budget] counts besides.',
  ),
  weekly: setting(
    z.boolean(),
    true,
    'Whether the owners are told on Monday morning how the week was: what it cost, what came of it, how it was liked.',
  ),
});

export type Config = z.infer<typeof config>;
