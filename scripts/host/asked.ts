/**
 * A rollback that the console asked for by a file, see shared/runtime/rollback.ts. Whoever may write there is not whoever
 * runs this: of the request its name alone is read, it must be that of a release that is here, and there is one switch in
 * EVERY_ms, so that nobody keeps the house going to and fro.
 */

import {
  chmodSync,
  existsSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { sleep } from '#shared/base/clock.ts';
import { Misconfigured, messageOf } from '#shared/base/errors.ts';
import { type Answered, answerOf, lastAnswer, linked, releasesOf } from '#shared/runtime/releases.ts';
import { EVERY_ms } from '#shared/runtime/rollback.ts';
import { flush } from './releases.ts';
import { type Host, rollback } from './switch.ts';

/** Answers what is asked for; gives what came of it, null where there was nothing to do. */
export async function answerAsked(host: Host): Promise<Answered | null> {
  const { place, say } = host;
  const asked = taken(place.home.rollbacks, say);
  const to = releasesOf(place).find(({ version }) => asked.includes(version));
  if (!to) {
    if (asked.length > 0) say('what is asked for is no release that is here');
    return null;
  }
  const began_at = Date.now();
  const last = lastAnswer(place);
  if (last && Math.abs(began_at - last.began_at) < EVERY_ms) {
    say(`the last was less than ${EVERY_ms / 1000} s ago: this one is left out`);
    return null;
  }
  const from = linked(place, 'current');
  const began = performance.now();
  const note = (answered: Pick<Answered, 'took_ms' | 'said' | 'well'>): Answered =>
    written(host, { from, to: to.version, began_at, ...answered });
  note({ took_ms: null, said: 'it goes on', well: true });
  try {
    if (place.profile !== 'mac' && !existsSync(join(to.path, 'systemd', 'vigil-rollback.service'))) {
      throw new Misconfigured(
        `rollback: ${to.version} does not know this way, and would end it half done`,
        `in a terminal: vigil rollback ${to.version}`,
      );
    }
    const { version, verdict } = await rollback(host, to.version);
    const took_ms = Math.round(performance.now() - began);
    const late = verdict.late.map(({ name, why }) => `${name} is not ready: ${why}`);
    return note({ took_ms, said: [`${version} runs`, ...late].join('; '), well: late.length === 0 });
  } catch (error) {
    return note({ took_ms: Math.round(performance.now() - began), said: messageOf(error), well: false });
  }
}

/** The names of all requests, which are gone then. A folder in their place asks nothing. */
function taken(folder: string, say: (line: string) => void): string[] {
  const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    try {
      if (entry.isDirectory()) rmdirSync(path);
      else unlinkSync(path);
      return entry.isFile() ? [entry.name] : [];
    } catch (error) {
      say(messageOf(error));
      return [];
    }
  });
}

function written({ place }: Host, answered: Answered): Answered {
  const file = answerOf(place);
  writeFileSync(`${file}.next`, `${JSON.stringify(answered)}\n`);
  // Whoever asked may read it, whatever the umask.
  chmodSync(`${file}.next`, 0o644);
  renameSync(`${file}.next`, file);
  flush(place.prefix);
  return answered;
}

/** What cannot be removed calls for this again at once, and a path unit that is called too often gives up for good. */
export const rest = (): Promise<void> => sleep(1000);
