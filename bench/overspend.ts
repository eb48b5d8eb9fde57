/**
 * Overspend: the promise that money is capped before it is spent, put to the proof. Callers hammer a budget through four
 * router processes on one store. The budget has room for exactly so many calls, because what a call may cost, and what
 * it does cost, is known to the nano-dollar. What the provider bills is counted at the provider; the books are looked at
 * all the while, and at the end.
 *
 *   worst    each call costs all that was reserved for it: exactly as many as fit are answered
 *   random   each call costs less, at random
 *   kills    routers die by SIGKILL in between and are started again at once
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { newAccessKey } from '#shared/base/access.ts';
import { NANO } from '#shared/base/money.ts';
import * as access_key from '#shared/tables/access_key.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import type { Call } from '#shared/testing/messages-api.ts';
import { randomFrom } from '#shared/testing/messages-latency.ts';
import { askRouter, type Routers, startRouters } from '#shared/testing/routers.ts';
import { until } from '#shared/testing/scratch.ts';
import { cost_nanousd, type Price, priceOf } from '../services/router/price.ts';
import { worstOf } from '../services/router/worst.ts';
import { table } from './table.ts';

/** What is hammered, and the name under which the books have it. */
const BOOKED = { hour: 'hour', turn: 'turn', key: 'key hammer hour', calls_per_hour: 'hour' } as const;

export type Case = {
  budget: keyof typeof BOOKED;
  manner: 'worst' | 'random';
  /** So many routers die by SIGKILL meanwhile. */
  kills: number;
  callers: number;
  /** So many calls fit at worst. */
  allowed: number;
  seed: number;
};

export type Report = Case & {
  answered: number;
  refused: number;
  /** Broken off by a kill. */
  broken: number;
  killed: number;
  abandoned: number;
  /** What the provider heard of, and what it bills by our prices. */
  heard: number;
  billed_nanousd: number;
  spent_nanousd: number;
  held_nanousd: number;
  limit_nanousd: number | null;
  /** How often the books were looked at meanwhile, and the most that was spent or held by then. */
  looks: number;
  most_nanousd: number;
  /** What went wrong; nothing, if all is well. */
  wrong: string[];
};

const ROUTERS = 4;
/** A caller gives up when it was refused so often in a row. */
const PATIENCE = 3;
const MODEL = 'claude-haiku-5-5';
const MAX_tokens = 200;
const BODY = JSON.stringify({
  model: MODEL,
  max_tokens: MAX_tokens,
  messages: [{ role: 'user', content: 'what does this cost at most? '.repeat(20) }],
});

const price = priceNow();
const WORST = worstOf(JSON.parse(BODY), BODY.length, price);

function priceNow(): Price {
  const found = priceOf(MODEL, Date.now(), {});
  if (!found) throw new Error(`bench: ${MODEL} has no price`);
  return found;
}

