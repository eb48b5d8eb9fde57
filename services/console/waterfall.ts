/** What a turn has done, one below the other along one axis of time, drawn here as SVG. */

import { html } from 'hono/html';
import type { Facts } from '#shared/life/life.ts';
import type { Html } from './page.ts';
import { plain } from './text.ts';
import { spell, type Tone } from './ui.ts';

/** A stretch of time, and what happened in it. */
type Stretch = { from: number; to: number; tone: Tone };
export type Row = { name: string; say: string; stretches: Stretch[] };

/** What is too short to be seen is drawn this wide, of a thousand. */
const SLIM = 3;
/** A turn of more than this is read in the timeline. */
const MOST_ROWS = 200;

/** Pure. @param now the end of what has none yet */
export function rowsOf({ calls, tools, approvals, outbound }: Facts, now: number): Row[] {
  const rows: Row[] = [
    ...calls.map((one) => {
      const to = one.closed_at ?? now;
      const first = one.first_byte_ms === null ? to : Math.min(to, one.opened_at + one.first_byte_ms);
      const ended = one.closed_at === null ? 'calm' : one.outcome === 'ok' ? 'good' : 'bad';
      return {
        name: one.target,
        say: `model ${one.target}, attempt ${one.attempt}, ${one.outcome ?? one.state}`,
        stretches: [
          { from: one.opened_at, to: first, tone: ended === 'bad' ? ended : 'calm' },
          { from: first, to, tone: ended },
        ] satisfies Stretch[],
      };
    }),
    ...tools.map((one) => {
      const to = one.finished_at ?? now;
      const begun = one.started_at ?? to;
      const ended = one.finished_at === null ? 'calm' : one.state === 'done' ? 'good' : 'bad';
      return {
        name: one.tool,
        say: `tool ${one.tool}, ${one.state}`,
        stretches: [
          { from: one.created_at, to: begun, tone: 'plain' },
          { from: begun, to, tone: ended },
        ] satisfies Stretch[],
      };
    }),
    ...approvals.map((one) => ({
      name: 'approval',
      say: `asked the owner, ${one.state}`,
      stretches: [{ from: one.asked_at, to: one.answered_at ?? now, tone: 'warn' }] satisfies Stretch[],
    })),
    ...outbound.map((one) => ({
      name: one.kind,
      say: `${one.kind} to ${one.channel}, ${one.state}`,
      stretches: [
        { from: one.created_at, to: one.finished_at ?? now, tone: one.state === 'dead' ? 'bad' : 'good' },
      ] satisfies Stretch[],
    })),
  ];
  const begin = ({ stretches: [first] }: Row) => first?.from ?? 0;
  return rows.toSorted((a, b) => begin(a) - begin(b)).slice(0, MOST_ROWS);
}

export function waterfall(rows: readonly Row[], from: number): Html {
  const to = Math.max(from + 1, ...rows.flatMap(({ stretches }) => stretches.map((one) => one.to)));
  const at = (moment: number) => (Math.max(0, moment - from) / (to - from)) * 1000;
  const quarters = [0, 0.25, 0.5, 0.75, 1];
  return html`<div class="waterfall"><div class="axis" aria-hidden="true"><span></span><span class="ticks">${quarters.map(
    (share) => html`<span>${spell((to - from) * share)}</span>`,
  )}</span></div><ol>${rows.map(({ name, say, stretches }) => {
    const begun = stretches[0]?.from ?? from;
    const took = spell(Math.max(0, (stretches.at(-1)?.to ?? begun) - begun));
    const words = `${plain(say, 120)}: after ${spell(Math.max(0, begun - from))}, ${took}`;
    return html`<li><span class="name">${plain(name, 60)}</span><svg viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="${words}"><title>${words}</title>${stretches
      .filter((one, nth) => one.to > one.from || nth === 0)
      .map(
        (one) =>
          html`<rect class="${one.tone}" x="${Math.min(at(one.from), 1000 - SLIM).toFixed(1)}" width="${Math.max(SLIM, at(one.to) - at(one.from)).toFixed(1)}" height="10"/>`,
      )}</svg><span class="took">${took}</span></li>`;
  })}</ol></div>`;
}
