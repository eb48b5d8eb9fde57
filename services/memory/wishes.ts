/**
 * The wishes: what the owner, or the agent for them, asks of memory. Each is one commit with its end, so that a death does it
 * once or not yet. What the agent asks counts as the agent's, never as the owner's word: it promotes nothing, and what the
 * owner has set it leaves alone. To forget and to consolidate are done elsewhere.
 */

import { uuid } from '#shared/base/ids.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as memory from '#shared/tables/memory.ts';
import * as memory_change from '#shared/tables/memory_change.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import * as memory_source from '#shared/tables/memory_source.ts';
import * as message from '#shared/tables/message.ts';
import type { Op } from '#shared/tables/op.ts';
import type { Wish } from '#shared/tables/wish.ts';
import * as wish from '#shared/tables/wish.ts';
import { type Before, type Board, boardOf, type Piece } from './board.ts';
import type { Change } from './change.ts';
import { supersede } from './judge.ts';
import { alone, applyChanges, carryOut, type Keeper, type Outcome, rankOf, touchedBy } from './keep.ts';
import { patiently } from './patience.ts';
import { statementsIn } from './rule/statement.ts';
import { settled } from './settle.ts';
import { hashOf, isInstruction, isOwnEcho } from './words.ts';

export type Kind = Exclude<Wish['kind'], 'forget' | 'consolidate'>;
export const KINDS: readonly Kind[] = ['remember', 'edit', 'pin', 'unpin', 'confirm', 'reject', 'undo'];

/** What came of it; `told`: in words that its conversation is told, since it is not what was asked for, or not seen otherwise. */
type End = { state: 'done' | 'refused'; outcome: string; told: boolean };

const done = (outcome: string, told = false): End => ({ state: 'done', outcome, told });
const refused = (outcome: string): End => ({ state: 'refused', outcome, told: true });

export function wishes(ctx: Context<unknown>): void {
  ctx.work({
    name: 'wishes',
    queue: 'wish',
    look: async () => (await ctx.store.read(wish.next(KINDS)))[0],
    act: patiently(
      ({ id }) => id,
      (one) => grant(ctx, one),
      async (one, error) => {
        ctx.log.error('wish.failed', { wish: one.id, error });
        await settle(ctx, one, refused('I could not do that: something is wrong with me, see the log.'));
      },
    ),
  });
}

export async function grant(ctx: Keeper, one: Wish): Promise<void> {
  if (one.kind === 'remember') await remember(ctx, one);
  else await alone(ctx.store, () => decide(ctx, one));
  ctx.log.info('wish.handled', { wish: one.id, kind: one.kind });
}

function ending({ clock }: Keeper, one: Wish, { state, outcome, told }: End): Op[] {
  return settled(one, { state, outcome, tell: told ? outcome : null, now: clock.now() });
}

async function remember(ctx: Keeper, one: Wish): Promise<void> {
  const text = one.text?.trim() ?? '';
  const heard = one.turn_id === null ? [] : await ctx.store.read(message.ofTurn(one.turn_id));
  // What it rests on was forgotten since, or never said by anybody.
  if (one.turn_id !== null && heard.length === 0)
    return settle(ctx, one, refused('Nothing is left of what that was wished on: I do not keep it.'));
  // As the rules would read it, so that it takes the place of what they have read.
  const [stated, ...more] = statementsIn({ text: inFirstPerson(text), at: one.at });
  const says = more.length === 0 && stated && !stated.statement.negates ? stated.statement : undefined;
  const change: Change = {
    op: 'add',
    kind: says?.kind ?? 'fact',
    slot: says?.slot ?? null,
    text,
    sources: heard.map(({ id }) => ({ message_id: id, quote: null })),
    confidence: null,
    // Said in a turn, it holds from when its words were: what the rules read in them is no older.
    valid_from: heard.length > 0 ? null : one.at,
    due_at: says?.due_at ?? null,
  };
  const finishing = (outcome: Outcome) => ending(ctx, one, toldOf(one, text, outcome));
  await applyChanges(ctx, { wish: one, finishing }, one.scope, [change]);
}

/** An agent writes "The user lives in Rome". */
function inFirstPerson(text: string): string {
  const who = '(?:the )?(?:user|owner)';
  return text
    .replace(new RegExp(`^${who}['’]s `, 'i'), 'my ')
    .replace(new RegExp(`^${who} is `, 'i'), "I'm ")
    .replace(new RegExp(`^${who} has `, 'i'), 'I have ')
    .replace(new RegExp(`^${who} (\\p{L}+?)s `, 'iu'), 'I $1 ');
}