export async function overspend(of: Case): Promise<Report> {
  const { budget, manner, callers, allowed, kills } = of;
  const random = randomFrom(of.seed);
  const limit_usd = (allowed * WORST.nanousd) / NANO;
  const hammered = {
    hour: { hour_usd: limit_usd },
    turn: { turn_usd: limit_usd },
    key: {},
    calls_per_hour: { calls_per_hour: allowed },
  }[budget];
  const house = await buildHouse({ telegram: false, config: configOf(hammered) });
  house.model.script(() => ({
    text: 'so much',
    usage:
      manner === 'random'
        ? // Below what the provider's own count says, too.
          {
            input_tokens: Math.ceil((random() * BODY.length) / 8),
            output_tokens: Math.ceil(random() * MAX_tokens),
          }
        : { input_tokens: WORST.input_tokens, output_tokens: WORST.output_tokens },
  }));
  // A count that is lower than what it bills would be a lie.
  if (manner !== 'random') house.model.fault({ kind: 'not_found_error', endpoint: 'count_tokens' });
  // Long enough for a kill to meet calls under way.
  house.model.latency({ first_ms: kills > 0 ? { median: 40, p99: 200 } : { median: 3, p99: 30 } });
  const client = askRouter(house);
  let routers: Routers | undefined;
  try {
    routers = await startRouters(house, ROUTERS);
    const key = budget === 'key' ? await keyWith(house, allowed * WORST.nanousd) : null;
    const headers: Record<string, string> = budget === 'turn' ? { 'x-vigil-turn': 'hammered' } : {};
    const tally = { answered: 0, refused: 0, broken: 0, killed: 0 };
    const wrong: string[] = [];
    let over = false;

    async function caller(nth: number): Promise<void> {
      for (let calls = 0, refusals = 0; refusals < PATIENCE; calls++) {
        try {
          const worker = (nth + calls) % ROUTERS;
          const { status, text } = await client.ask(BODY, { worker, headers, ...(key ? { key } : {}) });
          if (status === 200) tally.answered += 1;
          else if (status === 402) tally.refused += 1;
          else if (wrong.push(`${status}: ${text}`) > 10) return;
          refusals = status === 402 ? refusals + 1 : 0;
        } catch (error) {
          if (kills === 0) wrong.push(`a call broke off: ${String(error)}`);
          tally.broken += 1;
          await sleep(20);
        }
      }
    }

    async function killer(): Promise<void> {
      for (let n = 1; n <= kills; n++) {
        // Spread over the run, by what the provider has heard of.
        while (asked(house).length < (n * allowed) / (kills + 1)) {
          if (over) return;
          await sleep(1);
        }
        await routers?.kill(Math.floor(random() * ROUTERS));
        tally.killed += 1;
      }
    }

    async function reader(): Promise<{ looks: number; most_nanousd: number }> {
      let [looks, most_nanousd] = [0, 0];
      while (!over) {
        for (const row of await booksOf(house)) {
          if (row.budget === BOOKED[budget]) {
            most_nanousd = Math.max(most_nanousd, row.spent_nanousd + row.held_nanousd);
          }
          wrong.push(...overdrawn(row));
        }
        looks += 1;
        await sleep(2);
      }
      return { looks, most_nanousd };
    }

    const watching = reader();
    const killing = killer();
    await Promise.all(Array.from({ length: callers }, (_, nth) => caller(nth)));
    await until('every bill is written', async () => (await openRows(house)) === 0);
    over = true;
    await killing;
    const watched = await watching;
    return judged(house, of, { ...tally, ...watched }, wrong);
  } finally {
    client.close();
    await routers?.stop();
    await house.close();
  }
}

/** Every budget out of reach, but for the one that is hammered. */
function configOf(hammered: Record<string, number>): string {
  const raised = {
    hour_usd: 1000,
    day_usd: 1000,
    month_usd: 1000,
    turn_usd: 1000,
    calls_per_hour: 1_000_000,
  };
  const lines = Object.entries({ ...raised, ...hammered }).map(([name, value]) => `${name} = ${value}\n`);
  return `[budget]\n${lines.join('')}[limits]\nrequests_per_minute = 10000000\ntokens_per_minute = 1000000000\n`;
}

async function keyWith(house: House, hour_nanousd: number): Promise<string> {
  const { key, hash } = newAccessKey();
  const others = { aliases_json: null, day_nanousd: null, month_nanousd: null, calls_per_hour: null };
  const store = await house.store();
  await store.commit([
    access_key.add({ name: 'hammer', hash, hour_nanousd, ...others, created_at: Date.now() }),
  ]);
  return key;
}

type Books = {
  id: string;
  budget: string;
  spent_nanousd: number;
  held_nanousd: number;
  limit_nanousd: number | null;
  calls: number;
  limit_calls: number | null;
};

const booksOf = (house: House) => house.read<Books>('SELECT * FROM spend');

