/** alerts: what is wrong and what was, how and when it was told; what was seen to, what is silenced, and whether a word arrives. */

import { html } from 'hono/html';
import * as acknowledgement from '#shared/tables/acknowledgement.ts';
import * as alert from '#shared/tables/alert.ts';
import * as alert_wish from '#shared/tables/alert_wish.ts';
import * as incident from '#shared/tables/incident.ts';
import * as silence from '#shared/tables/silence.ts';
import * as telling from '#shared/tables/telling.ts';
import type { Done, Html, Page, Visit } from '../page.ts';
import { ago, button, card, href, pill, TONE_OF, table, when } from '../ui.ts';

const MOST_INCIDENTS = 50;
const MOST_RESOLVED = 20;
const MOST_WISHES = 5;

export const alerts: Page = {
  path: 'alerts',
  name: 'Alerts',
  async show(visit) {
    const { store, clock } = visit.ctx;
    const now = clock.now();
    const open = await store.read(alert.open);
    const over = await store.read(alert.resolved(MOST_RESOLVED));
    const wrong = await store.read(incident.ongoing);
    const incidents = [...wrong.toReversed(), ...(await store.read(incident.over(MOST_INCIDENTS)))];
    const ids = incidents.map(({ id }) => id);
    const told = await store.read(telling.ofIncidents(ids));
    const seen = new Map(
      (await store.read(acknowledgement.ofIncidents(ids))).map((one) => [one.incident_id, one]),
    );
    const silences = await store.read(silence.inForce(now));
    const wishes = await store.read(alert_wish.latest(MOST_WISHES));
    const test = button(visit, { page: 'alerts', action: 'test' }, 'Test every channel');
    return {
      body: html`${card('What the rules find', openOf(open, now), { id: 'alerts' })}
${card('Told, or to be told', incidentsOf(visit, incidents, told, seen), { id: 'incidents' })}
${card('Silences', silencesOf(visit, silences, now), { id: 'silences' })}
${card('Asked for', wishesOf(wishes), { id: 'wishes', aside: test })}
${card('Over', resolvedOf(over), { id: 'over' })}`,
    };
  },
  actions: { acknowledge, silence: hush, unsilence, test },
};

async function acknowledge(visit: Visit, form: ReadonlyMap<string, string>): Promise<Done> {
  const found = await incidentOf(visit, form.get('incident'));
  if (!found) return { say: 'It is over already, or never was.', refused: true };
  await wish(visit, { kind: 'acknowledge', about: String(found.id) });
  return { say: `'${found.cause}' is seen: it is not told again.`, subject: `incident ${found.id}` };
}

/** How long a silence may be. */
const LENGTHS: Readonly<Record<string, number>> = {
  '1 hour': 3_600_000,
  '4 hours': 4 * 3_600_000,
  '1 day': 86_400_000,
  '7 days': 7 * 86_400_000,
};

/** Of causes, a * stands for anything; what the rules call them is short. */
const LONGEST_CAUSE = 200;

async function hush(visit: Visit, form: ReadonlyMap<string, string>): Promise<Done> {
  const cause = (form.get('cause') ?? '').trim();
  const length_ms = Object.hasOwn(LENGTHS, form.get('length') ?? '')
    ? (LENGTHS[form.get('length') ?? ''] ?? 0)
    : 0;
  if (cause === '' || cause.length > LONGEST_CAUSE || length_ms === 0) {
    return { say: `Expected a cause, and one of ${Object.keys(LENGTHS).join(', ')}.`, refused: true };
  }
  const until_at = visit.ctx.clock.now() + length_ms;
  const reason = (form.get('reason') ?? '').trim().slice(0, LONGEST_CAUSE);
  await wish(visit, { kind: 'silence', about: cause, until_at, ...(reason === '' ? {} : { reason }) });
  return { say: `'${cause}' is silenced for ${form.get('length')}.`, subject: cause };
}

async function unsilence(visit: Visit, form: ReadonlyMap<string, string>): Promise<Done> {
  const now = visit.ctx.clock.now();
  const found = (await visit.ctx.store.read(silence.inForce(now))).find(
    ({ id }) => String(id) === form.get('silence'),
  );
  if (!found) return { say: 'It has ended already.', refused: true };
  await wish(visit, { kind: 'unsilence', about: String(found.id) });
  return { say: `'${found.cause}' is told again.`, subject: found.cause };
}

async function test(visit: Visit): Promise<Done> {
  await wish(visit, { kind: 'test', about: '' });
  return { say: 'A test word goes out by every channel; what arrived is shown here.' };
}

async function wish(
  { ctx, by }: Visit,
  what: Pick<alert_wish.Wish, 'kind' | 'about'> & { reason?: string; until_at?: number },
): Promise<void> {
  await ctx.store.commit([alert_wish.post({ ...what, given_by: by, now: ctx.clock.now() })]);
}

async function incidentOf({ ctx }: Visit, id: string | undefined): Promise<incident.Incident | undefined> {
  return (await ctx.store.read(incident.ongoing)).find((one) => String(one.id) === id);
}

