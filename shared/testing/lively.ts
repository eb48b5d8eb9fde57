/** A house in which somebody lives: a week of costs, a day of talk and of services that were up, put into a running one. */

import Database from 'better-sqlite3';
import { uuid } from '../base/ids.ts';
import { PERIODS, periodOf } from '../base/period.ts';
import { services } from '../manifest.ts';
import * as spend from '../tables/spend.ts';
import type { House } from './house.ts';
import { put } from './remembered.ts';

const HOUR_ms = 3_600_000;
const MODELS = ['claude-sonnet-5-5', 'claude-haiku-5-5'] as const;

const SAID = [
  [
    'What is on my list for today?',
    'Two things: call the plumber before noon, and send Jonas the photographs.',
    'answer',
  ],
  [
    'Summarise the minutes of the parents’ evening.',
    'They move the trip to the 12th of June; 18 € each, due on Friday.',
    'tool read_file',
  ],
  ['Is the 9:14 to Cologne on time?', 'It leaves eight minutes late, from platform 6.', 'tool fetch_url'],
  [
    'How much did I spend on groceries this month?',
    'So far 312 €, a fifth less than in October.',
    'tool run_command',
  ],
  [
    'Remind me on Thursday to renew the library books.',
    'I remind you on Thursday at nine.',
    'tool schedule_create',
  ],
  ['Write Mia that we are ten minutes late.', 'Said, and she will wait at the fountain.', 'answer'],
  [
    'What was the name of the wine at Paul’s?',
    'A Grüner Veltliner from Weingut Hirsch, as you wrote in March.',
    'tool recall',
  ],
] as const;

const REMEMBERED = [
  'Lena eats no meat, and likes fennel.',
  'The last tram home leaves the market at 23:40.',
  'Groceries are bought on Friday mornings.',
  'Jonas is the neighbour who waters the plants.',
  'The owner prefers short answers on the phone.',
] as const;

/** Past the store's verbs: what is told of yesterday has no verb that would write it. */
function writing<T>(
  house: House,
  work: (run: (sql: string, ...args: (string | number | null)[]) => void) => T,
): T {
  const db = new Database(`${house.home.state}/vigil.db`, { timeout: 10_000 });
  try {
    return db.transaction(() => work((sql, ...args) => void db.prepare(sql).run(...args)))();
  } finally {
    db.close();
  }
}

export async function aDayIn(house: House): Promise<void> {
  const now = Date.now();
  writing(house, (run) => {
    costs(run, now);
    for (let nth = 0; nth < 36; nth++) talk(run, now - (36 - nth) * 23 * 60_000, nth);
    for (const { name } of services)
      for (let slot = 1; slot <= 48; slot++) {
        const slot_at = (Math.floor(now / (HOUR_ms / 2)) - slot) * (HOUR_ms / 2);
        const up = name === 'telegram' && slot === 19 ? 21 : name === 'upstream' && slot === 30 ? 48 : 60;
        run(
          `INSERT OR IGNORE INTO presence (service, slot_at, looks, up, rss_bytes, delay_ms) VALUES (?,?,60,?,?,?)`,
          ...[name, slot_at, up, 60_000_000 + slot * 100_000, 1.5],
        );
      }
  });
  await put(house.home.state, { memories: REMEMBERED.map((text) => ({ scope: 'owner', text })) });
}

/** So many answers more, of just now. */
export function spoken(house: House, answers: number): void {
  writing(house, (run) => {
    for (let nth = 0; nth < answers; nth++) talk(run, Date.now() - 10_000, nth);
  });
}

type Run = (sql: string, ...args: (string | number | null)[]) => void;

/** Of eight days, more by day than by night; what stands against the budgets is the sum of it. */
function costs(run: Run, now: number): void {
  const spent: Record<string, number> = { hour: 0, day: 0, month: 0 };
  for (let at = now - 8 * 24 * HOUR_ms; at <= now; at += HOUR_ms) {
    const hour_at = periodOf('hour', at).starts_at;
    const hour = new Date(hour_at).getHours();
    if (hour < 7) continue;
    for (const [nth, model] of MODELS.entries()) {
      const usd = (0.05 + 0.12 * ((hour * 7 + nth * 3) % 5)) / (1 + 2 * nth) / 1.6;
      const nanousd = Math.round(usd * 1e9);
      run(
        `INSERT INTO total VALUES (?,?,'default',?,'core','telegram:4242',?,0,?,?,?,900,0,0,?,0) ON CONFLICT DO NOTHING`,
        ...[hour_at, model, nth === 0 ? 'chat' : 'memory', 4 + (hour % 5), 9000, 1400, 61_000, nanousd],
      );
      for (const period of PERIODS)
        if (hour_at >= periodOf(period, now).starts_at) spent[period] = (spent[period] ?? 0) + nanousd;
    }
  }
  for (const period of PERIODS) {
    const { starts_at, ends_at } = periodOf(period, now);
    run(
      `INSERT INTO spend (id, budget, starts_at, ends_at, spent_nanousd, held_nanousd, calls) VALUES (?,?,?,?,?,0,9)
       ON CONFLICT (id) DO UPDATE SET spent_nanousd = spent_nanousd + excluded.spent_nanousd`,
      ...[spend.windowId(period, period, now), period, starts_at, ends_at, spent[period] ?? 0],
    );
  }
}

