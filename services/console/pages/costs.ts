/** costs: how the budgets stand and where they are heading, what the money went to, and more of it for one period. */

import { html } from 'hono/html';
import { about, grouped } from '#shared/base/count.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { exact, raised_nanousd, usd } from '#shared/base/money.ts';
import { PERIODS, type Period, periodOf, stamp } from '#shared/base/period.ts';
import { allWindows, type Budget, type Capped, isCapped, standings, until } from '#shared/runtime/budgets.ts';
import { readSection, shared } from '#shared/runtime/config.ts';
import { BY, type By, type Cost, costsBy, inputOf, lastDays, summed } from '#shared/runtime/costs.ts';
import * as allowance from '#shared/tables/allowance.ts';
import * as total from '#shared/tables/total.ts';
import { type Hour, pace } from '../burn.ts';
import { framed, meter } from '../chart.ts';
import type { Console, Done, Html, Page, Visit } from '../page.ts';
import { firstToStop, type Prospect, prospectOf } from '../prospect.ts';
import { card, href, stat, stats, type Tone, table } from '../ui.ts';

/** For longer nothing is kept. */
const MOST_DAYS = 400;
/** Of conversations there may be many thousands. */
const MOST_ROWS = 200;

export const costs: Page = {
  path: 'costs',
  name: 'Costs',
  async show(visit) {
    const { ctx, query } = visit;
    const now = ctx.clock.now();
    const span = spanOf(query, now);
    const by = BY.find((one) => one === query.get('by')) ?? 'model';
    const hours = await hoursOf(ctx, now);
    const prospects = (await cappedOf(ctx, now)).map((budget) => prospectIn(budget, hours, now));
    const burning = prospects.find(({ budget }) => budget.name === (span.name === 'today' ? 'day' : 'month'));
    const rows = await costsBy(ctx.store, by, span, now);
    return {
      body: html`${card('Budgets', budgetsOf(visit, prospects, now), { id: 'budgets' })}
${burning ? card(`What is left of the ${burning.budget.name}`, burndown(burning, hours, now), { id: 'left' }) : ''}
${card('What it went to', spentOn(visit, by, span, rows), { id: 'spent' })}`,
    };
  },
  actions: { raise },
};

async function cappedOf(ctx: Console, now: number): Promise<Capped[]> {
  const windows = await allWindows(ctx.store, budgetNow(ctx), now);
  return (await standings(ctx.store, windows)).filter(isCapped);
}

/** As the router does, which reads them while it runs: settings that are wrong change nothing. */
function budgetNow(ctx: Console): Budget {
  try {
    return readSection(ctx.home.config, 'budget', shared.budget);
  } catch (error) {
    if (!(error instanceof Misconfigured)) throw error;
    return ctx.shared.budget;
  }
}

async function raise({ ctx, by }: Visit, form: ReadonlyMap<string, string>): Promise<Done> {
  const name = form.get('budget') ?? '';
  const now = ctx.clock.now();
  const chosen = (await cappedOf(ctx, now)).find((budget) => budget.name === name);
  if (!chosen) return { say: `There is no budget '${name}' that limits money.`, refused: true };
  const nanousd = raised_nanousd(form.get('usd')?.trim() ?? '');
  if (nanousd === null) {
    return {
      say: 'Expected US dollars, more than 0 and at most 10,000: 0.50.',
      refused: true,
      subject: name,
    };
  }
  await ctx.store.commit([allowance.give({ spend_id: chosen.id, nanousd, by, now })]);
  const limit = exact(chosen.limit_nanousd + nanousd);
  return {
    say: `${exact(nanousd)} added: the limit of '${name}' is ${limit} until ${until(chosen.ends_at, now)}.`,
    subject: chosen.id,
  };
}

type Span = Pick<Period, 'starts_at' | 'ends_at'> & { name: 'today' | 'week' | 'month' | 'custom' };

/** A day is meant from its begin to its end; what makes no sense is the month. */
function spanOf(query: URLSearchParams, now: number): Span {
  const [from, to] = [dayOf(query.get('from')), dayOf(query.get('to'))];
  if (from !== null || to !== null) {
    const { ends_at } = periodOf('day', to ?? now);
    const oldest = lastDays(MOST_DAYS, ends_at - 1).starts_at;
    return { name: 'custom', starts_at: Math.max(oldest, Math.min(from ?? oldest, ends_at)), ends_at };
  }
  if (query.get('span') === 'today') return { name: 'today', ...lastDays(1, now) };
  if (query.get('span') === 'week') return { name: 'week', ...lastDays(7, now) };
  const { starts_at, ends_at } = periodOf('month', now);
  return { name: 'month', starts_at, ends_at };
}

/** The beginning of a local day that was written `2026-11-22`. */
function dayOf(text: string | null): number | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text ?? '')) return null;
  const at = Date.parse(`${text}T00:00`);
  return Number.isNaN(at) ? null : at;
}

