/** Schedules: what is done at set times, by the agent, by a command, by the house itself; when it is next, and what came of it. */

import { html } from 'hono/html';
import { readSpec } from '#shared/base/cron.ts';
import { messageOf } from '#shared/base/errors.ts';
import { usd } from '#shared/base/money.ts';
import { idleBecause } from '#shared/runtime/idle.ts';
import * as fire from '#shared/tables/fire.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as schedule from '#shared/tables/schedule.ts';
import * as slot from '#shared/tables/slot.ts';
import { strip } from '../chart.ts';
import { firesOf, inWords } from '../due.ts';
import { type Filled, filledBy, filledFrom, fires, form, jobFrom, preview } from '../job.ts';
import type { Action, Done, Html, Page, Shown, Visit } from '../page.ts';
import { line, verbatim } from '../text.ts';
import { ago, button, card, facts, href, next, pill, spell, type Tone, table, when } from '../ui.ts';

const PAGE = 40;
/** So few say nothing as a picture. */
const FEW = 5;

export const schedules: Page = {
  path: 'schedules',
  name: 'Schedules',
  async show(visit) {
    return visit.id === null ? listed(visit) : ofOne(visit, visit.id);
  },
  actions: {
    run: onJob(async ({ ctx, by }, { name }) => {
      await ctx.store.commit([fire.ask({ job: name, given_by: by, at: ctx.clock.now() })]);
      return idleBecause(ctx.home, 'cron') ?? `"${name}" runs as soon as it can.`;
    }),
    pause: turned('paused', 'rests'),
    resume: turned('active', 'goes on; what it was paused over is not made up for'),
    delete: turned('deleted', 'is deleted'),
    add: (visit, sent) => put(visit, filledFrom(sent), null),
    async save(visit, sent) {
      const filled = filledFrom(sent);
      const [was] = await visit.ctx.store.read(schedule.named(filled.name));
      if (!was || was.state === 'deleted' || was.kind === 'house') return unknown(filled.name);
      return put(visit, filled, was);
    },
  },
};

const TONES = {
  due: 'calm',
  started: 'good',
  done: 'good',
  failed: 'bad',
  skipped: 'warn',
} as const satisfies Record<slot.Slot['state'], Tone>;

const at = (visit: Visit, name: string) => href(visit, pathOf(name));
const pathOf = (name: string) => `schedules/${encodeURIComponent(name)}`;

async function listed(visit: Visit): Promise<Shown> {
  const { store, clock } = visit.ctx;
  const all = await store.read(schedule.all);
  const rows = await Promise.all(
    all.map(async (job) => ({ job, last: (await store.read(slot.ofJob(job.name, 1)))[0] ?? null })),
  );
  const of = (house: boolean) => rows.filter(({ job }) => (job.kind === 'house') === house);
  const asked = visit.query.has('preview');
  const filled = asked ? filledFrom(visit.query) : filledBy(null);
  return {
    body: html`${card('Yours', jobs(visit, of(false)), { id: 'schedules-own' })}
      ${card("The house's own", jobs(visit, of(true)), { id: 'schedules-house' })}
      ${card(
        'A new one',
        html`<details ${asked ? html`open` : ''}><summary>Have the agent told something, or a command run, at set times</summary>
        ${asked ? preview(filled, clock.now()) : ''}${form(visit, filled, { page: 'schedules', action: 'add', named: true })}</details>`,
      )}`,
  };
}

function jobs(visit: Visit, rows: readonly { job: schedule.Schedule; last: slot.Slot | null }[]): Html {
  const now = visit.ctx.clock.now();
  return table(
    [{ head: 'What' }, { head: 'Next' }, { head: 'Last', minor: true }, { head: 'Do' }],
    rows.map(({ job, last }) => [
      html`<a href="${at(visit, job.name)}">${job.name}</a>${job.prompt === '' ? '' : html`<br><small class="soft">${line(job.prompt, 160)}</small>`}`,
      html`${nextOf(job, now)}<br><small class="soft">${inWords(job.spec)} ${job.zone}</small>`,
      last && html`${pill(TONES[last.state], last.state)} ${ago(last.due_at, now)}`,
      buttons(visit, job),
    ]),
    'There is none.',
  );
}

