/**
 * The ledger against the bill: thousands of random calls through two router processes, to two providers that bill at
 * random within what is possible and fail in every way there is, for clients of whom many leave early. Then each row of
 * the ledger is held against what the provider charged for that very call.
 *
 * Where the provider said what it used, the row must equal its bill in every kind of token. Where the answer broke off,
 * the row is an estimate, and must not cost less than the bill.
 *
 * Every request carries a name of its own in a header, which the router passes on, and as its task, which the ledger
 * keeps: so that attempts without an answer, which have no request-id, find their row as well.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { buildHouse, type House, RAISED } from '#shared/testing/house.ts';
import { type Call, startMessagesApi } from '#shared/testing/messages-api.ts';
import type { Fault } from '#shared/testing/messages-faults.ts';
import { randomFrom } from '#shared/testing/messages-latency.ts';
import type { Script } from '#shared/testing/messages-script.ts';
import { askRouter, type Routers, startRouters } from '#shared/testing/routers.ts';
import { until } from '#shared/testing/scratch.ts';
import { cost_nanousd, priceOf } from '../services/router/price.ts';
import { table } from './table.ts';

export type Options = { calls: number; callers: number; kills: number; seed: number };
export type Report = { figures: [what: string, figure: string | number][]; sums: string; wrong: string[] };

const ROUTERS = 2;
const NAME = 'x-bench-call';
const BACKUP_KEY = 'sk-backup-0123456789';
/** Nobody listens there. */
const CLOSED_PORT = 9;

const WEATHER: readonly Fault[] = [
  { kind: 'overloaded_error', probability: 0.02 },
  { kind: 'api_error', probability: 0.02 },
  { kind: 'status', status: 503, html: true, probability: 0.01 },
  { kind: 'status', status: 408, probability: 0.01 },
  { kind: 'invalid_request_error', probability: 0.01 },
  { kind: 'not_found_error', probability: 0.01 },
  { kind: 'rate_limit_error', probability: 0.03 },
  { kind: 'rate_limit_error', retry_after_s: 1, probability: 0.001 },
  { kind: 'reset', probability: 0.02 },
  { kind: 'hang', probability: 0.002 },
  { kind: 'stall', after_events: 0, probability: 0.004 },
  { kind: 'stall', after_events: 5, probability: 0.004 },
  { kind: 'cut', after_events: 0, probability: 0.01 },
  { kind: 'cut', after_events: 1, probability: 0.01 },
  { kind: 'cut', after_events: 3, probability: 0.01 },
  { kind: 'cut', after_events: 12, probability: 0.02 },
  { kind: 'early_end', after_events: 9, probability: 0.02 },
  { kind: 'error_event', after_events: 0, probability: 0.01 },
  { kind: 'error_event', after_events: 1, probability: 0.01 },
  { kind: 'error_event', after_events: 7, probability: 0.02 },
  { kind: 'malformed', after_events: 2, probability: 0.01 },
  { kind: 'malformed', after_events: 8, probability: 0.01 },
  { kind: 'drip', drip_bytes: 40, probability: 0.01 },
  { kind: 'huge', huge_bytes: 8_000_000, probability: 0.005 },
];

