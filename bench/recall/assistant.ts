/**
 * Makes bench/recall/assistant.json: people who talk to an assistant over half a year, in the form of LoCoMo with a role
 * for each turn. What they tell and what is asked are written by hand (bench/recall/people.ts); the talk around it, mostly
 * long replies full of the same words, is put together by chance from a seed.
 *
 *   node bench/recall/assistant.ts
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomFrom } from '#shared/testing/messages-latency.ts';
import { type Person, people, TALK } from './people.ts';

const SESSIONS = 14;
/** Exchanges of a session: what is told in it, and small matters until there are so many. */
const EXCHANGES = 7;

type Turn = { speaker: string; role: 'user' | 'assistant'; dia_id: string; text: string };

function conversationOf(person: Person, seed: number) {
  const random = randomFrom(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const some = <T>(from: readonly T[], n: number): T[] =>
    from
      .map((each) => ({ each, by: random() }))
      .sort((a, b) => a.by - b.by)
      .slice(0, n)
      .map(({ each }) => each);
  const topics = Object.keys(TALK) as (keyof typeof TALK)[];
  const unasked = some(
    topics.flatMap((topic) => TALK[topic].asks.map((ask) => ({ topic, ask }))),
    topics.length * 10,
  );

  /** A reply as assistants give it: an opening, advice in points, a closing; what it has to say, somewhere among it. */
  function reply(topic: keyof typeof TALK, says: string | null): string {
    const { points, openings } = TALK[topic];
    const advice = [
      ...some(points, 6 + Math.floor(random() * 5)),
      // Assistants digress.
      ...some(TALK[pick(topics)].points, Math.floor(random() * 5)),
    ];
    if (says !== null) advice.splice(Math.floor(random() * (advice.length + 1)), 0, says);
    const lines = random() < 0.6 ? advice.map((point) => `- ${point}`).join('\n') : advice.join(' ');
    return `${pick(openings)}\n\n${lines}\n\n${pick(CLOSINGS)}`;
  }

  const conversation: Record<string, string | Turn[]> = {
    speaker_a: person.name,
    speaker_b: 'Vigil',
  };
  const named = new Map<string, string>();
  for (let session = 1; session <= SESSIONS; session++) {
    const turns: Turn[] = [];
    const say = (role: Turn['role'], text: string): string => {
      const dia_id = `D${session}:${turns.length + 1}`;
      turns.push({ speaker: role === 'user' ? person.name : 'Vigil', role, dia_id, text });
      return dia_id;
    };
    const told = person.told.filter((each) => each.session === session);
    const small = Math.max(0, EXCHANGES - told.length);
    const order = some([...told, ...Array.from({ length: small }, () => null)], EXCHANGES + told.length);
    // What was told first in a session stays first: a later one may rest on it.
    let next = 0;
    for (const slot of order) {
      if (slot === null) {
        const ask = unasked.pop() ?? { topic: pick(topics), ask: 'Any other ideas?' };
        say('user', ask.ask);
        say('assistant', reply(ask.topic, null));
        continue;
      }
      const each = told[next++] as (typeof told)[number];
      named.set(each.key, say('user', each.text));
      named.set(
        `${each.key}!`,
        say('assistant', each.short ? (each.says ?? pick(SHORT)) : reply(each.topic, each.says ?? null)),
      );
    }
    conversation[`session_${session}_date_time`] = dateOf(session, random());
    conversation[`session_${session}`] = turns;
  }
  return {
    sample_id: person.name,
    conversation,
    qa: person.asked.map(({ question, category, evidence }) => ({
      question,
      category,
      evidence: evidence.map((key) => named.get(key) ?? `unknown ${key}`),
    })),
  };
}

const CLOSINGS = [
  'Let me know if you would like me to go deeper into any of these.',
  'Shall I turn this into a short plan for you?',
  'If you tell me a little more about what you have already tried, I can be more specific.',
  'Would you like a reminder about this later in the week?',
  'I hope that helps! I can also compare a few options if that would be useful.',
  'Tell me how it goes, and we can adjust from there.',
];
const SHORT = [
  'Noted.',
  'Got it, thanks for telling me.',
  'Understood.',
  'All right, I will keep that in mind.',
];

/** A session every twelve days or so, from January on. */
function dateOf(session: number, chance: number): string {
  const date = new Date(2026, 0, 6 + (session - 1) * 12 + Math.floor(chance * 6));
  const hour = 8 + Math.floor(chance * 13);
  const month = date.toLocaleDateString('en-GB', { month: 'long' });
  return `${((hour + 11) % 12) + 1}:${String(Math.floor(chance * 60)).padStart(2, '0')} ${hour < 12 ? 'am' : 'pm'} on ${date.getDate()} ${month}, ${date.getFullYear()}`;
}

const file = join(import.meta.dirname, 'assistant.json');
writeFileSync(
  file,
  `${JSON.stringify(
    people.map((person, i) => conversationOf(person, 11 + i)),
    null,
    1,
  )}\n`,
);
