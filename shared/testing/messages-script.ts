/** What the model behind the test server says: what a script tells it to, else an answer that shows what it heard. */

import type { StopReason, Usage } from '@anthropic-ai/sdk/resources/messages';
import { isRemembered } from '#shared/base/untrusted.ts';
import {
  type Answer,
  type AnswerBlock,
  text,
  tokensOf,
  toolUse,
  usageOf,
  withinTokens,
} from '#shared/messages/answer.ts';
import type { MessagesRequest } from '#shared/messages/request-fields.ts';
import { turnsOf } from '#shared/messages/request-rules.ts';

export type Reply =
  | string
  | {
      thinking?: string;
      /** Thinking whose display is omitted: its text is billed but never sent, only a signature as long. */
      thinking_hidden?: string;
      text?: string;
      tools?: readonly { name: string; input: unknown }[];
      stop_reason?: StopReason;
      usage?: Partial<Usage>;
      delay_ms?: number;
    };

/** `call` counts from 1. An `ApiError` that it throws is the answer. */
export type Script = (request: MessagesRequest, call: number) => Reply | Promise<Reply>;

/** `match` is a regular expression for the last thing the user said; the first rule that fits answers. */
export type Rule = { match: string; reply: Reply; delay_ms?: number };

/** The last thing the user said, or a tool gave back; not what is remembered of it. */
export function heard(request: MessagesRequest): string {
  const block = turnsOf(request)
    .at(-1)
    ?.blocks.findLast(({ block }) => block.type !== 'text' || !isRemembered(block.text))?.block;
  if (block?.type === 'text') return block.text;
  if (block?.type !== 'tool_result') return '';
  return typeof block.content === 'string' ? block.content : JSON.stringify(block.content ?? '');
}

export function defaultScript(request: MessagesRequest): Reply {
  return `answer to: ${heard(request).trimEnd().split('\n').at(-1) ?? ''}`;
}

export function ruled(rules: readonly Rule[]): Script {
  const compiled = rules.map(({ match, ...rule }) => ({ ...rule, match: new RegExp(match) }));
  return (request) => {
    const words = heard(request);
    const rule = compiled.find(({ match }) => match.test(words));
    if (!rule) return defaultScript(request);
    const reply = typeof rule.reply === 'string' ? { text: rule.reply } : rule.reply;
    return rule.delay_ms === undefined ? reply : { ...reply, delay_ms: rule.delay_ms };
  };
}

/** An answer, and the thinking that nobody sees of it. */
export type Composed = Answer & { hidden: string };

/** The answer that `reply` stands for, cut where max_tokens ends it. */
export function compose(
  request: MessagesRequest,
  reply: Exclude<Reply, string>,
  input: Pick<Usage, 'input_tokens'> & Partial<Usage>,
): Composed {
  const { model, max_tokens } = request;
  const hidden = withinTokens(reply.thinking_hidden ?? '', max_tokens);
  const thinking = withinTokens(reply.thinking ?? '', max_tokens - tokensOf(hidden));
  const thinking_tokens = tokensOf(hidden) + tokensOf(thinking);
  const words = withinTokens(reply.text ?? '', max_tokens - thinking_tokens);
  const tools = (reply.tools ?? []).map(({ name, input }) => toolUse(name, input));
  const content: AnswerBlock[] = [
    ...(hidden === ''
      ? []
      : [{ type: 'thinking' as const, thinking: '', signature: Buffer.from(hidden).toString('base64') }]),
    ...(thinking === '' ? [] : [{ type: 'thinking' as const, thinking, signature: 'c2lnbmF0dXJl' }]),
    ...(words === '' ? [] : [text(words)]),
    ...tools,
  ];
  const full =
    words === (reply.text ?? '') &&
    thinking === (reply.thinking ?? '') &&
    hidden === (reply.thinking_hidden ?? '');
  const output_tokens = thinking_tokens + tokensOf(words) + tokensOf(tools.map(written).join(''));
  return {
    model,
    content,
    hidden,
    stop_reason: reply.stop_reason ?? (!full ? 'max_tokens' : tools.length > 0 ? 'tool_use' : 'end_turn'),
    usage: usageOf({
      ...input,
      output_tokens: Math.min(output_tokens, max_tokens),
      output_tokens_details: { thinking_tokens },
      ...reply.usage,
    }),
  };
}

/** What the model itself wrote of a tool call. */
function written({ name, input }: { name: string; input: unknown }): string {
  return name + JSON.stringify(input);
}
