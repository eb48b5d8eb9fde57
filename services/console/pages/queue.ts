/** Queue: whatever is not over yet: what waits and for what, what is in work, what is held until its owner decides, what was given up. */

import { html } from 'hono/html';
import { usd } from '#shared/base/money.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as task from '#shared/tables/task.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import * as turn from '#shared/tables/turn.ts';
import { outcomesOf, pressed, unpressed } from '../ask.ts';
import type { Action, Done, Html, Page, Visit } from '../page.ts';
import { line } from '../text.ts';
import { ago, button, card, href, next, pill, stat, type Tone, table, times, when } from '../ui.ts';

/** Of each list; what is longer says so. */
const MOST = 100;
const PAGE = 50;
/** Pressed at once; whoever has more presses again. */
const MOST_PRESSED = 200;
const HOUR_ms = 3_600_000;

export const queue: Page = {
  path: 'queue',
  name: 'Queue',
  async show(visit) {
    const { read } = visit.ctx.store;
    const before = visit.query.get('before');
    const [open, held, waiting, unsent, calls, tasks, dead] = await Promise.all([
      read(turn.unended(MOST)),
      read(turn.stuck('held', null, MOST)),
      read(inbound.pending(MOST)),
      read(outbound.unsent(MOST)),
      read(tool_call.open(MOST)),
      read(task.open(MOST)),
      read(turn.stuck('dead', before, PAGE)),
    ]);
    return {
      body: html`${await figures(visit, open, unsent.length)}
        ${card('In work, and waiting', inWork(visit, open), { id: 'queue-open' })}
        ${card('Held until you decide', heldTurns(visit, held), { id: 'queue-held', ...(held.length > 1 && { aside: all(visit) }) })}
        ${card('Messages that no turn has taken up', messages(visit, waiting), { id: 'queue-messages' })}
        <div class="grid">${card('On its way out', leaving(visit, unsent), { id: 'queue-outbound' })}
        ${card('Calls of tools', toolCalls(visit, calls), { id: 'queue-tools' })}
        ${card('Tasks', openTasks(visit, tasks), { id: 'queue-tasks' })}</div>
        ${card('Given up', deadTurns(visit, dead), { id: 'queue-dead' })}`,
    };
  },
  actions: {
    retry: one('retry'),
    drop: one('drop'),
    stop: one('stop'),
    'retry-all': allHeld('retry'),
    'drop-all': allHeld('drop'),
    'task-pause': one('task-pause'),
    'task-resume': one('task-resume'),
    'task-cancel': one('task-cancel'),
  },
};

async function figures({ ctx }: Visit, open: readonly turn.Turn[], unsent: number): Promise<Html> {
  const { read } = ctx.store;
  const now = ctx.clock.now();
  const [backlog] = await read(inbound.backlog);
  const held = await read(turn.held);
  const [pace] = await read(turn.pace(now - HOUR_ms));
  const running = open.filter(({ state }) => state === 'running').length;
  const waiting = open.length - running;
  const since = [
    ...open.map(({ created_at }) => created_at),
    ...(backlog?.oldest_at == null ? [] : [backlog.oldest_at]),
  ];
  const oldest = since.length > 0 ? html`the oldest ${ago(Math.min(...since), now)}` : 'nothing waits';
  return html`<dl class="stats" id="queue-figures" data-live>
    ${stat('Waiting', more(waiting + (backlog?.count ?? 0)), oldest)}
    ${stat('In work', more(running))}
    ${stat('Held', String(held.length), '', held.length > 0 ? 'warn' : 'plain')}
    ${stat('On its way out', more(unsent))}
    ${stat('Last hour', String(pace?.begun ?? 0), `turns begun, ${pace?.ended ?? 0} of them over`)}</dl>`;
}

const more = (count: number) => (count >= MOST ? `${count}+` : String(count));

