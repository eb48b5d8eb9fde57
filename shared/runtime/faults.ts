/**
 * What goes wrong becomes a row of `error`, in every service, without a word in any of them: whatever is logged as a
 * warning or worse and carries an `error` is written down here too. The same thing again within a minute counts up. A
 * store that cannot be written loses rows, never the line in the log, and nothing here is logged itself.
 */

import { codeOf, messageOf } from '../base/errors.ts';
import { type Fields, idsNow, type Log } from '../base/log.ts';
import type { Scrub } from '../base/scrub.ts';
import { sourced } from '../base/sources.ts';
import type { Store } from '../store/store.ts';
import * as error from '../tables/error.ts';

/** What is done about it when the line itself does not say (field `recovery`). */
export const RECOVERY: { readonly [event: string]: string } = {
  'bill.unwritten': 'written again, until it is',
  'batch.deferred': 'asked again later',
  'batch.left': 'left to the provider, which lets go of it after some weeks',
  'batch.unread': 'asked again later',
  'breaker.opened': 'left alone for a while, others answer',
  'draft.unwritten': 'shown with the next change',
  'external_call.unwritten': 'left out of the accounts',
  'forgetting.failed': 'tried again, until it is proved gone',
  'heartbeat.failed': 'the next one tells the same',
  'index.damaged': 'made anew from what it is of',
  'lease.unrenewed': 'renewed again at the next time',
  'message.buried': 'given up: it can never be sent',
  'message.doubted': 'sent again, and marked as perhaps sent twice',
  'message.postponed': 'sent again later',
  'owners.unread': 'those of before count until it can be read',
  'outcome.unwritten': 'written again, until there is room',
  'press.failed': 'whoever pressed was told',
  'press.unacknowledged': 'the press counts all the same',
  'process.crashed': 'the process ends, and is started again',
  'recall.failed': 'answered without what is remembered',
  'request.failed': 'its caller was told',
  'rules.skipped': 'passed over, so that what was said after it is read',
  'run.failed': 'given up: what was said can still be searched',
  'service.failed': 'the service ends; its supervisor starts it again unless a person must act',
  'step.failed': 'tried again later',
  'task.unchecked': 'the check is made again',
  'turn.escalated': 'held until its owner decides',
  'turn.fenced': 'left to whoever has it now',
  'turn.postponed': 'tried again later',
  'turn.refused': 'waits for its sender to decide, or for the next period',
  'turn.rejected': 'given up, and its sender told why',
  'wish.failed': 'whoever wished it was told',
};

const SEVERITY = { warn: 'warning', error: 'error', fatal: 'fatal' } as const;
const LONGEST_MESSAGE = 1000;
const MOST_FRAMES = 20;
/** Different things that wait to be written: beyond that the store is not writable, and the log has them. */
const MOST_WAITING = 100;

export type Faults = {
  /** The log, which from now on writes rows too. */
  log: Log;
  /** From now on there is a store. */
  writeTo(store: Store): void;
  /** All that was noted is written, or lost. */
  written(): Promise<void>;
};

export function noting(log: Log, of: { service: string; now(): number; scrub: Scrub }): Faults {
  const { service, now, scrub } = of;
  const waiting = new Map<string, { fault: error.Fault; times: number }>();
  let store: Store | undefined;
  let writing: Promise<void> | undefined;

  function note(level: keyof typeof SEVERITY, event: string, fields: Fields): void {
    const cause = fields.error;
    const message = scrub(messageOf(cause)).slice(0, LONGEST_MESSAGE);
    const key = `${event} ${message}`;
    const same = waiting.get(key);
    if (same) same.times += 1;
    else if (waiting.size < MOST_WAITING) {
      const turn_id = fields.turn ?? idsNow().turn;
      const fault = {
        service,
        event,
        type: codeOf(cause) || (cause instanceof Error ? cause.name : typeof cause),
        message,
        trace: traceOf(cause, level, scrub),
        recovery: typeof fields.recovery === 'string' ? fields.recovery : (RECOVERY[event] ?? 'went on'),
        severity: SEVERITY[level],
        turn_id: typeof turn_id === 'string' ? turn_id : null,
        at: now(),
      };
      waiting.set(key, { fault, times: 1 });
    }
    if (store) writing ??= write(store);
  }

  async function write(to: Store): Promise<void> {
    while (waiting.size > 0) {
      const noted = [...waiting.values()];
      waiting.clear();
      // What could not be written is in the log; to log that here would come round to here.
      await to
        .commit(
          noted.flatMap(({ fault, times }) => error.record(fault, times)),
          'soon',
        )
        .catch(() => {});
    }
    writing = undefined;
  }

  function saying(level: keyof typeof SEVERITY): Log['warn'] {
    return (event, fields = {}, msg) => {
      log[level](event, fields, msg);
      if (fields.error !== undefined) note(level, event, fields);
    };
  }

  return {
    log: {
      debug: log.debug,
      info: log.info,
      warn: saying('warn'),
      error: saying('error'),
      fatal: saying('fatal'),
      get dropped() {
        return log.dropped;
      },
      close: log.close,
    },
    writeTo(opened) {
      store = opened;
      if (waiting.size > 0) writing ??= write(opened);
    },
    written: async () => writing,
  };
}

/** The frames alone, of the sources when somebody will look for the line. */
function traceOf(cause: unknown, level: keyof typeof SEVERITY, scrub: Scrub): string | null {
  if (!(cause instanceof Error)) return null;
  const frames = String(cause.stack).match(/^ +at .+$/gm) ?? [];
  const trace = scrub(frames.slice(0, MOST_FRAMES).join('\n'));
  if (trace === '') return null;
  return level === 'warn' ? trace : sourced(trace);
}
