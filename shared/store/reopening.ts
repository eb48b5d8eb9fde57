/**
 * The store for those who also run without it: each use opens it when it is not open yet, and fails with the reason when
 * it cannot be. It hears no bells: its user looks by the clock.
 */

import { openStore, type Store, type StoreOptions } from './store.ts';

export function reopening(options: StoreOptions): Store {
  let store: Store | undefined;
  let opening: Promise<Store> | undefined;
  let closed = false;

  async function opened(): Promise<Store> {
    if (closed) throw new Error('store: closed');
    if (store) return store;
    opening ??= openStore(options).finally(() => {
      opening = undefined;
    });
    store = await opening;
    return store;
  }

  return {
    commit: async (ops, when) => (await opened()).commit(ops, when),
    read: async (query) => (await opened()).read(query),
    readAside: async (query) => (await opened()).readAside(query),
    listen: () => () => {},
    version: () => store?.version() ?? 0,
    get flushes() {
      return store?.flushes ?? 0;
    },
    get file() {
      return store?.file ?? '';
    },
    async close() {
      closed = true;
      store ??= await opening?.catch(() => undefined);
      await store?.close();
    },
  };
}
