/**
 * Skills: folders `skills/<name>/` of the workspace with a SKILL.md, whose front matter says `name` and `description`, and
 * whose text says how something is done. One is read when it is needed. It is meant to be followed, so it stands in no
 * frame; but nobody can know who has written it, so it taints the turn: what leaves the house is asked for.
 */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { codeOf, messageOf } from '#shared/base/errors.ts';
import { nearest } from '#shared/base/spelling.ts';
import type { Home } from '#shared/runtime/home.ts';
import { inFolder, placeOf, withFile } from './place.ts';
import { tool } from './registry.ts';
import { text } from './result.ts';

export type Skill = { name: string; description: string; folder: string; body: string };

const MOST_bytes = 64 * 1024;

export const skill = tool({
  name: 'skill',
  description: 'Load the instructions of a skill; without a name, list the skills.',
  input: z.strictObject({ name: z.optional(z.string().check(z.maxLength(100))) }),
  offer: 'on demand',
  repeatable: true,
  about: (input) => (input.name === undefined ? 'list the skills' : `load the skill ${input.name}`),
  policy: () => ({ do: 'allow' }),
  async run(call, hands) {
    const { name } = call.input;
    const { skills, faults } = await skillsIn(hands.ctx.home);
    if (name === undefined) {
      const lines = [...skills.map((one) => `${one.name}: ${one.description}`), ...faults];
      return {
        content: text(lines.join('\n') || 'There are no skills.'),
        source: lines.length > 0 ? 'skills' : null,
      };
    }
    const found = skills.find((one) => one.name === name);
    if (!found) {
      const names = skills.map((one) => one.name);
      const near = nearest(name, names);
      throw new Error(
        `there is no skill "${name}"; ${near ? `did you mean "${near}"?` : `there are: ${names.join(', ') || 'none'}`}`,
      );
    }
    return { content: text(`${found.body}\n\n[its files are in ${found.folder}]`), source: `skill ${name}` };
  },
});

/** All that can be read, by name; and what is wrong with the others. */
export async function skillsIn(home: Home): Promise<{ skills: Skill[]; faults: string[] }> {
  const root = placeOf('skills', home);
  const skills: Skill[] = [];
  const faults: string[] = [];
  for (const entry of (await foldersOf(root)).sort()) {
    const folder = join('skills', entry);
    try {
      const whole = await withFile(join(root, entry, 'SKILL.md'), async (file, bytes) => {
        if (bytes > MOST_bytes) throw new Error(`expected at most ${MOST_bytes} bytes, got ${bytes}`);
        return file.readFile('utf8');
      });
      skills.push({ ...read(whole), folder });
    } catch (error) {
      faults.push(`[${folder}/SKILL.md cannot be used: ${messageOf(error)}]`);
    }
  }
  return { skills, faults };
}

async function foldersOf(root: string): Promise<string[]> {
  try {
    const entries = await inFolder(root, (at) => readdir(at('.'), { withFileTypes: true }));
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return [];
  }
}

function read(whole: string): Pick<Skill, 'name' | 'description' | 'body'> {
  const [, front, body] = /^---\r?\n([\s\S]*?)\r?\n---\r?\n?([\s\S]*)$/.exec(whole) ?? [];
  const value = (key: string) =>
    new RegExp(`^${key}:[ \\t]*(.+?)[ \\t]*\\r?$`, 'm')
      .exec(front ?? '')?.[1]
      ?.replace(/^(["'])(.*)\1$/, '$2');
  const [name, description] = [value('name'), value('description')];
  if (!name || !description || body === undefined) {
    throw new Error(
      'expected it to begin with --- and lines "name: …" and "description: …", up to the next ---',
    );
  }
  return { name, description: description.slice(0, 400), body: body.trim() };
}
