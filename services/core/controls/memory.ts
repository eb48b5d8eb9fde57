/**
 * What is remembered (/memory), what shall be (/remember), and how it is forgotten (/forget): shown first, and gone once
 * that is confirmed. What is confirmed is what was shown: all that there was when /forget was said, and nothing since.
 */

import { readCommand } from '#shared/commands.ts';
import { readingOf } from '#shared/recall/reading.ts';
import { recall } from '#shared/recall/recall.ts';
import { scopeOf } from '#shared/recall/scope.ts';
import { pairsOf } from '#shared/recall/terms.ts';
import { dayOf, lineOf } from '#shared/recall/told.ts';
import { ownersOf } from '#shared/runtime/owners.ts';
import * as memories from '#shared/tables/memory.ts';
import * as memory_source from '#shared/tables/memory_source.ts';
import * as message from '#shared/tables/message.ts';
import type { Buttons } from '#shared/tables/outbound.ts';
import * as passage from '#shared/tables/passage.ts';
import * as press from '#shared/tables/press.ts';
import * as wish from '#shared/tables/wish.ts';
import { type Act, type Control, type Desk, only, settled } from './control.ts';

type Memory = memories.Memory;
type Said = Pick<passage.Passage, 'id' | 'turn_id' | 'role' | 'at' | 'text'>;

/** More than a chat shows on one screen is worth narrowing down. */
const PAGE = 20;
const MOST_ASKED = 5;
const MOST_SHOWN = 8;
/** Nobody looks through more than that before they say yes. */
const MOST_FORGOTTEN = 200;
const MOST_tokens = 800;

const KINDS = {
  instruction: 'What I keep to',
  preference: 'What you like',
  person: 'People',
  fact: 'Facts',
  task: 'To do',
  event: 'Dates',
  summary: 'Summaries',
} as const satisfies Record<Memory['kind'], string>;

/** `/memory`, `/memory 2` for the second page, `/memory <words>` to search. */
export const memory: Act = async (desk, press, rest) => {
  const scope = await scopeIn(desk, press);
  const page = rest === '' ? 1 : /^\d{1,4}$/.test(rest) ? Math.max(1, Number(rest)) : null;
  if (page === null) return searched(desk, scope, rest);
  const kept = await desk.store.read(memories.standing(scope));
  const order = Object.keys(KINDS);
  const all = kept.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || b.id - a.id);
  const shown = all.slice((page - 1) * PAGE, page * PAGE);
  const asked = page === 1 ? await desk.store.read(memories.listed({ ...WAITING, scope })) : [];
  if (all.length + asked.length === 0)
    return only('told', 'I remember nothing yet. /remember <what> begins.');
  const more = page * PAGE < all.length;
  const parts = [
    ...(asked.length > 0 ? [`Shall I keep this?\n${asked.map(brief).join('\n')}`] : []),
    ...order.flatMap((kind) => {
      const of_kind = shown.filter((one) => one.kind === kind);
      return of_kind.length > 0
        ? [`${KINDS[kind as Memory['kind']]}:\n${of_kind.map(brief).join('\n')}`]
        : [];
    }),
    `${more ? `/memory ${page + 1} shows the next of ${all.length}. ` : ''}/memory <words> searches, /forget <#number or words> forgets.`,
  ];
  return {
    ...only('told', parts.join('\n\n')),
    buttons: [
      ...asked.map(({ id }) => [
        { text: `Keep #${id}`, data: `memory:confirm:${id}` },
        { text: 'No', data: `memory:reject:${id}` },
      ]),
      ...(more ? [[{ text: 'More', data: `/memory ${page + 1}` }]] : []),
    ],
  };
};

const WAITING = {
  statuses: ['proposed', 'quarantined'],
  kind: null,
  conversation: null,
  most: MOST_ASKED,
} as const;

async function searched({ store, clock }: Desk, scope: string, text: string): Promise<Control> {
  const question = { scope, text, now: clock.now(), budget_tokens: MOST_tokens };
  const found = await recall(readingOf(store), question);
  return only('told', found.map(lineOf).join('\n') || 'I find nothing of that.');
}

function brief({ id, text, status, due_at }: Memory): string {
  const more = [...(status === 'disputed' ? ['unclear'] : []), ...(due_at === null ? [] : [dayOf(due_at)])];
  return `#${id} ${cut(text)}${more.length > 0 ? ` (${more.join(', ')})` : ''}`;
}

function cut(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= 200 ? line : `${line.slice(0, 200).toWellFormed()}…`;
}

export const remember: Act = async (desk, press, text) => {
  if (text === '') return only('unclear', 'Say /remember <what>.');
  // Whoever is no owner is heard, and believed once an owner says yes.
  const tainted = press.owner === 1 ? 0 : 1;
  const asked = { ...(await askedBy(desk, press)), kind: 'remember', text, tainted } as const;
  return {
    outcome: 'wished',
    tell: tainted ? null : `I will remember: ${cut(text)}`,
    ops: [wish.post(asked)],
  };
};

/** The buttons below what waits for the owner's word: `memory:<confirm|reject>:<id>`. */
export const judged: Act = async (desk, press, rest) => {
  const [kind, id] = rest.split(':');
  const [found] = await desk.store.read(memories.of(Number(id)));
  const asked = await askedBy(desk, press);
  const waits =
    found?.scope === asked.scope && ['proposed', 'disputed', 'quarantined'].includes(found.status);
  if (!found || !waits || (kind !== 'confirm' && kind !== 'reject')) return settled;
  return {
    outcome: kind,
    tell: `${kind === 'confirm' ? 'I keep' : 'I drop'} #${found.id}: ${cut(found.text)}`,
    ops: [wish.post({ ...asked, kind, memory_id: found.id })],
  };
};

