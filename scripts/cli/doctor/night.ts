/** A Mac through the night and after a power cut: what its own programs say of it. */

import type { Check, Facts, Finding } from './check.ts';
import { type MacFinding, macFindings } from './mac.ts';

/** Null where a program is missing that every Mac has. */
export async function lookAtMac(run: Facts['run']): Promise<MacFinding[] | null> {
  const pmset = await run('pmset', '-g');
  const fdesetup = await run('fdesetup', 'status');
  if (pmset === null || fdesetup === null) return null;
  const login = await run('defaults', 'read', '/Library/Preferences/com.apple.loginwindow', 'autoLoginUser');
  const autologin = login?.code === 0 ? login.text : null;
  const disabled = await run('launchctl', 'print-disabled', `gui/${process.getuid?.()}`);
  return macFindings({
    pmset: pmset.text,
    fdesetup: fdesetup.text,
    autologin,
    ...(disabled?.code === 0 && { disabled: disabled.text }),
  });
}

/** Each of what a Mac must be set to is a line of its own. */
export const night: Check = {
  name: 'this Mac',
  async run({ run }): Promise<Finding> {
    const found = await lookAtMac(run);
    if (found === null) return { state: 'unseen', what: 'this is no Mac' };
    const bad = found.filter(({ fine }) => !fine);
    if (bad.length === 0) return { state: 'fine', what: 'it stays awake, and comes back after a power cut' };
    return {
      state: 'warning',
      what: bad.map(({ what }) => what).join('; '),
      cure: bad.flatMap(({ cure }) => cure ?? []).join('; '),
    };
  },
};
