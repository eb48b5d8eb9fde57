/** What is remembered, put into a store in the memory service's place. */

import { uuid } from '../base/ids.ts';
import { openStore } from '../store/store.ts';
import type { Memory } from '../tables/memory.ts';
import type { Op } from '../tables/op.ts';
import * as passage from '../tables/passage.ts';

type Kept = Pick<Memory, 'scope' | 'text'> & Partial<Memory> & { sources?: readonly number[] };
type Said = Pick<passage.Passage, 'id' | 'scope' | 'text'> & Partial<passage.Passage>;

/** @param directory of the store */
export async function put(
  directory: string,
  {
    memories = [],
    passages = [],
    gone = [],
    profile,
  }: {
    memories?: Kept[];
    passages?: Said[];
    /** Passages that are taken away. */
    gone?: readonly number[];
    profile?: { scope: string; text: string };
  },
): Promise<void> {
  const store = await openStore({ directory, principal: 'memory', flush: 'normal' });
  const at = Date.now() - 86_400_000;
  try {
    await store.commit([
      ...memories.flatMap((one) => keep(one, at)),
      ...passages.map((one) =>
        passage.add({
          conversation: 'telegram:0',
          turn_id: `turn-of-${one.id}`,
          role: 'user',
          author: 'the owner',
          at,
          trust: 3,
          day: '',
          context: '',
          pairs: '',
          ...one,
        }),
      ),
      ...gone.map(passage.remove),
      ...(profile
        ? [
            {
              verb: 'test',
              sql: `INSERT INTO profile (scope, text, items_json, at) VALUES (?, ?, '[]', 1)
                    ON CONFLICT (scope) DO UPDATE SET text = excluded.text`,
              args: [profile.scope, profile.text],
            },
          ]
        : []),
    ]);
  } finally {
    await store.close();
  }
}

function keep({ sources = [], ...memory }: Kept, at: number): Op[] {
  const uid = uuid(at);
  const row = {
    ...{ uid, kind: 'fact', hash: uid, status: 'active', origin: 'owner', trust: 3, recorded_at: at },
    ...memory,
  };
  const columns = Object.keys(row);
  return [
    {
      verb: 'test',
      sql: `INSERT INTO memory (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      args: Object.values(row),
    },
    ...sources.map((message_id) => ({
      verb: 'test',
      sql: 'INSERT INTO memory_source (memory_id, message_id) SELECT id, ? FROM memory WHERE uid = ?',
      args: [message_id, row.uid],
    })),
  ];
}
