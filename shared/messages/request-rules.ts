/**
 * The rules between the fields of a request: who speaks when, which tool result answers which call, what excludes
 * what, and what the named model no longer takes.
 */

import type { ContentBlockParam } from '@anthropic-ai/sdk/resources/messages';
import type { Dialect, MessagesRequest } from './request-fields.ts';
import { refuse } from './shape.ts';

type Placed = { block: ContentBlockParam; message: number; index: number };
export type Turn = { role: 'user' | 'assistant'; message: number; blocks: Placed[] };

/** The conversation as the model reads it: neighbours of one role are one turn, a string is one text block. */
export function turnsOf(request: MessagesRequest): Turn[] {
  const turns: Turn[] = [];
  for (const [message, { role, content }] of request.messages.entries()) {
    if (role === 'system') continue;
    let turn = turns.at(-1);
    if (turn?.role !== role) {
      turn = { role, message, blocks: [] };
      turns.push(turn);
    }
    if (typeof content !== 'string') {
      for (const [index, block] of content.entries()) turn.blocks.push({ block, message, index });
    } else if (content !== '') {
      turn.blocks.push({ block: { type: 'text', text: content }, message, index: 0 });
    }
  }
  return turns;
}

function checkRoles(request: MessagesRequest): void {
  const roles = request.messages.map((message) => message.role);
  for (const [index, role] of roles.entries()) {
    if (role !== 'system') continue;
    if (index === 0) {
      refuse("messages.0: use the top-level 'system' parameter for the initial system prompt");
    }
    const next = roles[index + 1];
    if (next === 'user') {
      refuse(`messages.${index}: role 'system' must precede an 'assistant' message or end the array`);
    }
  }
  if (roles[0] !== 'user') refuse('messages: first message must use the "user" role');
}

const assistantOnly = ['tool_use', 'thinking', 'redacted_thinking', 'server_tool_use'];

function checkBlocks(turns: readonly Turn[], { version }: Dialect): void {
  for (const turn of turns) {
    if (turn.blocks.length === 0) {
      if (turn.role === 'user') refuse(`messages.${turn.message}: user messages must have non-empty content`);
      if (turn !== turns.at(-1)) {
        refuse(
          `messages.${turn.message}: all messages must have non-empty content except for the optional final assistant message`,
        );
      }
    }
    for (const { block, message, index } of turn.blocks) {
      if (version === '2026-10-21') {
        if (turn.role === 'assistant' && block.type === 'document') {
          refuse(`messages.${message}: \`document\` blocks can only be in \`user\` messages`);
        }
        if (turn.role === 'user' && block.type === 'text' && block.citations?.length) {
          refuse(`messages.${message}.content.${index}.text.citations: Extra inputs are not permitted`);
        }
      }
      if (turn.role === 'user' && assistantOnly.includes(block.type)) {
        refuse(`messages.${message}: \`${block.type}\` blocks can only be in \`assistant\` messages`);
      }
      if (turn.role === 'assistant' && block.type === 'tool_result') {
        refuse(`messages.${message}: \`tool_result\` blocks can only be in \`user\` messages`);
      }
      checkText('messages', block);
      if (block.type === 'tool_result' && Array.isArray(block.content)) {
        for (const nested of block.content) {
          if (nested.type === 'text' && nested.text === '') {
            refuse('messages: text content blocks must be non-empty');
          }
        }
      }
    }
  }
}

function checkText(where: string, block: ContentBlockParam): void {
  if (block.type !== 'text') return;
  if (block.text === '') refuse(`${where}: text content blocks must be non-empty`);
  if (block.text.trim() === '') refuse(`${where}: text content blocks must contain non-whitespace text`);
}

