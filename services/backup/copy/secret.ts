import type { Secret } from '#shared/runtime/credentials.ts';

/** A variable that a copy cannot do without. Its lack is that copy's trouble alone: the service goes on. */
export function needed(secret: Secret, ...names: string[]): string {
  for (const name of names) if (secret[name]) return secret[name];
  throw new Error(
    `${names[0]} is missing\n  cure: put ${names.map((name) => `${name}=…`).join(' or ')} into credentials/backup.env`,
  );
}