function inWork(visit: Visit, rows: readonly turn.Asked[]): Html {
  const now = visit.ctx.clock.now();
  return table(
    [{ head: 'Turn' }, { head: 'State' }, { head: 'Since', minor: true }, { head: 'Do' }],
    rows.map((row) => [
      asked(visit, row),
      html`${row.state === 'running' ? pill('good', 'running') : pill(row.failures > 0 ? 'warn' : 'calm', 'waiting')} ${whyOf(row)}${row.state === 'waiting' && row.due_at > now && row.due_at < Number.MAX_SAFE_INTEGER ? html`, due ${when(row.due_at)}` : ''}`,
      ago(row.created_at, now),
      button(visit, to('stop', row.id), 'Stop', { about: `Stop the turn in ${row.conversation}` }),
    ]),
    'Nothing is in work.',
  );
}

/** What a turn that is not over is at, or waits for. */
export function whyOf(
  row: Pick<turn.Turn, 'state' | 'waits_for' | 'failures' | 'error' | 'attempt'>,
): string {
  if (row.state === 'running') return row.attempt > 1 ? `at it, attempt ${row.attempt}` : 'at it';
  const because = row.error === null ? '' : `: ${row.error}`;
  switch (row.waits_for) {
    case 'model':
      return `for the model, failed ${times(row.failures)}${because}`;
    case 'budget':
      return `for money${because}`;
    case 'tools':
      return 'for its tools';
    case 'owner':
      return 'for a check that is made in its name';
    case null:
      return 'to be taken up again';
  }
}

function heldTurns(visit: Visit, rows: readonly turn.Asked[]): Html {
  return table(
    [{ head: 'Turn' }, { head: 'Why' }, { head: 'Since', minor: true }, { head: 'Do' }],
    rows.map((row) => [
      asked(visit, row),
      row.error ?? 'it failed',
      ago(row.changed_at, visit.ctx.clock.now()),
      html`${button(visit, to('retry', row.id), 'Retry', { tone: 'primary', about: `Retry the turn in ${row.conversation}` })}
        ${button(visit, to('drop', row.id), 'Drop', { confirm: 'Leave it unanswered?', about: `Drop the turn in ${row.conversation}` })}`,
    ]),
    'Nothing is held.',
  );
}

function all(visit: Visit): Html {
  return html`<span>${button(visit, { page: 'queue', action: 'retry-all' }, 'Retry all', { confirm: 'Try all of them again?' })}
    ${button(visit, { page: 'queue', action: 'drop-all' }, 'Drop all', { tone: 'danger', confirm: 'Leave all of them unanswered?' })}</span>`;
}

function messages(visit: Visit, rows: readonly inbound.Pending[]): Html {
  return table(
    [{ head: 'Message' }, { head: 'From' }, { head: 'Since' }],
    rows.map(({ conversation, sender, text, received_at }) => [
      said(conversation, text),
      sender,
      ago(received_at, visit.ctx.clock.now()),
    ]),
    'Every message is taken up.',
  );
}

const LEAVING = {
  pending: 'calm',
  sending: 'good',
  uncertain: 'warn',
  sent: 'plain',
  dead: 'bad',
} as const satisfies Record<outbound.Outbound['state'], Tone>;

function leaving(visit: Visit, rows: readonly outbound.Outbound[]): Html {
  const now = visit.ctx.clock.now();
  return table(
    [{ head: 'Message' }, { head: 'State' }, { head: 'Since', minor: true }],
    rows.map(({ conversation, text, state, error, failures, urgency, attempt, due_at, created_at }) => [
      said(conversation, text),
      html`${pill(LEAVING[state], state)} ${error ?? (urgency === 'unasked' && attempt === 0 ? 'nobody asked for it: it goes when it is not quiet' : '')}${failures > 0 ? ` (failed ${times(failures)})` : ''}${due_at > now ? html`, due ${when(due_at)}` : ''}`,
      ago(created_at, now),
    ]),
    'Everything is sent.',
  );
}

