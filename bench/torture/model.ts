/**
 * The model: first it wants the tools that the messages of the turn ask for, then it answers with their tokens. It goes
 * by the request alone, so that asked again it says the same.
 */

import type { ContentBlockParam } from '@anthropic-ai/sdk/resources/messages';
import type { MessagesRequest } from '#shared/messages/request-fields.ts';
import type { Reply } from '#shared/testing/messages-script.ts';
import { calledFor, callsIn, endOf, isLong, type Kind, tokensIn, wantedBy } from './token.ts';

export const CHOICES = ['tea', 'coffee'];
const MOST_AT_ONCE = 6;

/** @param ledger the file of the workspace that every command adds its line to */
export function modelWith(ledger: string): (request: MessagesRequest) => Reply {
  return ({ messages, tools }) => {
    if (!tools) return 'In short: much was said.';
    const turn = messages
      .slice(messages.findLastIndex(({ role, content }) => role === 'assistant' && !hasCall(content)) + 1)
      .flatMap(({ role, content }) => blocksOf(content).map((block) => ({ role, block })));
    const tokens = turn.flatMap(({ role, block }) =>
      role === 'user' &&
      block.type === 'text' &&
      !/^(\[What was said before|<memory>|<untrusted source="memory">)/.test(block.text)
        ? tokensIn(block.text)
        : [],
    );
    const wished = callsIn(JSON.stringify(turn.filter(({ block }) => block.type === 'tool_use')));
    const wishes = tokens.flatMap((token) => {
      const kind = wantedBy(token);
      const call = calledFor(token);
      return kind && !wished.includes(call) ? [wishFor(kind, call, ledger)] : [];
    });
    if (wishes.length > 0) return { tools: wishes.slice(0, MOST_AT_ONCE) };
    const ends = tokens.filter(isLong).map(endOf);
    return [...tokens, ...(ends.length > 0 ? ['and so on '.repeat(500), ...ends] : [])].join(' ');
  };
}

function wishFor(kind: Kind, call: string, ledger: string): { name: string; input: unknown } {
  const found = (name: Kind, input: unknown) => ({ name: 'use_tool', input: { name, input } });
  switch (kind) {
    case 'run_command':
      // The effect comes first, a kill has time to fall between it and the end, and who should outlive it would be seen.
      return { name: kind, input: { command: `echo ${call} >> ${ledger}; (sleep 900; true) & sleep 0.3` } };
    case 'read_file':
      return { name: kind, input: { path: `${call}.txt` } };
    case 'remember':
      return found(kind, { text: `${call} is to be remembered` });
    case 'schedule_create':
      return found(kind, { name: call, when: '0 8 * * *', prompt: `${call} is due` });
    case 'ask_owner':
      return { name: kind, input: { question: `${call} or not?`, choices: CHOICES } };
  }
}

function hasCall(content: MessagesRequest['messages'][number]['content']): boolean {
  return blocksOf(content).some(({ type }) => type === 'tool_use');
}

function blocksOf(content: MessagesRequest['messages'][number]['content']): ContentBlockParam[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : [...content];
}
