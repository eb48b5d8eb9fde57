/** What a portion of rows comes to, counter by counter and hour by hour. */

import { periodOf } from '#shared/base/period.ts';
import { type CounterName, familyOf, type HistogramName, labelsJson } from '#shared/metrics/families.ts';
import type { Metric } from '#shared/tables/metric.ts';
import type { Hour } from '#shared/tables/metric_hour.ts';

/** `values` are those of the family's labels, in its order. */
export type Tally = {
  add(at: number, name: CounterName, values: readonly string[], by?: number): void;
  observe(at: number, name: HistogramName, values: readonly string[], seconds: number): void;
  /** A histogram's buckets count all that is no larger, and are not kept hour by hour. */
  growth(): { totals: Metric[]; hours: Hour[] };
};

type Count = { hour_at: number; name: CounterName; values: readonly string[]; by: number };
type Observed = {
  hour_at: number;
  name: HistogramName;
  values: readonly string[];
  /** One for each bound, and one beyond them. */
  counts: number[];
  sum: number;
};

export function tally(): Tally {
  const counts = new Map<string, Count>();
  const observed = new Map<string, Observed>();
  const keyOf = (hour_at: number, name: string, values: readonly string[]) =>
    `${hour_at}\n${name}\n${values.join('\n')}`;
  return {
    add(at, name, values, by = 1) {
      if (by === 0) return;
      const hour_at = periodOf('hour', at).starts_at;
      const key = keyOf(hour_at, name, values);
      const known = counts.get(key);
      if (known) known.by += by;
      else counts.set(key, { hour_at, name, values, by });
    },
    observe(at, name, values, seconds) {
      const hour_at = periodOf('hour', at).starts_at;
      const key = keyOf(hour_at, name, values);
      const bounds = boundsOf(name);
      let known = observed.get(key);
      if (!known) {
        known = { hour_at, name, values, counts: new Array(bounds.length + 1).fill(0), sum: 0 };
        observed.set(key, known);
      }
      const place = bounds.findIndex((bound) => seconds <= bound);
      const nth = place < 0 ? bounds.length : place;
      known.counts[nth] = (known.counts[nth] ?? 0) + 1;
      known.sum += seconds;
    },
    growth() {
      const plain = [...counts.values()].map(({ hour_at, name, values, by }) => ({
        hour_at,
        name,
        labels: labelsOf(name, values),
        value: by,
      }));
      const hours: Hour[] = [...plain, ...[...observed.values()].flatMap(sums)];
      return { totals: [...hours, ...[...observed.values()].flatMap(buckets)], hours };
    },
  };
}

function boundsOf(name: HistogramName): readonly number[] {
  return familyOf(name).buckets ?? [];
}

function labelsOf(name: CounterName | HistogramName, values: readonly string[], le?: string): string {
  const labels = Object.fromEntries(familyOf(name).labels.map((label, nth) => [label, values[nth] ?? '']));
  return labelsJson(name, le === undefined ? labels : { ...labels, le });
}

function sums({ hour_at, name, values, counts, sum }: Observed): Hour[] {
  const labels = labelsOf(name, values);
  const count = counts.reduce((all, one) => all + one, 0);
  return [
    { hour_at, name: `${name}_sum`, labels, value: sum },
    { hour_at, name: `${name}_count`, labels, value: count },
  ];
}

function buckets({ name, values, counts }: Observed): Metric[] {
  const bounds = [...boundsOf(name).map(String), '+Inf'];
  let below = 0;
  return bounds.map((le, nth) => {
    below += counts[nth] ?? 0;
    return { name: `${name}_bucket`, labels: labelsOf(name, values, le), value: below };
  });
}
