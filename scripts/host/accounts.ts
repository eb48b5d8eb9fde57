/** The users of an installation for the machine: one for each service, in one group that shares the store. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Misconfigured } from '#shared/base/errors.ts';
import { services } from '#shared/manifest.ts';
import { entryOf } from './owner.ts';
import type { Step } from './step.ts';

export const GROUP = 'vigil';
const FILE = '/etc/sysusers.d/vigil.conf';

/** sysusers.d(5): what makes them also makes them again, on a machine whose /etc is made anew. */
export function sysusers(): string {
  return [
    `g ${GROUP} -`,
    ...services.map(
      ({ name }) => `u ${userOf(name)} -:${GROUP} "Vigil ${name}" /var/lib/vigil /usr/sbin/nologin`,
    ),
    '',
  ].join('\n');
}

const userOf = (service: string) => `vigil-${service}`;

export const makeAccounts: Step = {
  words: `make the group ${GROUP}, and a user in it for each service (${FILE})`,
  due: () =>
    entryOf('group', GROUP) === null || services.some(({ name }) => entryOf('passwd', userOf(name)) === null),
  act() {
    mkdirSync(dirname(FILE), { recursive: true });
    writeFileSync(FILE, sysusers());
    execFileSync('systemd-sysusers', [FILE], { stdio: 'pipe' });
  },
};

/** Also users of services that an older release had: whoever is in the group and called like one of us. */
export const removeAccounts: Step = {
  words: `remove the users and the group ${GROUP}`,
  due: () => entryOf('group', GROUP) !== null,
  act() {
    rmSync(FILE, { force: true });
    const [, , gid, members = ''] = entryOf('group', GROUP) ?? [];
    const users = execFileSync('getent', ['passwd'], { encoding: 'utf8' })
      .split('\n')
      .map((line) => line.split(':'))
      .filter(([name = '', , , group]) => name.startsWith('vigil-') && group === gid);
    for (const [name = ''] of users) execFileSync('userdel', [name], { stdio: 'pipe' });
    for (const name of members.split(',').filter(Boolean))
      execFileSync('gpasswd', ['-d', name, GROUP], { stdio: 'pipe' });
    execFileSync('groupdel', [GROUP], { stdio: 'pipe' });
  },
};

export function isMember(person: string): boolean {
  return (entryOf('group', GROUP)?.[3] ?? '').split(',').includes(person);
}

/** A member sees and asks what the house knows: status, explain, chat. */
export function membership(person: string): Step {
  return {
    words: `let ${person} use vigil without sudo (group ${GROUP}, from the next login on)`,
    due: () => !isMember(person),
    act: () => void execFileSync('usermod', ['-aG', GROUP, person], { stdio: 'pipe' }),
  };
}

/** @throws Misconfigured when this machine cannot make users */
export function demandAccountTools(): void {
  for (const tool of ['systemd-sysusers', 'getent', 'usermod']) {
    try {
      execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'pipe' });
    } catch (error) {
      throw new Misconfigured(`install: ${tool} is not there`, `install the package that has ${tool}`, {
        cause: error,
      });
    }
  }
}
