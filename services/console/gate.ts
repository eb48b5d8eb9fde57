/**
 * Whether a request may be heard at all, before anybody asks who sends it. A browser sends what any page tells it to, also
 * to 127.0.0.1, so it is held against what browsers say by themselves: the host that they were led to (another name is DNS
 * rebinding), the origin of the page that asks, and how that page stands to this one (Fetch Metadata). Whole words are
 * compared, never beginnings.
 */

import type { IncomingHttpHeaders } from 'node:http';

export type Verdict = 'pass' | 'elsewhere' | { refuse: 403 | 405 | 421; because: string };

/** @param hosts those besides 127.0.0.1 under which a tunnel leads here */
export function gate(
  request: { method: string; headers: IncomingHttpHeaders },
  { port, hosts }: { port: number; hosts: readonly string[] },
): Verdict {
  const { method, headers } = request;
  const { host = '', origin } = headers;
  const reads = method === 'GET' || method === 'HEAD';
  const home = `127.0.0.1:${port}`;
  // Its cookie is that of 127.0.0.1, and another program may listen on the port of [::1].
  if (host === `localhost:${port}` && reads) return 'elsewhere';
  if (host !== home && !hosts.includes(host)) return { refuse: 421, because: 'it was sent to another host' };
  if (!reads && method !== 'POST') return { refuse: 405, because: `it is a ${method}` };

  const origins = host === home ? [`http://${home}`] : [`https://${host}`, `http://${host}`];
  if (origin !== undefined && !origins.includes(origin)) {
    return { refuse: 403, because: 'another page sent it' };
  }
  const site = headers['sec-fetch-site'];
  if (!reads) {
    if (site === 'same-origin' && origin !== undefined) return 'pass';
    // Browsers before Fetch Metadata.
    if (site === undefined && origin !== undefined) return 'pass';
    return { refuse: 403, because: 'it does not come from the console' };
  }
  if (site === undefined || site === 'same-origin' || site === 'none') return 'pass';
  // Other pages may lead here, in a window of its own; they may not look at it, count it, or frame it.
  const leads = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  return leads ? 'pass' : { refuse: 403, because: 'another page asked for it' };
}
