/**
 * What a section of the config is made of: settings, each with its type, its default and its meaning, from which the
 * commented example is made too. In zod's small edition: the large one is 2 MB more in every process.
 */

import { en } from 'zod/locales';
import * as z from 'zod/mini';

// The small edition says nothing but "Invalid input" until it is given a language.
z.config(en());

export type Section = z.ZodMiniObject;

/** A section refuses keys that it does not know. */
export const section: typeof z.strictObject = z.strictObject;

export function setting<Type extends z.ZodMiniType>(type: Type, preset: z.output<Type>, meaning: string) {
  // What zod wants here is what the type gives out, which for a type without transformation is what `preset` is.
  const schema = z._default(type, preset as z.core.util.NoUndefined<z.output<Type>>);
  z.globalRegistry.add(schema, { description: meaning });
  return schema;
}

/** What a setting means, in words. */
export function meaningOf(schema: z.core.$ZodType): string {
  return z.globalRegistry.get(schema)?.description ?? '';
}

export const integer = (from: number, to: number) => z.int().check(z.gte(from), z.lte(to));
