/** Prometheus' text format, version 0.0.4: all families in their order, each with what it means. */

import { type Family, type FamilyName, families, type Labels, labelsJson } from '#shared/metrics/families.ts';
import type { Sample } from '#shared/metrics/gauges.ts';
import type { Metric } from '#shared/tables/metric.ts';

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function render(counted: readonly Metric[], measured: readonly Sample[]): string {
  const values = new Map<string, Map<string, number>>();
  const put = (name: string, labels: string, value: number) => {
    const series = values.get(name) ?? new Map<string, number>();
    values.set(name, series.set(labels, value));
  };
  for (const { name, labels, value } of counted) put(name, labels, value);
  for (const { name, labels, value } of measured) put(name, labelsJson(name, labels), value);
  return families.map((family) => told(family, values)).join('');
}

function told(
  family: Family & { name: FamilyName },
  values: ReadonlyMap<string, Map<string, number>>,
): string {
  const { name, type, help } = family;
  const lines = partsOf(family).flatMap(({ suffix, les }) => {
    const known = values.get(`${name}${suffix}`) ?? new Map<string, number>();
    const zeros = type === 'gauge' ? [] : fromTheStart(family, values, les);
    const series = new Map([...zeros.map((labels) => [labels, 0] as const), ...known]);
    return [...series].map(([labels, value]) => `${name}${suffix}${braces(JSON.parse(labels))} ${value}\n`);
  });
  return `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

/** A histogram is told as its buckets, their sum and their number. */
function partsOf({ type, buckets = [] }: Family): { suffix: string; les: readonly string[] }[] {
  if (type !== 'histogram') return [{ suffix: '', les: [] }];
  return [
    { suffix: '_bucket', les: [...buckets.map(String), '+Inf'] },
    { suffix: '_sum', les: [] },
    { suffix: '_count', les: [] },
  ];
}

/** The series that are there before anything is counted: those of a model once it has been asked for anything. */
function fromTheStart(
  { name, labels, zeros = {} }: Family & { name: FamilyName },
  values: ReadonlyMap<string, Map<string, number>>,
  les: readonly string[],
): string[] {
  const seen = [...(values.get(name) ?? values.get(`${name}_count`) ?? new Map()).keys()].map(
    (json): Labels => JSON.parse(json),
  );
  let known: Labels[] = [{}];
  for (const label of labels) {
    const possible = zeros[label] ?? [...new Set(seen.map((of) => of[label] ?? ''))];
    known = known.flatMap((of) => possible.map((value) => ({ ...of, [label]: value })));
  }
  if (les.length > 0) known = known.flatMap((of) => les.map((le) => ({ ...of, le })));
  return known.map((of) => labelsJson(name, of));
}

function braces(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
