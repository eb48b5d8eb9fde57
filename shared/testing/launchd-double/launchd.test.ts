/** The simulation keeps its own rules; scripts/mac-acceptance is their list, and is played here as on a real Mac. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { root } from '../../base/root.ts';
import { CODE } from '../../runtime/launchctl.ts';
import { until } from '../scratch.ts';
import { type Login, startLaunchd } from './launchd.ts';

const uid = process.getuid?.() ?? 0;
const run = promisify(execFile);

async function mac(t: TestContext, login: Login = 'screen') {
  const home = mkdtempSync(join(tmpdir(), 'vigil-launchd-'));
  const launchd = await startLaunchd({ directory: join(home, 'launchd'), home, login, throttle_ms: 300 });
  t.after(async () => {
    await launchd.close();
    rmSync(home, { recursive: true });
  });
  const agents = join(home, 'Library', 'LaunchAgents');
  mkdirSync(agents, { recursive: true });
  return {
    home,
    agents,
    launchd,
    async ask(...args: string[]): Promise<[code: number, words: string]> {
      try {
        return [0, (await run(launchd.launchctl, args)).stdout];
      } catch (error) {
        const { code, stderr } = error as { code: number; stderr: string };
        return [code, stderr];
      }
    },
    /** A property list of one job: a line of shell, and keys of its own. */
    list(name: string, line: string, keys = '') {
      const path = join(agents, `${name}.plist`);
      const text = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
<key>Label</key><string>${name}</string>
<key>ProgramArguments</key><array><string>/bin/sh</string><string>-c</string><string>${line}</string></array>
<key>RunAtLoad</key><true/>
${keys}
</dict>
</plist>
`;
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    },
  };
}

describe('scripts/mac-acceptance', { concurrency: true }, () => {
  for (const login of ['screen', 'ssh'] as const) {
    test(`finds no difference on the simulation, with somebody at the ${login}, and leaves nothing`, async (t) => {
      const { home, launchd } = await mac(t, login);
      const tmp = join(home, 'tmp');
      mkdirSync(tmp);
      const { stdout } = await run(join(root, 'scripts', 'mac-acceptance'), {
        env: { PATH: process.env.PATH, HOME: home, TMPDIR: tmp, LAUNCHCTL: launchd.launchctl },
      }).catch((error) => assert.fail(error.stdout + error.stderr));
      assert.match(stdout, /^differences: 0$/m);
      const table = readFileSync(join(import.meta.dirname, 'exit-codes.tsv'), 'utf8');
      for (const [, rule] of table.matchAll(/^([a-z][\w.-]+)\t/gm)) {
        assert.match(stdout, new RegExp(`^ok\\t${rule}\\t`, 'm'), `${rule} is tried`);
      }
      assert.ok(!launchd.calls.some(({ code }) => code === 98 || code === 99));
      await until('nothing of it runs', () => launchd.pids().length === 0);
      assert.deepEqual(readdirSync(tmp), []);
    });
  }

  test('says where a Mac differs', async (t) => {
    const { home, launchd } = await mac(t, 'screen');
    const other = join(home, 'other-launchctl');
    writeFileSync(
      other,
      `#!/bin/sh\n'${launchd.launchctl}' "$@"\ncode=$?\n[ "$1" = bootout ] && [ $code = 3 ] && exit 113\nexit $code\n`,
      {
        mode: 0o755,
      },
    );
    const failed: { code: number; stdout: string } = await run(join(root, 'scripts', 'mac-acceptance'), {
      env: { PATH: process.env.PATH, HOME: home, LAUNCHCTL: other },
    }).then(
      () => assert.fail('it found no difference'),
      (error) => error,
    );
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /^DIFFERS\tbootout\.no-service\texpected 3, got 113: Boot-out failed/m);
    assert.match(failed.stdout, /^differences: 1$/m);
  });
});

