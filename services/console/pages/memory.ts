/** Memory: what is remembered, why, and since when; said yes or no to, changed, undone, forgotten. The service `memory` alone does it. */

import * as z from 'zod/mini';
import { OWNER } from '#shared/recall/scope.ts';
import * as memories from '#shared/tables/memory.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import { wished } from '../ask.ts';
import type { Action, Done, Page } from '../page.ts';
import { browse } from './memory/browse.ts';
import { forget } from './memory/forget.ts';
import { life } from './memory/life.ts';
import { profile } from './memory/profile.ts';
import { run, runs } from './memory/runs.ts';

const LONGEST_chars = 4000;

export const memory: Page = {
  path: 'memory',
  name: 'Memory',
  async show(visit) {
    const { id } = visit;
    if (id === null) return browse(visit);
    if (id === 'profile') return profile(visit);
    if (id === 'runs') return runs(visit);
    if (id === 'forget') return forget(visit);
    const [, of_run] = /^run-(\d{1,15})$/.exec(id) ?? [];
    return of_run === undefined ? life(visit, Number(id)) : run(visit, Number(of_run));
  },
  actions: {
    remember: (visit, sent) => {
      const text = textIn(sent);
      if (text === null) return refused(`Expected up to ${LONGEST_chars} characters to remember.`);
      return wished(visit, { kind: 'remember', scope: sent.get('scope') || OWNER, text });
    },
    edit: onMemory(async (visit, { id, scope }, sent) => {
      const text = textIn(sent);
      if (text === null) return refused(`Expected up to ${LONGEST_chars} characters.`);
      return wished(visit, { kind: 'edit', scope, memory_id: id, text });
    }),
    pin: said('pin'),
    unpin: said('unpin'),
    confirm: said('confirm'),
    reject: said('reject'),
    async undo(visit, sent) {
      const [found] = await visit.ctx.store.read(memory_run.of(Number(sent.get('id'))));
      if (!found) return refused('There is no such run.');
      const done = await wished(visit, { kind: 'undo', scope: found.scope, run_id: found.id });
      return { ...done, subject: `run ${found.id}`, to: `memory/run-${found.id}` };
    },
    consolidate: async (visit) => ({
      ...(await wished(visit, { kind: 'consolidate', scope: OWNER })),
      to: 'memory/runs',
    }),
    async forget(visit, sent) {
      const targets = targetsIn(sent.get('targets') ?? '');
      if (targets === null) return refused('It is not told what is to be forgotten.');
      const asked = { ...targets, ...(sent.has('backups') && { backups: true }) };
      const scope = sent.get('scope') || OWNER;
      return wished(visit, { kind: 'forget', scope, targets_json: JSON.stringify(asked) });
    },
  },
};

const refused = async (say: string): Promise<Done> => ({ say, refused: true });

function textIn(sent: ReadonlyMap<string, string>): string | null {
  const text = (sent.get('text') ?? '').trim().toWellFormed();
  return text === '' || text.length > LONGEST_chars ? null : text;
}

/** The ids that were shown, and no others. */
const targets = z.strictObject({
  memories: z.array(z.int().check(z.positive())),
  turns: z.array(z.string().check(z.regex(/^[\w-]{1,64}$/))),
});

function targetsIn(text: string): z.infer<typeof targets> | null {
  try {
    const { data } = targets.safeParse(JSON.parse(text));
    return data && data.memories.length + data.turns.length > 0 ? data : null;
  } catch {
    return null; // no JSON
  }
}

/** On a memory that is there; it leads to where its button stands. */
function onMemory(
  act: (visit: Parameters<Action>[0], found: memories.Memory, sent: Parameters<Action>[1]) => Promise<Done>,
): Action {
  return async (visit, sent) => {
    const [found] = await visit.ctx.store.read(memories.of(Number(sent.get('id'))));
    if (!found) return refused('There is no such memory.');
    const done = await act(visit, found, sent);
    return sent.has('back') ? { ...done, to: `memory/${found.id}` } : done;
  };
}

function said(kind: 'pin' | 'unpin' | 'confirm' | 'reject'): Action {
  return onMemory((visit, { id, scope }) => wished(visit, { kind, scope, memory_id: id }));
}