/** Of this month, and as far back as a pace looks. */
async function hoursOf({ store }: Console, now: number): Promise<Hour[]> {
  const { starts_at, ends_at } = periodOf('month', now);
  const from_at = Math.min(starts_at, lastDays(9, now).starts_at);
  const rows = await store.read(total.by('hour', from_at, ends_at));
  return rows.map(({ name, cost_nanousd }) => ({ hour_at: name, cost_nanousd }));
}

/** Of what all spend together the hours are known; of others, what they have spent in their period. */
function prospectIn(budget: Capped, hours: readonly Hour[], now: number): Prospect {
  const kind = PERIODS.find((one) => one === budget.name);
  return kind ? prospectOf(budget, now, pace(hours, kind, now)) : prospectOf(budget, now);
}

function budgetsOf(visit: Visit, prospects: readonly Prospect[], now: number): Html {
  const rows = prospects.map((prospect) => {
    const { budget, expected_nanousd, empty_at } = prospect;
    const { name, spent_nanousd, held_nanousd, limit_nanousd, added_nanousd, left_nanousd, ends_at } = budget;
    const share = (nanousd: number) => (limit_nanousd > 0 ? nanousd / limit_nanousd : 1);
    const ahead =
      empty_at === null ? `${usd(expected_nanousd)} expected` : `used up ${moment(empty_at, now)}`;
    const label = `${name}: ${usd(spent_nanousd)} of ${exact(limit_nanousd)}, ${ahead}`;
    return [
      name,
      meter(share(spent_nanousd + held_nanousd), label, toneOf(prospect), share(expected_nanousd)),
      usd(spent_nanousd),
      held_nanousd > 0 ? usd(held_nanousd) : null,
      `${exact(limit_nanousd)}${added_nanousd > 0 ? ` (+${exact(added_nanousd)})` : ''}`,
      usd(left_nanousd),
      until(ends_at, now),
      ahead,
      more(visit, name),
    ];
  });
  return html`<p>${outlook(firstToStop(prospects), now)}</p>${table(
    [
      { head: 'budget' },
      { head: 'used' },
      { head: 'spent', number: true },
      { head: 'reserved', number: true, minor: true },
      { head: 'limit', number: true },
      { head: 'left', number: true, minor: true },
      { head: 'until', minor: true },
      { head: 'at this pace', minor: true },
      { head: 'more, for this period' },
    ],
    rows,
    'Nothing limits what is spent.',
  )}`;
}

function outlook(first: Prospect | null, now: number): string {
  if (first === null || first.empty_at === null) return 'At this pace no budget is used up before its end.';
  const { name, ends_at } = first.budget;
  const end = until(ends_at, now);
  return first.empty_at <= now
    ? `'${name}' is used up: what counts in it is refused until ${end}.`
    : `'${name}' would stop calls first: at this pace it is used up ${moment(first.empty_at, now)}, until ${end}.`;
}

function toneOf({ budget, empty_at }: Prospect): Tone {
  if (budget.left_nanousd === 0) return 'bad';
  return empty_at !== null || budget.spent_nanousd >= 0.8 * budget.limit_nanousd ? 'warn' : 'good';
}

/** `at 17:40`, `on 28 November`. */
function moment(at: number, now: number): string {
  const words = until(at, now);
  return /^\d+ /.test(words) ? `on ${words}` : `at ${words}`;
}

function more(visit: Visit, name: string): Html {
  return html`<form method="post" action="${href(visit, 'costs/do/raise')}" class="inline">
    <input type="hidden" name="budget" value="${name}">
    <input name="usd" inputmode="decimal" size="5" required placeholder="0.50" aria-label="US dollars more for ${name}">
    <button aria-label="Add to ${name}">Add</button></form>`;
}

/** What is left, hour by hour, and where it would go. */
function burndown(
  { budget, expected_nanousd, empty_at }: Prospect,
  hours: readonly Hour[],
  now: number,
): Html {
  const { starts_at, ends_at, limit_nanousd, spent_nanousd } = budget;
  const x = (at: number) => (((at - starts_at) / (ends_at - starts_at)) * 100).toFixed(2);
  const top = Math.max(limit_nanousd, 1);
  const y = (left: number) => (40 - (Math.min(top, Math.max(0, left)) / top) * 40).toFixed(2);
  let left = limit_nanousd;
  const points = [`${x(starts_at)},${y(left)}`];
  for (const { hour_at, cost_nanousd } of hours.filter((one) => one.hour_at >= starts_at)) {
    left -= cost_nanousd;
    points.push(`${x(Math.min(now, hour_at + 3_600_000))},${y(left)}`);
  }
  // What was charged otherwise than by a call's end is in the budget alone.
  points.push(`${x(now)},${y(limit_nanousd - spent_nanousd)}`);
  const end = empty_at ?? ends_at;
  const rest = empty_at === null ? limit_nanousd - expected_nanousd : 0;
  const words =
    empty_at === null
      ? `${usd(rest)} would be left at its end`
      : `it would be used up ${moment(empty_at, now)}`;
  const say = `${usd(limit_nanousd - spent_nanousd)} of ${exact(limit_nanousd)} left; at this pace ${words}`;
  const chart = html`<svg class="plot" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label="${say}">
    <path class="area" d="M0 40L${points.join('L')}V40Z"/><polyline class="line" points="${points.join(' ')}"/>
    <path class="guess" d="M${x(now)} ${y(limit_nanousd - spent_nanousd)}L${x(end)} ${y(rest)}"/></svg>`;
  const feet = [stamp(starts_at), until(ends_at, now)];
  return html`${framed(chart, [exact(limit_nanousd), '$0'], feet)}<p>${say}.</p>`;
}

