/**
 * What becomes of changes. The rules, in short: nothing without a source; what strangers said is kept apart; an order waits
 * for the owner's yes; of a slot the newest value is in force, and the old one stays on record; the owner's own word gives
 * way to the owner alone. Pure.
 */

import { KINDS, type Memory } from '#shared/tables/memory.ts';
import type { Source } from '#shared/tables/memory_source.ts';
import type { Trust } from '#shared/tables/message.ts';
import { type Board, boardOf, type Located, type Piece, type Step } from './board.ts';
import type { Add, Change, Cited } from './change.ts';
import { slotOf } from './slots.ts';
import { hashOf, isInstruction, isOwnEcho, quoteIn } from './words.ts';

export type Said = { id: number; scope: string; text: string; at: number; trust: Trust };

export type Facts = {
  scope: string;
  origin: Memory['origin'];
  wish_id: number | null;
  /** How far whoever asked is believed without a message to rest on; null: not at all. */
  vouched: Trust | null;
  now: number;
  messages: readonly Said[];
  memories: readonly Memory[];
  sources: readonly Source[];
  /** How many are in force, summaries aside; of which one run takes back but a part. */
  active: number;
  /** What was forgotten for good, among the texts of the changes. */
  forgotten: ReadonlySet<string>;
  newUid(): string;
};

export type Verdict = {
  steps: Step[];
  kept: { change: Change; uid: string; status: Memory['status'] }[];
  rejected: { change: Change; why: string }[];
  refused: string | null;
};

/** A run that takes back more than this part of what is in force has gone astray; few may always go. */
const MOST_TAKEN_BACK = 0.25;
const FEW = 8;
const LONGEST_chars = 2000;
const LONGEST_SUMMARY_chars = 6000;
const DAY_ms = 86_400_000;

type Ruling = { piece: Piece } | { why: string };

/** What a change rests on. */
type Grounds = { trust: Trust; at: number; located: Located[] };

export function judge(changes: readonly Change[], facts: Facts): Verdict {
  const board = boardOf(facts.memories, facts.sources);
  const before = new Map(board.pieces.map((piece) => [piece, piece.status]));
  const rejected: Verdict['rejected'] = [];
  const ruled: { change: Change; piece: Piece }[] = [];
  const rule = (change: Change, ruling: Ruling) => {
    if ('why' in ruling) rejected.push({ change, why: ruling.why });
    else ruled.push({ change, piece: ruling.piece });
  };
  const adds: { change: Add; grounds: Grounds; slot: string | null; at: number }[] = [];
  const others: { change: Exclude<Change, Add>; grounds: Grounds }[] = [];
  for (const change of changes) {
    const grounds = groundsOf(change, facts);
    if (typeof grounds === 'string') rule(change, { why: grounds });
    else if (change.op === 'add') {
      const why = faultOf(change, facts);
      const at = wholeNumber(change.valid_from) ?? grounds.at;
      // What is to come does not replace what is.
      const slot = change.slot === null || at > facts.now + DAY_ms ? null : slotOf(change.slot);
      if (why !== null) rule(change, { why });
      else adds.push({ change, grounds, slot, at });
    } else others.push({ change, grounds });
  }
  for (const one of adds.toSorted((a, b) => a.at - b.at)) {
    const rival = adds.find(
      ({ change, slot, at }) =>
        slot !== null &&
        slot === one.slot &&
        at === one.at &&
        hashOf(change.text) !== hashOf(one.change.text),
    );
    if (rival) rule(one.change, { why: `two values of ${one.slot} at the same time` });
    else rule(one.change, added(one, board, facts));
  }
  const aims = Map.groupBy(others, ({ change }) => change.memory_id);
  for (const { change, grounds } of others) {
    const ops = new Set(aims.get(change.memory_id)?.map((one) => one.change.op));
    if (ops.size > 1) rule(change, { why: `contradicts another change of memory ${change.memory_id}` });
    else if (change.op === 'retract') rule(change, retracted(change, grounds, board, facts));
    else rule(change, disputed(change, grounds, board, facts));
  }
  const gone = [...before].filter(
    ([piece, status]) => status === 'active' && piece.status !== 'active' && piece.kind !== 'summary',
  ).length;
  if (facts.wish_id === null && gone > Math.max(FEW, facts.active * MOST_TAKEN_BACK)) {
    const refused = `it would take back ${gone} of ${facts.active} memories at once`;
    return {
      steps: [],
      kept: [],
      rejected: changes.map((change) => ({ change, why: refused })),
      refused,
    };
  }
  const kept = ruled.map(({ change, piece }) => ({ change, uid: piece.uid, status: piece.status }));
  return { steps: board.steps, kept, rejected, refused: null };
}

