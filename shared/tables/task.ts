/**
 * task: a long piece of work: a goal, and a check that says when it is reached. core works at it in iterations, each a
 * turn of its own in the conversation `task:<id>`, until the check passes, or iterations, time or money end. Anyone posts
 * one.
 *
 * running ⇄ paused, running → held (three failures in a row) → running; done | failed | cancelled are final. Within
 * `running`: `work` while the message `<id>:<iteration>` (source `task` in `inbound`) is not written or not answered yet,
 * then `check`. Every step names the step it follows, and is one unit with what it causes: a crash repeats or loses none.
 */

import type { Op, Query, Table, Value } from './op.ts';

export const table: Table = {
  name: 'task',
  about: 'long pieces of work, and how far they are',
  pen: { mailbox: 'core' },
  keeps: { days: 400, since: 'finished_at' },
  erase: { where: 'id IN gone_task', set: "goal = '[forgotten]', check_text = '[forgotten]', note = NULL" },
};

export type Task = {
  id: number;
  goal: string;
  /** A command that must end well in the sandbox, or a question that must be answered yes. */
  check_kind: 'command' | 'question';
  check_text: string;
  budget_nanousd: number;
  most_iterations: number;
  until_at: number;
  /** Whoever wished it hears of it there. */
  channel: 'telegram' | 'terminal';
  chat: string | null;
  conversation: string;
  sender: string | null;
  state: 'running' | 'paused' | 'held' | 'done' | 'failed' | 'cancelled';
  /** What the present iteration is at. */
  phase: 'work' | 'check';
  /** The one that is in work, or comes next; from 1. */
  iteration: number;
  /** In a row. */
  failures: number;
  /** The turn under which its check runs now. */
  turn_id: string | null;
  spent_nanousd: number;
  /** What came of the last iteration, or why it ended, in words. */
  note: string | null;
  /** Nothing happens before. */
  due_at: number;
  created_at: number;
  changed_at: number;
  finished_at: number | null;
};

export type Wish = Pick<
  Task,
  | 'goal'
  | 'check_kind'
  | 'check_text'
  | 'budget_nanousd'
  | 'most_iterations'
  | 'until_at'
  | 'channel'
  | 'chat'
  | 'conversation'
  | 'sender'
> & { now: number };

export function add(wish: Wish): Op<{ id: number }> {
  return {
    verb: 'task.add',
    sql: `INSERT INTO task (goal, check_kind, check_text, budget_nanousd, most_iterations, until_at, channel, chat,
            conversation, sender, state, phase, iteration, created_at, changed_at)
          VALUES (?,?,?,?,?,?,?,?,?,?,'running','work',1,?,?) RETURNING id`,
    args: [
      wish.goal,
      wish.check_kind,
      wish.check_text,
      wish.budget_nanousd,
      wish.most_iterations,
      wish.until_at,
      wish.channel,
      wish.chat,
      wish.conversation,
      wish.sender,
      wish.now,
      wish.now,
    ],
    durable: true,
    rings: 'task',
  };
}

/** The conversation in which it is worked at. */
export function conversationOf(id: number): string {
  return `task:${id}`;
}

/** The task that is worked at in a conversation; null: it is none of a task. */
export function idOf(conversation: string): number | null {
  const id = /^task:(\d+)$/.exec(conversation)?.[1];
  return id === undefined ? null : Number(id);
}

/** A task, with how far its present step is. */
export type Standing = Task & {
  /** How its iteration's message stands; null: it is not written yet. */
  message: 'pending' | 'taken' | 'answered' | 'dead' | null;
  /** The iteration's turn. */
  worker_id: string | null;
  worker: 'running' | 'waiting' | 'held' | 'done' | 'dead' | null;
  worker_error: string | null;
  /** How the call of its check ended, and what it brought. */
  verdict: string | null;
  result_json: string | null;
};

