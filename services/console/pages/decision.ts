/** One decision's turn, from the message to the answer: what was known, who was asked, what was done, and what it cost. */

import { html } from 'hono/html';
import { about } from '#shared/base/count.ts';
import { usd } from '#shared/base/money.ts';
import { foundById } from '#shared/life/found.ts';
import {
  type Facts,
  factsOf,
  featuresOf,
  isForgotten,
  lifeOf,
  reasonOf,
  rounded,
  sumOf,
  tokensIn,
} from '#shared/life/life.ts';
import type * as call from '#shared/tables/call.ts';
import type * as inbound from '#shared/tables/inbound.ts';
import type { ToolCall } from '#shared/tables/tool_call.ts';
import { answer } from '../answered.ts';
import { pressed } from '../ask.ts';
import type { Html, Page, Shown, Visit } from '../page.ts';
import { indented, plain, verbatim } from '../text.ts';
import {
  button,
  card,
  href,
  facts as pairs,
  pill,
  spell,
  stat,
  type Tone,
  table,
  times,
  when,
} from '../ui.ts';
import { rowsOf, waterfall } from '../waterfall.ts';
import { toneOf } from './decisions.ts';

/** Of each kind of thing; a turn that has more is told to its end by `vigil explain`. */
const MOST = 100;

export const decision: Page = {
  path: 'decision',
  name: 'Decision',
  hidden: true,
  async show(visit) {
    const { read } = visit.ctx.store;
    const what = visit.id ?? 'last';
    const found = await foundById(read, what);
    if (found === 'several')
      return none(`Several ids begin with ${plain(what, 40)}: tell more of it.`, visit);
    if (found === 'nothing') {
      return none('No turn and no decision has this id, or it is older than the house remembers.', visit);
    }
    const told = await factsOf(read, found.turn);
    return { title: `Turn ${found.turn.id.slice(0, 13)}`, body: whole(visit, told) };
  },
  actions: {
    /** Whatever core understands as a button's of a turn. */
    async press(visit, form) {
      const [verb = '', id = ''] = [form.get('verb'), form.get('turn')];
      if (!/^(good|bad|made-up|retry|drop|stop)$/.test(verb) || !/^[0-9a-f-]{36}$/.test(id))
        return { say: 'There is no such button.', refused: true };
      return { ...(await pressed(visit, `${verb}:${id}`)), to: `decision/${id}`, subject: `turn ${id}` };
    },
  },
};

function none(why: string, visit: Visit): Shown {
  return {
    status: 404,
    title: 'No such decision',
    body: html`<p>${why} <a href="${href(visit, 'decisions')}">All decisions</a></p>`,
  };
}

function whole(visit: Visit, told: Facts): Html {
  const { turn } = told;
  const from = told.inbound[0]?.received_at ?? turn.created_at;
  return html`${
    isForgotten(told)
      ? html`<p class="notice warn">This was forgotten: what was said, recalled, done and answered in it is gone for good. That it was, and what it cost, is kept.</p>`
      : ''
  }${summary(visit, told)}
  ${card('Said', said(told), { id: 'said' })}
  ${card('Along the time', waterfall(rowsOf(told, visit.ctx.clock.now()), Math.min(from, turn.created_at)), { id: 'waterfall' })}
  ${card('What was recalled, and why', recalled(told), { id: 'recalled' })}
  ${card('Model calls', calls(visit, told), { id: 'calls' })}
  ${card('Decided', decided(told), { id: 'decided' })}
  ${told.tools.length > 0 ? card('Tools', tools(told), { id: 'tools' }) : ''}
  ${told.outbound.length > 0 ? card('Deliveries', deliveries(told), { id: 'deliveries' }) : ''}
  ${told.errors.length > 0 ? card('Errors', errors(told), { id: 'errors' }) : ''}
  ${card('In the order in which it happened', timeline(told), { id: 'timeline' })}`;
}