function toolCalls(visit: Visit, rows: readonly tool_call.Open[]): Html {
  return table(
    [{ head: 'Tool' }, { head: 'State' }, { head: 'For' }, { head: 'Since' }],
    rows.map(({ tool, state, turn_id, conversation, started_at, created_at }) => [
      tool,
      state === 'asking'
        ? html`${pill('warn', 'waits for your yes')} <a href="${href(visit, 'approvals')}">Approvals</a>`
        : pill(state === 'running' ? 'good' : 'calm', state),
      html`<a href="${turnAt(visit, turn_id)}">${conversation}</a>`,
      ago(started_at ?? created_at, visit.ctx.clock.now()),
    ]),
    'No tool is at work.',
  );
}

function openTasks(visit: Visit, rows: readonly task.Task[]): Html {
  const steer = (id: number, verb: 'pause' | 'resume' | 'cancel', label: string, confirm?: string) =>
    button(visit, { page: 'queue', action: `task-${verb}`, fields: { id } }, label, {
      about: `${label} task ${id}`,
      ...(confirm && { confirm }),
    });
  return table(
    [{ head: 'Task' }, { head: 'State' }, { head: 'So far', minor: true }, { head: 'Until' }, { head: 'Do' }],
    rows.map((row) => [
      html`${row.id}. ${row.goal}${row.note === null ? '' : html`<br><small class="soft">${row.note}</small>`}`,
      pill(row.state === 'running' ? 'good' : row.state === 'held' ? 'warn' : 'calm', row.state),
      `${Math.min(row.iteration, row.most_iterations)} of ${row.most_iterations}, ${usd(row.spent_nanousd)} of ${usd(row.budget_nanousd)}`,
      when(row.until_at),
      html`${row.state === 'running' ? steer(row.id, 'pause', 'Pause') : steer(row.id, 'resume', 'Resume')}
        ${steer(row.id, 'cancel', 'Cancel', 'Cancel this task?')}`,
    ]),
    'There is no task.',
  );
}

function deadTurns(visit: Visit, rows: readonly turn.Asked[]): Html {
  const last = rows.length === PAGE ? (rows.at(-1)?.id ?? null) : null;
  return html`${table(
    [{ head: 'Turn' }, { head: 'Why' }, { head: 'When' }],
    rows.map((row) => [asked(visit, row), row.error, when(row.finished_at)]),
    'None was given up.',
  )}${next(visit, 'queue', last)}`;
}

/** What somebody said, as it is told apart in a list. */
function said(conversation: string | null, text: string | null): Html {
  return html`${text?.trim() ? line(text, 120) : 'without words'}<br><small class="soft">${conversation}</small>`;
}

function asked(visit: Visit, { id, conversation, asked: text }: turn.Asked): Html {
  return html`<a href="${turnAt(visit, id)}">${text?.trim() ? line(text, 120) : conversation}</a><br><small class="soft">${conversation}</small>`;
}

function turnAt(visit: Visit, id: string): string {
  return href(visit, `decision/${id}`);
}

function to(action: string, id: string) {
  return { page: 'queue', action, fields: { id } };
}

/** The button of that name, on one turn or task. */
function one(verb: string): Action {
  return async (visit, form): Promise<Done> => {
    const id = form.get('id') ?? '';
    const subject = `${verb.startsWith('task-') ? 'task' : 'turn'} ${id}`;
    if (!/^[\w-]{1,64}$/.test(id)) return { say: 'Nothing is named so.', refused: true };
    return { ...(await pressed(visit, `${verb}:${id}`)), subject };
  };
}

function allHeld(verb: 'retry' | 'drop'): Action {
  return async (visit): Promise<Done> => {
    const held = (await visit.ctx.store.read(turn.held)).slice(0, MOST_PRESSED);
    if (held.length === 0) return { say: 'Nothing is held.', refused: true };
    const outcomes = await outcomesOf(
      visit,
      held.map(({ id }) => `${verb}:${id}`),
    );
    const counted = Map.groupBy(outcomes, (outcome) => outcome ?? unpressed(visit));
    const say = [...counted].map(([outcome, { length }]) => `${length} ${outcome}`).join(', ');
    return { say: `Of ${held.length}: ${say}.`, subject: `${held.length} held turns` };
  };
}
