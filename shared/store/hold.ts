/** Keeps everybody from writing to the store, as another program may do: for benches of what happens then. */

import Database from 'better-sqlite3';

/** @returns what lets go of it */
export function holdWrites(file: string): () => void {
  const holder = new Database(file);
  holder.exec('BEGIN IMMEDIATE');
  return () => void holder.close();
}
