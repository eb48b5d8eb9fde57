/**
 * What an installation for the machine has beside its units: a user for each service, in one group that shares the store,
 * and the folders. Both are told to systemd (sysusers.d(5), tmpfiles.d(5)), which makes them again after a boot.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { entryOf, folder, putFile, ROOT, removeEmpty } from './owner.ts';
import type { Step } from './step.ts';

export const GROUP = 'vigil';
const USERS = '/etc/sysusers.d/vigil.conf';
const FOLDERS = '/etc/tmpfiles.d/vigil.conf';

/** @param release where the two files come from */
export function makeAccounts(release: string): Step {
  const text = readFileSync(join(release, 'systemd', 'vigil.sysusers.conf'), 'utf8');
  const users = [...text.matchAll(/^u (\S+)/gm)].map(([, name = '']) => name);
  return {
    words: `make the group ${GROUP}, and a user in it for each service (${USERS})`,
    due: () => isOther(USERS, text) || [...users].some((name) => entryOf('passwd', name) === null),
    act() {
      put(USERS, text);
      execFileSync('systemd-sysusers', [USERS], { stdio: 'pipe' });
    },
  };
}

export function makeFolders(release: string): Step[] {
  const text = readFileSync(join(release, 'systemd', 'vigil.tmpfiles.conf'), 'utf8');
  const lines = [...text.matchAll(/^d (\S+) (\d+) root (\S+)$/gm)];
  return [
    {
      words: `write ${FOLDERS}: the folders, after each boot too`,
      due: () => isOther(FOLDERS, text),
      act: () => put(FOLDERS, text),
    },
    ...lines.map(([, path = '', mode = '', group = '']) => folder(path, Number.parseInt(mode, 8), { group })),
  ];
}

function isOther(file: string, text: string): boolean {
  return !existsSync(file) || readFileSync(file, 'utf8') !== text;
}

function put(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  putFile(file, text, 0o644, ROOT);
}

/** What a reboot would make again, of an installation that is gone. */
export const forgetFolders: Step = {
  words: `remove ${FOLDERS}, and /run/vigil`,
  due: () => existsSync(FOLDERS) || existsSync('/run/vigil'),
  act() {
    rmSync(FOLDERS, { force: true });
    removeEmpty(dirname(FOLDERS));
    rmSync('/run/vigil', { recursive: true, force: true });
  },
};

/** Also users of services that an older release had: whoever is in the group and called like one of us. */
export const removeAccounts: Step = {
  words: `remove the users and the group ${GROUP}`,
  due: () => entryOf('group', GROUP) !== null,
  act() {
    rmSync(USERS, { force: true });
    removeEmpty(dirname(USERS));
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
