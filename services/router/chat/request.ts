/**
 * A request to the Messages API, said in the words of Chat Completions. It is first judged as the Messages API judges
 * it, so that a client meets the same refusals whoever answers, and what follows may rely on its shape. What the other
 * API cannot say, and would change the answer, is refused by name; what would not (cache_control, service_tier) is
 * left out.
 * Sources: openai-node, resources/chat/completions; Claude Platform Docs, "Create a Message".
 */

import { createHash } from 'node:crypto';
import type {
  ContentBlockParam,
  DocumentBlockParam,
  ImageBlockParam,
  ToolReferenceBlockParam,
  ToolResultBlockParam,
} from '@anthropic-ai/sdk/resources/messages';
import { checkFields, type MessagesRequest, messagesShape } from '#shared/messages/request-fields.ts';
import { checkPrompt } from '#shared/messages/request-rules.ts';
import { refuse } from '#shared/messages/shape.ts';

export type ChatOptions = {
  /** OpenAI's name is the default; many local servers know `max_tokens` alone. */
  max_tokens_field?: 'max_completion_tokens' | 'max_tokens';
  /** False for a model that does not reason: OpenAI refuses the field for those. */
  reasoning_effort?: boolean;
};

type Part =
  | { type: 'text'; text: string }
  | { type: 'image_url'; image_url: { url: string } }
  | { type: 'file'; file: { filename: string; file_data: string } };

type ToolCall = { id: string; type: 'function'; function: { name: string; arguments: string } };

type ChatMessage =
  | { role: 'system'; content: string }
  | { role: 'user'; content: string | Part[] }
  | { role: 'assistant'; content: string | null; tool_calls?: ToolCall[] }
  | { role: 'tool'; tool_call_id: string; content: string };

/** The widest form of the Messages API: what it allows and Chat Completions cannot say is refused here, by name. */
const dialect = { version: '2023-06-01', betas: ['any'] } as const;

const unsayable = [
  'billing_policy',
  'compaction',
  'container',
  'fallback_credit_token',
  'fallbacks',
  'inference_geo',
  'mcp_servers',
  'output_format',
  'thread',
  'top_k',
];

function cannot(at: string, cure = 'leave it out'): never {
  refuse(`${at}: a provider of the kind openai has nothing like it: ${cure}, or use an anthropic target`);
}

export function toChat(
  body: Record<string, unknown>,
  model: string,
  { max_tokens_field = 'max_completion_tokens', reasoning_effort = true }: ChatOptions = {},
): Record<string, unknown> {
  const request = checkFields(messagesShape, body, dialect);
  checkPrompt(request, dialect);
  for (const field of unsayable) if (body[field] != null) cannot(field);
  checkContextManagement(body.context_management);

  const { metadata, output_config, stop_sequences, stream, temperature, tool_choice, top_p } = request;
  const chat: Record<string, unknown> = {
    model,
    messages: messagesOf(request),
    [max_tokens_field]: request.max_tokens,
  };
  if (request.tools?.length) chat.tools = toolsOf(request.tools);
  if (tool_choice) {
    chat.tool_choice = toolChoiceOf(tool_choice);
    if ('disable_parallel_tool_use' in tool_choice && tool_choice.disable_parallel_tool_use) {
      chat.parallel_tool_calls = false;
    }
  }
  if (stop_sequences?.length) chat.stop = stop_sequences;
  if (temperature !== undefined) chat.temperature = temperature;
  if (top_p !== undefined) chat.top_p = top_p;
  if (stream) Object.assign(chat, { stream: true, stream_options: { include_usage: true } });
  if (output_config?.format) {
    const json_schema = { name: 'answer', strict: true, schema: output_config.format.schema };
    chat.response_format = { type: 'json_schema', json_schema };
  }
  const effort = reasoning_effort ? effortOf(request) : undefined;
  if (effort) chat.reasoning_effort = effort;
  if (metadata?.user_id) chat.user = userOf(metadata.user_id);
  return chat;
}

/** Thinking is never passed on, so an edit that clears it is done already. */
function checkContextManagement(management: unknown): void {
  const edits = (management as { edits?: { type?: unknown }[] } | null | undefined)?.edits ?? [];
  const done = Array.isArray(edits) && edits.every((edit) => /^clear_thinking/.test(String(edit?.type)));
  if (!done) cannot('context_management');
}

// ── What was said ──────────────────────────────────────────────────────────────────────────────────────────────────

type Placed = { block: ContentBlockParam; at: string };

function messagesOf({ system, messages }: MessagesRequest): ChatMessage[] {
  const said: ChatMessage[] = [];
  const say = (role: MessagesRequest['messages'][number]['role'], blocks: Placed[]) => {
    if (role === 'assistant') said.push(...assistant(blocks));
    else if (role === 'user') said.push(...user(blocks));
    else
      said.push({
        role,
        content: blocks.map(({ block }) => ('text' in block ? block.text : '')).join('\n\n'),
      });
  };
  if (system?.length) say('system', placed(system, 'system'));
  // Neighbours of one role are one turn: the results of one turn's tools may come in several messages.
  let turn: { role: MessagesRequest['messages'][number]['role']; blocks: Placed[] } | undefined;
  for (const [index, { role, content }] of messages.entries()) {
    if (turn && turn.role !== role) say(turn.role, turn.blocks);
    if (turn?.role !== role) turn = { role, blocks: [] };
    turn.blocks.push(...placed(content, `messages.${index}.content`));
  }
  if (turn?.role === 'assistant') {
    cannot('messages', 'a last message of the assistant would not be continued: end with the user');
  }
  if (turn) say(turn.role, turn.blocks);
  return said;
}

