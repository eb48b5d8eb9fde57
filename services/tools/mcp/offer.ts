/**
 * What a server says of its tools, made fit to be shown to a model. All of it is the word of a stranger, and a
 * description is the favourite place for instructions to whoever reads it: it is bounded, and freed of what nobody can
 * see. `find_tools` frames it as what it is.
 */

import { createHash } from 'node:crypto';
import * as z from 'zod/mini';

export type Offer = {
  /** What the model calls it: `mcp_<server>_<tool>`. */
  name: string;
  /** What the server calls it. */
  tool: string;
  description: string;
  schema: object;
};

const LONGEST_NAME = 64;
const LONGEST_DESCRIPTION = 400;
const LONGEST_WORDS = 200;
const LARGEST_SCHEMA_bytes = 8192;
const DEEPEST = 12;

const said = z.object({
  name: z.string().check(z.minLength(1), z.maxLength(200)),
  description: z.optional(z.nullable(z.string())),
  inputSchema: z.looseObject({ type: z.literal('object') }),
});

/** @param tools as they came. What is no tool is left out. */
export function offersOf(server: string, tools: readonly unknown[]): Offer[] {
  const heard = tools.flatMap((tool) => said.safeParse(tool).data ?? []);
  const names = heard.map(({ name }) => name);
  const unique = heard.filter(({ name }, i) => names.indexOf(name) === i);
  const slugs = unique.map(({ name }) => slugOf(server, name));
  return unique.map(({ name, description, inputSchema }, i) => {
    const slug = slugs[i] ?? '';
    // Two that differ in case or in strange letters alone: neither may pass for the other.
    const alone = slugs.indexOf(slug) === slugs.lastIndexOf(slug) || slug === `mcp_${server}_${name}`;
    const digest = createHash('sha256').update(name).digest('hex').slice(0, 8);
    return {
      name:
        alone && slug.length <= LONGEST_NAME
          ? slug
          : `${slug.slice(0, LONGEST_NAME - digest.length - 1)}_${digest}`,
      tool: name,
      description: `${visible(name, 80)}: ${visible(description ?? '', LONGEST_DESCRIPTION)}`,
      schema: schemaOf(inputSchema),
    };
  });
}

function slugOf(server: string, name: string): string {
  return `mcp_${server}_${name.toLowerCase().replace(/[^a-z0-9_]/g, '_')}`;
}

/** Without what a person would not see: control and format characters, tags, private and broken ones. */
export function visible(text: string, most: number): string {
  const seen = text
    .slice(0, 20_000)
    .replace(/[\p{C}\u2028\u2029]/gu, (sign) => (/[\n\t]/.test(sign) ? sign : ''))
    .trim();
  return seen.length <= most
    ? seen
    : `${seen
        .slice(0, most - 1)
        .toWellFormed()
        .replace(/\uFFFD$/, '')}…`;
}

/** The schema with its words bounded; one that is too large or too deep says only that an object is wanted. */
function schemaOf(schema: object): object {
  const plain = bounded(schema, 0);
  const fits = plain !== undefined && Buffer.byteLength(JSON.stringify(plain)) <= LARGEST_SCHEMA_bytes;
  return fits ? (plain as object) : { type: 'object', description: 'its schema is too large to be shown' };
}

function bounded(value: unknown, depth: number): unknown {
  if (depth > DEEPEST) return undefined;
  if (typeof value === 'string') return visible(value, LONGEST_WORDS);
  if (Array.isArray(value)) return value.map((item) => bounded(item, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [visible(key, LONGEST_WORDS), bounded(item, depth + 1)]),
  );
}
