/**
 * quality: how good the answers were, day by day and model by model; `''` is all models. What is counted stands here, what it
 * comes to is worked out by whoever reads it (`shared/metrics/quality.ts`): counts of days add up, rates of days do not.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'quality',
  about: 'how good the answers were, day by day and model by model',
  pen: { record: 'metrics' },
  keeps: { days: 400, since: 'day_at', key: 'day_at' },
};

export type Quality = { day_at: number; model: string; name: string; value: number };

export function between(from_at: number, to_at: number): Query<Quality> {
  return {
    verb: 'quality.between',
    sql: 'SELECT * FROM quality WHERE day_at >= ? AND day_at < ? ORDER BY day_at, model, name',
    args: [from_at, to_at],
  };
}

/** The day that begins then, and ends before `ends_at`, anew: also what was written of it in another time zone goes. */
export function put(day_at: number, ends_at: number, rows: readonly Omit<Quality, 'day_at'>[]): Op[] {
  return [
    {
      verb: 'quality.clear',
      sql: 'DELETE FROM quality WHERE day_at >= ? AND day_at < ?',
      args: [day_at, ends_at],
    },
    {
      verb: 'quality.put',
      sql: `INSERT INTO quality (day_at, model, name, value)
            SELECT ?, value ->> 'model', value ->> 'name', value ->> 'value' FROM json_each(?)`,
      args: [day_at, JSON.stringify(rows)],
    },
  ];
}

export const newest: Query<{ day_at: number | null }> = {
  verb: 'quality.newest',
  sql: 'SELECT max(day_at) AS day_at FROM quality',
  args: [],
};

/** The model that answered last in a turn `t`. */
const MODEL = `coalesce((SELECT c.model FROM call c WHERE c.turn_id = t.id ORDER BY c.opened_at DESC, c.id DESC LIMIT 1), '')`;

/** How many messages of people a turn `t` is about: none where it is a job's, a task's or a canary's. */
const MESSAGES = '(SELECT count(*) FROM inbound i WHERE i.turn_id = t.id AND i.unasked = 0)';

/** The answer of a turn `t` shows the markup of a call, and no tool was called. */
const PRETENDED = `EXISTS (SELECT 1 FROM message m WHERE m.turn_id = t.id AND m.role = 'assistant' AND (
    instr(m.text, '<invoke name=') > 0 OR instr(m.text, '<function_calls>') > 0 OR instr(m.text, '<tool_call>') > 0))
  AND NOT EXISTS (SELECT 1 FROM tool_call k WHERE k.turn_id = t.id)`;

/** Of the turns in which people were answered. */
export type Answers = {
  model: string;
  /** Of people, in turns that were answered. */
  messages: number;
  /** How the turns ended: `cut` at a bound of theirs, `cancelled` by a person, `failed` because it was no use. */
  answered: number;
  cut: number;
  cancelled: number;
  failed: number;
  /** From the first message to the answer, all added up. */
  answer_ms: number;
  up: number;
  down: number;
  made_up: number;
  not_helpful: number;
  pretended: number;
  checked: number;
  unsupported: number;
  /** Answers of which at least one of these says that something in them is made up. */
  suspect: number;
};

/** Goes by the index over the turns that ended in this time; for each by keys to what belongs to it. */
export function answers(from_at: number, to_at: number): Query<Answers> {
  return {
    verb: 'quality.answers',
    sql: `WITH t AS MATERIALIZED (
            SELECT t.id, t.state, t.error, t.finished_at, ${MODEL} AS model, ${MESSAGES} AS messages,
              (SELECT min(i.received_at) FROM inbound i WHERE i.turn_id = t.id AND i.unasked = 0) AS since_at,
              (SELECT d.action FROM decision d WHERE d.turn_id = t.id ORDER BY d.at DESC, d.id DESC LIMIT 1) AS action
            FROM turn t WHERE t.finished_at >= ? AND t.finished_at < ? AND t.unasked = 0),
          w AS (
            SELECT t.*, r.good, r.why, a.state AS looked, a.verdict, ${PRETENDED} AS pretended,
              CASE WHEN t.state = 'dead' THEN 'failed' WHEN t.error IS NOT NULL THEN 'cancelled'
                WHEN t.action = 'answer' THEN 'answered' ELSE 'cut' END AS outcome
            FROM t LEFT JOIN rating r ON r.turn_id = t.id LEFT JOIN answer_check a ON a.turn_id = t.id
            WHERE t.messages > 0 AND t.action IS NOT 'ignore')
          SELECT model,
            sum(CASE outcome WHEN 'answered' THEN messages ELSE 0 END) AS messages,
            sum(outcome = 'answered') AS answered, sum(outcome = 'cut') AS cut,
            sum(outcome = 'cancelled') AS cancelled, sum(outcome = 'failed') AS failed,
            sum(CASE outcome WHEN 'answered' THEN max(0, finished_at - since_at) ELSE 0 END) AS answer_ms,
            coalesce(sum(good), 0) AS up, coalesce(sum(1 - good), 0) AS down,
            coalesce(sum(why = 'made up'), 0) AS made_up, coalesce(sum(why = 'not helpful'), 0) AS not_helpful,
            sum(pretended) AS pretended, coalesce(sum(looked = 'done'), 0) AS checked,
            coalesce(sum(verdict = 'unsupported'), 0) AS unsupported,
            sum(why IS 'made up' OR verdict IS 'unsupported' OR pretended) AS suspect
          FROM w GROUP BY model`,
    args: [from_at, to_at],
    long: true,
  };
}

