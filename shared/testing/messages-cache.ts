/**
 * The prompt cache of the Messages API, as far as a bill shows it: what was marked with `cache_control` is written
 * once, at the price of its ttl, and read by every later request that begins with the same blocks.
 * Source: Claude Platform Docs, "Prompt caching".
 */

import { createHash } from 'node:crypto';
import type { Usage } from '@anthropic-ai/sdk/resources/messages';
import type { MessagesRequest } from '#shared/messages/request-fields.ts';

export type InputUsage = Pick<
  Usage,
  'input_tokens' | 'cache_creation' | 'cache_creation_input_tokens' | 'cache_read_input_tokens'
>;

type Prompt = Pick<MessagesRequest, 'model' | 'tools' | 'system' | 'messages' | 'cache_control'>;
export type Ttl = '5m' | '1h';
type Piece = { json: string; ttl: Ttl | undefined };

const lives_ms: Record<Ttl, number> = { '5m': 5 * 60_000, '1h': 60 * 60_000 };

/** Tells what a request's input costs and remembers what it wrote. Prefixes below `min_tokens` are not cached. */
export function promptCache(min_tokens: number): (request: Prompt, now: number) => InputUsage {
  const until = new Map<string, number>();
  return (request, now) => {
    const pieces = piecesOf(request);
    const marked = pieces.findLastIndex(({ ttl }) => ttl !== undefined);
    // Hashing costs more than all the rest, and most prompts are not marked.
    const hash = marked === -1 ? undefined : createHash('sha256').update(request.model);
    const written = { '5m': 0, '1h': 0 };
    let bytes = 0;
    let read = 0;
    let settled = 0;
    for (const [index, { json, ttl }] of pieces.entries()) {
      bytes += Buffer.byteLength(json);
      if (!hash || index > marked) continue;
      const prefix = hash.update(json).copy().digest('base64');
      const tokens = Math.ceil(bytes / 4);
      if ((until.get(prefix) ?? 0) > now) {
        read = tokens;
        settled = tokens;
        written['5m'] = 0;
        written['1h'] = 0;
      } else if (ttl && tokens >= min_tokens) {
        written[ttl] += tokens - settled;
        settled = tokens;
      }
      if (ttl && tokens >= min_tokens) until.set(prefix, now + lives_ms[ttl]);
    }
    const creation = written['5m'] + written['1h'];
    return {
      input_tokens: Math.ceil(bytes / 4) - settled,
      cache_read_input_tokens: read,
      cache_creation_input_tokens: creation,
      cache_creation: { ephemeral_5m_input_tokens: written['5m'], ephemeral_1h_input_tokens: written['1h'] },
    };
  };
}

/** The lives for which parts of the prompt are marked to be cached. */
export function ttlsOf(request: Prompt): Set<Ttl> {
  return new Set(piecesOf(request).flatMap(({ ttl }) => ttl ?? []));
}

/** The prompt in the order in which it is cached: tools, system, messages. */
function piecesOf(request: Prompt): Piece[] {
  const blocks = (content: string | readonly object[]) =>
    typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  const all = [
    ...(request.tools ?? []).map((tool) => piece('tool', tool)),
    ...blocks(request.system ?? []).map((block) => piece('system', block)),
    ...request.messages.flatMap(({ role, content }) => blocks(content).map((block) => piece(role, block))),
  ];
  const last = all.at(-1);
  if (request.cache_control && last) last.ttl ??= request.cache_control.ttl ?? '5m';
  return all;
}

function piece(where: string, block: object & { cache_control?: { ttl?: Ttl } | null }): Piece {
  const { cache_control, ...rest } = block;
  return { json: where + JSON.stringify(rest), ttl: cache_control ? (cache_control.ttl ?? '5m') : undefined };
}
