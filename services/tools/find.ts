/** find_tools: the tools that are not offered in every request, found by words, with the schema that `use_tool` needs. */

import * as z from 'zod/mini';
import { untrusted } from '#shared/base/untrusted.ts';
import * as toolTable from '#shared/tables/tool.ts';
import { tool } from './registry.ts';
import { text } from './result.ts';
import { skillsIn } from './skill.ts';

const MOST_TOOLS = 6;

export const findTools = tool({
  name: 'find_tools',
  description:
    'Find more tools, and skills: send files, schedules, memory, connected services. What it finds is called with use_tool.',
  input: z.strictObject({ query: z.string().check(z.maxLength(200)) }),
  offer: 'always',
  repeatable: true,
  about: (input) => `look for a tool: ${input.query}`,
  policy: () => ({ do: 'allow' }),
  async run(call, { ctx }) {
    const words = call.input.query
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u)
      .filter((word) => word.length > 1);
    const onDemand = (await ctx.store.read(toolTable.all)).filter(({ offer }) => offer === 'on demand');
    const found = best(onDemand, words).slice(0, MOST_TOOLS);
    const skills = best((await skillsIn(ctx.home)).skills, words);
    if (found.length === 0 && skills.length === 0) {
      return { content: text(`Nothing fits. There are: ${onDemand.map(({ name }) => name).join(', ')}.`) };
    }
    const outside = [...new Set(found.map(({ source }) => source).filter((source) => source !== 'built in'))];
    const lines = [
      ...found.map(described),
      ...skills.map(
        (one) => `skill "${one.name}" (load it with the tool skill): ${untrusted('skills', one.description)}`,
      ),
    ];
    const sources = [...outside, ...(skills.length > 0 ? ['skills'] : [])];
    return { content: text(lines.join('\n')), source: sources.join(', ') || null };
  },
});

/** A server's words about its tools are its own. */
function described({ name, source, description, schema_json }: toolTable.Tool): string {
  const words = `${description}\ninput: ${schema_json}`;
  return `${name}: ${source === 'built in' ? words : untrusted(source, words)}`;
}

/** Those in which most words are found, a name counting more than a description. */
function best<One extends { name: string; description: string }>(
  all: readonly One[],
  words: string[],
): One[] {
  const score = ({ name, description }: One) =>
    words.reduce((sum, word) => {
      const stem = word.replace(/s$/, '');
      return (
        sum + (name.toLowerCase().includes(stem) ? 3 : 0) + (description.toLowerCase().includes(stem) ? 1 : 0)
      );
    }, 0);
  return all
    .map((one) => ({ one, score: score(one) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ one }) => one);
}
