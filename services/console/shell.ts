/** What is around every page: where one is, how the house is, and the halt. */

import { html } from 'hono/html';
import { haltedBecause } from '#shared/runtime/halt.ts';
import * as approval from '#shared/tables/approval.ts';
import * as incident from '#shared/tables/incident.ts';
import { addresses } from './asset.ts';
import { haltForm, since } from './halting.ts';
import type { Done, Html, Shown, Visit } from './page.ts';
import { pages } from './pages.ts';
import { button, href, pill } from './ui.ts';

/** @param here the page's path; null where it is none of the navigation's */
export async function shell(
  visit: Visit,
  here: string,
  name: string,
  shown: Shown,
  notice: Done | null,
): Promise<Html> {
  const { ctx } = visit;
  const halted = haltedBecause(ctx.home.halted);
  const [open, asked] = await Promise.all([ctx.store.read(incident.ongoing), ctx.store.read(approval.open)]);
  const counts: Record<string, number> = { alerts: open.length, approvals: asked.length };
  const title = shown.title ?? name;
  return html`<!doctype html>
<html lang="en"><head>${head(`${title} · Vigil`)}</head>
<body data-base="${visit.base}">
<a class="skip" href="#main">Skip to the page</a>
<header class="top">
  <a class="brand" href="${href(visit, '')}" aria-label="Vigil, overview">${EYE}<span>Vigil</span></a>
  <span id="standing" data-live>${standing(halted, open)}</span>
  <span id="live" class="live" role="status" hidden></span>
  <span class="right" id="switch" data-live>${
    halted === null
      ? html`<a class="button danger" href="${href(visit, 'halt')}" data-dialog="halting">Halt</a>`
      : button(visit, { page: 'halt', action: 'resume' }, 'Resume', { tone: 'primary' })
  }</span>
</header>
<nav class="pages" aria-label="Pages" id="pages" data-live><ul>${pages
    .filter((page) => !page.hidden)
    .map(({ path, name }) => {
      const current = path === here;
      const count = counts[path] ?? 0;
      return html`<li><a href="${href(visit, path)}" data-icon="${path || 'overview'}" ${current ? html`aria-current="page"` : ''}>${name}${
        count > 0 ? html` <span class="count">${count}<span class="unseen"> open</span></span>` : ''
      }</a></li>`;
    })}</ul></nav>
<main id="main" tabindex="-1">
  <div id="notice" role="status" aria-live="polite">${notice ? html`<p class="notice ${notice.refused ? 'bad' : 'good'}">${notice.say}</p>` : ''}</div>
  <h1>${title}</h1>
  ${halted === null ? '' : html`<p class="notice bad" id="halted">All is halted${since(halted)}. No model is asked and no tool runs.</p>`}
  ${shown.body}
</main>
<footer><a href="${href(visit, 'access')}">Who is in, and what was done here</a></footer>
<dialog id="halting" aria-labelledby="halting-title">${haltForm(visit)}</dialog>
</body></html>`;
}

/** For those who are not in: no navigation, nothing of the house. */
export function door(title: string, body: Html): Html {
  return html`<!doctype html>
<html lang="en"><head>${head(`${title} · Vigil`)}</head>
<body class="door"><main id="main"><p class="brand">${EYE}<span>Vigil</span></p><h1>${title}</h1>${body}</main></body></html>`;
}

function head(title: string): Html {
  return html`<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>${title}</title><link rel="stylesheet" href="${addresses.style}"><link rel="icon" href="${addresses.icon}"><script src="${addresses.script}" defer></script>`;
}

function standing(halted: string | null, open: readonly incident.Incident[]): Html {
  if (halted !== null) return pill('bad', 'halted');
  const worst = open.some(({ severity }) => severity === 'critical') ? 'bad' : 'warn';
  const trouble = open.filter(({ severity }) => severity !== 'info').length;
  if (trouble > 0) return pill(worst, trouble === 1 ? '1 trouble' : `${trouble} troubles`);
  return pill('good', 'all well');
}

const EYE = html`<svg class="eye" viewBox="0 0 24 24" aria-hidden="true"><path d="M2 12c5-8 15-8 20 0-5 8-15 8-20 0z"/><circle cx="12" cy="12" r="3.2"/></svg>`;
