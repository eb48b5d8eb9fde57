/** Who may read what, and whether what is there twice is there the same. */

import { createHash } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readSecret } from '#shared/runtime/credentials.ts';
import { type Check, fault, fine, warning } from './check.ts';

/** Everything below `path`, itself too; nothing where there is nothing. */
function below(path: string): string[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return [];
  if (!found.isDirectory()) return [path];
  return [path, ...readdirSync(path).flatMap((name) => below(join(path, name)))];
}

export const permissions: Check = {
  name: 'permissions',
  run({ home, place }) {
    const secrets = below(home.credentials);
    // The machine's own installation shares its state within a group, and nobody else.
    const open = place?.profile === 'system' ? 0o007 : 0o077;
    const wrong = [
      ...secrets.filter((path) => lstatSync(path).mode & 0o077),
      ...[home.state, home.directory].filter(
        (path) => (lstatSync(path, { throwIfNoEntry: false })?.mode ?? 0) & open,
      ),
    ];
    if (wrong.length === 0) return fine(`${secrets.length} files and folders of secrets, closed to others`);
    const [first = ''] = wrong;
    const rights = open === 0o007 && !secrets.includes(first) ? 'o-rwx' : 'go-rwx';
    return fault(`open to others: ${wrong.join(', ')}`, `chmod ${rights} ${wrong.join(' ')}`);
  },
};

const digest = (text: string) => createHash('sha256').update(text).digest('hex');

export const tokens: Check = {
  name: 'bot token',
  run({ home }) {
    const [own, copy] = ['telegram', 'watchdog'].map((name) => readSecret(home, name)?.TELEGRAM_BOT_TOKEN);
    if (own === undefined) return warning('there is none: no Telegram', 'vigil setup --again bot');
    if (copy === undefined)
      return fault('the watchdog has no copy: it is mute when the bridge is', 'vigil setup --again bot');
    if (digest(own) !== digest(copy))
      return fault('the watchdog has another one than the bridge', 'vigil setup --again bot');
    return fine('the bridge and the watchdog have the same');
  },
};

export const secondRoute: Check = {
  name: 'second alarm',
  run({ home }) {
    const secret = readSecret(home, 'watchdog');
    const routes = [secret?.ALARM_NTFY_URL && 'ntfy', secret?.ALARM_WEBHOOK_URL && 'webhook'].filter(Boolean);
    if (routes.length > 0) return fine(routes.join(', '));
    return warning('none: when Telegram is dead, so is every alarm', 'vigil setup --again settings');
  },
};
