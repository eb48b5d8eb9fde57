/**
 * What goes when something is forgotten, before anything does: shown to whoever wishes it, and kept by `memory` until it is
 * done. What is named goes with all that was made of it; what merely bears on it is shown, and goes when it is named too.
 */

import { basename, join } from 'node:path';
import { OWNER } from '../recall/scope.ts';
import * as erase from '../tables/erase.ts';
import type { Query } from '../tables/op.ts';
import { type Finder, finder, phrasesOf } from './words.ts';

export type Read = <Row>(query: Query<Row>) => Promise<Row[]>;

/** What a wish to forget names: `targets_json`. */
export type Targets = {
  memories: readonly number[];
  turns: readonly string[];
  /** What came in and is in no turn. */
  inbound?: readonly number[];
  /** The backups that hold it shall go too. */
  backups?: boolean;
};

/** What bears on it and stays, unless it is named as well. */
export type Related = ({ turn_id: string } | { memory_id: number }) & {
  why: 'it rests on this' | 'another value of it' | 'the same words' | 'the model was told of it';
  text: string;
  at: number;
};

export type Plan = {
  gone: erase.Gone;
  /** What was said, and is remembered, that goes. */
  said: erase.Said[];
  memories: erase.Kept[];
  related: Related[];
  /** Rows by table. */
  counts: { table: string; rows: number }[];
  /** What is looked for everywhere: what nobody else has said. */
  phrases: string[];
  /** Phrases that also stand in messages or memories that stay, and stay with them. */
  shared: string[];
  /** Jobs and tasks in which the words stand: their owner's to change. */
  setUp: string[];
  /** The names of files that came with the messages, and the calls that may have left some. */
  files: string[];
  calls: string[];
  /** What came in, by its name where it comes from. */
  inbound: string[];
  /** The conversations that it was said or told in, and since when. */
  talks: string[];
  since_at: number;
  /** Batches at the provider that hold it. */
  batches: string[];
  /** Passes of a model that are made again, of what is left. */
  passes: erase.Pass[];
};

/** Why it cannot be forgotten as it was named. */
export class Unforgettable extends Error {
  override readonly name = 'Unforgettable';
}

const STRETCH = 1000;

/**
 * @param of `scope`: whose memory it is taken from, and no other's (null: anybody's, and whether it is
 *   over or not: a backup has brought it back); `wish`: the wish's own row, which stays
 * @throws Unforgettable when nothing of it is there, it is somebody else's, or a turn of it is not over
 */
export async function plan(
  read: Read,
  targets: Targets,
  of: { scope: string | null; wish?: number } = { scope: null },
): Promise<Plan> {
  const turns = await read(erase.turns(await withCorrections(read, targets.turns)));
  const open = turns.filter(({ over }) => !over).map(({ id }) => id);
  if (open.length > 0 && of.scope !== null)
    throw new Unforgettable(`turn ${open.join(', ')} is not over yet: once it is, it can be forgotten`);
  const turn = turns.map(({ id }) => id);
  const foreign = (scope: string | null) => of.scope !== null && scope !== null && scope !== of.scope;
  const said = await read(erase.messages(turn));
  const message = said.map(({ id }) => id);
  const named = await read(erase.memories(targets.memories, message));
  if (turns.some(({ scope }) => foreign(scope)) || named.some(({ scope }) => foreign(scope)))
    throw new Unforgettable('some of it was said elsewhere: it can be forgotten from there');
  const waiting = targets.inbound ?? [];
  if (turn.length + named.length + waiting.length === 0 && !targets.backups)
    throw new Unforgettable('nothing of it is there (any more): it was forgotten before, or never there');
  const rests = await read(erase.sources(named.map(({ id }) => id)));
  const concerned = [...new Set([...message, ...rests.map(({ id }) => id)])];
  const memories = [...named, ...(await read(erase.summaries(concerned)))];
  const memory = [...new Set(memories.map(({ id }) => id))];
  const told = (await read(erase.told(message, memory)))
    .map(({ turn_id }) => turn_id)
    .filter((id) => !turn.includes(id));
  const scope = [...new Set(memories.map((one) => one.scope))];
  const talks = [
    ...new Set([
      ...said.map(({ conversation }) => conversation),
      ...(await read(erase.messages(told))).map(({ conversation }) => conversation),
      ...(await read(erase.conversations(scope))).map(({ conversation }) => conversation),
    ]),
  ];
  const since_at = Math.min(
    Number.MAX_SAFE_INTEGER,
    ...said.map(({ at }) => at),
    ...named.map(({ recorded_at }) => recorded_at),
  );
  const runs = await read(erase.runs(message, scope));
  const wish = (await read(erase.wishes(turn, memory, of.wish ?? 0))).map(({ id }) => id);
  const shown = await shownBy(read, talks, { memory, wish });
  const found: erase.Gone = {
    ...shown,
    turn,
    inbound: [...waiting, ...shown.inbound],
    message,
    memory,
    told,
    call: (await read(erase.calls([...turn, ...told], talks, since_at))).map(({ id }) => id),
    summary: (await read(erase.compacted(said))).map(({ id }) => id),
    run: runs.map(({ id }) => id),
    step: runs.flatMap(({ step }) => step ?? []),
    wish,
    taint: (await read(erase.inherited(turn))).map(({ id }) => id),
    schedule: [],
    task: [],
    scope,
  };
  const others = (await read(erase.otherWords(turn))).map(({ text }) => text);
  const ours = named.filter(({ kind }) => kind !== 'summary');
  const candidates = phrasesOf([...said, ...ours].map(({ text }) => text).concat(others));
  const stays = await staying(read, finder(candidates), found);
  const gone = { ...found, ...stays.over };
  const foreignTo = (conversation: string) =>
    of.scope !== null && of.scope !== OWNER && !talks.includes(conversation);
  const left = await read(erase.files(turn));
  return {
    gone,
    said,
    memories,
    related: await relatedTo(read, gone, of.scope, rests, stays.said),
    counts: await countsOf(read, gone),
    phrases: candidates.filter((phrase) => !stays.phrases.has(phrase)),
    shared: [...stays.phrases],
    setUp: stays.setUp.filter(({ conversation }) => !foreignTo(conversation)).map(({ what }) => what),
    files: left.flatMap(({ path }) => (path === null ? [] : [basename(path)])),
    calls: left.flatMap(({ call_id }) => (call_id === null ? [] : [call_id])),
    inbound: (await read(erase.inboundNames(turn))).map(({ name }) => name),
    talks,
    since_at,
    batches: [...new Set(runs.flatMap(({ batch_ref }) => batch_ref ?? []))],
    passes: runs.filter((run) => run.state === 'applied' && run.how !== 'rule' && run.period === null),
  };
}