export async function ledger(options: Options, say = (_line: string) => {}): Promise<Report> {
  const { calls, callers, kills, seed } = options;
  const backup = await startMessagesApi({ key: BACKUP_KEY, seed: seed + 1 });
  const house = await buildHouse({ telegram: false, config: configOf(backup.root) });
  const client = askRouter(house);
  let routers: Routers | undefined;
  try {
    writeFileSync(join(house.home.credentials, 'providers.env'), `BACKUP_KEY=${BACKUP_KEY}\n`, {
      mode: 0o600,
    });
    for (const [nth, api] of [house.model, backup].entries()) {
      api.script(speaker(randomFrom(seed + 10 + nth)));
      api.usage('random', seed + nth);
      for (const fault of WEATHER) api.fault(fault);
    }
    // One writes as it thinks, the other all at once.
    const first_ms = { median: 4, p99: 60 };
    house.model.latency({ first_ms, per_chunk_ms: { median: 0.5, p99: 5 } });
    backup.latency({ first_ms });
    routers = await startRouters(house, ROUTERS);
    const key = await house.accessKey('bench');
    const tally: Record<string, number> = {};
    const random = randomFrom(seed + 2);
    let made = 0;

    async function caller(): Promise<void> {
      while (made < calls) {
        const name = `r${made++}`;
        if (made % 500 === 0) say(`${made} of ${calls}`);
        const { body, signal, heard } = asking(random);
        const headers = { [NAME]: name, 'x-vigil-task': name };
        const outside = random() < 0.5 ? { key } : {};
        const worker = Math.floor(random() * ROUTERS);
        const ended = await client.ask(body, { worker, headers, signal, heard, ...outside }).then(
          ({ status, text }) => (text.includes('event: error') ? 'broken stream' : String(status)),
          () => (signal.aborted ? 'left' : 'broken off'),
        );
        if (ended === 'broken off') await sleep(50);
        tally[ended] = (tally[ended] ?? 0) + 1;
      }
    }

    async function killer(): Promise<number> {
      for (let n = 1; n <= kills; n++) {
        await until('it is time for a kill', () => made >= (n * calls) / (kills + 1), 600_000);
        await routers?.kill(n % ROUTERS);
      }
      return kills;
    }

    const began = performance.now();
    await Promise.all([killer(), ...Array.from({ length: callers }, caller)]);
    await Promise.all([house.model.idle(), backup.idle()]);
    const [{ open } = { open: -1 }] = await until('every bill is written', async () => {
      const rows = await openRows(house);
      return rows[0]?.open === 0 && rows;
    }).catch(() => openRows(house));
    const took_s = (performance.now() - began) / 1000;

    const wrong: string[] = open === 0 ? [] : [`${open} rows are still open`];
    const compared = await compare(house, { anthropic: house.model, backup }, wrong);
    wrong.push(...(await sumsOf(house)));
    return {
      figures: [
        ['requests', calls],
        [
          'their ends',
          Object.entries(tally)
            .map((pair) => pair.join(': '))
            .join(', '),
        ],
        ['kills', kills],
        ['duration', `${took_s.toFixed(1)} s`],
        ...compared.figures,
      ],
      sums: compared.sums,
      wrong,
    };
  } finally {
    client.close();
    await routers?.stop();
    await backup.close();
    await house.close();
  }
}

/** At the end of [router]. */
function configOf(backup: string): string {
  return `[model]
idle_s = 1
[router]
deadline_s = 5
breaker_failures = 1000
[router.aliases.mixed]
targets = ["claude-sonnet-5-5", "backup/claude-haiku-5-5"]
[router.aliases.equals]
targets = [["claude-haiku-5-5", "backup/claude-haiku-5-5"]]
[router.aliases.unreachable]
targets = ["nobody/claude-sonnet-5-5", "claude-haiku-5-5"]
[router.providers.backup]
base_url = "${backup}"
keys = ["BACKUP_KEY"]
[router.providers.nobody]
base_url = "http://127.0.0.1:${CLOSED_PORT}"
keys = ["BACKUP_KEY"]
`;
}

const openRows = (house: House) =>
  house.read<{ open: number }>(`SELECT count(*) AS open FROM call WHERE state = 'open'`);

// ── What is asked, and what the model says ────────────────────────────────────────────────────────────────────────

const TOOL = { name: 'look_up', input_schema: { type: 'object', properties: { what: { type: 'string' } } } };
const SEARCHES = 3;

