/**
 * logs: what the services have logged, all in one, by time. Read from the end of the files backwards, and only so far:
 * a filter that little passes is continued by the next page.
 */

import { html } from 'hono/html';
import { grouped } from '#shared/base/count.ts';
import { codeOf, messageOf } from '#shared/base/errors.ts';
import type { Level } from '#shared/base/log.ts';
import { filterOf, LEVELS, openLogs } from '#shared/base/logs.ts';
import { services } from '#shared/manifest.ts';
import type { Html, Page, Visit } from '../page.ts';
import { indented, line, plain, verbatim } from '../text.ts';
import { card, filter, href, next, pill, type Tone } from '../ui.ts';

const MOST_SHOWN = 100;
/** So many are looked at for one page: about as much as can be read without being noticed. */
const MOST_LOOKED = 20_000;

export const logs: Page = {
  path: 'logs',
  name: 'Logs',
  async show(visit) {
    const { query, ctx } = visit;
    const search = filter(visit, 'logs', [
      { name: 'service', label: 'Service', choices: services.map(({ name }) => name) },
      { name: 'level', label: 'From level', choices: LEVELS },
      { name: 'id', label: 'Id' },
      { name: 'text', label: 'Text' },
      { name: 'before', label: 'Before' },
    ]);
    try {
      const found = look(ctx.home.logs, query);
      return { body: html`${search}${card('Lines', linesOf(visit, found), { id: 'lines' })}` };
    } catch (error) {
      if (codeOf(error) !== 'EACCES') throw error;
      const cure = 'In a terminal: sudo vigil logs.';
      return { body: html`${search}${card('Lines', html`<p>${messageOf(error)}</p><p>${cure}</p>`)}` };
    }
  },
};

type Found = {
  lines: string[];
  looked: number /** Where to go on; null at the end of all. */;
  before: string | null;
};

function look(folder: string, query: URLSearchParams): Found {
  const names = services.map(({ name }) => name).filter((name) => name === query.get('service'));
  const level: Level = LEVELS.find((one) => one === query.get('level')) ?? 'debug';
  const id = query.get('id')?.trim() || undefined;
  const text = query.get('text')?.trim().toLowerCase() ?? '';
  const wants = filterOf({ level, ...(id === undefined ? {} : { id }) });
  const before = momentOf(query.get('before'));
  const lines: string[] = [];
  let looked = 0;
  let last = '';
  for (const { line, time } of openLogs(folder, names, before).backwards()) {
    // Those of one millisecond stay together: the next page begins before it.
    if ((lines.length >= MOST_SHOWN || looked >= MOST_LOOKED) && time !== last)
      return { lines, looked, before: last };
    looked += 1;
    last = time;
    if (wants(line) && (text === '' || line.toLowerCase().includes(text))) lines.push(line);
  }
  return { lines, looked, before: null };
}

/** A time as the lines have it, or as a person writes it; what is none is now. */
function momentOf(text: string | null): string | undefined {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? undefined : new Date(at).toISOString();
}

function linesOf(visit: Visit, { lines, looked, before }: Found): Html {
  const times = new Map<string, number>();
  // Counted from the oldest, so that a line keeps its key when others come.
  const told = lines.toReversed().flatMap((line) => {
    const values = valuesIn(line);
    if (!values) return [];
    const same = `${values.time} ${values.service} ${values.event}`;
    const nth = (times.get(same) ?? 0) + 1;
    times.set(same, nth);
    return [lineOf(visit, values, `${same} ${nth}`)];
  });
  const far = before !== null && lines.length < MOST_SHOWN;
  return html`${told.length > 0 ? html`<div class="lines">${told.reverse()}</div>` : html`<p class="empty">Nothing of that is in the logs.</p>`}
${far ? html`<p class="note">${grouped(looked)} lines were looked at, back to ${before}.</p>` : ''}${next(visit, 'logs', before)}`;
}

/** Null for a line that was torn, by a power cut say. */
function valuesIn(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

const TONES: Readonly<Record<string, Tone>> = { warn: 'warn', error: 'bad', fatal: 'bad' };

/** @param key by which it is known when the page is renewed: what is open stays so while others come */
function lineOf(visit: Visit, values: Record<string, unknown>, key: string): Html {
  const { level, time, agent: _, service, version, pid, event, msg, ...rest } = values;
  const at = new Date(String(time));
  const words = [String(event)];
  if (msg !== String(event).replace('.', ' ')) words.push(String(msg));
  const why = Object(rest.error).message;
  if (why !== undefined) words.push(String(why));
  const local = `${at.toLocaleString('sv')}.${String(at.getMilliseconds()).padStart(3, '0')}`;
  const fields = Object.entries({ ...rest, version, pid });
  return html`<details data-key="${key}"><summary><time class="mono" datetime="${String(time)}">${local}</time> ${pill(TONES[String(level)] ?? 'plain', String(level))} <b>${String(service)}</b> ${line(words.join(' · '), 1000)}</summary>
    <dl class="facts">${fields.map(([name, value]) => html`<dt>${name}</dt><dd>${told(visit, name, value)}</dd>`)}</dl></details>`;
}

/** What bears the same id is one step away. */
const IDS = ['turn', 'decision', 'call', 'task', 'job'];

function told(visit: Visit, name: string, value: unknown): Html {
  if (IDS.includes(name) && typeof value === 'string')
    return html`<a href="${href(visit, 'logs')}?id=${encodeURIComponent(value)}">${value}</a>`;
  return typeof value === 'object'
    ? verbatim(indented(JSON.stringify(value)).replaceAll('\\n', '\n'), name)
    : html`${plain(String(value))}`;
}
