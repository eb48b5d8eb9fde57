/**
 * web_search, through the owner's own SearXNG or Brave. Without either there is no such tool, and core may offer the
 * provider's own. The addresses that it finds may be opened unasked: one stands on each line that begins with `url: `,
 * and no other line may.
 */

import * as z from 'zod/mini';
import { Misconfigured } from '#shared/base/errors.ts';
import { untrusted } from '#shared/base/untrusted.ts';
import { type Config, type Tool, tool } from './registry.ts';

const MOST_RESULTS = 8;
const MOST_bytes = 2 * 2 ** 20;
const LIMIT_ms = 20_000;
const BRAVE = 'https://api.search.brave.com/res/v1/web/search';

const hit = z.object({ title: z._default(z.string(), ''), url: z.url({ protocol: /^https?$/ }) });
const searxng = z.object({ results: z.array(z.unknown()) });
const brave = z.object({ web: z.optional(z.object({ results: z.array(z.unknown()) })) });
const snippets = z.object({
  content: z.optional(z.nullable(z.string())),
  description: z.optional(z.string()),
});

/** The tool, when the config says whom to ask. */
export function searchTools({ search, search_url }: Config): Tool[] {
  const address = search_url || (search === 'brave' ? BRAVE : '');
  return address === '' ? [] : [webSearch(search, address)];
}

function webSearch(search: Config['search'], address: string): Tool {
  return tool({
    name: 'web_search',
    description: 'Search the web: titles, addresses, snippets. fetch_url opens them.',
    input: z.strictObject({ query: z.string().check(z.minLength(1), z.maxLength(400)) }),
    offer: 'always',
    repeatable: true,
    limit_ms: LIMIT_ms + 5000,
    about: ({ query }) => `search the web: ${query}`,
    policy: () => ({ do: 'allow' }),
    async run(call, { ctx, egress, signal }) {
      const url = new URL(search === 'searxng' ? address.replace(/(\/search)?\/?$/, '/search') : address);
      url.searchParams.set('q', call.input.query);
      if (search === 'searxng') url.searchParams.set('format', 'json');
      const response = await egress.fetch(url.href, {
        hosts: [url.hostname],
        // The owner's own instance may well stand beside Vigil: they have named it.
        private: [url.hostname],
        signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_ms)]),
        most_bytes: MOST_bytes,
        headers: {
          accept: 'application/json',
          ...(search === 'brave' && { 'x-subscription-token': keyOf(ctx) }),
        },
        behalf: { action: 'web_search', payload: `tool_call ${call.id}`, turn_id: call.turn_id },
      });
      const text = await response.text();
      if (!response.ok)
        throw new Error(
          `${url.hostname} refused the search: HTTP ${response.status}${cureOf(response.status)}`,
        );
      const found = hitsIn(search, text);
      if (!found)
        throw new Error(
          `${url.hostname}: expected search results as JSON, got ${JSON.stringify(text.slice(0, 80))}`,
        );
      const source = `web search`;
      const lines = found.map(
        ({ title, url, snippet }, i) => `${i + 1}. ${title}\nurl: ${url}\n> ${snippet}`,
      );
      return {
        content: [{ type: 'text', text: untrusted(source, lines.join('\n\n') || 'nothing was found') }],
        source,
      };
    },
  });

  function cureOf(status: number): string {
    if (search === 'searxng' && status === 403)
      return ' (its settings.yml must list json under search.formats)';
    if (status === 401 || status === 403) return ' (BRAVE_API_KEY in credentials/search.env is not accepted)';
    return status === 429 ? ' (too many searches; try later)' : '';
  }
}

function keyOf(ctx: { secret(name: string): Record<string, string | undefined> | null }): string {
  const key = ctx.secret('search')?.BRAVE_API_KEY;
  if (key !== undefined) return key;
  throw new Misconfigured('web_search: credentials/search.env has no BRAVE_API_KEY', 'write it there');
}

type Hit = { title: string; url: string; snippet: string };

function hitsIn(search: Config['search'], text: string): Hit[] | null {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return null;
  }
  const results = search === 'searxng' ? searxng.safeParse(answer).data?.results : listOf(answer);
  return (
    results
      ?.flatMap((result): Hit[] => {
        const found = hit.safeParse(result).data;
        if (!found) return [];
        const { content, description } = snippets.safeParse(result).data ?? {};
        // A line each, so that no stranger's line can begin as ours do.
        return [
          {
            title: line(found.title, 200),
            url: new URL(found.url).href,
            snippet: line(plain(content ?? description ?? ''), 400),
          },
        ];
      })
      .slice(0, MOST_RESULTS) ?? null
  );
}

function listOf(answer: unknown): unknown[] | undefined {
  const parsed = brave.safeParse(answer);
  return parsed.success ? (parsed.data.web?.results ?? []) : undefined;
}

/** Brave marks the words that were looked for. */
function plain(text: string): string {
  return text.replace(/<\/?strong>/g, '');
}

function line(text: string, most: number): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, most).toWellFormed();
}
