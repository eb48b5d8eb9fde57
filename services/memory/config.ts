/** What may be spent on remembering, when it is done, and which vectors help. */

import * as z from 'zod/mini';
import { integer, section, setting } from '#shared/runtime/setting.ts';

export const config = section({
  consolidate: setting(
    z.enum(['batch', 'now', 'off']),
    'batch',
    'Whether a model makes memories and summaries of what was said, every night: "batch": at half the price, within a day, where the provider takes batches; "now": at once; "off": not at all, rules alone do.',
  ),
  when_idle: setting(z.boolean(), false, 'Whether it does so whenever a session is over, too.'),
  alias: setting(
    z.string().check(z.minLength(1)),
    'default',
    'The model that does it: an alias of [router.aliases], none of the complex tier.',
  ),
  run_tokens: setting(integer(1000, 100_000), 12_000, 'It is asked about so many tokens at once, at most …'),
  runs_per_day: setting(integer(0, 1000), 12, '… and so often a day; what is more waits for the next.'),
  day_usd: setting(
    z.number().check(z.gte(0), z.lte(1000)),
    0.25,
    'The most that this may cost in a day, in US dollars; [budget] counts besides.',
  ),
  barren_runs: setting(
    integer(1, 60),
    5,
    'After so many runs in a row that brought nothing it rests for a day, then two, four … up to 32.',
  ),
  embed: setting(
    z.string(),
    '',
    'Who makes vectors of what is said, an optional help for recall: an alias of [router.aliases], or "provider/model", of a provider of kind "openai"; "": nobody. They are used only when they find more of your own words than words alone do (docs/memory.md).',
  ),
  rules_after_s: setting(
    integer(0, 86_400),
    60,
    'What was said is looked through for facts once a conversation has been still for so many seconds.',
  ),
  session_min: setting(
    integer(1, 1440),
    30,
    'After so many minutes of silence the next message begins a new session; each long one is summed up.',
  ),
});

export type Config = z.infer<typeof config>;
