/**
 * Errors by what to do next. Two kinds are thrown:
 *
 * - `Misconfigured`: a person must act. The process stays down and says what to do.
 * - anything else: retried, with back-off and jitter.
 *
 * That a piece of work can never succeed is a verdict of the service whose work it is: it is recorded, not thrown.
 *
 * A message names who failed, what was expected, what was got, and the cure.
 */

/** A person must act before this can work. `cure` is the one thing to do, in the imperative. */
export class Misconfigured extends Error {
  override readonly name = 'Misconfigured';
  readonly cure: string;
  constructor(message: string, cure: string, options?: ErrorOptions) {
    super(`${message}\n  cure: ${cure}`, options);
    this.cure = cure;
  }
}

/** The `code` of a Node or SQLite error ('ECONNREFUSED', 'SQLITE_FULL'), or '' when it has none. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : '';
}

/** One line for a person: the message, with the cause behind it when the message does not say it already. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? messageOf(error.cause) : '';
  const message = error.message || codeOf(error) || error.name;
  return cause && !message.includes(cause) ? `${message}: ${cause}` : message;
}
