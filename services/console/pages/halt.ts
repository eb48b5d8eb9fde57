/** The halt and its end, from every page; without a script by a page of its own. */

import { html } from 'hono/html';
import { halt as haltAll, haltedBecause, resume } from '#shared/runtime/halt.ts';
import { haltForm } from '../halting.ts';
import type { Page } from '../page.ts';
import { button, card } from '../ui.ts';

export const halt: Page = {
  path: 'halt',
  name: 'Halt',
  hidden: true,
  async show(visit) {
    if (haltedBecause(visit.ctx.home.halted) === null)
      return { body: html`<section class="card">${haltForm(visit)}</section>` };
    const again = button(visit, { page: 'halt', action: 'resume' }, 'Resume', { tone: 'primary' });
    return {
      title: 'Halted',
      body: card('All is halted', html`<p>What waits goes on once it is resumed.</p>${again}`),
    };
  },
  actions: {
    async halt({ ctx, by }, form) {
      const reason = (form.get('reason') ?? '').replaceAll(/\s+/g, ' ').trim().slice(0, 200);
      const made = haltAll(ctx.home.halted, reason === '' ? `by ${by}` : `by ${by} – ${reason}`);
      return { say: made ? 'All is halted.' : 'It was halted already.', to: '' };
    },
    async resume({ ctx }) {
      const was = resume(ctx.home.halted);
      return { say: was ? 'Resumed: what waits goes on.' : 'Nothing was halted.', to: '' };
    },
  },
};
