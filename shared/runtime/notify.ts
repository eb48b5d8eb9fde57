/**
 * The word to whoever supervises us, in sd_notify(3)'s language, over the descriptor NOTIFY_FD: under systemd the
 * socket that the launcher `with-notify-fd` passes on, in the foreground suite a pipe.
 */

import { writeSync } from 'node:fs';
import { codeOf } from '../base/errors.ts';

export type Notify = (word: 'READY=1' | 'WATCHDOG=1' | 'STOPPING=1') => void;

/** `orphaned` is called when the other end is gone: a supervised process does not outlive its supervisor. */
export function notifier(orphaned: () => void, env = process.env): Notify {
  const fd = Number(env.NOTIFY_FD);
  if (!Number.isInteger(fd) || fd < 3) return () => {};
  return (word) => {
    try {
      writeSync(fd, `${word}\n`);
    } catch (error) {
      if (codeOf(error) === 'EPIPE') orphaned();
      // systemd's own socket can be full or away for a moment (a daemon-reexec): the next ping comes in seconds.
      else if (!['EAGAIN', 'ECONNREFUSED', 'ENOTCONN', 'ENOBUFS'].includes(codeOf(error))) throw error;
    }
  };
}
