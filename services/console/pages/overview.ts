/** How all is, at a glance: in a sentence, then in figures, then service by service. */

import { html } from 'hono/html';
import { NANO, usd } from '#shared/base/money.ts';
import { PERIODS, periodOf, stamp } from '#shared/base/period.ts';
import { serviceOf } from '#shared/manifest.ts';
import { budgetsOf, gaugesOf } from '#shared/metrics/gauges.ts';
import { type Standing, type State, standings } from '#shared/metrics/standing.ts';
import { factsOf } from '#shared/runtime/facts.ts';
import { haltedBecause } from '#shared/runtime/halt.ts';
import * as acknowledgement from '#shared/tables/acknowledgement.ts';
import * as alertWish from '#shared/tables/alert_wish.ts';
import * as call from '#shared/tables/call.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as incident from '#shared/tables/incident.ts';
import * as metric from '#shared/tables/metric.ts';
import * as presence from '#shared/tables/presence.ts';
import * as total from '#shared/tables/total.ts';
import { grown, type Hour, pace } from '../burn.ts';
import { framed, meter, plot, sparkline, strip } from '../chart.ts';
import { since } from '../halting.ts';
import type { Console, Html, Page, Visit } from '../page.ts';
import {
  ago,
  button,
  bytes,
  card,
  count,
  pill,
  spell,
  stat,
  stats,
  TONE_OF,
  type Tone,
  table,
} from '../ui.ts';

const HOUR_ms = 3_600_000;
const DAY_ms = 24 * HOUR_ms;
/** Boxes of a day in the bar of a service. */
const BOXES = 48;

const TONE: Readonly<Record<State, Tone>> = {
  up: 'good',
  starting: 'calm',
  stopping: 'calm',
  stopped: 'warn',
  misconfigured: 'bad',
  silent: 'bad',
  off: 'plain',
};

export const overview: Page = {
  path: '',
  name: 'Overview',
  async show(visit) {
    const { ctx } = visit;
    const now = ctx.clock.now();
    const facts = await factsOf(ctx, 0);
    const read = ctx.store.read;
    const [gauges, beats, open, hours, paces] = await Promise.all([
      gaugesOf(read, facts, now),
      read(heartbeat.all),
      read(incident.ongoing),
      read(total.by('hour', periodOf('day', now).starts_at - 7 * DAY_ms, now + 1)),
      read(call.paces(now - HOUR_ms, 1000)),
    ]);
    const stood = standings(beats, { now, off: facts.off, watched_from_at: 0 });
    const waiting = gauges
      .filter(({ name }) => name === 'agent_queue_depth')
      .map(({ labels, value }) => ({ queue: labels.queue ?? '', depth: value }));
    return {
      body: html`
        ${sentence(haltedBecause(ctx.home.halted), stood, open)}
        ${figures({ hours, paces, waiting, now })}
        <div class="grid">${await money(ctx, hours, facts, now)}${await troubles(visit, open, now)}</div>
        ${await grid(ctx, stood, now)}`,
    };
  },
  actions: {
    async acknowledge({ ctx, by }, form) {
      const id = form.get('incident') ?? '';
      if (!/^\d+$/.test(id)) return { say: 'It was not said what was seen.', refused: true };
      await ctx.store.commit([
        alertWish.post({ kind: 'acknowledge', about: id, given_by: by, now: ctx.clock.now() }),
      ]);
      return { say: 'Seen: it is not told again.', subject: `incident ${id}` };
    },
  },
};

