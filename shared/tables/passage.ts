/** passage: what was said, as it is searched: each message once, with what stood beside it. Made of `message`, and can be made anew. */

import type { Trust } from './message.ts';
import type { Table } from './op.ts';

export const table: Table = {
  name: 'passage',
  about: 'what was said, as it is searched',
  pen: { record: 'memory' },
  keeps: 'with its message',
};

export type Passage = {
  /** Of its message. */
  id: number;
  scope: string;
  conversation: string;
  turn_id: string;
  role: 'user' | 'assistant';
  author: string;
  at: number;
  trust: Trust;
  /** Its date in words, to be searched too. */
  day: string;
  text: string;
  /** Short messages beside it. */
  context: string;
};
