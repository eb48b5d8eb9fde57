/** What would go when something is forgotten, shown before anything does. What is confirmed are the ids that were shown. */

import { html } from 'hono/html';
import { together, withRelated, withSources } from '#shared/forget/named.ts';
import { plan, type Targets, Unforgettable } from '#shared/forget/plan.ts';
import { shown } from '#shared/forget/shown.ts';
import { ownersOf } from '#shared/runtime/owners.ts';
import * as memories from '#shared/tables/memory.ts';
import type { Html, Shown, Visit } from '../../page.ts';
import { verbatim } from '../../text.ts';
import { card, filter, href } from '../../ui.ts';
import { parts, scopeOf, scopesIn } from './part.ts';

/** Nobody looks through more than that before they say yes; and what is confirmed is sent as a form. */
const MOST = 500;
const MOST_SHOWN = 50;
/** All of what is shown: nobody says yes to what was left out. */
const WHOLE_chars = 1_000_000;

export async function forget(visit: Visit): Promise<Shown> {
  const asked = ['ids', 'words'].some((name) => visit.query.get(name)?.trim());
  const found = asked ? await preview(visit).catch(why) : null;
  return {
    title: 'Forget',
    body: html`${parts(visit)}
      ${filter(visit, 'memory/forget', [
        { name: 'words', label: 'Whatever has these words' },
        { name: 'ids', label: 'Or memories, by number' },
        { name: 'scope', label: 'Whose', choices: await scopesIn(visit), always: true },
      ])}
      ${found === null ? html`<p class="empty">What would go is shown first.</p>` : typeof found === 'string' ? html`<p class="notice warn">${found}</p>` : found}`,
  };
}

/** @throws whatever is no reason that the owner can be told */
function why(error: unknown): string {
  if (error instanceof Unforgettable) return `It cannot be forgotten: ${error.message}.`;
  throw error;
}

async function preview(visit: Visit): Promise<Html | string> {
  const { store, clock, home } = visit.ctx;
  const { query } = visit;
  const words = query.get('words')?.trim() ?? '';
  const ids = (query.get('ids') ?? '').split(/[\s,]+/).filter((id) => id !== '');
  if (!ids.every((id) => /^#?[1-9]\d{0,14}$/.test(id))) return 'Expected numbers such as 12, 14.';
  const named = await store.read(memories.named(ids.map((id) => Number(id.replace('#', '')))));
  const now = clock.now();
  const of = { within: scopeOf(visit), owners: await ownersOf(home.config, store), upto_at: now, most: MOST };
  const found = await together(store.read, { memories: named, turns: [], words }, of);
  if (found.targets.memories.length + found.targets.turns.length === 0)
    return 'Nothing has just these words or numbers.';
  const only = query.has('only');
  let targets: Targets = only
    ? { ...found.targets, turns: [] }
    : await withSources(store.read, found.targets);
  const { scope } = found;
  let planned = await plan(store.read, targets, { scope });
  const related = query.has('related') && !only;
  if (related) {
    targets = withRelated(targets, planned, now);
    planned = await plan(store.read, targets, { scope });
  }
  if (targets.memories.length + targets.turns.length > MOST)
    return `That is in more than ${MOST} places: say more of it, or forget it by the command line.`;
  return card(
    'Forget this for good?',
    html`${verbatim(shown(planned, MOST_SHOWN, 'with turns'), 'what would go', WHOLE_chars)}
      ${ways(visit, { related: planned.related.length > 0 && !related && !only, only: !only && targets.memories.length > 0 && targets.turns.length > 0 })}
      ${confirming(visit, targets, scope)}`,
  );
}

/** More of it, or less; each is shown first, too. */
function ways(visit: Visit, offered: { related: boolean; only: boolean }): Html {
  const link = (name: 'related' | 'only', says: string) => {
    const query = new URLSearchParams(visit.query);
    query.delete('notice');
    query.set(name, '1');
    return html`<a href="${href(visit, 'memory/forget')}?${query.toString()}">${says}</a>`;
  };
  return html`<p>${offered.related ? link('related', 'Also what repeats it, or was told of it') : ''}
    ${offered.only ? link('only', 'Only the memories: what was said stays, and can be found again') : ''}</p>`;
}

function confirming(visit: Visit, { memories, turns }: Targets, scope: string): Html {
  const sum = `${memories.length} ${memories.length === 1 ? 'memory' : 'memories'} and ${turns.length} ${turns.length === 1 ? 'turn' : 'turns'}`;
  return html`<form method="post" action="${href(visit, 'memory/do/forget')}" data-confirm="Forget ${sum} for good, with all that rests on them?">
    <input type="hidden" name="scope" value="${scope}"><input type="hidden" name="targets" value="${JSON.stringify({ memories, turns })}">
    <p><label><input type="checkbox" name="backups" value="1"> and make a new backup, and remove all others, here and elsewhere</label></p>
    <p class="buttons"><button class="danger strong">Forget ${sum}</button> <a class="button" href="${href(visit, 'memory')}">Cancel</a></p></form>`;
}
