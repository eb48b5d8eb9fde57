/** What became of the tool calls, held against their effects and against what their owner pressed. */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { House } from '#shared/testing/house.ts';
import { CHOICES } from './model.ts';
import type { Owner } from './owner.ts';
import { calledFor, callsIn, type Kind, wantedBy } from './token.ts';

type Call = {
  id: string;
  tool: Kind;
  state: string;
  attempt: number;
  input_json: string;
  result_json: string | null;
};
type Approval = { id: string; call_id: string; kind: string; state: string; choice: string | null };

/** Beyond so many a repeatable call is left as interrupted (docs/tools.md). */
const MOST_ATTEMPTS = 3;

export async function judgeCalls(house: House, said: readonly string[], ledger: string, { pressed }: Owner) {
  const [calls, approvals, rulings, rows] = await Promise.all([
    house.read<Call>('SELECT id, tool, state, attempt, input_json, result_json FROM tool_call'),
    house.read<Approval>('SELECT id, call_id, kind, state, choice FROM approval'),
    house.read<{ about: string }>(
      `SELECT about FROM ruling WHERE outcome IN ('granted', 'denied', 'answered')`,
    ),
    house.read<{ line: string }>(
      `SELECT text AS line FROM wish WHERE kind = 'remember' UNION ALL SELECT name FROM schedule`,
    ),
  ]);
  const file = join(house.home.workspace, ledger);
  const lines = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const effects = tally([...callsIn(lines), ...rows.flatMap(({ line }) => callsIn(line))]);
  const called = tally(calls.map(callOf));
  const wanted = said.filter((token) => wantedBy(token)).map(calledFor);

  /** How often the world shows that it was done. */
  function effectOf(call: Call): number {
    const told = call.result_json ?? '';
    if (call.tool === 'read_file') return told.includes(`words of ${callOf(call)}`) ? 1 : 0;
    if (call.tool === 'ask_owner') return told.includes('The owner chose: ') ? 1 : 0;
    return effects.get(callOf(call)) ?? 0;
  }

  const count = (broken: (call: Call) => boolean) => calls.filter(broken).length;
  const byId = new Map(calls.map((call) => [call.id, call]));
  const acted = tally(rulings.map(({ about }) => about));
  return {
    figures: [
      ['calls', `${calls.length} (${shares(calls.map(({ tool, state }) => `${tool} ${state}`))})`],
      ['interrupted, with their effect', count((call) => call.state === 'interrupted' && effectOf(call) > 0)],
      [
        'approvals',
        `${approvals.length} (${shares(approvals.map(({ kind, state }) => `${kind} ${state}`))})`,
      ],
    ] satisfies [string, string | number][],
    promises: {
      'calls missing, or made twice': wanted.filter((call) => called.get(call) !== 1).length,
      'calls failed or cancelled': count(({ state }) => state === 'failed' || state === 'cancelled'),
      'effects that happened twice': [...effects.values()].filter((times) => times > 1).length,
      'done, and not exactly once': count((call) => call.state === 'done' && effectOf(call) !== 1),
      'interrupted, and run again': count(
        ({ tool, attempt }) => attempt > (tool === 'run_command' ? 1 : MOST_ATTEMPTS),
      ),
      'denied, and run': count((call) => call.state === 'denied' && (call.attempt > 0 || effectOf(call) > 0)),
      'approvals lost': approvals.filter((asked) => !heeded(asked, byId.get(asked.call_id))).length,
      'approvals against their owner': approvals.filter((asked) => !isWilled(asked, pressed.get(asked.id)))
        .length,
      'approvals acted on twice': [...acted.values()].filter((times) => times > 1).length,
    },
  };
}

/** Whether what was pressed had its consequence: a call allowed has run. */
function heeded({ state }: Approval, call: Call | undefined): boolean {
  if (state === 'denied') return call?.state === 'denied';
  if (state === 'answered') return call?.state === 'done';
  if (state !== 'granted') return false;
  return call?.state === 'done' || (call?.state === 'interrupted' && call.attempt >= MOST_ATTEMPTS);
}

function isWilled({ kind, choice }: Approval, pressed: ReadonlySet<string> | undefined): boolean {
  if (choice === null) return true;
  return pressed?.has(kind === 'question' ? String(CHOICES.indexOf(choice)) : choice) === true;
}

const callOf = ({ input_json }: Call): string => callsIn(input_json)[0] ?? input_json;

function tally(words: readonly string[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const word of words) times.set(word, (times.get(word) ?? 0) + 1);
  return times;
}

function shares(words: readonly string[]): string {
  return [...tally(words)]
    .sort()
    .map(([word, times]) => `${word} ${times}`)
    .join(', ');
}

/** Programs of the sandbox that still run: each has the ledger in its arguments. */
export function sandboxed(ledger: string): number {
  const all = execFileSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' });
  return all.split('\n').filter((line) => line.includes(ledger)).length;
}
