/**
 * What the owner's messages state, by rule: facts, tastes, people, dates, and corrections of what was stated before. Nothing
 * is learnt from what they ask, suppose or quote. Pure.
 */

import type { Memory } from '#shared/tables/memory.ts';
import type { Change, Cited } from '../change.ts';
import { quoteIn } from '../words.ts';
import { type Clause, clausesOf } from './clause.ts';
import { PATTERNS } from './pattern.ts';
import { whenIn } from './when.ts';

export type Line = { id: number; text: string; at: number };
/** What is in force, for corrections and for what is taken back. */
export type Known = Pick<Memory, 'id' | 'kind' | 'slot' | 'text'>;

type Statement = {
  kind: Memory['kind'];
  slot: string | null;
  text: string;
  /** What a correction replaces. */
  value: string | null;
  negates: boolean;
  due_at: number | null;
};

/** Asked for in so many words: kept as it is, and no supposing makes it void. */
const REMEMBER =
  /^(?:please |bitte )?(?:can you |could you |kannst du )?(?:(?:remember|note|keep in mind|make a note|don't forget|do not forget|merke? dir|behalte|notiere?(?: dir)?|denke? (?:bitte )?daran|vergiss nicht)(?: bitte)?(?:\s*[:,]\s*|\s+)(?:that |dass )?)(?<rest>.+)$/iu;
/** … but not what is to be done, or found. */
const NO_FACT =
  /^(?:to|me|how|when|what|where|who|why|the time|last|this|it|us|our talk|an mich|mich|zu|wie|wann|wo|was|wer)\b/iu;
const TASKS: readonly RegExp[] = [
  /^(?:please |bitte )?(?:can you |could you |kannst du |would you )?(?:remind me|erinnere? mich)(?<when>.*?)?\s+(?:to|about|that|an|daran,?(?: dass)?)\s+(?<what>.+)$/iu,
  /^(?:please )?(?:don't|do not|dont) (?:let me )?forget to (?<what>.+)$/iu,
  /^(?:please )?remember to (?<what>.+)$/iu,
  /^vergiss nicht,? (?<what>.+ zu .+)$/iu,
];
/** Of these only what has a date. */
const DATED: readonly { form: RegExp; kind: 'task' | 'event' }[] = [
  {
    form: /^(?:i|we)(?:'ve)? (?:have to|need to|must|got to|gotta|should) (?<what>.+)$/iu,
    kind: 'task',
  },
  { form: /^(?:ich muss|wir müssen) (?<what>.+)$/iu, kind: 'task' },
  {
    form: /^(?:(?<when>.+?),? )?(?:i|we)(?:'ve got| have(?: got)?|'m having) (?<what>(?:an?|my|the|our|two|dinner|lunch|breakfast)\b.+|.+appointment.*)$/iu,
    kind: 'event',
  },
  { form: /^(?:(?<when>.+?) )?(?:habe|haben) (?:ich|wir) (?<what>.+)$/iu, kind: 'event' },
  { form: /^(?:ich habe|wir haben) (?<what>.+)$/iu, kind: 'event' },
  {
    form: /^(?<what>my (?:flight|train|appointment|interview|exam|meeting|deadline|visa|passport|contract|dentist appointment|doctor's appointment) (?:is|leaves|expires|ends|starts) .+)$/iu,
    kind: 'event',
  },
];

const MEANT = `(?:it's|it is|its|that's|i mean|i meant|it should be|make that|es ist|ist|ich meine|ich meinte|sondern)`;
const NEW = String.raw`(?<value>[^,;]{1,80}?)(?:\s+now|\s+jetzt)?`;
const CORRECTIONS: readonly RegExp[] = [
  new RegExp(
    `^(?:no|nope|nein|wrong|sorry|correction|falsch|korrektur|actually|eigentlich)[,:.!]?\\s+(?:actually,?\\s+|sorry,?\\s+)?(?:${MEANT}\\s+)?not\\s+(?<old>[^,;]{1,60}?),?\\s+(?:but\\s+|it's\\s+)?${NEW}$`,
    'iu',
  ),
  new RegExp(
    `^(?:(?:no|nein|actually|eigentlich|sorry)[,:]?\\s+)?(?:${MEANT}\\s+)?(?:not|nicht)\\s+(?<old>[^,;]{1,60}?),?\\s+(?:but|sondern)\\s+${NEW}$`,
    'iu',
  ),
  new RegExp(
    `^(?:(?:no|nein|actually|eigentlich|sorry)[,:]?\\s+)?${MEANT}\\s+${NEW},\\s+(?:not|nicht)\\s+(?<old>.{1,60})$`,
    'iu',
  ),
  new RegExp(
    `^(?:no|nope|nein|wrong|sorry|correction|falsch|korrektur|actually|eigentlich)[,:.!]?\\s+(?:actually,?\\s+|sorry,?\\s+)?${MEANT}\\s+${NEW}$`,
    'iu',
  ),
  new RegExp(`^(?:i mean|i meant|make that|ich meine|ich meinte)\\s+${NEW}$`, 'iu'),
  new RegExp(`^(?:it's|it is|es ist)\\s+(?:now|jetzt|actually|eigentlich)\\s+${NEW}$`, 'iu'),
];
/** What follows "it's" and corrects nothing. */
const NO_VALUE =
  /^(?:\p{L}+ing\b|ok|okay|fine|good|great|not|nothing|true|right|wrong|correct|me|you|him|her|a joke|about|because|that|the|for|just|very|too|so|really|always|never|still|weird|strange|funny|hard|easy|possible|impossible|up to|gut|schlecht|egal|nur|sehr|zu|so|wahr|richtig|falsch)\b/iu;

/** How far back a correction without a name of what it corrects may reach. */
const REACH_ms = 15 * 60_000;
const REACH_lines = 4;

/**
 * @param lines what the owner said, in order
 * @param before what they said just before, which is read for corrections only
 */
export function changesIn(
  lines: readonly Line[],
  before: readonly Line[],
  known: readonly Known[],
): Change[] {
  const said: { line: Line; statement: Statement }[] = [];
  for (const line of before)
    for (const { statement } of statementsIn(line))
      if (statement.slot !== null) said.push({ line, statement });
  const changes: Change[] = [];
  for (const line of lines) {
    const mine: { quote: string; statement: Statement }[] = [];
    for (const clause of clausesOf(line.text)) {
      const own = statementOf(clause, line.at);
      const statement = correctionOf(clause, line, [...before, ...lines], said, known) ?? own;
      if (!statement) continue;
      // Of one message the last word on a slot counts.
      const same = mine.findIndex((one) => statement.slot !== null && one.statement.slot === statement.slot);
      if (same >= 0) mine.splice(same, 1);
      mine.push({ quote: clause.text, statement });
      if (!statement.negates && statement.slot !== null) said.push({ line, statement });
    }
    for (const { quote, statement } of mine) changes.push(...changesOf(statement, cited(line, quote), known));
  }
  return changes;
}

/** What one message states by itself. */
export function statementsIn(line: Pick<Line, 'text' | 'at'>): { quote: string; statement: Statement }[] {
  return clausesOf(line.text).flatMap((clause) => {
    const statement = statementOf(clause, line.at);
    return statement ? [{ quote: clause.text, statement }] : [];
  });
}

function cited({ id, text }: Line, quote: string): Cited {
  return { message_id: id, quote: quoteIn(text, quote) ? quote : null };
}

function statementOf(clause: Clause, at: number): Statement | null {
  const { plain, asks, supposes } = clause;
  const task = taskIn(plain, at);
  if (task) return task;
  const rest = asks ? undefined : REMEMBER.exec(plain)?.groups?.rest;
  if (rest !== undefined && !NO_FACT.test(rest)) {
    const inner = patternIn(rest);
    const fact = { kind: 'fact', slot: null, value: null, negates: false, due_at: null } as const;
    return { ...(inner ?? datedIn(rest, at) ?? fact), text: asSentence(rest) };
  }
  if (asks || supposes) return null;
  return patternIn(plain) ?? datedIn(plain, at);
}

function patternIn(plain: string): Statement | null {
  for (const { form, kind, slot: slotFor, text, negates = false } of PATTERNS) {
    const groups = form.exec(plain)?.groups;
    if (!groups) continue;
    const slot = slotFor(groups);
    if (slot === undefined) continue;
    const said = text ? text(groups) : asSentence(plain);
    return { kind, slot, text: said, value: groups.value ?? null, negates, due_at: null };
  }
  return null;
}

function taskIn(plain: string, at: number): Statement | null {
  for (const form of TASKS) {
    const groups = form.exec(plain)?.groups;
    if (!groups?.what) continue;
    const inWhat = whenIn(groups.what, at);
    const when = inWhat ?? (groups.when ? whenIn(groups.when, at) : null);
    return task('task', inWhat?.rest || groups.what, when?.at ?? null);
  }
  return null;
}

function datedIn(plain: string, at: number): Statement | null {
  for (const { form, kind } of DATED) {
    const groups = form.exec(plain)?.groups;
    if (!groups?.what) continue;
    const inWhat = whenIn(groups.what, at);
    const when = inWhat ?? (groups.when ? whenIn(groups.when, at) : null);
    if (when && when.at > at) return task(kind, inWhat?.rest || groups.what, when.at);
  }
  return null;
}

function task(kind: 'task' | 'event', what: string, due_at: number | null): Statement {
  return { kind, slot: null, text: asSentence(what), value: null, negates: false, due_at };
}

/** What a correction makes of what was stated before; null: it is none, or there is nothing that it fits. */
function correctionOf(
  { text, asks, supposes }: Clause,
  line: Line,
  lines: readonly Line[],
  said: readonly { line: Line; statement: Statement }[],
  known: readonly Known[],
): Statement | null {
  if (asks || supposes) return null;
  const groups = CORRECTIONS.map((form) => form.exec(text)?.groups).find((found) => found !== undefined);
  if (!groups?.value || NO_VALUE.test(groups.value)) return null;
  const { value, old } = groups;
  if (old !== undefined) {
    const wanted = old.toLowerCase();
    const stated = said.findLast(({ statement }) => statement.value?.toLowerCase().includes(wanted));
    if (stated) return replaced(stated.statement, value);
    for (const one of known) {
      const statement = one.slot === null ? null : patternIn(one.text);
      if (statement?.value?.toLowerCase() === wanted)
        return replaced({ ...statement, slot: one.slot }, value);
    }
    return null;
  }
  const last = said.at(-1);
  if (!last || line.at - last.line.at > REACH_ms) return null;
  const between = lines.filter(({ id }) => id > last.line.id && id < line.id).length;
  return between < REACH_lines ? replaced(last.statement, value) : null;
}

function replaced(statement: Statement, value: string): Statement {
  const { text, value: old } = statement;
  const said = old === null ? `${text}: ${value}` : text.replace(old, () => value);
  return { ...statement, value, text: said };
}

function changesOf(
  { kind, slot, text, value, negates, due_at }: Statement,
  source: Cited,
  known: readonly Known[],
): Change[] {
  if (!negates) {
    return [{ op: 'add', kind, slot, text, sources: [source], confidence: null, valid_from: null, due_at }];
  }
  const wanted = value?.toLowerCase() ?? '';
  return known
    .filter((one) => one.slot === slot && one.text.toLowerCase().includes(wanted))
    .map(({ id }) => ({ op: 'retract', memory_id: id, sources: [source] }));
}

function asSentence(text: string): string {
  const trimmed = text.trim().replace(/[.!,;:\s]+$/, '');
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
}
