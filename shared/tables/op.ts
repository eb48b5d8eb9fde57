/**
 * A unit of work is data. A table's verbs build operations and queries; `store.commit` and `store.read` carry them
 * out. So no caller ever holds a transaction open across an await, and nobody but the store knows the engine.
 */

/** What one may hand to SQL. Integers beyond 2^53 do not occur: Telegram's ids have 52 bits. */
export type Value = string | number | null | Uint8Array;

/** A queue that someone waits at: its bell is rung after the commit that put something in. */
export type Queue = (typeof QUEUES)[number];
export const QUEUES = [
  'inbound',
  'outbound',
  'press',
  'tool',
  'draft',
  'task',
  'file',
  'slot',
  'slot_outcome',
  'schedule',
  'wish',
  'message',
  'alert_wish',
] as const;

/** Who opens the store: a service, or the command line (`cli`), which may only append to mailboxes. */
export type Principal = string;

/** One write. `Row` is the shape of what its RETURNING gives back. */
export type Op<Row = unknown> = {
  /** The verb, for errors: `inbound.receive`. */
  readonly verb: string;
  readonly sql: string;
  readonly args: readonly Value[];
  /** The rows it must touch; any other number rolls the whole unit back with `Fenced`. */
  readonly expect?: number;
  /** It promises something to the outside: its commit is on the disk before anyone hears of it. */
  readonly durable?: boolean;
  readonly rings?: Queue;
  /** Never set: carries the type. */
  readonly row?: Row;
};

/** One read. */
export type Query<Row> = {
  readonly verb: string;
  readonly sql: string;
  readonly args: readonly Value[];
  /** It takes too long to be read in an event loop that others wait for. */
  readonly long?: boolean;
  readonly row?: Row;
};

/**
 * Who may write a table.
 * `record`: its owner only. `mailbox`: anyone appends, its owner changes. `own row`: each service writes the row
 * that bears its name in the column `service`.
 */
export type Pen =
  | { readonly record: Principal }
  | { readonly mailbox: Principal }
  | { readonly ownRow: 'service' };

/**
 * How long rows stay. In words: whoever holds the pen sees to it. As data: `backup` removes what is older.
 * `since`: the column whose age counts; while it is NULL the row stays. `unless`: SQL over the row that makes it stay.
 * `only`: SQL that begins with a column, for a table of which but a part ever goes.
 * `key`: what rows are walked by, where it is not their rowid.
 * `as`: rows go with the row of that table whose `id` is in their column `by`.
 */
export type Keeps =
  | string
  | {
      readonly days: number;
      readonly since: string;
      readonly only?: string;
      readonly unless?: string;
      readonly key?: string;
    }
  | { readonly as: string; readonly by: string };

/**
 * How what is forgotten leaves a table. `where`: SQL over the row, true of those that hold its words, which may ask whether
 * something is IN `gone_turn`, `gone_message` and the like (see `Gone`). `set`: what empties them; without it they go.
 */
export type Erase = { readonly where: string; readonly set?: string };

/** A table's declaration. */
export type Table = {
  readonly name: string;
  readonly about: string;
  readonly pen: Pen;
  readonly keeps: Keeps;
  /** Where it is left out, words are struck from the text they stand in. */
  readonly erase?: Erase;
};

/** Of rows that bear a turn's name: none goes while the turn is not over. */
export const TURN_LASTS = 'EXISTS (SELECT 1 FROM turn t WHERE t.id = turn_id AND t.finished_at IS NULL)';
