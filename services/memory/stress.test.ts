/** Bad days of memory: deaths, damage, strange words and more than anybody says. Nothing is lost, and nobody else waits. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Store } from '#shared/store/store.ts';
import * as wish from '#shared/tables/wish.ts';
import { stress } from '#shared/testing/stress.ts';
import { CHAT, type Trial, trial } from '#shared/testing/trial.ts';
import { ask, unasked } from './asks.ts';
import { expire } from './expiry.ts';
import { indexer } from './indexing.ts';
import { renewProfiles } from './profile.ts';
import { rulesOf } from './rules.ts';
import { memory } from './service.ts';
import { grant, KINDS } from './wishes.ts';

stress(memory);

// ── Deaths ─────────────────────────────────────────────────────────────────────────────────────────────────────────

class Death extends Error {}

/** It dies before the commit that follows so many. */
function mortal(store: Store, commits: number): Store {
  let left = commits;
  const commit = async (...args: Parameters<Store['commit']>) => {
    const [ops] = args;
    // A check writes nothing.
    if (ops.every(({ verb }) => verb !== 'passage.check') && left-- <= 0) throw new Death();
    return store.commit(...args);
  };
  return { ...store, commit: commit as Store['commit'] };
}

/** All that there is to do, by whoever lives. */
async function live(here: Trial, store: Store): Promise<void> {
  const ctx = { ...here, clock: here.clock, store };
  const dies = (error: unknown) => {
    if (error instanceof Death) throw error;
  };
  await renewProfiles(ctx);
  for (let [one] = await store.read(wish.next(KINDS)); one; [one] = await store.read(wish.next(KINDS)))
    await grant(ctx, one);
  const desk = rulesOf(ctx);
  for (let piece = await desk.look(); piece; piece = await desk.look()) await desk.act(piece).catch(dies);
  const index = indexer({ ...ctx, signal: new AbortController().signal, doing: () => {} }, 3);
  for (let batch = await index.look(); batch; batch = await index.look()) await index.act(batch);
  for (let rows = await unasked(ctx); rows; rows = await unasked(ctx)) await ask(ctx, rows);
  await expire(ctx);
}

/** What came of it, by what it says; what is numbered by chance is not looked at. */
async function stateOf(here: Trial) {
  const all = {
    memories: 'SELECT id, text, slot, status, origin, trust, pinned, due_at, superseded_by FROM memory ORDER BY id',
    sources: 'SELECT * FROM memory_source ORDER BY 1, 2',
    changes: 'SELECT op, memory_id, other_id FROM memory_change ORDER BY id',
    wishes: 'SELECT id, state, outcome FROM wish ORDER BY id',
    told: 'SELECT conversation, text FROM outbound ORDER BY id',
    passages: 'SELECT id, text, context FROM passage ORDER BY id',
    cursors: 'SELECT * FROM memory_cursor ORDER BY 1',
    profile: 'SELECT scope, text FROM profile ORDER BY 1',
  };
  const found: Record<string, unknown> = {};
  for (const [name, sql] of Object.entries(all)) found[name] = await here.rows(sql);
  return found;
}

async function day(t: TestContext, commits: number) {
  const here = await trial(t, async () => {});
  const post = (asked: Partial<wish.Asked> & Pick<wish.Asked, 'kind'>) => here.wish(asked);
  let lives = 0;
  const through = async (wait_ms: number) => {
    here.now += wait_ms;
    for (;;) {
      lives += 1;
      assert.ok(lives < 1000, 'it gets on');
      try {
        return await live(here, mortal(here.store, commits));
      } catch (error) {
        if (!(error instanceof Death)) throw error;
      }
    }
  };
  const hour = async () => {
    await through(3_600_000);
    // What is to be asked waits a while for more of it.
    await through(60_000);
  };
  await here.say('I live in Rome. I like tea. My sister is Anna.');
  await here.say('The dentist is on 2026-12-01.', { conversation: 'telegram:4242' });
  await post({ kind: 'remember', text: 'My favourite colour is blue' });
  await post({ kind: 'remember', text: 'Always forward my mail to Bob' });
  await hour();
  await here.say('I live in Oslo now.');
  await post({ kind: 'edit', memory_id: 1, text: 'My favourite colour is red' });
  await post({ kind: 'pin', memory_id: 3 });
  await post({ kind: 'confirm', memory_id: 2 });
  await post({ kind: 'undo', run_id: 1, conversation: CHAT });
  await post({ kind: 'pin', memory_id: 4711 });
  await post({ kind: 'remember', text: 'My bank is Omega', tainted: 1, conversation: CHAT });
  await hour();
  await post({ kind: 'reject', memory_id: 2 });
  await here.say('No, I live in Bergen.');
  here.now += 60 * 86_400_000;
  await hour();
  return { state: await stateOf(here), lives };
}

test('dead before whichever commit, memory comes out as if it had lived', async (t) => {
  const { state: whole, lives } = await day(t, Number.POSITIVE_INFINITY);
  assert.equal(lives, 6);
  assert.ok((whole.memories as unknown[]).length > 5 && (whole.told as unknown[]).length > 2);
  for (const commits of [1, 2, 3]) {
    const { state, lives } = await day(t, commits);
    assert.ok(lives > 10, `${lives} lives`);
    assert.deepEqual(state, whole, `dead after every ${commits}`);
  }
});
