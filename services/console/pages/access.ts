/** Who is in, and what was done from here. */

import { html } from 'hono/html';
import * as consoleAction from '#shared/tables/console_action.ts';
import * as consoleSession from '#shared/tables/console_session.ts';
import type { Page } from '../page.ts';
import { ago, button, card, table, when } from '../ui.ts';

export const access: Page = {
  path: 'access',
  name: 'Access',
  hidden: true,
  async show(visit) {
    const { ctx, base } = visit;
    const now = ctx.clock.now();
    const [sessions, actions] = await Promise.all([
      ctx.store.read(consoleSession.current(now)),
      ctx.store.read(consoleAction.latest(100)),
    ]);
    const browsers = sessions.map((session) => [
      base === `/c/${session.path}` ? html`<strong>this browser</strong>` : session.path.slice(0, 6),
      session.made_by,
      session.agent,
      ago(session.started_at, now),
      ago(session.seen_at, now),
      button(visit, { page: 'access', action: 'end', fields: { session: session.path.slice(0, 6) } }, 'End', {
        about: `End the session ${session.path.slice(0, 6)}`,
      }),
    ]);
    const done = actions.map(({ at, by, page, action, subject, outcome }) => [
      when(at),
      by,
      `${page || 'overview'} ${action}`,
      subject,
      outcome ?? 'it was cut off',
    ]);
    return {
      title: 'Who is in, and what was done here',
      body: html`${card(
        'Browsers',
        table(
          [
            { head: 'session' },
            { head: 'link made by' },
            { head: 'browser', minor: true },
            { head: 'since' },
            { head: 'last used' },
            { head: '' },
          ],
          browsers,
          'Nobody is in.',
        ),
        { id: 'browsers' },
      )}${card(
        'What was done from the console',
        table(
          [
            { head: 'when' },
            { head: 'who' },
            { head: 'what' },
            { head: 'to', minor: true },
            { head: 'outcome' },
          ],
          done,
          'Nothing yet.',
        ),
        { id: 'actions' },
      )}`,
    };
  },
  actions: {
    /** By the beginning of its path: whole, it would be half of what lets one in. */
    async end({ ctx }, form) {
      const named = form.get('session') ?? '';
      const now = ctx.clock.now();
      const found = (await ctx.store.read(consoleSession.current(now))).filter(
        ({ path }) => named.length === 6 && path.startsWith(named),
      );
      if (found.length === 0) return { say: 'That session is over.', refused: true };
      await ctx.store.commit(found.map(({ path }) => consoleSession.end(path, now)));
      return { say: `The session ${named} is over.`, subject: named };
    },
  },
};