/** What the change cites, found; or what is wrong with it. */
function groundsOf(change: Change, { messages, scope, vouched, now }: Facts): Grounds | string {
  if (!['add', 'retract', 'dispute'].includes(change.op)) return `there is no change called ${change.op}`;
  if (change.sources.length === 0 && vouched === null) return 'it cites no message';
  const located = new Map<number, Located>();
  let trust: Trust = vouched ?? 3;
  let at = Number.NEGATIVE_INFINITY;
  for (const cited of change.sources) {
    const said = messages.find(({ id }) => id === cited.message_id);
    if (!said || said.scope !== scope) return `it cites message ${cited.message_id}, which is not known here`;
    const place = placeOf(said, cited);
    if (!place) return `message ${said.id} does not say so`;
    if (!located.has(said.id)) located.set(said.id, place);
    if (said.trust < trust) trust = said.trust;
    at = Math.max(at, said.at);
  }
  return { trust, at: located.size > 0 ? at : now, located: [...located.values()] };
}

function placeOf({ id, text }: Said, { quote }: Cited): Located | null {
  if (quote === null) return { message_id: id, quote_from: null, quote_to: null };
  const found = quoteIn(text, quote);
  return found && { message_id: id, quote_from: found.from, quote_to: found.to };
}

function faultOf(change: Add, { forgotten }: Facts): string | null {
  const { kind, text, slot, period = null, starts_at, ends_at } = change;
  if (!KINDS.includes(kind)) return `there is no kind called ${kind}`;
  if (text.trim() === '') return 'it says nothing';
  const most = kind === 'summary' ? LONGEST_SUMMARY_chars : LONGEST_chars;
  if (text.length > most) return `it is longer than ${most} characters`;
  if (isOwnEcho(text)) return 'it is what was told to a model, not what somebody said';
  if (forgotten.has(text)) return 'it was forgotten for good';
  if ((kind === 'summary') !== (period !== null)) return 'a summary has a period, and nothing else has';
  if (kind === 'summary' && !((starts_at ?? Number.NaN) <= (ends_at ?? Number.NaN)))
    return 'a summary says of which time it is';
  if (slot !== null && slotOf(slot) === null) return `"${slot}" cannot be a slot`;
  return null;
}

function added(
  { change, grounds, slot, at }: { change: Add; grounds: Grounds; slot: string | null; at: number },
  board: Board,
  facts: Facts,
): Ruling {
  const { trust, located } = grounds;
  const { origin, scope, now, wish_id, newUid } = facts;
  const hash = hashOf(change.text);
  const row = (status: Memory['status'], valid_to: number | null = null) => ({
    ...{
      uid: newUid(),
      scope,
      kind: change.kind,
      slot,
      text: change.text.trim(),
      hash,
      status,
      origin,
      trust,
    },
    confidence: clamped(change.confidence),
    ...{ valid_from: at, valid_to, due_at: wholeNumber(change.due_at), period: change.period ?? null },
    ...{ starts_at: wholeNumber(change.starts_at), ends_at: wholeNumber(change.ends_at) },
    ...{ recorded_at: now, unrecorded_at: status === 'superseded' ? now : null },
    ...{ wish_id, pinned: 0, asked_at: null },
  });
  const same = board.pieces.filter((piece) => piece.hash === hash);
  const fresh = (piece: Piece) => located.filter(({ message_id }) => !piece.sources.includes(message_id));
  const known = same.find((piece) => located.length > 0 && fresh(piece).length === 0);
  if (known) return { why: `it is known from there already, and ${known.status}` };
  if (trust < 2) {
    if (same.some(({ status }) => status === 'active')) return { why: 'strangers do not confirm it' };
    const kept = same.find(({ status }) => status === 'quarantined');
    if (!kept) return { piece: board.add('quarantine', row('quarantined'), located) };
    board.change('confirm', kept, {}, { sources: fresh(kept) });
    return { piece: kept };
  }
  const there =
    same.find(({ status }) => status === 'active') ??
    same.find(({ status }) => status === 'proposed' || status === 'disputed');
  const own = { origin, trust };
  if (there && !(there.status === 'disputed' && mayReplace(own, there))) {
    const better = Math.max(there.trust, trust) as Trust;
    const to = { trust: better, ...(origin === 'owner' && { origin }) };
    board.change('confirm', there, to, { sources: fresh(there) });
    return { piece: there };
  }
  // The owner's own "remind me to …" is a task, whatever verb it begins with.
  const ownTask = change.kind === 'task' && origin === 'rule';
  if (change.kind === 'instruction' || (!ownTask && isInstruction(change.text)))
    return { piece: board.add('add', row('proposed'), located) };
  const own_slot = there ? there.slot : slot;
  const rivals = board.pieces.filter((piece) => piece !== there && contends(piece, change, own_slot));
  const newer = rivals.find(({ valid_from, recorded_at }) => (valid_from ?? recorded_at) > at);
  if (newer) {
    if (change.kind === 'summary') return { why: 'a newer summary of that time is there' };
    return { piece: board.add('add', row('superseded', newer.valid_from), located, newer.uid) };
  }
  const stays = rivals.find((piece) => !mayReplace(own, piece));
  if (stays && located.some(({ message_id }) => stays.sources.includes(message_id)))
    return { why: 'it is known from there already, and better' };
  if (stays) {
    if (change.kind === 'summary') return { why: 'a better summary of that time is there' };
    const piece = there ?? board.add('add', row('disputed'), located);
    if (there) board.change('confirm', there, {}, { sources: fresh(there) });
    board.change('dispute', piece, { status: 'disputed' }, { other: stays.uid });
    return { piece };
  }
  const next = row('active');
  const uid = there?.uid ?? next.uid;
  for (const rival of rivals) supersede(board, rival, { uid, valid_from: at }, now);
  if (!there) return { piece: board.add('add', next, located) };
  board.change('confirm', there, { status: 'active', asked_at: null }, { sources: fresh(there) });
  return { piece: there };
}

