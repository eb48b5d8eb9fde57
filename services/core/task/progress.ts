/** How a task is shown: one message that is edited at each step, with the buttons that steer it. Pure. */

import { usd } from '#shared/base/money.ts';
import type { Op } from '#shared/tables/op.ts';
import type { Buttons } from '#shared/tables/outbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import type { Task } from '#shared/tables/task.ts';
import { timeInWords } from '../time.ts';

/** @param task as it is after the step that is shown; until then, `changed_at` is when it last changed */
export function progressOf(task: Task, now: number): Op {
  const key = `task:${task.id}:progress`;
  // The first change posts the message, every later one takes its place.
  const first = task.changed_at === task.created_at;
  return outbound.post({
    ...addressOf(task),
    key: first ? key : `${key}:${now}:${task.phase}:${task.state}`,
    text: progressText(task),
    buttons: steeringButtons(task),
    now,
    ...(!first && { edits_key: key }),
  });
}

/** What deserves a message of its own: an edit makes no sound. */
export function word(task: Task, about: string, text: string, now: number): Op {
  const buttons = task.state === 'held' ? steeringButtons(task) : [];
  return outbound.post({
    ...addressOf(task),
    key: `task:${task.id}:${about}`,
    text,
    buttons,
    urgency: 'unasked',
    now,
  });
}

function addressOf({ channel, conversation, chat }: Task) {
  return { channel, conversation, chat, kind: 'notice', turn_id: null, message_ref: null } as const;
}

function progressText(task: Task): string {
  const { id, goal, state, phase, iteration, most_iterations, spent_nanousd, budget_nanousd, note } = task;
  const at = `iteration ${Math.min(iteration, most_iterations)} of ${most_iterations}`;
  const doing = state === 'running' ? (phase === 'check' ? 'checking' : 'working') : state;
  return [
    `Task ${id}: ${cut(goal, 300)}`,
    `${doing}, ${at}, ${usd(spent_nanousd)} of ${usd(budget_nanousd)}`,
    ...(task.finished_at === null ? [`until ${timeInWords(task.until_at)}`] : []),
    ...(note ? [cut(note, 500)] : []),
    ...(task.channel === 'terminal' && task.finished_at === null
      ? [`vigil task pause|resume|cancel ${id}`]
      : []),
  ].join('\n');
}

function steeringButtons({ id, state }: Task): Buttons {
  const button = (text: string, verb: string) => ({ text, data: `task-${verb}:${id}` });
  if (state === 'running') return [[button('Pause', 'pause'), button('Cancel', 'cancel')]];
  if (state === 'paused' || state === 'held')
    return [[button('Resume', 'resume'), button('Cancel', 'cancel')]];
  return [];
}

export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most).toWellFormed()}…`;
}
