/**
 * A year's store, made in a minute: turns of five rounds each, four of which call a tool, with the messages, calls, answers
 * and hours of cost that go with them. Written past the store's own verbs, into a store that is thrown away.
 */

import Database from 'better-sqlite3';

const ROUNDS = 5;
/** A turn begins each so often, back from now. */
const EVERY_ms = 60_000;
const HOUR_ms = 3_600_000;

/** The ids of the turn that is `nth` from the newest. */
export type Seeded = { turn: string; decision: string; call: string; conversation: string };

/** @returns the newest turn that is done */
export function seed(file: string, decisions: number): Seeded {
  const db = new Database(file);
  const turns = Math.ceil(decisions / ROUNDS);
  const now = Date.now();
  const first = now - turns * EVERY_ms;
  try {
    db.pragma('synchronous = off');
    db.pragma('cache_size = -400000');
    // Its time, then which of the turn's: as ids are made, so that they sort by time.
    db.function('id', { deterministic: true }, (at, which, nth) =>
      idOf(Number(at), Number(which), Number(nth)),
    );
    const each = (rows: number, sql: string) =>
      db
        .prepare(
          sql.replace(
            'SELECT',
            `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) SELECT`,
          ),
        )
        .run();
    const at = `(${first} + i * ${EVERY_ms})`;
    const who = `iif(i % 4 = 0, 'terminal:console', 'telegram:' || (i % 20))`;
    const channel = `iif(i % 4 = 0, 'terminal', 'telegram')`;
    const state = `iif(i % 500 = 7, 'dead', iif(i % 20000 = 9, 'held', 'done'))`;
    db.transaction(() => {
      each(
        turns,
        `INSERT INTO turn (id, conversation, channel, chat, state, attempt, due_at, changed_at, owner, boot_id, lease_until_at, created_at, finished_at, error, sender)
         SELECT id(${at}, 0, i), ${who}, ${channel}, '7', ${state}, 1, 0, ${at}, 'o', 'b', 0, ${at}, iif(${state} = 'held', NULL, ${at} + 9000), iif(${state} = 'done', NULL, 'the model refused'), '4242' FROM n`,
      );
      each(
        turns,
        `INSERT INTO inbound (source, source_key, channel, conversation, chat, sender, text, payload_json, received_at, state, turn_id)
         SELECT 'bench', i, ${channel}, ${who}, '7', '4242', 'How is the weather in town ' || i || ' today?', '{}', ${at}, 'answered', id(${at}, 0, i) FROM n`,
      );
      for (const [role, words] of [
        ['user', 'How is the weather today?'],
        ['assistant', 'It is sunny, with a light wind from the west.'],
      ] as const)
        each(
          turns,
          `INSERT INTO message (conversation, role, text, at, turn_id, trust) SELECT ${who}, '${role}', '${words} ' || i, ${at}, id(${at}, 0, i), 3 FROM n`,
        );
      each(
        turns,
        `INSERT INTO outbound (key, channel, conversation, chat, kind, turn_id, text, state, due_at, changed_at, created_at, finished_at)
         SELECT 'b' || i, ${channel}, ${who}, '7', 'reply', id(${at}, 0, i), 'It is sunny, with a light wind from the west.', 'sent', 0, ${at} + 9000, ${at} + 9000, ${at} + 9500 FROM n`,
      );
      const model = `iif(i % 3 = 0, 'claude-haiku-5-5', 'claude-sonnet-5-5')`;
      for (let round = 1; round <= ROUNDS; round++) {
        const then = `(${at} + ${round * 1500})`;
        const call = `id(${at}, ${10 + round}, i)`;
        const decision = `id(${at}, ${20 + round}, i)`;
        const tool = `iif(i % 2 = 0, 'fetch_url', 'run_command')`;
        each(
          turns,
          `INSERT INTO call (id, caller, turn_id, provider, model, stream, state, owner, opened_at, hold_nanousd, closed_at, status, outcome, error_type, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cost_nanousd, first_byte_ms, latency_ms, request, alias, task, conversation, target, reason_json)
           SELECT ${call}, 'core', id(${at}, 0, i), 'anthropic', ${model}, 1, 'settled', 'o', ${then}, 0, ${then} + 900, 200, iif(i % 97 = 0, 'refused', 'ok'), iif(i % 97 = 0, 'overloaded_error', NULL), 900, 60, 4000, 0, 0, 4200000, 300 + i % 500, 900 + i % 3000, ${call}, 'default', 'chat', ${who}, 'anthropic/' || ${model}, '{"others":[]}' FROM n`,
        );
        each(
          turns,
          `INSERT INTO decision (id, turn_id, round, call_id, conversation, sender, model, action, reasoning, confidence, at)
           SELECT ${decision}, id(${at}, 0, i), ${round}, ${call}, ${who}, '4242', ${model}, ${round === ROUNDS ? "'answer'" : `'tool ' || ${tool}`}, 'It has to be looked up.', 0.8, ${then} + 900 FROM n`,
        );
        if (round === ROUNDS) continue;
        each(
          turns,
          `INSERT INTO tool_call (id, turn_id, round, place, use_id, decision_id, conversation, channel, chat, sender, tool, input_json, state, attempt, result_json, created_at, started_at, finished_at)
           SELECT id(${at}, ${30 + round}, i), id(${at}, 0, i), ${round}, 0, 'u', ${decision}, ${who}, ${channel}, '7', '4242', ${tool}, '{"url":"https://weather.example"}', 'done', 1, '[{"type":"text","text":"sun"}]', ${then} + 900, ${then} + 910, ${then} + 1400 FROM n`,
        );
      }
      const hours = Math.min(10_000, Math.ceil((turns * EVERY_ms) / HOUR_ms));
      const hour = `(${Math.floor(now / HOUR_ms) * HOUR_ms} - (i - 1) * ${HOUR_ms})`;
      for (const model of ['claude-haiku-5-5', 'claude-sonnet-5-5'])
        for (let chat = 0; chat < 10; chat++)
          each(
            hours,
            `INSERT INTO total (hour_at, model, alias, task, caller, conversation, calls, failures, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, web_searches, cost_nanousd, estimated_nanousd)
             SELECT ${hour}, '${model}', 'default', 'chat', 'core', 'telegram:${chat}', 15, 1, 13000, 900, 60000, 0, 0, 0, 63000000, 0 FROM n`,
          );
      each(
        Math.min(20_000, turns),
        `INSERT INTO memory (uid, scope, kind, text, hash, status, origin, trust, recorded_at) SELECT 'u' || i, 'owner', 'fact', 'Thing ' || i || ' lies in drawer ' || (i % 97), 'h' || i, iif(i % 900 = 0, 'retracted', 'active'), 'model', 3, ${now} - i * 1000 FROM n`,
      );
      each(
        Math.min(50_000, turns),
        `INSERT INTO slot (job, due_at, state, created_at, started_at, finished_at) SELECT 'rates', ${now} - i * 600000, 'done', ${now} - i * 600000, ${now} - i * 600000, ${now} - i * 600000 + 900 FROM n`,
      );
      each(
        Math.min(20_000, turns),
        `INSERT INTO console_action (session, by, page, action, fields, at, outcome) SELECT 'abcdef', 'console abcdef', 'queue', 'retry', '{}', ${now} - i * 60000, 'It is tried once more.' FROM n`,
      );
      each(
        Math.min(5000, turns),
        `INSERT INTO incident (cause, service, severity, text, opened_at, closed_at) SELECT 'queue inbound', 'watchdog', 'warning', 'Messages wait', ${now} - i * 3600000, ${now} - i * 3600000 + 600000 FROM n`,
      );
      each(
        Math.min(20_000, turns),
        `INSERT INTO approval (id, call_id, turn_id, conversation, kind, tool, scope, choices_json, state, choice, asked_at, expires_at, answered_at) SELECT id(${at}, 40, i), id(${at}, 31, i), id(${at}, 0, i), ${who}, 'approval', 'run_command', 'Run a command', '["once","deny"]', 'granted', 'once', ${at}, ${at} + 900000, ${at} + 1000 FROM n`,
      );
    })();
    db.pragma('wal_checkpoint(truncate)');
  } finally {
    db.close();
  }
  const i = turns - 1;
  const at = first + i * EVERY_ms;
  return {
    turn: idOf(at, 0, i),
    decision: idOf(at, 21, i),
    call: idOf(at, 11, i),
    conversation: i % 4 === 0 ? 'terminal:console' : `telegram:${i % 20}`,
  };
}

function idOf(at: number, which: number, nth: number): string {
  const time = at.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${which.toString(16).padStart(3, '0')}-8000-${nth.toString(16).padStart(12, '0')}`;
}
