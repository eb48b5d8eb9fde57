/** A store of its own for a test of memory: messages are said in it, memory is changed, and what came of it is read. */

import { mkdirSync, writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import type { Log } from '../base/log.ts';
import type { Context } from '../runtime/context.ts';
import { homeOf } from '../runtime/home.ts';
import { openStore, type Store } from '../store/store.ts';
import type { Memory } from '../tables/memory.ts';
import type { Op } from '../tables/op.ts';
import * as profile from '../tables/profile.ts';
import * as wish from '../tables/wish.ts';
import { scratch } from './scratch.ts';

/** What memory's own code is given. */
type Keeper = Pick<Context<unknown>, 'store' | 'clock' | 'log' | 'home'>;

export type Trial = Keeper & {
  config: { rules_after_s: number; session_min: number };
  /** The store as core has it. */
  core: Store;
  /** The time that it is; moved by whoever tests. */
  now: number;
  /** Says something now, as the owner if nothing else is said, a second after what was said before. */
  say(
    text: string,
    more?: { conversation?: string; role?: 'user' | 'assistant'; trust?: number },
  ): Promise<number>;
  /** Posts a wish of the owner's and grants it. */
  wish(asked: Partial<wish.Asked> & Pick<wish.Asked, 'kind'>): Promise<wish.Wish>;
  rows<Row>(sql: string, ...args: (string | number | null)[]): Promise<Row[]>;
  memories(where?: string): Promise<Memory[]>;
  profile(scope?: string): Promise<string>;
};

const NOON = Date.UTC(2026, 10, 18, 12);
export const CHAT = 'terminal:main';

/** @param grant what works a wish */
export async function trial(
  t: TestContext,
  grant: (ctx: Keeper, one: wish.Wish) => Promise<void>,
): Promise<Trial> {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  mkdirSync(home.state, { recursive: true });
  writeFileSync(home.config, '[telegram]\nowners = [4242]\n');
  const store = await openStore({ directory: home.state, principal: 'memory' });
  const core = await openStore({ directory: home.state, principal: 'core' });
  t.after(() => Promise.all([store.close(), core.close()]));
  const quiet = () => {};
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet, fatal: quiet } as unknown as Log;
  const mine: Trial = {
    ...{ store, core, home, log, now: NOON },
    config: { rules_after_s: 60, session_min: 30 },
    clock: { now: () => mine.now, mono: () => performance.now() },
    async say(text, { conversation = CHAT, role = 'user', trust = 3 } = {}) {
      mine.now += 1000;
      const [[said]] = await core.commit([told({ conversation, role, text, trust, at: mine.now })]);
      return said?.id ?? 0;
    },
    async wish(asked) {
      mine.now += 1000;
      const by = { scope: 'owner', given_by: 'owner', at: mine.now };
      const [[posted]] = await store.commit([wish.post({ ...by, ...asked })]);
      const id = posted?.id ?? 0;
      const [one] = await mine.rows<wish.Wish>('SELECT * FROM wish WHERE id = ?', id);
      if (!one) throw new Error('the wish is not there');
      await grant(mine, one);
      const [over] = await mine.rows<wish.Wish>('SELECT * FROM wish WHERE id = ?', id);
      return over ?? one;
    },
    rows: (sql, ...args) => store.read({ verb: 'test', sql, args }),
    memories: (where = '1') => mine.rows<Memory>(`SELECT * FROM memory WHERE ${where} ORDER BY id`),
    profile: async (scope = 'owner') => (await store.read(profile.of(scope)))[0]?.text ?? '',
  };
  return mine;
}

function told(said: {
  conversation: string;
  role: string;
  text: string;
  trust: number;
  at: number;
}): Op<{ id: number }> {
  return {
    verb: 'test',
    sql: `INSERT INTO message (conversation, role, text, at, turn_id, trust) VALUES (?, ?, ?, ?, 'turn ' || ?, ?) RETURNING id`,
    args: [said.conversation, said.role, said.text, said.at, said.at, said.trust],
  };
}
