/** /task: a long piece of work is wished, looked at, and steered. */

import { nanousdOf, usd } from '#shared/base/money.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as task from '#shared/tables/task.ts';
import * as turn from '#shared/tables/turn.ts';
import { progressOf } from '../task/progress.ts';
import { type Act, type Control, type Desk, mayShow, mayTouch, only, settled } from './control.ts';

const HOW = `Say: /task <goal> check: <command, or question?> [budget $1] [iterations 10] [for 2h]
It is reached when the command succeeds, or the question is answered yes.

/task lists, /task <number> shows; /task <number> pause, resume or cancel.`;

/** What a task may take when nobody says. */
export const PRESETS = { budget_usd: 1, iterations: 10, for_ms: 7_200_000 };
export const MOST = { budget_usd: 1000, iterations: 1000, for_ms: 30 * 86_400_000 };

const UNIT_ms = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90m`, `2h`, `3d`; null for what is none. */
export function spanOf(text: string): number | null {
  const [, count, unit] = /^(\d{1,4}) ?([mhd])$/i.exec(text.trim()) ?? [];
  return unit ? Number(count) * UNIT_ms[unit.toLowerCase() as keyof typeof UNIT_ms] : null;
}

export type Wished = Pick<
  task.Wish,
  'goal' | 'check_kind' | 'check_text' | 'budget_nanousd' | 'most_iterations'
> & { for_ms: number };

/** A wish as it is typed; what is wrong with it, in words, when it is none. Pure. */
export function readWish(text: string): Wished | string {
  const at = text.search(/\bcheck:/i);
  const goal = text.slice(0, Math.max(at, 0)).trim();
  let check = text.slice(at + 'check:'.length).trim();
  if (at < 0 || goal === '') return HOW;
  const { budget_usd, iterations, for_ms } = PRESETS;
  const how = { budget_usd, iterations, for_ms };
  // From the end, since what comes before them is the check's own.
  for (;;) {
    const [all, money, count, span] =
      /\s+(?:budget \$?(\d{1,6}(?:\.\d{1,4})?)|iterations (\d{1,6})|for (\d{1,4} ?[mhd]))$/i.exec(check) ??
      [];
    if (all === undefined) break;
    check = check.slice(0, -all.length);
    if (money) how.budget_usd = Number(money);
    if (count) how.iterations = Number(count);
    if (span) how.for_ms = spanOf(span) ?? 0;
  }
  for (const [name, value] of Object.entries(how)) {
    const most = MOST[name as keyof typeof MOST];
    if (value <= 0 || value > most) {
      return `The ${name === 'for_ms' ? 'time' : name === 'iterations' ? 'number of iterations' : 'budget'} must be more than 0, and not so large.\n\n${HOW}`;
    }
  }
  const bare = check.replace(/^`+|`+$/g, '').trim();
  if (bare === '') return HOW;
  return {
    goal,
    check_kind: check.endsWith('?') ? 'question' : 'command',
    check_text: bare,
    budget_nanousd: nanousdOf(how.budget_usd),
    most_iterations: how.iterations,
    for_ms: how.for_ms,
  };
}

const MOST_LISTED = 10;

export const tasks: Act = async (desk, press, rest) => {
  const [, number, verb = ''] = /^(\d{1,15})(?:\s+(\w+))?$/.exec(rest) ?? [];
  if (rest === '') {
    const found = await desk.store.read(task.ofConversation(press.conversation, MOST_LISTED));
    return only('listed', found.length > 0 ? `${found.map(lineOf).join('\n')}\n\n${HOW}` : HOW);
  }
  if (number !== undefined) {
    if (isSteering(verb)) return steer(desk, press, number, verb);
    const [found] = await desk.store.read(task.of(Number(number)));
    return found && mayShow(press, found)
      ? only('shown', lineOf(found))
      : only('unknown', `There is no task ${number}.`);
  }
  const wish = readWish(rest);
  if (typeof wish === 'string') return only('unclear', wish);
  const { for_ms, ...wished } = wish;
  const now = desk.clock.now();
  const { channel, chat, conversation, sender } = press;
  return {
    outcome: 'added',
    // Its progress message comes with its first step.
    tell: null,
    ops: [task.add({ ...wished, until_at: now + for_ms, channel, chat, conversation, sender, now })],
  };
};

export function lineOf(found: task.Task): string {
  const { id, state, goal, iteration, most_iterations, spent_nanousd, budget_nanousd, note } = found;
  const how = `${Math.min(iteration, most_iterations)}/${most_iterations}, ${usd(spent_nanousd)} of ${usd(budget_nanousd)}`;
  return `${id}. ${state} (${how}): ${goal.slice(0, 120)}${note ? `\n    ${note.slice(0, 200)}` : ''}`;
}

const STEERINGS = ['pause', 'resume', 'cancel'] as const;
type Steering = (typeof STEERINGS)[number];
const isSteering = (word: string): word is Steering => STEERINGS.some((one) => one === word);

/** The buttons `task-pause`, `task-resume` and `task-cancel`. */
export function steered(verb: Steering): Act {
  return (desk, press, id) => steer(desk, press, id, verb);
}

async function steer(
  { store, clock }: Desk,
  press: Parameters<Act>[1],
  id: string,
  verb: Steering,
): Promise<Control> {
  const [found] = await store.read(task.of(Number(id)));
  if (!found || !mayTouch(press, found)) return only('unknown', `There is no task ${id}.`);
  const now = clock.now();
  const to: task.Change | null =
    verb === 'pause' && found.state === 'running'
      ? { state: 'paused' }
      : verb === 'resume' && (found.state === 'paused' || found.state === 'held')
        ? { state: 'running', failures: 0, due_at: 0 }
        : verb === 'cancel' && ['running', 'paused', 'held'].includes(found.state)
          ? { state: 'cancelled', note: `cancelled by ${press.sender}`, finished_at: now }
          : null;
  if (!to) return found.finished_at === null ? only('nothing to do', `It is ${found.state}.`) : settled;
  const changed = [task.change(found, to, now), progressOf({ ...found, ...to }, now)];
  const typed = press.data.startsWith('/');
  if (verb !== 'cancel') {
    const tell = verb === 'pause' ? 'It rests after its present step.' : 'It goes on.';
    return { outcome: to.state ?? verb, tell: typed ? tell : null, ops: changed };
  }
  const conversation = task.conversationOf(found.id);
  const [active] = await store.read(turn.active(conversation));
  return {
    outcome: 'cancelled',
    tell: typed ? 'Cancelled.' : null,
    ops: [
      ...changed,
      turn.stopAll(conversation, { now, error: 'its task was cancelled' }),
      inbound.withdraw(conversation),
    ],
    ...(active && { stopped: active.id }),
  };
}
