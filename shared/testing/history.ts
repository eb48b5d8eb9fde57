/** What a house leaves behind of messages that were answered, made by hand: whoever counts it is tested with known numbers. */

import Database from 'better-sqlite3';
import { periodOf } from '../base/period.ts';
import type { Store } from '../store/store.ts';

export type Told = {
  /** When the answer was given. */
  at: number;
  model?: string;
  /** How the turn ended. */
  state?: 'done' | 'dead' | 'held';
  error?: string;
  action?: string;
  messages?: number;
  unasked?: boolean;
  /** From the message to the answer, and how much of that the model took. */
  took_ms?: number;
  model_ms?: number;
  answer?: string;
  conversation?: string;
  rated?: { good: boolean; why?: string; at?: number };
  checked?: { verdict: string; at?: number };
  /** Tools that were called on the way, and what came of each. */
  tools?: readonly { tool: string; state: string; began?: boolean; input?: string; result?: string }[];
};

export type History = {
  /** @returns the turn's id */
  answer(told: Told): string;
  use(
    at: number,
    model: string,
    used: { calls?: number; failures?: number; tokens: number; usd?: number; task?: string },
  ): void;
  run(sql: string, ...args: (string | number | null)[]): void;
  close(): void;
};

export function historyIn(store: Pick<Store, 'file'>): History {
  const db = new Database(store.file);
  const run: History['run'] = (sql, ...args) => void db.prepare(sql).run(...args);
  let nth = 0;

  return {
    run,
    close: () => void db.close(),
    answer(told) {
      nth += 1;
      const { at, model = 'm', state = 'done', error = null, action = 'answer', messages = 1 } = told;
      const { unasked = false, took_ms = 1000, model_ms = 500, conversation = 'telegram:7' } = told;
      const id = `00000000-0000-7000-8000-${String(nth).padStart(12, '0')}`;
      run(
        `INSERT INTO turn (id, conversation, channel, chat, state, attempt, due_at, changed_at, owner, boot_id,
           lease_until_at, created_at, finished_at, error, unasked) VALUES (?,?,'telegram','7',?,1,0,?,'o','b',0,?,?,?,?)`,
        ...[id, conversation, state, at, at - took_ms, state === 'held' ? null : at, error, unasked ? 1 : 0],
      );
      for (let message = 0; message < messages; message += 1) {
        const key = `${nth}.${message}`;
        run(
          `INSERT INTO inbound (source, source_key, channel, conversation, chat, sender, text, payload_json, received_at,
             state, turn_id, unasked) VALUES ('test',?,'telegram',?,'7','7','what is it?','{}',?,'answered',?,?)`,
          ...[key, conversation, at - took_ms + message, id, unasked ? 1 : 0],
        );
        run(
          `INSERT INTO message (conversation, role, text, at, turn_id, round, trust) VALUES (?,'user','what is it?',?,?,1,3)`,
          ...[conversation, at - took_ms + message, id],
        );
      }
      run(
        `INSERT INTO step (turn_id, round, kind, content_json, at) VALUES (?,1,'heard',?,?)`,
        ...[id, JSON.stringify([{ type: 'text', text: 'what is it?' }]), at - took_ms],
      );
      const call = (call_id: string, opened_at: number) =>
        run(
          `INSERT INTO call (id, caller, turn_id, provider, model, stream, state, owner, opened_at, closed_at, outcome,
             latency_ms) VALUES (?,'core',?,'anthropic',?,0,'settled','o',?,?,'ok',?)`,
          ...[call_id, id, model, opened_at, opened_at + model_ms, model_ms],
        );
      const decide = (
        decision_id: string,
        round: number,
        call_id: string | null,
        what: string,
        when: number,
      ) =>
        run(
          `INSERT INTO decision (id, turn_id, round, call_id, conversation, model, action, at) VALUES (?,?,?,?,?,?,?,?)`,
          ...[decision_id, id, round, call_id, conversation, model, what, when],
        );
      const { tools = [] } = told;
      if (tools.length > 0) call(`call-${nth}-1`, at - took_ms);
      for (const [
        place,
        { tool, state, began = true, input = '{}', result = 'so it is' },
      ] of tools.entries()) {
        decide(`d-${nth}-1-${place}`, 1, `call-${nth}-1`, `tool ${tool}`, at - 2);
        run(
          `INSERT INTO tool_call (id, turn_id, round, place, use_id, decision_id, conversation, channel, tool, input_json,
             state, result_json, created_at, started_at, finished_at) VALUES (?,?,1,?,?,?,?,'telegram',?,?,?,?,?,?,?)`,
          ...[
            `k-${nth}-${place}`,
            id,
            place,
            `u-${nth}-${place}`,
            `d-${nth}-1-${place}`,
            conversation,
            tool,
            input,
          ],
          ...[state, JSON.stringify([{ type: 'text', text: result }]), at - 2, began ? at - 2 : null, at - 1],
        );
      }
      const asked = action === 'answer';
      if (asked) call(`call-${nth}`, at - model_ms);
      decide(`d-${nth}`, 2, asked ? `call-${nth}` : null, action, at);
      if (state !== 'held')
        run(
          `INSERT INTO message (conversation, role, text, at, turn_id, trust) VALUES (?,'assistant',?,?,?,2)`,
          ...[conversation, told.answer ?? 'so it is', at, id],
        );
      if (told.rated) {
        const { good, why = null, at: when = at } = told.rated;
        run(
          `INSERT INTO rating (turn_id, good, why, sender, at) VALUES (?,?,?,'7',?)`,
          ...[id, good ? 1 : 0, why, when],
        );
      }
      if (told.checked)
        run(
          `INSERT INTO answer_check (turn_id, model, state, verdict, due_at, at, finished_at) VALUES (?,?,'done',?,0,?,?)`,
          ...[id, model, told.checked.verdict, at, told.checked.at ?? at],
        );
      return id;
    },
    use(at, model, { calls = 1, failures = 0, tokens, usd = 0, task = 'chat' }) {
      run(
        `INSERT INTO total VALUES (?,?,'default',?,'core','c',?,?,?,0,0,0,0,0,?,0)
         ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, input_tokens = input_tokens + excluded.input_tokens,
           cost_nanousd = cost_nanousd + excluded.cost_nanousd`,
        ...[periodOf('hour', at).starts_at, model, task, calls, failures, tokens, Math.round(usd * 1e9)],
      );
    },
  };
}
