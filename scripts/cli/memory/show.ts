/** The whole life of a memory. */

import { excerpt } from '#shared/base/excerpt.ts';
import type { Store } from '#shared/store/store.ts';
import * as memories from '#shared/tables/memory.ts';
import * as memory_change from '#shared/tables/memory_change.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import * as memory_source from '#shared/tables/memory_source.ts';
import * as recalled from '#shared/tables/recalled.ts';
import * as wishes from '#shared/tables/wish.ts';
import { harmless, timeOf } from '../explain.ts';
import { openHouse } from '../house.ts';
import { table } from '../table.ts';
import { known } from './wish.ts';

const MOST_RECALLED = 5;

type Life = Awaited<ReturnType<typeof lifeOf>>;

async function lifeOf(store: Store, id: number) {
  const memory = await known(store, id);
  const { run_id, wish_id } = memory;
  return {
    memory,
    sources: await store.read(memory_source.ofMemory(id)),
    chain: await store.read(memories.chain(id)),
    changes: await store.read(memory_change.ofMemory(id)),
    run: run_id === null ? null : ((await store.read(memory_run.of(run_id)))[0] ?? null),
    wish: wish_id === null ? null : ((await store.read(wishes.of(wish_id)))[0] ?? null),
    recalled: await store.read(recalled.ofMemory(id, MOST_RECALLED)),
  };
}

export async function show(id: number, options: { json?: boolean }): Promise<void> {
  const { store } = await openHouse();
  try {
    const life = await lifeOf(store, id);
    process.stdout.write(options.json ? `${JSON.stringify(life)}\n` : harmless(drawn(life)));
  } finally {
    await store.close();
  }
}

function drawn(life: Life): string {
  const { memory, sources, chain, changes } = life;
  const facts = factsOf(life)
    .filter((fact): fact is [string, string] => fact[1] !== null)
    .map(([what, value]) => `${what.padEnd(12)}${value}\n`);
  const said = sources.map((source) => [
    timeOf(source.at).slice(0, 16),
    speakerOf(source),
    String(source.trust),
    excerpt(quoteOf(source)),
    `${source.conversation}, turn ${source.turn_id}`,
  ]);
  const before = chain.map((one) => [
    one.id === memory.id ? `#${one.id} ←` : `#${one.id}`,
    one.status,
    between(one.recorded_at, one.unrecorded_at) ?? '',
    excerpt(one.text),
  ]);
  const done = changes.map(({ at, op, run_id, wish_id, other_id }) => [
    timeOf(at),
    other_id === null ? op : `${op} (#${other_id})`,
    run_id !== null ? `run ${run_id}` : wish_id !== null ? `wish ${wish_id}` : '',
  ]);
  return [
    `#${memory.id}  ${memory.text}\n\n${facts.join('')}`,
    ...(said.length > 0 ? [table(['said', 'by', '>trust', 'words', 'where'], said)] : []),
    ...(before.length > 1 ? [table(['id', 'state', 'believed', 'what'], before)] : []),
    ...(done.length > 0 ? [table(['time', 'change', 'by'], done)] : []),
  ].join('\n');
}

function factsOf({ memory, changes, run, wish, recalled: told }: Life): [string, string | null][] {
  const [last] = told;
  return [
    ['kind', memory.period === null ? memory.kind : `${memory.kind} of a ${memory.period}`],
    ['state', `${memory.status}${memory.pinned ? ', pinned' : ''}: ${whyOf(memory, changes)}`],
    ['slot', memory.slot],
    ['whose', memory.scope],
    ['from', originOf(memory, run, wish)],
    ['trust', `${memory.trust}: ${TRUST[memory.trust]}`],
    ['confidence', memory.confidence === null ? null : String(memory.confidence)],
    ['true', between(memory.valid_from, memory.valid_to)],
    ['believed', between(memory.recorded_at, memory.unrecorded_at)],
    ['due', memory.due_at === null ? null : timeOf(memory.due_at).slice(0, 16)],
    ['sums up', between(memory.starts_at, memory.ends_at)],
    ['recalled', last ? `last ${timeOf(last.at).slice(0, 16)} in turn ${last.turn_id}` : 'never yet'],
  ];
}

const TRUST = [
  'from outside, or said after reading it',
  "another person's words",
  "the agent's, which had read nobody else's",
  "the owner's own words",
] as const;

/** Why it is in the state that it is in. */
function whyOf(memory: memories.Memory, changes: readonly memory_change.Change[]): string {
  switch (memory.status) {
    case 'active':
      return memory.pinned ? 'always told to the model' : 'in force';
    case 'proposed':
      return `waits for your yes (vigil memory confirm ${memory.id}, or reject)`;
    case 'disputed': {
      const other = changes.findLast(({ op, other_id }) => op === 'dispute' && other_id !== null)?.other_id;
      const which = other ? `#${other}` : 'another';
      return `contradicts ${which}, and nobody said which is so (vigil memory confirm ${memory.id}, or reject)`;
    }
    case 'quarantined':
      return `not told to the model: it rests on ${TRUST[memory.trust]} (vigil memory confirm ${memory.id} lets it out)`;
    case 'superseded':
      return memory.superseded_by === null ? 'replaced' : `replaced by #${memory.superseded_by}`;
    case 'retracted':
      return 'taken back';
    case 'expired':
      return 'its time is over';
  }
}

function originOf({ origin }: memories.Memory, run: memory_run.Run | null, wish: wishes.Wish | null): string {
  const who = { owner: 'the owner', rule: 'a rule', model: 'a model' }[origin];
  if (wish) return `${who}, by wish ${wish.id} (${wish.kind}, ${wish.given_by})`;
  return run ? `${who}, in run ${run.id} over ${run.conversation}` : who;
}

/** `2026-11-20 14:03 to 2026-11-22 09:00`; null when neither end is known. */
function between(from_at: number | null, to_at: number | null): string | null {
  if (from_at === null && to_at === null) return null;
  const from = from_at === null ? '' : `from ${timeOf(from_at).slice(0, 16)}`;
  return `${from}${to_at === null ? '' : ` to ${timeOf(to_at).slice(0, 16)}`}`.trim();
}

/** The words that it rests on: those that were cited, or all of the message. */
export function quoteOf({ text, quote_from, quote_to }: memory_source.Quoted): string {
  return quote_from === null || quote_to === null ? text : text.slice(quote_from, quote_to);
}

export function speakerOf({ role, sender }: Pick<memory_source.Quoted, 'role' | 'sender'>): string {
  return role === 'assistant' ? 'vigil' : (sender ?? 'user');
}
