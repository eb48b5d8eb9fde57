/** Who can answer: each provider with its keys. While there is no key for Anthropic, the rehearsal model stands in. */

import { Misconfigured } from '#shared/base/errors.ts';
import type { Secret } from '#shared/runtime/credentials.ts';
import type { ProviderSetting } from './config.ts';

export type Provider = {
  name: string;
  kind: 'anthropic' | 'openai';
  /** Without a slash at its end, unless it is all of its path. */
  url: URL;
  /** It listens on this Unix socket, whatever `base` says. */
  socketPath?: string;
  /** One for each organisation: keys of one organisation share its limits, so that a second adds nothing but a spare. */
  accounts: Account[];
  free: boolean;
  /** This model answers, whichever is asked for. */
  model?: string;
  without: readonly string[];
  max_tokens_field: ProviderSetting['max_tokens_field'];
  requests_per_minute?: number | undefined;
  tokens_per_minute?: number | undefined;
};

/** The first of its keys is used; the next when the provider refuses that one. */
export type Account = { organisation: string; keys: string[] };

/** The name of the provider that a bare model name is asked of. */
export const ANTHROPIC = 'anthropic';

const OFFICIAL = 'https://api.anthropic.com';

/**
 * @param rehearsal makes the stand-in, when it is needed
 * @throws Misconfigured when a provider's key is missing, or an address is none
 */
export async function providersOf(
  settings: Readonly<Record<string, ProviderSetting>>,
  secrets: { anthropic: Secret | null; providers: Secret | null },
  rehearsal: () => Promise<Provider>,
): Promise<Map<string, Provider>> {
  const variables = { ...secrets.anthropic, ...secrets.providers };
  const providers = new Map<string, Provider>();
  for (const [name, setting] of Object.entries(settings))
    providers.set(name, configured(name, setting, variables));
  if (!providers.has(ANTHROPIC)) {
    providers.set(ANTHROPIC, official(secrets.anthropic) ?? (await rehearsal()));
  }
  return providers;
}

/** The provider that `credentials/anthropic.env` names; null when it names none. */
function official(secret: Secret | null): Provider | null {
  const key = secret?.ANTHROPIC_API_KEY;
  const url = secret?.ANTHROPIC_BASE_URL;
  if (!key && !url) return null;
  const base = url ?? OFFICIAL;
  if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol)) {
    throw new Misconfigured(
      `credentials: ANTHROPIC_BASE_URL: expected an http or https URL, got '${base}'`,
      `correct it in credentials/anthropic.env, or leave it out to use ${OFFICIAL}`,
    );
  }
  return {
    name: ANTHROPIC,
    kind: 'anthropic',
    url: trimmed(base),
    // A server of one's own may want no key: it still gets the header, which the API's form demands.
    accounts: [{ organisation: ANTHROPIC, keys: [key ?? 'none'] }],
    free: false,
    without: [],
    max_tokens_field: 'max_tokens',
  };
}

function configured(name: string, setting: ProviderSetting, variables: Secret): Provider {
  const { kind, free, without, max_tokens_field, requests_per_minute, tokens_per_minute } = setting;
  const accounts: Account[] = [];
  for (const entry of setting.keys) {
    const { variable, organisation } =
      typeof entry === 'string' ? { variable: entry, organisation: entry } : entry;
    const key = variables[variable];
    if (!key) {
      throw new Misconfigured(
        `credentials: provider ${name}: expected its key in the variable ${variable}, got none`,
        `add a line ${variable}=<key> to credentials/providers.env`,
      );
    }
    const known = accounts.find((account) => account.organisation === organisation);
    if (known) known.keys.push(key);
    else accounts.push({ organisation, keys: [key] });
  }
  if (accounts.length === 0) accounts.push({ organisation: name, keys: ['none'] });
  return {
    name,
    kind,
    url: trimmed(setting.base_url),
    accounts,
    free,
    without,
    max_tokens_field,
    requests_per_minute,
    tokens_per_minute,
  };
}

const trimmed = (url: string) => new URL(url.replace(/\/+$/, ''));