/** What a /forget means. */
type Meant = {
  memories: Memory[];
  /** What was said: it holds the words, or is what these memories rest on. */
  said: Said[];
};

/** `/forget <#number or words>`; `/forget yes <number>` is how it is confirmed where there are no buttons. */
export const forget: Act = async (desk, press, rest) => {
  if (rest === '') return only('unclear', 'Say /forget <#number or words>; /memory lists what there is.');
  const [, confirmed] = /^yes (\d+( memories)?)$/i.exec(rest) ?? [];
  if (confirmed) return forgotten(desk, press, confirmed.replace(' ', ':'));
  const meant = await meantBy(desk, press);
  const count = meant.memories.length + meant.said.length;
  if (count === 0)
    return only('unknown', 'I find nothing with just these words; /memory lists what there is.');
  if (count >= MOST_FORGOTTEN)
    return only('too much', 'That is in too many places to show you: say more of it.');
  const both = meant.memories.length > 0 && meant.said.length > 0;
  const how = `\n\nTo confirm: /forget yes ${press.id}${both ? `, or /forget yes ${press.id} memories for the memories alone` : ''}`;
  const buttons: Buttons = [
    [{ text: 'Forget all of it', data: `forget:${press.id}` }],
    ...(both ? [[{ text: 'Only the memories', data: `forget:${press.id}:memories` }]] : []),
  ];
  return {
    ...only('shown', `${preview(meant)}${press.channel === 'terminal' ? how : ''}`),
    buttons: press.channel === 'terminal' ? [] : buttons,
  };
};

function preview({ memories, said }: Meant): string {
  const part = (what: string, lines: string[]) => {
    if (lines.length === 0) return [];
    const more = lines.length > MOST_SHOWN ? [`… and ${lines.length - MOST_SHOWN} more`] : [];
    return [`${what}:\n${[...lines.slice(0, MOST_SHOWN), ...more].join('\n')}`];
  };
  const messages = said.map((one) => lineOf({ kind: 'message', ...one, ...turned(one) }));
  return [
    'Forget this for good?',
    ...part('Remembered', memories.map(brief)),
    ...part('Said, with the whole of its question and answer', messages),
  ].join('\n\n');
}

/** Here it is the owner who reads. */
function turned({ role, text }: Said) {
  return { role: 'user', author: role === 'user' ? 'you' : 'I', text: cut(text) } as const;
}

/** The buttons below what was shown: `forget:<press of the /forget>[:memories]`. */
export const forgotten: Act = async (desk, pressed, rest) => {
  const [id, only_memories] = rest.split(':');
  const [asked] = await desk.store.read(press.byId(Number(id)));
  const command = asked && readCommand(asked.data);
  // Once something is forgotten, what was asked before says no more what was meant.
  if (asked?.conversation !== pressed.conversation || command?.name !== 'forget' || command.rest === '')
    return settled;
  const meant = await meantBy(desk, asked);
  const ids = meant.memories.map((one) => one.id);
  const turns = only_memories ? [] : [...new Set(meant.said.map(({ turn_id }) => turn_id))];
  if (ids.length + turns.length === 0) return only('too late', 'That is forgotten already.');
  const targets_json = JSON.stringify({ memories: ids, turns });
  const by = await askedBy(desk, pressed);
  return {
    outcome: 'wished',
    tell: 'I forget it now, and tell you when it is gone everywhere.',
    ops: [wish.post({ ...by, kind: 'forget', targets_json })],
  };
};

/** All that a /forget found when it was said: by a number one memory, by words whatever holds them. */
async function meantBy(desk: Desk, asked: press.Press): Promise<Meant> {
  const { store } = desk;
  const { scope } = await askedBy(desk, asked);
  const words = readCommand(asked.data)?.rest ?? '';
  const [, number] = /^#?(\d{1,15})$/.exec(words) ?? [];
  const upto_at = asked.received_at;
  const most = MOST_FORGOTTEN;
  const phrase = `"${words.replaceAll('"', '""')}"`;
  const pairs = pairsOf(words).join(' ');
  const owners = await ownersOf(desk.home.config, store);
  const [found, holding, fresh] = number
    ? [await store.read(memories.of(Number(number))), [], []]
    : await Promise.all([
        store.read(memories.holding(scope, words, phrase, most)),
        store.read(passage.holding(scope, { phrase, pairs: pairs && `"${pairs}"`, upto_at, most })),
        // Whoever regrets what they have just said does not wait until it is indexed.
        store.read(message.unsearched(words, upto_at)),
      ]);
  const meant = found.filter((one) => one.scope === scope && one.recorded_at <= upto_at);
  // A summary rests on all that was said in its time; it goes, and is made anew of what stays.
  const cited = meant.filter(({ kind }) => kind !== 'summary');
  const sources = await Promise.all(cited.map(({ id }) => store.read(memory_source.ofMemory(id))));
  const rested = sources
    .flat()
    .map(({ message_id: id, turn_id, role, at, text }) => ({ id, turn_id, role, at, text }));
  const just = fresh.filter(({ conversation }) => scopeOf(conversation, owners) === scope);
  const said = new Map([...holding, ...just, ...rested].map((one) => [one.id, one]));
  return { memories: meant, said: [...said.values()].toSorted((a, b) => b.id - a.id) };
}

async function askedBy(desk: Desk, { conversation, sender }: press.Press) {
  const scope = await scopeIn(desk, { conversation });
  return { scope, conversation, given_by: sender, at: desk.clock.now() };
}

async function scopeIn({ home, store }: Desk, { conversation }: Pick<press.Press, 'conversation'>) {
  return scopeOf(conversation, await ownersOf(home.config, store));
}
