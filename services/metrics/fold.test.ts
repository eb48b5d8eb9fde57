/**
 * What is counted equals a recount of the rows, whatever happens: kills between any two commits, rows that end late, rows
 * that are removed and whose rowids are given again, a VACUUM, a clock that is set back.
 */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { uuid } from '#shared/base/ids.ts';
import { periodOf } from '#shared/base/period.ts';
import { FILE, openStore, type Store } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as metric from '#shared/tables/metric.ts';
import { randomFrom } from '#shared/testing/messages-latency.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { foldOnce, KEYS, PORTION } from './fold.ts';

const NOW = Date.UTC(2026, 10, 22, 12);

type Row = {
  id: string | number;
  over: boolean;
  counted: boolean;
  adds: [name: string, by: number][];
  at: number;
};

/** How a table is written by those whose it is, and what a row of it that is over should come to. */
type Kind = {
  table: string;
  insert(of: { id: string; at: number; over: boolean; pick: Pick_ }): {
    columns: Record<string, unknown>;
    adds: Row['adds'];
  };
  /** Ends it as `insert` would have had it ended. */
  open: Record<string, unknown>;
};
type Pick_ = <T>(of: readonly T[]) => T;

const model = (labels: Record<string, string>) => JSON.stringify(labels);

const KINDS: readonly Kind[] = [
  {
    table: 'call',
    open: {
      state: 'open',
      closed_at: null,
      outcome: null,
      input_tokens: null,
      latency_ms: null,
      cost_nanousd: null,
    },
    insert({ id, at, pick }) {
      const name = pick(['m1', 'm"2\\']);
      const outcome = pick(['ok', 'ok', 'refused', 'cut']);
      const latency_ms = pick([400, 500, 501, 9000, 99_000]);
      const input_tokens = pick([0, 7]);
      const cost_nanousd = pick([0, 1_000_000]);
      const took = ([0.5, 1, 2, 5, 10, 30, 60, '+Inf'] as const).filter(
        (le) => le === '+Inf' || latency_ms / 1000 <= le,
      );
      return {
        columns: {
          ...{
            id,
            caller: 'c',
            provider: 'p',
            target: `p/${name}`,
            model: name,
            stream: 0,
            owner: 'o',
            opened_at: at,
          },
          ...{ state: 'settled', closed_at: at, outcome, latency_ms, input_tokens, cost_nanousd },
        },
        adds: [
          [`agent_requests_total ${model({ model: name, status: outcome })}`, 1],
          [`agent_target_requests_total ${model({ target: `p/${name}`, status: outcome })}`, 1],
          [`agent_tokens_total ${model({ model: name, direction: 'input' })}`, input_tokens],
          [`agent_cost_usd_total ${model({ model: name })}`, cost_nanousd / 1e9],
          ...(outcome !== 'ok'
            ? []
            : [
                [`agent_request_duration_seconds_sum ${model({ model: name })}`, latency_ms / 1000] as [
                  string,
                  number,
                ],
                [`agent_request_duration_seconds_count ${model({ model: name })}`, 1] as [string, number],
                ...took.map((le): [string, number] => [
                  `agent_request_duration_seconds_bucket ${model({ model: name, le: String(le) })}`,
                  1,
                ]),
              ]),
        ],
      };
    },
  },
  {
    table: 'tool_call',
    open: { state: 'running', finished_at: null },
    insert({ id, at, pick }) {
      const tool = pick(['read_file', 'nonsense of a model']);
      const state = pick(['done', 'failed', 'denied']);
      const known = tool === 'read_file' ? tool : 'unknown';
      return {
        columns: {
          ...{
            id,
            turn_id: id,
            round: 1,
            place: 0,
            use_id: 'u',
            conversation: 'c',
            channel: 'terminal',
            tool,
          },
          ...{ input_json: '{}', state, created_at: at, finished_at: at },
        },
        adds: [[`agent_tool_calls_total ${model({ tool: known, status: state })}`, 1]],
      };
    },
  },
  {
    table: 'outbound',
    open: { state: 'uncertain', finished_at: null },
    insert({ id, at, pick }) {
      const channel = pick(['telegram', 'terminal', 'canary']);
      const state = pick(['sent', 'sent', 'dead']);
      return {
        columns: {
          ...{ key: id, channel, conversation: 'c', kind: 'reply', text: '', state },
          ...{ due_at: at, changed_at: at, created_at: at, finished_at: at },
        },
        adds:
          channel === 'canary' ? [] : [[`agent_deliveries_total ${model({ channel, outcome: state })}`, 1]],
      };
    },
  },
  {
    table: 'slot',
    open: { state: 'started', finished_at: null },
    insert({ id, at, pick }) {
      const state = pick(['done', 'failed', 'skipped']);
      return {
        columns: { job: id, due_at: at, state, created_at: at, finished_at: at },
        adds: [[`agent_cron_slots_total ${model({ outcome: state })}`, 1]],
      };
    },
  },
  {
    table: 'memory_run',
    open: { state: 'planned', finished_at: null },
    insert({ id, at, pick }) {
      const state = pick(['applied', 'undone', 'failed']);
      return {
        columns: {
          ...{ scope: 's', conversation: 'c', how: 'rule', input_hash: id, after_id: 1, upto_id: 2 },
          ...{ state, due_at: at, created_at: at, finished_at: at },
        },
        adds: [
          [
            `agent_memory_runs_total ${model({ how: 'rule', outcome: state === 'undone' ? 'applied' : state })}`,
            1,
          ],
        ],
      };
    },
  },
  {
    table: 'inbound',
    open: {},
    insert({ id, at, pick }) {
      const state = pick(['pending', 'answered', 'ignored']);
      return {
        columns: {
          ...{ source: 's', source_key: id, channel: 'telegram', payload_json: '{}', received_at: at, state },
        },
        adds: state === 'ignored' ? [] : [[`agent_messages_total ${model({ channel: 'telegram' })}`, 1]],
      };
    },
  },
];

