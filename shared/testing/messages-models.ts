/** The models that the test server says it has, and the pages in which the API lists anything. */

import { refuse } from '#shared/messages/shape.ts';

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

/** The part of a list that a request's `limit` and its `after_id` or `before_id` ask for. */
export function page<Item extends { id: string }>(items: readonly Item[], url: string) {
  const asked = new URL(url, 'http://localhost').searchParams;
  const limit = Number(asked.get('limit') ?? 20);
  if (!Number.isInteger(limit)) refuse('limit: Input should be a valid integer');
  if (limit < 1) refuse('limit: Input should be greater than or equal to 1');
  if (limit > 1000) refuse('limit: Input should be less than or equal to 1000');
  const placeOf = (cursor: 'after_id' | 'before_id') => {
    const at = items.findIndex(({ id }) => id === asked.get(cursor));
    if (asked.has(cursor) && at === -1) refuse(`${cursor}: Invalid cursor`);
    return at;
  };
  const [after, before] = [placeOf('after_id'), placeOf('before_id')];
  const end = before === -1 ? Math.min(after + 1 + limit, items.length) : before;
  const start = before === -1 ? after + 1 : Math.max(0, before - limit);
  const data = items.slice(start, end);
  return {
    data,
    has_more: before === -1 ? end < items.length : start > 0,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}
