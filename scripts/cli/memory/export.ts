/** All that is remembered of a scope, with where each is from: for a program, or for a person. */

import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock } from '#shared/base/clock.ts';
import { grouped } from '#shared/base/count.ts';
import { codeOf, Misconfigured } from '#shared/base/errors.ts';
import { quoteOf, speakerOf } from '#shared/recall/life.ts';
import type { Store } from '#shared/store/store.ts';
import * as memories from '#shared/tables/memory.ts';
import * as memory_source from '#shared/tables/memory_source.ts';
import * as profiles from '#shared/tables/profile.ts';
import { harmless, timeOf } from '../explain.ts';
import { openHouse } from '../house.ts';
import { dayOf } from './look.ts';

type Options = { scope: string; format: 'json' | 'markdown' };
type Exported = Awaited<ReturnType<typeof gathered>>;

export async function exported(file: string | undefined, options: Options): Promise<void> {
  const { store } = await openHouse();
  try {
    const all = await gathered(store, options.scope);
    const text = options.format === 'json' ? `${JSON.stringify(all, null, 2)}\n` : harmless(markdown(all));
    if (file === undefined) process.stdout.write(text);
    else {
      create(resolve(file), text);
      process.stdout.write(`${grouped(all.memories.length)} memories are in ${resolve(file)}\n`);
    }
  } finally {
    await store.close();
  }
}

function create(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const code = codeOf(error);
    if (code === '') throw error;
    const what = code === 'EEXIST' ? 'is there already' : `cannot be written (${code})`;
    throw new Misconfigured(`memory: ${path} ${what}`, 'name another file', { cause: error });
  }
}

async function gathered(store: Store, scope: string) {
  const of = { scope, kind: null, conversation: null, statuses: memories.STATUSES };
  const rows = await store.read(memories.listed({ ...of, most: Number.MAX_SAFE_INTEGER }));
  const sources = Map.groupBy(await store.read(memory_source.ofScope(scope)), ({ memory_id }) => memory_id);
  return {
    scope,
    exported_at: systemClock.now(),
    profile: (await store.read(profiles.of(scope)))[0]?.text ?? null,
    memories: rows
      .toSorted((a, b) => a.id - b.id)
      .map((row) => ({ ...row, sources: (sources.get(row.id) ?? []).map(cited) })),
  };
}

/** What was cited of the message, not all of it. */
function cited(source: memory_source.Quoted) {
  const { memory_id: _, text: __, ...rest } = source;
  return { ...rest, quote: quoteOf(source) };
}

function markdown({ scope, exported_at, memories: all }: Exported): string {
  const inForce = all.filter(({ status }) => status === 'active' || status === 'disputed');
  const sections = memories.KINDS.map((kind) => ({
    title: kind.charAt(0).toUpperCase() + kind.slice(1),
    rows: inForce.filter((row) => row.kind === kind),
  }));
  sections.push({ title: 'Not in force', rows: all.filter((row) => !inForce.includes(row)) });
  return [
    `# What is remembered of ${scope}, ${timeOf(exported_at).slice(0, 16)}\n`,
    ...sections
      .filter(({ rows }) => rows.length > 0)
      .map(({ title, rows }) => `## ${title}\n\n${rows.map(entry).join('\n')}`),
  ].join('\n');
}

function entry(row: Exported['memories'][number]): string {
  const facts = [
    `#${row.id}`,
    row.status,
    ...(row.pinned ? ['pinned'] : []),
    `since ${dayOf(row.recorded_at)}`,
    ...(row.unrecorded_at === null ? [] : [`until ${dayOf(row.unrecorded_at)}`]),
    ...(row.superseded_by === null ? [] : [`replaced by #${row.superseded_by}`]),
    ...(row.due_at === null ? [] : [`due ${timeOf(row.due_at).slice(0, 16)}`]),
    `from ${row.origin}`,
    `trust ${row.trust}`,
  ];
  const quotes = row.sources.map(
    (source) =>
      `  > ${oneLine(source.quote)}\n  > (${speakerOf(source)}, ${timeOf(source.at).slice(0, 16)}, ${source.conversation})\n`,
  );
  return `- ${oneLine(row.text)}\n  (${facts.join(', ')})\n${quotes.map((quote) => `\n${quote}`).join('')}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
