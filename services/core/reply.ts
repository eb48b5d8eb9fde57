/** What a model's answer means: what it says, what it wants done, how sure it is, and why. Pure. */

import type { Message } from '@anthropic-ai/sdk/resources/messages';
import { isObject } from '#shared/messages/shape.ts';

export type Wish = { use_id: string; tool: string; input: unknown };

export type Reply = {
  /** For people: without the confidence. */
  text: string;
  /** Tools, in the order in which they are wanted. */
  wishes: Wish[];
  reasoning: string | null;
  /** From 0 to 1; null when the model gave none. */
  confidence: number | null;
};

/** How the model says how sure it is, and calls a tool that it has found; both are told to it in the system prompt. */
const CONFIDENCE = /\s*<confidence>\s*([\d.]+)\s*<\/confidence>\s*/i;
export const USE_TOOL = 'use_tool';

export function replyOf(message: Pick<Message, 'content'>): Reply {
  const texts = message.content.flatMap((block) => (block.type === 'text' ? [block.text] : []));
  const thoughts = message.content.flatMap((block) => (block.type === 'thinking' ? [block.thinking] : []));
  const whole = texts.join('');
  const said = Number(CONFIDENCE.exec(whole)?.[1] ?? Number.NaN);
  return {
    text: whole.replace(CONFIDENCE, '\n').trim(),
    wishes: message.content.flatMap((block) =>
      block.type === 'tool_use' ? [wishOf(block.id, block.name, block.input)] : [],
    ),
    reasoning: thoughts.join('\n').trim() || null,
    confidence: said >= 0 && said <= 1 ? said : null,
  };
}

function wishOf(use_id: string, name: string, input: unknown): Wish {
  if (name !== USE_TOOL || !isObject(input) || typeof input.name !== 'string')
    return { use_id, tool: name, input };
  return { use_id, tool: input.name, input: input.input ?? {} };
}

/** As much of a text that is still being written as people may see: no half of the confidence. */
export function visible(text: string): string {
  const whole = text.replace(CONFIDENCE, '\n');
  const tag = '<confidence>';
  const at = whole.lastIndexOf('<');
  const begun = whole.lastIndexOf(tag);
  if (begun >= 0) return whole.slice(0, begun).trimEnd();
  return (at >= 0 && tag.startsWith(whole.slice(at)) ? whole.slice(0, at) : whole).trimEnd();
}

/** What a tool is wanted for, in a line: its name, and the first thing of its input that says something. */
export function inWords({ tool, input }: Pick<Wish, 'tool' | 'input'>): string {
  const values = isObject(input) ? input : {};
  const said = ['command', 'path', 'url', 'query', 'question', 'name'].map((key) => values[key]);
  const words = said.find((value) => typeof value === 'string');
  const line = words === undefined ? tool : `${tool}: ${String(words).replace(/\s+/g, ' ')}`;
  return line.length <= 100 ? line : `${line.slice(0, 99).toWellFormed()}…`;
}
