/** A job as a form of the console has it: what was filled in, read and refused by the same rules as on the command line. */

import { html } from 'hono/html';
import { readNew, readSpec } from '#shared/base/cron.ts';
import { messageOf } from '#shared/base/errors.ts';
import { NANO, nanousdOf } from '#shared/base/money.ts';
import { TERMINAL } from '#shared/tables/conversation.ts';
import * as schedule from '#shared/tables/schedule.ts';
import { firesOf } from './due.ts';
import type { Html, Visit } from './page.ts';
import { href } from './ui.ts';

/** The fields of the form, by their names; what is not filled in is ''. */
const FIELDS = [
  ...(['name', 'when', 'zone', 'kind', 'work', 'missed', 'overlap', 'run_usd', 'day_usd', 'chat'] as const),
  ...(['hosts', 'paths'] as const),
] as const;
export type Filled = Record<(typeof FIELDS)[number], string>;

const MOST_WORK_chars = 4000;
const MOST_usd = 1000;
const SHOWN_TIMES = 5;

export function filledFrom(of: { get(name: string): string | null | undefined }): Filled {
  // Each of FIELDS is there.
  return Object.fromEntries(FIELDS.map((name) => [name, of.get(name)?.trim() ?? ''])) as Filled;
}

/** What it is filled with when nobody has yet: the job as it is, or one as most are. */
export function filledBy(job: schedule.Schedule | null): Filled {
  const grants: { hosts?: string[]; paths?: string[] } = JSON.parse(job?.grants_json ?? '{}');
  const usd = (nanousd: number | null | undefined) => (nanousd == null ? '' : String(nanousd / NANO));
  return {
    name: job?.name ?? '',
    when: job?.spec ?? '',
    zone: job?.zone ?? '',
    kind: job?.kind ?? 'prompt',
    work: job?.prompt ?? '',
    missed: job?.missed ?? 'once',
    overlap: job?.overlap ?? 'skip',
    run_usd: usd(job?.run_nanousd),
    day_usd: usd(job?.day_nanousd),
    chat: job?.chat ?? '',
    hosts: grants.hosts?.join(' ') ?? '',
    paths: grants.paths?.join(' ') ?? '',
  };
}

/**
 * The row that is put for it; or what is wrong with it, in words.
 * @param was the job as it is, which keeps what no field says
 */
export function jobFrom(
  filled: Filled,
  was: schedule.Schedule | null,
  by: { given_by: string; at: number },
): schedule.Put | string {
  const { name, kind, work, missed, overlap, chat } = filled;
  const zone = filled.zone === '' ? null : filled.zone;
  const state = was?.state === 'paused' ? 'paused' : 'active';
  if (!schedule.NAME.test(name)) return `The name: ${schedule.NAMED}.`;
  if (work === '' || work.length > MOST_WORK_chars)
    return `What is to be done: expected up to ${MOST_WORK_chars} characters.`;
  if (kind !== 'prompt' && kind !== 'command') return `The kind: expected prompt or command, got '${kind}'.`;
  if (missed !== 'once' && missed !== 'all' && missed !== 'skip')
    return 'Missed: expected once, all or skip.';
  if (overlap !== 'skip' && overlap !== 'queue') return 'Overlap: expected skip or queue.';
  if (chat !== '' && !/^-?\d{1,19}$/.test(chat)) return `The chat: expected its number, got '${chat}'.`;
  const money = { run_nanousd: moneyIn(filled.run_usd), day_nanousd: moneyIn(filled.day_usd) };
  if (Number.isNaN(money.run_nanousd) || Number.isNaN(money.day_nanousd))
    return `Money: expected dollars, more than 0 and up to ${MOST_usd}.`;
  const [hosts, paths] = [wordsOf(filled.hosts), wordsOf(filled.paths)];
  if (kind === 'prompt' && hosts.length + paths.length > 0)
    return 'Hosts and paths are for a command: what a prompt may do is asked when it does it.';
  if (!paths.every((path) => path.startsWith('/'))) return 'Paths: expected whole ones, that begin with /.';
  let spec: string;
  try {
    spec = (state === 'active' ? readNew : readSpec)(filled.when, zone, by.at).text;
  } catch (error) {
    return `When: ${messageOf(error)}.`;
  }
  const to =
    was && (was.chat ?? '') === chat
      ? { channel: was.channel, chat: was.chat, conversation: was.conversation }
      : chat === ''
        ? ({ channel: 'terminal', chat: null, conversation: TERMINAL } as const)
        : ({ channel: 'telegram', chat, conversation: `telegram:${chat}` } as const);
  return {
    ...{ ...by, ...to, ...money, name, state, spec, zone, kind, missed, overlap },
    prompt: work.toWellFormed(),
    grants_json: kind === 'command' ? JSON.stringify({ hosts, paths }) : null,
  };
}