function placed(content: string | ContentBlockParam[], at: string): Placed[] {
  if (typeof content === 'string') return content === '' ? [] : [{ block: text(content), at }];
  return content.map((block, index) => ({ block, at: `${at}.${index}` }));
}

const text = (words: string) => ({ type: 'text' as const, text: words });

function assistant(blocks: Placed[]): ChatMessage[] {
  let content = '';
  const tool_calls: ToolCall[] = [];
  for (const { block, at } of blocks) {
    if (block.type === 'text') content += block.text;
    else if (block.type === 'tool_use') {
      const { id, name, input } = block;
      tool_calls.push({ id, type: 'function', function: { name, arguments: JSON.stringify(input) } });
    } else if (block.type !== 'thinking' && block.type !== 'redacted_thinking') cannot(at);
  }
  if (tool_calls.length > 0) return [{ role: 'assistant', content: content || null, tool_calls }];
  return content === '' ? [] : [{ role: 'assistant', content }];
}

/** Results of tools stand first, for they must follow the calls at once; what else the user gave is one message. */
function user(blocks: Placed[]): ChatMessage[] {
  const results: ChatMessage[] = [];
  const parts: Part[] = [];
  for (const { block, at } of blocks) {
    if (block.type !== 'tool_result') {
      parts.push(...partsOf(block, at));
      continue;
    }
    const { result, attached } = resultOf(block, at);
    results.push(result);
    parts.push(...attached);
  }
  if (parts.length === 0) return results;
  const words = parts.map((part) => (part.type === 'text' ? part.text : null));
  // Many local servers take a string only.
  const content = words.includes(null) ? parts : words.join('\n\n');
  return [...results, { role: 'user', content }];
}

/** A tool message holds text alone: what else the tool gave moves to the message of the user that follows. */
function resultOf(block: ToolResultBlockParam, at: string): { result: ChatMessage; attached: Part[] } {
  const { tool_use_id, content = '', is_error } = block;
  const parts =
    typeof content === 'string'
      ? [text(content)]
      : content.flatMap((part, index) => partsOf(part, `${at}.content.${index}`));
  const words = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  const others = parts.filter((part) => part.type !== 'text');
  if (others.length > 0) words.push(`[${others.length} attached to the next message]`);
  return {
    result: {
      role: 'tool',
      tool_call_id: tool_use_id,
      content: (is_error ? 'Error: ' : '') + words.join('\n\n'),
    },
    attached: others.length > 0 ? [text(`Attached to the result of ${tool_use_id}:`), ...others] : [],
  };
}

type Given = ContentBlockParam | ToolReferenceBlockParam | { type: 'browser_state' };

function partsOf(block: Given, at: string): Part[] {
  if (block.type === 'text') return [text(block.text)];
  if (block.type === 'image') return [image(block, at)];
  if (block.type === 'document') return document(block, at);
  if (block.type === 'search_result') {
    if (block.citations?.enabled) cannot(`${at}.citations`);
    return [text([block.title, block.source, ...block.content.map((part) => part.text)].join('\n\n'))];
  }
  return cannot(at);
}

function image({ source }: ImageBlockParam, at: string): Part {
  if (source.type === 'url') return { type: 'image_url', image_url: { url: source.url } };
  if (source.type !== 'base64') cannot(`${at}.source`, 'send the image as base64 or by its URL');
  return { type: 'image_url', image_url: { url: `data:${source.media_type};base64,${source.data}` } };
}

function document({ source, title, context, citations }: DocumentBlockParam, at: string): Part[] {
  if (citations?.enabled) cannot(`${at}.citations`);
  const about = [title, context].flatMap((words) => (words ? [text(words)] : []));
  switch (source.type) {
    case 'text':
      return [...about, text(source.data)];
    case 'base64': {
      const file_data = `data:${source.media_type};base64,${source.data}`;
      return [...about, { type: 'file', file: { filename: 'document.pdf', file_data } }];
    }
    case 'content': {
      const inner = placed(source.content as string | ContentBlockParam[], `${at}.source.content`);
      return [...about, ...inner.flatMap(({ block, at }) => partsOf(block, at))];
    }
    default:
      return cannot(`${at}.source`, 'send the document as base64 or as text');
  }
}

// ── What was asked for ─────────────────────────────────────────────────────────────────────────────────────────────

function toolsOf(tools: NonNullable<MessagesRequest['tools']>): unknown[] {
  return tools.map((tool, index) => {
    if (!('input_schema' in tool)) {
      cannot(`tools.${index}.${tool.type}`, 'give a tool of your own, with an input_schema');
    }
    const { name, description, input_schema: parameters, strict } = tool;
    return {
      type: 'function',
      function: {
        name,
        ...(description === undefined ? {} : { description }),
        parameters,
        ...(strict === undefined ? {} : { strict }),
      },
    };
  });
}

function toolChoiceOf(choice: NonNullable<MessagesRequest['tool_choice']>): unknown {
  if (choice.type === 'tool') return { type: 'function', function: { name: choice.name } };
  return choice.type === 'any' ? 'required' : choice.type;
}

/**
 * OpenAI's scale ends at xhigh. `thinking: disabled` says nothing: only some of its models can be told not to reason,
 * and the others refuse to be asked.
 */
function effortOf({ output_config, thinking }: MessagesRequest): string | undefined {
  const effort = output_config?.effort;
  if (effort) return effort === 'max' ? 'xhigh' : effort;
  if (thinking?.type !== 'enabled') return undefined;
  if (thinking.budget_tokens < 4096) return 'low';
  return thinking.budget_tokens < 16_384 ? 'medium' : 'high';
}

/** OpenAI refuses an id of more than 64 characters and advises a hash. */
function userOf(user_id: string): string {
  return user_id.length <= 64 ? user_id : createHash('sha256').update(user_id).digest('hex');
}
