/** Takes out of the store what a plan says, a little at a time, and strikes its words wherever else they stand. */

import { gunzipSync } from 'node:zlib';
import { passageOf, REACH } from '../recall/passage.ts';
import * as erase from '../tables/erase.ts';
import type { Op, Query } from '../tables/op.ts';
import * as passage from '../tables/passage.ts';
import { type Finder, finder } from './words.ts';

export type Desk = {
  read<Row>(query: Query<Row>): Promise<Row[]>;
  commit(ops: readonly Op[]): Promise<unknown>;
  /** Ends it, at a point from which it can be done again. */
  signal?: AbortSignal;
};

/** Turns, memories and bodies at once: milliseconds. */
const FEW = 20;
const STRETCH = 500;

/** All that is of it by whose row it is. Done again, it finds nothing. */
export async function eraseRows(desk: Desk, gone: erase.Gone, said: readonly erase.Said[]): Promise<void> {
  const { message, memory } = gone;
  for (const call of few(gone.call)) await commit(desk, erase.erase({ ...erase.NOTHING, call }));
  for (const told of few(gone.told))
    await commit(desk, erase.erase({ ...erase.NOTHING, told, message, memory }));
  for (const turn of few(gone.turn)) await commit(desk, erase.erase({ ...erase.NOTHING, turn }));
  await commit(desk, erase.erase({ ...gone, turn: [], told: [], call: [] }));
  await remakeNeighbours(desk, said);
}

/** The words of what is gone stand in the context of what was said beside it. */
async function remakeNeighbours(desk: Desk, said: readonly erase.Said[]): Promise<void> {
  for (const { conversation, id } of said) {
    const beside = await desk.read(erase.around(conversation, id, REACH));
    const before = beside.filter((one) => one.id < id).slice(-REACH);
    const after = beside.filter((one) => one.id > id).slice(0, REACH);
    const ops = [...before, ...after].map((one) => passage.add(passageOf(one, beside)));
    if (ops.length > 0) await commit(desk, ops);
  }
}

/** Says in how many rows of which tables words were struck. */
export async function strikeWords(
  desk: Desk,
  phrases: readonly string[],
  since_at: number,
): Promise<Map<string, number>> {
  const struck = new Map<string, number>();
  if (phrases.length === 0) return struck;
  const words = finder(phrases);
  const columns = Map.groupBy(await desk.read(erase.columns), ({ table }) => table);
  for (const [table, some] of columns) {
    const texts = some.map(({ column }) => column);
    for (let after = -1; ; ) {
      const rows = await desk.read(erase.stretch(table, texts, after, STRETCH));
      for (const row of rows) {
        const changed = texts.flatMap((column) => {
          const from = row[column];
          const to = typeof from === 'string' ? words.without(from) : from;
          return typeof from === 'string' && typeof to === 'string' && from !== to
            ? [{ column, from, to }]
            : [];
        });
        if (changed.length === 0) continue;
        await commit(desk, erase.strike(table, row.key, changed));
        struck.set(table, (struck.get(table) ?? 0) + 1);
      }
      after = rows.at(-1)?.key ?? after;
      if (rows.length < STRETCH) break;
      await pause(desk);
    }
  }
  const bodies = await strikeBodies(desk, words, since_at);
  if (bodies > 0) struck.set('bodies', bodies);
  return struck;
}

/** Of a call's bodies, and of answers kept, none can be changed: they go. */
async function strikeBodies(desk: Desk, words: Finder, since_at: number): Promise<number> {
  const holds = (body: Uint8Array, encoding = 'identity') => words.in(textOf(body, encoding)).size > 0;
  const { NOTHING } = erase;
  const calls = await dropped(
    desk,
    (after) => erase.bodies(since_at, after, FEW),
    ({ encoding, request, response }) => holds(request, encoding) || holds(response, encoding),
    (rows) => erase.erase({ ...NOTHING, call: rows.map(({ call_id }) => call_id) }),
  );
  const answers = await dropped(
    desk,
    (after) => erase.answers(after, FEW),
    ({ body }) => holds(body),
    (rows) => erase.erase({ ...NOTHING, step: rows.map(({ step }) => step) }),
  );
  return calls + answers;
}

async function dropped<Row extends { key: number }>(
  desk: Desk,
  look: (after: number) => Query<Row>,
  holds: (row: Row) => boolean,
  drop: (rows: readonly Row[]) => readonly Op[],
): Promise<number> {
  let gone = 0;
  for (let after = -1; ; ) {
    const rows = await desk.read(look(after));
    const holding = rows.filter(holds);
    if (holding.length > 0) await commit(desk, drop(holding));
    gone += holding.length;
    after = rows.at(-1)?.key ?? after;
    if (rows.length < FEW) return gone;
    await pause(desk);
  }
}

function textOf(body: Uint8Array, encoding: string): string {
  try {
    return (encoding === 'gzip' ? gunzipSync(body) : Buffer.from(body)).toString('utf8');
  } catch {
    // One that nobody can unpack tells nobody anything.
    return '';
  }
}

async function commit(desk: Desk, ops: readonly Op[]): Promise<void> {
  desk.signal?.throwIfAborted();
  await desk.commit(ops);
}

async function pause(desk: Desk): Promise<void> {
  desk.signal?.throwIfAborted();
  await new Promise((resolve) => setImmediate(resolve));
}

function* few<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += FEW) yield all.slice(at, at + FEW);
}