/** They cannot both be in force. */
function contends(piece: Piece, change: Add, slot: string | null): boolean {
  if (piece.status !== 'active' && piece.status !== 'disputed') return false;
  if (change.kind === 'summary')
    return piece.kind === 'summary' && piece.period === change.period && piece.starts_at === change.starts_at;
  return slot !== null && piece.slot === slot;
}

export function supersede(
  board: Board,
  piece: Piece,
  by: { uid: string; valid_from: number | null },
  now: number,
): void {
  // Of two the owner may say that the older is right: then the newer was never so.
  const valid_to = Math.max(by.valid_from ?? now, piece.valid_from ?? 0);
  const to = { status: 'superseded', valid_to, unrecorded_at: now } as const;
  board.change('supersede', piece, to, { other: by.uid });
}

/**
 * Whether new words take the place of what is known. Rules read nothing but what the owner typed, so theirs count as the
 * owner's, but for what is pinned; a model's reading of the same words does not.
 */
function mayReplace(own: Pick<Memory, 'origin' | 'trust'>, piece: Piece): boolean {
  if (own.origin === 'owner') return true;
  if (piece.pinned) return false;
  // A summary by rule makes way for a model's, not the other way round.
  if (own.origin === 'rule' && piece.kind === 'summary' && piece.origin === 'model') return false;
  // A model's rests on what the agent said too, and says more.
  if (own.origin === 'model' && piece.kind === 'summary' && piece.origin === 'rule') return true;
  if (own.origin === 'rule' && own.trust === 3) return true;
  return piece.origin !== 'owner' && own.trust >= piece.trust;
}

function retracted(
  change: Extract<Change, { op: 'retract' }>,
  { trust }: Grounds,
  board: Board,
  { origin, now }: Facts,
): Ruling {
  const piece = board.find(change.memory_id);
  if (!piece) return { why: `there is no memory ${change.memory_id} here` };
  if (board.steps.some((step) => 'uid' in step && step.uid === piece.uid && step.op === 'supersede'))
    return { piece };
  if (!['active', 'disputed', 'proposed'].includes(piece.status))
    return { why: `memory ${change.memory_id} is ${piece.status}` };
  if (trust < 2) return { why: 'strangers take nothing back' };
  if (mayReplace({ origin, trust }, piece)) {
    board.change('retract', piece, { status: 'retracted', valid_to: now, unrecorded_at: now });
  } else {
    board.change('dispute', piece, { status: 'disputed' });
  }
  return { piece };
}

function disputed(
  change: Extract<Change, { op: 'dispute' }>,
  { trust }: Grounds,
  board: Board,
  { origin }: Facts,
): Ruling {
  const pair = [board.find(change.memory_id), board.find(change.other_id)];
  const [piece, other] = pair;
  if (!piece || !other)
    return { why: `there is no memory ${piece ? change.other_id : change.memory_id} here` };
  if (piece === other) return { why: 'nothing contradicts itself' };
  const standing = [piece, other].filter(({ status }) => status === 'active' || status === 'disputed');
  if (standing.length < 2) return { why: 'one of the two is not in force' };
  if (trust < 2) return { why: 'strangers dispute nothing' };
  const weaker = standing.filter((one) => mayReplace({ origin, trust }, one));
  for (const one of weaker.length > 0 ? weaker : standing) {
    if (one.status === 'disputed') continue;
    board.change('dispute', one, { status: 'disputed' }, { other: (one === piece ? other : piece).uid });
  }
  return { piece };
}

function clamped(confidence: number | null): number | null {
  return confidence === null || !Number.isFinite(confidence) ? null : Math.min(1, Math.max(0, confidence));
}

function wholeNumber(value: number | null | undefined): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}
