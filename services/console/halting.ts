/** The halt in words, and the form that asks for it. */

import { html } from 'hono/html';
import { stamp } from '#shared/base/period.ts';
import type { Html, Visit } from './page.ts';
import { href } from './ui.ts';

/** What the halt's file says, its time as people read it: ` since 2026-11-22 03:12, by …`. */
export function since(halted: string): string {
  const [, at = '', why = halted] = /^(\d{4}-\d\d-\d\dT\S+) (.*)$/s.exec(halted) ?? [];
  const when = at === '' ? '' : ` since ${stamp(Date.parse(at))}`;
  return why === '' ? when : `${when}, ${why}`;
}

/** The way back has the focus: the key that opened a dialog is still being pressed, and would send the form. */
export function haltForm(visit: Pick<Visit, 'base'>): Html {
  return html`<form method="post" action="${href(visit, 'halt/do/halt')}" class="halting">
    <h2 id="halting-title">Halt everything?</h2>
    <p>At once: no model is asked, no tool runs, no job begins. What waits stays, over restarts too, until somebody resumes.</p>
    <label>What for <input name="reason" maxlength="200" autocomplete="off"></label>
    <p class="buttons"><button class="danger strong">Halt</button> <a class="button" href="${href(visit, '')}" data-close autofocus>Cancel</a></p></form>`;
}
