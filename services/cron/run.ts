/** How a run of a job begins, and what came of it. Pure. */

import { usd } from '#shared/base/money.ts';
import type { AtWork, Due } from '#shared/tables/slot.ts';
import { GRACE_ms } from './due.ts';

/** Why a slot that is due is skipped; null: it begins. */
export function skipped(slot: Due, spent_nanousd: number, now: number): string | null {
  if (slot.standing !== 'active' && slot.wanted_by === null) return `the job is ${slot.standing}`;
  if (slot.busy) return 'the run before it was still at work';
  const stale =
    slot.reason === null && slot.wanted_by === null && slot.missed === 'skip' && slot.overlap === 'skip';
  if (stale && now - slot.due_at > GRACE_ms) return 'missed';
  if (slot.day_nanousd !== null && spent_nanousd >= slot.day_nanousd) {
    return spentWords(slot.day_nanousd);
  }
  return null;
}

export function spentWords(day_nanousd: number): string {
  return `its ${usd(day_nanousd)} for the day are spent`;
}

/** What the agent says when there is nothing to say. */
export const NOTHING = 'NOTHING';

/** What the agent, or the program, is told. */
export function instruction({ job, prompt, kind }: Pick<Due, 'job' | 'prompt' | 'kind'>): string {
  if (kind === 'command') return prompt;
  return `${prompt}\n\n(The job "${job}" is due. Nobody is here to answer: what you say at the end is sent to whoever set it up. If there is nothing that they need to hear, answer with the single word ${NOTHING}.)`;
}

export type End = {
  state: 'done' | 'failed';
  reason: string | null;
  /** What whoever gave the job hears; null: nothing. */
  tell: string | null;
};

const MOST_TOLD = 3000;

export function endOf(slot: AtWork): End {
  const { state, reason, tell } = slot.kind === 'command' ? endOfCommand(slot) : endOfPrompt(slot);
  return { state, reason: reason && cut(reason, 500), tell };
}

function endOfPrompt({ job, worker, worker_error, said }: AtWork): End {
  if (worker !== 'done' || worker_error !== null || said === null) {
    return failed(job, worker_error ?? said ?? 'it was stopped');
  }
  const silent = said.replace(/[^a-z]/gi, '').toUpperCase() === NOTHING;
  return { state: 'done', reason: silent ? 'nothing to say' : null, tell: silent ? null : said };
}

/** As run_command tells it. */
const EXIT_CODE = /^exit code (\d+)(?:\n|$)/;
const FRAMES = /^<\/?untrusted[^>\n]*>\n?/gm;

function endOfCommand({ job, verdict, result_json, worker_error }: AtWork): End {
  const blocks: { text?: string }[] = JSON.parse(result_json ?? '[]');
  const whole = blocks.map(({ text = '' }) => text).join('\n');
  const code = verdict === 'done' ? EXIT_CODE.exec(whole)?.[1] : undefined;
  if (code === undefined) return failed(job, worker_error ?? (whole || 'it was stopped'));
  const output = whole.replace(EXIT_CODE, '').replace(FRAMES, '').trim();
  if (code !== '0') return failed(job, `exit code ${code}${output ? `\n${output}` : ''}`);
  if (output === '') return { state: 'done', reason: 'nothing to say', tell: null };
  return { state: 'done', reason: null, tell: `${job}:\n${cut(output, MOST_TOLD)}` };
}

function failed(job: string, why: string): End {
  return { state: 'failed', reason: why, tell: `The job "${job}" failed: ${cut(why, MOST_TOLD)}` };
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most).toWellFormed()}…`;
}
