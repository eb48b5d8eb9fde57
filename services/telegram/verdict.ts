/** What became of a request to Telegram that failed, and what to do next. Pure. */

import { messageOf } from '#shared/base/errors.ts';
import { neverSent } from '#shared/base/fetch.ts';

export type Failure =
  /** It did not leave: try again. */
  | { kind: 'unsent'; what: string }
  /** Too many requests: silence for so long, then try again. */
  | { kind: 'flood'; what: string; retry_after_ms: number }
  /** Telegram will never take it. */
  | { kind: 'refused'; what: string }
  /** The chat has shut the bot out, and takes nothing before it lets it in again. */
  | { kind: 'barred'; what: string }
  /** The chat is another one now. */
  | { kind: 'moved'; what: string; to: string }
  /** The token is no longer good. */
  | { kind: 'revoked'; what: string }
  /** Somebody else reads this bot's updates. */
  | { kind: 'conflict'; what: string }
  /** It may have arrived, or not. */
  | { kind: 'unknown'; what: string };

/** What a GrammyError carries of Telegram's answer (Bot API: Making requests). */
type Told = {
  error_code?: unknown;
  description?: unknown;
  parameters?: { retry_after?: number; migrate_to_chat_id?: number };
};

export function failureOf(error: unknown): Failure {
  const { error_code: code, description, parameters } = (error ?? {}) as Told;
  if (typeof code !== 'number') {
    return { kind: neverSent(error) ? 'unsent' : 'unknown', what: messageOf(innermost(error)) };
  }
  const what = `${code} ${String(description)}`;
  if (code === 429) return { kind: 'flood', what, retry_after_ms: (parameters?.retry_after ?? 1) * 1000 };
  const moved_to = parameters?.migrate_to_chat_id;
  if (moved_to !== undefined) return { kind: 'moved', what, to: String(moved_to) };
  if (code === 403) return { kind: 'barred', what };
  if (code === 401) return { kind: 'revoked', what };
  if (code === 409) return { kind: 'conflict', what };
  // A server that failed may have failed after the work was done.
  return code >= 500 ? { kind: 'unknown', what } : { kind: 'refused', what };
}

/** grammY wraps what the network said into an HttpError, whose own message hides it. */
function innermost(error: unknown): unknown {
  const inner = (error as { error?: unknown } | null)?.error;
  return inner instanceof Error ? inner : error;
}
