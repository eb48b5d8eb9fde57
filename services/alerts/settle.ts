/**
 * What becomes of the alerts: pending → firing when it has lasted, resolved when it has stayed away; a pending one that
 * passes is forgotten. All that is remembered is in the rows. Pure.
 */

import type { Alert } from '#shared/tables/alert.ts';
import type { Incident } from '#shared/tables/incident.ts';
import { type Finding, labelsText } from './judge.ts';
import type { Rule } from './rules.ts';

export type Change = {
  begun: Omit<Alert, 'id' | 'resolved_at'>[];
  /** Rows as they are now. */
  changed: Alert[];
  /** Pending ones that are gone. */
  dropped: Alert[];
};

export type Look = {
  now: number;
  /** The rules that were looked at; of the others nothing is known. */
  rules: readonly Rule[];
  /** Two looks of a rule that lie further apart are no proof of what was between them. */
  gap_ms(rule: Rule): number;
  ongoing: readonly Pick<Incident, 'cause'>[];
};

export function settle(open: readonly Alert[], findings: readonly Finding[], look: Look): Change {
  const change: Change = { begun: [], changed: [], dropped: [] };
  const rows = new Map(open.map((row) => [keyOf(row.rule, row.labels), row]));
  for (const finding of findings) {
    const { rule, value, text } = finding;
    const labels = labelsText(finding.labels);
    const key = keyOf(rule.name, labels);
    const row = rows.get(key);
    rows.delete(key);
    const seen = { value, text, seen_at: look.now };
    if (row?.state === 'firing') {
      change.changed.push({ ...row, ...seen });
      continue;
    }
    const since_at = row && isUnbroken(row, look, rule) ? row.since_at : look.now;
    const fires = look.now - since_at >= rule.for_s * 1000;
    const now = {
      ...seen,
      since_at,
      cause: causeOf(finding, look),
      ...(fires
        ? { state: 'firing' as const, fired_at: look.now }
        : { state: 'pending' as const, fired_at: null }),
    };
    if (row) change.changed.push({ ...row, ...now });
    else change.begun.push({ rule: rule.name, labels, severity: rule.severity, ...now });
  }
  for (const row of rows.values()) {
    const rule = look.rules.find(({ name }) => name === row.rule);
    if (!rule) continue;
    if (row.state === 'pending') change.dropped.push(row);
    else if (isCalm(row, look.now, rule.calm_s * 1000)) {
      change.changed.push({ ...row, state: 'resolved', resolved_at: look.now });
    }
  }
  return change;
}

/** By its own word, or that of an incident that it is a sign of. */
export function causeOf({ rule, labels }: Finding, { now, ongoing }: Pick<Look, 'now' | 'ongoing'>): string {
  const own = rule.cause(labels, now);
  if (ongoing.some(({ cause }) => cause === own)) return own;
  return ongoing.find(({ cause }) => rule.sign?.test(cause))?.cause ?? own;
}

function keyOf(rule: string, labels: string): string {
  return `${rule} ${labels}`;
}

function isUnbroken({ since_at, seen_at }: Alert, { now, gap_ms }: Look, rule: Rule): boolean {
  return since_at <= now && seen_at <= now && now - seen_at <= gap_ms(rule);
}

/** A clock that was set back makes nobody wait. */
function isCalm({ seen_at }: Alert, now: number, calm_ms: number): boolean {
  return seen_at > now || now - seen_at >= calm_ms;
}
