/** message: the conversation as both sides know it, word for word. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'message',
  about: 'what was said in each conversation, by whom',
  pen: { record: 'core' },
  keeps: 'until forgotten',
  erase: { where: 'turn_id IN gone_turn' },
};

/**
 * How far what is said may be believed: 3 the owner's own words, 2 the agent's where it had read nobody else's, 1 another
 * person's, 0 anything from outside, and what was said after reading it.
 */
export type Trust = 0 | 1 | 2 | 3;

export type Message = {
  id: number;
  role: 'user' | 'assistant';
  text: string;
  at: number;
  turn_id: string;
  sender: string | null;
  /** What it is made of besides its text (`Part` of inbound). */
  parts_json: string | null;
  /** The round of its turn in which it was heard. */
  round: number | null;
  inbound_id: number | null;
  /** The earlier message that it corrects. */
  corrects: number | null;
  trust: Trust;
};

/**
 * Of a message that came in: what was forwarded, shared or pasted with its links, what was heard in a song or film, and what
 * a job or a task has its agent told, is nobody's own word; what is typed at the machine is its owner's. Quotes and other
 * files are no part of the text. Of the owners, as a JSON array.
 */
const TRUST = `CASE WHEN i.source IN ('job', 'task') THEN 0
    WHEN EXISTS (SELECT 1 FROM json_each(i.parts_json) WHERE value ->> 'kind' IN ('forward', 'note')) THEN 0
    WHEN EXISTS (SELECT 1 FROM attachment a WHERE a.inbound_id = i.id AND a.kind <> 'voice' AND a.text IS NOT NULL) THEN 0
    WHEN i.channel = 'terminal' OR i.sender IN (SELECT CAST(value AS TEXT) FROM json_each(?)) THEN 3
    ELSE 1 END`;

/**
 * Writes down what the turn has just taken. What was corrected before anybody read it is written as it was corrected;
 * a correction that came later is a message of its own.
 * @param owners their Telegram ids
 */
export function heard(turn_id: string, round: number, owners: readonly number[]): Op {
  return {
    verb: 'message.heard',
    sql: `INSERT INTO message (conversation, role, text, at, turn_id, inbound_id, sender, parts_json, round, trust, corrects)
          SELECT i.conversation, 'user', coalesce(i.text, ''), i.received_at, i.turn_id, i.id, i.sender, i.parts_json, ?,
            ${TRUST},
            (SELECT m.id FROM inbound o JOIN message m ON m.inbound_id = o.id
              WHERE o.conversation = i.conversation AND o.message_ref = i.edits AND o.id < i.id ORDER BY m.id DESC LIMIT 1)
          FROM inbound i WHERE i.turn_id = ? AND i.state = 'taken' AND i.channel <> 'canary'
            AND NOT EXISTS (SELECT 1 FROM message m WHERE m.inbound_id = i.id)
            AND NOT EXISTS (SELECT 1 FROM inbound e WHERE e.conversation = i.conversation AND e.edits = i.message_ref
              AND e.id > i.id AND e.turn_id = i.turn_id)
          ORDER BY i.id`,
    args: [round, JSON.stringify(owners), turn_id],
    rings: 'message',
  };
}

/** Writes down what was answered: no more to be believed than what the turn has heard, and not at all when it is tainted. */
export function said(answer: { conversation: string; text: string; at: number; turn_id: string }): Op {
  return {
    verb: 'message.said',
    sql: `INSERT INTO message (conversation, role, text, at, turn_id, trust) SELECT ?, 'assistant', ?, ?, t.id,
            CASE WHEN EXISTS (SELECT 1 FROM taint x WHERE x.turn_id = t.id) THEN 0 ELSE
              (SELECT coalesce(min(2, min(m.trust)), 0) FROM message m WHERE m.turn_id = t.id AND m.role = 'user') END
          FROM (SELECT ? AS id) t`,
    args: [answer.conversation, answer.text, answer.at, answer.turn_id],
    rings: 'message',
  };
}

