/**
 * What a pressed button or a typed command does. None asks a model, none waits behind a turn. A verb decides from what
 * the store says; what it decides is carried out in one unit with the note that its press is handled, so that it happens
 * once, and is judged anew when the world has moved on meanwhile.
 */

import { commandList, commands, readCommand } from '#shared/commands.ts';
import type { Op } from '#shared/tables/op.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as press from '#shared/tables/press.ts';
import * as turn from '#shared/tables/turn.ts';
import { effectOf } from './buttons.ts';
import { alerted } from './controls/alert.ts';
import { answer, approve, ruled } from './controls/approve.ts';
import { type Act, type Control, type Desk, only } from './controls/control.ts';
import { fresh, model, persona } from './controls/conversation.ts';
import { cost } from './controls/cost.ts';
import { jobs } from './controls/job.ts';
import { forget, forgotten, judged, memory, remember } from './controls/memory.ts';
import { steered, tasks } from './controls/task.ts';
import { blame, drop, rate, retry, stopHere, stopTurn } from './controls/turn.ts';

/** A button below a refusal for want of money. */
const refused: Act = async ({ store, clock }, pressed, rest) => {
  const [id = ''] = rest.split(':');
  const [found] = await store.read(turn.of(id));
  return effectOf(pressed, found, clock.now());
};

/** Nothing is ever installed by a press. */
const howToUpgrade: Act = async (_desk, _pressed, version) =>
  only('told', `With the release ${version} on this machine: vigil upgrade <its folder or tarball>`);

type Verb = { act: Act; owner?: true };

const BUTTONS: Record<string, Verb> = {
  raise: { act: refused, owner: true },
  cheaper: { act: refused },
  wait: { act: refused },
  stop: { act: stopTurn },
  retry: { act: retry },
  drop: { act: drop },
  good: { act: rate(true) },
  bad: { act: rate(false) },
  'made-up': { act: blame('made up') },
  unhelpful: { act: blame('not helpful') },
  once: { act: ruled('once'), owner: true },
  always: { act: ruled('always'), owner: true },
  deny: { act: ruled('deny'), owner: true },
  answer: { act: answer, owner: true },
  forget: { act: forgotten },
  upgrade: { act: howToUpgrade, owner: true },
  alert: { act: alerted, owner: true },
  memory: { act: judged, owner: true },
  'task-pause': { act: steered('pause'), owner: true },
  'task-resume': { act: steered('resume'), owner: true },
  'task-cancel': { act: steered('cancel'), owner: true },
};

const COMMANDS: Record<string, Verb> = {
  stop: { act: stopHere },
  new: { act: fresh },
  cost: { act: cost, owner: true },
  model: { act: model, owner: true },
  jobs: { act: jobs },
  task: { act: tasks, owner: true },
  memory: { act: memory },
  remember: { act: remember },
  forget: { act: forget },
  approve: { act: approve, owner: true },
  persona: { act: persona, owner: true },
  help: { act: () => only('told', commandList()) },
};

/** The commands that are answered here; a test holds them against the declaration. */
export const answered = Object.keys(COMMANDS);

export async function control(desk: Desk, pressed: press.Press): Promise<Control> {
  const command = readCommand(pressed.data);
  const [name = '', ...more] = pressed.data.split(':');
  const verbs = command ? COMMANDS : BUTTONS;
  const called = command ? command.name : name;
  const verb = Object.hasOwn(verbs, called) ? verbs[called] : undefined;
  if (!verb) return unknown(called, command !== null);
  if (verb.owner && pressed.owner !== 1) return only('not allowed', 'Only an owner may do that.');
  return verb.act(desk, pressed, command ? command.rest : more.join(':'));
}

function unknown(called: string, typed: boolean): Control {
  if (!typed) return only('unknown', 'I do not know this button: nothing was changed.');
  const known = commands.some(({ name }) => name === called);
  const why = known ? `/${called} is answered by the chat itself, not here.` : `I do not know /${called}.`;
  return only('unknown', `${why}\n\n${commandList()}`);
}

/** The unit in which it happens, and is told. */
export function unitOf(pressed: press.Press, { outcome, tell, ops, buttons }: Control, now: number): Op[] {
  // A command that is typed again is answered again; a button that is pressed again and again is answered once, unless
  // what it says is to press once more.
  const again = pressed.data.startsWith('/') || buttons !== undefined;
  return [
    ...ops,
    press.handled(pressed.id, outcome, now),
    ...(tell === null
      ? []
      : [
          outbound.post({
            key: again ? `press:${pressed.id}` : `pressed:${pressed.data}`,
            channel: pressed.channel,
            conversation: pressed.conversation,
            chat: pressed.chat,
            kind: 'notice',
            turn_id: null,
            text: tell.toWellFormed(),
            message_ref: pressed.message_ref,
            now,
            ...(buttons && { buttons }),
          }),
        ]),
  ];
}