/** A store whose process is killed at some of its commits: before they took effect, or right after. */
function mortal(store: Store, random: () => number): Store {
  return {
    ...store,
    async commit(ops) {
      if (random() < 0.15) throw new Killed();
      const rows = await store.commit(ops);
      if (random() < 0.15) throw new Killed();
      return rows;
    },
  };
}
class Killed extends Error {}

async function opened(t: TestContext) {
  const directory = scratch(t);
  const store = await openStore({ directory, principal: 'metrics' });
  const world = new Database(join(directory, FILE));
  t.after(async () => {
    world.close();
    await store.close();
  });
  world.exec(
    `INSERT INTO tool (name, source, description, schema_json, offer, repeatable, changed_at) VALUES ('read_file', 's', '', '{}', 'always', 0, 0)`,
  );
  return { store, world };
}

async function foldAll(store: Store): Promise<void> {
  for (;;) {
    try {
      while (await foldOnce(store, NOW));
      return;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
}

async function counted(store: Store): Promise<Map<string, number>> {
  return new Map(
    (await store.read(metric.all)).map(({ name, labels, value }) => [`${name} ${labels}`, value]),
  );
}

/** Adds are in nano-dollars and milliseconds at the finest: sums of them are compared as these. */
const exact = (value: number) => Math.round(value * 1e9);

for (const seed of [1, 2, 3, 4, 5]) {
  test(`what is counted equals a recount, over random histories with kills (${seed})`, async (t) => {
    const { store, world } = await opened(t);
    const random = randomFrom(seed);
    const pick: Pick_ = (of) => of[Math.floor(random() * of.length)] as (typeof of)[number];
    const rows = new Map(KINDS.map(({ table }) => [table, [] as Row[]]));
    const expected = new Map<string, number>();
    const hours = new Map<string, number>();

    function insert(kind: Kind, at: number): void {
      const id = uuid(at);
      const over = Object.keys(kind.open).length === 0 || random() < 0.6;
      const { columns, adds } = kind.insert({ id, at, over, pick });
      const written = over ? columns : { ...columns, ...kind.open };
      const names = Object.keys(written);
      const { lastInsertRowid } = world
        .prepare(
          `INSERT INTO ${kind.table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
        )
        .run(...Object.values(written));
      rows
        .get(kind.table)
        ?.push({ id: 'id' in columns ? id : Number(lastInsertRowid), over, counted: false, adds, at });
      // What it will be once it has ended.
      if (!over) endings.set(`${kind.table} ${'id' in columns ? id : lastInsertRowid}`, columns);
    }
    const endings = new Map<string, Record<string, unknown>>();

    function end({ table, open }: Kind, row: Row): void {
      const columns = endings.get(`${table} ${row.id}`) ?? {};
      const names = Object.keys(open);
      world
        .prepare(`UPDATE ${table} SET ${names.map((name) => `${name} = ?`).join(', ')} WHERE id = ?`)
        .run(...names.map((name) => columns[name]), row.id);
      row.over = true;
    }

    for (let round = 0; round < 25; round++) {
      // The clock is set back by hours now and then.
      const at = NOW + Math.floor((random() - 0.3) * 6 * 3_600_000);
      for (const kind of KINDS) {
        const mine = rows.get(kind.table) ?? [];
        for (let n = Math.floor(random() * 30); n > 0; n--) insert(kind, at + n);
        for (const row of mine.filter(({ over }) => !over)) if (random() < 0.3) end(kind, row);
      }
      await foldAll(mortal(store, random));
      for (const [table, all] of rows) {
        for (const row of all.filter(({ over, counted }) => over && !counted)) {
          row.counted = true;
          for (const [key, by] of row.adds) {
            if (by === 0) continue;
            expected.set(key, (expected.get(key) ?? 0) + by);
            const hour = `${periodOf('hour', row.at).starts_at} ${key}`;
            if (!key.includes('_bucket ')) hours.set(hour, (hours.get(hour) ?? 0) + by);
          }
        }
        // What was counted, or will never end, may go: old rows, single ones, and the last, whose rowids are given again.
        const gone = random() < 0.4 ? Math.floor(random() * 40) : 0;
        const fate = pick(['first', 'last', 'some']);
        const leaving = all.filter((_, nth) =>
          fate === 'first' ? nth < gone : fate === 'last' ? nth >= all.length - gone : random() < gone / 100,
        );
        const drop = world.prepare(`DELETE FROM ${table} WHERE id = ?`);
        for (const { id } of leaving) drop.run(id);
        rows.set(
          table,
          all.filter((row) => !leaving.includes(row)),
        );
      }
      if (random() < 0.2) world.exec('VACUUM');
    }
    await foldAll(store);
    const found = await counted(store);
    assert.deepEqual(
      [...found].map(([key, value]) => [key, exact(value)]).sort(),
      [...expected].map(([key, value]) => [key, exact(value)]).sort(),
    );
    const byHour = world.prepare('SELECT * FROM metric_hour').all() as {
      hour_at: number;
      name: string;
      labels: string;
      value: number;
    }[];
    assert.deepEqual(
      byHour.map(({ hour_at, name, labels, value }) => [`${hour_at} ${name} ${labels}`, exact(value)]).sort(),
      [...hours].map(([key, value]) => [key, exact(value)]).sort(),
    );
    const left = world.prepare(`SELECT count(*) FROM fold_open`).pluck().get();
    const going = [...rows.values()].flat().filter(({ over }) => !over).length;
    assert.equal(left, going, 'nothing is waited for that is over or gone');
  });
}

test('more than a portion is counted portion by portion, and on both sides of its bound', async (t) => {
  const { store, world } = await opened(t);
  const put = world.prepare(
    `INSERT INTO slot (job, due_at, state, created_at, finished_at) VALUES ('j', ?, 'done', 1, 1)`,
  );
  for (let n = 0; n < PORTION; n++) put.run(n);
  assert.equal(await foldOnce(store, NOW), true, 'there may be more');
  assert.equal(await foldOnce(store, NOW), false);
  put.run(PORTION);
  assert.equal(await foldOnce(store, NOW), false);
  assert.equal((await counted(store)).get('agent_cron_slots_total {"outcome":"done"}'), PORTION + 1);
});

test('of two that count the same rows, one is fenced off', async (t) => {
  const { store, world } = await opened(t);
  await foldOnce(store, NOW);
  world.exec(`INSERT INTO slot (job, due_at, state, created_at, finished_at) VALUES ('j', 1, 'done', 1, 1)`);
  const both = await Promise.allSettled([foldOnce(store, NOW), foldOnce(store, NOW)]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  assert.equal((await counted(store)).get('agent_cron_slots_total {"outcome":"done"}'), 1);
});

for (const [what, before, gone] of [
  ['as many of the last rows as there are keys', 200, KEYS],
  ['all rows of a table', KEYS - 1, KEYS - 1],
] as const) {
  test(`${what} may go, and what gets their rowids is counted`, async (t) => {
    const { store, world } = await opened(t);
    const put = world.prepare(
      `INSERT INTO slot (job, due_at, state, created_at, finished_at) VALUES ('j', ?, 'done', 1, 1)`,
    );
    // Older ones are gone already: the first has not the rowid 1.
    for (let n = 0; n < 5 + before; n++) put.run(n);
    world.exec('DELETE FROM slot WHERE id <= 5');
    await foldAll(store);
    world.exec(`DELETE FROM slot WHERE id > ${5 + before - gone}`);
    for (let n = 0; n < 3; n++) put.run(1000 + n);
    await foldAll(store);
    assert.equal((await counted(store)).get('agent_cron_slots_total {"outcome":"done"}'), before + 3);
  });
}

test('a service that is started again is counted, its first start is not', async (t) => {
  const { store, world } = await opened(t);
  const row = {
    ...{
      service: 'metrics',
      worker: 0,
      pid: 1,
      boot_id: 'b',
      version: '1',
      phase: 'ready' as const,
      doing: '',
    },
    ...{ since_at: 1, progressed_at: 1, beat_at: 1, rss_bytes: 1, loop_delay_ms: 1, problem: null },
  };
  const restarts = async () =>
    (await counted(store)).get('agent_service_restarts_total {"service":"metrics"}');
  for (const [instance, expected] of [
    ['metrics-a', undefined],
    ['metrics-a', undefined],
    ['metrics-b', 1],
    ['metrics-c', 2],
  ] as const) {
    await store.commit([heartbeat.beat({ ...row, instance })]);
    await foldAll(store);
    assert.equal(await restarts(), expected);
  }
  assert.ok(world.open);
});
