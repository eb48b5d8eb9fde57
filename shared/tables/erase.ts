/**
 * Forgetting, in SQL: what belongs to a turn or a memory, how each table lets go of it, and how words are found that stand
 * anywhere else. The one place that writes into the tables of others; the guard lets `memory` do it between `begin` and
 * `end`, and at no other time.
 */

import type { Memory } from './memory.ts';
import type { Run } from './memory_run.ts';
import type { Message } from './message.ts';
import type { Erase, Op, Query, Table, Value } from './op.ts';
import { tables } from './tables.ts';

/** What goes, by kind: what a table's `erase` may ask for as `gone_<kind>`. */
export type Gone = {
  turn: readonly string[];
  /** What came in and was not taken up, or is not to be. */
  inbound: readonly number[];
  message: readonly number[];
  memory: readonly number[];
  /** Turns that stay, in which the model was told of what goes. */
  told: readonly string[];
  /** Calls whose bodies may hold it. */
  call: readonly string[];
  /** What core has summed up, by its row. */
  summary: readonly number[];
  run: readonly number[];
  /** By which their answers are kept for whoever asks again. */
  step: readonly string[];
  wish: readonly number[];
  /** Whose words turns that stay have read, by way of those that go. */
  taint: readonly number[];
  /** What was set up, and is changed or over since. */
  schedule: readonly number[];
  task: readonly number[];
  /** Scopes whose profile may hold it. */
  scope: readonly string[];
  /** Commands that show what is remembered, questions whether to forget or remember, and what was answered to either. */
  press: readonly number[];
  approval: readonly string[];
  notice: readonly number[];
};

export const NOTHING: Gone = {
  turn: [],
  inbound: [],
  message: [],
  memory: [],
  told: [],
  call: [],
  summary: [],
  run: [],
  step: [],
  wish: [],
  taint: [],
  schedule: [],
  task: [],
  scope: [],
  press: [],
  approval: [],
  notice: [],
};

const GONE = `WITH given (it) AS MATERIALIZED (SELECT ?), ${Object.keys(NOTHING)
  .map((kind) => `gone_${kind} (id) AS MATERIALIZED (SELECT value FROM given, json_each(it, '$.${kind}'))`)
  .join(', ')}`;

type Erasing = Table & { readonly erase: Erase };
const erasing = tables.filter((table): table is Erasing => table.erase !== undefined);

/** While this row is there, the guard lets `memory` erase. It is in the connection's own memory: nobody else sees it. */
export const BRACKET = 'CREATE TEMP TABLE IF NOT EXISTS erasing (now INTEGER)';
export const ERASING = 'EXISTS (SELECT 1 FROM temp.erasing)';

const begin: Op = { verb: 'erase.begin', sql: 'INSERT INTO temp.erasing VALUES (1)', args: [] };
const end: Op = { verb: 'erase.end', sql: 'DELETE FROM temp.erasing', args: [] };

/** One unit: all that these tables hold of it. Done again, it finds nothing. */
export function erase(gone: Gone): Op[] {
  const args = [JSON.stringify(gone)];
  return [
    begin,
    ...erasing.map(({ name, erase: { where, set } }) => ({
      verb: `${name}.erase`,
      sql: `${GONE} ${set ? `UPDATE ${name} SET ${set}` : `DELETE FROM ${name}`} WHERE ${where}`,
      args,
    })),
    end,
  ];
}

/** How many rows of each table it would take. */
export function counts(gone: Gone): (Query<{ rows: number }> & { table: string })[] {
  return erasing.map(({ name, erase: { where } }) => ({
    table: name,
    verb: `${name}.counted`,
    sql: `${GONE} SELECT count(*) AS rows FROM ${name} WHERE ${where}`,
    args: [JSON.stringify(gone)],
  }));
}

const list = (ids: readonly Value[]) => JSON.stringify(ids);
const IN = 'IN (SELECT value FROM json_each(?))';

