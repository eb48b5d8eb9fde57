/**
 * The alert rules: the one declaration, from which our own look at the store, Prometheus' rules, their tests and the table
 * of the manual are made. Data; what is measured is named by the families of `/metrics`.
 *
 * A rule's cause is the word by which whoever else sees the same trouble has an incident of it, so that it is told once.
 */

import { PERIODS, type PeriodKind } from '#shared/base/period.ts';
import type { CounterName, GaugeName, HistogramName, Labels } from '#shared/metrics/families.ts';
import { RATE_ms } from '#shared/metrics/gauges.ts';
import * as spend from '#shared/tables/spend.ts';
import type { Limits } from './limits.ts';

/** How the number is had that is held against the bound. */
export type Measure =
  /** A gauge as it stands, or as a share of another. `where`: only if the label's whole value is, or is not, such. */
  | { kind: 'gauge'; of: GaugeName; where?: { label: string; is?: string; not?: string }; per?: GaugeName }
  /** The seconds since the time that a gauge tells. */
  | { kind: 'age'; of: GaugeName }
  /** What share of all was not good, where there were `floor` of them. */
  | { kind: 'share'; of: CounterName; label: string; good: readonly string[]; floor: number }
  | { kind: 'quantile'; of: HistogramName; q: number; floor: number }
  | { kind: 'mean'; of: HistogramName; by: string; floor: number }
  /** How many times an average day of the week before the last day's is, where that is `floor` and `days` are known. */
  | { kind: 'growth'; of: CounterName; days: number; floor: number }
  /** That there is none: only from outside can this be seen. */
  | { kind: 'absent'; of: GaugeName };

export type Rule = {
  name: `Agent${string}`;
  severity: 'warning' | 'critical';
  measure: Measure;
  /** When the measure is so against the bound, it is found. */
  is: '>' | '>=' | '<';
  bound: number;
  /** In what the measure is told. */
  unit: 'percent' | 'time' | 'bytes' | 'times' | 'number';
  /** It fires when it has been so for so long … */
  for_s: number;
  /** … and is over when it has not been so for so long. */
  calm_s: number;
  /** Over how long it is measured, where it is not a thing of the moment. */
  window_s: number;
  /** How often it is looked at, where that is not each time. */
  every_s?: number;
  /** Of work, which rests while all is halted. */
  work?: boolean;
  /** What is told: `{value}`, `{window}`, and the labels by their names. The first words name it. */
  text: string;
  cure: string;
  cause(labels: Labels, now: number): string;
  /** Of an incident of such a cause this is but another sign. */
  sign?: RegExp;
};

/** What makes the calls of models fail, or slow. */
const AWAY = /^(breaker|provider) |^network$/;
/** What keeps work from being done. */
const DOWN = /^service (core|router|tools|telegram|cron)$|^everything$/;

/** A quarter of what a service may be silent is for seeing it twice: right after a sleep all are. */
const TWICE = 0.25;

