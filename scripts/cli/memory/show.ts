/** `vigil memory show`: the whole life of a memory. */

import { excerpt } from '#shared/base/excerpt.ts';
import { type Life, lifeOf, originOf, quoteOf, speakerOf, TRUST, whyOf } from '#shared/recall/life.ts';
import { harmless, timeOf } from '../explain.ts';
import { openHouse } from '../house.ts';
import { table } from '../table.ts';
import { unknown } from './wish.ts';

export async function show(id: number, options: { json?: boolean }): Promise<void> {
  const { store } = await openHouse();
  try {
    const life = await lifeOf(store.read, id);
    if (!life) throw unknown(id);
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

function factsOf(life: Life): [string, string | null][] {
  const { memory, recalled: told } = life;
  const [last] = told;
  return [
    ['kind', memory.period === null ? memory.kind : `${memory.kind} of a ${memory.period}`],
    ['state', `${memory.status}${memory.pinned ? ', pinned' : ''}: ${whyOf(life)}${hintOf(memory)}`],
    ['slot', memory.slot],
    ['whose', memory.scope],
    ['from', originOf(life)],
    ['trust', `${memory.trust}: ${TRUST[memory.trust]}`],
    ['confidence', memory.confidence === null ? null : String(memory.confidence)],
    ['true', between(memory.valid_from, memory.valid_to)],
    ['believed', between(memory.recorded_at, memory.unrecorded_at)],
    ['due', memory.due_at === null ? null : timeOf(memory.due_at).slice(0, 16)],
    ['sums up', between(memory.starts_at, memory.ends_at)],
    ['recalled', last ? `last ${timeOf(last.at).slice(0, 16)} in turn ${last.turn_id}` : 'never yet'],
  ];
}

/** What the owner can say to it. */
function hintOf({ id, status }: Life['memory']): string {
  if (status === 'quarantined') return ` (vigil memory confirm ${id} lets it out)`;
  return status === 'proposed' || status === 'disputed' ? ` (vigil memory confirm ${id}, or reject)` : '';
}

/** `2026-11-20 14:03 to 2026-11-22 09:00`; null when neither end is known. */
function between(from_at: number | null, to_at: number | null): string | null {
  if (from_at === null && to_at === null) return null;
  const from = from_at === null ? '' : `from ${timeOf(from_at).slice(0, 16)}`;
  return `${from}${to_at === null ? '' : ` to ${timeOf(to_at).slice(0, 16)}`}`.trim();
}
