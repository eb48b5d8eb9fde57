/**
 * Reads conversations in the form of LoCoMo (github.com/snap-research/locomo: `data/locomo10.json`), and in it, a set of
 * our own. Its data is for measuring only, and no part of this project.
 *
 * Of each turn its words, speaker and picture's caption are taken; never the annotators' search string (`query`), which
 * leaks answers. Evidence that is written wrongly ("D8:6; D9:17", "D30:05") is repaired, or left out where it names
 * nothing.
 */

import { readFileSync } from 'node:fs';
import type { Told } from '#shared/recall/passage.ts';

export type Asked = {
  text: string;
  category: string;
  /** The messages that hold the answer. */
  evidence: ReadonlySet<number>;
};
export type Conversation = { name: string; scope: string; messages: Told[]; questions: Asked[]; now: number };

const CATEGORIES = ['', 'multi-hop', 'temporal', 'open-domain', 'single-hop', 'adversarial'];
const MONTHS = 'january february march april may june july august september october november december'.split(
  ' ',
);
const DAY_ms = 86_400_000;
/** Between two turns of a session, which all bear the session's time. */
const TURN_ms = 30_000;

type Turn = {
  speaker: string;
  dia_id: string;
  text: string;
  blip_caption?: string;
  role?: 'user' | 'assistant';
};
type Row = {
  sample_id?: string;
  conversation: Record<string, string | Turn[]>;
  qa: { question: string; evidence?: string[]; category: number | string }[];
};

export function readConversations(file: string): Conversation[] {
  const rows: Row[] = JSON.parse(readFileSync(file, 'utf8'));
  if (!Array.isArray(rows) || rows.some((row) => !row.qa || !row.conversation)) {
    throw new Error(`${file} is not in the form of LoCoMo: expected an array of { conversation, qa }`);
  }
  return rows.map((row, i) => conversationOf(row, row.sample_id ?? `conversation ${i + 1}`));
}

function conversationOf(row: Row, name: string): Conversation {
  const messages: Told[] = [];
  const named = new Map<string, number>();
  const sessions = Object.keys(row.conversation)
    .flatMap((key) => /^session_(\d+)$/.exec(key)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  for (const session of sessions) {
    const turns = row.conversation[`session_${session}`];
    const begins = timeOf(String(row.conversation[`session_${session}_date_time`]));
    if (!Array.isArray(turns)) continue;
    turns.forEach(({ speaker, dia_id, text, blip_caption, role = 'user' }, nth) => {
      const id = messages.length + 1;
      named.set(dia_id, id);
      messages.push({
        id,
        role,
        text: blip_caption ? `${text}\n[${blip_caption}]` : text,
        at: begins + nth * TURN_ms,
        turn_id: `turn ${id}`,
        parts_json: null,
        trust: role === 'user' ? 3 : 2,
        scope: name,
        conversation: name,
        author: speaker,
      });
    });
  }
  const questions = row.qa.map(({ question, evidence = [], category }) => {
    const ids = [...evidence.join(' ').matchAll(/D:?(\d+):0*(\d+)/g)].flatMap(
      ([, session, turn]) => named.get(`D${session}:${turn}`) ?? [],
    );
    return {
      text: question,
      category: CATEGORIES[Number(category)] ?? String(category),
      evidence: new Set(ids),
    };
  });
  return {
    name,
    scope: name,
    messages,
    questions: questions.filter(({ evidence }) => evidence.size > 0),
    now: (messages.at(-1)?.at ?? 0) + DAY_ms,
  };
}

/** Such as `1:56 pm on 8 May, 2023`. */
function timeOf(text: string): number {
  const [, hour, minute, half, day, month = '', year] =
    /(\d+):(\d+) (am|pm) on (\d+) (\w+), (\d+)/.exec(text) ?? [];
  const time = new Date(
    Number(year),
    MONTHS.indexOf(month.toLowerCase()),
    Number(day),
    (Number(hour) % 12) + (half === 'pm' ? 12 : 0),
    Number(minute),
  ).getTime();
  if (Number.isNaN(time)) throw new Error(`expected a time such as "1:56 pm on 8 May, 2023", got "${text}"`);
  return time;
}