function nextOf(job: schedule.Schedule, now: number): Html {
  if (job.state !== 'active') return pill('warn', job.state);
  try {
    const [first] = firesOf(readSpec(job.spec, job.zone), job.zone, now, 1);
    return first
      ? html`<time datetime="${new Date(first.at).toISOString()}">${first.wall}</time>`
      : html`never`;
  } catch (error) {
    return html`${pill('bad', 'unreadable')} <small class="soft">${messageOf(error)}</small>`;
  }
}

/** They lead back to where they stand. */
function buttons(visit: Visit, { name, state }: schedule.Schedule): Html {
  const fields = { name, ...(visit.id !== null && { back: 'one' }) };
  const one = (action: string, label: string) =>
    button(visit, { page: 'schedules', action, fields }, label, { about: `${label}: ${name}` });
  return html`${one('run', 'Run now')} ${state === 'active' ? one('pause', 'Pause') : one('resume', 'Resume')}`;
}

async function ofOne(visit: Visit, name: string): Promise<Shown> {
  const { store, clock } = visit.ctx;
  const now = clock.now();
  const [job] = await store.read(schedule.named(name));
  if (!job || job.state === 'deleted') {
    const body = html`<p>There is no schedule of that name. <a href="${href(visit, 'schedules')}">To all of them</a></p>`;
    return { title: name, status: 404, body };
  }
  const before = Number(visit.query.get('before') ?? Number.MAX_SAFE_INTEGER);
  const slots = await store.read(slot.ofJob(name, PAGE, Number.isSafeInteger(before) ? before : 0));
  const turns = await Promise.all(
    slots.map(async ({ id, service }) =>
      service === null ? (await store.read(inbound.keyed('job', String(id))))[0]?.turn_id : null,
    ),
  );
  const asked = visit.query.has('preview');
  const filled = asked ? { ...filledFrom(visit.query), name } : filledBy(job);
  const remove = button(visit, { page: 'schedules', action: 'delete', fields: { name } }, 'Delete', {
    ...{ tone: 'danger', confirm: `Delete "${name}"?` },
  });
  const house = job.kind === 'house';
  return {
    title: name,
    body: html`<div class="grid">${card('What it is', about(job), { id: 'schedule-about', aside: html`<span>${buttons(visit, job)} ${house ? '' : remove}</span>` })}
      ${card('Next', job.state === 'active' ? nextTimes(job, now) : html`<p>${pill('warn', job.state)}</p>`, { id: 'schedule-next' })}</div>
      ${card('What came of it', history(visit, slots, turns), { id: 'schedule-history' })}
      ${
        house
          ? ''
          : card(
              'Change it',
              html`<details ${asked ? html`open` : ''}><summary>Its times, what is done, what it may cost</summary>
              ${asked ? preview(filled, now) : ''}${form(visit, filled, { page: pathOf(name), action: 'save', named: false })}</details>`,
            )
      }`,
  };
}

function nextTimes({ spec, zone }: schedule.Schedule, now: number): Html {
  try {
    return fires(readSpec(spec, zone), zone, now);
  } catch (error) {
    return html`<p class="notice bad">${messageOf(error)}</p>`;
  }
}

function about(job: schedule.Schedule): Html {
  const limits = [
    ...(job.run_nanousd === null ? [] : [`${usd(job.run_nanousd)} a run`]),
    ...(job.day_nanousd === null ? [] : [`${usd(job.day_nanousd)} a day`]),
  ];
  const { hosts = [], paths = [] }: { hosts?: string[]; paths?: string[] } = JSON.parse(
    job.grants_json ?? '{}',
  );
  return facts([
    ['when', html`${inWords(job.spec)}<br><small class="soft"><code>${job.spec}</code> ${job.zone}</small>`],
    job.kind === 'house' ? ['done by', job.service] : [job.kind, verbatim(job.prompt, 'what is to be done')],
    [
      'missed times',
      { once: 'the last is made up for', all: 'all are made up for', skip: 'left out' }[job.missed],
    ],
    ['overlap', { skip: 'the next is left out', queue: 'the next waits' }[job.overlap]],
    ['money', limits.join(', ') || 'what the budgets leave'],
    ...(hosts.length + paths.length > 0 ? ([['may reach', [...hosts, ...paths].join(', ')]] as const) : []),
    ['tells', job.chat === null ? 'this machine' : `chat ${job.chat}`],
    ['set by', html`${job.given_by}, ${when(job.at)}`],
  ]);
}

