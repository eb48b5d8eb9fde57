/** What comes next in a task. Pure: how it stands, in; the one thing to do, out. */

import { backoff_ms } from '#shared/base/backoff.ts';
import { usd } from '#shared/base/money.ts';
import { untrusted } from '#shared/base/untrusted.ts';
import type { Change, Standing, Task } from '#shared/tables/task.ts';
import { timeInWords } from '../time.ts';

/** So many failures in a row, and its owner decides. */
export const MOST_FAILURES = 3;
/** How the result of a command begins that came to its end, in time and by itself. */
const EXIT_CODE = /^exit code (\d+)(?:\n|$)/;
const AGAIN = { first_ms: 10_000, most_ms: 300_000 };

export type Step =
  /** The iteration begins: its message is written. */
  | { do: 'begin' }
  /** The check runs as a command. */
  | { do: 'run check' }
  /** The check is a question: whoever asks it comes back with `afterCheck`. */
  | { do: 'ask' }
  /** Nothing but the task itself changes. */
  | { do: 'change'; to: Change };

export function nextStep(task: Standing, now: number): Step {
  if (task.phase === 'work') {
    if (task.message === null) {
      const why = exhausted(task, now);
      return why ? { do: 'change', to: { state: 'failed', note: why, finished_at: now } } : { do: 'begin' };
    }
    if (task.message === 'answered') {
      return { do: 'change', to: { phase: 'check', turn_id: null, due_at: 0 } };
    }
    const why = task.worker_error ?? 'its turn was given up';
    return { do: 'change', to: failure(task, why, now) };
  }
  if (task.turn_id === null) return { do: task.check_kind === 'command' ? 'run check' : 'ask' };
  const said = textOf(task.result_json);
  const code = task.verdict === 'done' ? EXIT_CODE.exec(said)?.[1] : undefined;
  if (code === undefined) {
    return { do: 'change', to: unchecked(task, `the check was ${task.verdict}: ${said}`, now) };
  }
  return { do: 'change', to: afterCheck(task, { yes: code === '0', why: said }, now) };
}

/** Why there will be no further iteration. */
function exhausted(task: Task, now: number): string | null {
  const last = task.note ? ` Last: ${task.note}` : '';
  if (task.spent_nanousd >= task.budget_nanousd) return `Its money is spent.${last}`;
  if (task.iteration > task.most_iterations) return `Its iterations are over.${last}`;
  return now >= task.until_at ? `Its time is over.${last}` : null;
}

/** The check was made: it passed, or the next iteration is told what it said. */
export function afterCheck(task: Task, { yes, why }: { yes: boolean; why: string }, now: number): Change {
  const note = why.slice(0, 2000).toWellFormed();
  if (yes) return { state: 'done', turn_id: null, failures: 0, note, finished_at: now };
  return { phase: 'work', iteration: task.iteration + 1, turn_id: null, failures: 0, note };
}

/** The check could not be made: nothing is known, and it is made again. */
export function unchecked(task: Task, why: string, now: number): Change {
  return counted(task, why, now, { turn_id: null });
}

/** The iteration came to nothing: the next one tries. */
function failure(task: Task, why: string, now: number): Change {
  return counted(task, why, now, { iteration: task.iteration + 1, turn_id: null });
}

function counted(task: Task, why: string, now: number, to: Change): Change {
  const failures = task.failures + 1;
  const note = why.slice(0, 2000).toWellFormed();
  if (failures >= MOST_FAILURES) return { ...to, state: 'held', failures, note };
  return { ...to, failures, note, due_at: now + backoff_ms(task.failures, AGAIN) };
}

/** What an iteration is told. What the last check said is a program's words, or another model's. */
export function instruction(task: Task): string {
  const { id, iteration, most_iterations, goal, check_kind, check_text, note } = task;
  const check =
    check_kind === 'command'
      ? `It is reached when this command succeeds (I run it after you, in the workspace): ${check_text}`
      : `It is reached when the answer to this question is yes (somebody else judges by your report): ${check_text}`;
  const file = `tasks/${id}/PROGRESS.md`;
  return [
    `Task ${id}, iteration ${iteration} of ${most_iterations}.`,
    `Goal: ${goal}`,
    check,
    `Left: ${usd(task.budget_nanousd - task.spent_nanousd)}, until ${timeInWords(task.until_at)}.`,
    ...(note ? [`What came of the last iteration:\n${untrusted('check', note)}`] : []),
    `You remember nothing of earlier iterations: progress is kept in ${file} in the workspace. Read it first, if it is there; write it last, so that the next iteration can go on from it. End with a short report: what you did, what is left, and how one sees it.`,
  ].join('\n\n');
}

/** What a tool's result says. */
function textOf(result_json: string | null): string {
  const blocks: { text?: string }[] = JSON.parse(result_json ?? '[]');
  return blocks
    .map(({ text = '' }) => text)
    .join('\n')
    .trim();
}
