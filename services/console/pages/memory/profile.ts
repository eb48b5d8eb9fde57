/** What the model is told of somebody before every conversation, word for word, and the memories that it is made of. */

import { html } from 'hono/html';
import * as memories from '#shared/tables/memory.ts';
import * as profiles from '#shared/tables/profile.ts';
import type { Shown, Visit } from '../../page.ts';
import { verbatim } from '../../text.ts';
import { ago, card, filter, table } from '../../ui.ts';
import { cut, linkTo, parts, scopeOf, scopesIn, standing, words } from './part.ts';

export async function profile(visit: Visit): Promise<Shown> {
  const { store, clock } = visit.ctx;
  const [found] = await store.read(profiles.of(scopeOf(visit)));
  const ids: number[] = JSON.parse(found?.items_json ?? '[]');
  const rows = await store.read(memories.named(ids));
  const text = found?.text.trim() ?? '';
  return {
    title: 'What the model is told beforehand',
    body: html`${parts(visit)}
      ${filter(visit, 'memory/profile', [{ name: 'scope', label: 'Whose', choices: await scopesIn(visit), always: true }])}
      ${card(
        'Word for word',
        text === ''
          ? html`<p class="empty">The model is told nothing beforehand.</p>`
          : verbatim(text, 'what the model is told'),
        { id: 'profile-text', ...(found && { aside: html`made ${ago(found.at, clock.now())}` }) },
      )}
      ${card(
        'Made of',
        table(
          [{ head: '#' }, { head: 'What' }, { head: 'State' }, { head: 'Do' }],
          ids
            .flatMap((id) => rows.find((row) => row.id === id) ?? [])
            .map((row) => [linkTo(visit, row.id), cut(row.text), standing(row), words(visit, row)]),
          'Nothing.',
        ),
        { id: 'profile-items' },
      )}`,
  };
}