export function rulesOf(limits: Limits): readonly Rule[] {
  const { window_s, calm_s } = limits;
  /** What must last for so long where the window is its usual 300 s. */
  const lasting = (for_s: number) => ({ for_s: (for_s * window_s) / 300, calm_s, window_s });
  return [
    {
      name: 'AgentErrorRateHigh',
      severity: 'warning',
      measure: {
        kind: 'share',
        of: 'agent_requests_total',
        label: 'status',
        good: ['ok', 'left'],
        floor: limits.error_calls,
      },
      is: '>',
      bound: limits.error_percent / 100,
      unit: 'percent',
      ...lasting(60),
      text: 'Model calls fail: {value} of those of the last {window}.',
      cure: 'scripts/vigil upstream says whether the provider is away, scripts/vigil logs router why calls fail.',
      cause: () => 'errors',
      sign: AWAY,
    },
    {
      // Of fewer than 20 the slowest 5 in 100 would be the slowest one.
      name: 'AgentP95LatencyHigh',
      severity: 'warning',
      measure: { kind: 'quantile', of: 'agent_request_duration_seconds', q: 0.95, floor: 20 },
      is: '>',
      bound: limits.latency_s,
      unit: 'time',
      ...lasting(120),
      text: 'Models answer slowly: the slowest 5 in 100 answers of the last {window} took {value}.',
      cure: 'scripts/vigil cost says which model is asked; a faster one can be put first in [router.aliases].',
      cause: () => 'latency',
      sign: AWAY,
    },
    {
      name: 'AgentModelApiSlow',
      severity: 'warning',
      measure: { kind: 'mean', of: 'agent_time_to_first_token_seconds', by: 'model', floor: 3 },
      is: '>',
      bound: limits.model_latency_s,
      unit: 'time',
      ...lasting(120),
      text: '{model} is slow: it begins its answers after {value}, on average of the last {window}.',
      cure: 'scripts/vigil upstream says what its provider knows of it; another model can be put first in [router.aliases].',
      cause: ({ model }) => `latency ${model}`,
      sign: AWAY,
    },
    {
      name: 'AgentTokenUsageAnomalous',
      severity: 'warning',
      measure: { kind: 'growth', of: 'agent_tokens_total', days: 3, floor: 100_000 },
      is: '>',
      bound: limits.token_factor,
      unit: 'times',
      ...lasting(300),
      every_s: window_s,
      text: 'More is used than usual: {value} times the tokens of an average day, within the last 24 h.',
      cure: 'scripts/vigil cost says by whom and for what; scripts/vigil halt stops it.',
      cause: () => 'token usage',
    },
    {
      name: 'AgentMemoryHigh',
      severity: 'warning',
      measure: {
        kind: 'gauge',
        of: 'agent_service_resident_memory_bytes',
        per: 'agent_service_memory_limit_bytes',
      },
      is: '>',
      bound: limits.memory_percent / 100,
      unit: 'percent',
      ...lasting(60),
      text: '{service} takes much memory: {value} of its limit.',
      cure: 'scripts/vigil restart {service} frees it.',
      cause: ({ service }) => `memory ${service}`,
    },
    {
      name: 'AgentCostOverBudget',
      severity: 'warning',
      measure: { kind: 'gauge', of: 'agent_cost_estimate_hourly', per: 'agent_budget_hourly_usd' },
      is: '>',
      bound: limits.cost_factor,
      unit: 'times',
      // A dear answer is in the rate for as long, and is no rate: what lasts longer is more than one.
      for_s: RATE_ms / 1000,
      calm_s,
      window_s,
      text: 'Money goes fast: at the rate of the last 10 min an hour costs {value} times its budget.',
      cure: 'At the limit calls are refused; scripts/vigil cost says what asks so much, scripts/vigil halt stops it.',
      cause: () => 'cost of an hour',
      sign: /^budget hour /,
    },
    {
      name: 'AgentBudgetNearlySpent',
      severity: 'warning',
      measure: {
        kind: 'gauge',
        of: 'agent_budget_spent_usd',
        // What a service sets itself it does another day.
        where: { label: 'budget', not: 'own .*' },
        per: 'agent_budget_limit_usd',
      },
      is: '>=',
      bound: 0.8,
      unit: 'percent',
      ...lasting(0),
      text: 'The budget {budget} is nearly used: {value} of it.',
      cure: 'At the limit calls are refused until its period ends, or until scripts/vigil budget raise.',
      cause: ({ budget = '' }, now) => `budget ${spend.windowId(budget, periodOfBudget(budget), now)}`,
    },
    {
      name: 'AgentBudgetSpent',
      severity: 'warning',
      measure: { kind: 'gauge', of: 'agent_budget_waiting' },
      is: '>',
      bound: 0,
      unit: 'number',
      ...lasting(60),
      work: true,
      text: 'A budget is used up, and answers wait for it: {value}.',
      cure: 'They go on when its period ends, or after scripts/vigil budget raise.',
      cause: () => 'budgets used up',
      sign: /^budget /,
    },
    {
      name: 'AgentBreakerOpen',
      severity: 'warning',
      measure: { kind: 'gauge', of: 'agent_breaker_state' },
      is: '>',
      bound: 0,
      unit: 'number',
      ...lasting(0),
      text: 'The model {target} does not answer: it has failed too often in a row, and is tried now and then.',
      cure: 'Others answer for it where [router.aliases] names any; scripts/vigil upstream says how its provider is.',
      cause: ({ target }) => `breaker ${target}`,
    },
    {
      name: 'AgentServiceUnresponsive',
      severity: 'critical',
      measure: { kind: 'age', of: 'agent_service_last_beat_timestamp_seconds' },
      is: '>',
      bound: limits.unresponsive_s * (1 - TWICE),
      unit: 'time',
      for_s: limits.unresponsive_s * TWICE,
      calm_s,
      window_s,
      text: '{service} gives no sign of life: the last was {value} ago.',
      cure: 'scripts/vigil restart {service}, and scripts/vigil logs {service} for why.',
      cause: ({ service }) => `service ${service}`,
      sign: /^everything$/,
    },
    {
      name: 'AgentQueueLong',
      severity: 'warning',
      measure: { kind: 'gauge', of: 'agent_queue_depth' },
      is: '>',
      bound: limits.queue_depth,
      unit: 'number',
      ...lasting(60),
      work: true,
      text: 'Much waits: {value} in the queue "{queue}".',
      cure: 'scripts/vigil status says who is at work, and at what.',
      cause: ({ queue }) => `queue ${queue}`,
      sign: DOWN,
    },
    {
      name: 'AgentQueueStuck',
      severity: 'warning',
      measure: {
        kind: 'gauge',
        of: 'agent_queue_oldest_age_seconds',
        where: { label: 'queue', not: 'job' },
      },
      is: '>',
      bound: limits.queue_s,
      unit: 'time',
      ...lasting(0),
      work: true,
      text: 'A queue does not move: the first of "{queue}" could go, and has waited for {value}.',
      cure: 'scripts/vigil status says who is at work, and at what.',
      cause: ({ queue }) => `queue ${queue}`,
      sign: DOWN,
    },
    {
      name: 'AgentCronSlotMissed',
      severity: 'warning',
      measure: {
        kind: 'gauge',
        of: 'agent_queue_oldest_age_seconds',
        where: { label: 'queue', is: 'job' },
      },
      is: '>',
      bound: 900,
      unit: 'time',
      ...lasting(0),
      work: true,
      text: 'A job has not begun: its time was {value} ago.',
      cure: 'scripts/vigil jobs says which; scripts/vigil status whether who has to do it is at work.',
      cause: () => 'jobs past their time',
      sign: DOWN,
    },
    {
      name: 'AgentJobFailed',
      severity: 'warning',
      measure: { kind: 'gauge', of: 'agent_job_failed' },
      is: '>',
      bound: 0,
      unit: 'number',
      ...lasting(0),
      text: 'The job of the house "{house_job}" failed, the last time that it was due.',
      cure: 'scripts/vigil jobs says why; it is done again at its next time.',
      cause: ({ house_job }) => `job ${house_job}`,
      sign: /^backup( prune)?$/,
    },
    {
      name: 'AgentBackupOld',
      severity: 'warning',
      measure: { kind: 'age', of: 'agent_backup_last_timestamp_seconds' },
      is: '>',
      bound: limits.backup_hours * 3600,
      unit: 'time',
      // After a sleep it is made up for.
      ...lasting(900),
      work: true,
      text: 'The last backup is old: it was made {value} ago.',
      cure: 'scripts/vigil backup now makes one, and says what is in its way.',
      cause: () => 'backup old',
      sign: /^(backup|job .*backup|service (backup|cron)|everything)$/,
    },
    {
      name: 'AgentDiskLow',
      severity: 'warning',
      measure: { kind: 'gauge', of: 'agent_disk_free_bytes' },
      is: '<',
      bound: limits.disk_free_mb * 2 ** 20,
      unit: 'bytes',
      ...lasting(0),
      text: 'The disk that holds the store is nearly full: {value} are left.',
      cure: 'Make room; older backups and logs lie in the state folder.',
      cause: () => 'disk',
    },
    {
      name: 'AgentAlertsUntold',
      severity: 'critical',
      measure: { kind: 'gauge', of: 'agent_telling_age_seconds' },
      is: '>',
      bound: 300,
      unit: 'time',
      ...lasting(60),
      text: 'What is wrong cannot be told: a message about it has been undelivered for {value}.',
      cure: 'scripts/vigil alarm test says which way is shut.',
      cause: () => 'alert delivery',
      sign: /^(service telegram|telegram is away|network|polling)$|^alarm route /,
    },
    {
      name: 'AgentMetricsAbsent',
      severity: 'warning',
      measure: { kind: 'absent', of: 'agent_active_tasks' },
      is: '>',
      bound: 0,
      unit: 'number',
      ...lasting(60),
      text: 'Nothing is heard of the agent: it, or its service metrics, is down.',
      cure: 'scripts/vigil status on its machine.',
      cause: () => 'service metrics',
    },
  ];
}

/** Of a budget that is called by its period (`hour`, `key laptop month`); the others are of days. */
function periodOfBudget(budget: string): PeriodKind {
  return PERIODS.find((period) => budget.split(' ').at(-1) === period) ?? 'day';
}
