/**
 * What is remembered (/memory), what shall be (/remember), and how it is forgotten (/forget): shown first, and gone once
 * that is confirmed. What is confirmed is what was shown: all that there was when /forget was said, and nothing since.
 */

import { readCommand } from '#shared/commands.ts';
import { holding, withRelated, withSources } from '#shared/forget/named.ts';
import { plan, type Targets, Unforgettable } from '#shared/forget/plan.ts';
import { shown } from '#shared/forget/shown.ts';
import { readingOf } from '#shared/recall/reading.ts';
import { recall } from '#shared/recall/recall.ts';
import { scopeOf } from '#shared/recall/scope.ts';
import { dayOf, lineOf } from '#shared/recall/told.ts';
import { ownersOf } from '#shared/runtime/owners.ts';
import * as memories from '#shared/tables/memory.ts';
import * as press from '#shared/tables/press.ts';
import * as wish from '#shared/tables/wish.ts';
import { type Act, type Control, type Desk, only, settled } from './control.ts';

type Memory = memories.Memory;

/** More than a chat shows on one screen is worth narrowing down. */
const PAGE = 20;
const MOST_ASKED = 5;
const MOST_SHOWN = 6;
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

/** `/forget <#number or words>`; `/forget yes <number>` is how it is confirmed where there are no buttons. */
export const forget: Act = async (desk, press, rest) => {
  if (rest === '') return only('unclear', 'Say /forget <#number or words>; /memory lists what there is.');
  const [, confirmed] = /^yes (\d+( memories| related)?)$/i.exec(rest) ?? [];
  if (confirmed) return forgotten(desk, press, confirmed.toLowerCase().replace(' ', ':'));
  const { scope } = await askedBy(desk, press);
  const targets = await namedBy(desk, scope, press);
  const [memories, turns] = [targets.memories.length, targets.turns.length];
  if (memories + turns === 0)
    return only('unknown', 'I find nothing with just these words; /memory lists what there is.');
  if (memories + turns >= MOST_FORGOTTEN)
    return only('too much', 'That is in too many places to show you: say more of it.');
  const it = await plan(desk.store.read, targets, { scope }).catch(why);
  if (typeof it === 'string') return only('not now', it);
  const ways = [
    ['Forget it', ''],
    ...(it.related.length > 0 ? [['Also these', 'related']] : []),
    ...(memories > 0 && turns > 0 ? [['Only the memories', 'memories']] : []),
  ] as const;
  const text = `Forget this for good?\n\n${shown(it, MOST_SHOWN)}`;
  if (press.channel !== 'terminal')
    return {
      ...only('shown', text),
      buttons: ways.map(([says, way]) => [{ text: says, data: `forget:${press.id}${way && `:${way}`}` }]),
    };
  const typed = ways.map(([says, way]) => `${says}: /forget yes ${press.id}${way && ` ${way}`}`);
  return only('shown', `${text}\n\n${typed.join('\n')}`);
};

/** @throws whatever is no reason that whoever asks can be told */
function why(error: unknown): string {
  if (error instanceof Unforgettable) return `I cannot forget that: ${error.message}.`;
  throw error;
}

/** The buttons below what was shown: `forget:<press of the /forget>[:memories|:related]`. */
export const forgotten: Act = async (desk, pressed, rest) => {
  const [id, way] = rest.split(':');
  const { store } = desk;
  const [asked] = await store.read(press.byId(Number(id)));
  const command = readCommand(asked?.data ?? '');
  // Without its words, it is forgotten itself.
  if (asked?.conversation !== pressed.conversation || command?.name !== 'forget' || command.rest === '')
    return settled;
  const by = await askedBy(desk, pressed);
  const all = await namedBy(desk, by.scope, asked);
  const named = way === 'memories' ? { ...all, turns: [] } : all;
  if (named.memories.length + named.turns.length === 0) return only('too late', 'That is forgotten already.');
  const it = way === 'related' ? await plan(store.read, named, by).catch(why) : null;
  if (typeof it === 'string') return only('not now', it);
  const targets_json = JSON.stringify(it ? withRelated(named, it, asked.received_at) : named);
  return {
    outcome: 'wished',
    tell: 'I forget it now, and tell you when it is gone everywhere.',
    ops: [wish.post({ ...by, kind: 'forget', targets_json })],
  };
};

/** All that a /forget meant when it was said: by a number one memory, by words whatever has them; with what that was made of. */
async function namedBy({ store, home }: Desk, scope: string, asked: press.Press): Promise<Targets> {
  const words = readCommand(asked.data)?.rest ?? '';
  const [, number] = /^#?(\d{1,15})$/.exec(words) ?? [];
  const upto_at = asked.received_at;
  const owners = await ownersOf(home.config, store);
  const isMine = (conversation: string) => scopeOf(conversation, owners) === scope;
  const [one] = number ? await store.read(memories.of(Number(number))) : [];
  const found = number
    ? { memories: one?.scope === scope && one.recorded_at <= upto_at ? [one.id] : [], turns: [] }
    : await holding(store.read, words, { scope, isMine, upto_at, most: MOST_FORGOTTEN });
  return withSources(store.read, found);
}

async function askedBy(desk: Desk, { conversation, sender }: press.Press) {
  const scope = await scopeIn(desk, { conversation });
  return { scope, conversation, given_by: sender, at: desk.clock.now() };
}

async function scopeIn({ home, store }: Desk, { conversation }: Pick<press.Press, 'conversation'>) {
  return scopeOf(conversation, await ownersOf(home.config, store));
}
