/** What was decided, the latest first, by all that a person may look for it by. */

import { html } from 'hono/html';
import { usd } from '#shared/base/money.ts';
import * as decision from '#shared/tables/decision.ts';
import type { Html, Page, Visit } from '../page.ts';
import { plain } from '../text.ts';
import { card, filter, href, next, pill, spell, type Tone, table, when } from '../ui.ts';

const MOST = 50;
/** Where several things are asked of them, so many are looked through for one page: milliseconds. */
const WINDOW = 5000;

const STATES = ['done', 'running', 'waiting', 'held', 'dead'] as const;
export const toneOf: Record<string, Tone> = {
  done: 'good',
  running: 'calm',
  waiting: 'calm',
  held: 'warn',
  dead: 'bad',
};

export const decisions: Page = {
  path: 'decisions',
  name: 'Decisions',
  async show(visit) {
    const { read } = visit.ctx.store;
    const [actions, models] = await Promise.all([
      read(decision.distinct('action')),
      read(decision.distinct('model')),
    ]);
    const fields = [
      { name: 'action', label: 'Action', choices: ['tool', ...actions.map(({ value }) => value)] },
      { name: 'model', label: 'Model', choices: models.map(({ value }) => value) },
      { name: 'state', label: 'Turn', choices: STATES },
      { name: 'conversation', label: 'Conversation' },
      { name: 'id', label: 'Id begins' },
      { name: 'from', label: 'Since', type: 'date' },
    ] as const;
    const asked = filterOf(visit.query);
    return {
      body: html`${filter(visit, 'decisions', fields)}${
        typeof asked === 'string' ? html`<p class="notice warn">${asked}</p>` : await found(visit, asked)
      }`,
    };
  },
};

async function found(visit: Visit, asked: decision.Filter): Promise<Html> {
  const { read } = visit.ctx.store;
  const rows = await read(decision.page(asked, MOST, WINDOW));
  const last = rows.at(-1);
  const [place = null] = last && rows.length === MOST ? [last] : await read(decision.reach(asked, WINDOW));
  const more = place && next(visit, 'decisions', `${place.at}.${place.id}`);
  const far = place && rows.length < MOST;
  return html`${card(
    'Decided',
    html`${table(
      [
        { head: 'When' },
        { head: 'Decision' },
        { head: 'Why', minor: true },
        { head: 'Sure', number: true, minor: true },
        { head: 'Cost', number: true, minor: true },
        { head: 'Took', number: true, minor: true },
        { head: 'Turn' },
        { head: 'Who', minor: true },
      ],
      rows.map((row) => cells(visit, row)),
      far ? 'None among the latest of these.' : 'Nothing like this was decided.',
    )}${far ? html`<p class="soft">Looked back until ${when(place.at)}.</p>` : ''}`,
    { id: 'decided' },
  )}${more ?? ''}`;
}

function cells(visit: Visit, row: decision.Listed): (Html | string | null)[] {
  const why = row.reasoning ?? row.subject_json ?? '';
  return [
    when(row.at),
    html`<a href="${href(visit, `decision/${row.id}`)}">${plain(row.action, 60)}</a>`,
    html`<span class="soft" dir="auto">${plain(why.replace(/\s+/g, ' '), 90)}</span>`,
    row.confidence === null ? null : row.confidence.toFixed(2),
    row.cost_nanousd === null ? null : usd(row.cost_nanousd),
    row.latency_ms === null ? null : spell(row.latency_ms),
    html`<span>${pill(toneOf[row.state ?? ''] ?? 'plain', row.state ?? 'gone')}${
      row.good === null ? '' : html` ${pill(row.good ? 'good' : 'bad', row.good ? 'liked' : 'disliked')}`
    }</span>`,
    html`${plain(row.conversation, 40)}${row.sender ? html` <span class="soft">${plain(row.sender, 30)}</span>` : ''}`,
  ];
}

/** @returns what is wrong with it, in words, where it cannot be asked */
function filterOf(query: URLSearchParams): decision.Filter | string {
  const asked: decision.Filter = {};
  for (const name of ['action', 'model', 'conversation'] as const) {
    const value = query.get(name)?.trim();
    if (value) asked[name] = value;
  }
  const state = STATES.find((one) => one === query.get('state'));
  if (state) asked.state = state;
  const id = query.get('id')?.trim().toLowerCase();
  if (id && !/^[0-9a-f-]{8,36}$/.test(id))
    return `An id is looked for by at least its first eight characters, got '${plain(id, 40)}'.`;
  if (id) asked.id = id;
  const from = query.get('from');
  const from_at = from ? new Date(`${from}T00:00`).getTime() : 0;
  if (Number.isNaN(from_at)) return `A day is told as in 2026-11-22, got '${plain(from ?? '', 40)}'.`;
  if (from) asked.from_at = from_at;
  const [, at, before] = /^(\d{1,15})\.([0-9a-f-]{1,36})$/.exec(query.get('before') ?? '') ?? [];
  if (at && before) asked.before = { at: Number(at), id: before };
  return asked;
}
