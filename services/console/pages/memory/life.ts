/** One memory: what it rests on, what it replaced, who changed it, when the model was told of it. */

import { html } from 'hono/html';
import {
  type Life,
  lifeOf,
  originOf,
  quoteOf,
  reasonsOf,
  speakerOf,
  TRUST,
  whyOf,
} from '#shared/recall/life.ts';
import type { Html, Shown, Visit } from '../../page.ts';
import { verbatim } from '../../text.ts';
import { card, facts, href, table, when } from '../../ui.ts';
import { cut, linkTo, parts, standing, words } from './part.ts';

export async function life(visit: Visit, id: number): Promise<Shown> {
  const found = Number.isSafeInteger(id) ? await lifeOf(visit.ctx.store.read, id) : null;
  if (!found) {
    return {
      title: 'Not remembered',
      status: 404,
      body: html`${parts(visit)}<p>There is no memory of that number (any more).</p>`,
    };
  }
  const { memory } = found;
  const aside = html`<span>${words(visit, memory)} <a href="${href(visit, `memory/forget?ids=${id}`)}" aria-label="Forget #${id}">Forget</a></span>`;
  return {
    title: `Memory #${id}`,
    body: html`${parts(visit)}
      ${card('What is remembered', html`${verbatim(memory.text, 'what is remembered')}${about(visit, found)}${editing(visit, found)}`, { id: 'memory-about', aside })}
      ${card('Rests on', sources(visit, found), { id: 'memory-sources' })}
      ${found.chain.length > 1 ? card('Before and after', chain(visit, found), { id: 'memory-chain' }) : ''}
      <div class="grid">${card('What was done to it', changes(visit, found), { id: 'memory-changes' })}
      ${card('When the model was told of it', recalled(visit, found), { id: 'memory-recalled' })}</div>`,
  };
}

function about(visit: Visit, found: Life): Html {
  const { memory, run } = found;
  const { kind, period, slot, scope, trust, confidence, due_at } = memory;
  const origin = originOf(found);
  const told: [string, Html | string | number | null][] = [
    ['kind', period === null ? kind : `${kind} of a ${period}`],
    ['state', html`${standing(memory)} ${whyOf(found)}`],
    ['slot', slot],
    ['whose', scope],
    ['from', run ? html`<a href="${href(visit, `memory/run-${run.id}`)}">${origin}</a>` : origin],
    ['trust', `${trust}: ${TRUST[trust]}`],
    ['confidence', confidence],
    ['true', between(memory.valid_from, memory.valid_to)],
    ['believed', between(memory.recorded_at, memory.unrecorded_at)],
    ['due', due_at === null ? null : when(due_at)],
    ['sums up', between(memory.starts_at, memory.ends_at)],
  ];
  return facts(told.filter(([, value]) => value !== null));
}

function between(from_at: number | null, to_at: number | null): Html | null {
  if (from_at === null && to_at === null) return null;
  return html`${from_at === null ? '' : html`from ${when(from_at)}`} ${to_at === null ? '' : html`to ${when(to_at)}`}`;
}

function editing(visit: Visit, { memory: { id, text } }: Life): Html {
  return html`<details><summary>Have it say something else</summary>
    <form method="post" action="${href(visit, 'memory/do/edit')}">
    <input type="hidden" name="id" value="${id}"><input type="hidden" name="back" value="one">
    <label>What it shall say; what it said stays in its history <textarea name="text" required maxlength="4000" rows="3">${text}</textarea></label>
    <p class="buttons"><button class="primary">Change</button></p></form></details>`;
}

function sources(visit: Visit, { sources: rows }: Life): Html {
  return table(
    [{ head: 'Words' }, { head: 'By' }, { head: 'Said' }, { head: 'Trust', number: true, minor: true }],
    rows.map((row) => [
      html`<q>${cut(quoteOf(row))}</q><br><small class="soft"><a href="${href(visit, `decision/${row.turn_id}`)}">${row.conversation}</a></small>`,
      speakerOf(row),
      when(row.at),
      row.trust,
    ]),
    'No message: it was told to memory itself.',
  );
}

function chain(visit: Visit, { memory, chain: rows }: Life): Html {
  return table(
    [{ head: '#' }, { head: 'What' }, { head: 'State' }, { head: 'Believed' }],
    rows.map((one) => [
      one.id === memory.id ? html`#${one.id}, this one` : linkTo(visit, one.id),
      cut(one.text),
      standing(one),
      between(one.recorded_at, one.unrecorded_at),
    ]),
    '',
  );
}

function changes(visit: Visit, { changes: rows }: Life): Html {
  return table(
    [{ head: 'What' }, { head: 'By' }, { head: 'When' }],
    rows.map(({ op, other_id, run_id, wish_id, at }) => [
      html`${op} ${other_id === null ? '' : linkTo(visit, other_id)}`,
      run_id !== null
        ? html`<a href="${href(visit, `memory/run-${run_id}`)}">run ${run_id}</a>`
        : wish_id !== null
          ? `wish ${wish_id}`
          : null,
      when(at),
    ]),
    'Nothing is noted any more.',
  );
}

function recalled(visit: Visit, { recalled: rows }: Life): Html {
  return table(
    [{ head: 'Turn' }, { head: 'Score', number: true }, { head: 'Why', minor: true }],
    rows.map(({ turn_id, at, score, why_json }) => [
      html`<a href="${href(visit, `decision/${turn_id}`)}">${when(at)}</a>`,
      score.toFixed(2),
      reasonsOf(JSON.parse(why_json)),
    ]),
    'Never yet.',
  );
}
