/** The local chat: the same agent as everywhere, in a conversation of the console's own, and what it is at meanwhile. */

import { createHash } from 'node:crypto';
import { html } from 'hono/html';
import { uuid } from '#shared/base/ids.ts';
import { readCommand } from '#shared/commands.ts';
import { answerOf } from '#shared/runtime/terminal.ts';
import * as approval from '#shared/tables/approval.ts';
import * as draft from '#shared/tables/draft.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as message from '#shared/tables/message.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as turn from '#shared/tables/turn.ts';
import { answer } from '../answered.ts';
import { CONVERSATION, pressed, SOURCE } from '../ask.ts';
import type { Done, Html, Page, Visit } from '../page.ts';
import { plain } from '../text.ts';
import { button, href, when } from '../ui.ts';
import { waiting } from './approvals.ts';

/** Of each side. */
const MOST = 40;
const NEWEST = Number.MAX_SAFE_INTEGER;

type Heard = Awaited<ReturnType<typeof heardIn>>[number];
type Said = Awaited<ReturnType<typeof saidIn>>[number];
type Line = { at: number; heard: Heard } | { at: number; said: Said };

const heardIn = ({ ctx }: Visit, before_id: number) =>
  ctx.store.read(message.heardIn(CONVERSATION, before_id, MOST));
const saidIn = ({ ctx }: Visit, before_id: number) =>
  ctx.store.read(outbound.saidIn(CONVERSATION, before_id, MOST));

export const chat: Page = {
  path: 'chat',
  name: 'Chat',
  async show(visit) {
    const place = placeOf(visit.query.get('before'));
    const [heard, said] = await Promise.all([heardIn(visit, place.heard), saidIn(visit, place.said)]);
    const lines = merged(heard, said);
    const isAll = heard.length < MOST && said.length < MOST;
    const older = isAll ? null : olderThan(lines, place);
    const isNow = place.heard === NEWEST && place.said === NEWEST;
    return {
      body: html`<section class="card chat" aria-label="Chat"><div class="talk-scroll" tabindex="0" role="region" aria-label="What was said"><div id="talk" data-live>
        ${older === null ? '' : html`<nav class="pager"><a href="${href(visit, 'chat')}?before=${older}" rel="next">Earlier</a></nav>`}
        <ol class="talk">${lines.length === 0 && isNow ? html`<li class="empty">Say something, or /help.</li>` : lines.map((line) => shown(visit, line))}${isNow ? await now(visit) : ''}</ol>
        <input type="hidden" name="seen" form="say" value="${seenOf(heard, said)}"></div></div>
        ${
          isNow
            ? html`<form method="post" action="${href(visit, 'chat/do/say')}" id="say" class="say"><label class="unseen" for="words">Message</label>
            <textarea id="words" name="text" rows="2" required data-enter placeholder="Message, or /help"></textarea><button class="primary">Send</button></form>`
            : html`<p><a href="${href(visit, 'chat')}">Back to now</a></p>`
        }</section>`,
    };
  },
  actions: {
    async say(visit, form) {
      const text = (form.get('text') ?? '').trim();
      if (text === '') return { say: 'Expected a message, got nothing.', refused: true };
      const { home } = visit.ctx;
      const known = answerOf(home, text, { by: visit.by, more: 'The overview' });
      if (known !== null) return told(visit, text, known);
      if (readCommand(text) !== null) return pressed(visit, text);
      return said(visit, text, form.get('seen') ?? '');
    },
    async press(visit, form) {
      const data = form.get('data') ?? '';
      if (!/^((good|bad|retry|drop|stop):[0-9a-f-]{36}|\/stop)$/.test(data))
        return { say: 'There is no such button.', refused: true };
      return pressed(visit, data);
    },
  },
};

/** What the chat answers by itself is kept like what others say. */
async function told({ ctx }: Visit, command: string, text: string): Promise<Done> {
  const now = ctx.clock.now();
  const notice = outbound.post({
    key: `console:${uuid(now)}`,
    channel: 'terminal',
    conversation: CONVERSATION,
    chat: null,
    kind: 'notice',
    turn_id: null,
    text: `${command}\n\n${text}`.toWellFormed(),
    message_ref: null,
    now,
  });
  await ctx.store.commit([notice]);
  return { say: text.split('\n', 1)[0] ?? '' };
}

/** The same words to the same state of the chat are one message: a form that was sent twice. */
async function said({ ctx, by }: Visit, text: string, seen: string): Promise<Done> {
  const source_key = createHash('sha256')
    .update(JSON.stringify([by, seen, text]))
    .digest('hex');
  const [[row]] = await ctx.store.commit([
    inbound.receive({
      source: SOURCE,
      source_key,
      channel: 'terminal',
      conversation: CONVERSATION,
      chat: null,
      sender: by,
      text: text.toWellFormed(),
      message_ref: null,
      payload_json: '{}',
      received_at: ctx.clock.now(),
      state: 'pending',
      note: null,
    }),
  ]);
  return { say: row ? 'Said.' : 'That was said already.' };
}

