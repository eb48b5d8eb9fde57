/** What the model is told: who it is, and what has been said lately. */

import type { MessageParam } from '@anthropic-ai/sdk/resources/messages';
import type { Message } from '#shared/tables/message.ts';

/** The same words every time, so that a provider can keep them in its cache; what changes comes after them. */
const CHARACTER = `You are Vigil, a personal AI agent that runs day and night on a machine its owner controls. \
People talk to you in a chat. Answer in the language you are spoken to, briefly, in plain text without Markdown. \
Say so when you do not know or cannot do something.`;

const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
const wordsIn = (timeZone: string) =>
  new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'short', timeZone });
// Made once: it takes longer than everything else that a turn does before it asks.
const wordsHere = wordsIn(here);

export function systemPrompt(now: number, zone = here): string {
  const time = zone === here ? wordsHere : wordsIn(zone);
  return `${CHARACTER}\n\nIt is ${time.format(now)} (${zone}).`;
}

/** Of the history, at most so much goes along, the newest first. */
const LONGEST_HISTORY_chars = 200_000;

/**
 * The messages as the API wants them: the user begins, nobody's words are empty, and those of one side that follow
 * each other are one message. What the present turn was asked is always there; older messages go as far as they fit.
 */
export function conversation(history: readonly Message[], turn_id: string): MessageParam[] {
  let room = LONGEST_HISTORY_chars;
  const kept: Message[] = [];
  for (const message of history.toReversed()) {
    room -= message.text.length;
    if (room < 0 && message.turn_id !== turn_id) break;
    if (message.text.trim() !== '') kept.unshift(message);
  }
  const first = kept.findIndex((message) => message.role === 'user');
  const said: { role: 'user' | 'assistant'; content: string }[] = [];
  for (const { role, text } of first < 0 ? [] : kept.slice(first)) {
    const last = said.at(-1);
    if (last?.role === role) last.content += `\n\n${text}`;
    else said.push({ role, content: text });
  }
  return said;
}
