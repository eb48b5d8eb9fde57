/** What a provider's status page says of itself, in one word and a few of its own. */

import * as z from 'zod/mini';
import { itemsOf } from './feed.ts';
import { quoted } from './text.ts';

/** In Statuspage's words, the worst last. */
export const LEVELS = ['none', 'minor', 'major', 'critical'] as const;
export type Level = (typeof LEVELS)[number];

export type Status = {
  level: Level;
  /** Its own words, which are a stranger's. */
  words: string;
};

const named = z.looseObject({ name: z.string(), status: z.string() });
const summary = z.looseObject({
  status: z.looseObject({ indicator: z.string(), description: z.string() }),
  components: z._default(z.array(named), []),
  incidents: z._default(z.array(named), []),
});

const LEVEL_OF: Readonly<Record<string, Level>> = {
  operational: 'none',
  under_maintenance: 'minor',
  degraded_performance: 'minor',
  partial_outage: 'major',
  major_outage: 'critical',
};

/** How long an item of a status feed counts as news. */
const FRESH_ms = 6 * 3_600_000;
const ENDED = /\b(resolved|completed|operational|recovered)\b/i;

/** @throws when it is no status page */
export function statusOf(text: string, now: number): Status {
  const items = itemsOf(text);
  if (items) {
    const trouble = items.find(
      ({ at, title, text }) => at !== null && now - at < FRESH_ms && !ENDED.test(`${title} ${text}`),
    );
    return trouble ? { level: 'minor', words: quoted(trouble.title) } : { level: 'none', words: '' };
  }
  const { status, components, incidents } = summary.parse(JSON.parse(text));
  // A page tells of everything its company does: where it names its API, that alone counts.
  const apis = components.filter(({ name }) => /\bAPI\b/.test(name));
  const level =
    apis.length > 0 ? worst(apis.map((api) => LEVEL_OF[api.status] ?? 'minor')) : levelOf(status.indicator);
  const open = incidents
    .filter((one) => !/^(resolved|completed|postmortem)$/.test(one.status))
    .map(({ name }) => name);
  return { level, words: level === 'none' ? '' : quoted(open.join('; ') || status.description) };
}

function levelOf(indicator: string): Level {
  return LEVELS.find((level) => level === indicator) ?? 'minor';
}

function worst(levels: readonly Level[]): Level {
  return LEVELS[Math.max(...levels.map((level) => LEVELS.indexOf(level)))] ?? 'none';
}
