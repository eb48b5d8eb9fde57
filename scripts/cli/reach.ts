/** One look at a server outside: whether it is there, and whether it takes what we have for it. */

import { Misconfigured, messageOf } from '#shared/base/errors.ts';

export const TELEGRAM = 'https://api.telegram.org';
export const ANTHROPIC = 'https://api.anthropic.com';

export type Seen = {
  status: number;
  /** What it said, as JSON; null when it is none. */
  said: unknown;
  /** Its clock, to the second; null when it does not tell. */
  date: number | null;
};

/** @throws Misconfigured when nobody answers there */
export async function look(
  url: string,
  headers: Record<string, string> = {},
  within_ms = 10_000,
): Promise<Seen> {
  const host = new URL(url).host;
  try {
    const response = await fetch(url, {
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(within_ms),
    });
    const text = await response.text();
    const date = Date.parse(response.headers.get('date') ?? '');
    return { status: response.status, said: parsed(text), date: Number.isNaN(date) ? null : date };
  } catch (error) {
    // The address may hold a token: it is not in these words.
    throw new Misconfigured(
      `${host} cannot be reached (${messageOf(error).replaceAll(url, host)})`,
      'see that this machine is on the network, and that no firewall is in the way',
    );
  }
}

/**
 * Asks the Messages API for its models, which costs nothing.
 * @throws Misconfigured when it does not take the key
 */
export async function checkKey(key: string, endpoint: string): Promise<void> {
  const url = `${endpoint.replace(/\/+$/, '')}/v1/models?limit=1`;
  const { status, said } = await look(url, { 'x-api-key': key, 'anthropic-version': '2023-06-01' });
  if (status === 200) return;
  const words = (said as { error?: { message?: unknown } } | null)?.error?.message;
  const told = `the key is not taken: ${status}${typeof words === 'string' ? ` ${words}` : ''}`;
  const cures: Record<number, string> = {
    401: 'copy it whole from console.anthropic.com, Settings, API keys: it begins with sk-ant-',
    403: 'give the key the right to use the API, or make another one',
    404: `see that ${endpoint} is the address of a Messages API, without /v1`,
  };
  throw new Misconfigured(
    told,
    cures[status] ?? 'wait a minute and try again: the provider has trouble of its own',
  );
}

/**
 * Who the bot of this token is: its @name, without the @ (Bot API: getMe).
 * @throws Misconfigured when Telegram does not know it
 */
export async function whoIs(token: string, apiRoot: string): Promise<string> {
  const { status, said } = await look(`${apiRoot.replace(/\/+$/, '')}/bot${token}/getMe`);
  const { result, description } = (said ?? {}) as { result?: { username?: unknown }; description?: unknown };
  if (status === 200 && typeof result?.username === 'string') return result.username;
  const words = typeof description === 'string' ? description : '';
  throw new Misconfigured(
    `Telegram does not take the token: ${status} ${words}`.trim(),
    status === 401 || status === 404 || status === 421
      ? 'copy it whole from @BotFather: /mybots, the bot, API Token'
      : 'wait a minute and try again',
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
