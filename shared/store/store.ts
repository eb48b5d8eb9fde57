/**
 * The store: one SQLite file, the only way services coordinate. This file is the only one that opens it; nothing
 * else may open, copy or read the file, its -wal or its -shm: in a process that has the database open, closing a
 * second raw descriptor drops SQLite's POSIX locks and corrupts the store (https://sqlite.org/howtocorrupt.html).
 *
 * Writes are units of work: `commit` runs the operations of a unit in one transaction, all or none. Units that are
 * queued in one turn of the event loop share a transaction, a savepoint each, and so one flush: on real disks the
 * flush is the cost. A unit that holds a durable operation is on the disk before its promise resolves; the others
 * are atomic, and a power cut may take the last of them back.
 *
 * Locks: every write begins IMMEDIATE (a read that wants to become a write is refused without waiting), waits a few
 * milliseconds inside SQLite and then outside of it, with jitter, so that no event loop ever freezes.
 */

import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { sleep } from '../base/clock.ts';
import { codeOf, Misconfigured, messageOf } from '../base/errors.ts';
import { dotOf } from '../recall/vector.ts';
import type { Op, Principal, Query, Queue, Value } from '../tables/op.ts';
import { tables } from '../tables/tables.ts';
import { openAside } from './aside.ts';
import { type Bells, openBells } from './bell.ts';
import { create } from './create.ts';
import { GROUND, guardOf } from './guard.ts';
import { examine, migrate } from './migrate.ts';

/** What each operation's RETURNING gave back, in order. */
type Rows<Ops extends readonly Op[]> = { [K in keyof Ops]: Ops[K] extends Op<infer Row> ? Row[] : never };

export type Store = {
  /**
   * Runs the operations as one unit: all or none.
   * @throws Fenced when an operation did not touch the rows it expected (the unit is rolled back)
   * @throws StoreFull when the disk is full; nothing was changed, try again later
   * @param when `soon`: in the next transaction that there is anyway, or within a few milliseconds
   */
  commit<const Ops extends readonly Op[]>(ops: Ops, when?: 'now' | 'soon'): Promise<Rows<Ops>>;
  read<Row>(query: Query<Row>): Promise<Row[]>;
  /** The same in a thread of its own, for what takes long: the event loop turns meanwhile. */
  readAside<Row>(query: Query<Row>): Promise<Row[]>;
  /** Calls `heard` after each ring of the queue's bell. Returns the way to stop listening. */
  listen(queue: Queue, heard: () => void): () => void;
  /** Another number once another process has committed something: what was read before may be old (PRAGMA data_version). */
  version(): number;
  /** Durable transactions since it was opened: each is at least one flush of the disk. */
  readonly flushes: number;
  readonly file: string;
  close(): Promise<void>;
};

export type StoreOptions = {
  /** The folder that holds the store: `<home>/state`. */
  directory: string;
  principal: Principal;
  /** `full`: durable units are flushed. `normal`: they are not, and a power cut loses the last of them. */
  flush?: 'full' | 'normal';
  /** How long SQLite itself waits for the write lock, which blocks the event loop. */
  busy_ms?: number;
  /** The write-ahead log is folded into the file after so many pages … */
  checkpoint_pages?: number;
  /** … and cut back to this size once it has grown beyond it. */
  wal_limit_mb?: number;
};

/** Somebody else has taken the work over, or it has ended: what this unit would have written is void. */
export class Fenced extends Error {
  override readonly name = 'Fenced';
  /** The operation that did not touch what it expected. */
  readonly verb: string;

  constructor(verb: string, message: string) {
    super(`${verb}: ${message}`);
    this.verb = verb;
  }
}

/** The disk is full. Nothing was changed, nothing is lost, and it may be tried again. */
export class StoreFull extends Error {
  override readonly name = 'StoreFull';
}

/** It is the store that fails, whatever was to be written: it may be written later. */
export function isOfStore(error: unknown): boolean {
  return (
    error instanceof StoreFull || /^SQLITE_(IOERR|READONLY|CANTOPEN|NOMEM|CORRUPT|NOTADB)/.test(codeOf(error))
  );
}

/** What SQLite says of a full-text index that contradicts itself. */
export const DAMAGED = 'SQLITE_CORRUPT_VTAB';

/** The name of the store's file within its folder. */
export const FILE = 'vigil.db';

/** Put into the state folder by the check-up that found the store damaged; every opener refuses while it is there. */
export const REFUSED = 'store.refused';

/** The first SQLite without the WAL-reset bug, which can lose a commit (https://sqlite.org/wal.html#walresetbug). */
const OLDEST_SQLITE = [3, 51, 3] as const;

