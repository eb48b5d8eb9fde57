/** From a request to its answer: who may be heard, who is in, then pages, actions and the stream. */

import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { html } from 'hono/html';
import * as consoleAction from '#shared/tables/console_action.ts';
import type { Session } from '#shared/tables/console_session.ts';
import { page as answerPage, file, guard, refuse, seeOther } from './answer.ts';
import { assets } from './asset.ts';
import { BadForm, formOf } from './form.ts';
import { gate } from './gate.ts';
import { live } from './live.ts';
import { enter, way } from './login.ts';
import type { Action, Console, Done, Page, Visit } from './page.ts';
import { pages } from './pages.ts';
import { sessions } from './session.ts';
import { door, shell } from './shell.ts';
import { href } from './ui.ts';

/** What came of an action is told on the page that follows, once its name is asked for. */
const NOTICE_ms = 60_000;
/** Of each field, in the record of what was done. */
const FIELD_chars = 200;
/** What a person says is kept where it can be forgotten, and nowhere else: of these the record has the length. */
const WORDS: ReadonlySet<string> = new Set(['text', 'work']);

type Notice = { session: string; done: Done; at: number };

/** What an address says after `/c/<random>/`. */
type Place = { path: string; id: string | null; action: string | null };

export function router(ctx: Console): (incoming: IncomingMessage, response: ServerResponse) => Promise<void> {
  const known = sessions(ctx.store, ctx.clock.now);
  const streams = live(ctx);
  const notices = new Map<string, Notice>();

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming;
    const verdict = gate({ method, headers }, ctx.config);
    if (verdict === 'elsewhere') return seeOther(response, `http://127.0.0.1:${ctx.config.port}${url}`, 307);
    if (verdict !== 'pass')
      return refuse(response, verdict.refuse, `Vigil does not answer this: ${verdict.because}.`);

    const [pathname = '', search = ''] = halved(url, '?');
    const asset = assets.get(pathname);
    if (asset) {
      response.setHeader('cache-control', 'public, max-age=31536000, immutable');
      response.writeHead(200, { 'content-type': asset.type }).end(method === 'HEAD' ? undefined : asset.text);
      return;
    }
    if (pathname === '/login') return enter(known, incoming, response);
    const [, path = '', rest = ''] = /^\/c\/([\w-]{22})\/(.*)$/.exec(pathname) ?? [];
    const session = path === '' ? null : await known.of(path, headers.cookie);
    if (!session) return answerPage(incoming, response, 401, way(ctx.config.port));

    if (rest === 'live' && method === 'GET') {
      const mayStay = async () => (await known.of(path, headers.cookie)) !== null;
      return streams.attach(response, mayStay);
    }
    // What a tab asks for by itself is no sign of a person.
    if (headers['x-vigil-renewal'] === undefined) {
      known.seen(session).catch((error) => failed('the time of a visit', error));
    }
    const place = placeOf(rest);
    const visit: Visit = {
      ctx,
      base: `/c/${path}`,
      by: `console ${path.slice(0, 6)}`,
      id: place?.id ?? null,
      query: new URLSearchParams(search),
    };
    const page = pages.find((one) => one.path === place?.path);
    if (!place || !page) return missing(incoming, response, visit);
    if (method !== 'POST' && place.action === null) return show(incoming, response, visit, page, session);
    const action = method === 'POST' && place.action !== null ? actionOf(page, place.action) : null;
    if (!action) return missing(incoming, response, visit);
    const form = await formOf(incoming);
    const done = await carryOut(visit, session, page, place.action ?? '', action, form);
    const to = done.to === undefined ? href(visit, page.path) : href(visit, done.to);
    seeOther(response, `${to}${to.includes('?') ? '&' : '?'}notice=${noted(session, done)}`);
  }

  async function show(
    incoming: IncomingMessage,
    response: ServerResponse,
    visit: Visit,
    page: Page,
    session: Session,
  ): Promise<void> {
    const saved = visit.query.has('save') ? await page.save?.(visit) : null;
    if (saved) return file(response, saved);
    const shown = await page.show(visit);
    const notice = notices.get(visit.query.get('notice') ?? '');
    const told = notice && notice.session === session.path ? notice.done : null;
    await answerPage(
      incoming,
      response,
      shown.status ?? 200,
      await shell(visit, page.path, page.name, shown, told),
    );
  }

  async function missing(incoming: IncomingMessage, response: ServerResponse, visit: Visit): Promise<void> {
    const body = html`<p>There is nothing at this address. <a href="${href(visit, '')}">To the overview</a></p>`;
    await answerPage(incoming, response, 404, await shell(visit, '-', 'Not found', { body }, null));
  }

  /** Written down before and after: what was cut off between the two is known too. */
  async function carryOut(
    visit: Visit,
    session: Session,
    page: Page,
    name: string,
    action: Action,
    form: ReadonlyMap<string, string>,
  ): Promise<Done> {
    const record = {
      session: session.path.slice(0, 6),
      by: visit.by,
      page: page.path,
      action: name,
      fields: JSON.stringify(Object.fromEntries([...form].map(recorded))),
      at: ctx.clock.now(),
    };
    const begin = async () => (await ctx.store.commit([consoleAction.begin(record)]))[0][0]?.id;
    // The halt waits for no store: what is wrong with that one may be why.
    const begun = page.path === 'halt' ? undefined : await begin();
    const done = await action(visit, form).catch((error): Done => {
      const failure = failed(`${page.path} ${name}`, error);
      return { say: `It failed; the log knows why, by ${failure}.`, refused: true };
    });
    const end = async () => {
      const outcome = cut(`${done.refused ? 'refused: ' : ''}${done.noted ?? done.say}`);
      const id = begun ?? (await begin());
      if (id !== undefined) await ctx.store.commit([consoleAction.end(id, outcome, done.subject ?? null)]);
    };
    const ended = end().catch((error) => void failed('the record of what was done', error));
    if (begun !== undefined) await ended;
    return done;
  }

  function noted({ path }: Session, done: Done): string {
    const at = ctx.clock.now();
    for (const [id, notice] of notices) if (Math.abs(at - notice.at) > NOTICE_ms) notices.delete(id);
    const id = randomBytes(9).toString('base64url');
    notices.set(id, { session: path, done, at });
    return id;
  }

  /** @returns the name by which it is found in the log */
  function failed(what: string, error: unknown): string {
    const id = randomBytes(4).toString('hex');
    ctx.log.error('page.failed', { id, what, error });
    return id;
  }

  return async (incoming, response) => {
    guard(response);
    try {
      await answer(incoming, response);
    } catch (error) {
      if (response.headersSent) {
        failed('an answer under way', error);
        response.destroy();
      } else if (error instanceof BadForm)
        refuse(response, error.status, `The form was not taken: ${error.message}.`);
      else {
        const id = failed(incoming.method ?? '', error);
        const body = html`<p>Vigil could not make this page. Its log says why, by <code>${id}</code>: <code>scripts/vigil logs console</code></p>`;
        await answerPage(incoming, response, 500, door('That failed', body));
      }
    }
  };
}