/** Both sides in the order of time, the oldest first; each keeps its own order, whatever a clock has done. Pure. */
export function merged(heard: readonly Heard[], said: readonly Said[]): Line[] {
  const lines: Line[] = [];
  let [h, s] = [0, 0];
  for (;;) {
    const [one, other] = [heard[h], said[s]];
    // Beyond the end of a full side nobody knows what comes next.
    if ((!one && heard.length === MOST) || (!other && said.length === MOST) || (!one && !other)) break;
    if (one && (!other || one.at > other.created_at)) {
      lines.unshift({ at: one.at, heard: one });
      h += 1;
    } else if (other) {
      lines.unshift({ at: other.created_at, said: other });
      s += 1;
    }
  }
  return lines;
}

type Place = { heard: number; said: number };

/** `<message>.<outbound>`: below which of each side. */
function placeOf(before: string | null): Place {
  const [, heard, said] = /^(\d{1,15})\.(\d{1,15})$/.exec(before ?? '') ?? [];
  return heard && said ? { heard: Number(heard), said: Number(said) } : { heard: NEWEST, said: NEWEST };
}

function olderThan(lines: readonly Line[], place: Place): string {
  const heard = lines.flatMap((line) => ('heard' in line ? [line.heard.id] : []))[0];
  const said = lines.flatMap((line) => ('said' in line ? [line.said.id] : []))[0];
  const most = 10 ** 15 - 1;
  return `${Math.min(most, heard ?? place.heard)}.${Math.min(most, said ?? place.said)}`;
}

/** What of the chat is seen. */
function seenOf(heard: readonly Heard[], said: readonly Said[]): string {
  return `${heard[0]?.id ?? 0}.${said[0]?.id ?? 0}`;
}

function shown(visit: Visit, line: Line): Html {
  if ('heard' in line) {
    const { id, text, at } = line.heard;
    return html`<li data-key="h${id}"><p class="who">You ${when(at)}</p><p class="words" dir="auto">${plain(text, 20_000)}</p></li>`;
  }
  const { id, kind, text, turn_id, created_at, command, file_json } = line.said;
  const file: outbound.File | null = file_json && JSON.parse(file_json);
  const isReply = kind === 'reply';
  return html`<li data-key="s${id}" class="${isReply ? 'own' : 'own aside'}"><p class="who">Vigil ${when(created_at)}${
    command?.startsWith('/') ? html` to <code>${plain(command, 200)}</code>` : ''
  }</p><div dir="auto">${text === '' && !file ? html`<p class="empty">forgotten</p>` : answer(line.said)}${
    file ? html`<p class="soft">file ${plain(file.name, 200)}: <code>${plain(file.path, 300)}</code></p>` : ''
  }</div>${
    isReply && turn_id
      ? html`<div class="acts"><a href="${href(visit, `decision/${turn_id}`)}">Why</a>${press(visit, `good:${turn_id}`, 'Good', 'Rate as good')}${press(visit, `bad:${turn_id}`, 'Bad', 'Rate as bad')}</div>`
      : ''
  }</li>`;
}

function press(visit: Visit, data: string, label: string, says: string): Html {
  return button(visit, { page: 'chat', action: 'press', fields: { data } }, label, { about: says });
}

/** What is under way: words that nobody has taken up, the answer as far as it is written, and what waits for the owner. */
async function now(visit: Visit): Promise<Html> {
  const { read } = visit.ctx.store;
  const [pending, [active], drafts, open, held] = await Promise.all([
    read(inbound.pendingIn(CONVERSATION)),
    read(turn.active(CONVERSATION)),
    read(draft.open),
    read(approval.open),
    read(turn.held),
  ]);
  const mine = drafts.find((one) => one.turn_id === active?.id);
  const asked = open.filter(({ conversation }) => conversation === CONVERSATION);
  const parked = held.filter(({ conversation }) => conversation === CONVERSATION);
  return html`${pending.map(
    ({ id, text, received_at }) =>
      html`<li data-key="p${id}"><p class="who">You ${when(received_at)} <span class="soft">waits</span></p><p class="words" dir="auto">${plain(text ?? '', 20_000)}</p></li>`,
  )}${
    active
      ? html`<li data-key="now" class="own writing" aria-busy="true"><p class="who">Vigil <span class="soft">${plain(mine?.status || waitsFor(active), 300)}</span></p>${
          mine?.text ? html`<div dir="auto">${answer({ text: mine.text, format: 'markdown' })}</div>` : ''
        }<div class="acts">${press(visit, `stop:${active.id}`, 'Stop', 'Stop this answer')}</div></li>`
      : ''
  }${asked.map((one) => html`<li data-key="a${one.id}">${waiting(visit, one, 'chat')}</li>`)}${parked.map(
    ({ id, error }) =>
      html`<li data-key="k${id}" class="own aside"><p class="who">Vigil <span class="soft">needs your word</span></p><p class="words" dir="auto">${plain(error ?? 'It failed three times.', 1000)}</p><div class="acts">${press(visit, `retry:${id}`, 'Try again', 'Try it again')}${press(visit, `drop:${id}`, 'Drop', 'Drop it')}</div></li>`,
  )}`;
}

function waitsFor({ state, waits_for, error }: turn.Turn): string {
  if (state === 'running') return 'is thinking';
  if (waits_for === 'tools') return 'uses its tools';
  if (waits_for === 'owner') return 'waits for you';
  return error ? `waits: ${error}` : 'is about to go on';
}