function summary(visit: Visit, told: Facts): Html {
  const { turn, calls, tools, rating, check, taints } = told;
  const { nanousd, tokens } = sumOf(told);
  const took = turn.finished_at === null ? null : turn.finished_at - turn.created_at;
  const sure = told.decisions.findLast((one) => one.confidence !== null)?.confidence ?? null;
  const press = (verb: string, label: string, says: string) =>
    button(visit, { page: 'decision', action: 'press', fields: { verb, turn: turn.id } }, label, {
      about: says,
    });
  const isOpen = turn.finished_at === null && turn.state !== 'held';
  return html`<dl class="stats">
    ${stat('State', turn.state, turn.error === null ? '' : plain(turn.error, 200), toneOf[turn.state] ?? 'plain')}
    ${stat('Took', took === null ? '–' : spell(took), when(turn.created_at))}
    ${stat('Cost', usd(nanousd), `${calls.length} model ${calls.length === 1 ? 'call' : 'calls'}, ${about(tokens)} tokens`)}
    ${stat('Tools', String(tools.length), taints.length > 0 ? 'had read words of strangers' : 'had read no stranger', taints.length > 0 ? 'warn' : 'plain')}
    ${stat('Sure', sure === null ? '–' : sure.toFixed(2), 'as the model says')}
  </dl>
  ${card(
    'Turn',
    html`${pairs([
      ['Id', html`<code>${turn.id}</code>`],
      [
        'Conversation',
        html`<a href="${href(visit, 'decisions')}?${new URLSearchParams({ conversation: turn.conversation }).toString()}">${plain(turn.conversation, 100)}</a>`,
      ],
      ['Asked by', turn.sender === null ? 'nobody: a job or a task' : plain(turn.sender, 100)],
      ['Model chosen', turn.alias],
      [
        'Words of strangers',
        taints.length === 0
          ? null
          : html`${taints.slice(0, MOST).map(({ source }) => html`${plain(source, 200)}<br>`)}`,
      ],
      [
        'Rated',
        rating === null
          ? null
          : `${rating.why ?? (rating.good ? 'good' : 'bad')}, by ${plain(rating.sender, 60)}`,
      ],
      ['Held against its sources', check?.verdict ?? null],
    ])}<div class="buttons">${
      isOpen
        ? press('stop', 'Stop', 'Stop this turn')
        : turn.state === 'held'
          ? html`${press('retry', 'Try again', 'Try this turn again')}${press('drop', 'Drop', 'Drop this turn')}`
          : html`${press('good', 'Good', 'Rate the answer as good')}${press('bad', 'Bad', 'Rate the answer as bad')}${press('made-up', 'Made up', 'Say that the answer is made up')}`
    }</div>`,
    { id: 'turn' },
  )}`;
}

function said({ inbound, outbound }: Facts): Html {
  const answers = outbound.filter(({ kind }) => kind === 'reply');
  if (inbound.length + answers.length === 0) return html`<p class="empty">Nothing was said.</p>`;
  return html`<ol class="talk">${inbound.slice(0, MOST).map(heard)}${answers
    .slice(0, MOST)
    .map(
      (one) =>
        html`<li class="own"><p class="who">Vigil ${when(one.created_at)}</p><div dir="auto">${one.text === '' ? FORGOTTEN : answer(one)}</div></li>`,
    )}</ol>`;
}

const FORGOTTEN = html`<p class="empty">forgotten</p>`;

function heard(one: inbound.Told): Html {
  const parts: inbound.Part[] = JSON.parse(one.parts_json ?? '[]');
  return html`<li><p class="who">${plain(one.sender ?? one.source, 60)} ${when(one.received_at)}</p>${
    one.text === null ? FORGOTTEN : html`<p class="words" dir="auto">${plain(one.text, 20_000)}</p>`
  }${parts.map(
    (part) =>
      html`<p class="soft" dir="auto">${part.kind}: ${plain('text' in part ? part.text : part.from, 500)}</p>`,
  )}</li>`;
}

function recalled(told: Facts): Html {
  return table(
    [{ head: 'What' }, { head: 'Score', number: true }, { head: 'What spoke for it', minor: true }],
    told.recalled.slice(0, MOST).map((one) => [
      html`<span class="soft">${one.kind} ${one.ref}</span> <span dir="auto">${one.text === null ? 'forgotten since' : plain(one.text, 400)}</span>`,
      rounded(one.score),
      featuresOf(one.why_json)
        .map(([feature, value]) => `${feature} ${rounded(value)}`)
        .join(', '),
    ]),
    'Nothing was recalled.',
  );
}

function calls(visit: Visit, { calls }: Facts): Html {
  if (calls.length === 0) return html`<p class="empty">No model was asked.</p>`;
  return html`${calls.slice(0, MOST).map((one) => asked(visit, one))}`;
}

function asked(visit: Visit, one: call.Call): Html {
  const { because, others } = reasonOf(one.reason_json);
  const tone: Tone = one.closed_at === null ? 'calm' : one.outcome === 'ok' ? 'good' : 'bad';
  const cached = one.cache_read_tokens ?? 0;
  return html`<section class="part"><h3>${plain(one.alias ?? one.model, 60)} → ${plain(one.target, 80)} ${pill(tone, one.outcome ?? one.state)}${
    one.attempt > 1 ? html` ${pill('warn', `attempt ${one.attempt}`)}` : ''
  }</h3>${pairs([
    ['Asked', when(one.opened_at)],
    ['Why there', because ?? 'the first in line that was free'],
    ...(one.error_type === null ? [] : [['Error', plain(one.error_type, 100)] as const]),
    [
      'Tokens',
      `${about(tokensIn(one))} in${cached > 0 ? `, ${about(cached)} of them from cache` : ''}, ${about(one.output_tokens ?? 0)} out`,
    ],
    [
      'Cost',
      `${usd(one.cost_nanousd ?? 0)}${one.estimated ? ', estimated' : ''}${one.closed_at === null ? `, reserved ${usd(one.hold_nanousd)}` : ''}`,
    ],
    [
      'Time',
      one.latency_ms === null
        ? null
        : `${spell(one.latency_ms)}, the first word after ${one.first_byte_ms === null ? '–' : spell(one.first_byte_ms)}`,
    ],
    [
      'Word for word',
      html`<a href="${href(visit, `exchange/${one.id}`)}">what it was asked and answered</a>`,
    ],
  ])}${
    others.length === 0
      ? ''
      : html`<details><summary>${others.length} not chosen</summary>${table(
          [{ head: 'Target' }, { head: 'Why not' }],
          others.map(({ target, why }) => [plain(target, 80), plain(why, 200)]),
          '',
        )}</details>`
  }</section>`;
}