function spentOn(visit: Visit, by: By, span: Span, rows: readonly Cost[]): Html {
  const all = summed('all', rows);
  const most = Math.max(...rows.map(({ cost_nanousd }) => cost_nanousd), 1);
  const shown = by === 'day' || by === 'hour' ? rows.slice(-MOST_ROWS) : rows.slice(0, MOST_ROWS);
  const cells = [...shown, all].map((row) => [
    row.name === '' ? '(none)' : row.name,
    usd(row.cost_nanousd),
    percent(row.cost_nanousd, all.cost_nanousd),
    row === all ? '' : meter(row.cost_nanousd / most, `${usd(row.cost_nanousd)}`, 'calm'),
    grouped(row.calls),
    about(inputOf(row)),
    percent(row.cache_read_tokens, inputOf(row)),
    about(row.output_tokens),
  ]);
  const day = (at: number) => periodOf('day', at).name;
  return html`${choices(visit, by, span)}
<p>${day(span.starts_at)} to ${day(span.ends_at - 1)}, by ${by}. <a download="costs.csv" href="${csv(by, rows)}">As CSV</a></p>
${stats([
  stat(
    'Cost',
    usd(all.cost_nanousd),
    all.estimated_nanousd > 0
      ? `${percent(all.estimated_nanousd, all.cost_nanousd)} of it estimated`
      : 'as billed',
  ),
  stat(
    'Calls',
    grouped(all.calls),
    `${grouped(all.failures)} failed`,
    all.failures * 20 > all.calls ? 'warn' : 'plain',
  ),
  stat(
    'From the cache',
    percent(all.cache_read_tokens, inputOf(all)),
    `${about(all.cache_read_tokens)} tokens that were not read anew`,
  ),
  stat('Searches', grouped(all.web_searches), 'on the web'),
])}
${table(
  [
    { head: by },
    { head: 'cost', number: true },
    { head: 'share', number: true, minor: true },
    { head: 'compared', minor: true },
    { head: 'calls', number: true, minor: true },
    { head: 'tokens in', number: true, minor: true },
    { head: 'cached', number: true, minor: true },
    { head: 'out', number: true, minor: true },
  ],
  all.calls === 0 ? [] : cells,
  'No call was made then.',
)}${rows.length > MOST_ROWS ? html`<p class="note">${grouped(MOST_ROWS)} of ${grouped(rows.length)}; the CSV has up to ${grouped(CSV_ROWS)}.</p>` : ''}`;
}

const SPANS = { today: 'Today', week: '7 days', month: 'This month' } as const;

function choices(visit: Visit, by: By, span: Span): Html {
  const { query } = visit;
  const kept = (name: string) =>
    name === 'span' ? [] : [...query].filter(([field]) => ['span', 'from', 'to'].includes(field));
  const link = (name: string, value: string, words: string, isNow: boolean) => {
    const to = new URLSearchParams([...kept(name), ['by', by]]);
    to.set(name, value);
    return html`<a class="button${isNow ? ' primary' : ''}" ${isNow ? html`aria-current="true"` : ''} href="${href(visit, 'costs')}?${to.toString()}">${words}</a>`;
  };
  const date = (name: 'from' | 'to', label: string) =>
    html`<label>${label} <input type="date" name="${name}" value="${query.get(name) ?? ''}"></label>`;
  return html`<nav class="buttons" aria-label="When">${Object.entries(SPANS).map(([name, words]) => link('span', name, words, name === span.name))}</nav>
<nav class="buttons" aria-label="By">${BY.map((one) => link('by', one, `by ${one}`, one === by))}</nav>
<div class="buttons"><form method="get" action="${href(visit, 'costs')}" class="filter"><input type="hidden" name="by" value="${by}">${date('from', 'From')}${date('to', 'to')}<button>Show</button></form></div>`;
}

function percent(part: number, whole: number): string {
  return whole > 0 ? `${Math.round((part / whole) * 100)} %` : '–';
}

const CSV_ROWS = 1000;

/** Part of the page: it needs no address of its own. A name that a spreadsheet would take for a formula is quoted. */
function csv(by: By, rows: readonly Cost[]): string {
  const cell = (value: string | number) => {
    const text = String(value);
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = rows
    .slice(0, CSV_ROWS)
    .map(({ name, ...sums }) => [cell(name), ...total.SUMS.map((sum) => sums[sum])].join(','));
  return `data:text/csv;charset=utf-8,${encodeURIComponent([[by, ...total.SUMS].join(','), ...lines].join('\r\n'))}`;
}