/** NaN for what is none. */
function moneyIn(text: string): number | null {
  if (text === '') return null;
  const usd = /^\$?\d{1,4}(\.\d{1,9})?$/.test(text) ? Number(text.replace('$', '')) : Number.NaN;
  return usd > 0 && usd <= MOST_usd ? nanousdOf(usd) : Number.NaN;
}

const wordsOf = (text: string) => text.split(/[\s,]+/).filter((word) => word !== '');

/** What the form would come to: its next times, or why not. Reading it changes nothing. */
export function preview(filled: Filled, now: number): Html {
  try {
    const zone = filled.zone === '' ? null : filled.zone;
    return fires(readNew(filled.when, zone, now), zone, now);
  } catch (error) {
    return html`<p class="notice bad">${messageOf(error)}</p>`;
  }
}

/** The next five times, on the clocks of its zone. */
export function fires(spec: ReturnType<typeof readSpec>, zone: string | null, now: number): Html {
  const next = firesOf(spec, zone, now, SHOWN_TIMES);
  if (next.length === 0) return html`<p class="empty">It is never due any more.</p>`;
  return html`<ol class="fires">${next.map(
    ({ at, wall, changed }) =>
      html`<li><time datetime="${new Date(at).toISOString()}">${wall}</time>${changed === null ? '' : html` <small class="soft">(${changed})</small>`}</li>`,
  )}</ol><p class="note">${zone === null ? 'Local time' : `Time of ${zone}`}.</p>`;
}

/**
 * Its first button shows when it would be due, and is what Enter presses; only the second one, a POST, puts it down.
 * @param of.page where it is shown; `of.action`: what puts it down
 */
export function form(
  visit: Visit,
  filled: Filled,
  of: { page: string; action: string; named: boolean },
): Html {
  const field = (name: keyof Filled, label: string, more: Html = html``) =>
    html`<label>${label} <input name="${name}" value="${filled[name]}" autocomplete="off" ${more}></label>`;
  const choice = (name: keyof Filled, label: string, choices: Readonly<Record<string, string>>) =>
    html`<label>${label} <select name="${name}">${Object.entries(choices).map(
      ([value, says]) =>
        html`<option value="${value}" ${value === filled[name] ? html`selected` : ''}>${says}</option>`,
    )}</select></label>`;
  return html`<form method="get" action="${href(visit, of.page)}" class="job">
    <input type="hidden" name="preview" value="1">
    <div class="filter">
      ${of.named ? field('name', 'Name', html`required maxlength="60"`) : html`<input type="hidden" name="name" value="${filled.name}">`}
      ${field('when', 'When', html`required size="24" placeholder="0 8 * * 1-5"`)}
      ${field('zone', 'Time zone', html`placeholder="local" maxlength="60" size="16"`)}
      ${choice('kind', 'Kind', { prompt: 'prompt to the agent', command: 'command, no model' })}
    </div>
    <label>What is to be done <textarea name="work" required maxlength="${MOST_WORK_chars}" rows="4">${filled.work}</textarea></label>
    <details><summary>Money, missed times, where it is told, what a command may reach</summary><div class="filter">
      ${choice('missed', 'Missed times', { once: 'make up for the last', all: 'make up for all', skip: 'leave out' })}
      ${choice('overlap', 'While one is at work', { skip: 'leave the next out', queue: 'let it wait' })}
      ${field('run_usd', 'Dollars a run', html`inputmode="decimal" size="8"`)}
      ${field('day_usd', 'Dollars a day', html`inputmode="decimal" size="8"`)}
      ${field('chat', 'Telegram chat', html`inputmode="numeric" size="12" placeholder="this machine"`)}
      ${field('hosts', 'Hosts')} ${field('paths', 'Paths it may write')}
    </div></details>
    <p class="buttons"><button>Preview</button>
      <button class="primary" formmethod="post" formaction="${href(visit, `schedules/do/${of.action}`)}">Save</button></p></form>`;
}