function decided({ decisions }: Facts): Html {
  if (decisions.length === 0) return html`<p class="empty">Nothing was decided yet.</p>`;
  return html`<p class="soft">Reasoning and confidence are the model's own statements.</p>${decisions
    .slice(0, MOST)
    .map(
      (one) =>
        html`<section class="part" id="d-${one.id}"><h3>${plain(one.action, 80)}</h3>${pairs([
          ['When', when(one.at)],
          ['Id', html`<code>${one.id}</code>`],
          ['Confidence', one.confidence === null ? null : one.confidence.toFixed(2)],
        ])}${one.reasoning ? html`<details><summary>Reasoning</summary>${verbatim(one.reasoning, 'reasoning')}</details>` : ''}</section>`,
    )}`;
}

function tools({ tools, approvals }: Facts): Html {
  return html`${tools.slice(0, MOST).map((one) => {
    const ruled = approvals.find(({ id }) => id === one.approval_id);
    return html`<section class="part"><h3>${plain(one.tool, 60)} ${pill(one.state === 'done' ? 'good' : one.finished_at === null ? 'calm' : 'bad', one.state)}</h3>${pairs(
      [
        ['Wanted', when(one.created_at)],
        [
          'Ran',
          one.started_at === null || one.finished_at === null
            ? null
            : spell(one.finished_at - one.started_at),
        ],
        ...(one.source === null ? [] : [['Brought words of', plain(one.source, 200)] as const]),
        ...(ruled
          ? [
              [
                'Approval',
                html`${pill(ruled.state === 'granted' || ruled.state === 'answered' ? 'good' : 'warn', ruled.state)} ${[ruled.choice, ruled.answered_by && `by ${ruled.answered_by}`].filter(Boolean).map((word) => `${plain(String(word), 60)} `)}${ruled.answered_at === null ? '' : when(ruled.answered_at)}${ruled.taint ? html`<br><span class="soft">had read ${plain(ruled.taint, 300)}</span>` : ''}`,
              ] as const,
            ]
          : []),
      ],
    )}${verbatim(indented(one.input_json), `arguments of ${plain(one.tool, 60)}`, 8000)}${result(one)}</section>`;
  })}`;
}

function result({ result_json, tool }: ToolCall): Html {
  if (result_json === null) return html``;
  const blocks: { type: string; text?: string; name?: string }[] = JSON.parse(result_json);
  const words = blocks.map((one) => one.text ?? `[${one.type} ${one.name ?? ''}]`).join('\n');
  return html`<details><summary>Result, ${about(Buffer.byteLength(words))} bytes</summary>${verbatim(words, `result of ${plain(tool, 60)}`)}</details>`;
}

function deliveries({ outbound }: Facts): Html {
  return table(
    [{ head: 'What' }, { head: 'To' }, { head: 'State' }, { head: 'When' }, { head: 'Note', minor: true }],
    outbound
      .slice(0, MOST)
      .map((one) => [
        one.kind,
        plain(`${one.channel} ${one.chat ?? ''}`, 60),
        pill(one.state === 'sent' ? 'good' : one.state === 'dead' ? 'bad' : 'warn', one.state),
        when(one.finished_at ?? one.created_at),
        plain(
          [
            one.uncertain > 0 ? `perhaps ${one.uncertain + 1} times` : '',
            one.failures > 0 ? `failed ${times(one.failures)}` : '',
            one.error ?? '',
          ]
            .filter(Boolean)
            .join(', '),
          200,
        ),
      ]),
    '',
  );
}

function errors({ errors }: Facts): Html {
  return table(
    [{ head: 'When' }, { head: 'Where' }, { head: 'What' }, { head: 'Done about it', minor: true }],
    errors
      .slice(0, MOST)
      .map((one) => [
        when(one.at),
        plain(`${one.service} ${one.event}`, 80),
        html`${pill(one.severity === 'warning' ? 'warn' : 'bad', one.severity)} ${plain(one.message, 400)}${one.times > 1 ? ` (${one.times} times)` : ''}`,
        plain(one.recovery, 200),
      ]),
    '',
  );
}

function timeline(told: Facts): Html {
  const events = lifeOf(told);
  const first = events[0]?.at ?? 0;
  return html`${table(
    [{ head: 'After', number: true }, { head: 'What' }, { head: 'Which' }],
    events
      .slice(0, 5 * MOST)
      .map(({ at, what, detail }) => [
        html`<time datetime="${new Date(at).toISOString()}">${spell(at - first)}</time>`,
        what,
        html`<span dir="auto">${plain(detail, 1000)}</span>`,
      ]),
    'Nothing.',
  )}${events.length > 5 * MOST ? html`<p class="soft">The rest: <code>vigil explain ${told.turn.id}</code></p>` : ''}`;
}
