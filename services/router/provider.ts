/** Who answers: the Anthropic API (or a server that speaks like it), or the rehearsal model while there is no key. */

import { Misconfigured } from '#shared/base/errors.ts';
import type { Secret } from '#shared/runtime/credentials.ts';

export type Provider = {
  name: 'anthropic' | 'rehearsal';
  base: URL;
  key: string;
  /** It listens on this Unix socket, whatever `base` says. */
  socketPath?: string;
};

/** The provider that the credentials name; null when they name none. */
export function providerOf(secret: Secret | null): Provider | null {
  const key = secret?.ANTHROPIC_API_KEY;
  const url = secret?.ANTHROPIC_BASE_URL;
  if (!key && !url) return null;
  const base = url ?? 'https://api.anthropic.com';
  if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol)) {
    throw new Misconfigured(
      `credentials: ANTHROPIC_BASE_URL: expected an http or https URL, got '${base}'`,
      'correct it in credentials/anthropic.env, or leave it out to use https://api.anthropic.com',
    );
  }
  // A server of one's own may want no key: it still gets the header, which the API's form demands.
  return { name: 'anthropic', base: new URL(base.replace(/\/$/, '')), key: key ?? 'none' };
}
