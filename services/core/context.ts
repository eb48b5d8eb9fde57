/** What the model is told: who it is, and what has been said lately. */

import type { MessageParam } from '@anthropic-ai/sdk/resources/messages';
import type { Message } from '#shared/tables/message.ts';

/** The same words every time, so that a provider can keep them in its cache; what changes comes after them. */
const CHARACTER = `You are Vigil, a personal AI agent that runs day and night on a machine its owner controls. \
People talk to you in a chat. Answer in the language you are spoken to, briefly, in plain text without Markdown. \
Say so when you do not know or cannot do something.`;

// Made by the first turn and kept: to make one takes longer than all else that a turn does before it asks, and brings in
// 5 MB of the world's calendars.
const formats = new Map<string | undefined, Intl.DateTimeFormat>();

function formatOf(zone?: string): Intl.DateTimeFormat {
  const timeZone = zone === undefined ? {} : { timeZone: zone };
  const format =
    formats.get(zone) ??
    new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'short', ...timeZone });
  formats.set(zone, format);
  return format;
}

/** Sunday 22 November 2026 at 09:00, where the machine is. */
export function timeInWords(at: number): string {
  return formatOf().format(at);
}

/** @param zone the time zone to tell the time in; the machine's own, when left out */
export function systemPrompt(now: number, zone?: string): string {
  const format = formatOf(zone);
  return `${CHARACTER}\n\nIt is ${format.format(now)} (${format.resolvedOptions().timeZone}).`;
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