/** Turns that have waited for their owner since then. */
export function held(from_at: number, to_at: number): Query<{ model: string; held: number }> {
  return {
    verb: 'quality.held',
    sql: `WITH t AS MATERIALIZED (SELECT t.id, ${MODEL} AS model, ${MESSAGES} AS messages FROM turn t
            WHERE t.state = 'held' AND t.changed_at >= ? AND t.changed_at < ?)
          SELECT model, count(*) AS held FROM t WHERE messages > 0 GROUP BY model`,
    args: [from_at, to_at],
  };
}

/**
 * What was decided: how long a model took over it, once for all that it chose at a time; and tools it chose that there are
 * none of, which `tools` has refused without beginning.
 */
export function decisions(
  from_at: number,
  to_at: number,
): Query<{ model: string; decisions: number; decision_ms: number; invented: number }> {
  return {
    verb: 'quality.decisions',
    sql: `WITH t AS MATERIALIZED (
            SELECT d.call_id, max(substr(d.action, 1, 5) = 'tool '
                AND NOT EXISTS (SELECT 1 FROM tool o WHERE o.name = substr(d.action, 6))
                AND EXISTS (SELECT 1 FROM tool_call k WHERE k.turn_id = d.turn_id AND k.round = d.round
                  AND k.decision_id = d.id AND k.state = 'failed' AND k.started_at IS NULL)) AS invented
            FROM decision d WHERE d.at >= ? AND d.at < ? AND d.call_id IS NOT NULL GROUP BY d.call_id)
          SELECT c.model, sum(c.latency_ms IS NOT NULL) AS decisions, coalesce(sum(c.latency_ms), 0) AS decision_ms,
            sum(t.invented) AS invented
          FROM t JOIN call c ON c.id = t.call_id GROUP BY c.model`,
    args: [from_at, to_at],
    long: true,
  };
}

/** How jobs and tasks ended, and which tasks have waited for their owner since then. */
export function works(
  from_at: number,
  to_at: number,
): Query<{ kind: 'jobs' | 'tasks'; state: string; count: number }> {
  return {
    verb: 'quality.works',
    sql: `SELECT 'jobs' AS kind, state, count(*) AS count FROM slot
            WHERE finished_at >= ? AND finished_at < ? AND service IS NULL GROUP BY state
          UNION ALL SELECT 'tasks', state, count(*) FROM task WHERE finished_at >= ? AND finished_at < ? GROUP BY state
          UNION ALL SELECT 'tasks', state, count(*) FROM task
            WHERE state = 'held' AND changed_at >= ? AND changed_at < ? GROUP BY state`,
    args: [from_at, to_at, from_at, to_at, from_at, to_at],
  };
}

/** When answers were given of which something was said since `from_at`, and that were given before. */
export function judgedLate(from_at: number): Query<{ at: number }> {
  return {
    verb: 'quality.judgedLate',
    sql: `SELECT t.finished_at AS at FROM rating r CROSS JOIN turn t ON t.id = r.turn_id
            WHERE r.at >= ? AND t.finished_at < ?
          UNION SELECT t.finished_at FROM answer_check a CROSS JOIN turn t ON t.id = a.turn_id
            WHERE a.finished_at >= ? AND t.finished_at < ?`,
    args: [from_at, from_at, from_at, from_at],
  };
}

/** People's turns that were answered after this one, in order: what may be checked. */
export function answered(
  after: { at: number; id: string },
  most: number,
): Query<{ id: string; at: number; model: string }> {
  return {
    verb: 'quality.answered',
    sql: `SELECT t.id, t.finished_at AS at, ${MODEL} AS model FROM turn t
          WHERE (t.finished_at, t.id) > (?, ?) AND t.finished_at IS NOT NULL AND t.state = 'done' AND t.error IS NULL
            AND t.unasked = 0 AND ${MESSAGES} > 0
            AND (SELECT d.action FROM decision d WHERE d.turn_id = t.id ORDER BY d.at DESC, d.id DESC LIMIT 1) = 'answer'
          ORDER BY t.finished_at, t.id LIMIT ?`,
    args: [after.at, after.id, most],
  };
}
