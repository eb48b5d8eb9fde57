import { systemClock } from '#shared/base/clock.ts';
import type { Store } from '#shared/store/store.ts';
import * as memories from '#shared/tables/memory.ts';
import * as passage from '#shared/tables/passage.ts';
import { harmless } from '../explain.ts';
import { openHouse } from '../house.ts';
import { grouped } from '../money.ts';
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

function drawn({ memories: counts, said, bytes, weeks }: Stats): string {
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
  const mb = (size: number) => `${(size / 1e6).toFixed(1)} MB`;
  return [
    rows.length === 0
      ? 'Nothing is remembered yet.\n'
      : table(['whose', 'kind', ...states.map((s) => `>${s}`)], rows),
    `searchable: ${grouped(said.count)} messages, ${mb(said.bytes)} of words\n${bytes
      .map((one) => `on the disk: ${one.what}: ${mb(one.bytes)}\n`)
      .join('')}`,
    table(
      ['week from', '>learnt', '>ended'],
      weeks.map(({ from_at, learnt, ended }) => [dayOf(from_at), grouped(learnt), grouped(ended)]),
    ),
  ].join('\n');
}