function openOf(open: readonly alert.Alert[], now: number): Html {
  return table(
    [
      { head: 'rule' },
      { head: 'state' },
      { head: 'since' },
      { head: 'what' },
      { head: 'about', minor: true },
    ],
    open.map(({ rule, state, severity, since_at, fired_at, text, labels }) => [
      rule,
      state === 'firing' ? pill(TONE_OF[severity], `firing, ${severity}`) : pill('calm', 'pending'),
      ago(fired_at ?? since_at, now),
      text,
      labelsOf(labels),
    ]),
    'Every rule holds.',
  );
}

function labelsOf(json: string): string {
  return Object.entries(JSON.parse(json) as Record<string, string>)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

function incidentsOf(
  visit: Visit,
  incidents: readonly incident.Incident[],
  told: readonly telling.Telling[],
  seen: ReadonlyMap<number, acknowledgement.Acknowledgement>,
): Html {
  return table(
    [{ head: 'what' }, { head: 'until' }, { head: 'since', minor: true }, { head: 'told', minor: true }],
    incidents.map((one) => [
      html`${one.text} <small>(${one.cause}, by ${one.service})</small><div>${one.closed_at === null ? answersTo(visit, one, seen.get(one.id)) : seenBy(seen.get(one.id))}</div>`,
      one.closed_at === null ? pill(TONE_OF[one.severity], `open, ${one.severity}`) : when(one.closed_at),
      when(one.opened_at),
      toldOf(told.filter(({ incident_id }) => incident_id === one.id)),
    ]),
    'Nothing is wrong, and nothing was.',
  );
}

/** `begun 14:03 usual, ntfy`. */
function toldOf(tellings: readonly telling.Telling[]): Html | string {
  if (tellings.length === 0) return 'not yet';
  return html`${tellings.map(({ phase, told_at, routes_json, error }) => {
    const routes = Object.keys(JSON.parse(routes_json) as telling.Routes).join(', ');
    return html`<div>${phase} ${told_at === null ? `not yet${routes ? `, so far ${routes}` : ''}` : html`${when(told_at)} ${routes}`}${error === null ? '' : ` (${error})`}</div>`;
  })}`;
}

function seenBy(seen: acknowledgement.Acknowledgement | undefined): Html | null {
  return seen ? html`<small>seen by ${seen.given_by}, ${when(seen.at)}</small>` : null;
}

function answersTo(
  visit: Visit,
  { id, cause }: incident.Incident,
  seen: acknowledgement.Acknowledgement | undefined,
): Html {
  const answer = { page: 'alerts', action: 'acknowledge', fields: { incident: id } };
  return html`${seenBy(seen) ?? button(visit, answer, 'Seen', { about: `Seen: ${cause}` })}
${silencing(visit, cause, html`<input type="hidden" name="cause" value="${cause}">`)}`;
}

/** @param what the field that says the cause */
function silencing(visit: Visit, about: string, what: Html): Html {
  return html`<form method="post" action="${href(visit, 'alerts/do/silence')}" class="inline">${what}
    <select name="length" aria-label="How long to silence ${about}">${Object.keys(LENGTHS).map((length) => html`<option>${length}</option>`)}</select>
    <button aria-label="Silence ${about}">Silence</button></form>`;
}

function silencesOf(visit: Visit, silences: readonly silence.Silence[], now: number): Html {
  const rows = silences.map(({ id, cause, reason, given_by, until_at }) => [
    cause,
    html`${ago(until_at, now)} more`,
    given_by,
    reason,
    button(visit, { page: 'alerts', action: 'unsilence', fields: { silence: id } }, 'End it', {
      about: `End it: the silence of ${cause}`,
    }),
  ]);
  const cause = html`<input name="cause" required maxlength="${LONGEST_CAUSE}" placeholder="breaker *" aria-label="Cause; a * stands for anything">
    <input name="reason" maxlength="${LONGEST_CAUSE}" placeholder="reason" aria-label="Reason">`;
  return html`${table(
    [
      { head: 'cause' },
      { head: 'for' },
      { head: 'by', minor: true },
      { head: 'reason', minor: true },
      { head: 'end' },
    ],
    rows,
    'Nothing is silenced.',
  )}${silencing(visit, 'this cause', cause)}`;
}

function wishesOf(wishes: readonly alert_wish.Wish[]): Html {
  return table(
    [{ head: 'when' }, { head: 'what' }, { head: 'by', minor: true }, { head: 'what came of it' }],
    wishes.map(({ at, kind, about, given_by, handled_at, outcome }) => [
      when(at),
      `${kind} ${about}`.trim(),
      given_by,
      handled_at === null ? pill('calm', 'waits') : (outcome ?? 'done'),
    ]),
    'Nothing was asked for.',
  );
}

function resolvedOf(over: readonly alert.Alert[]): Html {
  return table(
    [{ head: 'rule' }, { head: 'from' }, { head: 'until' }, { head: 'what' }],
    over.map(({ rule, since_at, fired_at, resolved_at, text }) => [
      rule,
      when(fired_at ?? since_at),
      when(resolved_at),
      text,
    ]),
    'No rule was broken yet.',
  );
}
