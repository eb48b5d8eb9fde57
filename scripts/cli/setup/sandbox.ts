/** The sandbox, really run; and what to type where it is not. */

import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import { probeSandbox } from '../../../services/tools/probe.ts';
import { runs } from './house.ts';
import type { Visit } from './step.ts';

const START_ms = 10_000;
const LOOK_ms = 100;

/** The one line that installs what it is made of, by /etc/os-release; null for a system that we do not know. */
export function installLine(osRelease: string): string | null {
  const ids = [...osRelease.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)/gm)].flatMap(([, names = '']) =>
    names.split(' '),
  );
  const lines: Record<string, string> = {
    debian: 'apt-get install -y bubblewrap socat',
    ubuntu: 'apt-get install -y bubblewrap socat',
    fedora: 'dnf install -y bubblewrap socat',
    rhel: 'dnf install -y bubblewrap socat',
    suse: 'zypper install -y bubblewrap socat',
    arch: 'pacman -S --needed bubblewrap socat',
    alpine: 'apk add bubblewrap socat',
  };
  const known = ids.map((id) => lines[id]).find((line) => line !== undefined);
  return known === undefined ? null : `sudo ${known}`;
}

/** What to do about `why`, in one line where there is one. */
export function cureOf(why: string, osRelease: string): string {
  const [, cure = ''] = why.split('; cure: ');
  return (/^install bubblewrap/.test(cure) ? installLine(osRelease) : null) ?? cure;
}

export function thisSystem(): string {
  return existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
}

/** As the service says that uses it, whose user may do less, or more, than whoever asks; else by a program run here. */
export async function whyNot(home: Home): Promise<string | null> {
  const until = performance.now() + START_ms;
  // It may be starting with a setting that has just changed.
  while (runs(home, 'tools') && performance.now() < until) {
    const tools = (await beatsOf(home)).find(({ service }) => service === 'tools');
    if (tools?.phase === 'ready') return /sandbox/.test(tools.problem ?? '') ? tools.problem : null;
    await sleep(LOOK_ms);
  }
  return probeSandbox(home);
}

async function beatsOf(home: Home): Promise<heartbeat.Heartbeat[]> {
  const store = await openStore({ directory: home.state, principal: 'cli' });
  try {
    return await store.read(heartbeat.all);
  } finally {
    await store.close();
  }
}

export async function sandbox({ home, desk }: Visit): Promise<boolean> {
  for (;;) {
    const why = await desk.during('Running a program in the sandbox', whyNot(home));
    if (why === null) {
      desk.say('Programs run in the sandbox: they see the workspace, and nothing else of yours.');
      return true;
    }
    const cure = cureOf(why, thisSystem());
    desk.warn(`${why.split('; cure: ')[0]}${cure ? `\ncure: ${cure}` : ''}`);
    const next = await desk.choose(
      'And now?',
      [
        { value: 'again', label: 'It is done: try again' },
        { value: 'later', label: 'Later: Vigil runs no commands until then' },
      ],
      desk.asks ? 'again' : 'later',
    );
    if (next === 'later') return false;
  }
}