/** All that the turn has heard, in order. */
export function ofTurn(turn_id: string): Query<Message> {
  return {
    verb: 'message.ofTurn',
    sql: `SELECT * FROM message WHERE turn_id = ? AND role = 'user' ORDER BY id`,
    args: [turn_id],
  };
}

/** Which of the last messages that came in name `what`, in small letters. */
export function naming(conversation: string, what: string): Query<Pick<Message, 'text' | 'parts_json'>> {
  return {
    verb: 'message.naming',
    sql: `SELECT text, parts_json FROM (SELECT text, parts_json, role FROM message WHERE conversation = ? ORDER BY id DESC LIMIT 400)
          WHERE role = 'user' AND instr(lower(text), ?) > 0`,
    args: [conversation, what],
  };
}

/** What a person said last before this turn, in their own words. */
export function before(
  turn_id: string,
  conversation: string,
  since_at: number,
): Query<Pick<Message, 'text'>> {
  return {
    verb: 'message.before',
    sql: `SELECT text FROM message WHERE conversation = ? AND role = 'user' AND trust > 0 AND turn_id <> ? AND at >= ?
          ORDER BY id DESC LIMIT 1`,
    args: [conversation, turn_id, since_at],
  };
}

/** What the turn was answered, once it is. */
export function answer(turn_id: string): Query<Pick<Message, 'text' | 'at'>> {
  return {
    verb: 'message.answer',
    sql: `SELECT text, at FROM message WHERE turn_id = ? AND role = 'assistant' ORDER BY id DESC LIMIT 1`,
    args: [turn_id],
  };
}

/** The last answers that were given without having read words of strangers, the newest first. */
export function answers(conversation: string): Query<Pick<Message, 'text'>> {
  return {
    verb: 'message.answers',
    sql: `SELECT text FROM (SELECT text, role, trust FROM message WHERE conversation = ? ORDER BY id DESC LIMIT 400)
          WHERE role = 'assistant' AND trust > 0`,
    args: [conversation],
  };
}

/** Which messages came after `id`. */
export function after(
  id: number,
  most: number,
): Query<Pick<Message, 'id' | 'at' | 'corrects'> & { conversation: string }> {
  return {
    verb: 'message.after',
    sql: 'SELECT id, conversation, at, corrects FROM message WHERE id > ? ORDER BY id LIMIT ?',
    args: [id, most],
  };
}

/** A message as it is searched: with what was spoken in it, and what its author is called ('' where nobody knows). */
export type Worded = Pick<Message, 'id' | 'role' | 'text' | 'at' | 'turn_id' | 'parts_json' | 'trust'> & {
  conversation: string;
  author: string;
};

const WORDED = `SELECT m.id, m.conversation, m.role, m.at, m.turn_id, m.parts_json, m.trust,
    concat_ws(char(10), nullif(m.text, ''), (SELECT group_concat(a.text, char(10) ORDER BY a.id) FROM attachment a
      WHERE a.inbound_id = m.inbound_id AND a.text IS NOT NULL)) AS text,
    coalesce((SELECT p.name FROM member p WHERE p.user_id = CAST(m.sender AS INTEGER)), '') AS author
  FROM message m WHERE m.conversation = ? AND NOT EXISTS (SELECT 1 FROM message e WHERE e.corrects = m.id)`;

/** Those from one to another of a conversation, and as many before and after them; not what was corrected since. */
export function around(
  conversation: string,
  first_id: number,
  last_id: number,
  beside: number,
): Query<Worded> {
  return {
    verb: 'message.around',
    sql: `SELECT * FROM (${WORDED} AND m.id < ? ORDER BY m.id DESC LIMIT ?)
          UNION ALL SELECT * FROM (${WORDED} AND m.id BETWEEN ? AND ?)
          UNION ALL SELECT * FROM (${WORDED} AND m.id > ? ORDER BY m.id LIMIT ?) ORDER BY id`,
    args: [
      ...[conversation, first_id, beside],
      ...[conversation, first_id, last_id],
      ...[conversation, last_id, beside],
    ],
  };
}