/** A request of any kind, from a client that may leave: at once, before the first byte, in the middle, or while it reads no more. */
function asking(random: () => number) {
  const chance = (share: number) => random() < share;
  const upTo = (most: number) => Math.ceil(random() * most);
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;
  const thinks = chance(0.15);
  const block = (ttl: '5m' | '1h') => ({
    type: 'text',
    text: `${upTo(5)} `.repeat(upTo(3000)),
    cache_control: { type: 'ephemeral', ttl },
  });
  const system = pick([[], [], [], [block('5m')], [block('1h')], [block('1h'), block('5m')]]);
  const tools = [
    ...(chance(0.2) ? [TOOL] : []),
    ...(chance(0.1) ? [{ type: 'web_search_20250305', name: 'web_search', max_uses: SEARCHES }] : []),
  ];
  const body = JSON.stringify({
    model: pick(['claude-sonnet-5-5', 'claude-haiku-5-5', 'mixed', 'mixed', 'equals', 'unreachable']),
    max_tokens: upTo(1000),
    stream: chance(0.6),
    messages: [{ role: 'user', content: 'so '.repeat(upTo(300)) + 'grüezi 😀 '.repeat(upTo(100)) }],
    ...(system.length > 0 ? { system } : {}),
    ...(tools.length > 0 ? { tools } : {}),
    ...(thinks ? { thinking: { type: 'adaptive' } } : {}),
  });
  const leaving = new AbortController();
  let left = chance(0.1) ? pick([1, upTo(1000), upTo(6000)]) : Number.POSITIVE_INFINITY;
  if (chance(0.05)) setTimeout(() => leaving.abort(), random() * 40);
  const stands_ms = chance(0.2) ? 200 : 0;
  const heard = async (bytes: number) => {
    left -= bytes;
    if (left > 0) return;
    if (stands_ms > 0) await sleep(stands_ms);
    leaving.abort();
  };
  return { body, signal: leaving.signal, heard };
}

function speaker(random: () => number): Script {
  return ({ tools = [], thinking }) => {
    const words = (most: number) => 'word für word '.repeat(Math.ceil(random() * most));
    const names = tools.map((tool) => ('name' in tool ? tool.name : ''));
    const web_search_requests = names.includes('web_search') ? Math.floor(random() * (SEARCHES + 1)) : 0;
    return {
      text: words(60),
      ...(thinking ? { [random() < 0.5 ? 'thinking' : 'thinking_hidden']: words(60) } : {}),
      ...(names.includes(TOOL.name) && random() < 0.5
        ? { tools: [{ name: TOOL.name, input: { what: words(20) } }] }
        : {}),
      usage: { server_tool_use: { web_search_requests, web_fetch_requests: 0 } },
    };
  };
}

// ── What was billed, and what the ledger says ─────────────────────────────────────────────────────────────────────

const KINDS = [
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_5m_tokens',
  'cache_write_1h_tokens',
  'web_searches',
] as const;
type Usage = Record<(typeof KINDS)[number], number>;

type Row = { [kind in keyof Usage]: number | null } & {
  id: string;
  task: string;
  attempt: number;
  provider: string;
  model: string;
  state: string;
  outcome: string | null;
  request_id: string | null;
  estimated: number;
  cost_nanousd: number | null;
};

function usageOf({ billed }: Call): Usage {
  return {
    input_tokens: billed.input_tokens,
    output_tokens: billed.output_tokens,
    cache_read_tokens: billed.cache_read_input_tokens,
    cache_write_5m_tokens: billed.ephemeral_5m_input_tokens,
    cache_write_1h_tokens: billed.ephemeral_1h_input_tokens,
    web_searches: billed.web_search_requests,
  };
}

function priced(model: string, usage: Usage): number {
  const price = priceOf(model, Date.now(), {});
  if (!price) throw new Error(`bench: ${model} has no price`);
  return cost_nanousd(price, usage);
}

type Sum = Usage & { cost_nanousd: number };
const nothing = (): Sum => ({
  input_tokens: 0,
  output_tokens: 0,
  cache_read_tokens: 0,
  cache_write_5m_tokens: 0,
  cache_write_1h_tokens: 0,
  web_searches: 0,
  cost_nanousd: 0,
});

function add(to: Sum, usage: { [kind in keyof Usage]: number | null }, cost_nanousd: number): void {
  for (const kind of KINDS) to[kind] += usage[kind] ?? 0;
  to.cost_nanousd += cost_nanousd;
}

