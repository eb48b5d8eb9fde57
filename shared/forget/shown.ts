/** A plan to forget, as whoever wishes it is shown it before they say yes: what goes, and what stays that bears on it. Pure. */

import { dayOf } from '../recall/told.ts';
import type { Plan } from './plan.ts';

/** As it stands in a sentence of its own. */
const LONGEST_chars = 160;

/**
 * @param most lines of each kind; of the others it says how many there are
 * @param ids whether turns are told by their ids, for whoever can name them
 */
export function shown(plan: Plan, most: number, ids: 'with turns' | null = null): string {
  const turn = (id: string) => (ids === null ? '' : `turn ${id}, `);
  const [summaries, kept] = [true, false].map((is) =>
    plan.memories
      .filter(({ kind }) => (kind === 'summary') === is)
      .map(({ id, text }) => `#${id} ${cut(text)}`),
  );
  const said = plan.said.map(
    ({ turn_id, role, text, at }) =>
      `- ${turn(turn_id)}${dayOf(at)}, ${role === 'user' ? 'said' : 'answered'}: ${cut(text)}`,
  );
  const related = plan.related.map((one) => {
    const id = 'memory_id' in one ? `#${one.memory_id}, ` : turn(one.turn_id);
    return `- ${id}${dayOf(one.at)}: ${cut(one.text)} (${one.why})`;
  });
  return [
    ...part('Remembered:', kept ?? [], most),
    ...part('Said, each question with its answer:', said, most),
    ...part('Summed up, and made again of what is left:', summaries ?? [], most),
    ...(plan.counts.length > 0
      ? [`All of it: ${plan.counts.map(({ table, rows }) => `${table} ${rows}`).join(', ')}.`]
      : []),
    ...part('This stays, unless it shall go too:', related, most),
    ...(plan.setUp.length > 0
      ? [`Its words also stand in ${plan.setUp.join(', ')}: that is yours to change.`]
      : []),
  ].join('\n\n');
}

function part(title: string, lines: readonly string[], most: number): string[] {
  if (lines.length === 0) return [];
  const more = lines.length > most ? [`… and ${lines.length - most} more`] : [];
  return [[title, ...lines.slice(0, most), ...more].join('\n')];
}

function cut(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= LONGEST_chars ? line : `${line.slice(0, LONGEST_chars).toWellFormed()}…`;
}
