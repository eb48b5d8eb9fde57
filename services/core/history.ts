/**
 * The conversation as the API wants it, from the steps of its turns: the same words for the same rows, so that each request
 * begins with all of the one before it and is read from the provider's cache. Pure.
 */

import type { MessageParam } from '@anthropic-ai/sdk/resources/messages';
import type { Step } from '#shared/tables/step.ts';
import { type Block, filesSize, MOST_REQUEST_bytes, type Result, sent } from './content.ts';

export type Told = {
  role: 'user' | 'assistant';
  content: Block[];
  /** A turn begins with it. */
  opens?: true;
  /** So many of its blocks are told ever after; those that follow were recalled for this turn alone. */
  lasting?: number;
};

/** What the model is told next: results of tools, new words, what is recalled on them. */
export type News = { kind: Exclude<Step['kind'], 'model'>; content: readonly Block[] };

/**
 * @param past the steps of turns that are over, turn by turn
 * @param present those of the turn in work
 * @param summary what everything before came to
 */
export function told(
  past: readonly Step[],
  present: readonly Step[],
  next: readonly News[],
  summary: string | null,
): Told[] {
  const said: Told[] = [];
  let opens = false;
  const say = (role: Told['role'], content: readonly Block[], kind?: Step['kind']) => {
    const blocks = content.filter((block) => block.type !== 'text' || block.text.trim() !== '');
    if (blocks.length === 0) return;
    if (said.at(-1)?.role !== role) said.push({ role, content: [] });
    const last = said.at(-1) as Told;
    if (kind === 'recalled') last.lasting ??= last.content.length;
    last.content.push(...blocks);
    if (opens && role === 'user') last.opens = true;
    opens &&= role !== 'user';
  };
  if (summary !== null) say('user', [{ type: 'text', text: `[What was said before, in short]\n${summary}` }]);
  const turns = new Set(past.map(({ turn_id }) => turn_id));
  for (const turn_id of turns)
    turn(
      past.filter((step) => step.turn_id === turn_id),
      false,
    );
  turn(present, true);
  for (const { kind, content } of next) say('user', content, kind);
  return said;

  function turn(steps: readonly Step[], open: boolean): void {
    let owed: string[] = [];
    opens = true;
    for (const { kind, content_json } of steps) {
      const content: Block[] = JSON.parse(content_json);
      if (kind === 'model') {
        const kept = open ? content : content.filter(isLasting).map(withoutCitations);
        // An answer without a word is one too.
        say('assistant', kept.length > 0 ? kept : [{ type: 'text', text: '(no words)' }]);
        owed = content.flatMap((block) => (block.type === 'tool_use' ? [block.id] : []));
      } else {
        if (kind === 'tools') owed = [];
        say('user', content, kind);
      }
    }
    // A turn that was ended in the middle: the API wants a result for each call.
    if (!open) say('user', owed.map(unanswered));
  }
}

function unanswered(tool_use_id: string): Result {
  const content = [{ type: 'text' as const, text: 'The turn was ended: there is no result.' }];
  return { type: 'tool_result', tool_use_id, content, is_error: true };
}

/** Of a turn that is over, the thinking is not told again (the API would pass over it), nor what a server's tool left. */
function isLasting({ type }: Block): boolean {
  return !/thinking$|^server_tool_use$|(?<!^)_tool_result$/.test(type);
}

/** They refer to what is not told again. */
function withoutCitations(block: Block): Block {
  return block.type === 'text' ? { type: 'text', text: block.text } : block;
}

/** A conversation that could not be summed up is told up to so many times its limit. */
export const MOST_HISTORY = 4;

/** Without the oldest turns, as far as all together is larger: what a summary has not caught up with. */
export function fitting(past: readonly Step[], most_chars: number): readonly Step[] {
  let kept = past;
  while (sizeOf(kept) > most_chars && kept.length > 0) {
    const oldest = kept[0]?.turn_id;
    kept = kept.filter(({ turn_id }) => turn_id !== oldest);
  }
  return kept;
}

/** How large it is, in characters: what the history's limit goes by. */
export function sizeOf(steps: readonly Step[]): number {
  return steps.reduce((sum, { content_json }) => sum + content_json.length + filesSize(content_json), 0);
}

/**
 * As it is sent, with marks where the provider's cache shall keep it: after the last question and the one before, and after
 * the question that the last turn but this began with. What is recalled comes after the mark: it is not told again, and
 * the next turn finds in the cache what is.
 */
export function messagesOf(said: readonly Told[]): MessageParam[] {
  const questions = said.flatMap(({ role }, index) => (role === 'user' ? [index] : [])).slice(-2);
  const opening = said.findLastIndex(({ opens }, index) => opens && index !== questions.at(-1));
  const marked = new Set([...questions, opening]);
  const room = { bytes: MOST_REQUEST_bytes };
  // The latest files are what is talked about.
  const contents = said
    .toReversed()
    .map(({ content }) => sent(content, room))
    .reverse();
  return said.map(({ role, lasting }, index) => {
    const blocks = contents[index] ?? [];
    const at = (lasting ?? blocks.length) - 1;
    const block = blocks[at];
    if (!marked.has(index) || !block || block.type === 'thinking' || block.type === 'redacted_thinking') {
      return { role, content: blocks };
    }
    const mark = { ...block, cache_control: { type: 'ephemeral' } } as typeof block;
    return { role, content: blocks.with(at, mark) };
  });
}
