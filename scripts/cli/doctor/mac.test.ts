import assert from 'node:assert/strict';
import { test } from 'node:test';
import { macFindings } from './mac.ts';

/** As a Mac mini prints it. */
const pmset = (sleep: string, autorestart: number | null, womp: number | null) => `System-wide power settings:
Currently in use:
 disksleep            10
 ${womp === null ? '' : `womp                 ${womp}`}
 networkoversleep     0
 sleep                ${sleep}
 Sleep On Power Button 1
 ttyskeepawake        1
 ${autorestart === null ? '' : `autorestart          ${autorestart}`}
 displaysleep         10
`;
const awake = pmset('0', 1, 1);
const off = 'FileVault is Off.\n';

function of(outputs: Partial<Parameters<typeof macFindings>[0]>): string[] {
  return macFindings({ pmset: awake, fdesetup: off, autologin: 'anna\n', ...outputs }).map(
    ({ what, fine, cure }) => {
      assert.equal(cure === undefined, fine, `${what}: a cure where something is wrong, and only there`);
      return fine ? what : `${what} → ${cure}`;
    },
  );
}

test('a Mac that stays awake, starts again by itself and logs its user in is fine', () => {
  assert.deepEqual(of({}), [
    'it never falls asleep',
    'it starts again after a power cut',
    'it wakes for the network',
    'after a restart anna is logged in, and Vigil starts',
  ]);
});

test('each setting that is wrong is told with the command that mends it', () => {
  const wrong = of({ pmset: pmset('1 (sleep prevented by sharingd)', 0, 0) });
  assert.deepEqual(wrong.slice(0, 3), [
    'it falls asleep when nobody is there (sleep is 1) → sudo pmset -a sleep 0',
    'it stays off after a power cut (autorestart is 0) → sudo pmset -a autorestart 1',
    'it does not wake for the network (womp is 0) → sudo pmset -a womp 1',
  ]);
});

test('what a Mac does not have is not asked of it, and what cannot be read is not fine', () => {
  assert.equal(of({ pmset: pmset('0', null, null) })[0], 'it never falls asleep');
  assert.equal(of({ pmset: pmset('0', null, null) }).length, 2);
  assert.deepEqual(of({ pmset: '' }).slice(0, -1), [
    'it falls asleep when nobody is there (pmset does not say) → sudo pmset -a sleep 0',
  ]);
  assert.match(of({ fdesetup: '' }).at(-1) ?? '', /^whether FileVault is on, fdesetup does not say → /);
});

test('without a login nothing runs after a restart: FileVault asks for one, and so does a Mac that logs nobody in', () => {
  assert.match(of({ fdesetup: 'FileVault is On.\n' }).at(-1) ?? '', /^FileVault is on: .*unlocks the disk/);
  for (const autologin of [null, '', '\n']) {
    assert.match(of({ autologin }).at(-1) ?? '', /^after a restart nothing runs until somebody logs in → /);
  }
});

test('a service that is disabled in launchd is named, whichever way launchd says it', () => {
  const list = (core: string) => `	disabled services = {
		"com.apple.ftpd" => disabled
		"ai.vigil.core" => ${core}
		"ai.vigil.cron" => enabled
	}`;
  for (const word of ['disabled', 'true']) {
    assert.equal(
      of({ disabled: list(word) }).at(-1),
      'launchd is told not to start ai.vigil.core → vigil on',
    );
  }
  for (const word of ['enabled', 'false']) {
    assert.equal(of({ disabled: list(word) }).at(-1), 'launchd starts every service at a login');
  }
});
