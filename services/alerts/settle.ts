/**
 * What becomes of the alerts: pending → firing when it has lasted, resolved when it has stayed away; a pending one that
 * passes is forgotten. And which incidents that opens and closes: a cause that somebody else has an incident of needs none
 * of ours. All that is remembered is in the rows. Pure.
 */

import type { Alert } from '#shared/tables/alert.ts';
import type { Incident } from '#shared/tables/incident.ts';
import { type Finding, labelsText } from './judge.ts';
import type { Rule } from './rules.ts';

export type Look = {
  now: number;
  rules: readonly Rule[];
  /** Those that were looked at; of what the others have found nothing is known. */
  due: ReadonlySet<Rule>;
  /** Two looks at a rule that lie further apart prove nothing of what was between them. */
  gap_ms(rule: Rule): number;
  ongoing: readonly Pick<Incident, 'cause'>[];
  /** Those that have ended of late: whoever ended one knows more than we do, for a while. */
  ended: readonly Pick<Incident, 'cause'>[];
};

export type Change = {
  begun: Omit<Alert, 'id' | 'resolved_at'>[];
  changed: Alert[];
  /** Pending ones that have passed. */
  dropped: Alert[];
  opened: Pick<Incident, 'cause' | 'severity' | 'text'>[];
  closed: string[];
};

export function settle(open: readonly Alert[], findings: readonly Finding[], look: Look): Change {
  const change: Change = { begun: [], changed: [], dropped: [], opened: [], closed: [] };
  const unseen = new Map(open.map((row) => [keyOf(row.rule, row.labels), row]));
  for (const finding of findings) {
    const { rule, value, text } = finding;
    const labels = labelsText(finding.labels);
    const row = unseen.get(keyOf(rule.name, labels));
    unseen.delete(keyOf(rule.name, labels));
    const lasts = row && (row.state === 'firing' || isUnbroken(row, rule, look));
    const since_at = lasts ? row.since_at : look.now;
    const fires = row?.state === 'firing' || look.now - since_at >= rule.for_s * 1000;
    const goesOn = row?.state === 'firing' && has(look.ended, row.cause);
    const cause = goesOn ? row.cause : causeOf(finding, look);
    const now = {
      value,
      text,
      cause,
      since_at,
      seen_at: look.now,
      state: fires ? ('firing' as const) : ('pending' as const),
      fired_at: fires ? (row?.fired_at ?? look.now) : null,
    };
    if (row) change.changed.push({ ...row, ...now });
    else change.begun.push({ rule: rule.name, labels, severity: rule.severity, ...now });
    if (fires && !goesOn && cause === ownOf(finding, look) && !has(look.ongoing, cause)) {
      change.opened.push({ cause, severity: rule.severity, text });
    }
  }
  const calm = [...unseen.values()].filter((row) => isCalm(row, look));
  for (const row of calm) {
    if (row.state === 'pending') change.dropped.push(row);
    else change.changed.push({ ...row, state: 'resolved', resolved_at: look.now });
  }
  const waiting = [...unseen.values()].filter((row) => !calm.includes(row));
  const lasting = [...waiting, ...change.begun, ...change.changed].filter(({ state }) => state === 'firing');
  change.closed = calm
    .filter(({ state }) => state === 'firing')
    .map(({ cause }) => cause)
    .filter((cause) => !has(lasting, cause));
  return change;
}

/** One whose rule is gone is over; one whose rule was not looked at goes on. */
function isCalm({ rule: name, state, seen_at }: Alert, { rules, due, now }: Look): boolean {
  const rule = rules.find((rule) => rule.name === name);
  if (rule && !due.has(rule)) return false;
  // A clock that was set back makes nobody wait.
  return !rule || state === 'pending' || seen_at > now || now - seen_at >= rule.calm_s * 1000;
}

function isUnbroken({ since_at, seen_at }: Alert, rule: Rule, { now, gap_ms }: Look): boolean {
  return since_at <= now && seen_at <= now && now - seen_at <= gap_ms(rule);
}

function ownOf({ rule, labels }: Finding, { now }: Look): string {
  return rule.cause(labels, now);
}

/** Its own, or that of an incident which it is but a sign of. */
function causeOf(finding: Finding, look: Look): string {
  const own = ownOf(finding, look);
  if (has(look.ongoing, own)) return own;
  const whole = [...look.ongoing, ...look.ended].find(({ cause }) => finding.rule.sign?.test(cause));
  return whole?.cause ?? own;
}

const has = (those: readonly { cause: string }[], cause: string) => those.some((one) => one.cause === cause);

const keyOf = (rule: string, labels: string) => `${rule} ${labels}`;
