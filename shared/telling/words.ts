/** What the owner reads, and may press. Pure. */

import { spell } from '../base/span.ts';
import type { Incident } from '../tables/incident.ts';
import type { Buttons } from '../tables/outbound.ts';
import type { Phase } from '../tables/telling.ts';

type Told = Pick<Incident, 'severity' | 'text' | 'opened_at' | 'closed_at'> & { phase: Phase };

/** More than so many at once are a summary. */
const MOST = 6;
const MOST_NAMED = 12;
const SEVERITIES = ['critical', 'warning', 'info'];

/** One message for all that is to be told at one time, the worst first. */
export function wordsOf(all: readonly Told[], now: number): string {
  const told = all.toSorted(
    (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || a.opened_at - b.opened_at,
  );
  const news = told.filter(({ severity }) => severity === 'info');
  const trouble = (phase: Phase) => told.filter((one) => one.severity !== 'info' && one.phase === phase);
  const lasted = ({ opened_at, closed_at }: Told) => spell((closed_at ?? now) - opened_at);
  return [
    part('⚠️', trouble('begun'), ({ text }) => text),
    part('⏰ Still:', trouble('reminder'), (one) => `${one.text} (for ${lasted(one)})`),
    part('✅ Over:', trouble('over'), (one) => `${titleOf(one)} (after ${lasted(one)})`),
    part('ℹ️', news, ({ text }) => text),
  ]
    .filter((words) => words !== '')
    .join('\n\n');
}

/** Enough to know it again by: its cause and what was done have been told. */
export function titleOf({ text }: Pick<Told, 'text'>): string {
  return text.split(/: |[.,] |\n| \(/, 1)[0]?.replace(/\.$/, '') ?? text;
}

function part(sign: string, told: readonly Told[], say: (one: Told) => string): string {
  if (told.length <= 1) return told.map((one) => `${sign} ${say(one)}`).join('');
  if (told.length <= MOST) return [sign, ...told.map((one) => `• ${say(one)}`)].join('\n');
  const shown = told.slice(0, MOST - 1);
  const rest = told.slice(MOST - 1).map(titleOf);
  const more = rest.length > MOST_NAMED ? ' …' : '';
  return [
    `${sign} ${told.length} at once, the worst first:`,
    ...shown.map((one) => `• ${say(one)}`),
    `• and ${rest.length} more: ${rest.slice(0, MOST_NAMED).join('; ')}${more}`,
  ].join('\n');
}

/**
 * Below what has begun, or goes on: `alert:<what>:<the message's name>[:<seconds>]`. Not by an incident's number: after a
 * restore another has it.
 */
export function buttonsOf(told: readonly { phase: Phase }[], message: string): Buttons {
  const open = told.filter(({ phase }) => phase !== 'over').length;
  if (open === 0) return [];
  return [
    [
      { text: `👀 I look after ${open > 1 ? 'them' : 'it'}`, data: `alert:acknowledge:${message}` },
      { text: '🔕 1 h', data: `alert:silence:${message}:3600` },
      { text: '🔕 1 day', data: `alert:silence:${message}:86400` },
    ],
  ];
}
