/** What pages are made of. Each says the same thing the same way on every page; the style sheet knows their classes. */

import { html } from 'hono/html';
import type { Html, Visit } from './page.ts';

/** How good or bad it is; said in words too, for nobody has to see colours. */
export type Tone = 'good' | 'warn' | 'bad' | 'calm' | 'plain';

/** Of whatever has a severity: an incident, an alert, a finding. */
export const TONE_OF: Readonly<Record<'info' | 'warning' | 'critical', Tone>> = {
  info: 'calm',
  warning: 'warn',
  critical: 'bad',
};

export function href({ base }: Pick<Visit, 'base'>, path: string): string {
  return path === '' ? `${base}/` : `${base}/${path}`;
}

export function pill(tone: Tone, text: string): Html {
  return html`<span class="pill ${tone}">${text}</span>`;
}

/** A part of a page under a heading of its own. What bears an id is renewed by itself when it has changed. */
export function card(title: string, body: Html, more: { id?: string; aside?: Html } = {}): Html {
  return html`<section class="card" ${more.id ? html`id="${more.id}" data-live` : ''}>
    <header><h2>${title}</h2>${more.aside ?? ''}</header>${body}</section>`;
}

export type Column = {
  head: string;
  /** Numbers stand at the right. */
  number?: true;
  /** It goes first where there is little room. */
  minor?: true;
};

/** A row for each of `rows`, its cells in the order of the columns; `empty` where there is none. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly (Html | string | number | null)[])[],
  empty: string,
): Html {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  const kind = ({ number, minor }: Column) => `${number ? 'number' : ''} ${minor ? 'minor' : ''}`.trim();
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${columns.map(({ head }) => head).join(', ')}"><table>
    <thead><tr>${columns.map((column) =>
      // A heading without a word is none.
      column.head === ''
        ? html`<td></td>`
        : html`<th scope="col" class="${kind(column)}">${column.head}</th>`,
    )}</tr></thead>
    <tbody>${rows.map(
      (cells) =>
        html`<tr>${cells.map((cell, nth) => html`<td class="${kind(columns[nth] ?? { head: '' })}">${cell ?? '–'}</td>`)}</tr>`,
    )}</tbody></table></div>`;
}

/** One figure with its name. */
export function stat(name: string, value: string, note: Html | string = '', tone: Tone = 'plain'): Html {
  return html`<div class="stat ${tone}"><dt>${name}</dt><dd>${value}</dd><dd class="note">${note}</dd></div>`;
}

/** Figures side by side. */
export function stats(figures: readonly Html[], more: { id?: string } = {}): Html {
  return html`<dl class="stats" ${more.id ? html`id="${more.id}" data-live` : ''}>${figures}</dl>`;
}

/** Names and values, one below the other. */
export function facts(pairs: readonly (readonly [string, Html | string | number | null])[]): Html {
  return html`<dl class="facts">${pairs.map(([name, value]) => html`<dt>${name}</dt><dd>${value ?? '–'}</dd>`)}</dl>`;
}

/** A button that does something: a form of its own, so that it needs no script. */
export function button(
  visit: Pick<Visit, 'base'>,
  to: { page: string; action: string; fields?: Readonly<Record<string, string | number>> },
  label: string,
  how: {
    tone?: 'danger' | 'primary';
    /** Asked before it is done: by the script, or without one by a box to tick. */
    confirm?: string;
    /** What a screen reader says. */
    about?: string;
  } = {},
): Html {
  return html`<form method="post" action="${href(visit, `${to.page === '' ? '' : `${to.page}/`}do/${to.action}`)}" class="inline" ${how.confirm ? html`data-confirm="${how.confirm}"` : ''}>${Object.entries(
    to.fields ?? {},
  ).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}${
    how.confirm
      ? html`<noscript><label><input type="checkbox" required> ${how.confirm}</label></noscript>`
      : ''
  }<button ${how.tone ? html`class="${how.tone}"` : ''} ${how.about ? html`aria-label="${how.about}"` : ''}>${label}</button></form>`;
}

/** A filter of a list: a form that changes the address. */
export function filter(
  visit: Pick<Visit, 'base' | 'query'>,
  page: string,
  fields: readonly {
    name: string;
    label: string;
    choices?: readonly string[];
    /** One of the choices it always is: the first, when nobody says otherwise. */
    always?: true;
    type?: 'search' | 'number' | 'date';
  }[],
): Html {
  return html`<form method="get" action="${href(visit, page)}" class="filter" role="search">${fields.map(
    ({ name, label, choices, always, type = 'search' }) => {
      const now = visit.query.get(name) ?? '';
      return html`<label>${label} ${
        choices
          ? html`<select name="${name}">${always ? '' : html`<option value="">any</option>`}${choices.map((one) => html`<option ${one === now ? html`selected` : ''}>${one}</option>`)}</select>`
          : html`<input type="${type}" name="${name}" value="${now}">`
      }</label>`;
    },
  )}<button>Show</button></form>`;
}

/** The link to what follows in a list; nothing where nothing does. */
export function next(visit: Pick<Visit, 'base' | 'query'>, page: string, before: string | null): Html {
  if (before === null) return html``;
  const query = new URLSearchParams(visit.query);
  query.set('before', before);
  // What was told once is not told again there.
  query.delete('notice');
  return html`<nav class="pager"><a href="${href(visit, page)}?${query.toString()}" rel="next">Older</a></nav>`;
}

/** A moment, as a person reads it, with the whole of it behind. */
export function when(at: number | null): Html {
  if (at === null) return html`–`;
  const full = new Date(at).toLocaleString('sv');
  return html`<time datetime="${new Date(at).toISOString()}" title="${full}">${full.slice(0, 16)}</time>`;
}

/** How long ago, or how long until, beside the moment itself. */
export function ago(at: number, now: number): Html {
  return html`<time datetime="${new Date(at).toISOString()}" title="${new Date(at).toLocaleString('sv')}">${spell(Math.abs(now - at))}${at <= now ? ' ago' : ''}</time>`;
}

export function spell(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 120) return `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172_800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86_400)} days`;
}

/** `once`, `3 times`. */
export function times(n: number): string {
  return n === 1 ? 'once' : `${n} times`;
}

/** `950`, `12.3 k`, `4.5 M`. */
export function count(n: number): string {
  if (n < 1e4) return String(Math.round(n));
  return n < 1e6 ? `${(n / 1e3).toFixed(n < 1e5 ? 1 : 0)} k` : `${(n / 1e6).toFixed(n < 1e8 ? 1 : 0)} M`;
}

export function bytes(n: number): string {
  return n < 1e6
    ? `${Math.round(n / 1e3)} kB`
    : n < 1e9
      ? `${Math.round(n / 1e6)} MB`
      : `${(n / 1e9).toFixed(1)} GB`;
}
