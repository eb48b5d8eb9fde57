/** tombstone: what was forgotten, as a keyed hash, so that it is neither learnt again nor brought back by a backup. */

import type { Table } from './op.ts';

export const table: Table = {
  name: 'tombstone',
  about: 'what was forgotten, so that it does not return',
  pen: { record: 'memory' },
  keeps: 'for good',
};

export type Tombstone = {
  hmac: string;
  kind: 'turn' | 'memory' | 'text';
  at: number;
};
