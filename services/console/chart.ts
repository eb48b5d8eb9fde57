/** Charts, drawn here as SVG: they follow the theme, need no script, and say in words what they show. */

import { html } from 'hono/html';
import type { Html } from './page.ts';
import type { Tone } from './ui.ts';

/** A small line without axes, for a cell or a figure. */
export function sparkline(values: readonly number[], label: string): Html {
  const top = Math.max(...values, 1e-9);
  const points = values.map(
    (value, nth) =>
      `${((nth / Math.max(1, values.length - 1)) * 100).toFixed(1)},${(20 - (value / top) * 18).toFixed(1)}`,
  );
  return html`<svg class="sparkline" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label="${label}"><polyline points="${points.join(' ')}"/></svg>`;
}

/** Bars side by side, each with its name and value in words. */
export function bars(
  values: readonly { name: string; value: number; tone?: Tone; say: string }[],
  label: string,
): Html {
  const top = Math.max(...values.map(({ value }) => value), 1e-9);
  const wide = 100 / Math.max(1, values.length);
  return html`<svg class="bars" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label="${label}">${values.map(
    ({ value, tone = 'plain', say }, nth) =>
      html`<rect class="${tone}" x="${(nth * wide).toFixed(2)}" width="${(wide * 0.8).toFixed(2)}" y="${(40 - (value / top) * 40).toFixed(1)}" height="${((value / top) * 40).toFixed(1)}"><title>${say}</title></rect>`,
  )}</svg>`;
}

/** Little boxes for what was up and what was not, one after the other. */
export function strip(boxes: readonly { tone: Tone; say: string }[], label: string): Html {
  const wide = 100 / Math.max(1, boxes.length);
  return html`<svg class="strip" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="${label}">${boxes.map(
    ({ tone, say }, nth) =>
      html`<rect class="${tone}" x="${(nth * wide).toFixed(2)}" width="${(wide * 0.85).toFixed(2)}" y="0" height="10"><title>${say}</title></rect>`,
  )}</svg>`;
}

/** How far of a limit something has come; `mark`: where it is expected to end. Both from 0 to 1, or beyond. */
export function meter(share: number, label: string, tone: Tone, mark?: number): Html {
  const at = (x: number) => (Math.min(1, Math.max(0, x)) * 100).toFixed(1);
  return html`<svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="${label}"><rect class="ground" width="100" height="6"/><rect class="${tone}" width="${at(share)}" height="6"/>${mark === undefined ? '' : html`<rect class="mark" x="${at(mark)}" width="0.8" height="6"/>`}</svg>`;
}