/** Which of these turns there are, whether they are over, and in whose memory they are searched. */
export function turns(ids: readonly string[]): Query<{ id: string; over: 0 | 1; scope: string | null }> {
  return {
    verb: 'erase.turns',
    sql: `SELECT w.value AS id, t.id IS NULL OR t.finished_at IS NOT NULL AS over,
            (SELECT p.scope FROM passage p WHERE p.turn_id = w.value LIMIT 1) AS scope
          FROM json_each(?) w LEFT JOIN turn t ON t.id = w.value
          WHERE t.id IS NOT NULL OR EXISTS (SELECT 1 FROM message m WHERE m.turn_id = w.value)`,
    args: [list(ids)],
  };
}

export type Said = Pick<Message, 'id' | 'role' | 'text' | 'at' | 'turn_id'> & { conversation: string };

export function messages(turn_ids: readonly string[]): Query<Said> {
  return {
    verb: 'erase.messages',
    sql: `SELECT id, conversation, role, text, at, turn_id FROM message WHERE turn_id ${IN} ORDER BY id`,
    args: [list(turn_ids)],
  };
}

/** The turns in which these were corrected, or what they correct was said: one message, in two wordings. */
export function corrections(turn_ids: readonly string[]): Query<{ turn_id: string }> {
  return {
    verb: 'erase.corrections',
    sql: `SELECT e.turn_id FROM message m JOIN message e ON e.corrects = m.id WHERE m.turn_id ${IN}
          UNION SELECT o.turn_id FROM message m JOIN message o ON o.id = m.corrects WHERE m.turn_id ${IN}`,
    args: [list(turn_ids), list(turn_ids)],
  };
}

/** What else was said in these turns: what was corrected, what was spoken, what files are called. */
export function otherWords(turn_ids: readonly string[]): Query<{ text: string }> {
  return {
    verb: 'erase.otherWords',
    sql: `SELECT i.text FROM inbound i WHERE i.turn_id ${IN} AND i.text IS NOT NULL
          UNION SELECT a.text FROM inbound i JOIN attachment a ON a.inbound_id = i.id WHERE i.turn_id ${IN} AND a.text IS NOT NULL
          UNION SELECT a.name FROM inbound i JOIN attachment a ON a.inbound_id = i.id WHERE i.turn_id ${IN}`,
    args: [list(turn_ids), list(turn_ids), list(turn_ids)],
  };
}

export type Kept = Pick<
  Memory,
  'id' | 'uid' | 'scope' | 'kind' | 'slot' | 'text' | 'recorded_at' | 'wish_id'
>;
const KEPT = 'm.id, m.uid, m.scope, m.kind, m.slot, m.text, m.recorded_at, m.wish_id';

/** These memories, what they said before they were edited, those that say the very same, and those that rest on these messages alone. */
export function memories(ids: readonly number[], message_ids: readonly number[]): Query<Kept> {
  return {
    verb: 'erase.memories',
    sql: `WITH RECURSIVE resting (id) AS (
            SELECT s.memory_id FROM memory_source s WHERE s.message_id ${IN} AND NOT EXISTS (
              SELECT 1 FROM memory_source o WHERE o.memory_id = s.memory_id AND o.message_id NOT ${IN})),
          w (id) AS (SELECT value FROM json_each(?) UNION SELECT id FROM resting
            UNION SELECT b.id FROM w JOIN memory a ON a.id = w.id JOIN wish e ON e.id = a.wish_id AND e.kind = 'edit'
              JOIN memory b ON b.superseded_by = a.id)
          SELECT DISTINCT ${KEPT} FROM w JOIN memory n ON n.id = w.id
            JOIN memory m ON m.scope = n.scope AND m.hash = n.hash ORDER BY m.id`,
    args: [list(message_ids), list(message_ids), list(ids)],
  };
}

/** The messages that these memories rest on. */
export function sources(memory_ids: readonly number[]): Query<Said> {
  return {
    verb: 'erase.sources',
    sql: `SELECT DISTINCT m.id, m.conversation, m.role, m.text, m.at, m.turn_id
          FROM memory_source s JOIN message m ON m.id = s.message_id WHERE s.memory_id ${IN} ORDER BY m.id`,
    args: [list(memory_ids)],
  };
}

