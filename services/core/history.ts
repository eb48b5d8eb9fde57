/**
 * The conversation as the API wants it, from the steps of its turns: the same words for the same rows, so that each request
 * begins with all of the one before it and is read from the provider's cache. Pure.
 */

import type { MessageParam } from '@anthropic-ai/sdk/resources/messages';
import type { Step } from '#shared/tables/step.ts';
import { type Block, filesSize, MOST_REQUEST_bytes, type Result, sent } from './content.ts';

export type Told = { role: 'user' | 'assistant'; content: Block[] };

/**
 * @param past the steps of turns that are over, turn by turn
 * @param present those of the turn in work
 * @param next what the model is told next: results of tools, new words
 * @param summary what everything before came to
 */
export function told(
  past: readonly Step[],
  present: readonly Step[],
  next: readonly Block[],
  summary: string | null,
): Told[] {
  const said: Told[] = [];
  const say = (role: Told['role'], content: readonly Block[]) => {
    const blocks = content.filter((block) => block.type !== 'text' || block.text.trim() !== '');
    const last = said.at(-1);
    if (blocks.length === 0) return;
    if (last?.role === role) last.content.push(...blocks);
    else said.push({ role, content: [...blocks] });
  };
  if (summary !== null) say('user', [{ type: 'text', text: `[What was said before, in short]\n${summary}` }]);
  const turns = new Set(past.map(({ turn_id }) => turn_id));
  for (const turn_id of turns)
    turn(
      past.filter((step) => step.turn_id === turn_id),
      false,
    );
  turn(present, true);
  say('user', next);
  return said;

  function turn(steps: readonly Step[], open: boolean): void {
    let owed: string[] = [];
    for (const { kind, content_json } of steps) {
      const content: Block[] = JSON.parse(content_json);
      if (kind === 'model') {
        const kept = open ? content : content.filter(isLasting).map(withoutCitations);
        // An answer without a word is one too.
        say('assistant', kept.length > 0 ? kept : [{ type: 'text', text: '(no words)' }]);
        owed = content.flatMap((block) => (block.type === 'tool_use' ? [block.id] : []));
      } else {
        if (kind === 'tools') owed = [];
        say('user', content);
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

/** As it is sent, with marks where the provider's cache shall keep it: after the last question and after the one before. */
export function messagesOf(said: readonly Told[]): MessageParam[] {
  const questions = said.flatMap(({ role }, index) => (role === 'user' ? [index] : [])).slice(-2);
  const room = { bytes: MOST_REQUEST_bytes };
  // The latest files are what is talked about.
  const contents = said
    .toReversed()
    .map(({ content }) => sent(content, room))
    .reverse();
  return said.map(({ role }, index) => {
    const blocks = contents[index] ?? [];
    const last = blocks.at(-1);
    if (
      !questions.includes(index) ||
      !last ||
      last.type === 'thinking' ||
      last.type === 'redacted_thinking'
    ) {
      return { role, content: blocks };
    }
    return {
      role,
      content: [...blocks.slice(0, -1), { ...last, cache_control: { type: 'ephemeral' } }] as typeof blocks,
    };
  });
}