/** Every tool_use has its one tool_result, at the head of the turn that follows, and no tool_result stands alone. */
function checkTools(turns: readonly Turn[]): void {
  let asked = new Set<string>();
  for (const [at, turn] of turns.entries()) {
    const answered = new Set<string>();
    for (const { block, message, index } of turn.blocks) {
      if (block.type !== 'tool_result') continue;
      const where = `messages.${message}.content.${index}`;
      if (!asked.has(block.tool_use_id)) {
        refuse(
          `${where}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${block.tool_use_id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
        );
      }
      if (answered.has(block.tool_use_id)) {
        refuse(
          `${where}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${block.tool_use_id}`,
        );
      }
      answered.add(block.tool_use_id);
    }
    asked = new Set();
    for (const { block, message, index } of turn.blocks) {
      if (block.type !== 'tool_use') continue;
      const where = `messages.${message}.content.${index}`;
      if (asked.has(block.id)) refuse(`${where}: \`tool_use\` ids must be unique`);
      asked.add(block.id);
    }
    const next = turns[at + 1]?.blocks ?? [];
    const head = next.findIndex(({ block }) => block.type !== 'tool_result');
    const results = head === -1 ? next : next.slice(0, head);
    const ids = results.map(({ block }) => (block.type === 'tool_result' ? block.tool_use_id : ''));
    const missing = [...asked].filter((id) => !ids.includes(id));
    if (missing.length > 0) {
      refuse(
        `messages.${turn.message}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
      );
    }
  }
}

function checkToolChoice({ tools = [], tool_choice: choice, container }: MessagesRequest): void {
  const names = tools.flatMap((tool) => ('name' in tool ? [tool.name] : []));
  if (new Set<string>(names).size < names.length) refuse('tools: Tool names must be unique.');
  if (choice && tools.length === 0) refuse('tool_choice may only be specified while providing tools');
  if (choice?.type === 'tool' && !names.includes(choice.name as (typeof names)[number])) {
    refuse(`Tool '${choice.name}' not found in provided tools`);
  }
  if (container && !tools.some((tool) => tool.type?.startsWith('code_execution'))) {
    refuse('container: Container identifier can only be provided when using the code execution tool');
  }
}

function checkBreakpoints(request: MessagesRequest): void {
  const marked = (value: object) => 'cache_control' in value && value.cache_control != null;
  const { system = [], tools = [] } = request;
  const blocks = request.messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
  const nested = blocks.flatMap((block) =>
    block.type === 'tool_result' && Array.isArray(block.content) ? block.content : [],
  );
  const all = [request, ...tools, ...(typeof system === 'string' ? [] : system), ...blocks, ...nested];
  const found = all.filter(marked).length;
  if (found > 4) refuse(`A maximum of 4 blocks with cache_control may be provided. Found ${found}.`);
}

const thinkingDocs = 'https://platform.claude.com/docs/en/build-with-claude/extended-thinking';

/** What holds between thinking and the rest of a request for an answer. */
export function checkThinking({ thinking, max_tokens, temperature, tool_choice }: MessagesRequest): void {
  if (thinking?.type !== 'enabled' && thinking?.type !== 'adaptive') return;
  if (thinking.type === 'enabled' && max_tokens <= thinking.budget_tokens) {
    refuse(
      `\`max_tokens\` must be greater than \`thinking.budget_tokens\`. Please consult our documentation at ${thinkingDocs}`,
    );
  }
  if (temperature !== undefined && temperature !== 1) {
    refuse(
      `\`temperature\` may only be set to 1 when thinking is enabled or in adaptive mode. Please consult our documentation at ${thinkingDocs}`,
    );
  }
  if (tool_choice?.type === 'any' || tool_choice?.type === 'tool') {
    refuse('Thinking may not be enabled when tool_choice forces tool use.');
  }
}

/** 408 for claude-opus-4-8, 405 for claude-haiku-4-5-20251001; nothing for a name that carries no version. */
function versionOf(model: string): number | undefined {
  const found = /^claude-[a-z]+-(\d+)(?:-(\d{1,2}))?(?:-\d{8})?$/.exec(model);
  return found ? Number(found[1]) * 100 + Number(found[2] ?? 0) : undefined;
}

/** What newer models no longer take, and older ones do not take yet. */
export function checkModel(request: MessagesRequest): void {
  const version = versionOf(request.model);
  if (version === undefined) return;
  const { messages, thinking, temperature = 1, top_p = 1, top_k } = request;
  if (version >= 407) {
    if (temperature !== 1) refuse('`temperature` is deprecated for this model.');
    if (top_p < 0.99) refuse('`top_p` is deprecated for this model.');
    if (top_k !== undefined) refuse('`top_k` is deprecated for this model.');
    if (thinking?.type === 'enabled') {
      refuse(
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.',
      );
    }
  }
  if (version < 406 && thinking?.type === 'adaptive') {
    refuse('adaptive thinking is not supported on this model');
  }
  if (version < 408 && messages.some((message) => message.role === 'system')) {
    refuse("role 'system' is not supported on this model");
  }
  if (version >= 406 && messages.at(-1)?.role === 'assistant') {
    refuse(
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    );
  }
}

/** What holds wherever a prompt is sent, to be answered or only to be counted. */
export function checkPrompt(request: MessagesRequest, dialect: Dialect): void {
  checkRoles(request);
  const turns = turnsOf(request);
  checkBlocks(turns, dialect);
  checkTools(turns);
  for (const block of typeof request.system === 'string' ? [] : (request.system ?? [])) {
    checkText('system', block);
  }
  const last = turns.at(-1)?.blocks.at(-1)?.block;
  if (turns.at(-1)?.role === 'assistant' && last?.type === 'text' && /\s$/.test(last.text)) {
    refuse('messages: final assistant content cannot end with trailing whitespace');
  }
  checkToolChoice(request);
  checkBreakpoints(request);
}