function toldOf(one: Wish, text: string, { kept, rejected }: Outcome): End {
  const short = quoted(text);
  const [rejection] = rejected;
  if (rejection) return refused(`I do not keep ${short}: ${rejection.why}.`);
  switch (kept[0]?.status) {
    case 'active':
      return done(`I remember ${short}.`);
    case 'proposed':
      return done(`I keep ${short} once you say yes.`);
    case 'disputed':
      return done(`I keep ${short}, though it contradicts what I know: I ask you which is right.`);
    case 'quarantined':
      return done(
        `I have put ${short} aside: it was not by the owner's own word. The owner can have me believe it: /memory.`,
        true,
      );
    default:
      return done(`I have noted ${short} as what was so before.`, one.turn_id === null);
  }
}

async function decide(ctx: Keeper, one: Wish): Promise<void> {
  if (one.tainted)
    return settle(ctx, one, refused('That was not wished by the owner alone: nothing was changed.'));
  if (one.kind === 'undo') return undo(ctx, one);
  const verb = VERBS[one.kind];
  if (!verb) throw new Error(`memory: expected a wish to ${KINDS.join(', ')}, got ${one.kind}`);
  const found = await memoryOf(ctx, one);
  if (!found) return settle(ctx, one, refused('There is no such memory here.'));
  // What an edit would make of it may be there already.
  const hash = one.kind === 'edit' ? hashOf(one.text ?? '') : found.hash;
  const rivals = await ctx.store.read(memory.rivals({ ...found, hash }));
  const sources = await ctx.store.read(memory_source.of([found.id]));
  const board = boardOf([found, ...rivals], sources);
  const [piece, ...others] = board.pieces;
  if (!piece) return;
  await settle(ctx, one, verb(ctx, one, board, piece, others), board);
}

async function memoryOf({ store }: Keeper, { memory_id, scope }: Wish) {
  if (memory_id === null) return undefined;
  const [found] = await store.read(
    memory.touched(scope, { hashes: [], slots: [], ids: [memory_id], starts: [] }),
  );
  return found;
}

async function settle(ctx: Keeper, one: Wish, end: End, board?: Board): Promise<void> {
  const steps = end.state === 'done' ? (board?.steps ?? []) : [];
  await carryOut(ctx, { wish: one }, one.scope, steps, ending(ctx, one, end));
}

type Verb = (ctx: Keeper, one: Wish, board: Board, piece: Piece, rivals: readonly Piece[]) => End;

const OPEN = ['proposed', 'disputed', 'quarantined'];

const VERBS: Partial<Record<Wish['kind'], Verb>> = {
  pin: (_, __, board, piece) => pinned(board, piece, 1),
  unpin: (_, __, board, piece) => pinned(board, piece, 0),

  edit(ctx, one, board, piece, rivals) {
    const text = one.text?.trim() ?? '';
    const { origin, vouched } = rankOf(one);
    const trust = vouched ?? 0;
    if (text === '' || isOwnEcho(text)) return refused('There is nothing to change it to.');
    if (piece.status !== 'active' && piece.status !== 'disputed') return refused(`That is ${piece.status}.`);
    if (origin !== 'owner' && (piece.origin === 'owner' || piece.pinned))
      return refused(`You set ${quoted(piece.text)} yourself: only you change it.`);
    if (isInstruction(text) && !(origin === 'owner' && piece.kind === 'instruction'))
      return refused('That would be something to do, not something to know: /remember it, and I ask you.');
    const same = [piece, ...rivals].find(({ hash }) => hash === hashOf(text));
    if (same) return done(`#${same.id} says that already.`);
    const now = ctx.clock.now();
    const next = { ...rowOf(piece), uid: uuid(now), text, hash: hashOf(text) };
    supersede(board, piece, { uid: next.uid, valid_from: one.at }, now);
    const fresh = { status: 'active', origin, trust, valid_from: one.at, recorded_at: now } as const;
    const from = piece.sources.map((message_id) => ({ message_id, quote_from: null, quote_to: null }));
    board.add('add', { ...next, ...fresh, wish_id: one.id, asked_at: null }, from);
    return done(`From now on: ${quoted(text)}.`);
  },

  confirm(ctx, one, board, piece, rivals) {
    if (one.turn_id !== null) return refused('That is for you to say, not for me.');
    if (piece.status === 'active') return done('I know.');
    if (!OPEN.includes(piece.status)) return refused(`That is ${piece.status} by now.`);
    const now = ctx.clock.now();
    for (const rival of rivals) supersede(board, rival, piece, now);
    board.change('confirm', piece, { status: 'active', origin: 'owner', trust: 3, asked_at: now });
    return done(`I remember ${quoted(piece.text)}.`);
  },

  reject(ctx, one, board, piece, rivals) {
    if (one.turn_id !== null && (piece.origin === 'owner' || piece.pinned))
      return refused(`You set ${quoted(piece.text)} yourself: only you take it back.`);
    if (![...OPEN, 'active'].includes(piece.status)) return done(`It is ${piece.status} already.`);
    const now = ctx.clock.now();
    board.change('retract', piece, { status: 'retracted', valid_to: now, unrecorded_at: now });
    // What it alone stood against is clear again.
    const [rival, ...more] = rivals;
    if (rival?.status === 'disputed' && more.length === 0 && (rival.slot ?? piece.slot) === piece.slot)
      board.change('confirm', rival, { status: 'active' });
    return done(`I drop ${quoted(piece.text)}.`);
  },
};

