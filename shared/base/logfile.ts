/**
 * The files of one log, `<folder>/<name>.<number>.log`, highest number newest: bounded, private, and never in the way
 * of the process that writes.
 *
 * - A line is in the file when `write` returns: no death of the process loses it. (It is not on the platter: a power
 *   cut may take the last seconds.)
 * - No file grows past `size_bytes` and no more than `files` are kept, within one burst and over restarts. One that
 *   nobody has written to for `days` goes sooner.
 * - When the files cannot be written (disk full, folder gone, rights, read-only), lines are dropped and counted. The
 *   files are tried again every `retry_ms`, and nothing else of the process notices.
 *
 * pino-roll names the files, finds the newest after a restart and begins the next. Left alone it does so on the next
 * turn of the event loop, so that one busy turn overruns every bound; here its turn comes after each line. Its own
 * `limit` is not used, for the same reason.
 *
 * Nothing may call sonic-boom's `flushSync`, as pino's `fatal` does where it finds one: on a full disk that tries for
 * ever, and the process stands still.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import roll, { type RollingFile } from 'pino-roll';

/** No line may be longer: room for one is kept in every file. */
export const LONGEST_LINE_BYTES = 64 * 1024;

const DAY_ms = 86_400_000;

export type LogFile = {
  /** Appends one line, newline included. Never throws, never waits. */
  write(line: string): void;
  /** Lines that are in no file, since the process began. */
  readonly dropped: number;
  close(): Promise<void>;
};

export type LogFileOptions = {
  folder: string;
  name: string;
  size_bytes: number;
  files: number;
  days: number;
  retry_ms: number;
  /** Whoever is in the folder's group may read. */
  group?: boolean;
  /** Told once when writing begins to fail. */
  onFailure: (error: unknown) => void;
  /** Told when writing works again: the place to log how many lines are missing. */
  onRecovery: (lost: number, cause: unknown) => void;
};

export async function openLogFile(options: LogFileOptions): Promise<LogFile> {
  const { folder, name, size_bytes, files, days, retry_ms, onFailure, onRecovery } = options;
  const mode = options.group ? { folder: 0o750, file: 0o640 } : { folder: 0o700, file: 0o600 };
  const full_bytes = size_bytes - LONGEST_LINE_BYTES;
  if (full_bytes < LONGEST_LINE_BYTES || files < 1) {
    throw new RangeError(
      `log ${name}: expected size_bytes of ${2 * LONGEST_LINE_BYTES} at least and one file or more, got ${size_bytes} and ${files}`,
    );
  }

  let stream: RollingFile | undefined;
  let failure: unknown;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let dropped = 0;
  let told = 0; // of the dropped ones, those that the log itself speaks of
  let unseen = 0; // written since the file was last seen in its folder
  let pruned_at = 0;

  const ours = new RegExp(`^${name}\\.(\\d+)\\.log$`);
  const pathOf = (number: number) => join(folder, `${name}.${number}.log`);

  /** Removes the files beyond the bounds, the newest never; answers with the numbers of the others, newest last. */
  function prune(): number[] {
    pruned_at = Date.now();
    const outdated = (number: number) =>
      (statSync(pathOf(number), { throwIfNoEntry: false })?.mtimeMs ?? 0) < pruned_at - days * DAY_ms;
    const numbers = readdirSync(folder)
      .flatMap((file) => ours.exec(file)?.slice(1).map(Number) ?? [])
      .sort((a, b) => a - b);
    const young = numbers.slice(0, -1).findIndex((number) => !outdated(number));
    const old = young < 0 ? numbers.length - 1 : young;
    for (const number of numbers.splice(0, Math.max(old, numbers.length - files)))
      rmSync(pathOf(number), { force: true });
    return numbers;
  }

  /** Leaves the folder and its files private, and the newest file ready for one more line. */
  function prepare(): void {
    mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
    if (!existsSync(folder)) mkdirSync(folder, mode.folder); // alone: a recursive mkdir calls every failure ENOENT
    chmodSync(folder, mode.folder);
    const newest = prune().at(-1) ?? 1;
    const newest_bytes = statSync(pathOf(newest), { throwIfNoEntry: false })?.size ?? 0;
    const fd = openSync(pathOf(newest_bytes < full_bytes ? newest : newest + 1), 'a+', mode.file);
    try {
      // A line torn by a full disk or a power cut must not spoil the next one.
      const { size } = fstatSync(fd);
      const last = Buffer.from('\n');
      if (size > 0) readSync(fd, last, 0, 1, size - 1);
      if (last.toString() !== '\n') writeSync(fd, '\n');
    } finally {
      closeSync(fd);
    }
    for (const number of prune()) chmodSync(pathOf(number), mode.file);
  }

  async function open(): Promise<void> {
    try {
      prepare();
      const opened = await roll({
        file: join(folder, name),
        size: `${full_bytes}b`,
        sync: true,
        mode: mode.file,
        retryEAGAIN: () => false, // it would sleep
      });
      opened.on('error', (error) => {
        if (opened === stream) fail(error);
      });
      stream = opened;
    } catch (error) {
      fail(error);
    }
  }

  function fail(error: unknown): void {
    if (failure === undefined) onFailure(error);
    failure = error;
    stream?.destroy();
    stream = undefined;
  }

  function write(line: string): void {
    const current = stream;
    current?.write(line);
    if (!current || current !== stream) {
      dropped += 1;
      return;
    }
    unseen += 1;
    if (current.listenerCount('drain') > 0) rollNow(current);
  }

  /** pino-roll waits for these two events, which sonic-boom tells on the next tick; in a burst there is none. */
  function rollNow(current: RollingFile): void {
    current.emit('drain'); // begins the next file
    current.emit('ready'); // closes the one before: until then even a removed file fills the disk
    if (current !== stream) return;
    tidy(() => fchmodSync(current.fd, mode.file));
  }

  function tidy(first: () => void = () => {}): void {
    try {
      first();
      prune();
    } catch (error) {
      fail(error);
    }
  }

  /** Opens the files again when they failed or somebody removed them. */
  async function look(): Promise<void> {
    if (stream && !isInPlace(stream)) {
      // How many of these went into the removed file nobody can tell: better too many than too few.
      dropped += unseen;
      fail(new Error(`${stream.file} was removed`));
    }
    unseen = 0;
    if (!stream) await open();
    // A service that says little begins no new file for months.
    else if (Date.now() - pruned_at > DAY_ms) tidy();
    if (closed) return close();
    if (stream && failure !== undefined) {
      const lost = dropped;
      if (lost > told) onRecovery(lost - told, failure);
      if (stream) {
        told = lost;
        failure = undefined;
      } else {
        dropped = lost; // the notice itself could not be written, and is no loss
      }
    }
    timer = setTimeout(look, retry_ms).unref();
  }

  async function close(): Promise<void> {
    closed = true;
    clearTimeout(timer);
    const last = stream;
    stream = undefined;
    if (!last) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    last.once('close', resolve).once('error', () => resolve());
    last.destroy();
    await promise;
  }

  await open();
  timer = setTimeout(look, retry_ms).unref();
  return {
    write,
    get dropped() {
      return dropped;
    },
    close,
  };
}

function isInPlace(stream: RollingFile): boolean {
  try {
    return statSync(stream.file).ino === fstatSync(stream.fd).ino;
  } catch {
    return false; // opening again will say what is wrong
  }
}
