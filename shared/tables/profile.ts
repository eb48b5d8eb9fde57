/** profile: what the model is told of each scope before every conversation; changed only when memory is. */

import type { Table } from './op.ts';

export const table: Table = {
  name: 'profile',
  about: 'what the model knows of each person before it is asked anything',
  pen: { record: 'memory' },
  keeps: 'one row a scope',
};

export type Profile = {
  scope: string;
  text: string;
  /** The memories in it, in order. */
  items_json: string;
  at: number;
};
