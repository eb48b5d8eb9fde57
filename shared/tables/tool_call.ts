/**
 * tool_call: each call of a tool. core asks for it, `tools` sees to it.
 *
 * pending → asking → running → done | failed | denied | interrupted | cancelled. `running` is on the disk before anything
 * happens outside. When `tools` dies, what was running is `interrupted`: nobody knows what came of it, the model is told
 * so, and it is not run again, unless its tool is repeatable. A call whose turn is over is `cancelled`, wherever it is.
 */

import { type Op, type Query, type Table, TURN_LASTS } from './op.ts';

export const table: Table = {
  name: 'tool_call',
  about: 'each call of a tool, and what came of it',
  pen: { mailbox: 'tools' },
  keeps: { days: 400, since: 'finished_at', unless: TURN_LASTS },
  erase: { where: 'turn_id IN gone_turn' },
};

export type State =
  | 'pending'
  | 'asking'
  | 'running'
  | 'done'
  | 'failed'
  | 'denied'
  | 'interrupted'
  | 'cancelled';

export type ToolCall = {
  id: string;
  turn_id: string;
  round: number;
  /** Its place among those of its round, from 0. */
  place: number;
  /** What the model calls it (tool_use.id). */
  use_id: string;
  decision_id: string | null;
  conversation: string;
  channel: 'telegram' | 'terminal';
  chat: string | null;
  sender: string | null;
  tool: string;
  input_json: string;
  state: State;
  attempt: number;
  owner: string | null;
  approval_id: string | null;
  /** Once it is over, what the model is told: an array of text blocks, and of files as in `step`. */
  result_json: string | null;
  /** Where words of strangers in the result come from (`web https://…`, `mcp mail`); null: there are none. */
  source: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
};

/** Not over, in the very words of the index `tool_call_open`. */
const OPEN = `state IN ('pending', 'asking', 'running')`;

export type Wish = Pick<
  ToolCall,
  | 'id'
  | 'turn_id'
  | 'round'
  | 'place'
  | 'use_id'
  | 'decision_id'
  | 'conversation'
  | 'channel'
  | 'chat'
  | 'sender'
  | 'tool'
  | 'input_json'
> & { now: number };

export function ask(wish: Wish): Op {
  return {
    verb: 'tool_call.ask',
    sql: `INSERT INTO tool_call (id, turn_id, round, place, use_id, decision_id, conversation, channel, chat, sender, tool,
            input_json, state, created_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,'pending',?)`,
    args: [
      wish.id,
      wish.turn_id,
      wish.round,
      wish.place,
      wish.use_id,
      wish.decision_id,
      wish.conversation,
      wish.channel,
      wish.chat,
      wish.sender,
      wish.tool,
      wish.input_json,
      wish.now,
    ],
    durable: true,
    rings: 'tool',
  };
}

export function ofTurn(turn_id: string): Query<ToolCall> {
  return {
    verb: 'tool_call.ofTurn',
    sql: 'SELECT * FROM tool_call WHERE turn_id = ? ORDER BY round, place',
    args: [turn_id],
  };
}

/** The oldest that waits to be looked at. */
export const next: Query<ToolCall> = {
  verb: 'tool_call.next',
  sql: `SELECT * FROM tool_call WHERE ${OPEN} AND state = 'pending' ORDER BY created_at LIMIT 1`,
  args: [],
};

/** Durable: the intent is on the disk before anything happens. */
export function start(call: ToolCall, owner: string, now: number): Op<ToolCall> {
  return {
    verb: 'tool_call.start',
    sql: `UPDATE tool_call SET state = 'running', attempt = attempt + 1, owner = ?, started_at = ?
          WHERE id = ? AND state IN ('pending', 'asking') AND attempt = ?
            AND EXISTS (SELECT 1 FROM turn t WHERE t.id = turn_id AND t.state IN ('running', 'waiting')) RETURNING *`,
    args: [owner, now, call.id, call.attempt],
    durable: true,
  };
}

/** It is over; core goes on with the result. */
export function finish(
  call: Pick<ToolCall, 'id' | 'attempt'>,
  how: {
    state: Exclude<State, 'pending' | 'asking' | 'running'>;
    result_json: string;
    source: string | null;
    now: number;
  },
): Op {
  return {
    verb: 'tool_call.finish',
    sql: `UPDATE tool_call SET state = ?, result_json = ?, source = ?, finished_at = ?
          WHERE id = ? AND ${OPEN} AND attempt = ?`,
    args: [how.state, how.result_json, how.source, how.now, call.id, call.attempt],
    expect: 1,
    durable: true,
    rings: 'inbound',
  };
}

