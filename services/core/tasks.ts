/**
 * The lane of long tasks: one step at a time, each a commit that names the step it follows. A task is worked at in its
 * own conversation, so that its iterations are ordinary turns, its bills are summed by the ledger, and nothing of it is
 * in the way of whoever wished it.
 *
 * Its budget is looked at before each iteration and, by the loop, before each question within: it can be passed by what
 * one call of the model costs.
 */

import { messageOf } from '#shared/base/errors.ts';
import { uuid } from '#shared/base/ids.ts';
import type { Context } from '#shared/runtime/context.ts';
import { socketOf } from '#shared/runtime/home.ts';
import { Fenced } from '#shared/store/store.ts';
import * as conversation from '#shared/tables/conversation.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as incident from '#shared/tables/incident.ts';
import * as message from '#shared/tables/message.ts';
import type { Op } from '#shared/tables/op.ts';
import * as task from '#shared/tables/task.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import * as turn from '#shared/tables/turn.ts';
import { billOf } from './task/bill.ts';
import { type Judge, judgeAt } from './task/judge.ts';
import { cut, progressOf, word } from './task/progress.ts';
import { afterCheck, instruction, nextStep, unchecked } from './task/step.ts';

type Desk = Pick<Context<unknown>, 'store' | 'clock' | 'log' | 'signal' | 'persist' | 'home'>;

/** Nothing rings when a turn or a check ends: while tasks run, they are looked at so often. */
const GLANCE_ms = 1000;

/** As `ctx.work` wants it. */
export function tasks(desk: Desk, judge: Judge = judgeAt(socketOf(desk.home, 'router'))) {
  const { store, clock } = desk;
  return {
    name: 'tasks',
    queue: 'task',
    halts: true,
    look: async () => (await store.read(task.next(clock.now())))[0],
    act: (found: task.Standing) => advance(desk, judge, found),
    due: async () => ((await store.read(task.running))[0]?.count ? clock.now() + GLANCE_ms : null),
  } as const;
}

/** One step. What was steered meanwhile is looked at anew. */
export async function advance(desk: Desk, judge: Judge, found: task.Standing): Promise<void> {
  const { store, clock } = desk;
  const standing = { ...found, spent_nanousd: await billOf(store, found) };
  const step = nextStep(standing, clock.now());
  try {
    if (step.do === 'begin') await begin(desk, standing);
    else if (step.do === 'run check') await runCheck(desk, standing);
    else if (step.do === 'ask') await change(desk, standing, await askCheck(desk, judge, standing));
    else await change(desk, standing, step.to);
  } catch (error) {
    if (!(error instanceof Fenced)) throw error;
  }
}

/** The message of the iteration, in a conversation that begins anew. */
async function begin(desk: Desk, standing: task.Standing): Promise<void> {
  const now = desk.clock.now();
  const { id, iteration, channel, chat, sender } = standing;
  const own = task.conversationOf(id);
  await commit(desk, standing, {}, now, [
    conversation.refresh(own, now),
    inbound.receive({
      source: 'task',
      source_key: `${id}:${iteration}`,
      channel,
      conversation: own,
      chat,
      sender,
      text: instruction(standing),
      message_ref: null,
      payload_json: '{}',
      received_at: now,
      state: 'pending',
      note: null,
    }),
  ]);
}

/** The check as a call of a tool, under a turn of its own: policy, sandbox and approvals are those of every command. */
async function runCheck(desk: Desk, standing: task.Standing): Promise<void> {
  const now = desk.clock.now();
  const { id, channel, chat, sender, check_text } = standing;
  const own = { conversation: task.conversationOf(id), channel, chat, sender };
  const turn_id = uuid(now);
  await commit(desk, standing, { turn_id }, now, [
    turn.stand({ id: turn_id, ...own, now }),
    tool_call.ask({
      id: uuid(now),
      turn_id,
      round: 1,
      place: 0,
      use_id: `check_${id}_${standing.iteration}`,
      decision_id: null,
      ...own,
      tool: 'run_command',
      input_json: JSON.stringify({ command: check_text }),
      now,
    }),
  ]);
}

async function askCheck(desk: Desk, judge: Judge, standing: task.Standing): Promise<task.Change> {
  const [said] = standing.worker_id ? await desk.store.read(message.answer(standing.worker_id)) : [];
  try {
    const judgement = await judge(standing, said?.text ?? '', desk.signal);
    return afterCheck(standing, judgement, desk.clock.now());
  } catch (error) {
    // A drain is nobody's failure: the next core asks.
    if (desk.signal.aborted) return {};
    desk.log.warn('task.unchecked', { task: standing.id, error });
    return unchecked(standing, messageOf(error), desk.clock.now());
  }
}

async function change(desk: Desk, standing: task.Standing, to: task.Change): Promise<void> {
  if (Object.keys(to).length === 0) return;
  const now = desk.clock.now();
  const { id, turn_id, worker, worker_id, iteration } = standing;
  const after = { ...standing, ...to };
  const over = [
    ...(turn_id === null ? [] : [turn.stood(turn_id, now)]),
    // What its task has given up waits for nobody's decision any more.
    ...((worker === 'held' || worker === 'waiting') && worker_id
      ? [
          turn.stop(worker_id, { now, error: 'its task goes on without it' }),
          incident.close(`turn ${worker_id}`, 'core', now),
          inbound.close(worker_id, 'dead'),
        ]
      : []),
  ];
  const told =
    to.state === 'held'
      ? [
          word(
            after,
            `held:${iteration}:${now}`,
            `Task ${id} has failed ${after.failures} times in a row, and rests until you decide: ${cut(after.note ?? '', 500)}`,
            now,
          ),
        ]
      : to.state === 'done' || to.state === 'failed'
        ? [
            word(
              after,
              'over',
              `Task ${id} is ${to.state === 'done' ? 'done' : 'given up'}: ${cut(after.goal, 200)}${after.note ? `\n${cut(after.note, 1000)}` : ''}`,
              now,
            ),
          ]
        : [];
  await commit(desk, standing, to, now, [...over, ...told]);
  if (to.state) desk.log.info('task.changed', { task: id, state: to.state, iteration });
}

/** The step, what it causes, and how it looks now, in one unit. */
async function commit(
  desk: Desk,
  standing: task.Standing,
  to: task.Change,
  now: number,
  ops: Op[],
): Promise<void> {
  const { spent_nanousd } = standing;
  await desk.persist([
    task.change(standing, { ...to, spent_nanousd }, now),
    ...ops,
    progressOf({ ...standing, ...to }, now),
  ]);
}