/**
 * Opens the store, creates or migrates it when needed, and guards it. Concurrent openers wait for the first.
 * @throws Misconfigured when the store is damaged, foreign, newer than this code, or not to be read or written
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const file = join(options.directory, FILE);
  if (Number(process.versions.napi) < 10) {
    throw new Misconfigured(
      `store: Node ${process.version} is too old for the SQLite driver, which would crash`,
      'run Vigil with Node 24 (scripts/start brings its own)',
    );
  }
  const refused = join(options.directory, REFUSED);
  if (existsSync(refused)) {
    throw new Misconfigured(
      `store: the check-up found ${file} damaged (see ${refused}); it was left untouched`,
      `restore a backup over it, then remove ${refused}`,
    );
  }
  let db: Database.Database | undefined;
  try {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    create(file);
    db = new Database(file, { timeout: options.busy_ms ?? 50 });
    const opened = db;
    await patiently(() => prepare(opened, file, options));
    // A store that was left in the middle of its work opens on a read-only disk too: the bells do not.
    return storeOn(db, file, options.flush ?? 'full', openBells(join(options.directory, 'bells')));
  } catch (error) {
    db?.close();
    throw explained(error, file);
  }
}

/**
 * May be tried again from the start: any statement, the first already, can come upon the lock of a process that
 * recovers the log after a kill, or that migrates.
 */
function prepare(db: Database.Database, file: string, options: StoreOptions): void {
  const version = String(db.prepare('SELECT sqlite_version()').pluck().get());
  if (older(version, OLDEST_SQLITE)) {
    throw new Misconfigured(
      `store: SQLite ${version} has a bug that can lose commits; expected ${OLDEST_SQLITE.join('.')} or newer`,
      'install the packages of package-lock.json again (npm ci)',
    );
  }
  // In one transaction, or a store that another process creates meanwhile is seen half made, as somebody else's.
  const state = db.transaction(() => examine(db, file))();
  // Switching a fresh file to WAL needs it alone for a moment; it is a lasting property of the file afterwards.
  db.pragma('journal_mode = WAL');
  db.pragma(`wal_autocheckpoint = ${options.checkpoint_pages ?? 1000}`);
  db.pragma(`journal_size_limit = ${(options.wal_limit_mb ?? 16) * 2 ** 20}`);
  db.pragma('mmap_size = 0');
  db.pragma('cache_size = -1024');
  db.pragma('temp_store = MEMORY');
  db.pragma('recursive_triggers = ON');
  db.function('dot', { deterministic: true }, dotOf);
  // What is deleted is overwritten: whoever forgets must not leave it in free pages.
  db.pragma('secure_delete = ON');
  if (process.platform === 'darwin') db.pragma('fullfsync = ON');
  if (state === 'behind') db.transaction(() => migrate(db)).immediate();
  db.exec(GROUND);
  for (const table of tables) for (const trigger of guardOf(table, options.principal)) db.exec(trigger);
}

function older(version: string, than: readonly number[]): boolean {
  const parts = version.split('.').map(Number);
  const at = than.findIndex((wanted, i) => parts[i] !== wanted);
  return at >= 0 && (parts[at] ?? 0) < (than[at] ?? 0);
}

/** Tries again while another process holds a lock: others migrate or recover the log, for seconds at most. */
export async function patiently<T>(attempt: () => T): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!codeOf(error).startsWith('SQLITE_BUSY') || performance.now() > deadline) throw error;
      await sleep(5 + Math.random() * 20);
    }
  }
}

/** What an owner can do about an error of SQLite's at the opening. */
function explained(error: unknown, file: string): unknown {
  const code = codeOf(error);
  const got = messageOf(error);
  if (code.startsWith('SQLITE_NOTADB')) {
    return new Misconfigured(
      `store: ${file} is not an SQLite database (${got}); it was left untouched`,
      'move it away, or restore a backup over it',
      { cause: error },
    );
  }
  if (code.startsWith('SQLITE_CORRUPT')) {
    return new Misconfigured(
      `store: ${file} is damaged (${got}); it was left untouched`,
      'restore a backup over it',
      {
        cause: error,
      },
    );
  }
  if (/^(SQLITE_(CANTOPEN|READONLY|PERM|AUTH)|EACCES|EROFS|EPERM)/.test(code)) {
    return new Misconfigured(
      `store: ${file} cannot be written (${got})`,
      `give the user ${process.getuid?.() ?? ''} read and write access to ${dirname(file)} and everything in it, on a file system mounted read-write`,
      { cause: error },
    );
  }
  return full(error);
}

/** A full disk, by the name that callers know it by; any other error as it is. */
export function full(error: unknown): unknown {
  const code = codeOf(error);
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') {
    return new StoreFull(`store: the disk is full (${messageOf(error)}); nothing was changed`, {
      cause: error,
    });
  }
  return error;
}

/** How long what is to be committed `soon` waits for a transaction to go along with. */
const SOON_ms = 5;

type Unit = { ops: readonly Op[]; resolve(rows: unknown[][]): void; reject(error: unknown): void };
type Outcome = { unit: Unit; rows: unknown[][] } | { unit: Unit; error: unknown };

