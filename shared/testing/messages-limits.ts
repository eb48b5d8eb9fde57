/**
 * The rate limits of an organization: what every answer says is left of them, and the 429 beyond them.
 * Source: Claude Platform Docs, "Rate limits": token buckets that refill all the time; cached reads count nothing, and
 * output counts as it is produced, not by max_tokens.
 */

import type { Usage } from '@anthropic-ai/sdk/resources/messages';
import { ApiError } from '#shared/messages/error.ts';

export type Limits = {
  requests_per_minute?: number;
  input_tokens_per_minute?: number;
  output_tokens_per_minute?: number;
};

const defaults: Required<Limits> = {
  requests_per_minute: 4_000,
  input_tokens_per_minute: 2_000_000,
  output_tokens_per_minute: 400_000,
};
const headerOf = {
  requests_per_minute: 'requests',
  input_tokens_per_minute: 'input-tokens',
  output_tokens_per_minute: 'output-tokens',
} as const;

type Name = keyof typeof headerOf;
const names = Object.keys(headerOf) as Name[];

/** `left` goes below zero when an answer was longer than what was left. */
type Bucket = { size: number; left: number; filled_at: number };

/** Only the limits that were set refuse anything; the others are said, with all of them left. */
export function rateLimits(organization: string) {
  let buckets: Partial<Record<Name, Bucket>> = {};
  let said: Record<string, string> = {};
  let said_until = 0;

  function bucketOf(name: Name): Bucket | undefined {
    const bucket = buckets[name];
    if (!bucket) return undefined;
    const now = Date.now();
    const refill = ((now - bucket.filled_at) * bucket.size) / 60_000;
    bucket.left = Math.min(bucket.size, bucket.left + refill);
    bucket.filled_at = now;
    return bucket;
  }

  function take(name: Name, amount: number): void {
    const bucket = bucketOf(name);
    if (bucket) bucket.left -= amount;
  }

  return {
    set(limits: Limits | null): void {
      buckets = {};
      said_until = 0;
      for (const name of names) {
        const size = limits?.[name];
        if (size !== undefined) buckets[name] = { size, left: size, filled_at: Date.now() };
      }
    },

    /** Takes the request and its estimated input, or throws the 429. */
    admit(input_tokens: number): void {
      const need: Record<Name, number> = {
        requests_per_minute: 1,
        input_tokens_per_minute: input_tokens,
        output_tokens_per_minute: 1,
      };
      for (const name of names) {
        const bucket = bucketOf(name);
        if (!bucket || bucket.left >= need[name]) continue;
        const missing = Math.min(need[name], bucket.size) - bucket.left;
        const wait_s = Math.max(1, Math.ceil((missing * 60) / bucket.size));
        const limit = `${bucket.size} ${headerOf[name].replace('-', ' ')} per minute`;
        throw new ApiError(
          'rate_limit_error',
          `This request would exceed the rate limit for your organization (${organization}) of ${limit}.`,
          { headers: { 'retry-after': String(wait_s) } },
        );
      }
      take('requests_per_minute', 1);
      take('input_tokens_per_minute', input_tokens);
    },

    /** What an admitted call used in truth. */
    settle(estimated_input_tokens: number, usage: Usage): void {
      const input_tokens = usage.input_tokens + (usage.cache_creation_input_tokens ?? 0);
      take('input_tokens_per_minute', input_tokens - estimated_input_tokens);
      take('output_tokens_per_minute', usage.output_tokens);
    },

    /** Remade for each answer where a limit is set, else once a minute. */
    headers(): Record<string, string> {
      const now = Date.now();
      if (now < said_until) return said;
      const minute_ends_at = (Math.floor(now / 60_000) + 1) * 60_000;
      const limited = names.some((name) => buckets[name]);
      said_until = limited ? 0 : minute_ends_at;
      said = { 'anthropic-organization-id': organization };
      const say = (what: string, size: number, left: number, reset_at: number) => {
        said[`anthropic-ratelimit-${what}-limit`] = String(size);
        said[`anthropic-ratelimit-${what}-remaining`] = String(left);
        said[`anthropic-ratelimit-${what}-reset`] = new Date(reset_at).toISOString();
      };
      const tokens = { size: 0, left: 0, reset_at: 0 };
      for (const name of names) {
        const { size, left } = bucketOf(name) ?? { size: defaults[name], left: defaults[name] };
        const remaining = Math.max(0, Math.floor(left));
        const full_at = Math.ceil(now + ((size - left) * 60_000) / size);
        const reset_at = limited ? full_at : minute_ends_at;
        if (name === 'requests_per_minute') {
          say('requests', size, remaining, reset_at);
          continue;
        }
        // The API says what is left of tokens rounded to the nearest thousand.
        const rounded = Math.min(size, Math.round(remaining / 1000) * 1000);
        say(headerOf[name], size, rounded, reset_at);
        tokens.size += size;
        tokens.left += rounded;
        tokens.reset_at = Math.max(tokens.reset_at, reset_at);
      }
      say('tokens', tokens.size, tokens.left, tokens.reset_at);
      return said;
    },
  };
}
