/** What a Mac must be set to for Vigil to be awake at night; its owner types it, for it takes their password. */

import { lookAtMac } from '../doctor/night.ts';
import { run } from '../doctor/program.ts';
import type { Visit } from './step.ts';

export async function mac({ desk }: Visit): Promise<boolean> {
  const found = await lookAtMac(run);
  if (found === null) return true;
  for (const { what, fine, cure } of found) {
    if (fine) desk.say(what);
    else desk.warn(cure === undefined ? what : `${what}\ncure: ${cure}`);
  }
  desk.say(
    'When a window asks whether node may use a folder or the network,\nit is Vigil: it always runs the same node, so it asks once.',
  );
  return true;
}
