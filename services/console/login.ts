/**
 * In by a link. To look at it changes nothing, for programs look at links before people do: what lets one in is a form,
 * which the script sends by itself and a person without it with one button.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { html } from 'hono/html';
import { page, seeOther } from './answer.ts';
import { formOf } from './form.ts';
import type { Html } from './page.ts';
import type { Sessions } from './session.ts';
import { door } from './shell.ts';

/** What whoever is not in is told. */
export function way(port: number): Html {
  return door(
    'You are not in',
    html`<p>On the machine where Vigil runs, this prints a link that lets one browser in:</p><pre><code>scripts/vigil console</code></pre><p>It holds for a minute, once. From another machine, tunnel first: <code>ssh -L ${port}:127.0.0.1:${port} …</code></p>`,
  );
}

export async function enter(
  known: Sessions,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (incoming.method !== 'POST') {
    const token = new URLSearchParams((incoming.url ?? '').split('?')[1] ?? '').get('link') ?? '';
    const form = html`<form method="post" action="/login" data-auto><input type="hidden" name="link" value="${token}"><p><button class="primary strong">Open the console</button></p></form>`;
    return page(incoming, response, 200, door('Welcome back', form));
  }
  const token = (await formOf(incoming)).get('link') ?? '';
  const entered = await known.enter(token, incoming.headers['user-agent'] ?? '');
  if (entered) {
    response.setHeader('set-cookie', entered.cookie);
    return seeOther(response, `/c/${entered.path}/`);
  }
  const body = html`<p>It was used before, or it is older than a minute. This makes a new one:</p><pre><code>scripts/vigil console</code></pre>`;
  return page(incoming, response, 401, door('This link leads nowhere', body));
}
