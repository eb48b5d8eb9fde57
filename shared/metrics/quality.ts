/**
 * What the counts of `quality` come to: the figures by which one tells how good the answers are. Pure. A figure for which
 * there is nothing to count is none (null), never 0.
 */

import { NANO, usd } from '../base/money.ts';
import type { Quality } from '../tables/quality.ts';

/** What is counted of a day and a model. One that is not there is 0. */
const COUNTS = [
  // Calls that brought an answer; tokens and money of all calls.
  'calls',
  'tokens',
  'cost_nanousd',
  // Of turns in which people were answered (`Answers`), and of those that wait for their owner.
  'messages',
  'answered',
  'cut',
  'cancelled',
  'failed',
  'held',
  'answer_ms',
  'up',
  'down',
  'made_up',
  'not_helpful',
  'pretended',
  'checked',
  'unsupported',
  'suspect',
  // Of decisions: how many, how long a model took over them, and how many chose a tool that there is none of.
  'decisions',
  'decision_ms',
  'invented',
  // Tokens of those hours that are over, and what was usual in them.
  'tokens_so_far',
  'tokens_usual',
  // Of all models alone.
  'jobs_done',
  'jobs_failed',
  'jobs_skipped',
  'tasks_done',
  'tasks_failed',
  'tasks_cancelled',
  'tasks_held',
] as const;

export type Counts = Partial<Record<(typeof COUNTS)[number], number>>;

/** In `model`: all of them. */
export const ALL = '';

export type Figure = {
  name: string;
  /** As people call it. */
  title: string;
  unit: 'usd' | 'share' | 'seconds' | 'per 100' | 'change';
  /** What is good news; null: neither. */
  better: 'more' | 'less' | null;
  value: (counts: Required<Counts>) => number;
  /** How many things it rests on: of none there is no figure. */
  n: (counts: Required<Counts>) => number;
  /** What these are. */
  of: string;
};

/** Above the usual by more than this is worth a word. */
export const UNUSUAL = 0.2;

const turns = (c: Required<Counts>) => c.answered + c.cut + c.cancelled + c.failed + c.held;
const jobs = (c: Required<Counts>) => c.jobs_done + c.jobs_failed + c.jobs_skipped;
const tasks = (c: Required<Counts>) => c.tasks_done + c.tasks_failed + c.tasks_cancelled + c.tasks_held;

export const figures: readonly Figure[] = [
  {
    name: 'cost_per_message_usd',
    title: 'cost per message',
    unit: 'usd',
    better: 'less',
    value: (c) => c.cost_nanousd / NANO / c.messages,
    n: (c) => c.messages,
    of: 'messages answered',
  },
  {
    name: 'completed_share',
    title: 'completed',
    unit: 'share',
    better: 'more',
    value: (c) => c.answered / turns(c),
    n: turns,
    of: 'asked for',
  },
  {
    name: 'jobs_done_share',
    title: 'jobs done',
    unit: 'share',
    better: 'more',
    value: (c) => c.jobs_done / jobs(c),
    n: jobs,
    of: 'times due',
  },
  {
    name: 'tasks_done_share',
    title: 'tasks done',
    unit: 'share',
    better: 'more',
    value: (c) => c.tasks_done / tasks(c),
    n: tasks,
    of: 'tasks',
  },
  {
    name: 'satisfied_share',
    title: 'satisfied',
    unit: 'share',
    better: 'more',
    value: (c) => c.up / (c.up + c.down),
    n: (c) => c.up + c.down,
    of: 'ratings',
  },
  {
    name: 'decision_seconds',
    title: 'time per decision',
    unit: 'seconds',
    better: 'less',
    value: (c) => c.decision_ms / 1000 / c.decisions,
    n: (c) => c.decisions,
    of: 'decisions',
  },
  {
    name: 'answer_seconds',
    title: 'message to answer',
    unit: 'seconds',
    better: 'less',
    value: (c) => c.answer_ms / 1000 / c.answered,
    n: (c) => c.answered,
    of: 'answers',
  },
  {
    name: 'made_up_per_100_calls',
    title: 'made up per 100 calls',
    unit: 'per 100',
    better: 'less',
    value: (c) => (100 * (c.suspect + c.invented)) / c.calls,
    n: (c) => c.calls,
    of: 'calls',
  },
  {
    name: 'tokens_over_usual_share',
    title: 'tokens against usual',
    unit: 'change',
    better: null,
    value: (c) => c.tokens_so_far / c.tokens_usual - 1,
    n: (c) => c.tokens_usual,
    of: 'tokens usual',
  },
];

const NONE = Object.fromEntries(COUNTS.map((name) => [name, 0])) as Required<Counts>;

/** @returns null: there is nothing to tell it from */
export function figureIn({ value, n }: Figure, counts: Counts): number | null {
  const all = { ...NONE, ...counts };
  return n(all) > 0 ? value(all) : null;
}

export const numberOf = ({ n }: Figure, counts: Counts): number => n({ ...NONE, ...counts });

/** A figure in words. */
export function inWords({ unit }: Pick<Figure, 'unit'>, value: number): string {
  if (unit === 'usd') return usd(value * NANO);
  if (unit === 'share') return `${percent(value)} %`;
  if (unit === 'change') return signed(value);
  if (unit === 'per 100') return value.toFixed(value === 0 || value >= 10 ? 0 : 1);
  if (value < 10) return `${value.toFixed(1)} s`;
  return value < 120 ? `${Math.round(value)} s` : `${Math.round(value / 60)} min`;
}

/** By how much it has changed: shares by points, all else by a part of what it was; null: it cannot be said. */
export function changeInWords({ unit }: Pick<Figure, 'unit'>, from: number, to: number): string | null {
  if (unit === 'change') return null;
  if (unit === 'share') {
    const points = Math.round((to - from) * 100);
    return points === 0 ? 'the same' : `${points > 0 ? '+' : '−'}${Math.abs(points)} points`;
  }
  if (from === 0) return to === 0 ? 'the same' : null;
  const words = signed(to / from - 1);
  return /^.0 %$/.test(words) ? 'the same' : words;
}

const signed = (part: number) => `${part < 0 ? '−' : '+'}${Math.abs(Math.round(part * 100))} %`;

/** Only all of them are 100 %, and only none 0 %. */
function percent(share: number): number {
  const whole = Math.round(share * 100);
  if (whole === 100 && share < 1) return 99;
  return whole === 0 && share > 0 ? 1 : whole;
}

/** Added up over days, model by model. */
export function summed(rows: readonly Quality[]): Map<string, Counts> {
  const sums = new Map<string, Counts>();
  for (const { model, name, value } of rows) {
    const counts = sums.get(model) ?? {};
    const known = name as keyof Counts;
    counts[known] = (counts[known] ?? 0) + value;
    sums.set(model, counts);
  }
  return sums;
}
