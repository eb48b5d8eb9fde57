/** A file that answers the questions of the first hour. What it does not say is asked, or is what Enter would give. */

import { readFileSync, statSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import * as z from 'zod/mini';
import { Misconfigured, messageOf } from '#shared/base/errors.ts';
import '#shared/runtime/setting.ts'; // gives zod's words their language

const word = z.string().check(z.minLength(1));
const usd = z.number().check(z.gte(0));

const schema = z.strictObject({
  key: z._default(
    z.strictObject({
      use: z.optional(z.enum(['anthropic', 'local', 'rehearsal'])),
      key: z.optional(word),
      key_file: z.optional(word),
      endpoint: z.optional(z.url({ protocol: /^https?$/ })),
      /** One that the server on this machine has. */
      model: z.optional(word),
    }),
    {},
  ),
  bot: z._default(
    z.strictObject({
      use: z.optional(z.enum(['telegram', 'none'])),
      token: z.optional(word),
      token_file: z.optional(word),
      api_root: z.optional(z.url({ protocol: /^https?$/ })),
      /** Telegram ids; left out, whoever opens the link is the owner. */
      owners: z.optional(z.array(z.int().check(z.positive()))),
      wait_s: z.optional(z.number().check(z.positive())),
    }),
    {},
  ),
  settings: z._default(
    z.strictObject({
      day_usd: z.optional(usd),
      month_usd: z.optional(usd),
      quiet: z.optional(z.string()),
      time_zone: z.optional(z.string()),
      alarm: z.optional(z.enum(['ntfy', 'webhook', 'none'])),
      alarm_url: z.optional(z.url({ protocol: /^https?$/ })),
      alarm_url_file: z.optional(word),
    }),
    {},
  ),
  install: z._default(z.strictObject({ profile: z.optional(z.enum(['system', 'user', 'mac', 'none'])) }), {}),
});

export type Answers = z.infer<typeof schema>;

export const NO_ANSWERS: Answers = schema.parse({});

/** @throws Misconfigured for what it does not know, and for secrets that others may read */
export function readAnswers(file: string): Answers {
  const wrong = (what: string, cure: string, cause?: unknown) =>
    new Misconfigured(`setup: ${file}: ${what}`, cure, { cause });
  let raw: unknown;
  try {
    raw = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const cure =
      error instanceof TomlError ? 'correct it: docs/setup.md has an example' : 'name a file that is there';
    throw wrong(messageOf(error), cure, error);
  }
  const result = schema.safeParse(raw);
  if (!result.success) {
    const faults = result.error.issues.map(
      ({ path, message }) => `${path.join('.') || 'the file'}: ${message}`,
    );
    throw wrong(faults.join('; '), 'correct it: docs/setup.md lists all that can be answered');
  }
  const { key, bot, settings } = result.data;
  const secret = key.key ?? bot.token ?? settings.alarm_url;
  if (secret !== undefined && statSync(file).mode & 0o077) {
    throw wrong(
      'it holds a secret, and others may read it',
      `chmod 600 ${file}, or name the secret's own file in it`,
    );
  }
  return result.data;
}

/** A secret that stands in the answers, or in a file that they name; undefined: neither. */
export function given(value: string | undefined, file: string | undefined): string | undefined {
  if (value !== undefined || file === undefined) return value?.trim();
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Misconfigured(`setup: ${messageOf(error)}`, 'name a file that is there', { cause: error });
  }
}
