/**
 * The watchdog's own ways to the owner, which need neither the bridge nor the store: a plain sendMessage with its own copy
 * of the token (Bot API: sendMessage), and the second route, which has nothing to do with Telegram: ntfy
 * (https://docs.ntfy.sh/publish) and a webhook.
 */

import { messageOf } from '#shared/base/errors.ts';
import { httpFetch } from '#shared/base/fetch.ts';
import type { Secret } from '#shared/runtime/credentials.ts';
import type { External } from '#shared/runtime/external.ts';
import type { Routes } from '#shared/tables/telling.ts';

export type Word = { text: string; cause: string; severity: 'info' | 'warning' | 'critical'; at: number };

export type Outcome = { routes: Routes; errors: string[] };

const LONGEST_ms = 10_000;
/** Bot API: sendMessage takes up to 4096 characters. */
const LONGEST_TEXT = 4000;

/** To each owner; that one has it is enough. */
export async function sendDirect(
  external: External,
  secret: Secret | null,
  owners: readonly number[],
  { text, at }: Word,
): Promise<Outcome> {
  const token = secret?.TELEGRAM_BOT_TOKEN;
  if (!token) return { routes: {}, errors: ['direct: credentials/watchdog.env has no TELEGRAM_BOT_TOKEN'] };
  if (owners.length === 0) return { routes: {}, errors: ['direct: nobody is an owner yet'] };
  const root = (secret.TELEGRAM_API_ROOT ?? 'https://api.telegram.org').replace(/\/$/, '');
  const outcome: Outcome = { routes: {}, errors: [] };
  for (const owner of owners) {
    try {
      await post(external, `${root}/bot${token}/sendMessage`, 'sendMessage', {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ chat_id: owner, text: text.slice(0, LONGEST_TEXT) }),
      });
      outcome.routes.direct = at;
    } catch (error) {
      outcome.errors.push(`direct: ${messageOf(error)}`);
    }
  }
  return outcome;
}

export function hasDirect(secret: Secret | null): boolean {
  return Boolean(secret?.TELEGRAM_BOT_TOKEN);
}

export function hasSecondRoute(secret: Secret | null): boolean {
  return Boolean(secret?.ALARM_NTFY_URL || secret?.ALARM_WEBHOOK_URL);
}

/** To all that there is of the second route. */
export async function sendSecond(external: External, secret: Secret | null, word: Word): Promise<Outcome> {
  const outcome: Outcome = { routes: {}, errors: [] };
  const attempt = async (route: 'ntfy' | 'webhook', step: () => Promise<void>) => {
    try {
      await step();
      outcome.routes[route] = word.at;
    } catch (error) {
      outcome.errors.push(`${route}: ${messageOf(error)}`);
    }
  };
  const { ALARM_NTFY_URL: ntfy, ALARM_NTFY_TOKEN: token, ALARM_WEBHOOK_URL: webhook } = secret ?? {};
  if (ntfy) {
    await attempt('ntfy', () =>
      post(external, ntfy, 'publish', {
        headers: {
          title: 'Vigil',
          priority: word.severity === 'critical' ? '5' : '3',
          tags: word.severity === 'critical' ? 'rotating_light' : 'warning',
          ...(token && { authorization: `Bearer ${token}` }),
        },
        body: word.text,
      }),
    );
  }
  if (webhook) {
    await attempt('webhook', () =>
      post(external, webhook, 'post', {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(word),
      }),
    );
  }
  return outcome;
}

const fetch = httpFetch({ idle_ms: 1000 });

/** What is refused says why; a URL is never said, for there may be a secret in it. */
async function post(
  external: External,
  url: string,
  action: string,
  init: { headers: Record<string, string>; body: string },
): Promise<void> {
  const { host } = new URL(url);
  await external(host, action, async () => {
    const response = await fetch(url, { method: 'POST', ...init, signal: AbortSignal.timeout(LONGEST_ms) });
    const answer = (await response.text()).slice(0, 200);
    if (!response.ok) {
      throw Object.assign(new Error(`${host} answered ${response.status}: ${answer}`), {
        status: response.status,
      });
    }
  });
}