function history(
  visit: Visit,
  slots: readonly slot.Slot[],
  turns: readonly (string | null | undefined)[],
): Html {
  if (slots.length === 0) return html`<p class="empty">It was never due.</p>`;
  const boxes = slots.toReversed().map(({ state, due_at, reason }) => {
    const say = `${new Date(due_at).toLocaleString('sv').slice(0, 16)}: ${state}${reason === null ? '' : `, ${reason}`}`;
    return { tone: TONES[state], say };
  });
  const failed = slots.filter(({ state }) => state === 'failed').length;
  const last = slots.length === PAGE ? String(slots.at(-1)?.id) : null;
  return html`${slots.length < FEW ? '' : strip(boxes, `the last ${slots.length} times, ${failed} of them failed`)}
    ${table(
      [{ head: 'Due' }, { head: 'Result' }, { head: 'Took', number: true }, { head: 'Why' }],
      slots.map((one, nth) => {
        const due = when(one.due_at);
        const turn_id = turns[nth];
        return [
          html`${turn_id ? html`<a href="${href(visit, `decision/${turn_id}`)}">${due}</a>` : due}${one.wanted_by === null ? '' : html`<br><small class="soft">wanted by ${one.wanted_by}</small>`}`,
          pill(TONES[one.state], one.state),
          one.started_at !== null && one.finished_at !== null
            ? spell(one.finished_at - one.started_at)
            : null,
          one.reason === null ? '' : line(one.reason, 160),
        ];
      }),
      '',
    )}${next(visit, pathOf(slots[0]?.job ?? ''), last)}`;
}

function unknown(name: string): Done {
  return { say: `There is no schedule "${name}" that could be changed.`, refused: true };
}

/** Where the form is shown again, with what was filled in; too long for an address, it is filled in anew. */
function again(path: string, filled: Filled): string {
  const query = new URLSearchParams({ preview: '1', ...filled }).toString();
  return query.length > 8000 ? path : `${path}?${query}`;
}

async function put(visit: Visit, filled: Filled, was: schedule.Schedule | null): Promise<Done> {
  const { store, clock } = visit.ctx;
  const now = clock.now();
  const shownAt = was ? pathOf(was.name) : 'schedules';
  const job = jobFrom(filled, was, { given_by: visit.by, at: now });
  const refused = (say: string): Done => ({ say, refused: true, to: again(shownAt, filled) });
  if (typeof job === 'string') return refused(job);
  const [taken] = was ? [] : await store.read(schedule.named(job.name));
  if (taken && taken.state !== 'deleted') return refused(`There is a schedule "${job.name}" already.`);
  await store.commit([schedule.put(job)]);
  const [first] = firesOf(readSpec(job.spec, job.zone), job.zone ?? null, now, 1);
  const then = job.state === 'paused' ? 'it rests' : first ? `next ${first.wall}` : 'it is over';
  return { say: `"${job.name}" is saved: ${then}.`, to: pathOf(job.name), subject: job.name };
}

/** On a job that is there. */
function onJob(act: (visit: Visit, job: schedule.Schedule) => Promise<string | Done>): Action {
  return async (visit, sent): Promise<Done> => {
    const name = sent.get('name') ?? '';
    const [job] = await visit.ctx.store.read(schedule.named(name));
    if (!job || job.state === 'deleted') return unknown(name);
    const done = await act(visit, job);
    return typeof done === 'string'
      ? { say: done, to: sent.has('back') ? pathOf(name) : 'schedules', subject: name }
      : { ...done, subject: name };
  };
}

function turned(state: schedule.Schedule['state'], says: string): Action {
  return onJob(async ({ ctx, by }, { id: _, ...job }) => {
    if (state === 'deleted' && job.kind === 'house')
      return { say: `"${job.name}" is the house's own: it can be paused.`, refused: true };
    if (job.state !== state)
      await ctx.store.commit([schedule.put({ ...job, state, given_by: by, at: ctx.clock.now() })]);
    const say = `"${job.name}" ${says}.`;
    return state === 'deleted' ? { say, to: 'schedules' } : say;
  });
}
