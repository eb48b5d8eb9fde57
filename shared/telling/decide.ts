/**
 * What of all that is due is told now, what is written down as told without a word, and what waits. All that two
 * announcers see alike they decide alike. Pure.
 */

import type { Incident } from '../tables/incident.ts';
import type { Silence } from '../tables/silence.ts';
import type { Due, Phase, Recent, Routes, Told } from '../tables/telling.ts';
import { joined } from './joined.ts';
import { sift } from './news.ts';
import { hasEnded, isSilenced } from './silence.ts';

export type Sight = {
  now: number;
  due: readonly Due[];
  recent: readonly Recent[];
  /** Of which a reminder may be due. */
  ongoing: readonly Told[];
  silences: readonly Silence[];
  /** Incidents that somebody looks after. */
  seen: ReadonlySet<number>;
  /** How often the owner is reminded of what is critical; 0: never. */
  remind_ms: number;
};

export type Item = Incident & { phase: Phase; nth: number };
export type Quiet = { one: Item; told: Routes };

export function decide(sight: Sight): { say: Item[]; quietly: Quiet[] } {
  const { now, due, recent, silences, seen } = sight;
  const { alone, join } = joined(due, recent);
  const sifted = sift(alone, now);
  const say: Item[] = [];
  const quietly: Quiet[] = [
    ...join.map((one) => ({ one: { ...one, nth: 0 }, told: { with: now } })),
    ...sifted.drop.map((one) => ({ one: { ...one, nth: 0 }, told: {} })),
  ];
  for (const due of sifted.say) {
    const one = { ...due, nth: 0 };
    if (isSilenced(one.cause, silences, now)) {
      // What begins in silence is told when that ends.
      if (one.phase === 'over') quietly.push({ one, told: { silenced: now } });
    } else if (one.phase === 'begun' && seen.has(one.id)) quietly.push({ one, told: { seen: now } });
    else say.push(one);
  }
  return { say: [...say, ...reminders(sight)], quietly };
}

/** What has been told, goes on, and nobody looks after: now and then, all in one message, and when its silence ends. */
function reminders({ now, ongoing, silences, remind_ms }: Sight): Item[] {
  const open = ongoing.filter(
    ({ cause, severity, acknowledged_at }) =>
      severity !== 'info' && acknowledged_at === null && !isSilenced(cause, silences, now),
  );
  // A clock that was set far back counts as far ahead.
  const waited = ({ severity, last_at }: Told, ms: number) =>
    severity === 'critical' && ms > 0 && Math.abs(now - last_at) >= ms;
  const late = open.some((one) => waited(one, remind_ms));
  return open
    .filter((one) => (late && waited(one, remind_ms / 2)) || hasEnded(one.cause, silences, one.last_at, now))
    .map((one) => ({ ...one, phase: 'reminder', nth: one.nth + 1 }));
}

/** Nobody is told before the first of it is so old: what begins together is told together. */
export function isRipe({ say, quietly }: ReturnType<typeof decide>, now: number, patience_ms: number) {
  return [...say, ...quietly.map(({ one }) => one)].some(({ phase, opened_at, closed_at }) => {
    const age_ms = now - (phase === 'over' ? (closed_at ?? now) : opened_at);
    return age_ms >= patience_ms || age_ms < 0;
  });
}
