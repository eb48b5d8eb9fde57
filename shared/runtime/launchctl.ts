/**
 * launchd, as far as services and the command line both speak to it. It cannot see a hang: whoever sees one has the
 * service started anew by `kickstart`.
 */

import { execFile } from 'node:child_process';
import { Misconfigured } from '../base/errors.ts';
import type { ServiceName } from '../manifest.ts';
import { labelOf } from '../units/launchd.ts';

export type Told = { code: number; out: string };

export type LaunchctlOptions = {
  /** Stands in for /bin/launchctl. */
  program?: string;
};

/** For tests alone: a program that simulates launchctl, and with it a Mac, as far as an installation is concerned. */
const { VIGIL_LAUNCHCTL } = process.env;

export const onMac = process.platform === 'darwin' || VIGIL_LAUNCHCTL !== undefined;

/** The answers that are no surprise. `launchctl error <code>` on a Mac decodes any. */
export const CODE = {
  noProcess: 3,
  inputOutput: 5,
  alreadyInProgress: 37,
  inProgress: 36,
  usage: 64,
  noDomain: 112,
  noService: 113,
  disabled: 119,
  badOwnership: 122,
  unsupported: 125,
  wrongSession: 134,
} as const;

const LONGEST_ms = 30_000;

/** Asks launchctl, and gives its exit code and all that it printed. */
export async function launchctl(args: readonly string[], options: LaunchctlOptions = {}): Promise<Told> {
  const program = options.program ?? VIGIL_LAUNCHCTL ?? '/bin/launchctl';
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: LONGEST_ms, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (!error) resolve({ code: 0, out: stdout });
      else if (typeof error.code === 'number') resolve({ code: error.code, out: `${stdout}${stderr}` });
      else {
        reject(
          new Misconfigured(
            `launchd: ${program} ${args.join(' ')} could not be run (${error.message})`,
            'this needs a Mac, on which /bin/launchctl answers',
            { cause: error },
          ),
        );
      }
    });
  });
}

/**
 * Where a user's services may be loaded, the better place first: `gui` is there while the user is logged in at the
 * screen, `user` after any login, over ssh too.
 */
export function domainsOf(uid: number): readonly string[] {
  return [`gui/${uid}`, `user/${uid}`];
}

/**
 * Kills a service that hangs, and has launchd start it again at once.
 * @throws Misconfigured when launchd does not have it
 */
export async function kickstart(service: ServiceName, options: LaunchctlOptions = {}): Promise<void> {
  const label = labelOf(service);
  if (process.env.XPC_SERVICE_NAME === label) throw new Error(`${service}: cannot kickstart itself`);
  const said: string[] = [];
  for (const domain of domainsOf(process.getuid?.() ?? 0)) {
    const { code, out } = await launchctl(['kickstart', '-k', `${domain}/${label}`], options);
    if (code === 0) return;
    said.push(`${domain}: ${code} ${out.trim()}`);
  }
  throw new Misconfigured(
    `launchd: ${label} could not be started again (${said.join('; ')})`,
    'see what is loaded: launchctl list | grep ai.vigil; then: vigil restart',
  );
}
