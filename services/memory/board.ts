/**
 * The memories that a piece of work may touch, laid out: each decision changes the board at once, so that the next one sees
 * it, and is written down as a step. Steps become rows in one commit. Pure.
 */

import type { Memory } from '#shared/tables/memory.ts';
import * as memory from '#shared/tables/memory.ts';
import * as memory_change from '#shared/tables/memory_change.ts';
import type { Source } from '#shared/tables/memory_source.ts';
import * as memory_source from '#shared/tables/memory_source.ts';
import type { Op } from '#shared/tables/op.ts';

export type Located = Omit<Source, 'memory_id'>;

/** A memory as it stands on the board; what is new has no `id` yet. */
export type Piece = memory.Added & Pick<Memory, 'superseded_by'> & { id: number | null; sources: number[] };

export type Step =
  | { op: 'add' | 'quarantine'; memory: memory.Added; sources: readonly Located[]; by: string | null }
  | {
      op: Exclude<memory_change.Change['op'], 'add' | 'quarantine' | 'forget'>;
      uid: string;
      was: memory.State;
      becomes: memory.State;
      /** The one that takes its place, or that it contradicts. */
      other: string | null;
      /** Messages that it rests on from now on; and those that it does not any more. */
      sources: readonly Located[];
      without: readonly number[];
    };

export type Board = {
  pieces: Piece[];
  steps: Step[];
  find(id: number): Piece | undefined;
  /** @param by what has taken its place already */
  add(op: 'add' | 'quarantine', added: memory.Added, sources: readonly Located[], by?: string): Piece;
  change(
    op: Extract<Step, { uid: string }>['op'],
    piece: Piece,
    to: Partial<memory.State>,
    more?: { other?: string; sources?: readonly Located[]; without?: readonly number[] },
  ): void;
};

export function boardOf(memories: readonly Memory[], sources: readonly Source[]): Board {
  const pieces: Piece[] = memories.map((one) => ({
    ...one,
    sources: sources.filter(({ memory_id }) => memory_id === one.id).map(({ message_id }) => message_id),
  }));
  const steps: Step[] = [];
  return {
    pieces,
    steps,
    find: (id) => pieces.find((piece) => piece.id === id),
    add(op, added, from, by) {
      const ids = from.map(({ message_id }) => message_id);
      const piece: Piece = { ...added, id: null, superseded_by: null, sources: ids };
      pieces.push(piece);
      steps.push({ op, memory: added, sources: from, by: by ?? null });
      return piece;
    },
    change(op, piece, to, more = {}) {
      const was = stateOf(piece);
      const { other = null, sources: from = [], without = [] } = more;
      steps.push({ op, uid: piece.uid, was, becomes: { ...was, ...to }, other, sources: from, without });
      Object.assign(piece, to);
      const added = from.map(({ message_id }) => message_id);
      piece.sources = [...piece.sources, ...added].filter((id) => !without.includes(id));
    },
  };
}

export function stateOf(piece: memory.State): memory.State {
  const { status, origin, trust, confidence, valid_to } = piece;
  const { unrecorded_at, superseded_by, pinned, asked_at } = piece;
  return { status, origin, trust, confidence, valid_to, unrecorded_at, superseded_by, pinned, asked_at };
}

/** What a row was, and which sources it was given: so much an undoing needs. */
export type Before = memory.State & { sources?: number[] };

/**
 * The steps as operations. What loses its place leaves it before another takes it, as the unique indexes want; who took
 * it is said once all are there.
 */
export function opsOf(
  steps: readonly Step[],
  { run_hash, wish_id, at }: { run_hash: string | null; wish_id: number | null; at: number },
): Op[] {
  const rows: Op[] = [];
  const links: Op[] = [];
  const changes = steps.map((step, seq) => {
    const base = { run_hash, wish_id, seq, op: step.op, at };
    if ('memory' in step) {
      const { uid } = step.memory;
      rows.push(
        memory.add(step.memory, run_hash),
        ...step.sources.map((source) => memory_source.put(uid, source)),
      );
      if (step.by !== null) links.push(memory.replacedBy(uid, step.by));
      return memory_change.record({ ...base, uid, other: step.by, before_json: null });
    }
    const { uid, was, becomes, other, sources, without } = step;
    rows.push(
      memory.revise(uid, was.status, becomes),
      ...sources.map((source) => memory_source.put(uid, source)),
    );
    if (without.length > 0) rows.push(memory_source.drop(uid, without));
    if (step.op === 'supersede' && other !== null) links.push(memory.replacedBy(uid, other));
    const before: Before = sources.length > 0 ? { ...was, sources: sources.map((s) => s.message_id) } : was;
    return memory_change.record({ ...base, uid, other, before_json: JSON.stringify(before) });
  });
  return [...rows, ...links, ...changes];
}
