/** Into the machine's own hands: from then on Vigil starts with it, and the terminal can be closed. */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { onMac } from '#shared/runtime/launchctl.ts';
import { openStore } from '#shared/store/store.ts';
import { installedPlace } from '../../host/host.ts';
import { asRoot, sudo } from '../../host/permit.ts';
import type { Profile } from '../../host/place.ts';
import { vigil } from '../installed.ts';
import { type Choice, HandedOver } from './desk.ts';
import type { Visit } from './step.ts';

type Wish = Profile | 'none';

/** What there is to choose here, the best first. */
export function profilesOf(mac: boolean, systemd: boolean): Choice<Wish>[] {
  const none = { value: 'none', label: 'Not now: by scripts/start, in the foreground' } as const;
  if (mac) return [{ value: 'mac', label: 'Install it: starts when you log in' }, none];
  if (!systemd) return [none];
  return [
    { value: 'system', label: 'For this machine, with root: safest' },
    { value: 'user', label: 'For you alone, without root' },
    none,
  ];
}

export async function install(visit: Visit): Promise<boolean> {
  const { desk, answers } = visit;
  if (visit.place) return installed(visit, visit.place.profile);
  const choices = profilesOf(onMac, existsSync('/run/systemd/system'));
  const preset = desk.asks && !process.env.VIGIL_HOME ? (choices[0]?.value ?? 'none') : 'none';
  const profile = answers.install.profile ?? (await desk.choose('How shall it run?', choices, preset));
  if (profile === 'none') {
    desk.say('In the foreground then: it runs as long as scripts/start does.');
    return true;
  }
  if (profile === 'system' && process.getuid?.() !== 0) {
    if (desk.asks) {
      desk.say('That needs root: sudo goes on with it, and asks for your password.');
      await handToRoot();
    }
    desk.warn('That needs root. Go on with:');
    desk.copy(sudo());
    return false;
  }
  // What was never started is not taken over.
  await (await openStore({ directory: visit.home.state, principal: 'cli' })).close();
  if (!(await installed(visit, profile))) return false;
  const place = installedPlace();
  if (place) Object.assign(visit, { place, home: place.home });
  return true;
}

/** One that was cut off is ended by the same command. */
async function installed(visit: Visit, profile: Profile): Promise<boolean> {
  const { desk } = visit;
  const options = [...(profile === 'mac' ? [] : [`--${profile}`]), ...(desk.asks ? [] : ['--yes'])];
  const { code } = await vigil(visit, ['install', ...options], true);
  if (code === 0) return true;
  desk.warn('It is not installed; what stood in the way is above. Mend it, and go on: vigil setup');
  return false;
}

/** @throws HandedOver when root has done the rest; comes back when nobody was let in */
async function handToRoot(): Promise<void> {
  const [program = '', ...args] = asRoot([...process.argv.slice(2), '--profile', 'system']);
  const child = spawn(program, args, { stdio: 'inherit' });
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null)); // there is no sudo
    child.once('close', resolve);
  });
  if (code !== null && (code === 130 || installedPlace())) throw new HandedOver(code);
}