/** The summaries of the time in which these messages were said. They are made again, of what is left. */
export function summaries(message_ids: readonly number[]): Query<Kept> {
  return {
    verb: 'erase.summaries',
    sql: `SELECT DISTINCT ${KEPT} FROM message s JOIN memory m ON m.kind = 'summary' AND m.starts_at <= s.at AND m.ends_at >= s.at
            AND m.scope IN (s.conversation, (SELECT p.scope FROM passage p WHERE p.conversation = s.conversation LIMIT 1))
          WHERE s.id ${IN}`,
    args: [list(message_ids)],
  };
}

/** Other values of the same thing, earlier and later ones. */
export function chain(memory_ids: readonly number[]): Query<Kept> {
  return {
    verb: 'erase.chain',
    sql: `SELECT DISTINCT ${KEPT} FROM memory n JOIN memory m ON m.scope = n.scope AND m.slot = n.slot
          WHERE n.id ${IN} AND m.id NOT ${IN} ORDER BY m.id`,
    args: [list(memory_ids), list(memory_ids)],
  };
}

/** The turns in which the model was told of it. */
export function told(
  message_ids: readonly number[],
  memory_ids: readonly number[],
): Query<{ turn_id: string }> {
  return {
    verb: 'erase.told',
    sql: `SELECT turn_id FROM recalled WHERE kind = 'message' AND ref ${IN}
          UNION SELECT turn_id FROM recalled WHERE kind = 'memory' AND ref ${IN}`,
    args: [list(message_ids), list(memory_ids)],
  };
}

/** Core's summaries of these conversations, made after their turn. The ids of turns grow with time. */
export function compacted(said: readonly Said[]): Query<{ id: number }> {
  return {
    verb: 'erase.compacted',
    sql: `SELECT DISTINCT s.id FROM json_each(?) w JOIN summary s ON s.conversation = w.value ->> 'conversation'
            AND s.upto_turn_id >= w.value ->> 'turn_id'`,
    args: [JSON.stringify(said.map(({ conversation, turn_id }) => ({ conversation, turn_id })))],
  };
}

export type Pass = Pick<
  Run,
  'id' | 'scope' | 'conversation' | 'period' | 'how' | 'after_id' | 'upto_id' | 'state' | 'step' | 'batch_ref'
>;

/** The passes that have read these messages, or are reading them or a summary in these scopes. */
export function runs(message_ids: readonly number[], scopes: readonly string[]): Query<Pass> {
  const pass =
    'r.id, r.scope, r.conversation, r.period, r.how, r.after_id, r.upto_id, r.state, r.step, r.batch_ref';
  return {
    verb: 'erase.runs',
    sql: `SELECT ${pass} FROM message m JOIN memory_run r ON r.conversation = m.conversation AND r.after_id < m.id AND r.upto_id >= m.id
            WHERE m.id ${IN}
          UNION SELECT ${pass} FROM memory_run r INDEXED BY memory_run_open
            WHERE r.state IN ('planned', 'submitted', 'received') AND r.period IS NOT NULL AND r.scope ${IN}`,
    args: [list(message_ids), list(scopes)],
  };
}

/** What was wished in these turns, or of these memories, but this wish. */
export function wishes(
  turn_ids: readonly string[],
  memory_ids: readonly number[],
  but: number,
): Query<{ id: number }> {
  return {
    verb: 'erase.wishes',
    sql: `SELECT id FROM wish WHERE id <> ? AND (turn_id ${IN} OR memory_id ${IN}
            OR id IN (SELECT wish_id FROM memory WHERE id ${IN}))`,
    args: [but, list(turn_ids), list(memory_ids), list(memory_ids)],
  };
}

/** What later turns of the same conversations have noted of the words of strangers that these turns have read. */
export function inherited(turn_ids: readonly string[]): Query<{ id: number }> {
  return {
    verb: 'erase.inherited',
    sql: `SELECT DISTINCT o.id FROM taint g JOIN turn s ON s.id = g.turn_id JOIN taint o ON o.source = 'earlier: ' || g.source
            JOIN turn t ON t.id = o.turn_id AND t.conversation = s.conversation WHERE g.turn_id ${IN}`,
    args: [list(turn_ids)],
  };
}