export type Open = Pick<
  ToolCall,
  'id' | 'turn_id' | 'conversation' | 'tool' | 'state' | 'attempt' | 'created_at' | 'started_at'
>;

/** Those that are not over, the oldest first. */
export function open(most: number): Query<Open> {
  return {
    verb: 'tool_call.open',
    sql: `SELECT id, turn_id, conversation, tool, state, attempt, created_at, started_at FROM tool_call INDEXED BY tool_call_open
          WHERE ${OPEN} ORDER BY created_at LIMIT ?`,
    args: [most],
  };
}

/** Those that are not over although their turn is. */
export const orphaned: Query<ToolCall> = {
  verb: 'tool_call.orphaned',
  sql: `SELECT c.* FROM tool_call c WHERE c.${OPEN}
          AND NOT EXISTS (SELECT 1 FROM turn t WHERE t.id = c.turn_id AND t.state IN ('running', 'waiting'))`,
  args: [],
};

/** Beyond so many attempts a call is taken to be what kills its service, and left. */
const MOST_ATTEMPTS = 3;

const AGAIN = `attempt < ${MOST_ATTEMPTS} AND EXISTS (SELECT 1 FROM tool t WHERE t.name = tool_call.tool AND t.repeatable = 1)`;

/**
 * What dead owners were running, the repeatable and then the rest, in one unit: the first is run again, of the second
 * nobody knows what came. See `turn.adopt` for why no clock is asked.
 */
export function adopt(
  owner: string,
  how: { result_json: string; now: number },
): [Op<{ id: string }>, Op<{ id: string }>] {
  return [
    {
      verb: 'tool_call.adopt',
      sql: `UPDATE tool_call SET state = 'pending' WHERE ${OPEN} AND state = 'running' AND owner <> ? AND ${AGAIN}
            RETURNING id`,
      args: [owner],
      durable: true,
    },
    {
      verb: 'tool_call.interrupt',
      sql: `UPDATE tool_call SET state = 'interrupted', result_json = ?, finished_at = ?
            WHERE ${OPEN} AND state = 'running' AND owner <> ? RETURNING id`,
      args: [how.result_json, how.now, owner],
      durable: true,
      rings: 'inbound',
    },
  ];
}

/** It was stopped before its end, and to run it again does no harm: it waits once more. */
export function putBack(call: Pick<ToolCall, 'id' | 'attempt'>): Op {
  return {
    verb: 'tool_call.putBack',
    sql: `UPDATE tool_call SET state = 'pending' WHERE id = ? AND state = 'running' AND attempt = ?`,
    args: [call.id, call.attempt],
    expect: 1,
    durable: true,
  };
}

/** It waits for its owner's word. Not when its turn is over: nobody is asked in vain. */
export function asking(call: Pick<ToolCall, 'id' | 'attempt'>, approval_id: string): Op {
  return {
    verb: 'tool_call.asking',
    sql: `UPDATE tool_call SET state = 'asking', approval_id = ? WHERE id = ? AND state = 'pending' AND attempt = ?
            AND EXISTS (SELECT 1 FROM turn t WHERE t.id = turn_id AND t.state IN ('running', 'waiting'))`,
    args: [approval_id, call.id, call.attempt],
    expect: 1,
    durable: true,
  };
}

/** Its owner has allowed it: it is looked at again, with what it was granted. */
export function granted(id: string, approval_id: string): Op {
  return {
    verb: 'tool_call.granted',
    sql: `UPDATE tool_call SET state = 'pending' WHERE id = ? AND state = 'asking' AND approval_id = ?`,
    args: [id, approval_id],
    expect: 1,
    durable: true,
    rings: 'tool',
  };
}

export function of(id: string): Query<ToolCall> {
  return { verb: 'tool_call.of', sql: 'SELECT * FROM tool_call WHERE id = ?', args: [id] };
}

/** What the last searches of a conversation brought. */
export function searches(conversation: string, most: number): Query<{ result_json: string }> {
  return {
    verb: 'tool_call.searches',
    sql: `SELECT result_json FROM tool_call INDEXED BY tool_call_search
          WHERE conversation = ? AND tool = 'web_search' AND state = 'done' ORDER BY created_at DESC LIMIT ?`,
    args: [conversation, most],
  };
}

/** What waits to be looked at. */
export const backlog: Query<{ count: number; oldest_at: number | null }> = {
  verb: 'tool_call.backlog',
  sql: `SELECT count(*) AS count, min(created_at) AS oldest_at FROM tool_call WHERE ${OPEN} AND state = 'pending'`,
  args: [],
};
