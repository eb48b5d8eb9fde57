/** How long the watchdog waits before it says that something is wrong. */

import * as z from 'zod/mini';
import { integer, section, setting } from '#shared/runtime/setting.ts';
import { BEAT_ms } from './verdict.ts';

const seconds = z.number().check(z.gte(0.1), z.lte(86_400));

export const config = section({
  look_s: setting(seconds, 5, 'How often it looks.'),
  stale_s: setting(
    z
      .number()
      .check(
        z.refine(
          (value) => value === 0 || (value > BEAT_ms / 1000 && value <= 3600),
          `expected 0, or more than the ${BEAT_ms / 1000} s in which everyone beats once, up to 3600`,
        ),
      ),
    0,
    'A service without a sign of life for so long hangs. 0: what each is given by itself, 30 or 60 seconds.',
  ),
  starting_s: setting(seconds, 120, 'The same for a service that is starting.'),
  grace_s: setting(
    seconds,
    30,
    'After its own start, and after the machine slept or its clock was set, nobody is judged for so long.',
  ),
  calm_s: setting(seconds, 15, 'What was wrong is over when it has not been seen for so long.'),
  queue_s: setting(seconds, 300, 'What could be done, and has waited for so long, is told.'),
  still_s: setting(seconds, 900, 'A service that beats, and has ended no step of work for so long, is told.'),
  canary_s: setting(
    z.number().check(z.gte(0), z.lte(86_400)),
    300,
    'How often a message of its own goes the way of all messages, up to the bridge; it costs nothing. 0: never.',
  ),
  canary_wait_s: setting(seconds, 30, 'How long its answer may take.'),
  untold_s: setting(seconds, 30, 'What the bridge has not delivered in so long it tells by itself.'),
  memory_percent: setting(integer(10, 100), 80, "How much of a service's limit of memory is told."),
  disk_free_mb: setting(integer(0, 10_000_000), 1024, 'How little free disk is told.'),
  wal_mb: setting(integer(1, 100_000), 128, "How large a write-ahead log of the store's is told."),
});

export type Config = z.infer<typeof config>;
