/** memory: what is remembered: facts, preferences, people, tasks, events, instructions, summaries. Superseded, never overwritten. */

import type { Trust } from './message.ts';
import type { Table } from './op.ts';

export const table: Table = {
  name: 'memory',
  about: 'what is remembered, since when, and what it replaced',
  pen: { record: 'memory' },
  keeps: 'until forgotten',
  erase: { where: 'id IN gone_memory' },
};

export type Memory = {
  id: number;
  /** The same over restores, where an `id` may be given anew. */
  uid: string;
  scope: string;
  kind: 'fact' | 'preference' | 'person' | 'task' | 'event' | 'instruction' | 'summary';
  /** What it is a value of, such as `owner.city`: of each slot one value is in force. */
  slot: string | null;
  text: string;
  /** Of its words, to find the same again. */
  hash: string;
  /** `proposed`: waits for the owner's yes. `disputed`: contradicts another, and is asked about. */
  status: 'active' | 'proposed' | 'disputed' | 'quarantined' | 'superseded' | 'retracted' | 'expired';
  origin: 'owner' | 'rule' | 'model';
  trust: Trust;
  confidence: number | null;
  /** When it was so in the world; and below, when it was believed here. */
  valid_from: number | null;
  valid_to: number | null;
  due_at: number | null;
  /** What a summary sums up. */
  period: 'session' | 'day' | 'week' | null;
  starts_at: number | null;
  ends_at: number | null;
  recorded_at: number;
  unrecorded_at: number | null;
  superseded_by: number | null;
  run_id: number | null;
  wish_id: number | null;
  pinned: number;
  strength: number;
  uses: number;
  used_at: number | null;
  /** When the owner was asked about it: once. */
  asked_at: number | null;
};
