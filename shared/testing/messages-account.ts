/** What the Messages API says of an account beside its answers: the models it may use, and its rate limits. */

import type { Usage } from '@anthropic-ai/sdk/resources/messages';

export const publicModels = [
  'claude-fable-5-2',
  'claude-mythos-5-2',
  'claude-haiku-5-5',
  'claude-sonnet-5-5',
  'claude-fable-5-1',
  'claude-opus-5-5',
  'claude-mythos-5-1',
  'claude-sonnet-5',
  'claude-fable-5',
  'claude-mythos-5',
  'claude-opus-5',
  'claude-opus-4-8',
  'claude-opus-4-7',
  'claude-mythos-preview',
  'claude-opus-4-6',
  'claude-sonnet-4-6',
  'claude-haiku-4-5',
  'claude-haiku-4-5-20251001',
  'claude-opus-4-5',
  'claude-opus-4-5-20251101',
  'claude-sonnet-4-5',
  'claude-sonnet-4-5-20250929',
] as const;

const organization = '7b0e0f2c-5a53-4c0e-9f5f-0a6f4d0c1e11';
const limits = { requests: 4_000, tokens: 2_400_000, 'input-tokens': 2_000_000, 'output-tokens': 400_000 };

/** Counts what answers use, and says with every answer what is left of this minute. Nothing is refused because of it. */
export function account() {
  let minute = 0;
  let reset = '';
  let used = { requests: 0, input: 0, output: 0 };
  return {
    count(usage: Usage): void {
      used.requests += 1;
      used.input += usage.input_tokens + (usage.cache_creation_input_tokens ?? 0);
      used.output += usage.output_tokens;
    },
    headers(): Record<string, string> {
      const current = Math.floor(Date.now() / 60_000);
      if (current !== minute) {
        minute = current;
        reset = new Date((minute + 1) * 60_000).toISOString();
        used = { requests: 0, input: 0, output: 0 };
      }
      const { requests, input, output } = used;
      const taken = { requests, tokens: input + output, 'input-tokens': input, 'output-tokens': output };
      const said: Record<string, string> = { 'anthropic-organization-id': organization };
      for (const what of ['requests', 'tokens', 'input-tokens', 'output-tokens'] as const) {
        const left = Math.max(0, limits[what] - taken[what]);
        const name = `anthropic-ratelimit-${what}`;
        said[`${name}-limit`] = String(limits[what]);
        said[`${name}-remaining`] = String(what === 'requests' ? left : Math.round(left / 1000) * 1000);
        said[`${name}-reset`] = reset;
      }
      return said;
    },
  };
}

export function modelList(ids: readonly string[]) {
  const data = ids.map((id) => ({
    type: 'model',
    id,
    display_name: id,
    created_at: '2026-01-01T00:00:00Z',
    capabilities: null,
    lifecycle: 'active',
    deprecated_at: null,
    retires_at: null,
    line: null,
    max_input_tokens: null,
    max_tokens: null,
  }));
  return { data, has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null };
}
