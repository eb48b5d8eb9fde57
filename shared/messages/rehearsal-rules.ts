/**
 * What the rehearsal model says, by rule. It understands just enough to show that the whole house works: a message
 * comes in and is answered, the history of a conversation reaches the model, a tool is called and its result comes
 * back. Whatever it does not understand it says so, and what it sees.
 */

import { isRemembered } from '../base/untrusted.ts';
import { type AnswerBlock, toolUse, withinTokens } from './answer.ts';
import { calculate } from './arithmetic.ts';
import type { MessagesRequest } from './request-fields.ts';
import { type Turn, turnsOf } from './request-rules.ts';

const label = '— rehearsal model, not a real one.';

/** The line that ends every text of this model: nobody may take it for a real one. */
export function labelled(text: string, keyHint: string): string {
  return `${text}\n\n${label} For real answers: ${keyHint}`;
}

function unlabelled(text: string): string {
  const lines = text.split('\n').filter((line) => !line.startsWith(label));
  return lines.join('\n').trim();
}

type Talk = {
  /** What the user said before the message at hand, oldest first. */
  said: readonly string[];
  /** What this model answered, oldest first, without its label. */
  answered: readonly string[];
  messages: number;
  tools: readonly string[];
  now: Date;
};

type Rule = {
  when: RegExp;
  say: (found: RegExpExecArray, talk: Talk) => string | AnswerBlock | undefined;
};

const quote = (text: string) => {
  const kept = withinTokens(text, 150);
  return `“${kept}${kept === text ? '' : '…'}”`;
};
const many = (count: number, one: string) => `${count} ${one}${count === 1 ? '' : 's'}`;
const wordsIn = (text: string) => text.match(/\S+/g)?.length ?? 0;

const abilities =
  'greet, “echo …”, “count to 10”, “count words in …”, “what is 12*7”, “what time is it”, “call tool NAME with {…}”, “what did I say before”, “what was my first message”';

/** The first rule that fits and has something to say answers. */
const rules: readonly Rule[] = [
  { when: /^echo\s+([\s\S]+)$/i, say: ([, words]) => words },
  {
    when: /^(?:\/start|hi|hello|hey|hallo|good (?:morning|afternoon|evening|day))(?:[\s,]+\p{L}+){0,2}[\s!.]*$/iu,
    say: () => `Hello! I am a stand-in that answers by rule. Try: ${abilities}.`,
  },
  {
    when: /^count (?:up )?to (\d+)\W*$/i,
    say: ([, digits]) => {
      const last = Number(digits);
      if (last < 1 || last > 100) return 'I count to any number from 1 to 100.';
      return Array.from({ length: last }, (_, index) => index + 1).join(', ');
    },
  },
  {
    when: /^(?:count|how many)\s+(?:the\s+)?(words?|letters?)\s+(?:are\s+)?(?:there\s+)?in:?\s+([\s\S]+)$/i,
    say: ([, what = '', text = '']) =>
      what.toLowerCase().startsWith('word')
        ? `${many(wordsIn(text), 'word')}.`
        : `${many(text.match(/\p{L}/gu)?.length ?? 0, 'letter')}.`,
  },
  {
    // The bound on its length keeps a hostile line from holding up the process while the expression backtracks.
    when: /^(?=.{1,200}$)(?:what(?:'s|’s| is)|how much is|calculate|compute)?\s*(.*?)[\s=?.]*$/i,
    say: ([, expression = '']) => {
      const value = /.[-+*/%^×÷]/.test(expression) ? calculate(expression) : undefined;
      if (value === undefined) return undefined;
      if (!Number.isFinite(value)) return `${expression} has no value: it divides by zero or is too large.`;
      return `${expression} = ${Number(value.toPrecision(12))}`;
    },
  },
  {
    when: /^(?:what(?:'s|’s| is)?\s+)?(?:the\s+)?(?:current\s+)?(?:time|date|day)(?:\s+(?:is it|now|today|is today))*\W*$/i,
    say: (_, { now }) => {
      const format = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'medium' });
      return `It is ${format.format(now)} (${format.resolvedOptions().timeZone}).`;
    },
  },
  {
    when: /^(?:please\s+)?(?:call|use)\s+(?:the\s+)?(?:tool\s+)?([\w-]+)(?:\s+tool)?(?:\s+with\s+([\s\S]+?))?\.?$/i,
    say: ([, name = '', json = '{}'], { tools }) => {
      if (tools.length === 0) return `I cannot call “${name}”: this request offers no tools.`;
      const input = objectIn(json);
      if (!tools.includes(name) && tools.includes('use_tool') && input) {
        return toolUse('use_tool', { name, input });
      }
      if (!tools.includes(name))
        return `There is no tool called “${name}” here. There are: ${tools.join(', ')}.`;
      return input
        ? toolUse(name, input)
        : `The input of a tool is a JSON object, and this is none: ${quote(json)}`;
    },
  },
  {
    when: /^what (?:was|is) my (first|last|previous) (?:message|question)\W*$/i,
    say: ([, which = ''], { said }) => {
      if (said.length === 0) return 'This is your first message in this conversation.';
      const first = which.toLowerCase() === 'first';
      return `Your ${first ? 'first' : 'previous'} message was: ${quote((first ? said[0] : said.at(-1)) ?? '')}`;
    },
  },
  {
    when: /^what (?:did|have) i (?:say|said|ask|asked|write|written|tell you|told you)\b.*$/i,
    say: (_, { said }) =>
      said.length === 0
        ? 'Nothing: this is your first message in this conversation.'
        : `Before this you said: ${quote(said.at(-1) ?? '')}`,
  },
  {
    when: /^what (?:did|have) you (?:say|said|answer|answered)\b.*$/i,
    say: (_, { answered }) =>
      answered.length === 0
        ? 'Nothing: this is the beginning of this conversation.'
        : `I said: ${quote(answered.at(-1) ?? '')}`,
  },
  {
    when: /[\s\S]*/,
    say: ([text], { messages, tools }) =>
      `I see ${many(messages, 'message')}; the last one has ${many(wordsIn(text), 'word')}. I answer by rule and have no rule for it. I can: ${abilities}.${
        tools.length > 0 ? ` Tools offered: ${tools.join(', ')}.` : ''
      }`,
  },
];

function objectIn(json: string): object | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined; // What a person typed is not JSON: the rule says so in words.
  }
}

