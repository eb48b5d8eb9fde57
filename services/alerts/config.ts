/** How often alerts looks, the limits of its rules, and whom it pings. */

import * as z from 'zod/mini';
import { integer, section, setting } from '#shared/runtime/setting.ts';

const seconds = z.number().check(z.gte(0.1), z.lte(86_400));
const perhaps = z.union([z.literal(''), z.url({ protocol: /^https?$/ })]);

export const config = section({
  look_s: setting(seconds, 5, 'How often the rules are looked at.'),
  window_s: setting(
    seconds,
    300,
    'Over how long failures and latencies are looked at; how long each must last goes along with it.',
  ),
  calm_s: setting(seconds, 60, 'What a rule has found is over when it has not been so for so long.'),
  error_percent: setting(z.number().check(z.gte(0), z.lte(100)), 5, 'More failed model calls are told …'),
  error_calls: setting(integer(1, 100_000), 10, '… where there were so many at least.'),
  latency_s: setting(seconds, 10, 'When 5 in 100 answers of models take longer, it is told.'),
  model_latency_s: setting(
    seconds,
    5,
    'A model that takes longer to begin its answers, on average, is told.',
  ),
  token_factor: setting(
    z.number().check(z.gte(1), z.lte(1000)),
    2,
    'So many times the tokens of a usual day are told.',
  ),
  cost_factor: setting(
    z.number().check(z.gte(0), z.lte(1000)),
    2,
    'Spending so many times as fast as [budget] hour_usd allows is told.',
  ),
  unresponsive_s: setting(
    seconds,
    60,
    'A service without a sign of life for so long is told, if the watchdog has not told it.',
  ),
  queue_depth: setting(integer(1, 1_000_000), 100, 'A queue in which more waits is told.'),
  backup_hours: setting(
    z.number().check(z.gt(0), z.lte(8760)),
    2,
    'Backups are made every hour; when the newest is older than this, it is told.',
  ),
  remind_h: setting(
    z.number().check(z.gte(0), z.lte(1000)),
    4,
    'How often you are reminded of what is critical, goes on, and nobody looks after. 0: never.',
  ),
  ping_url: setting(
    perhaps,
    '',
    'A dead man\'s switch outside, such as a check of healthchecks.io: asked for while all works, and as <ping_url>/fail while something critical is wrong. When nothing comes, the machine is dead. "": none.',
  ),
  ping_s: setting(seconds, 60, 'How often.'),
  proxy: setting(
    perhaps,
    '',
    'The HTTP proxy that leads there. "": what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say, if anything.',
  ),
  no_proxy: setting(
    z.string(),
    'localhost,127.0.0.1,::1',
    'With proxy: the hosts that it is not asked for, with commas between.',
  ),
});

export type Config = z.infer<typeof config>;