/** The conversations whose memory is of these scopes. */
export function conversations(scopes: readonly string[]): Query<{ conversation: string }> {
  return {
    verb: 'erase.conversations',
    // From one conversation to the next by the index: what was said in years is not read for it.
    sql: `WITH RECURSIVE talk (name) AS (
            SELECT min(conversation) FROM passage
            UNION ALL SELECT (SELECT min(conversation) FROM passage WHERE conversation > talk.name) FROM talk WHERE talk.name IS NOT NULL)
          SELECT name AS conversation FROM talk
            WHERE (SELECT scope FROM passage p WHERE p.conversation = talk.name ORDER BY p.id DESC LIMIT 1) ${IN}
          UNION SELECT conversation FROM wish WHERE scope ${IN} AND conversation IS NOT NULL`,
    args: [list(scopes), list(scopes)],
  };
}

/** What was typed in these conversations of what is remembered, and is answered: short as a word may be, it goes. */
export function presses(talks: readonly string[]): Query<{ id: number }> {
  const typed = ['memory', 'remember', 'forget'].map((name) => `data LIKE '/${name}%'`).join(' OR ');
  return {
    verb: 'erase.presses',
    sql: `SELECT id FROM press WHERE conversation ${IN} AND handled_at IS NOT NULL AND (${typed})`,
    args: [list(talks)],
  };
}

/** The messages that were these commands, and corrections of them, as they came. */
export function commands(press: readonly number[]): Query<{ id: number }> {
  return {
    verb: 'erase.commands',
    sql: `SELECT DISTINCT i.id FROM json_each(?) w JOIN press p ON p.id = w.value
            JOIN inbound i INDEXED BY inbound_ref ON i.conversation = p.conversation AND i.message_ref = p.message_ref
          WHERE i.turn_id IS NULL AND i.state = 'ignored'`,
    args: [list(press)],
  };
}

/** What the owner was asked in these conversations of what to remember or forget, and is done. */
export function approvals(talks: readonly string[]): Query<{ id: string }> {
  return {
    verb: 'erase.approvals',
    sql: `SELECT a.id FROM approval a JOIN tool_call c ON c.id = a.call_id
          WHERE a.conversation ${IN} AND a.tool IN ('remember', 'forget') AND c.finished_at IS NOT NULL`,
    args: [list(talks)],
  };
}

/** What was told of these, under the keys of those who tell it. */
export function notices(
  press: readonly number[],
  approval: readonly string[],
  memory: readonly number[],
  wish: readonly number[],
): Query<{ id: number }> {
  return {
    verb: 'erase.notices',
    sql: `SELECT o.id FROM json_each(?) w JOIN outbound o ON o.key = 'press:' || w.value
          UNION SELECT o.id FROM json_each(?) w JOIN outbound o ON o.key = 'wish:' || w.value
          UNION SELECT o.id FROM json_each(?) w JOIN outbound o
            ON o.key IN ('approval:' || w.value, 'approval:' || w.value || ':over')
          UNION SELECT o.id FROM json_each(?) w JOIN outbound o
            ON o.key IN ('pressed:memory:confirm:' || w.value, 'pressed:memory:reject:' || w.value)
          UNION SELECT o.id FROM outbound o WHERE o.key GLOB 'memory:ask:*' AND EXISTS (
            SELECT 1 FROM json_each('[' || substr(o.key, 12, instr(substr(o.key, 12), ':') - 1) || ']') asked
            WHERE asked.value ${IN})`,
    args: [list(press), list(wish), list(approval), list(memory), list(memory)],
  };
}

/**
 * The calls since `since_at` whose bodies may hold it: those of these turns, all of these conversations, whose history or
 * profile they were told, and those that memory itself has made, or whoever checks answers.
 */
export function calls(
  turn_ids: readonly string[],
  talks: readonly string[],
  since_at: number,
): Query<{ id: string; opened_at: number }> {
  return {
    verb: 'erase.calls',
    sql: `SELECT c.id, c.opened_at FROM call c WHERE c.turn_id ${IN}
          UNION SELECT c.id, c.opened_at FROM exchange x INDEXED BY exchange_at JOIN call c ON c.id = x.call_id
            WHERE x.at >= ? AND (c.caller IN ('memory', 'metrics') OR c.conversation ${IN})`,
    args: [list(turn_ids), since_at, list(talks)],
  };
}

/** In the words of the index `turn_active`. */
const OPEN_TURN = `state IN ('running', 'waiting')`;