function isSaid({ block }: Turn['blocks'][number]): boolean {
  return block.type !== 'text' || !isRemembered(block.text);
}

/** A text, still without its label, or a call of one of the offered tools. */
export function reply(request: MessagesRequest, now: Date): string | AnswerBlock {
  const turns = turnsOf(request).map((turn) => ({ ...turn, blocks: turn.blocks.filter(isSaid) }));
  const texts = (role: 'user' | 'assistant') =>
    turns
      .filter((turn) => turn.role === role)
      .flatMap((turn) =>
        turn.blocks.flatMap(({ block }) => (block.type === 'text' ? [unlabelled(block.text)] : [])),
      );
  const offered = request.tool_choice?.type === 'none' ? [] : (request.tools ?? []);
  const tools = offered.flatMap((tool) => ('input_schema' in tool ? [tool.name] : []));
  const said = texts('user');
  const last = turns.findLast((turn) => turn.role === 'user')?.blocks.at(-1)?.block;
  const heard = last?.type === 'text' ? (said.pop() ?? '') : '';

  const { tool_choice: choice } = request;
  const forced = (choice?.type === 'any' || choice?.type === 'tool') && tools[0] !== undefined;
  if (last?.type === 'tool_result' && !forced) return reportOf(turns);
  const talk = { said, answered: texts('assistant'), messages: request.messages.length, tools, now };
  for (const { when, say } of rules) {
    const found = when.exec(heard);
    const answer = found && say(found, talk);
    if (answer && !(forced && typeof answer === 'string')) return answer;
  }
  return toolUse(choice?.type === 'tool' ? choice.name : (tools[0] ?? ''), {});
}

/** What the tools that were called last gave back. */
function reportOf(turns: readonly Turn[]): string {
  const blocks = turns.flatMap((turn) => turn.blocks.map(({ block }) => block));
  const names = new Map(
    blocks.flatMap((block) => (block.type === 'tool_use' ? [[block.id, block.name]] : [])),
  );
  const called = blocks.findLastIndex((block) => block.type === 'tool_use');
  return blocks
    .slice(called + 1)
    .flatMap((block) => {
      if (block.type !== 'tool_result') return [];
      const { content = '' } = block;
      const parts =
        typeof content === 'string'
          ? [content]
          : content.map((part) => ('text' in part ? part.text : `[${part.type}]`));
      const name = names.get(block.tool_use_id) ?? 'unknown';
      return [`Tool ${name} ${block.is_error ? 'failed' : 'answered'}: ${quote(parts.join('\n'))}`];
    })
    .join('\n');
}
