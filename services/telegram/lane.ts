/** One thing at a time in each chat: an edit that is on its way must not arrive after the answer that takes its place. */

export type Lanes = <T>(chat: string, step: () => Promise<T>) => Promise<T>;

export function openLanes(): Lanes {
  const last = new Map<string, Promise<unknown>>();
  return async (chat, step) => {
    const before = last.get(chat);
    const mine = (async () => {
      await before;
      return step();
    })();
    // Whoever comes next waits for the end, not for success.
    const ended = mine.catch(() => {});
    last.set(chat, ended);
    try {
      return await mine;
    } finally {
      if (last.get(chat) === ended) last.delete(chat);
    }
  };
}
