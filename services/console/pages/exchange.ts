/** What a model was asked and what it answered, byte for byte as a person reads it. */

import { html } from 'hono/html';
import { bodiesOf } from '#shared/life/bodies.ts';
import * as call from '#shared/tables/call.ts';
import type { Page } from '../page.ts';
import { plain, verbatim } from '../text.ts';
import { bytes, card, href } from '../ui.ts';

/** More is not read on a page; the file has all of it. */
const SHOWN_chars = 200_000;

export const exchange: Page = {
  path: 'exchange',
  name: 'Word for word',
  hidden: true,
  async show(visit) {
    const { read } = visit.ctx.store;
    const [of] = await read(call.named(visit.id ?? ''));
    if (!of)
      return { status: 404, title: 'No such call', body: html`<p>There is no model call of this id.</p>` };
    const bodies = await bodiesOf(read, of.id);
    const back =
      of.turn_id === null
        ? ''
        : html`<p><a href="${href(visit, `decision/${of.turn_id}`)}">The turn it was made for</a></p>`;
    const title = `${of.alias ?? of.model} → ${of.target}`;
    if (!bodies) {
      return {
        title,
        body: html`${back}<p class="notice">Not kept any more, or forgotten: <code>[router] keep_days</code> and <code>keep_mb</code> say how long such things stay.</p>`,
      };
    }
    const part = (name: 'request' | 'response', words: string) =>
      card(words, verbatim(bodies[name], words, SHOWN_chars), {
        aside: html`<a href="${href(visit, `exchange/${of.id}`)}?save=${name}">Save, ${bytes(Buffer.byteLength(bodies[name]))}</a>`,
      });
    return {
      title: plain(title, 120),
      body: html`${back}${part('request', 'Asked')}${part('response', 'Answered')}`,
    };
  },
  async save({ ctx, id, query }) {
    const name = query.get('save');
    if (name !== 'request' && name !== 'response') return null;
    const bodies = await bodiesOf(ctx.store.read, id ?? '');
    return bodies && { name: `${id}-${name}.txt`, text: bodies[name] };
  },
};