/** What began in these conversations before then and is not over: it may still write down what it was told. */
export function inFlight(talks: readonly string[], before_at: number): Query<{ what: string }> {
  return {
    verb: 'erase.inFlight',
    sql: `SELECT 'turn ' || id AS what FROM turn WHERE ${OPEN_TURN} AND state = 'running' AND created_at <= ? AND conversation ${IN}
          UNION ALL SELECT 'call ' || id FROM call INDEXED BY call_open WHERE state = 'open' AND kind = 'message' AND opened_at <= ?
            AND (caller IN ('memory', 'metrics') OR conversation ${IN})`,
    args: [before_at, list(talks), before_at, list(talks)],
  };
}

/** The files of these turns: what came with their messages, and the calls that may have left some. */
export function files(turn_ids: readonly string[]): Query<{ path: string | null; call_id: string | null }> {
  return {
    verb: 'erase.files',
    sql: `SELECT a.path, NULL AS call_id FROM inbound i JOIN attachment a ON a.inbound_id = i.id
            WHERE i.turn_id ${IN} AND a.path IS NOT NULL
          UNION ALL SELECT NULL, id FROM tool_call WHERE turn_id ${IN}`,
    args: [list(turn_ids), list(turn_ids)],
  };
}

/** Messages after `after`, to see whose words stay. */
export function said(after: number, most: number): Query<Said> {
  return {
    verb: 'erase.said',
    sql: 'SELECT id, conversation, role, text, at, turn_id FROM message WHERE id > ? ORDER BY id LIMIT ?',
    args: [after, most],
  };
}

export function remembered(after: number, most: number): Query<{ id: number; text: string }> {
  return {
    verb: 'erase.remembered',
    sql: 'SELECT id, text FROM memory WHERE id > ? ORDER BY id LIMIT ?',
    args: [after, most],
  };
}

/** What the owner has set up, in words of theirs: while it counts, it is theirs to change. */
export type SetUp = {
  id: number;
  kind: 'schedule' | 'task';
  what: string;
  text: string;
  conversation: string;
  over: 0 | 1;
};

export const setUp: Query<SetUp> = {
  verb: 'erase.setUp',
  sql: `SELECT id, 'schedule' AS kind, 'job ' || name AS what, prompt AS text, conversation,
          state = 'deleted' OR id < (SELECT max(n.id) FROM schedule n WHERE n.name = s.name) AS over FROM schedule s
        UNION ALL SELECT id, 'task', 'task ' || id, goal || char(10) || check_text || char(10) || coalesce(note, ''),
          conversation, finished_at IS NOT NULL FROM task`,
  args: [],
};

/** The messages of a conversation around one that is gone, as passages are made of them. */
export function around(
  conversation: string,
  id: number,
  reach: number,
): Query<Said & { parts_json: string | null; trust: Message['trust']; scope: string; author: string }> {
  const side = (order: string, compare: string) =>
    `SELECT * FROM (SELECT m.id, m.conversation, m.role, m.text, m.at, m.turn_id, m.parts_json, m.trust, p.scope, p.author
       FROM message m JOIN passage p ON p.id = m.id WHERE m.conversation = ? AND m.id ${compare} ? ORDER BY m.id ${order} LIMIT ?)`;
  return {
    verb: 'erase.around',
    sql: `${side('DESC', '<')} UNION ALL ${side('ASC', '>')} ORDER BY id`,
    args: [conversation, id, 2 * reach, conversation, id, 2 * reach],
  };
}

/** Every column that can hold what somebody said, of the tables as they are: no names and keys. */
export const columns: Query<{ table: string; column: string }> = {
  verb: 'erase.columns',
  sql: `SELECT l.name AS "table", c.name AS "column" FROM pragma_table_list l JOIN pragma_table_info(l.name) c
        WHERE l.schema = 'main' AND l.type = 'table' AND l.wr = 0 AND l.name NOT LIKE 'sqlite%'
          AND l.name NOT IN ('schedule', 'task', 'tombstone', 'exchange') AND c.type = 'TEXT' AND c.pk = 0
          AND c.name NOT LIKE '%id' AND c.name NOT LIKE '%ref' AND c.name NOT IN (
            SELECT i.name FROM pragma_index_list(l.name) x JOIN pragma_index_info(x.name) i WHERE i.name IS NOT NULL)
        ORDER BY 1, 2`,
  args: [],
};

