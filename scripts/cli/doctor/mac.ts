/** What a Mac's own programs say of whether it works through the night, and comes back by itself after a power cut. */

export type MacFinding = { what: string; fine: boolean; cure?: string };

export type MacOutputs = {
  /** `pmset -g` */
  pmset: string;
  /** `fdesetup status` */
  fdesetup: string;
  /** `defaults read /Library/Preferences/com.apple.loginwindow autoLoginUser`; null: it has no such value. */
  autologin: string | null;
  /** `launchctl print-disabled gui/UID` */
  disabled?: string;
};

export function macFindings(outputs: MacOutputs): MacFinding[] {
  const findings = [...asleep(outputs.pmset), afterPowerCut(outputs)];
  if (outputs.disabled !== undefined) findings.push(disabled(outputs.disabled));
  return findings;
}

const POWER: readonly { setting: string; wanted: string; is: string; isNot: string; optional?: true }[] = [
  {
    setting: 'sleep',
    wanted: '0',
    is: 'it never falls asleep',
    isNot: 'it falls asleep when nobody is there',
  },
  {
    setting: 'autorestart',
    wanted: '1',
    is: 'it starts again after a power cut',
    isNot: 'it stays off after a power cut',
    // Macs with a battery have none.
    optional: true,
  },
  {
    setting: 'womp',
    wanted: '1',
    is: 'it wakes for the network',
    isNot: 'it does not wake for the network',
    optional: true,
  },
];

function asleep(pmset: string): MacFinding[] {
  return POWER.flatMap(({ setting, wanted, is, isNot, optional }): MacFinding[] => {
    const found = new RegExp(`^\\s*${setting}\\s+(\\d+)`, 'm').exec(pmset)?.[1];
    if (found === undefined && optional) return [];
    if (found === wanted) return [{ what: is, fine: true }];
    const said = found === undefined ? 'pmset does not say' : `${setting} is ${found}`;
    return [{ what: `${isNot} (${said})`, fine: false, cure: `sudo pmset -a ${setting} ${wanted}` }];
  });
}

/** LaunchAgents wait for a login: with FileVault on it cannot be an automatic one. */
function afterPowerCut({ fdesetup, autologin }: MacOutputs): MacFinding {
  const vault = /^FileVault is (On|Off)/m.exec(fdesetup)?.[1];
  const user = autologin?.trim();
  if (vault === undefined) {
    const cure = 'look under System Settings, Privacy & Security, and see docs/macos.md';
    return { what: 'whether FileVault is on, fdesetup does not say', fine: false, cure };
  }
  if (vault === 'On') {
    const what = 'FileVault is on: after a restart nothing runs until somebody unlocks the disk and logs in';
    return { what, fine: false, cure: 'choose among the three ways in docs/macos.md' };
  }
  if (user) return { what: `after a restart ${user} is logged in, and Vigil starts`, fine: true };
  const cure = 'System Settings, Users & Groups: log in automatically (docs/macos.md)';
  return { what: 'after a restart nothing runs until somebody logs in', fine: false, cure };
}

function disabled(text: string): MacFinding {
  // Older systems say true where newer ones say disabled.
  const ours = [...text.matchAll(/"(ai\.vigil\.\w+)" => (?:disabled|true)/g)].map(([, label]) => label);
  if (ours.length === 0) return { what: 'launchd starts every service at a login', fine: true };
  return { what: `launchd is told not to start ${ours.join(', ')}`, fine: false, cure: 'vigil on' };
}