async function withCorrections(read: Read, named: readonly string[]): Promise<string[]> {
  const turns = new Set(named);
  for (let size = -1; size < turns.size; ) {
    size = turns.size;
    for (const { turn_id } of await read(erase.corrections([...turns]))) turns.add(turn_id);
  }
  return [...turns];
}

/** What these memories were shown by: commands, what was answered to them, and what the owner was asked. */
export async function shownBy(
  read: Read,
  talks: readonly string[],
  { memory, wish }: Pick<erase.Gone, 'memory' | 'wish'>,
): Promise<Pick<erase.Gone, 'inbound' | 'press' | 'approval' | 'notice'>> {
  const press = (await read(erase.presses(talks))).map(({ id }) => id);
  const approval = (await read(erase.approvals(talks))).map(({ id }) => id);
  const notice = (await read(erase.notices(press, approval, memory, wish))).map(({ id }) => id);
  const inbound = (await read(erase.commands(press))).map(({ id }) => id);
  return { inbound, press, approval, notice };
}

/** Which of the words somebody else has said, or the owner has put into a job: what is theirs is not struck. */
async function staying(read: Read, words: Finder, gone: erase.Gone) {
  const phrases = new Set<string>();
  const said: erase.Said[] = [];
  const setUp: erase.SetUp[] = [];
  const holds = (text: string) => {
    const found = words.in(text);
    for (const phrase of found) phrases.add(phrase);
    return found.size > 0;
  };
  const [messages, memories] = [new Set(gone.message), new Set(gone.memory)];
  for await (const one of all(read, erase.said)) if (!messages.has(one.id) && holds(one.text)) said.push(one);
  for await (const one of all(read, erase.remembered)) if (!memories.has(one.id)) holds(one.text);
  const over: Record<'schedule' | 'task', number[]> = { schedule: [], task: [] };
  for (const one of await read(erase.setUp)) {
    const { id, kind, what, text } = one;
    if (one.over && words.in(text).size > 0) over[kind].push(id);
    if (holds(one.over ? what : `${what}\n${text}`)) setUp.push(one);
  }
  return { phrases, said, setUp, over };
}

/** Every row, a stretch at a time; others have their turn in between. */
export async function* all<Row extends { id: number }>(
  read: Read,
  rows: (after: number, most: number) => Query<Row>,
): AsyncGenerator<Row> {
  for (let after = -1; ; ) {
    const some = await read(rows(after, STRETCH));
    yield* some;
    after = some.at(-1)?.id ?? after;
    if (some.length < STRETCH) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Nobody is shown what was said elsewhere; and what is not over cannot be forgotten yet. */
async function relatedTo(
  read: Read,
  gone: erase.Gone,
  scope: string | null,
  rests: readonly erase.Said[],
  same: readonly erase.Said[],
): Promise<Related[]> {
  const told = await read(erase.messages(gone.told));
  const turns = new Map<string, Related>();
  const add = (why: Related['why'], { turn_id, text, at }: erase.Said) => {
    if (!gone.turn.includes(turn_id) && !turns.has(turn_id)) turns.set(turn_id, { turn_id, why, text, at });
  };
  for (const one of rests) add('it rests on this', one);
  for (const one of same) add('the same words', one);
  for (const one of told) if (one.role === 'assistant') add('the model was told of it', one);
  const chain = await read(erase.chain(gone.memory));
  for (const one of await read(erase.sources(chain.map(({ id }) => id)))) add('another value of it', one);
  // What a job said is in nobody's passages; the owner may see it.
  const mine = (of: string | null) => scope === null || of === scope || (of === null && scope === OWNER);
  const shown = (await read(erase.turns([...turns.keys()]))).filter((one) => one.over && mine(one.scope));
  return [
    ...shown.flatMap(({ id }) => turns.get(id) ?? []),
    ...chain.map(
      ({ id, text, recorded_at: at }): Related => ({ memory_id: id, why: 'another value of it', text, at }),
    ),
  ];
}

async function countsOf(read: Read, gone: erase.Gone): Promise<Plan['counts']> {
  const counts: Plan['counts'] = [];
  for (const query of erase.counts(gone)) {
    const [found] = await read(query);
    if (found && found.rows > 0) counts.push({ table: query.table, rows: found.rows });
  }
  return counts;
}

/** What came with the messages, and what their calls have put down for the model, in these folders of a home. */
export function leftBy(
  { files, calls }: Pick<Plan, 'files' | 'calls'>,
  home: { files: string; workspace: string },
): string[] {
  return [
    ...files.map((name) => join(home.files, name)),
    ...calls.flatMap((id) => [join(home.files, id), join(home.workspace, '.results', `${id}.txt`)]),
  ];
}