/** A stretch of a table: the text in these columns. */
export function stretch(
  table: string,
  texts: readonly string[],
  after: number,
  most: number,
): Query<{ key: number; [column: string]: string | number | null }> {
  return {
    verb: `${table}.stretch`,
    sql: `SELECT rowid AS key, ${texts.map((text) => `"${text}"`).join(', ')} FROM "${table}" WHERE rowid > ? ORDER BY rowid LIMIT ?`,
    args: [after, most],
  };
}

/** These columns of a row anew, without the words; none of them when one has changed meanwhile. */
export function strike(
  table: string,
  key: number,
  changed: readonly { column: string; from: string; to: string }[],
): Op[] {
  return [
    begin,
    {
      verb: `${table}.strike`,
      sql: `UPDATE "${table}" SET ${changed.map(({ column }) => `"${column}" = ?`).join(', ')}
            WHERE rowid = ? AND ${changed.map(({ column }) => `"${column}" = ?`).join(' AND ')}`,
      args: [...changed.map(({ to }) => to), key, ...changed.map(({ from }) => from)],
    },
    end,
  ];
}

/** A stretch of the bodies kept since then, to be looked into: they may be packed. */
export function bodies(
  since_at: number,
  after: number,
  most: number,
): Query<{ key: number; call_id: string; encoding: string; request: Uint8Array; response: Uint8Array }> {
  return {
    verb: 'erase.bodies',
    sql: `SELECT rowid AS key, call_id, encoding, request, response FROM exchange WHERE rowid > ? AND at >= ? ORDER BY rowid LIMIT ?`,
    args: [after, since_at, most],
  };
}

/** The answers kept for whoever asks again: a few hours of them. */
export function answers(after: number, most: number): Query<{ key: number; step: string; body: Uint8Array }> {
  return {
    verb: 'erase.answers',
    sql: 'SELECT rowid AS key, step, body FROM replay WHERE rowid > ? AND body IS NOT NULL ORDER BY rowid LIMIT ?',
    args: [after, most],
  };
}

/** The names of turns, by the messages said in them; and of memories: a stretch at a time. */
export function names(
  what: 'turn' | 'memory',
  after: number,
  most: number,
): Query<{ id: number; name: string }> {
  return {
    verb: 'erase.names',
    sql:
      what === 'memory'
        ? 'SELECT id, uid AS name FROM memory WHERE id > ? ORDER BY id LIMIT ?'
        : 'SELECT id, turn_id AS name FROM message WHERE id > ? ORDER BY id LIMIT ?',
    args: [after, most],
  };
}

/** Those that nothing was said in yet. */
export const openTurns: Query<{ name: string }> = {
  verb: 'erase.openTurns',
  sql: `SELECT id AS name FROM turn WHERE ${OPEN_TURN}`,
  args: [],
};

const INBOUND_NAME = `source || ' ' || source_key`;

/** What came in for these turns, by its name where it comes from. */
export function inboundNames(turn_ids: readonly string[]): Query<{ name: string }> {
  return {
    verb: 'erase.inboundNames',
    sql: `SELECT ${INBOUND_NAME} AS name FROM inbound WHERE turn_id ${IN}`,
    args: [list(turn_ids)],
  };
}

/** What has come in and waits for its turn. */
export const pending: Query<{ id: number; name: string }> = {
  verb: 'erase.pending',
  sql: `SELECT id, ${INBOUND_NAME} AS name FROM inbound WHERE state = 'pending'`,
  args: [],
};

/** Whether a search still leads to rows that are gone. */
export function orphans(phrase: string): Query<{ rows: number }> {
  const words = `"${phrase.replaceAll('"', ' ')}"`;
  const of = (index: string, table: string) =>
    `SELECT rowid FROM ${index} WHERE ${index} MATCH ? AND rowid NOT IN (SELECT id FROM ${table})`;
  return {
    verb: 'erase.orphans',
    sql: `SELECT count(*) AS rows FROM (${of('passage_fts', 'passage')} UNION ALL ${of('memory_fts', 'memory')})`,
    args: [words, words],
  };
}
