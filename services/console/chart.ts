/** Charts, drawn here as SVG: they follow the theme, need no script, and say in words what they show. */

import { html } from 'hono/html';
import type { Html } from './page.ts';
import type { Tone } from './ui.ts';

/** A small line without axes, for a cell or a figure. */
export function sparkline(values: readonly number[], label: string): Html {
  const top = Math.max(...values, 1e-9);
  const points = values.map(
    (value, nth) =>
      `${round((nth / Math.max(1, values.length - 1)) * 100)},${round(19 - (value / top) * 18)}`,
  );
  return html`<svg class="sparkline" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label="${label}"><polyline points="${points.join(' ')}"/></svg>`;
}

/** Bars side by side, each with its name and value in words. `top`: what the full height stands for. */
export function bars(
  values: readonly { name: string; value: number; tone?: Tone; say: string }[],
  label: string,
  top = Math.max(...values.map(({ value }) => value), 1e-9),
): Html {
  const wide = 100 / Math.max(1, values.length);
  return html`<svg class="bars" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label="${label}">${values.map(
    ({ value, tone = 'plain', say }, nth) => {
      // What there is little of is seen to be there.
      const high = value > 0 ? Math.max(0.6, (value / top) * 40) : 0;
      return html`<rect class="${tone}" x="${round((nth + 0.1) * wide)}" width="${round(wide * 0.8)}" y="${round(40 - high)}" height="${round(high)}"><title>${say}</title></rect>`;
    },
  )}</svg>`;
}

/** Little boxes for what was up and what was not, one after the other. Neighbours that say the same are drawn as one. */
export function strip(boxes: readonly { tone: Tone; say: string }[], label: string): Html {
  const wide = 100 / Math.max(1, boxes.length);
  const runs: { tone: Tone; say: string; from: number; count: number }[] = [];
  for (const [nth, { tone, say }] of boxes.entries()) {
    const last = runs.at(-1);
    if (last && last.tone === tone && last.say === say) last.count += 1;
    else runs.push({ tone, say, from: nth, count: 1 });
  }
  return html`<svg class="strip" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="${label}">${runs.map(
    ({ tone, say, from, count }) =>
      html`<rect class="${tone}" x="${round(from * wide)}" width="${round(count * wide)}" height="10"><title>${say}</title></rect>`,
  )}<path class="gaps" d="M0 5H100" stroke-dasharray="${round(wide * 0.22)} ${round(wide * 0.78)}" stroke-dashoffset="${round(wide * 0.11)}"/></svg>`;
}

/** How far of a limit something has come; `mark`: where it is expected to end. Both from 0 to 1, or beyond. */
export function meter(share: number, label: string, tone: Tone, mark?: number): Html {
  const at = (x: number) => round(Math.min(1, Math.max(0, x)) * 100);
  return html`<svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="${label}"><rect class="ground" width="100" height="6"/><rect class="${tone}" width="${at(share)}" height="6"/>${mark === undefined ? '' : html`<rect class="mark" x="${Math.min(99.2, at(mark))}" width="0.8" height="6"/>`}</svg>`;
}

/**
 * What has grown, step by step, and where it is going.
 * @param of.values at the end of each step so far; `steps`: how many there are in all; `guess`: at the end of the last
 * @param of.says of each value, in words
 */
export function plot(
  of: {
    values: readonly number[];
    steps: number;
    says: readonly string[];
    top: number;
    guess?: number | undefined;
    limit?: number | undefined;
  },
  label: string,
): Html {
  const { values, steps, says, guess, limit } = of;
  const x = (nth: number) => round((nth / steps) * 100);
  const y = (value: number) => round(40 - (Math.min(value, of.top) / Math.max(of.top, 1e-9)) * 40);
  const line = values.map((value, nth) => `${x(nth + 1)},${y(value)}`);
  const last = values.at(-1) ?? 0;
  return html`<svg class="plot" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label="${label}">
    <polygon class="area" points="0,40 ${line.join(' ')} ${x(values.length)},40"/><polyline class="line" points="0,40 ${line.join(' ')}"/>
    ${guess === undefined ? '' : html`<polyline class="guess" points="${x(values.length)},${y(last)} 100,${y(guess)}"/>`}
    ${limit === undefined || limit > of.top ? '' : html`<path class="limit" d="M0 ${y(limit)}H100"/>`}
    ${says.map((say, nth) => html`<rect class="hit" x="${x(nth)}" width="${round(100 / steps)}" height="40"><title>${say}</title></rect>`)}</svg>`;
}

/** Any of them with its axes: `scale` from the top down, `feet` from left to right. */
export function framed(chart: Html, scale: readonly string[], feet: readonly string[]): Html {
  return html`<figure class="chart"><div class="scale" aria-hidden="true">${scale.map((word) => html`<span>${word}</span>`)}</div>${chart}<div class="feet" aria-hidden="true">${feet.map((word) => html`<span>${word}</span>`)}</div></figure>`;
}

function round(n: number): number {
  return Math.round(n * 100) / 100;
}
