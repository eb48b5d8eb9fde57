/** Where the router listens, whom it asks for which alias, and what it keeps. */

import * as z from 'zod/mini';
import { PRESET_ALIASES } from '#shared/base/models.ts';
import { integer, section, setting } from '#shared/runtime/setting.ts';
import { priceSetting } from './price.ts';

const word = z.string().check(z.minLength(1));
const target = z.union([word, z.strictObject({ target: word, weight: z.number().check(z.gt(0)) })]);
const targets = z.array(z.union([target, z.array(target).check(z.minLength(1))])).check(z.minLength(1));

export const TIERS = ['fast', 'standard', 'complex'] as const;
export type Tier = (typeof TIERS)[number];

const alias = z.strictObject({
  tier: z.optional(z.enum(TIERS)),
  targets,
  otherwise: z.optional(word),
});

const provider = z.strictObject({
  kind: z._default(z.enum(['anthropic', 'openai']), 'anthropic'),
  base_url: z.url({ protocol: /^https?$/ }),
  keys: z._default(z.array(z.union([word, z.strictObject({ variable: word, organisation: word })])), []),
  free: z._default(z.boolean(), false),
  without: z._default(z.array(z.enum(['images', 'documents', 'tools', 'thinking'])), []),
  requests_per_minute: z.optional(integer(1, 10_000_000)),
  tokens_per_minute: z.optional(integer(1, 1_000_000_000)),
  max_tokens_field: z._default(z.enum(['max_tokens', 'max_completion_tokens']), 'max_completion_tokens'),
});

export const PRESET_TASKS = {
  classification: 'classify',
  formatting: 'quick',
  extraction: 'quick',
  chat: 'default',
  code: 'default',
  analysis: 'default',
  summarisation: 'write',
  architecture: 'deep',
  'root-cause': 'deep',
  review: 'review',
} as const;

export const config = section({
  port: setting(
    integer(1, 65_535),
    4100,
    'Where any Anthropic client on this machine finds the router: http://127.0.0.1:<port>. A second router process (VIGIL_WORKER=1) listens one port higher, and so on.',
  ),
  retries: setting(integer(0, 20), 3, 'How often a call is tried again, over all targets together.'),
  deadline_s: setting(
    integer(1, 3600),
    120,
    'How long an answer may take, all tries together; longer for one that may be long (1 s for 35 tokens of max_tokens).',
  ),
  breaker_failures: setting(integer(1, 1000), 5, 'So many failures in a row, and a target is left alone …'),
  breaker_recovery_s: setting(integer(1, 86_400), 60, '… for so many seconds; then one call tries it.'),
  model_names: setting(z.boolean(), true, 'Whether models may be asked for by their own names.'),
  batch_poll_s: setting(integer(1, 3600), 60, 'How often it looks whether a batch has ended.'),
  keep_days: setting(
    z.number().check(z.gte(0), z.lte(3650)),
    14,
    'The very bytes of requests and answers are kept for so many days; 0: not at all.',
  ),
  keep_mb: setting(integer(0, 1_000_000), 1000, '… and of so many MB at most, the newest.'),
  aliases: setting(
    z.record(word, z.union([targets, alias])),
    PRESET_ALIASES,
    'What can be asked for by name instead of a model. targets: who answers, the preferred first; a list within the list holds equals, among which the least busy answers. A target is "model" or "provider/model". otherwise: the alias of a cheaper tier that answers when none of them can. Those of the six that are left out stay as they are.',
  ),
  tasks: setting(
    z.record(word, word),
    PRESET_TASKS,
    'Which alias answers a task type, when "auto" is asked for; an unknown type goes to "default". Those that are left out stay as they are.',
  ),
  prices: setting(
    z.record(word, priceSetting),
    {},
    'What models cost, in USD per million tokens, where Vigil does not know it or is wrong: [router.prices."model-name"] input = 3, output = 15, and if need be cache_write_5m, cache_write_1h, cache_read, from = "2026-12-01", context_tokens, long = { above = 200000, input = 6, output = 22.5 }.',
  ),
  providers: setting(
    z.record(z.string().check(z.regex(/^[a-z][a-z0-9_-]*$/)), provider),
    {},
    'More providers than Anthropic, by name. kind: "anthropic" (the Messages API: Ollama, llama.cpp, vLLM, LM Studio …) or "openai" (Chat Completions). base_url, for "openai" with its version path. keys: names of variables in credentials/providers.env; two keys of one organisation are { variable = "A", organisation = "mine" }. free: its models cost nothing. without: what its models cannot do. requests_per_minute, tokens_per_minute: instead of those of [limits].',
  ),
});

export type Config = z.infer<typeof config>;
export type ProviderSetting = Config['providers'][string];
