/** One look at a server outside, for those who want to know whether it is there and what it says. */

import { Misconfigured, messageOf } from '#shared/base/errors.ts';

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

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