/**
 * The next one of which something has come to an end, or to a decision that nobody is asked for: a task's turn that is held,
 * or for which the house has no money, is its task's failure. Goes along those that run, which are few; for each, by keys, to
 * its message, that one's turn, and the call of its check.
 */
export function next(now: number): Query<Standing> {
  return {
    verb: 'task.next',
    sql: `SELECT t.*, i.state AS message, i.turn_id AS worker_id, w.state AS worker, w.error AS worker_error,
            c.state AS verdict, c.result_json
          FROM task t INDEXED BY task_running
          LEFT JOIN inbound i ON i.source = 'task' AND i.source_key = t.id || ':' || t.iteration
          LEFT JOIN turn w ON w.id = i.turn_id
          LEFT JOIN tool_call c ON c.turn_id = t.turn_id AND c.round = 1 AND c.place = 0
          WHERE t.state = 'running' AND (t.due_at <= ? OR t.changed_at > ?) AND (
            (t.phase = 'work' AND (i.id IS NULL OR i.state IN ('answered', 'dead') OR w.state = 'held'
              OR (w.state = 'waiting' AND w.waits_for = 'budget')))
            OR (t.phase = 'check' AND (t.turn_id IS NULL OR c.state NOT IN ('pending', 'asking', 'running'))))
          ORDER BY t.changed_at, t.id LIMIT 1`,
    args: [now, now],
  };
}

/** How many run. */
export const running: Query<{ count: number }> = {
  verb: 'task.running',
  sql: `SELECT count(*) AS count FROM task INDEXED BY task_running WHERE state = 'running'`,
  args: [],
};

/** Those that are not over, the newest first. */
export function open(most: number): Query<Task> {
  return {
    verb: 'task.open',
    sql: `SELECT * FROM task INDEXED BY task_unfinished WHERE state IN ('running', 'paused', 'held') ORDER BY id DESC LIMIT ?`,
    args: [most],
  };
}

/** Those that are not over, by state. */
export const unfinished: Query<{ state: Task['state']; count: number }> = {
  verb: 'task.unfinished',
  sql: `SELECT state, count(*) AS count FROM task WHERE state IN ('running', 'paused', 'held') GROUP BY state`,
  args: [],
};

export function of(id: number): Query<Task> {
  return { verb: 'task.of', sql: 'SELECT * FROM task WHERE id = ?', args: [id] };
}

/** Those wished in a conversation, the newest first. */
export function ofConversation(conversation: string, most: number): Query<Task> {
  return {
    verb: 'task.ofConversation',
    sql: 'SELECT * FROM task WHERE conversation = ? ORDER BY id DESC LIMIT ?',
    args: [conversation, most],
  };
}

export function latest(most: number): Query<Task> {
  return { verb: 'task.latest', sql: 'SELECT * FROM task ORDER BY id DESC LIMIT ?', args: [most] };
}

export type Change = Partial<
  Pick<
    Task,
    | 'state'
    | 'phase'
    | 'iteration'
    | 'failures'
    | 'turn_id'
    | 'spent_nanousd'
    | 'note'
    | 'due_at'
    | 'finished_at'
  >
>;

/**
 * From the step in which it was seen to the next one (`Fenced` when it is not there any more). It changes after it was
 * made, also within one millisecond: that is how its first change is told from all later ones.
 */
export function change(from: Task, to: Change, now: number): Op {
  const columns = Object.keys(to);
  const values: Value[] = Object.values(to);
  return {
    verb: 'task.change',
    sql: `UPDATE task SET ${['changed_at = max(?, created_at + 1)', ...columns.map((column) => `${column} = ?`)].join(', ')}
          WHERE id = ? AND state = ? AND phase = ? AND iteration = ? AND failures = ? AND turn_id IS ?`,
    args: [now, ...values, from.id, from.state, from.phase, from.iteration, from.failures, from.turn_id],
    expect: 1,
    durable: true,
    rings: 'task',
  };
}