describe('the simulated launchd', () => {
  test('answers with the codes that the rest of the house reads', () => {
    const table = readFileSync(join(import.meta.dirname, 'exit-codes.tsv'), 'utf8');
    const { inProgress, alreadyInProgress, ...codes } = CODE;
    for (const code of Object.values(codes)) assert.match(table, new RegExp(`^\\S+\t${code}\t`, 'm'));
    for (const code of [inProgress, alreadyInProgress]) assert.ok(!table.includes(`\t${code}\t`));
  });

  test('refuses what it does not model', async (t) => {
    const { ask, list } = await mac(t);
    for (const args of [
      ['load', '/nowhere'],
      ['kickstart', '-p', `gui/${uid}/a`],
      ['list', 'a'],
    ]) {
      const [code, words] = await ask(...args);
      assert.equal(code, 98, args.join(' '));
      assert.match(words, /^simulated launchd: .* is not modelled\n$/);
    }
    const misspelt = list('a', 'exit 0', '<key>ExitTimeout</key><integer>5</integer>');
    const [code, words] = await ask('bootstrap', `gui/${uid}`, misspelt);
    assert.equal(code, 99);
    assert.match(words, /unknown key ExitTimeout/);
  });

  test('kills what is left of the process group, and what does not end within its ExitTimeOut', async (t) => {
    const { ask, list, home, launchd } = await mac(t);
    const child = join(home, 'child');
    const line = `trap '' TERM; sleep 1000 &amp; echo $! &gt;${child}; while :; do wait; sleep 0.1; done`;
    await ask('bootstrap', `gui/${uid}`, list('a', line, '<key>ExitTimeOut</key><integer>1</integer>'));
    const pid = await until('it runs', () => {
      try {
        return Number(readFileSync(child, 'utf8'));
      } catch {
        return null;
      }
    });
    await ask('bootout', `gui/${uid}/a`);
    assert.match((await ask('print', `gui/${uid}/a`))[1], /state = SIGTERMed/);
    await until('it is gone', async () => (await ask('print', `gui/${uid}/a`))[0] === 113);
    assert.deepEqual(launchd.pids(), []);
    // A child that nobody has waited for yet is a name without a process.
    await until('its child is gone as well', () =>
      run('ps', ['-o', 'stat=', '-p', `${pid}`]).then(
        ({ stdout }) => stdout.startsWith('Z'),
        () => true,
      ),
    );
  });

  test('starts agents at a login, and a disabled one at none', async (t) => {
    const { ask, list, launchd } = await mac(t, 'nobody');
    list('a', 'sleep 1000');
    list('b', 'sleep 1000');
    launchd.login('screen');
    assert.equal(launchd.pids().length, 2);
    await ask('disable', `gui/${uid}/b`);
    assert.equal(launchd.pids().length, 2, 'it stops nothing');
    assert.match((await ask('print-disabled', `gui/${uid}`))[1], /"b" => disabled/);
    await launchd.reboot('screen');
    assert.equal(launchd.pids().length, 1);
    await launchd.reboot('ssh');
    assert.deepEqual(launchd.pids(), [], 'both are for the screen');
    await launchd.reboot('nobody');
    assert.deepEqual(launchd.pids(), []);
  });

  test('a daemon with UserName runs with nobody logged in, and is given no HOME', async (t) => {
    const { ask, list, home, launchd } = await mac(t, 'nobody');
    const met = join(home, 'met');
    const { stdout: name } = await run('id', ['-un']);
    const line = `echo "home=$HOME" &gt;${met}; sleep 1000`;
    const path = list('a', line, `<key>UserName</key><string>${name.trim()}</string>`);
    assert.deepEqual(await ask('bootstrap', 'system', path), [0, '']);
    await until('it runs', () => launchd.pids().length === 1);
    const text = await until('it has written', () => {
      try {
        return readFileSync(met, 'utf8');
      } catch {
        return null;
      }
    });
    assert.equal(text, 'home=\n');
  });
});
