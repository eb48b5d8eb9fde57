/** `vigil memory stats`: how much is remembered, what it takes on the disk, and how it grows. */

import { systemClock } from '#shared/base/clock.ts';
import { grouped } from '#shared/base/count.ts';
import type { Store } from '#shared/store/store.ts';
import * as embedding from '#shared/tables/embedding.ts';
import * as embedding_trial from '#shared/tables/embedding_trial.ts';
import * as memories from '#shared/tables/memory.ts';
import * as passage from '#shared/tables/passage.ts';
import { harmless } from '../explain.ts';
import { openHouse } from '../house.ts';
import { table } from '../table.ts';
import { dayOf } from './look.ts';

const WEEK_ms = 7 * 86_400_000;
const WEEKS = 8;

type Stats = Awaited<ReturnType<typeof gathered>>;

async function gathered(store: Store, now: number) {
  const weeks = [];
  for (let n = WEEKS; n > 0; n--) {
    const from_at = now - n * WEEK_ms;
    const [sums] = await store.read(memories.turnover(from_at, from_at + WEEK_ms));
    weeks.push({ from_at, learnt: sums?.learnt ?? 0, ended: sums?.ended ?? 0 });
  }
  const [said] = await store.read(passage.size);
  return {
    memories: await store.read(memories.counts),
    said: said ?? { count: 0, bytes: 0 },
    bytes: await store.read(memories.bytes),
    vectors: await store.read(embedding.sizes),
    trial: (await store.read(embedding_trial.latest))[0] ?? null,
    weeks,
  };
}

export async function stats(options: { json?: boolean }): Promise<void> {
  const { store } = await openHouse();
  try {
    const found = await gathered(store, systemClock.now());
    process.stdout.write(options.json ? `${JSON.stringify(found)}\n` : drawn(found));
  } finally {
    await store.close();
  }
}

const mb = (size: number) => `${(size / 1e6).toFixed(1)} MB`;

function vectorsDrawn(vectors: Stats['vectors'], trial: Stats['trial']): string {
  const made = vectors.map(
    ({ model, count, bytes }) => `vectors: ${grouped(count)} of ${harmless(model)}, ${mb(bytes)}\n`,
  );
  if (!trial) return `${made.join('')}not tried yet\n`;
  const { at, pairs, by_words, by_both, better, worse, weight, used, why } = trial;
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  const how =
    weight === 0
      ? ''
      : ` on ${pairs} pairs: ${percent(by_words)} found by words, ${percent(by_both)} with vectors (${better} better, ${worse} worse)`;
  return `${made.join('')}tried on ${dayOf(at)}${how}; ${used ? 'used' : 'not used'}: ${why}\n`;
}

function drawn({ memories: counts, said, bytes, vectors, trial, weeks }: Stats): string {
  const states = memories.STATUSES.filter((state) => counts.some(({ status }) => status === state));
  const kinds = new Map(counts.map(({ scope, kind }) => [`${scope}\n${kind}`, { scope, kind }]));
  const rows = [...kinds.values()].map(({ scope, kind }) => [
    harmless(scope),
    kind,
    ...states.map((state) => {
      const of = counts.find((one) => one.scope === scope && one.kind === kind && one.status === state);
      return of ? grouped(of.count) : '–';
    }),
  ]);
  return [
    rows.length === 0
      ? 'Nothing is remembered yet.\n'
      : table(['whose', 'kind', ...states.map((s) => `>${s}`)], rows),
    `searchable: ${grouped(said.count)} messages, ${mb(said.bytes)} of words\n${bytes
      .map((one) => `on the disk: ${one.what}: ${mb(one.bytes)}\n`)
      .join('')}`,
    ...(vectors.length > 0 || trial ? [vectorsDrawn(vectors, trial)] : []),
    table(
      ['week from', '>learnt', '>ended'],
      weeks.map(({ from_at, learnt, ended }) => [dayOf(from_at), grouped(learnt), grouped(ended)]),
    ),
  ].join('\n');
}
