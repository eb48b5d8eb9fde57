/**
 * replay: the answer to each step of a turn, of a run of memory, or of a check of an answer (whose `turn_id` is ''), so that it is asked and paid
 * for once, whoever dies before it is written down. A row is made before the question leaves, as the mark that somebody
 * asks it; with the bill it gets its answer.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'replay',
  about: 'the answers to the steps of turns, for whoever asks again',
  pen: { record: 'router' },
  keeps:
    'an hour, or until an hour after the end of the turn, or the end of the run or check; 7 days at most',
  erase: {
    where: `turn_id IN gone_turn OR turn_id IN gone_told OR step IN gone_step OR step IN (
      SELECT a.step FROM answer_check a WHERE a.turn_id IN gone_turn OR a.turn_id IN gone_told)`,
  },
};

export type Kept = {
  status: number;
  headers_json: string;
  /** As the client had it, a stream too. */
  body: Uint8Array;
};

/** Of all who ask the same step, one gets a row back, and asks the model. */
export function begin(of: {
  step: string;
  turn_id: string;
  worker: number;
  owner: string;
  now: number;
}): Op<{ step: string }> {
  return {
    verb: 'replay.begin',
    sql: `INSERT INTO replay (step, turn_id, worker, owner, at) VALUES (?,?,?,?,?)
          ON CONFLICT (step) DO NOTHING RETURNING step`,
    args: [of.step, of.turn_id, of.worker, of.owner, of.now],
  };
}

/** In the commit of the bill, without a flush: a power cut may take both back. */
export function keep(step: string, owner: string, kept: Kept, now: number): Op {
  return {
    verb: 'replay.keep',
    sql: `UPDATE replay SET status = ?, headers_json = ?, body = ?, at = ?
          WHERE step = ? AND owner = ? AND status IS NULL`,
    args: [kept.status, kept.headers_json, kept.body, now, step, owner],
  };
}

/** There was no answer: whoever asks next asks anew. One that is kept stays. */
export function drop(step: string, owner: string): Op {
  return {
    verb: 'replay.drop',
    sql: 'DELETE FROM replay WHERE step = ? AND owner = ? AND status IS NULL',
    args: [step, owner],
  };
}

/** Takes away what dead routers have left in the making: those of this worker with another owner than the living one. */
export function abandon(worker: number, owner: string): Op {
  return {
    verb: 'replay.abandon',
    sql: 'DELETE FROM replay WHERE status IS NULL AND worker = ? AND owner <> ?',
    args: [worker, owner],
  };
}

/** The workers that have answers in the making. */
export const workers: Query<{ worker: number }> = {
  verb: 'replay.workers',
  sql: 'SELECT DISTINCT worker FROM replay WHERE status IS NULL',
  args: [],
};

/** The answer, once there is one. */
export function of(step: string): Query<Kept> {
  return {
    verb: 'replay.of',
    sql: 'SELECT status, headers_json, body FROM replay WHERE step = ? AND status IS NOT NULL',
    args: [step],
  };
}

const HOUR_ms = 3_600_000;

/** Removes, `most` at once, what nobody will ask for any more. */
export function prune(now: number, most: number): Op<{ step: string }> {
  return {
    verb: 'replay.prune',
    sql: `DELETE FROM replay WHERE step IN (
            SELECT r.step FROM replay r LEFT JOIN turn t ON t.id = r.turn_id
            WHERE r.at < ? AND r.status IS NOT NULL
              AND (r.at < ? OR t.finished_at < ? OR (t.id IS NULL AND NOT EXISTS
                (SELECT 1 FROM memory_run m WHERE m.state = 'submitted' AND m.step = r.step) AND NOT EXISTS
                (SELECT 1 FROM answer_check a INDEXED BY answer_check_open
                  WHERE a.state IN ('planned', 'asked') AND a.step = r.step))) LIMIT ?) RETURNING step`,
    args: [now - HOUR_ms, now - 7 * 24 * HOUR_ms, now - HOUR_ms, most],
  };
}