/** Finds the call of each row, and holds one against the other. */
async function compare(
  house: House,
  providers: Record<string, { calls(): readonly Call[]; billed(): Call['billed'] }>,
  wrong: string[],
): Promise<{ figures: Report['figures']; sums: string }> {
  const rows = await house.read<Row>('SELECT * FROM call ORDER BY task, provider, attempt');
  const exact = { provider: nothing(), ledger: nothing() };
  const estimated = { provider: nothing(), ledger: nothing() };
  const counts = { exact: 0, estimated: 0, 'estimated, never arrived': 0, 'never left': 0 };
  const endings = new Map<string, number>();
  const groups = Map.groupBy(rows, ({ task, provider }) => `${provider} ${task}`);
  let heard = 0;
  for (const [provider, api] of Object.entries(providers)) {
    const calls = api.calls().filter(({ path }) => path === '/v1/messages');
    heard += calls.length;
    const logged = calls.reduce((sum, { billed }) => sum + billed.output_tokens, 0);
    if (logged !== api.billed().output_tokens)
      wrong.push(`${provider}: its log is not all that it has billed`);
    for (const [name, theirs] of Map.groupBy(calls, ({ headers }) => `${provider} ${headers[NAME]}`)) {
      const mine = groups.get(name) ?? [];
      groups.delete(name);
      for (const [row, call] of pairs(mine, theirs, name, wrong)) hold(row, call);
    }
  }
  // What no provider heard of.
  for (const row of [...groups.values()].flat()) hold(row, null);

  function hold(row: Row, call: Call | null): void {
    const cost = row.cost_nanousd ?? 0;
    const ending = `${row.estimated ? 'estimated' : 'exact'}, ${row.outcome}`;
    endings.set(ending, (endings.get(ending) ?? 0) + 1);
    const usage = call ? usageOf(call) : nothing();
    const bill = priced(row.model, usage);
    const what = `${row.task}, attempt ${row.attempt} at ${row.provider} (${row.outcome}, ${call?.fault ?? 'no fault'})`;
    if (row.estimated) {
      counts[call ? 'estimated' : 'estimated, never arrived'] += 1;
      add(estimated.provider, usage, bill);
      add(estimated.ledger, row, cost);
      if (cost < bill) wrong.push(`${what}: estimated ${cost}, billed ${bill}: ${differences(row, usage)}`);
      return;
    }
    counts[call ? 'exact' : 'never left'] += 1;
    add(exact.provider, usage, bill);
    add(exact.ledger, row, cost);
    const differs = differences(row, usage);
    if (differs !== '' || cost !== bill) wrong.push(`${what}: ${cost}, billed ${bill}: ${differs}`);
  }

  return {
    figures: [
      ['attempts', `${rows.length} in the ledger, ${heard} heard of by the providers`],
      [
        'rows',
        Object.entries(counts)
          .map((pair) => pair.join(': '))
          .join(', '),
      ],
      [
        'how they ended',
        [...endings]
          .toSorted()
          .map((pair) => pair.join(': '))
          .join('; '),
      ],
    ],
    sums: table(
      ['', ...[...KINDS, 'cost, nano-USD'].map((kind) => kind.replace('_tokens', ''))],
      (Object.entries({ exact, estimated }) as [string, typeof exact][]).flatMap(([what, sums]) => {
        const line = (of: (kind: keyof Sum) => number) =>
          [...KINDS, 'cost_nanousd' as const].map((kind) => String(of(kind)));
        return [
          [`${what}: provider`, ...line((kind) => sums.provider[kind])],
          [`${what}: ledger`, ...line((kind) => sums.ledger[kind])],
          [`${what}: difference`, ...line((kind) => sums.ledger[kind] - sums.provider[kind])],
        ];
      }),
    ),
  };
}

function differences(row: { [kind in keyof Usage]: number | null }, usage: Usage): string {
  return KINDS.filter((kind) => (row[kind] ?? 0) !== usage[kind])
    .map((kind) => `${kind} ${row[kind] ?? 0}, billed ${usage[kind]}`)
    .join('; ');
}

/**
 * The attempts of one request at one provider, each with its call. Those that were answered know its request-id. The
 * others come one after the other at both ends; only the last can have left the router and not arrived, because after
 * that the request is over: its client has left, or its router is dead.
 */