function talk(run: Run, at: number, nth: number): void {
  const [asked, said, action] = SAID[nth % SAID.length] ?? SAID[0];
  const id = uuid(at);
  const conversation = nth % 5 === 4 ? 'terminal:main' : 'telegram:4242';
  const channel = nth % 5 === 4 ? 'terminal' : 'telegram';
  const took_ms = 2300 + ((nth * 977) % 4200);
  run(
    `INSERT INTO turn (id, conversation, channel, chat, state, attempt, due_at, changed_at, owner, boot_id, lease_until_at,
       created_at, finished_at, sender, alias) VALUES (?,?,?,'4242','done',1,0,?,'o','b',0,?,?,'4242','default')`,
    ...[id, conversation, channel, at, at, at + took_ms],
  );
  run(
    `INSERT INTO inbound (source, source_key, channel, conversation, chat, sender, text, payload_json, received_at, state,
       turn_id) VALUES ('lively',?,?,?,'4242','4242',?,'{}',?,'answered',?)`,
    ...[id, channel, conversation, asked, at - 40, id],
  );
  const model = MODELS[nth % 3 === 2 ? 1 : 0];
  const tool = action !== 'answer';
  for (const [round, what] of (tool ? [action, 'answer'] : ['answer']).entries()) {
    const call = uuid(at + round);
    const then = at + 50 + (round * took_ms) / 2;
    run(
      `INSERT INTO call (id, caller, turn_id, provider, model, stream, state, owner, opened_at, closed_at, outcome, status,
         input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cost_nanousd,
         first_byte_ms, latency_ms, request, alias, task, conversation, target, reason_json)
       VALUES (?,'core',?,'anthropic',?,1,'settled','o',?,?,'ok',200,1400,180,5200,0,0,9400000,420,?,?,'default','chat',?,?,'{"others":[]}')`,
      ...[
        call,
        id,
        model,
        Math.round(then),
        Math.round(then + took_ms / 2 - 100),
        Math.round(took_ms / 2 - 100),
      ],
      ...[call, conversation, `anthropic/${model}`],
    );
    run(
      `INSERT INTO decision (id, turn_id, round, call_id, conversation, sender, model, action, reasoning, confidence, at)
       VALUES (?,?,?,?,?,'4242',?,?,?,?,?)`,
      ...[uuid(at + 9), id, round + 1, call, conversation, model, what],
      what === 'answer' ? null : 'This has to be looked up before it can be answered.',
      what === 'answer' ? 0.8 + (nth % 4) / 20 : null,
      Math.round(then + took_ms / 2),
    );
  }
  run(
    `INSERT INTO outbound (key, channel, conversation, chat, kind, turn_id, text, format, state, due_at, changed_at, created_at,
       finished_at) VALUES (?,?,?,'4242','reply',?,?,'markdown','sent',0,?,?,?)`,
    ...[`reply:${id}`, channel, conversation, id, said, at + took_ms, at + took_ms, at + took_ms + 120],
  );
}

/** Turns of conversations of their own that wait for a word of the owner's, each with its incident. */
export function held(
  house: House,
  turns: readonly { conversation: string; asked: string; error: string }[],
): void {
  writing(house, (run) => {
    for (const { conversation, asked, error } of turns) {
      const at = Date.now();
      const id = uuid(at);
      const chat = conversation.split(':')[1] ?? '';
      run(
        `INSERT INTO turn (id, conversation, channel, chat, state, attempt, faults, due_at, changed_at, owner, boot_id,
           lease_until_at, created_at, error, sender, alias) VALUES (?,?,'telegram',?,'held',3,3,0,?,'o','b',0,?,?,'4242','default')`,
        ...[id, conversation, chat, at, at, error],
      );
      run(
        `INSERT INTO inbound (source, source_key, channel, conversation, chat, sender, text, payload_json, received_at, state,
           turn_id) VALUES ('lively',?,'telegram',?,?,'4242',?,'{}',?,'taken',?)`,
        ...[id, conversation, chat, asked, at, id],
      );
      run(
        `INSERT INTO message (conversation, role, text, at, turn_id, round, trust, sender, inbound_id)
         SELECT conversation, 'user', text, received_at, turn_id, 1, 3, sender, id FROM inbound WHERE turn_id = ?`,
        id,
      );
      run(
        `INSERT INTO incident (cause, service, severity, text, opened_at) VALUES (?,'core','warning',?,?)`,
        ...[`turn ${id}`, `An answer was cut off three times: “${asked}”`, at],
      );
    }
  });
}

/** Nothing is left of this period's money. */
export function useUp(house: House, budget: 'hour' | 'day' | 'month'): void {
  writing(house, (run) =>
    run(
      `UPDATE spend SET spent_nanousd = max(spent_nanousd, coalesce(limit_nanousd, 0)) WHERE id = ?`,
      spend.windowId(budget, budget, Date.now()),
    ),
  );
}
