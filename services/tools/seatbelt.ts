/**
 * What a program in the sandbox may do on macOS, by a seatbelt profile: the library's, which denies what is not named,
 * given our folders and our door. Simulated, not verified: no test of ours has run it on a Mac.
 *
 * On Linux the library is not used. It shows the whole file system, then hides what it is told to; ours begins with
 * nothing. It also takes 35 MB of this process and starts two programs that stay (measured with 0.0.83).
 */

import type { View } from './bubblewrap.ts';

/** Folders of people, volumes and services: closed, but for what is shared. */
const CLOSED = [
  '/Users',
  '/Volumes',
  '/Library/Keychains',
  '/private/var',
  '/private/etc/ssh',
  '/private/etc/sudoers',
];

/** @returns a program and its arguments: a shell that becomes sandbox-exec, which becomes `argv` */
export async function seatbelt(view: View, argv: readonly string[], port: number): Promise<string[]> {
  // The one function that is needed, which the package's front does not give out; 10 MB, at the first program.
  const { wrapCommandWithSandboxMacOS } = await import(
    '@anthropic-ai/sandbox-runtime/dist/sandbox/macos-sandbox-utils.js'
  );
  const env = Object.entries(view.env).map(([name, value]) => `${name}=${value}`);
  const wrapped = wrapCommandWithSandboxMacOS({
    command: ['exec', '/usr/bin/env', '-i', ...env, ...argv].map(quoted).join(' '),
    // The profile's log tag says what ran: not the words of the command, which may hold secrets.
    commandId: 'vigil',
    needsNetworkRestriction: true,
    httpProxyPort: port,
    readConfig: {
      denyOnly: [],
      literalDenyOnly: CLOSED,
      allowWithinDeny: [],
      literalAllowWithinDeny: [
        ...view.readable,
        ...view.writable,
        '/private/var/db/timezone',
        '/private/var/select',
      ],
    },
    writeConfig: {
      allowOnly: [],
      literalAllowOnly: [...view.writable],
      denyWithinAllow: [],
      literalDenyWithinAllow: [...view.kept],
    },
    binShell: '/bin/bash',
  });
  return ['/bin/bash', '-c', `cd ${quoted(view.cwd)} && exec ${wrapped}`];
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
