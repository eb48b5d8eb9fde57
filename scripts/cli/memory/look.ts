/** `vigil memory list | search | profile`: what is remembered, and what words would bring to mind. */

import { systemClock } from '#shared/base/clock.ts';
import { excerpt } from '#shared/base/excerpt.ts';
import { periodOf } from '#shared/base/period.ts';
import { reasonsOf } from '#shared/recall/life.ts';
import { recall } from '#shared/recall/recall.ts';
import * as memories from '#shared/tables/memory.ts';
import { type Memory, STATUSES } from '#shared/tables/memory.ts';
import * as message from '#shared/tables/message.ts';
import * as profiles from '#shared/tables/profile.ts';
import { harmless } from '../explain.ts';
import { openHouse } from '../house.ts';
import { table } from '../table.ts';

/** An id's first part is the millisecond in which it was made: enough to tell it by. */
const SHORT_ID = 13;

const FORCE = ['active', 'disputed', 'proposed'] as const;

export type ListOptions = {
  scope: string;
  kind?: Memory['kind'];
  status?: Memory['status'] | 'all';
  conversation?: string;
  limit: number;
  json?: boolean;
};

export async function list(options: ListOptions): Promise<void> {
  const { status } = options;
  const every = options.scope === 'all';
  const { store } = await openHouse();
  try {
    const rows = await store.read(
      memories.listed({
        scope: every ? null : options.scope,
        statuses: status === undefined ? FORCE : status === 'all' ? STATUSES : [status],
        kind: options.kind ?? null,
        conversation: options.conversation ?? null,
        most: options.limit,
      }),
    );
    if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
    else if (rows.length === 0)
      process.stdout.write(`There is nothing like that in the memory of ${harmless(options.scope)}.\n`);
    else process.stdout.write(drawn(rows, every));
  } finally {
    await store.close();
  }
}

function drawn(rows: readonly Memory[], withScope = false): string {
  const cells = rows.map((row) => [
    `#${row.id}`,
    row.kind,
    row.pinned ? `${row.status}, pinned` : row.status,
    dayOf(row.recorded_at),
    row.origin,
    String(row.trust),
    harmless(excerpt(row.text)),
    withScope ? harmless(row.scope) : '',
  ]);
  const columns = ['>id', 'kind', 'state', 'since', 'origin', '>trust', 'what'];
  return table(withScope ? [...columns, 'whose'] : columns, cells);
}

export function dayOf(at: number): string {
  return periodOf('day', at).name;
}

export async function search(
  words: string[],
  options: { scope: string; tokens: number; json?: boolean },
): Promise<void> {
  const { store } = await openHouse();
  try {
    const question = { scope: options.scope, text: words.join(' '), now: systemClock.now() };
    const found = await recall(store.read, { ...question, budget_tokens: options.tokens });
    if (options.json) {
      process.stdout.write(`${JSON.stringify(found)}\n`);
      return;
    }
    if (found.length === 0) {
      process.stdout.write('Nothing bears on it.\n');
      return;
    }
    const ids = found.filter(({ kind }) => kind === 'message').map(({ id }) => id);
    const turns = new Map((await store.read(message.turnsOf(ids))).map(({ id, turn_id }) => [id, turn_id]));
    const cells = found.map((one) => [
      one.score.toFixed(2),
      one.kind === 'memory' ? `#${one.id}` : `turn ${(turns.get(one.id) ?? '').slice(0, SHORT_ID)}`,
      dayOf(one.at),
      harmless(one.author ?? one.role ?? ''),
      String(one.trust),
      harmless(excerpt(one.text)),
      reasonsOf(one.why),
    ]);
    process.stdout.write(table(['>score', 'where', 'day', 'who', '>trust', 'what', 'why'], cells));
  } finally {
    await store.close();
  }
}

export async function profile(options: { scope: string; json?: boolean }): Promise<void> {
  const { store } = await openHouse();
  try {
    const [row] = await store.read(profiles.of(options.scope));
    if (options.json) process.stdout.write(`${JSON.stringify(row ?? null)}\n`);
    else if (!row || row.text === '') process.stdout.write('The model is told nothing beforehand.\n');
    else process.stdout.write(`${harmless(row.text.trimEnd())}\n`);
  } finally {
    await store.close();
  }
}