export const newest: Query<{ id: number | null }> = {
  verb: 'message.newest',
  sql: 'SELECT max(id) AS id FROM message',
  args: [],
};

/** Those that a memory is said to rest on, as far as they are there. */
export function cited(ids: readonly number[]): Query<Cited> {
  return {
    verb: 'message.cited',
    sql: `SELECT id, conversation, role, text, at, trust FROM message WHERE id IN (SELECT value FROM json_each(?))`,
    args: [JSON.stringify(ids)],
  };
}

export type Cited = Pick<Message, 'id' | 'role' | 'text' | 'at' | 'trust'> & { conversation: string };

/**
 * What has these words in it and no search finds: what is not indexed yet, and what its author has put otherwise since, also
 * before anybody read it. Letters of ASCII in either case.
 */
export function unsearched(
  words: string,
  upto_at: number,
): Query<Pick<Message, 'id' | 'turn_id' | 'role' | 'at' | 'text'> & { conversation: string }> {
  return {
    verb: 'message.unsearched',
    sql: `SELECT id, conversation, turn_id, role, at, text FROM message
            WHERE id > coalesce((SELECT upto_id FROM passage_cursor WHERE id = 1), 0) AND at <= ? AND instr(lower(text), lower(?)) > 0
          UNION ALL SELECT m.id, m.conversation, m.turn_id, m.role, o.received_at, o.text
            FROM inbound e INDEXED BY inbound_edits CROSS JOIN inbound o ON o.conversation = e.conversation AND o.message_ref = e.edits
            JOIN message m ON m.id = (SELECT min(id) FROM message WHERE turn_id = o.turn_id)
            WHERE e.edits IS NOT NULL AND o.received_at <= ? AND instr(lower(o.text), lower(?)) > 0`,
    args: [upto_at, words, upto_at, words],
  };
}

/** What was said in a conversation up to `upto_id`, `before` messages more than what came after `after_id`; in order. */
export function span(
  conversation: string,
  { after_id, upto_id, before, most }: { after_id: number; upto_id: number; before: number; most: number },
): Query<Cited> {
  const fields = 'id, conversation, role, text, at, trust';
  return {
    verb: 'message.span',
    sql: `SELECT * FROM (SELECT ${fields} FROM message WHERE conversation = ? AND id <= ? ORDER BY id DESC LIMIT ?)
          UNION SELECT * FROM (SELECT ${fields} FROM message WHERE conversation = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?)
          ORDER BY id`,
    args: [conversation, after_id, before, conversation, after_id, upto_id, most],
  };
}

/** In which turns these were said. */
export function turnsOf(ids: readonly number[]): Query<Pick<Message, 'id' | 'turn_id'>> {
  return {
    verb: 'message.turnsOf',
    sql: 'SELECT id, turn_id FROM message WHERE id IN (SELECT value FROM json_each(?))',
    args: [JSON.stringify(ids)],
  };
}

/** Turns in which something was said, by the beginning of their id; two at most. */
export function turnsFrom(prefix: string): Query<Pick<Message, 'turn_id'> & { conversation: string }> {
  return {
    verb: 'message.turnsFrom',
    sql: 'SELECT DISTINCT turn_id, conversation FROM message WHERE turn_id >= ? AND turn_id < ? ORDER BY turn_id LIMIT 2',
    args: [prefix, `${prefix}~`],
  };
}

/** What people said in a conversation before the message `before_id`, the latest first. */
export function heardIn(
  conversation: string,
  before_id: number,
  most: number,
): Query<Pick<Message, 'id' | 'text' | 'at' | 'turn_id' | 'sender'>> {
  return {
    verb: 'message.heardIn',
    sql: `SELECT id, text, at, turn_id, sender FROM message WHERE conversation = ? AND id < ? AND role = 'user'
          ORDER BY id DESC LIMIT ?`,
    args: [conversation, before_id, most],
  };
}
