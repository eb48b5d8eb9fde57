/** The words of a memory: when two say the same, where a quote stands, and which words are no fact but an order. Pure. */

import { createHash } from 'node:crypto';

/** The same words, whatever their case, blanks and last full stop: C and C++ are two. */
export function normalised(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[“”„«»]/g, '"')
    .replace(/[‘’]/g, "'")
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[.!…]+$/, '');
}

export function hashOf(text: string): string {
  return createHash('sha256').update(normalised(text)).digest('hex');
}

/** Where the quote stands in the text, blanks aside; null: nowhere. */
export function quoteIn(text: string, quote: string): { from: number; to: number } | null {
  const words = quote.trim().split(/\s+/);
  if (words[0] === '') return null;
  const pattern = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('\\s+');
  const found = new RegExp(pattern).exec(text);
  return found && { from: found.index, to: found.index + found[0].length };
}

/** What was told to a model by the house itself: never learnt again. */
export function isOwnEcho(text: string): boolean {
  return /<\/?(untrusted|recalled|memory|memories|profile|system)\b/i.test(text);
}

/** Where a clause may begin. */
const BEGIN = String.raw`(?:^|[.,;:!?\n]\s*|\b(?:and|then|please|bitte|und|dann)\s+)`;
const ALWAYS = [
  'always|never|whenever|every time|each time|from now on|in (?:the )?future|as soon as',
  'immer|nie|niemals|stets|jedes ?mal|ab (?:jetzt|sofort|heute)|künftig|in zukunft|sobald',
];
const ORDERS = [
  "do not|don't|make sure|ensure|forward|send|run|execute|delete|remove|transfer|pay|post|publish|e-?mail|mail",
  'upload|download|install|ignore|disregard|forget|obey|follow|reveal|call|visit|open|click|reply|respond|answer',
  'write|tell|treat|trust|approve|allow|buy|order|book|share|copy|act|pretend|speak|use|stop',
  'sende|schicke?|leite|führe|lösche|entferne|überweise|zahle|bezahle|poste|veröffentliche|antworte|schreibe?',
  'sprich|benutze|nutze|verwende|ignoriere|vergiss|befolge|vertraue|rufe?|öffne|installiere|lade|kaufe?',
  'bestelle|buche?|teile|kopiere|stelle? sicher',
];
const INSTRUCTION = new RegExp(
  [
    ...[...ALWAYS, ...ORDERS].map((words) => `${BEGIN}(?:${words})\\b`),
    String.raw`\b(?:you|the agent|the assistant|vigil)\s+(?:must|should|shall|will|may|are to|have to|has to|need to|needs to|always|never)\b`,
    String.raw`\b(?:du|der agent|der assistent)\s+(?:sollst|soll|musst|muss|darfst|darf)\b`,
    String.raw`\b(?:must|should|shall)\s+(?:always|never|be (?:sent|forwarded|deleted|paid|run|executed|approved|trusted|ignored))\b`,
    String.raw`^(?:when|if|wenn|falls)\b[^.!?]*,`,
  ].join('|'),
  'iu',
);

/** It says what shall be done, not what is: in force only once the owner says yes, whoever said it. */
export function isInstruction(text: string): boolean {
  return INSTRUCTION.test(text);
}
