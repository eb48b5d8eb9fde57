/**
 * What people said, as the model is told it: the time, what the message carries, and the sender's own words last. Only the
 * own words are the sender's; what was quoted, forwarded or attached is data, each with its source. Pure, and the same
 * for the same rows: what is told once is told the same ever after, from the provider's cache.
 */

import { untrusted } from '#shared/base/untrusted.ts';
import type { Attachment, Taken } from '#shared/tables/attachment.ts';
import type { Part } from '#shared/tables/inbound.ts';
import type { Message } from '#shared/tables/message.ts';
import type { File, Text } from './content.ts';
import { stamp } from './time.ts';

export type Heard = {
  content: (Text | File)[];
  /** Whose words besides the sender's are in it. */
  sources: string[];
  /** The senders' own words, typed and spoken. */
  own: string;
};

/** @param answers what the agent has said here without having read others' words: a quote of it is nobody else's */
export function heardOf(
  messages: readonly Message[],
  attachments: readonly Taken[],
  answers: readonly string[] = [],
): Heard {
  const content: (Text | File)[] = [];
  const sources = new Set<string>();
  const own: string[] = [];
  const say = (text: string) => {
    if (text.trim() !== '') content.push({ type: 'text', text });
  };
  const data = (source: string, text: string) => {
    sources.add(source);
    say(untrusted(source, text));
  };
  let told = '';
  for (const message of messages) {
    // A minute is told once.
    const time = stamp(message.at);
    if (time !== told) say(`[${time}]`);
    told = time;
    const parts: Part[] = message.parts_json === null ? [] : JSON.parse(message.parts_json);
    const forward = parts.find((part) => part.kind === 'forward');
    for (const part of parts) {
      if (part.kind === 'quote' && part.own && answers.some((answer) => holds(answer, part.text)))
        say(`[In reply to your words: ${short(part.text)}]`);
      else if (part.kind === 'quote') data(`quoted from ${part.from}`, part.text);
      else if (part.kind === 'note') data('attached', part.text);
    }
    const files = attachments.filter(({ heard_with }) => heard_with === message.inbound_id);
    for (const file of files) {
      if (file.state !== 'ready' || file.path === null)
        data('attached', `[${file.kind} ${file.name}: not there. ${file.note ?? ''}]`);
      else if (file.text !== null && file.kind === 'voice' && !forward) {
        say(`[spoken] ${file.text}`);
        own.push(file.text);
      } else if (file.text !== null)
        // A song, a film, another's recording.
        data(forward ? `forwarded from ${forward.from}` : `heard in ${file.name}`, file.text);
      else {
        sources.add(`attached ${file.name}`);
        content.push({ type: 'file', path: file.path, name: file.name, mime: file.mime });
      }
    }
    if (forward) data(`forwarded from ${forward.from}`, message.text);
    else {
      say(message.corrects === null ? message.text : `[This corrects an earlier message] ${message.text}`);
      own.push(message.text);
    }
  }
  return { content, sources: [...sources], own: own.join('\n').trim() };
}

/**
 * Nothing that could be answered: no words, and of its files none that could be had, of which its sender was told.
 */
export function isEmpty(messages: readonly Message[], attachments: readonly Attachment[]): boolean {
  const parts = messages.flatMap(({ parts_json }): Part[] => JSON.parse(parts_json ?? '[]'));
  return (
    messages.every(({ text }) => text.trim() === '') &&
    parts.every(({ kind }) => kind !== 'note') &&
    attachments.every(({ state }) => state !== 'ready')
  );
}

/** The model has said it: a reminder is enough. */
function short(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 300).toWellFormed()}…`;
}

/** As a chat shows it, without Markdown's marks and the targets of its links. Words of a notice are none of an answer. */
function holds(answer: string, quote: string): boolean {
  const words = (text: string) => text.replace(/\]\([^)]*\)/g, '').replace(/[^\p{L}\p{N}]+/gu, '');
  return words(answer).includes(words(quote));
}

/** Whether any of them quotes the agent. */
export function quotesUs(messages: readonly Message[]): boolean {
  return messages.some(({ parts_json }) => (parts_json ?? '').includes('"own":true'));
}
