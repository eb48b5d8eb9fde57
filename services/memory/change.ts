/** What a pass over messages, or a person, wants changed in memory: the one form that rules, models and wishes share. */

import type { Memory } from '#shared/tables/memory.ts';

/** A message that a change rests on, and the words in it (null: all of it). */
export type Cited = { message_id: number; quote: string | null };

export type Change =
  | {
      op: 'add';
      kind: Memory['kind'];
      slot: string | null;
      text: string;
      sources: readonly Cited[];
      confidence: number | null;
      valid_from: number | null;
      due_at: number | null;
      period?: Memory['period'];
      starts_at?: number;
      ends_at?: number;
    }
  /** It is not so any more, or was wrong; an `add` to the same slot supersedes by itself. */
  | { op: 'retract'; memory_id: number; sources: readonly Cited[] }
  /** Both cannot be true, and nobody said which is. */
  | { op: 'dispute'; memory_id: number; other_id: number; sources: readonly Cited[] };

export type Add = Extract<Change, { op: 'add' }>;
