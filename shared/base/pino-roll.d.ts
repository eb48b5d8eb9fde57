/**
 * pino-roll ships no types: the part of it that the log uses. What works by the calendar (`frequency`, `dateFormat`)
 * is left out, so that a bundle can do without date-fns, nine tenths of its weight.
 */
declare module 'pino-roll' {
  import type { EventEmitter } from 'node:events';

  /** A SonicBoom. With `sync`, a write is in the file when it returns, or has emitted 'error'. */
  export type RollingFile = EventEmitter & {
    readonly file: string;
    readonly fd: number;
    write(text: string): boolean;
    destroy(): void;
  };

  export default function roll(options: {
    /** The files are `<file>.<number>.log`. */
    file: string;
    /** Passed this size the next file is begun: '<n>b'. */
    size: string;
    sync: true;
    mode: number;
    retryEAGAIN: () => boolean;
  }): Promise<RollingFile>;
}