function pinned(board: Board, piece: Piece, to: 0 | 1): End {
  if (piece.status !== 'active') return refused(`That is ${piece.status}.`);
  if (piece.pinned !== to) board.change(to ? 'pin' : 'unpin', piece, { pinned: to });
  return done(
    to ? `I keep ${quoted(piece.text)} in view.` : `${quoted(piece.text)} is one among others again.`,
  );
}

function rowOf({ id: _, superseded_by: __, sources: ___, ...row }: Piece): memory.Added {
  const { uid, scope, kind, slot, text, hash, status, origin, trust, confidence, valid_from, valid_to } = row;
  const { due_at, period, starts_at, ends_at, recorded_at, unrecorded_at, wish_id, pinned, asked_at } = row;
  return {
    ...{
      uid,
      scope,
      kind,
      slot,
      text,
      hash,
      status,
      origin,
      trust,
      confidence,
      valid_from,
      valid_to,
      due_at,
    },
    ...{ period, starts_at, ends_at, recorded_at, unrecorded_at, wish_id, pinned, asked_at },
  };
}

/** Takes back what a run has changed, as far as nothing else has changed it since. */
async function undo(ctx: Keeper, one: Wish): Promise<void> {
  const [run] = one.run_id === null ? [] : await ctx.store.read(memory_run.of(one.run_id));
  if (!run || run.scope !== one.scope) return settle(ctx, one, refused('There is no such run here.'));
  if (run.state === 'undone') return settle(ctx, one, done('That run was taken back already.', true));
  if (run.state !== 'applied') return settle(ctx, one, refused(`That run is ${run.state}.`));
  if (one.turn_id !== null) return settle(ctx, one, refused('That is for you to say, not for me.'));
  const changes = await ctx.store.read(memory_change.undoable(run.id));
  const ids = [...new Set(changes.map(({ memory_id }) => memory_id))];
  const around = await touchedBy(ctx.store, one.scope, { hashes: [], slots: [], ids, starts: [] });
  const board = boardOf(around, await ctx.store.read(memory_source.of(ids)));
  const left = takeBack(board, changes, ctx.clock.now());
  const stays = left === 0 ? '' : ` ${left} of its changes stay: something else has changed them since.`;
  const end = done(`I have taken back what run ${run.id} learnt.${stays}`, true);
  await carryOut(ctx, { wish: one }, one.scope, board.steps, [
    memory_run.undone(run.id),
    ...ending(ctx, one, end),
  ]);
}

/** @param changes the last first @returns how many memories stay as they are */
function takeBack(
  board: Board,
  changes: readonly (memory_change.Change & { later: number })[],
  now: number,
): number {
  const stay = new Set(changes.filter(({ later }) => later).map(({ memory_id }) => memory_id));
  for (const { memory_id, before_json } of changes) {
    const piece = board.find(memory_id);
    if (!piece || stay.has(memory_id)) continue;
    if (before_json === null) {
      board.change('undo', piece, { status: 'retracted', valid_to: now, unrecorded_at: now });
      continue;
    }
    const { sources = [], ...was }: Before = JSON.parse(before_json);
    const taken =
      was.status === 'active' && board.pieces.some((other) => other !== piece && excludes(other, piece));
    if (taken) stay.add(memory_id);
    else board.change('undo', piece, was, { without: sources });
  }
  return stay.size;
}

/** It has the place that the other would come back to. */
function excludes(other: Piece, piece: Piece): boolean {
  if (other.status !== 'active') return false;
  const sameTime =
    piece.period !== null && other.period === piece.period && other.starts_at === piece.starts_at;
  return other.hash === piece.hash || (piece.slot !== null && other.slot === piece.slot) || sameTime;
}

function quoted(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return `"${line.length <= 200 ? line : `${line.slice(0, 200).toWellFormed()}…`}"`;
}