function pairs(
  rows: readonly Row[],
  calls: readonly Call[],
  name: string,
  wrong: string[],
): [Row, Call | null][] {
  const byId = new Map(calls.map((call) => [call.id, call]));
  const paired: [Row, Call | null][] = [];
  const nameless: Row[] = [];
  for (const row of rows) {
    const call = byId.get(row.request_id ?? '');
    if (call) {
      byId.delete(call.id);
      paired.push([row, call]);
    } else if (row.request_id !== null) wrong.push(`${name}: ${row.request_id} is no call of this request`);
    else nameless.push(row);
  }
  const left = [...byId.values()].toSorted((a, b) => a.received_at - b.received_at);
  nameless.forEach((row, nth) => void paired.push([row, left[nth] ?? null]));
  if (left.length > nameless.length)
    wrong.push(`${name}: ${left.length - nameless.length} calls have no row`);
  if (nameless.length > left.length + 1)
    wrong.push(`${name}: ${nameless.length - left.length} rows have no call`);
  return paired;
}

/** The sums that are kept beside the ledger, where they are not what the ledger adds up to. */
async function sumsOf(house: House): Promise<string[]> {
  const sums = [...KINDS, 'cost_nanousd'].map((kind) => `coalesce(sum(${kind}), 0)`).join(', ');
  const rest = `coalesce(sum(cost_nanousd) FILTER (WHERE estimated), 0), count(*), count(*) FILTER (WHERE outcome <> 'ok')`;
  const by = `model, coalesce(alias, '') AS alias, coalesce(task, '') AS task, caller, coalesce(conversation, '') AS conversation`;
  const ledger = `SELECT ${by}, ${sums}, ${rest} FROM call GROUP BY model, 2, 3, caller, 5`;
  const total = `SELECT ${by}, ${sums}, sum(estimated_nanousd), sum(calls), sum(failures) FROM total GROUP BY model, 2, 3, caller, 5`;
  const windows = `SELECT w.value AS id, sum(cost_nanousd) AS spent, 0 AS held, count(*) AS calls FROM call, json_each(windows_json) w GROUP BY 1`;
  const spend = `SELECT id, spent_nanousd AS spent, held_nanousd AS held, calls FROM spend`;
  const wrong: string[] = [];
  for (const [one, other, what] of [
    [total, ledger, 'in total, and not in the ledger'],
    [ledger, total, 'in the ledger, and not in total'],
    [spend, windows, 'in spend, and not in the ledger'],
    [windows, spend, 'in the ledger, and not in spend'],
  ] as const) {
    for (const row of await house.read<object>(`SELECT * FROM (${one}) EXCEPT SELECT * FROM (${other})`)) {
      wrong.push(`${what}: ${JSON.stringify(row)}`);
    }
  }
  return wrong;
}

const HELP = `node bench/ledger.ts [--calls 5000] [--callers 64] [--kills 0] [--seed N]

Random calls through ${ROUTERS} routers to two providers that fail in every way; then each row of the ledger is held against the
provider's bill. Ends with 1 when a row that is no estimate differs by a token, or an estimate is too low.

  --calls     requests, retries not counted
  --callers   how many at once
  --kills     so many routers die by SIGKILL meanwhile, and are started again at once
  --seed      repeats what is asked, and how providers answer and fail; not what meets what
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      calls: { type: 'string', default: '5000' },
      callers: { type: 'string', default: '64' },
      kills: { type: 'string', default: '0' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const [calls, callers, kills, seed] = [values.calls, values.callers, values.kills, values.seed].map(Number);
  if (!(calls && callers && seed) || !(kills !== undefined && kills >= 0)) {
    process.stderr.write(HELP);
    process.exitCode = 64;
    return;
  }
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const { figures, sums, wrong } = await ledger({ calls, callers, kills, seed }, say);
  const width = Math.max(...figures.map(([what]) => what.length));
  process.stdout.write(`budgets and limits are on, and raised:\n${RAISED}\n`);
  process.stdout.write(`seed ${seed}, ${callers} callers, ${ROUTERS} routers on one store, two providers\n`);
  for (const [what, figure] of figures) process.stdout.write(`${what.padEnd(width)}  ${figure}\n`);
  process.stdout.write(`${sums}\n`);
  process.stdout.write(
    wrong.length === 0
      ? 'the ledger is the bill\n'
      : `WRONG (${wrong.length}):\n${wrong.slice(0, 30).join('\n')}\n`,
  );
  process.exitCode = wrong.length === 0 ? 0 : 1;
}

if (import.meta.main) await main();
