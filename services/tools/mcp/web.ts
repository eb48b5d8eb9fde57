/** A server that listens somewhere (streamable HTTP), reached by the service's one way out. */

import type { Egress } from '../registry.ts';
import type * as Sdk from './sdk.ts';
import type { Transport } from './server.ts';
import type { ServerSetting } from './setting.ts';

const LARGEST_ANSWER_bytes = 8 * 2 ** 20;

/** @param over told once why it is over */
export function web(
  { StreamableHTTPClientTransport }: Pick<typeof Sdk, 'StreamableHTTPClientTransport'>,
  of: { setting: ServerSetting & { url: string }; secret: Record<string, string>; egress: Egress },
  over: (why: string) => void,
): Transport {
  const { setting, secret, egress } = of;
  const url = new URL(setting.url);
  const headers = Object.entries(setting.headers).map(([name, value]) => [
    name,
    value.replace(/\$(\w+)/g, (whole, variable) => secret[variable] ?? whole),
  ]);
  const never = new AbortController().signal;
  const transport = new StreamableHTTPClientTransport(url, {
    requestInit: { headers: Object.fromEntries(headers) },
    async fetch(to, init = {}) {
      const response = await egress.fetch(String(to), {
        hosts: [url.hostname],
        private: setting.lan,
        signal: init.signal ?? never,
        most_bytes: LARGEST_ANSWER_bytes + 1,
        method: init.method ?? 'GET',
        headers: Object.fromEntries(new Headers(init.headers)),
        ...(typeof init.body === 'string' && { body: init.body }),
      });
      if (!response.body) return response;
      let left_bytes = LARGEST_ANSWER_bytes;
      const body = response.body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, out) {
            left_bytes -= chunk.length;
            if (left_bytes >= 0) return out.enqueue(chunk);
            const why = `it said more than ${LARGEST_ANSWER_bytes / 2 ** 20} MB at once`;
            over(why);
            out.error(new Error(why));
          },
        }),
      );
      const { status, headers } = response;
      return new Response(body, { status, headers });
    },
  });
  // The SDK's class declares its optional properties in the looser of TypeScript's two ways.
  return transport as Transport;
}