/** The whole house in one sentence. */
export function state(
  halted: string | null,
  stood: readonly Standing[],
  open: readonly incident.Incident[],
): { tone: Tone; say: string } {
  if (halted !== null) return { tone: 'bad', say: `All is halted${since(halted)}.` };
  const down = stood.filter(({ state }) => TONE[state] === 'bad').map(({ service }) => service);
  const trouble = open.filter(({ severity }) => severity !== 'info');
  const critical = trouble.some(({ severity }) => severity === 'critical');
  const [first] = trouble;
  if (down.length > 0) {
    const [one = ''] = down;
    const what =
      down.length === 1 ? `${one} does not work: ${serviceWithout(one)}` : `${named(down)} do not work`;
    return { tone: 'bad', say: `${what}.` };
  }
  if (first) {
    const more = trouble.length === 1 ? '' : ` And ${trouble.length - 1} more.`;
    return { tone: critical ? 'bad' : 'warn', say: `${first.text.split('\n')[0] ?? ''}${more}` };
  }
  const rests = stood.filter(({ state }) => TONE[state] !== 'good' && state !== 'off');
  if (rests.length > 0) {
    return { tone: 'calm', say: `${named(rests.map(({ service, state }) => `${service} is ${state}`))}.` };
  }
  const up = stood.filter(({ state }) => state === 'up').length;
  return { tone: 'good', say: `All is well: ${up} services are at work.` };
}

function serviceWithout(name: string): string {
  return serviceOf(name as Parameters<typeof serviceOf>[0]).without;
}

function named(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

function sentence(
  halted: string | null,
  stood: readonly Standing[],
  open: readonly incident.Incident[],
): Html {
  const { tone, say } = state(halted, stood, open);
  return html`<section class="card" id="sentence" data-live aria-label="The state of the house"><p class="sentence"><span class="lamp ${tone}" aria-hidden="true"></span><span>${say}</span></p></section>`;
}

type Sum = total.Sums & { name: number };

const tokensOf = (sums: total.Sums) =>
  sums.input_tokens +
  sums.output_tokens +
  sums.cache_read_tokens +
  sums.cache_write_5m_tokens +
  sums.cache_write_1h_tokens;

function figures(of: {
  hours: readonly Sum[];
  paces: readonly call.Pace[];
  waiting: readonly { queue: string; depth: number }[];
  now: number;
}): Html {
  const { hours, paces, waiting, now } = of;
  const perHour = Array.from({ length: 24 }, (_, nth) => {
    const from = periodOf('hour', now).starts_at - (23 - nth) * HOUR_ms;
    return hours.find(({ name }) => name === from)?.calls ?? 0;
  });
  const failed = paces.filter(({ outcome }) => outcome !== 'ok' && outcome !== 'left').length;
  const took = paces
    .flatMap(({ outcome, latency_ms }) => (outcome === 'ok' && latency_ms !== null ? [latency_ms] : []))
    .sort((a, b) => a - b);
  const p95 = quantile(took, 0.95);
  const { today, usual } = tokens(hours, now);
  const share = usual > 0 ? today / usual : null;
  const depth = waiting.reduce((sum, { depth }) => sum + depth, 0);
  const longest = waiting.filter(({ depth }) => depth > 0).map(({ queue, depth }) => `${depth} ${queue}`);
  return stats(
    [
      stat(
        'Model calls, last hour',
        count(paces.length),
        html`${sparkline(perHour, `calls in each of the last 24 hours: ${perHour.join(', ')}`)}`,
      ),
      stat(
        'Failed, last hour',
        count(failed),
        paces.length === 0 ? 'none was made' : `${((failed / paces.length) * 100).toFixed(1)} % of them`,
        failed * 20 > paces.length && paces.length >= 10 ? 'bad' : 'plain',
      ),
      stat(
        'p95 of an answer',
        p95 === null ? '–' : spell(p95),
        p95 === null ? 'no call in this hour' : `median ${spell(quantile(took, 0.5) ?? 0)}`,
        p95 !== null && p95 > 10_000 ? 'warn' : 'plain',
      ),
      stat('Waiting', count(depth), longest.length > 0 ? longest.join(', ') : 'nothing waits'),
      stat(
        'Tokens today',
        count(today),
        share === null ? 'no usual day yet' : `${Math.round(share * 100)} % of the usual by now`,
        share !== null && share > 2 ? 'warn' : 'plain',
      ),
    ],
    { id: 'figures' },
  );
}

/** From sorted values; null of none. */
export function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}

