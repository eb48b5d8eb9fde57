/** What a rule says: of what it has found, and of what it looks for. Pure. */

import type { Labels } from '#shared/metrics/families.ts';
import type { Rule } from './rules.ts';

/** @param found `of`: of how many calls */
export function textOf(
  rule: Rule,
  found: { labels: Labels; value: number; of?: string | undefined },
): string {
  const { labels, value, of } = found;
  const said = told(rule.unit, value) + (of === undefined ? '' : ` (${of})`);
  return filled(`${rule.text} ${rule.cure}`, rule, { ...labels, value: said });
}

const THAN = { '>': 'more than', '>=': 'at least', '<': 'less than' } as const;

/** Name, when, for how long, and how severe; for a person. */
export function rowOf(rule: Rule): string[] {
  const { name, severity, for_s, every_s, text, is, unit, bound, measure } = rule;
  const floor = 'floor' in measure ? `; of ${measure.floor.toLocaleString('en')} at least` : '';
  const lasts = for_s === 0 ? 'at once' : told('time', for_s);
  return [
    name,
    filled(text.replace(/\.$/, ''), rule, { value: `${THAN[is]} ${told(unit, bound)}` }) + floor,
    every_s === undefined ? lasts : `${lasts}, looked at every ${told('time', every_s)}`,
    severity,
  ];
}

function filled(text: string, rule: Rule, words: Labels): string {
  const all: Labels = { ...words, window: told('time', rule.window_s) };
  return text.replace(/\{(\w+)\}/g, (_, name: string) => all[name] ?? `<${name}>`);
}

function told(unit: Rule['unit'], value: number): string {
  if (unit === 'percent') return `${Number((value * 100).toFixed(1))} %`;
  if (unit === 'bytes') return `${Math.round(value / 2 ** 20)} MB`;
  if (unit === 'times') return String(Number(value.toFixed(1)));
  if (unit === 'number') return String(value);
  if (value < 120) return `${Number(value.toFixed(value < 10 ? 1 : 0))} s`;
  return value < 7200 ? `${Math.round(value / 60)} min` : `${Math.round(value / 3600)} h`;
}
