/**
 * Every family of numbers there is, declared once: what `/metrics` says of each, what the fold adds to, what the rules are
 * held against. No label ever names a person, a chat or a turn: each of its values is a series that is kept for good.
 */

import { services } from '../manifest.ts';

export type Family = {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: readonly string[];
  /** The upper bounds of a histogram's buckets, without the last, which holds all. */
  buckets?: readonly number[];
  /** Values of a label that are there from the start, at 0: the first time is then seen as an increase too. */
  zeros?: Readonly<Record<string, readonly string[]>>;
};

/** How a model call can end (`call.outcome`). `left`: the caller went away, which says nothing against the model. */
const CALL_STATUS = ['ok', 'refused', 'cut', 'left', 'unreachable', 'router died'] as const;

export const DIRECTIONS = ['input', 'output', 'cache_read', 'cache_write'] as const;

/** What can wait, by the words that an incident of it has: `queue message`. */
export const QUEUES = ['message', 'answer', 'press of a button', 'call of a tool', 'job', 'file'] as const;

/** As a breaker is told in a number. */
export const BREAKER = { closed: 0, 'half open': 1, open: 2 } as const;

const SERVICE = services.map(({ name }) => name);

/** In the order in which they are told. */
export const families = [
  {
    name: 'agent_requests_total',
    type: 'counter',
    help: 'Calls of a model, by how they ended; each attempt counts.',
    labels: ['model', 'status'],
    zeros: { status: CALL_STATUS },
  },
  {
    name: 'agent_target_requests_total',
    type: 'counter',
    help: 'The same by target: the provider, its organisation and the model.',
    labels: ['target', 'status'],
    zeros: { status: CALL_STATUS },
  },
  {
    name: 'agent_tokens_total',
    type: 'counter',
    help: 'Tokens, by direction; what a cache took or gave is not among the input.',
    labels: ['model', 'direction'],
    zeros: { direction: DIRECTIONS },
  },
  {
    name: 'agent_cost_usd_total',
    type: 'counter',
    help: 'What the calls have cost, in US dollars.',
    labels: ['model'],
  },
  {
    name: 'agent_request_duration_seconds',
    type: 'histogram',
    help: 'How long the calls took that were answered, batches left out.',
    labels: ['model'],
    buckets: [0.5, 1, 2, 5, 10, 30, 60],
  },
  {
    name: 'agent_time_to_first_token_seconds',
    type: 'histogram',
    help: 'How long until the first byte of a streamed answer.',
    labels: ['model'],
    buckets: [0.1, 0.25, 0.5, 1, 2, 5, 10, 30],
  },
  {
    name: 'agent_messages_total',
    type: 'counter',
    help: 'Messages that people sent and that were let in.',
    labels: ['channel'],
    zeros: { channel: ['telegram', 'terminal'] },
  },
  {
    name: 'agent_turns_total',
    type: 'counter',
    help: 'Turns, by how they ended.',
    labels: ['outcome'],
    zeros: { outcome: ['done', 'dead'] },
  },
  {
    name: 'agent_turn_duration_seconds',
    type: 'histogram',
    help: 'How long the turns took that were answered, waits for the owner included.',
    labels: [],
    buckets: [1, 2, 5, 10, 30, 60, 300, 1800],
  },
  {
    name: 'agent_tool_calls_total',
    type: 'counter',
    help: 'Calls of tools, by how they ended.',
    labels: ['tool', 'status'],
    zeros: { status: ['done', 'failed', 'denied', 'interrupted', 'cancelled'] },
  },
  {
    name: 'agent_cron_slots_total',
    type: 'counter',
    help: 'Times at which a job was due, by what came of them.',
    labels: ['outcome'],
    zeros: { outcome: ['done', 'failed', 'skipped'] },
  },
  {
    name: 'agent_memory_runs_total',
    type: 'counter',
    help: 'Passes of the memory over what was said.',
    labels: ['how', 'outcome'],
    zeros: { how: ['rule', 'model', 'batch'], outcome: ['applied', 'failed', 'refused'] },
  },
  {
    name: 'agent_deliveries_total',
    type: 'counter',
    help: 'Messages that went out, or never will.',
    labels: ['channel', 'outcome'],
    zeros: { channel: ['telegram', 'terminal'], outcome: ['sent', 'dead'] },
  },
  {
    name: 'agent_service_restarts_total',
    type: 'counter',
    help: 'How often a service was seen to have been started again.',
    labels: ['service'],
    zeros: { service: SERVICE },
  },
  {
    name: 'agent_service_up',
    type: 'gauge',
    help: '1: it is ready, and beats.',
    labels: ['service'],
  },
  {
    name: 'agent_service_last_beat_timestamp_seconds',
    type: 'gauge',
    help: 'When it last gave a sign of life.',
    labels: ['service'],
  },
  {
    name: 'agent_service_resident_memory_bytes',
    type: 'gauge',
    help: 'The memory that it takes.',
    labels: ['service'],
  },
  {
    name: 'agent_service_memory_limit_bytes',
    type: 'gauge',
    help: 'The most memory that it may take.',
    labels: ['service'],
  },
  {
    name: 'agent_service_event_loop_delay_seconds',
    type: 'gauge',
    help: "Its event loop's longest delay since the beat before.",
    labels: ['service'],
  },
  {
    name: 'agent_active_tasks',
    type: 'gauge',
    help: 'Turns that are not over, those that wait included.',
    labels: [],
  },
  {
    name: 'agent_queue_depth',
    type: 'gauge',
    help: 'How much waits.',
    labels: ['queue'],
  },
  {
    name: 'agent_queue_oldest_age_seconds',
    type: 'gauge',
    help: 'For how long the first that could be done has waited; 0: none.',
    labels: ['queue'],
  },
  {
    name: 'agent_cost_estimate_hourly',
    type: 'gauge',
    help: 'What an hour costs in US dollars, at the rate of the last ten minutes.',
    labels: [],
  },
  {
    name: 'agent_budget_hourly_usd',
    type: 'gauge',
    help: 'What this hour may cost, with what the owner has added.',
    labels: [],
  },
  {
    name: 'agent_budget_spent_usd',
    type: 'gauge',
    help: 'What is spent in the present period of each budget.',
    labels: ['budget'],
  },
  {
    name: 'agent_budget_held_usd',
    type: 'gauge',
    help: 'What calls under way may cost at most.',
    labels: ['budget'],
  },
  {
    name: 'agent_budget_limit_usd',
    type: 'gauge',
    help: 'What the present period may cost, with what the owner has added.',
    labels: ['budget'],
  },
  {
    name: 'agent_breaker_state',
    type: 'gauge',
    help: '0: closed, 1: half open, 2: open.',
    labels: ['target'],
  },
  {
    name: 'agent_last_inference_timestamp_seconds',
    type: 'gauge',
    help: 'When a model last answered.',
    labels: [],
  },
  {
    name: 'agent_backup_last_timestamp_seconds',
    type: 'gauge',
    help: 'When the newest backup was made.',
    labels: [],
  },
  {
    name: 'agent_job_failed',
    type: 'gauge',
    help: '1: the job of the house failed when it was last done.',
    // `job` is Prometheus' own.
    labels: ['house_job'],
  },
  {
    name: 'agent_budget_waiting',
    type: 'gauge',
    help: 'Turns that wait because a budget has no room; not those that would cost too much by themselves.',
    labels: [],
  },
  {
    name: 'agent_telling_age_seconds',
    type: 'gauge',
    help: 'For how long a word about what is wrong has been sent in vain; 0: none is.',
    labels: [],
  },
  {
    name: 'agent_incidents_open',
    type: 'gauge',
    help: 'What is wrong now.',
    labels: ['severity'],
  },
  {
    name: 'agent_quality',
    type: 'gauge',
    help: 'How good the answers of today are: a figure by its name, of a model or of all.',
    labels: ['name', 'model'],
  },
  {
    name: 'agent_halted',
    type: 'gauge',
    help: '1: no model is asked, and no tool runs.',
    labels: [],
  },
  {
    name: 'agent_disk_free_bytes',
    type: 'gauge',
    help: 'What is free where the store is.',
    labels: [],
  },
  {
    name: 'agent_store_bytes',
    type: 'gauge',
    help: 'How large the store is.',
    labels: [],
  },
  {
    name: 'agent_store_wal_bytes',
    type: 'gauge',
    help: "How large the store's write-ahead log is.",
    labels: [],
  },
  {
    name: 'agent_uptime_seconds',
    type: 'gauge',
    help: 'Since when the agent is at work: its core daemon.',
    labels: [],
  },
] as const satisfies readonly Family[];

export type FamilyName = (typeof families)[number]['name'];
type Of<Type extends Family['type']> = Extract<(typeof families)[number], { type: Type }>['name'];
export type CounterName = Of<'counter'>;
export type GaugeName = Of<'gauge'>;
export type HistogramName = Of<'histogram'>;

const byName: ReadonlyMap<string, Family> = new Map(families.map((family) => [family.name, family]));

export function familyOf(name: FamilyName): Family {
  const found = byName.get(name);
  if (!found) throw new Error(`no family is called '${name}'`);
  return found;
}

export type Labels = Readonly<Record<string, string>>;

/** As `metric.labels` has them: in the family's order, and a bucket's bound last. */
export function labelsJson(name: FamilyName, labels: Labels): string {
  const { labels: order } = familyOf(name);
  const known = order.map((label) => [label, labels[label] ?? '']);
  return JSON.stringify(Object.fromEntries(labels.le === undefined ? known : [...known, ['le', labels.le]]));
}
