/** The passes over what was said: what each learnt and changed, what it cost, and its undoing. */

import { html } from 'hono/html';
import { usd } from '#shared/base/money.ts';
import * as memory_change from '#shared/tables/memory_change.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import type { Html, Shown, Visit } from '../../page.ts';
import { button, card, href, next, pill, type Tone, table, when } from '../../ui.ts';
import { cut, linkTo, parts } from './part.ts';

const PAGE = 40;

const TONES = {
  planned: 'calm',
  submitted: 'calm',
  received: 'calm',
  applied: 'good',
  failed: 'bad',
  refused: 'warn',
  undone: 'plain',
} as const satisfies Record<memory_run.Run['state'], Tone>;

export async function runs(visit: Visit): Promise<Shown> {
  const before = Number(visit.query.get('before') ?? Number.MAX_SAFE_INTEGER);
  const rows = await visit.ctx.store.read(memory_run.latest(PAGE, Number.isSafeInteger(before) ? before : 0));
  const last = rows.length === PAGE ? String(rows.at(-1)?.id) : null;
  return {
    title: 'Passes over what was said',
    body: html`${parts(visit)}${card('The latest', html`${await drawn(visit, rows)}${next(visit, 'memory/runs', last)}`, { id: 'memory-runs' })}`,
  };
}

export async function run(visit: Visit, id: number): Promise<Shown> {
  const { store } = visit.ctx;
  const [found] = await store.read(memory_run.of(id));
  if (!found)
    return { title: 'No such run', status: 404, body: html`${parts(visit)}<p>There is no run ${id}.</p>` };
  const changed = await store.read(memory_change.ofRun(id));
  const undo = button(visit, { page: 'memory', action: 'undo', fields: { id } }, 'Undo', {
    ...{ tone: 'danger', confirm: `Take back all that run ${id} changed?` },
  });
  return {
    title: `Run ${id}`,
    body: html`${parts(visit)}${card('What it was', await drawn(visit, [found]), { id: 'run-about', ...(found.state === 'applied' && { aside: undo }) })}
      ${card(
        'What it changed',
        table(
          [{ head: 'Change' }, { head: '#' }, { head: 'What' }, { head: 'Now' }],
          changed.map(({ op, memory_id, other_id, status, text }) => [
            html`${op} ${other_id === null ? '' : linkTo(visit, other_id)}`,
            linkTo(visit, memory_id),
            cut(text),
            status,
          ]),
          'It changed nothing.',
        ),
        { id: 'run-changes' },
      )}`,
  };
}

async function drawn(visit: Visit, rows: readonly memory_run.Run[]): Promise<Html> {
  const counts = await visit.ctx.store.read(memory_change.counts(rows.map(({ id }) => id)));
  return table(
    [
      ...[{ head: 'Run' }, { head: 'Begun' }, { head: 'How' }, { head: 'State' }, { head: 'Over' }],
      ...([
        { head: 'New', number: true },
        { head: 'Changed', number: true },
      ] as const),
      ...([
        { head: 'Rejected', number: true, minor: true },
        { head: 'Cost', number: true, minor: true },
      ] as const),
    ],
    rows.map((row) => {
      const { learnt, changed } = memory_change.tally(row.id, counts);
      return [
        html`<a href="${href(visit, `memory/run-${row.id}`)}">${row.id}</a>`,
        when(row.created_at),
        row.how,
        html`${pill(TONES[row.state], row.state)}${row.problem === null ? '' : html`<br><small class="soft">${cut(row.problem)}</small>`}`,
        row.period === null ? row.conversation : html`a ${row.period} of ${row.scope}`,
        learnt,
        changed,
        row.rejected,
        row.cost_nanousd === null ? null : usd(row.cost_nanousd),
      ];
    }),
    'There was no run yet.',
  );
}