function overdrawn(row: Books): string[] {
  const { id, spent_nanousd, held_nanousd, limit_nanousd, calls, limit_calls } = row;
  return [
    ...(limit_nanousd !== null && spent_nanousd + held_nanousd > limit_nanousd
      ? [`${id}: ${spent_nanousd} spent and ${held_nanousd} held of ${limit_nanousd}`]
      : []),
    ...(limit_calls !== null && calls > limit_calls ? [`${id}: ${calls} of ${limit_calls} calls`] : []),
  ];
}

async function openRows(house: House): Promise<number> {
  const [row] = await house.read<{ open: number }>(`SELECT count(*) AS open FROM call WHERE state = 'open'`);
  return row?.open ?? 0;
}

const asked = ({ model }: House) => model.calls().filter(({ path }) => path === '/v1/messages');

function priced({ billed }: Call): number {
  const { input_tokens, output_tokens } = billed;
  const rest = { cache_read_tokens: 0, cache_write_5m_tokens: 0, cache_write_1h_tokens: 0, web_searches: 0 };
  return cost_nanousd(price, { input_tokens, output_tokens, ...rest });
}

type Tally = Pick<Report, 'answered' | 'refused' | 'broken' | 'killed' | 'looks' | 'most_nanousd'>;

async function judged(house: House, of: Case, tally: Tally, wrong: string[]): Promise<Report> {
  const { budget, manner, allowed, kills } = of;
  await house.model.idle();
  const calls = asked(house);
  const billed_nanousd = calls.reduce((sum, call) => sum + priced(call), 0);
  const books = await booksOf(house);
  const windows = books.filter((row) => row.budget === BOOKED[budget]);
  const sum = (of: (row: Books) => number) => windows.reduce((total, row) => total + of(row), 0);
  const [ledger] = await house.read<{ abandoned: number; cost: number; paid: number }>(
    `SELECT count(*) FILTER (WHERE state = 'abandoned') AS abandoned, coalesce(sum(cost_nanousd), 0) AS cost,
       count(*) FILTER (WHERE cost_nanousd > 0) AS paid FROM call`,
  );
  const { abandoned = -1, cost = -1, paid = -1 } = ledger ?? {};
  const report = {
    ...of,
    ...tally,
    abandoned,
    heard: calls.length,
    billed_nanousd,
    spent_nanousd: sum((row) => row.spent_nanousd),
    held_nanousd: sum((row) => row.held_nanousd),
    limit_nanousd: budget === 'calls_per_hour' ? null : sum((row) => row.limit_nanousd ?? 0),
    wrong,
  };
  const expect = (what: string, kept: boolean) => void (kept || wrong.push(what));
  for (const row of books) {
    wrong.push(...overdrawn(row));
    expect(`${row.id}: ${row.held_nanousd} still held`, row.held_nanousd === 0);
  }
  const { spent_nanousd, limit_nanousd, answered } = report;
  expect(`${spent_nanousd} spent, ${cost} in the ledger`, spent_nanousd === cost);
  expect('billed above the limit', limit_nanousd === null || billed_nanousd <= limit_nanousd);
  expect('billed more than is in the books', billed_nanousd <= spent_nanousd);
  // An hour that ends during the run begins another budget.
  const most = allowed * windows.length;
  const bounded = manner !== 'random' || budget === 'calls_per_hour';
  if (bounded) {
    expect(`${answered} answered of ${most}`, answered <= most);
    expect(`${calls.length} calls reached the provider, of ${most}`, calls.length <= most);
    expect(`${paid} calls are charged, of ${most}`, paid <= most);
  }
  if (manner === 'worst' && kills === 0 && windows.length === 1) {
    expect(`${answered} answered, ${allowed} were allowed`, answered === allowed);
    expect(`${billed_nanousd} billed, ${spent_nanousd} spent`, billed_nanousd === spent_nanousd);
  }
  return report;
}

