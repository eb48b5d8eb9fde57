/** What waits for a yes: all that it would do, whose words led to it, and who asks. And what was said before. */

import { html } from 'hono/html';
import { rule } from '#shared/runtime/rule.ts';
import * as approval from '#shared/tables/approval.ts';
import * as permission from '#shared/tables/permission.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import type { Done, Html, Page, Visit } from '../page.ts';
import { indented, plain, verbatim } from '../text.ts';
import { button, card, facts, href, next, pill, type Tone, table, when } from '../ui.ts';

type Form = ReadonlyMap<string, string>;

const MOST = 50;
/** The tools ask for nothing that takes more words (see their policy), and all of it is shown. */
const WHOLE_chars = 100_000;

export const approvals: Page = {
  path: 'approvals',
  name: 'Approvals',
  async show(visit) {
    const { read } = visit.ctx.store;
    const before = /^[0-9a-f-]{36}$/.exec(visit.query.get('before') ?? '')?.[0] ?? '~';
    const [open, closed, given] = await Promise.all([
      read(approval.open),
      read(approval.closed(before, MOST)),
      read(permission.inForce),
    ]);
    return {
      body: html`<div id="open" data-live>${
        open.length === 0
          ? html`<section class="card"><p class="empty">Nothing waits for your word.</p></section>`
          : await Promise.all(open.map((one) => waiting(visit, one, 'approvals')))
      }</div>
      ${card('Always allowed', standing(visit, given), { id: 'standing-permissions' })}
      ${card('Answered', history(visit, closed), { id: 'answered' })}
      ${next(visit, 'approvals', closed.length === MOST ? (closed.at(-1)?.id ?? null) : null)}`,
    };
  },
  actions: { answer: answered, revoke: revoked },
};

/** One that is open, with its buttons. @param from the page to come back to */
export async function waiting(visit: Visit, one: approval.Approval, from: string): Promise<Html> {
  const [call] = await visit.ctx.store.read(tool_call.of(one.call_id));
  const isQuestion = one.kind === 'question';
  const choices: string[] = JSON.parse(one.choices_json);
  const asks = html`<a href="${href(visit, `decision/${one.turn_id}`)}">${plain(call?.sender ?? 'a job or a task', 60)}, in ${plain(one.conversation, 60)}</a>`;
  return html`<section class="card asked" data-key="${one.id}"><header><h2>${isQuestion ? 'A question' : plain(one.tool, 60)}</h2>${
    one.taint === null ? '' : pill('warn', 'has read words of strangers')
  }</header>
    ${verbatim(one.scope, isQuestion ? 'the question' : 'what it would do', WHOLE_chars)}
    ${facts([
      ['For', asks],
      ...(one.taint === null
        ? []
        : [
            [
              'Has read',
              html`${one.taint.split('\n').map((source) => html`${plain(source, 300)}<br>`)}`,
            ] as const,
          ]),
      ...(one.rule_json === null ? [] : [['Always would allow', ruleInWords(one.rule_json)] as const]),
      ['Asked', when(one.asked_at)],
      ['No after', when(one.expires_at)],
    ])}
    ${call ? html`<details><summary>All that the tool is given</summary>${verbatim(indented(call.input_json), 'arguments', WHOLE_chars)}</details>` : ''}
    <div class="buttons">${choices.map((choice, nth) =>
      button(
        visit,
        {
          page: 'approvals',
          action: 'answer',
          fields: { id: one.id, choice: isQuestion ? String(nth) : choice, from },
        },
        isQuestion ? plain(choice, 200) : (LABELS[choice] ?? choice),
        {
          ...(choice === 'deny' && !isQuestion ? { tone: 'danger' as const } : {}),
          ...(choice === 'once' && !isQuestion ? { tone: 'primary' as const } : {}),
          about: `${isQuestion ? plain(choice, 200) : (LABELS[choice] ?? choice)}: ${plain(one.tool, 60)}`,
        },
      ),
    )}</div></section>`;
}

const LABELS: Record<string, string> = { once: 'Allow once', always: 'Always for this', deny: 'Deny' };

