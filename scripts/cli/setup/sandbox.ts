/** The sandbox, really run; and what to type where it is not. */

import { existsSync, readFileSync } from 'node:fs';
import type { Visit } from './step.ts';

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

export async function sandbox({ home, desk }: Visit): Promise<boolean> {
  const { probeSandbox } = await import('../../../services/tools/probe.ts');
  for (;;) {
    const why = await desk.during('Running a program in the sandbox', probeSandbox(home));
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