/** Of today, and of the mean day before it by the same time, of those of the last seven that had any. */
export function tokens(hours: readonly Sum[], now: number): { today: number; usual: number } {
  let day = periodOf('day', now);
  const into_ms = now - day.starts_at;
  const until = (from: number) =>
    hours
      .filter(({ name }) => name >= from && name <= from + into_ms)
      .reduce((sum, row) => sum + tokensOf(row), 0);
  const today = until(day.starts_at);
  const before: number[] = [];
  for (let nth = 0; nth < 7; nth++) {
    day = periodOf('day', day.starts_at - 1);
    const { starts_at, ends_at } = day;
    if (hours.some(({ name }) => name >= starts_at && name < ends_at)) before.push(until(starts_at));
  }
  return { today, usual: before.reduce((sum, one) => sum + one, 0) / Math.max(1, before.length) };
}

async function money(
  ctx: Console,
  sums: readonly Sum[],
  facts: Parameters<typeof budgetsOf>[1],
  now: number,
): Promise<Html> {
  const hours: Hour[] = sums.map(({ name, cost_nanousd }) => ({ hour_at: name, cost_nanousd }));
  const budgets = await budgetsOf(ctx.store.read, facts, now);
  const rows = PERIODS.flatMap((kind) => {
    const budget = budgets.find((one) => one.budget === kind);
    if (!budget) return [];
    const { ends_at } = periodOf(kind, now);
    const spent = budget.spent_usd * NANO;
    const guess = spent + pace(hours, kind, now) * (ends_at - now);
    const limit = budget.limit_usd === null ? null : budget.limit_usd * NANO;
    return [{ kind, spent, guess, limit, ends_at }];
  });
  const day = rows.find(({ kind }) => kind === 'day');
  const { starts_at, ends_at } = periodOf('day', now);
  const values = grown(hours, starts_at, now);
  const steps = Math.round((ends_at - starts_at) / HOUR_ms);
  const guess = day?.guess;
  const most = Math.max(values.at(-1) ?? 0, guess ?? 0) * 1.15;
  // A limit far above would press all that happens flat.
  const limit = day?.limit ?? undefined;
  const top =
    limit !== undefined && limit < most * 3 ? Math.max(limit * 1.1, most) : Math.max(most, NANO / 100);
  const chart = plot(
    {
      values,
      steps,
      top,
      guess,
      limit,
      says: values.map(
        (value, nth) => `by ${stamp(starts_at + (nth + 1) * HOUR_ms).slice(11)} ${usd(value)}`,
      ),
    },
    `Cost of today so far: ${usd(values.at(-1) ?? 0)}${guess === undefined ? '' : `; at this pace ${usd(guess)} by midnight`}`,
  );
  return card(
    'Cost of today',
    html`${framed(chart, [usd(top), usd(top / 2), '$0'], ['00:00', '12:00', '24:00'])}
      <div class="budgets">${rows.map(({ kind, spent, guess, limit }) => {
        const share = limit ? spent / limit : 0;
        const tone = share >= 1 ? 'bad' : share >= 0.8 || (limit && guess > limit) ? 'warn' : 'good';
        const words = `${usd(spent)}${limit === null ? '' : ` of ${usd(limit)}`}`;
        return html`<div><span>${kind}</span>${limit ? meter(share, `${kind}: ${words}`, tone, guess / limit) : ''}<span class="number">${words}</span><span class="note">at this pace ${usd(guess)}</span></div>`;
      })}</div>`,
    { id: 'money' },
  );
}

async function troubles(visit: Visit, open: readonly incident.Incident[], now: number): Promise<Html> {
  const ids = open.map(({ id }) => id);
  const seen = new Map(
    (await visit.ctx.store.read(acknowledgement.ofIncidents(ids))).map((row) => [row.incident_id, row]),
  );
  const list = open.slice(0, 8).map((one) => {
    const known = seen.get(one.id);
    return html`<li data-key="incident-${one.id}">${pill(TONE_OF[one.severity], one.severity)} <span class="what">${one.text}</span>
      <span class="note">${one.service}, ${ago(one.opened_at, now)}${known ? html`; seen by ${known.given_by}` : ''}</span>${
        known
          ? ''
          : button(visit, { page: '', action: 'acknowledge', fields: { incident: one.id } }, 'Seen', {
              about: `Seen: ${one.cause}`,
            })
      }</li>`;
  });
  return card(
    'Troubles',
    html`${
      list.length === 0
        ? html`<p class="empty">Nothing is wrong that anybody has noticed.</p>`
        : html`<ul class="troubles">${list}</ul>`
    }${open.length > list.length ? html`<p class="note">and ${open.length - list.length} more</p>` : ''}`,
    { id: 'troubles', aside: html`<span>${open.length === 0 ? 'none' : `${open.length} open`}</span>` },
  );
}