/** `{"commands":["git push"],"hosts":["github.com"]}` as lines. */
function ruleInWords(rule_json: string): Html {
  const rule: Record<string, unknown> = JSON.parse(rule_json);
  return html`${Object.entries(rule).map(([name, value]) => {
    const values = (Array.isArray(value) ? value : [value]).map((one) =>
      typeof one === 'string' ? one : JSON.stringify(one),
    );
    return values.length === 0 ? '' : html`${plain(name, 60)}: ${plain(values.join(', '), 3000)}<br>`;
  })}`;
}

async function answered(visit: Visit, form: Form): Promise<Done> {
  const { store } = visit.ctx;
  const [id = '', choice = ''] = [form.get('id'), form.get('choice')];
  const to = form.get('from') === 'chat' ? 'chat' : 'approvals';
  const [found] = await store.read(approval.of(id));
  if (!found) return { say: 'There is no such approval.', refused: true, to };
  if (found.state !== 'open') return { ...too(found), to };
  const outcome = await rule(store, { about: `approval ${id}`, choice, by: visit.by });
  const subject = `approval ${id}`;
  // Somebody else was quicker: the first word counts.
  const [now = found] = await store.read(approval.of(id));
  if (outcome === 'too late') return { ...too(now), to, subject };
  const done = /^(granted|answered|denied|kept)/.test(outcome);
  const say = outcome === 'granted' && choice === 'always' ? 'Always allowed.' : `${sentence(outcome)}.`;
  return { say, to, subject, ...(done ? {} : { refused: true as const }) };
}

function too({ state, choice, answered_by }: approval.Approval): Done {
  if (state === 'expired' || state === 'open')
    return { say: 'Its time is over: no answer meant no.', refused: true };
  if (state === 'moot') return { say: 'What asked for it has ended.', refused: true };
  const words = [state, choice === state ? null : choice].filter(Boolean).join(', ');
  return {
    say: `It was answered elsewhere first: ${plain(words, 200)}, by ${plain(answered_by ?? 'nobody', 60)}.`,
    refused: true,
  };
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

async function revoked(visit: Visit, form: Form): Promise<Done> {
  const id = form.get('id') ?? '';
  if (!/^\d{1,15}$/.test(id)) return { say: 'There is no such permission.', refused: true };
  const outcome = await rule(visit.ctx.store, { about: `permission ${id}`, choice: 'revoke', by: visit.by });
  const done = /^(revoked|kept)/.test(outcome);
  return {
    say: outcome === 'revoked' ? 'Taken back, from the next call on.' : `${sentence(outcome)}.`,
    subject: `permission ${id}`,
    ...(done ? {} : { refused: true as const }),
  };
}

function standing(visit: Visit, given: readonly permission.Permission[]): Html {
  return table(
    [
      { head: 'Tool' },
      { head: 'What' },
      { head: 'By', minor: true },
      { head: 'Since', minor: true },
      { head: 'Change' },
    ],
    given.map((one) => [
      plain(one.tool, 60),
      plain(one.scope, 3000),
      plain(one.given_by, 60),
      when(one.given_at),
      button(visit, { page: 'approvals', action: 'revoke', fields: { id: one.id } }, 'Revoke', {
        tone: 'danger',
        about: `Revoke: ${plain(one.tool, 60)} ${plain(one.scope, 100)}`,
      }),
    ]),
    'Nothing is always allowed.',
  );
}

const TONES: Record<string, Tone> = { granted: 'good', answered: 'good', denied: 'bad', expired: 'warn' };

function history(visit: Visit, closed: readonly approval.Approval[]): Html {
  return table(
    [
      { head: 'Asked' },
      { head: 'What' },
      { head: 'Answer' },
      { head: 'By', minor: true },
      { head: 'When', minor: true },
    ],
    closed.map((one) => [
      when(one.asked_at),
      html`<a href="${href(visit, `decision/${one.turn_id}`)}">${plain(one.tool, 60)}</a> <span class="soft" dir="auto">${plain(one.scope.replace(/\s+/g, ' '), 160)}</span>`,
      html`${pill(TONES[one.state] ?? 'plain', one.state)}${one.choice && one.choice !== one.state ? ` ${plain(one.choice, 60)}` : ''}`,
      one.answered_by && plain(one.answered_by, 60),
      one.answered_at === null ? null : when(one.answered_at),
    ]),
    'Nothing was asked yet.',
  );
}
