/**
 * releases: what is installed, what runs, what lies between; and back to another, with the time that it took. The console
 * asks only: see shared/runtime/rollback.ts.
 */

import { html } from 'hono/html';
import {
  type Answered,
  type Installed,
  lastAnswer,
  linked,
  migrationsOf,
  prefixOf,
  releasesOf,
} from '#shared/runtime/releases.ts';
import { askedIn, askForRollback, EVERY_ms } from '#shared/runtime/rollback.ts';
import type { Done, Html, Page, Visit } from '../page.ts';
import { ago, button, card, pill, spell, table, when } from '../ui.ts';

/** The command gives up before that: what has not ended then was cut off. */
const LONGEST_ms = 600_000;

/** @param prefix what this release is installed in; null in a checkout */
export function releasesIn(prefix: string | null): Page {
  return {
    path: 'releases',
    name: 'Releases',
    async show(visit) {
      if (prefix === null) {
        const words =
          'This is a checkout: there is nothing to go back to here but other sources, by git checkout.';
        return { body: card('Releases', html`<p>${words}</p>`) };
      }
      const all = releasesOf({ prefix });
      const current = linked({ prefix }, 'current');
      return {
        body: html`${card('The last rollback', lastOf(visit, { prefix }), { id: 'last' })}
${card('Installed', installed(visit, all, current, linked({ prefix }, 'previous')), { id: 'installed' })}`,
      };
    },
    actions: {
      async rollback({ ctx }: Visit, form: ReadonlyMap<string, string>): Promise<Done> {
        const version = form.get('version') ?? '';
        const refused = (say: string): Done => ({ say, refused: true, subject: version });
        if (prefix === null) return refused('This is a checkout: nothing is installed here.');
        if (!releasesOf({ prefix }).some((one) => one.version === version))
          return refused('There is no such release here.');
        if (linked({ prefix }, 'current') === version) return refused(`${version} is what runs.`);
        const last = lastAnswer({ prefix });
        if (isGoing(last, ctx.clock.now())) return refused('A rollback goes on already.');
        if (last && Math.abs(ctx.clock.now() - last.began_at) < EVERY_ms)
          return refused('The last one began less than a minute ago: ask again then.');
        askForRollback(ctx.home, { prefix }, version);
        ctx.log.warn('rollback.asked', { to: version });
        return {
          say: `Back to ${version}: every service restarts, the console too. How long it took is shown here.`,
          subject: version,
        };
      },
    },
  };
}

export const releases: Page = releasesIn(prefixOf());

function isGoing(last: Answered | null, now: number): boolean {
  return last !== null && last.took_ms === null && Math.abs(now - last.began_at) < LONGEST_ms;
}

function lastOf({ ctx }: Visit, at: { prefix: string }): Html {
  const last = lastAnswer(at);
  const asked = askedIn(ctx.home);
  const waits = asked.length > 0 ? html`<p>${pill('calm', 'asked for')} ${asked.join(', ')}</p>` : '';
  if (last === null) return html`${waits || html`<p class="empty">None was asked for here.</p>`}`;
  const { from, to, began_at, took_ms, said, well } = last;
  const now = ctx.clock.now();
  const state =
    took_ms !== null
      ? html`${well ? pill('good', `done in ${spell(took_ms)}`) : pill('bad', `ended after ${spell(took_ms)}`)}`
      : isGoing(last, now)
        ? pill('calm', `goes on, for ${spell(now - began_at)}`)
        : pill('bad', 'was cut off: vigil status says where it stands');
  return html`${waits}<p>${state} ${from ?? 'nothing'} → ${to}, ${ago(began_at, now)}</p><p class="soft">${said}</p>`;
}

function installed(
  visit: Visit,
  all: readonly Installed[],
  current: string | null,
  previous: string | null,
): Html {
  const runs = all.find(({ version }) => version === current);
  const rows = all.map((one) => [
    one.version,
    one === runs ? pill('good', 'runs') : one.version === previous ? pill('calm', 'the one before') : null,
    when(one.installed_at),
    String(one.schema),
    runs && one !== runs ? between(one, runs) : null,
    one === runs ? null : back(visit, one.version),
  ]);
  return table(
    [
      { head: 'release' },
      { head: 'state' },
      { head: 'installed', minor: true },
      { head: 'schema', number: true, minor: true },
      { head: 'what the store goes through', minor: true },
      { head: 'back' },
    ],
    rows,
    'No release is here.',
  );
}

function back(visit: Visit, version: string): Html {
  return button(visit, { page: 'releases', action: 'rollback', fields: { version } }, 'Roll back', {
    tone: 'danger',
    confirm: `Every service restarts in ${version}. Shall they?`,
    about: `Roll back to ${version}`,
  });
}

/** What separates the stores of the two. */
function between(one: Installed, runs: Installed): string {
  const [has, mine] = [migrationsOf(one.path), migrationsOf(runs.path)];
  const lacks = mine.filter((name) => !has.includes(name));
  const brings = has.filter((name) => !mine.includes(name));
  if (lacks.length > 0) return `without ${lacks.join(', ')}: the store of before the upgrade comes back`;
  return brings.length > 0 ? `with ${brings.join(', ')}` : 'nothing: it stays';
}