async function grid(ctx: Console, stood: readonly Standing[], now: number): Promise<Html> {
  const box_ms = DAY_ms / BOXES;
  const ends_at = Math.ceil(now / box_ms) * box_ms;
  const [slots, restarts] = await Promise.all([
    ctx.store.read(presence.since(ends_at - DAY_ms)),
    ctx.store.read(metric.family('agent_service_restarts_total')),
  ]);
  const restartsOf = (service: string) =>
    restarts.find(({ labels }) => labels === JSON.stringify({ service }))?.value ?? 0;
  const rows = stood.map(({ service, state, beat }) => {
    const mine = slots.filter((slot) => slot.service === service);
    const boxes = boxesOf(mine, ends_at - DAY_ms, box_ms);
    const limit_bytes = serviceOf(service).memory_mb * 2 ** 20;
    const share = beat ? beat.rss_bytes / limit_bytes : 0;
    const looks = mine.reduce((sum, slot) => sum + slot.looks, 0);
    const up = mine.reduce((sum, slot) => sum + slot.up, 0);
    const there = beat && (state === 'up' || state === 'starting' || state === 'stopping');
    return [
      html`<strong title="${serviceOf(service).about}">${service}</strong>${beat?.problem && state !== 'off' ? html`<br><span class="note">${beat.problem}</span>` : ''}`,
      pill(TONE[state], state),
      strip(
        boxes,
        looks === 0 ? 'not watched yet' : `up in ${((up / looks) * 100).toFixed(1)} % of the last 24 hours`,
      ),
      looks === 0 ? null : `${up === looks ? '100' : Math.min(99.9, (up / looks) * 100).toFixed(1)} %`,
      beat && state !== 'off' ? ago(beat.beat_at, now) : null,
      there
        ? html`<span class="memory">${meter(share, `${Math.round(share * 100)} % of its limit`, share > 0.8 ? 'warn' : 'calm')}<span>${bytes(beat.rss_bytes)}</span></span>`
        : null,
      restartsOf(service),
      beat?.version ?? null,
    ];
  });
  return card(
    'Services',
    table(
      [
        { head: 'service' },
        { head: 'state' },
        { head: 'last 24 hours' },
        { head: 'up', number: true, minor: true },
        { head: 'last beat', minor: true },
        { head: 'memory', minor: true },
        { head: 'restarts', number: true, minor: true },
        { head: 'version', minor: true },
      ],
      rows,
      '',
    ),
    { id: 'services' },
  );
}

/** Half an hour each. What is all right says the same, so that it is drawn as one. */
export function boxesOf(
  slots: readonly Pick<presence.Presence, 'slot_at' | 'looks' | 'up'>[],
  from_at: number,
  box_ms: number,
): { tone: Tone; say: string }[] {
  return Array.from({ length: BOXES }, (_, nth) => {
    const at = from_at + nth * box_ms;
    const within = slots.filter(({ slot_at }) => slot_at >= at && slot_at < at + box_ms);
    const looks = within.reduce((sum, slot) => sum + slot.looks, 0);
    const up = within.reduce((sum, slot) => sum + slot.up, 0);
    if (looks === 0) return { tone: 'plain', say: 'not watched' };
    if (up === looks) return { tone: 'good', say: 'up' };
    const from = new Date(at).toTimeString().slice(0, 5);
    const say = `${from}: up in ${Math.round((up / looks) * 100)} %`;
    return { tone: up === 0 ? 'bad' : 'warn', say };
  });
}
