/**
 * Indexing: what is said in conversations becomes passages that can be searched. A batch is one commit with the cursor
 * that points past it: killed anywhere, it is made again and comes out the same. When the rules by which passages are
 * made change, or whose conversations are one scope, everything is gone through once more, from the first message on;
 * what is there already stays searchable meanwhile.
 *
 * Not searched: what jobs, tasks and their like say to themselves, and what its author has corrected since.
 */

import { sleep } from '#shared/base/clock.ts';
import { codeOf } from '#shared/base/errors.ts';
import { passageOf, REACH } from '#shared/recall/passage.ts';
import { isChat, scopeOf } from '#shared/recall/scope.ts';
import type { Context } from '#shared/runtime/context.ts';
import { ownersReader } from '#shared/runtime/owners.ts';
import { DAMAGED, Fenced } from '#shared/store/store.ts';
import * as message from '#shared/tables/message.ts';
import type { Op } from '#shared/tables/op.ts';
import * as passage from '#shared/tables/passage.ts';
import * as passage_cursor from '#shared/tables/passage_cursor.ts';

/** To be counted up when `passageOf` or what it is given changes. */
const RULES = 1;

/** Some milliseconds of the write lock. */
const BATCH = 100;

/** Nobody searches for what was just said, and whoever answers it needs the write lock more. */
const SETTLE_ms = 1000;

/** Up to here the whole index is compared with the passages at a start; beyond, only what is in it. */
const COMPARED = 20_000;

type Memory = Pick<Context<unknown>, 'store' | 'clock' | 'log' | 'home' | 'signal' | 'work' | 'doing'>;

type Batch = { made_by: string; after_id: number; scopeOf: ScopeOf; rows: Row[] };
type Row = { id: number; conversation: string; at: number; corrects: number | null };
type ScopeOf = (conversation: string) => string;

export function indexing(ctx: Memory): void {
  ctx.work({ name: 'indexing', queue: 'message', ...indexer(ctx) });
}

/** Finds what is not indexed yet, and indexes it. */
export function indexer(ctx: Omit<Memory, 'work'>, most = BATCH) {
  const { store, clock, signal, log } = ctx;
  const owners = ownersReader(ctx);
  /** Null: nobody has looked yet. */
  let sound: boolean | null = null;
  let behind = false;

  async function next(): Promise<Batch> {
    const own = await owners();
    const made_by = `${RULES} ${own.toSorted((a, b) => a - b).join()}`;
    const [cursor] = await store.read(passage_cursor.where);
    const after_id = cursor?.made_by === made_by ? cursor.upto_id : 0;
    const rows = await store.read(message.after(after_id, most));
    return { made_by, after_id, scopeOf: (conversation) => scopeOf(conversation, own), rows };
  }

  /** When the oldest may be indexed. A time far ahead is one from before the clock was set back. */
  function settledAt({ rows: [first] }: Batch): number | null {
    if (first === undefined) return null;
    const at = first.at + SETTLE_ms;
    return at > clock.now() + SETTLE_ms ? clock.now() : at;
  }

  async function look(): Promise<Batch | null> {
    sound ??= await isSound(ctx);
    if (!sound) {
      log.warn('index.damaged', {
        error: new Error('the index of what was said does not say what was said'),
      });
      await store.commit(passage.rebuild);
      sound = true;
    }
    const batch = await next();
    const { rows } = batch;
    if (behind && rows.length < most) {
      behind = false;
      ctx.doing('watching');
    }
    const settled_at = settledAt(batch);
    return settled_at !== null && settled_at <= clock.now() ? batch : null;
  }

  async function act(batch: Batch): Promise<void> {
    const began = clock.mono();
    try {
      await store.commit(await folded(store, batch));
    } catch (error) {
      // Something was forgotten meanwhile: the next look finds the rest.
      if (error instanceof Fenced) return;
      if (codeOf(error) === DAMAGED) sound = false;
      throw error;
    }
    if (batch.rows.length < most) return;
    behind = true;
    const [newest] = await store.read(message.newest);
    ctx.doing(`reading what was said: message ${batch.rows.at(-1)?.id} of ${newest?.id}`);
    // Whoever else wants to write gets at least half of the time.
    await sleep(clock.mono() - began, signal);
  }

  return { look, act, due: async () => settledAt(await next()) };
}

/** Whether the index says what the passages say. */
async function isSound({ store }: Pick<Memory, 'store'>): Promise<boolean> {
  const [newest] = await store.read(passage.newest);
  if ((newest?.id ?? 0) > COMPARED) return (await store.readAside(passage.astray)).length === 0;
  try {
    await store.commit(passage.check);
    return true;
  } catch (error) {
    if (codeOf(error) === DAMAGED) return false;
    throw error;
  }
}

type Reading = Pick<Context<unknown>['store'], 'read'>;

async function folded(store: Reading, { made_by, after_id, scopeOf, rows }: Batch): Promise<Op[]> {
  const upto_id = rows.at(-1)?.id ?? after_id;
  const said = Map.groupBy(
    rows.filter((row) => isChat(row.conversation)),
    (row) => row.conversation,
  );
  const adds: Op[] = [];
  const kept: number[] = [];
  const read = new Set<number>();
  const remove: Op[] = [];
  for (const [conversation, own] of said) {
    const corrected = own.flatMap(({ corrects }) => corrects ?? []);
    const stretches = [
      [own[0]?.id ?? 0, own.at(-1)?.id ?? 0] as const,
      ...corrected.map((id) => [id, id] as const),
    ];
    for (const [first_id, last_id] of stretches) {
      const made = await remade(store, scopeOf, conversation, first_id, last_id);
      adds.push(...made.passages.map(passage.add));
      kept.push(...made.passages.map(({ id }) => id));
      for (const id of made.read) read.add(id);
    }
    remove.push(...corrected.map(passage.remove));
  }
  return [
    passage.keepOnly(after_id, upto_id, kept),
    ...remove,
    ...adds,
    passage_cursor.move({ made_by, upto_id }, [...read]),
  ];
}

/**
 * What the messages of this stretch, and those beside it, are to be searched by, now that something in it has changed.
 * @returns also which messages that was made of
 */
async function remade(
  store: Reading,
  scopeOf: ScopeOf,
  conversation: string,
  first_id: number,
  last_id: number,
): Promise<{ passages: passage.Passage[]; read: number[] }> {
  const scope = scopeOf(conversation);
  const rows = await store.read(message.around(conversation, first_id, last_id, 2 * REACH));
  const around = rows.map((row) => ({ ...row, scope }));
  const from = around.filter(({ id }) => id < first_id).length - REACH;
  const upto = around.filter(({ id }) => id <= last_id).length + REACH;
  const passages = around
    .slice(Math.max(0, from), upto)
    .map((row) => passageOf(row, around))
    .filter(({ text }) => text.trim() !== '');
  return { passages, read: around.map(({ id }) => id) };
}