function storeOn(db: Database.Database, file: string, flush: 'full' | 'normal', bells: Bells): Store {
  const statements = new Map<string, Database.Statement<Value[]>>();
  const aside = openAside(file);
  let queue: Unit[] = [];
  let soon: Unit[] = [];
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> | undefined;
  let closed = false;
  let synchronous: 'FULL' | 'NORMAL' | undefined;
  let flushes = 0;

  function statement(sql: string): Database.Statement<Value[]> {
    let found = statements.get(sql);
    if (!found) {
      found = db.prepare<Value[]>(sql);
      statements.set(sql, found);
    }
    return found;
  }

  function execute(op: Op): unknown[] {
    const prepared = statement(op.sql);
    const rows = prepared.reader ? prepared.all(...op.args) : [];
    const touched = prepared.reader ? rows.length : prepared.run(...op.args).changes;
    if (op.expect !== undefined && touched !== op.expect) {
      throw new Fenced(op.verb, `expected ${op.expect} row(s), got ${touched}: the work is no longer ours`);
    }
    return rows;
  }

  /** One unit inside the open transaction. Its failure takes back its own writes only. */
  function attempt(unit: Unit): Outcome {
    statement('SAVEPOINT unit').run();
    try {
      const rows = unit.ops.map(execute);
      statement('RELEASE unit').run();
      return { unit, rows };
    } catch (error) {
      // A full disk rolls the whole transaction back by itself, and with it every savepoint.
      if (!db.inTransaction) throw error;
      statement('ROLLBACK TO unit').run();
      statement('RELEASE unit').run();
      return { unit, error };
    }
  }

  /** Everything queued, in one transaction. False: another process holds the write lock. */
  function transact(units: Unit[]): boolean {
    const durable = flush === 'full' && units.some((unit) => unit.ops.some((op) => op.durable));
    const wanted = durable ? 'FULL' : 'NORMAL';
    if (synchronous !== wanted) {
      db.pragma(`synchronous = ${wanted}`);
      synchronous = wanted;
    }
    let outcomes: Outcome[];
    try {
      statement('BEGIN IMMEDIATE').run();
      outcomes = units.map(attempt);
      statement('COMMIT').run();
    } catch (error) {
      if (db.inTransaction) statement('ROLLBACK').run();
      if (codeOf(error).startsWith('SQLITE_BUSY')) return false;
      for (const unit of units) unit.reject(full(error));
      return true;
    }
    if (durable) flushes += 1;
    const rung = new Set<Queue>();
    for (const outcome of outcomes) {
      if ('error' in outcome) {
        outcome.unit.reject(full(outcome.error));
        continue;
      }
      outcome.unit.resolve(outcome.rows);
      for (const op of outcome.unit.ops) if (op.rings) rung.add(op.rings);
    }
    for (const name of rung) bells.ring(name);
    return true;
  }

  /** Nobody else's transaction has come along. */
  function hasten(): void {
    timer = undefined;
    queue.unshift(...soon);
    soon = [];
    if (queue.length > 0) flushing ??= drain();
  }

  /** Runs until nothing is queued; whoever queues next starts it again. */
  async function drain(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (queue.length > 0) {
      // What is not urgent goes first: it was there first.
      const units = [...soon, ...queue];
      queue = [];
      soon = [];
      clearTimeout(timer);
      timer = undefined;
      if (transact(units)) {
        // Lets those whose unit is done queue their next before the end is decided.
        await new Promise<void>((resolve) => setImmediate(resolve));
      } else {
        queue = [...units, ...queue];
        await sleep(2 + Math.random() * 18);
      }
    }
    flushing = undefined;
  }

  return {
    commit<const Ops extends readonly Op[]>(ops: Ops, when: 'now' | 'soon' = 'now'): Promise<Rows<Ops>> {
      return new Promise<Rows<Ops>>((resolve, reject) => {
        if (closed)
          return reject(new Error(`store: closed, so ${ops[0]?.verb ?? 'nothing'} was not carried out`));
        // The one cast: an operation's `row` says what its SQL returns, which only its table file can know.
        const unit: Unit = { ops, resolve: (rows) => resolve(rows as Rows<Ops>), reject };
        if (when === 'soon') {
          soon.push(unit);
          timer ??= setTimeout(hasten, SOON_ms);
          return;
        }
        queue.push(unit);
        flushing ??= drain();
      });
    },
    async read<Row>(query: Query<Row>): Promise<Row[]> {
      return patiently(() => statement(query.sql).all(...query.args) as Row[]);
    },
    readAside: (query) => aside.read(query),
    version: () => Number(statement('PRAGMA data_version').pluck().get()),
    listen: (name, heard) => bells.listen(name, heard),
    get flushes() {
      return flushes;
    },
    file,
    async close() {
      closed = true;
      clearTimeout(timer);
      hasten();
      await flushing;
      await aside.close();
      bells.close();
      db.close();
    },
  };
}
