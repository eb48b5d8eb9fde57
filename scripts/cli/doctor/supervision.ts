/** Whether the machine starts, limits and restarts it as it should. */

import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { services } from '#shared/manifest.ts';
import { type Check, type Facts, fault, fine, unseen, warning } from './check.ts';

const NOT_INSTALLED = unseen('it is not installed');
/** Users and folders of the machine lie beside the units, and go elsewhere. */
const UNIT = /\.(service|target|slice|path|timer|socket|plist)$/;

const scopeOf = ({ place }: Facts) => (place?.profile === 'user' ? ['--user'] : []);

export const units: Check = {
  name: 'units',
  async run(facts) {
    const { place } = facts;
    if (!place) return NOT_INSTALLED;
    const current = join(place.prefix, 'current');
    if (!existsSync(current)) return fault(`there is no ${current}`, 'install it again: vigil install');
    const folder = { system: ['systemd'], user: ['systemd', 'user'], mac: ['launchd'] }[place.profile];
    const source = join(realpathSync(current), ...folder);
    const old = readdirSync(source, { withFileTypes: true })
      .filter((entry) => entry.isFile() && UNIT.test(entry.name))
      .map(({ name }) => name)
      .filter((name) => {
        const installed = join(place.units, name);
        return !existsSync(installed) || !readFileSync(installed).equals(readFileSync(join(source, name)));
      });
    if (old.length > 0)
      return fault(`not as in the release: ${old.join(', ')}`, 'install it again: vigil install');
    if (place.profile === 'mac') return fine('as in the release');
    const enabled = await facts.run('systemctl', ...scopeOf(facts), 'is-enabled', 'vigil.target');
    if (enabled === null) return unseen('there is no systemctl');
    if (enabled.text === 'enabled') return fine('as in the release, and started with the machine');
    return fault(
      `vigil.target is ${enabled.text || 'not enabled'}: nothing starts with the machine`,
      `systemctl ${[...scopeOf(facts), 'enable', 'vigil.target'].join(' ')}`,
    );
  },
};

export const linger: Check = {
  name: 'linger',
  async run({ place, run }) {
    if (place?.profile !== 'user') return fine('not needed');
    const { username } = userInfo();
    const said = await run('loginctl', 'show-user', username, '--property=Linger', '--value');
    if (said === null) return unseen('there is no loginctl');
    if (said.text === 'yes') return fine('it runs without a login');
    return fault('it ends when you log out', `sudo loginctl enable-linger ${username}`);
  },
};

/** What the kernel holds, not what the unit asks for. */
export const limits: Check = {
  name: 'memory limits',
  async run(facts) {
    const { place, run, cgroups } = facts;
    if (!place || place.profile === 'mac')
      return unseen(place ? 'launchd has none: the watchdog looks' : NOT_INSTALLED.what);
    const loose: string[] = [];
    let seen = 0;
    for (const { name } of services) {
      const unit = [`vigil-${name}.service`, '--property=ControlGroup,MemoryMax'];
      const said = await run('systemctl', ...scopeOf(facts), 'show', ...unit);
      if (said === null) return unseen('there is no systemctl');
      const of = (property: string) => new RegExp(`^${property}=(.*)$`, 'm').exec(said.text)?.[1] ?? '';
      // A unit that is not as it should be is told elsewhere.
      if (of('ControlGroup') === '' || of('MemoryMax') === 'infinity') continue;
      seen += 1;
      if (!holds(cgroups, of('ControlGroup'), Number(of('MemoryMax')))) loose.push(name);
    }
    if (seen === 0) return unseen('nothing runs');
    if (loose.length === 0) return fine(`${seen} are held to theirs, without swap`);
    return warning(
      `not held to their memory: ${loose.join(', ')}`,
      'let the kernel count memory: boot with systemd.unified_cgroup_hierarchy=1 cgroup_enable=memory swapaccount=1',
    );
  },
};

/** Control groups of version 2, or of version 1, where swap is counted with memory. */
function holds(cgroups: string, group: string, most_bytes: number): boolean {
  const read = (...path: string[]) => {
    const file = join(cgroups, ...path);
    return existsSync(file) ? Number(readFileSync(file, 'utf8')) : null;
  };
  const memory = read(group, 'memory.max');
  const swap = read(group, 'memory.swap.max');
  // Without swap there is nothing to count.
  if (memory !== null) return memory <= most_bytes && (swap === null || swap === 0);
  const old = read('memory', group, 'memory.limit_in_bytes');
  return old !== null && old <= most_bytes;
}
