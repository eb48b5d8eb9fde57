/** What is remembered: looked through by kind and state, or searched as the model would be reminded. */

import { html } from 'hono/html';
import { reasonsOf } from '#shared/recall/life.ts';
import { readingOf } from '#shared/recall/reading.ts';
import { recall } from '#shared/recall/recall.ts';
import * as memories from '#shared/tables/memory.ts';
import * as message from '#shared/tables/message.ts';
import * as wishes from '#shared/tables/wish.ts';
import type { Html, Shown, Visit } from '../../page.ts';
import { ago, button, card, filter, href, next, pill, table } from '../../ui.ts';
import { cut, linkTo, parts, scopeOf, scopesIn, standing, words } from './part.ts';

const PAGE = 50;
const MOST_WAITING = 20;
const MOST_WISHES = 10;
const MOST_tokens = 2048;

const FORCE: readonly memories.Memory['status'][] = ['active', 'disputed'];

export async function browse(visit: Visit): Promise<Shown> {
  const { store } = visit.ctx;
  const text = visit.query.get('q')?.trim() ?? '';
  const scope = scopeOf(visit);
  const [waiting, asked] = await Promise.all([
    store.read(memories.waiting(scope, MOST_WAITING)),
    store.read(wishes.latest(MOST_WISHES)),
  ]);
  const again = button(visit, { page: 'memory', action: 'consolidate' }, 'Go over what is new');
  return {
    body: html`${parts(visit)}
      ${filter(visit, 'memory', [
        { name: 'q', label: 'Search' },
        { name: 'kind', label: 'Kind', choices: memories.KINDS },
        { name: 'status', label: 'State', choices: ['in force', ...memories.STATUSES, 'all'], always: true },
        { name: 'scope', label: 'Whose', choices: await scopesIn(visit), always: true },
      ])}
      ${waiting.length === 0 ? '' : card('Waits for your word', listOf(visit, waiting), { id: 'memory-waiting' })}
      ${text === '' ? card('Remembered', await listed(visit, scope), { id: 'memory-list' }) : card(`What bears on "${text}"`, await found(visit, scope, text))}
      <div class="grid">${card('Have something remembered', remembering(visit, scope))}
      ${card('Asked of memory', outcomes(visit, asked), { id: 'memory-wishes', aside: again })}</div>`,
  };
}

async function listed(visit: Visit, scope: string): Promise<Html> {
  const { query, ctx } = visit;
  const kind = memories.KINDS.find((one) => one === query.get('kind')) ?? null;
  const state = query.get('status');
  const named = memories.STATUSES.filter((one) => state === 'all' || state === one);
  const before = Number(query.get('before') ?? Number.MAX_SAFE_INTEGER);
  const of = { scope, kind, statuses: named.length > 0 ? named : FORCE, most: PAGE };
  const rows = await ctx.store.read(
    memories.browsed({ ...of, before_id: Number.isSafeInteger(before) ? before : 0 }),
  );
  const last = rows.length === PAGE ? String(rows.at(-1)?.id) : null;
  return html`${listOf(visit, rows)}${next(visit, 'memory', last)}`;
}

function listOf(visit: Visit, rows: readonly memories.Memory[]): Html {
  const now = visit.ctx.clock.now();
  return table(
    [
      ...[{ head: '#' }, { head: 'What' }, { head: 'Kind' }, { head: 'State' }],
      ...([{ head: 'From', minor: true }, { head: 'Since', minor: true }, { head: 'Do' }] as const),
    ],
    rows.map((row) => [
      linkTo(visit, row.id),
      cut(row.text),
      row.kind,
      standing(row),
      row.origin,
      ago(row.recorded_at, now),
      html`${words(visit, row)} <a href="${href(visit, `memory/forget?ids=${row.id}`)}" aria-label="Forget #${row.id}">Forget</a>`,
    ]),
    'Nothing like that is remembered.',
  );
}

async function found(visit: Visit, scope: string, text: string): Promise<Html> {
  const { store, clock } = visit.ctx;
  const question = { scope, text, now: clock.now(), budget_tokens: MOST_tokens };
  const rows = await recall(readingOf(store), question);
  const ids = rows.filter(({ kind }) => kind === 'message').map(({ id }) => id);
  const turns = new Map((await store.read(message.turnsOf(ids))).map(({ id, turn_id }) => [id, turn_id]));
  return table(
    [
      ...([{ head: 'Score', number: true }, { head: 'Where' }, { head: 'What' }] as const),
      ...([
        { head: 'Who' },
        { head: 'Trust', number: true, minor: true },
        { head: 'Why', minor: true },
      ] as const),
    ],
    rows.map((row) => [
      row.score.toFixed(2),
      row.kind === 'memory'
        ? linkTo(visit, row.id)
        : html`<a href="${href(visit, `decision/${turns.get(row.id) ?? ''}`)}">said</a> ${ago(row.at, question.now)}`,
      html`${cut(row.text)}${row.unclear ? html` ${pill('warn', 'unclear')}` : ''}`,
      row.author ?? row.role,
      row.trust,
      reasonsOf(row.why),
    ]),
    'Nothing bears on it.',
  );
}

function remembering(visit: Visit, scope: string): Html {
  return html`<form method="post" action="${href(visit, 'memory/do/remember')}">
    <input type="hidden" name="scope" value="${scope}">
    <label>What <textarea name="text" required maxlength="4000" rows="3"></textarea></label>
    <p class="buttons"><button class="primary">Remember</button></p></form>`;
}

function outcomes(visit: Visit, rows: readonly wishes.Wish[]): Html {
  const tone = { pending: 'calm', done: 'good', refused: 'warn' } as const;
  return table(
    [{ head: 'What' }, { head: 'By', minor: true }, { head: 'Came of it' }],
    rows.map(({ kind, memory_id, run_id, text, given_by, at, state, outcome }) => [
      html`${kind} ${memory_id === null ? '' : linkTo(visit, memory_id)}${run_id === null ? '' : html` <a href="${href(visit, `memory/run-${run_id}`)}">run ${run_id}</a>`} ${text === null ? '' : cut(text)}`,
      html`${given_by}, ${ago(at, visit.ctx.clock.now())}`,
      html`${pill(tone[state], state)} ${outcome}`,
    ]),
    'Nothing yet.',
  );
}
