/** What the pages of memory have in common. */

import { html } from 'hono/html';
import { OWNER } from '#shared/recall/scope.ts';
import type * as memories from '#shared/tables/memory.ts';
import * as profiles from '#shared/tables/profile.ts';
import type { Html, Visit } from '../../page.ts';
import { line } from '../../text.ts';
import { button, href, pill, type Tone } from '../../ui.ts';

/** Between the parts of it. */
export function parts(visit: Visit): Html {
  const one = (id: string | null, name: string) =>
    html`<a href="${href(visit, id === null ? 'memory' : `memory/${id}`)}" ${visit.id === id ? html`aria-current="page"` : ''}>${name}</a>`;
  return html`<nav class="filter" aria-label="Parts of memory">
    ${one(null, 'What is remembered')} ${one('profile', 'What the model is told beforehand')} ${one('runs', 'Passes over what was said')}
    ${one('forget', 'Forget')}</nav>`;
}

export function linkTo(visit: Visit, id: number): Html {
  return html`<a href="${href(visit, `memory/${id}`)}">#${id}</a>`;
}

const TONES = {
  active: 'good',
  proposed: 'warn',
  disputed: 'warn',
  quarantined: 'warn',
  superseded: 'plain',
  retracted: 'plain',
  expired: 'plain',
} as const satisfies Record<memories.Memory['status'], Tone>;

export function standing({ status, pinned }: Pick<memories.Memory, 'status' | 'pinned'>): Html {
  return html`${pill(TONES[status], status)}${pinned ? html` ${pill('calm', 'pinned')}` : ''}`;
}

/** What the owner can say to one; each leads back to where it stands. */
export function words(visit: Visit, { id, status, pinned }: memories.Memory): Html {
  const fields = { id, ...(visit.id !== null && { back: 'one' }) };
  const one = (action: string, label: string, tone: 'primary' | undefined = undefined) =>
    button(visit, { page: 'memory', action, fields }, label, {
      about: `${label} #${id}`,
      ...(tone && { tone }),
    });
  if (status === 'proposed' || status === 'disputed' || status === 'quarantined')
    return html`${one('confirm', 'Keep', 'primary')} ${one('reject', 'Reject')}`;
  if (status !== 'active') return html``;
  return pinned ? one('unpin', 'Unpin') : one('pin', 'Pin');
}

export const scopeOf = ({ query }: Visit): string => query.get('scope') || OWNER;

/** Whose memories there are, to choose from. */
export async function scopesIn({ ctx }: Visit): Promise<string[]> {
  const known = await ctx.store.read(profiles.scopes);
  return [...new Set([OWNER, ...known.map(({ scope }) => scope)])];
}

export const cut = (text: string): string => line(text, 200);