/** The columns of the table, from left to right. */
const COLUMNS: Record<string, (report: Report) => string | number> = {
  '': ({ budget, manner }) => `${budget}, ${manner}`,
  callers: ({ callers }) => callers,
  allowed: ({ allowed }) => allowed,
  answered: ({ answered }) => answered,
  'refused, 402': ({ refused }) => refused,
  kills: ({ killed }) => killed,
  'broken off': ({ broken }) => broken,
  abandoned: ({ abandoned }) => abandoned,
  billed: ({ billed_nanousd }) => billed_nanousd,
  spent: ({ spent_nanousd }) => spent_nanousd,
  held: ({ held_nanousd }) => held_nanousd,
  limit: ({ limit_nanousd }) => limit_nanousd ?? '',
  looks: ({ looks }) => looks,
  'most seen': ({ most_nanousd }) => most_nanousd,
  'over by': ({ limit_nanousd, most_nanousd, billed_nanousd, heard, allowed }) =>
    limit_nanousd === null
      ? `${Math.max(0, heard - allowed)} calls`
      : Math.max(0, most_nanousd - limit_nanousd, billed_nanousd - limit_nanousd),
};

const HELP = `node bench/overspend.ts [--callers 1,10,200] [--allowed 400] [--kills 8] [--seed 1] [--budget hour]

Hammers a budget that allows so many calls, through ${ROUTERS} router processes on one store, and counts. Ends with 1 when one
call, or one nano-dollar, is over.

  --callers   how many at once, one run for each
  --allowed   how many calls fit into the budget when each costs all that it may
  --kills     how many routers die in the runs in which some do
  --budget    one of ${Object.keys(BOOKED).join(', ')}; by default all, one after the other
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      callers: { type: 'string', default: '1,10,200' },
      allowed: { type: 'string', default: '400' },
      kills: { type: 'string', default: '8' },
      seed: { type: 'string', default: '1' },
      budget: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const [allowed, kills, seed] = [values.allowed, values.kills, values.seed].map(Number);
  const counts = values.callers.split(',').map(Number);
  const budgets = (Object.keys(BOOKED) as Case['budget'][]).filter(
    (budget) => (values.budget ?? budget) === budget,
  );
  if (!(allowed && kills && seed) || budgets.length === 0 || counts.some((count) => !(count > 0))) {
    process.stderr.write(HELP);
    process.exitCode = 64;
    return;
  }
  const manners = [
    { manner: 'worst', kills: 0 },
    { manner: 'random', kills: 0 },
    { manner: 'worst', kills },
  ] as const;
  const cases = manners.flatMap((how) =>
    budgets.flatMap((budget) => counts.map((callers) => ({ ...how, budget, callers, allowed, seed }))),
  );
  const reports: Report[] = [];
  for (const [done, one] of cases.entries()) {
    process.stderr.write(`${done} of ${cases.length}\n`);
    reports.push(await overspend(one));
  }
  const columns = Object.entries(COLUMNS);
  process.stdout.write(`${ROUTERS} routers on one store; budgets and limits are on, and raised, but for the budget that is hammered:
${configOf({})}
${MODEL}: ${WORST.nanousd} nano-USD a call at most. Amounts in nano-USD. "most seen": spent and held together, as the books
showed it while it went on.
${table(
  columns.map(([head]) => head),
  reports.map((report) => columns.map(([, cell]) => String(cell(report)))),
)}
`);
  const wrong = reports.flatMap(({ wrong, budget, manner, callers }) =>
    wrong.map((what) => `${budget}, ${manner}, ${callers} callers: ${what}\n`),
  );
  process.stdout.write(
    wrong.length === 0 ? 'not one call, not one nano-dollar over\n' : `WRONG:\n${wrong.join('')}`,
  );
  process.exitCode = wrong.length === 0 ? 0 : 1;
}

if (import.meta.main) await main();
