/** Where recall reads: where it is called while there is little to search, aside once that would hold up the event loop. */

import * as passage from '../tables/passage.ts';
import type { Read } from './recall.ts';

/** A question to so many passages takes some milliseconds. */
const MANY = 20_000;

/** @param store where passages are */
export function readingOf(store: { read: Read; readAside: Read }): Read {
  let many = false;
  return async (query) => {
    many ||= ((await store.read(passage.newest))[0]?.id ?? 0) > MANY;
    return many || query.long ? store.readAside(query) : store.read(query);
  };
}