/** What stands before the first `by`, and what after it. */
function halved(text: string, by: string): [string, string] {
  const at = text.indexOf(by);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** `''`, `<path>`, `<path>/<id>`, `do/<action>`, `<path>/do/<action>`; null for anything else. */
function placeOf(rest: string): Place | null {
  let parts: string[];
  try {
    parts = rest.split('/').map(decodeURIComponent);
  } catch {
    return null; // a percent sign that encodes nothing
  }
  const [first = '', second, third] = parts;
  if (parts.length === 1) return { path: first, id: null, action: null };
  if (parts.length === 2 && first === 'do') return { path: '', id: null, action: second ?? '' };
  if (parts.length === 2) return { path: first, id: second ?? '', action: null };
  if (parts.length === 3 && second === 'do') return { path: first, id: null, action: third ?? '' };
  return null;
}

function actionOf(page: Page, name: string): Action | null {
  return page.actions && Object.hasOwn(page.actions, name) ? (page.actions[name] ?? null) : null;
}

function recorded([name, value]: [string, string]): [string, string] {
  return [name, WORDS.has(name) ? `${value.length} characters` : cut(value)];
}

function cut(text: string): string {
  return text.length > FIELD_chars ? `${text.slice(0, FIELD_chars - 1)}…` : text;
}
