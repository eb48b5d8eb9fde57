/** Installations as the owner of a Mac makes them: real commands and services; launchd is simulated. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { parseEnv } from 'node:util';
import { root } from '#shared/base/root.ts';
import { type ServiceName, services } from '#shared/manifest.ts';
import { FILE } from '#shared/store/store.ts';
import { startAlarmRoutes } from '#shared/testing/alarm-routes.ts';
import { type BotApi, startBotApi } from '#shared/testing/bot-api.ts';
import { printed } from '#shared/testing/cli.ts';
import { freeze } from '#shared/testing/freeze.ts';
import { alive, buildHouse, KEY, OWNER, TOKEN } from '#shared/testing/house.ts';
import { type Launchd, startLaunchd } from '#shared/testing/launchd-double/launchd.ts';
import { startMessagesApi } from '#shared/testing/messages-api.ts';
import { freePort } from '#shared/testing/ports.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { labelOf } from '#shared/units/launchd.ts';
import { placeOf } from '../host/place.ts';
import { variantOf } from '../host/variant.ts';

const everybody = services.map(({ name }) => name);
const all = everybody.length;
const uid = process.getuid?.() ?? 0;

type Row = { name: ServiceName; phase: string; version: string | null; pid: number | null };

/** What a Mac's own programs say on one that sleeps. */
const PROGRAMS = {
  pmset: 'echo " sleep 1"; echo " autorestart 1"',
  fdesetup: 'echo "FileVault is Off."',
  defaults: 'echo ada',
};

async function aMac(t: TestContext) {
  const user = scratch(t);
  const launchd: Launchd = await startLaunchd({
    directory: join(user, 'launchd'),
    home: user,
    throttle_ms: 300,
  });
  t.after(() => launchd.close());
  const programs = join(user, 'programs');
  mkdirSync(programs);
  for (const [name, line] of Object.entries(PROGRAMS))
    writeFileSync(join(programs, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  const place = placeOf('mac', user);
  const { VIGIL_HOME: _, ...rest } = process.env;
  const env = {
    ...rest,
    HOME: user,
    PATH: `${programs}:${join(user, 'launchd')}:${process.env.PATH}`,
    VIGIL_LAUNCHCTL: launchd.launchctl,
    NO_COLOR: '1',
  };

  const run = (command: readonly string[], input: string, more: NodeJS.ProcessEnv) =>
    printed(command, { env: { ...env, ...more }, input, timeout_ms: 120_000 });

  const mac = {
    user,
    place,
    launchd,
    /** From a checkout that keeps its things in `kept`. */
    checkout: (kept: string, ...args: string[]) =>
      run([process.execPath, join(root, 'scripts', 'vigil.ts'), ...args], '', { VIGIL_HOME: kept }),
    release: (folder: string, ...args: string[]) => run([join(folder, 'bin', 'vigil'), ...args], '', {}),
    /** The installed command. */
    vigil: (...args: string[]) => run([place.command, ...args], '', {}),
    typing: (input: string, ...args: string[]) => run([place.command, ...args], input, {}),
    async must(...args: string[]): Promise<string> {
      const { code, stdout, stderr } = await mac.vigil(...args);
      assert.equal(code, 0, `vigil ${args.join(' ')}: ${code}\n${stdout}${stderr}`);
      return stdout;
    },
    async rows(): Promise<Row[]> {
      return JSON.parse((await mac.vigil('status', '--json')).stdout).services;
    },
    async pids(): Promise<Map<ServiceName, number | null>> {
      return new Map((await mac.rows()).map(({ name, pid }) => [name, pid]));
    },
    async ready(version: string): Promise<ServiceName[]> {
      const rows = (await mac.rows()).filter((row) => row.phase === 'ready' && row.version === version);
      return rows.map(({ name }) => name);
    },
    /** The services whose process is another one now. */
    async changed(since: Map<ServiceName, number | null>): Promise<ServiceName[]> {
      const now = await mac.pids();
      return everybody.filter((name) => now.get(name) !== since.get(name));
    },
    /** The calls of one command, by service. */
    asked: (command: string) =>
      launchd.calls.filter(({ args }) => args[0] === command).map(({ args }) => args.join(' ')),
    forget: () => void launchd.calls.splice(0),
    lists: () => (existsSync(place.units) ? readdirSync(place.units).sort() : []),
    /** What launchd says; never in one go with this process, which simulates it. */
    launchctl: (...args: string[]) => run([launchd.launchctl, ...args], '', {}).then(({ stdout }) => stdout),
    tree: () => execFileSync('find', [user, '-path', '*/launchd', '-prune', '-o', '-print']).toString(),
  };
  return mac;
}

async function answers(bot: BotApi, text: string): Promise<void> {
  await bot.say({ chat_id: OWNER, text });
  await bot.waitSent((sent) => sent.text === `answer to: ${text}`);
}

describe('on a simulated Mac', { concurrency: true }, () => {
  const ends: (() => void)[] = [];
  let folder: string;
  let release: string;
  before(() => {
    folder = scratch({ after: (end: () => void) => void ends.push(end) } as TestContext);
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    release = execFileSync(join(root, 'scripts', 'release'), [folder], {
      encoding: 'utf8',
      stdio: [...stdio],
    }).trim();
  });
  after(() => {
    for (const end of ends) end();
  });

  test('from the installation of a checkout to the last trace of it', async (t) => {
    const kept = join(scratch(t), 'kept');
    const house = await buildHouse({ directory: kept, telegram: false });
    t.after(() => house.close());
    const mac = await aMac(t);
    const { place, launchd } = mac;
    const version = basename(release);
    const withoutTelegram = everybody.filter((name) => name !== 'telegram');

    await t.test('while the checkout runs nothing is taken over, and a rehearsal does nothing', async () => {
      const cron = await house.serve('cron');
      await house.accessKey('of-the-checkout');
      const untouched = mac.tree();
      const busy = await mac.checkout(kept, 'install', '--from', release);
      assert.equal(busy.code, 78);
      assert.match(busy.stderr, /cron still runs on .*kept, which is to be taken over\n {2}cure: end it/);
      await cron.stop();
      const rehearsed = await mac.checkout(kept, 'install', '--from', release, '--dry-run');
      assert.equal(rehearsed.code, 0, rehearsed.stderr);
      assert.match(rehearsed.stdout, /^would install the units of .* in .*Library\/LaunchAgents$/m);
      assert.match(rehearsed.stdout, /steps; nothing was changed$/m);
      assert.equal(mac.tree(), untouched);
      assert.deepEqual([...mac.asked('bootstrap'), ...mac.asked('enable')], []);
      const system = await mac.checkout(kept, 'install', '--system');
      assert.match(system.stderr, /--system is for Linux/);
    });

    await t.test('it is installed, with what the checkout has kept', async () => {
      const { code, stdout, stderr } = await mac.checkout(kept, 'install', '--from', release, '--yes');
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`vigil ${version} is installed in ${place.prefix}$`, 'm'));
      assert.match(stdout, /^telegram +off/m);
      assert.match(stdout, /^the command is .*: put .*\.local\/bin into your PATH$/m);
      assert.deepEqual(await mac.ready(version), withoutTelegram);
      assert.match(await mac.must('key', 'list'), /of-the-checkout/);
      assert.match(readFileSync(join(kept, 'STOPPED'), 'utf8'), /taken over by the installation/);
      const lists = everybody.map((name) => `${labelOf(name)}.plist`).sort();
      assert.deepEqual(mac.lists(), lists);
      for (const list of lists) {
        const path = join(place.units, list);
        assert.deepEqual(readFileSync(path), readFileSync(join(root, 'launchd', list)));
        assert.equal(statSync(path).mode & 0o777, 0o600);
      }
      const open = [
        '-perm',
        '/077',
        '!',
        '-type',
        'l',
        '!',
        '-path',
        '*/releases/*',
        '!',
        '-path',
        '*/runtime/*',
      ];
      assert.equal(execFileSync('find', [place.prefix, ...open]).toString(), '');
    });

    await t.test('a second run finds all done', async () => {
      const before = await mac.pids();
      assert.match((await mac.release(release, 'install')).stdout, /is installed: nothing was to do$/m);
      assert.deepEqual(await mac.changed(before), []);
    });

    await t.test('a secret restarts its users alone: the bridge that waited for it comes up', async () => {
      const before = await mac.pids();
      const token = `TELEGRAM_BOT_TOKEN=${TOKEN}\nTELEGRAM_API_ROOT=${house.bot.root}\n`;
      const { code, stdout, stderr } = await mac.typing(token, 'credentials', 'set', 'telegram');
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^'telegram' is set: telegram, watchdog run with it$/m);
      assert.deepEqual(await mac.changed(before), ['telegram', 'watchdog']);
      for (const name of ['telegram', 'watchdog']) {
        const file = join(place.home.credentials, `${name}.env`);
        assert.equal(parseEnv(readFileSync(file, 'utf8')).TELEGRAM_BOT_TOKEN, TOKEN);
        assert.equal(statSync(file).mode & 0o777, 0o600);
      }
      await answers(house.bot, 'is anybody there?');
    });

    await t.test('restart drains, all or one; nothing is unloaded for it', async () => {
      mac.forget();
      const first = await mac.pids();
      assert.match(await mac.must('restart', 'cron'), /^1 of 1 ready again/);
      assert.deepEqual(await mac.changed(first), ['cron']);
      assert.match(await mac.must('restart'), new RegExp(`^${all} of ${all} ready again`));
      assert.deepEqual(await mac.changed(first), everybody);
      assert.deepEqual([...mac.asked('bootout'), ...mac.asked('bootstrap')], []);
      assert.match(await mac.must('logs', 'cron'), / cron +service\.stopp/);
    });

    await t.test('the doctor finds it in order, and a Mac that falls asleep', async () => {
      const found = await mac.must('doctor');
      assert.match(found, /^✓ units +as in the release$/m);
      assert.match(found, /^! this Mac +it falls asleep [^;]*\n +cure: sudo pmset -a sleep 0$/m);
      const list = join(place.units, 'ai.vigil.core.plist');
      rmSync(list);
      const broken = await mac.vigil('doctor');
      assert.equal(broken.code, 1);
      assert.match(
        broken.stdout,
        /^✗ units +not as in the release: ai\.vigil\.core\.plist\n +cure: .*vigil install$/m,
      );
      assert.match(await mac.must('install'), /^install the units of /m);
      assert.deepEqual(await mac.ready(version), everybody);
    });

    const schema = () => {
      const program = `console.log(new (require('better-sqlite3'))('${join(place.home.state, 'vigil.db')}').pragma('user_version', { simple: true }))`;
      const cwd = join(place.prefix, 'current');
      return Number(execFileSync(join(cwd, 'bin', 'node'), ['-e', program], { cwd }));
    };
    const GOOD = '0.1.0-00000001';
    const list = readFileSync(join(root, 'launchd', 'ai.vigil.cron.plist'), 'utf8');
    await t.test(
      'to another release and back: the list that has changed is loaded anew, no other',
      async () => {
        const good = variantOf(release, GOOD, {
          'launchd/ai.vigil.cron.plist': list.replace('<integer>4096</integer>', '<integer>4095</integer>'),
        });
        mac.forget();
        assert.match(await mac.must('upgrade', good), /current is 0\.1\.0-00000001/);
        assert.deepEqual(await mac.ready(GOOD), everybody);
        assert.deepEqual(mac.asked('bootout'), [`bootout gui/${uid}/ai.vigil.cron`]);
        const back = await mac.must('rollback');
        t.diagnostic(back.trim().split('\n').at(-1) ?? '');
        assert.deepEqual(await mac.ready(version), everybody);
        assert.equal(readFileSync(join(place.units, 'ai.vigil.cron.plist'), 'utf8'), list);
      },
    );

    await t.test('a release that does not come up is taken back, with the store', async () => {
      const before = schema();
      const broken = variantOf(release, '0.1.0-00000002', {
        'shared/store/migrations/0999_fresh.sql': 'CREATE TABLE fresh (id INTEGER) STRICT;',
        'services/core.cjs': `throw new Error('broken');`,
      });
      const { code, stdout } = await mac.vigil('upgrade', broken);
      assert.equal(code, 1);
      assert.match(stdout, new RegExp(`${all - 1} of ${all} ready: back to`));
      assert.match(stdout, /^undone: .*\n {2}core is not ready: /m);
      assert.deepEqual(await mac.ready(version), everybody);
      assert.equal(schema(), before);
      await answers(house.bot, 'still there?');
    });

    await t.test('off is 0 processes, also after a power cut and a login; on is all of them', async () => {
      const pids = launchd.pids();
      assert.match(await mac.must('off', 'going away'), /^off: 0 processes/m);
      assert.deepEqual(pids.filter(alive), []);
      await launchd.reboot('screen');
      assert.deepEqual(launchd.pids(), []);
      assert.match((await mac.vigil('status')).stdout, /OFF: .*going away; nothing runs until: vigil on/);
      assert.match(
        (await mac.vigil('doctor')).stdout,
        /launchd is told not to start ai\.vigil\.alerts, ai\.vigil\.backup/,
      );
      assert.match(await mac.must('on'), new RegExp(`^on: ${all} of ${all} ready`));
      assert.deepEqual(await mac.ready(version), everybody);
    });

    await t.test('taken away while it is off, it leaves what it has kept, and launchd nothing', async () => {
      await mac.must('off');
      assert.match(await mac.must('uninstall'), /it has left .*config\.toml, /);
      assert.deepEqual([mac.lists(), launchd.pids()], [[], []]);
      assert.doesNotMatch(await mac.launchctl('print-disabled', `gui/${uid}`), /vigil/);
      assert.equal(await mac.launchctl('list'), 'PID\tStatus\tLabel\n');
      assert.deepEqual(readdirSync(place.prefix).sort(), [
        'STOPPED',
        'config.toml',
        'credentials',
        'logs',
        'state',
      ]);
      assert.ok(!existsSync(place.command));
      const again = await mac.release(release, 'install', '--yes');
      assert.match(again.stdout, /it is switched off .*: vigil on starts it/);
      const doubt = await mac.typing('no\n', 'uninstall', '--purge');
      assert.equal(doubt.code, 78);
      const purged = await mac.typing('purge\n', 'uninstall', '--purge');
      assert.match(purged.stdout, /nothing of Vigil is left$/m);
      assert.deepEqual([mac.lists(), launchd.pids()], [[], []]);
      assert.doesNotMatch(mac.tree(), /vigil\b.*\/\.vigil|LaunchAgents\/ai\.vigil|bin\/vigil/);
    });
  });

  test('from the first hour to a hang, and over ssh', async (t) => {
    const bot = await startBotApi({ token: TOKEN });
    const model = await startMessagesApi({ key: KEY });
    const routes = await startAlarmRoutes();
    t.after(() => Promise.all([bot.close(), model.close(), routes.close()]));
    const mac = await aMac(t);
    const { launchd } = mac;
    const kept = join(mac.user, 'kept');
    const port = await freePort();
    const version = basename(release);

    await t.test('a release is installed before it is set up', async () => {
      const { code, stderr } = await mac.release(release, 'setup', '--yes');
      assert.equal(code, 78);
      assert.match(stderr, /not installed yet\n {2}cure: .*bin\/vigil install, then: vigil setup/);
      assert.ok(!existsSync(join(release, '.vigil')));
    });

    await t.test('in a checkout a file answers everything: it is installed, and runs', async () => {
      mkdirSync(kept, { mode: 0o700 });
      writeFileSync(
        join(kept, 'config.toml'),
        `[router]\nport = ${port}\n[metrics]\nport = ${port + 4}\n[console]\nport = ${port + 5}\n[watchdog]\nlook_s = 0.2\nstale_s = 8\ngrace_s = 0.2\ncanary_s = 0\n`,
        { mode: 0o600 },
      );
      const file = join(mac.user, 'answers.toml');
      writeFileSync(
        file,
        `[key]\nkey = "${KEY}"\nendpoint = "${model.root}"
[bot]\ntoken = "${TOKEN}"\napi_root = "${bot.root}"\nowners = [${OWNER}]
[settings]\nalarm = "webhook"\nalarm_url = "${routes.webhook}"
[install]\nprofile = "mac"\n`,
      );
      chmodSync(file, 0o600);
      await bot.say({ chat_id: OWNER, text: '/start' });
      const { code, stdout, stderr } = await mac.checkout(kept, 'setup', '--answers', file);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /You: ping\n {2}Vigil: answer to: ping/);
      assert.match(stdout, /it falls asleep when nobody is there/);
      assert.match(stdout, /You can close this terminal/);
      assert.deepEqual(await mac.ready(version), everybody);
    });

    await t.test(
      'a hang is no business of launchd: the watchdog ends it, and the owner hears of it',
      async () => {
        const before = await mac.pids();
        const [core = 0, watchdog = 0] = [before.get('core') ?? 0, before.get('watchdog') ?? 0];
        mac.forget();
        for (const pid of [watchdog, core]) freeze(join(mac.place.home.state, FILE), pid);
        const hung_at = Date.now();
        await until('core has hung for longer than it may', () => Date.now() - hung_at > 9_000);
        assert.ok(launchd.pids().includes(core));
        assert.deepEqual(mac.asked('kickstart'), []);
        process.kill(watchdog, 'SIGCONT');
        await until('core is replaced', () => !launchd.pids().includes(core));
        assert.deepEqual(mac.asked('kickstart'), [`kickstart -k gui/${uid}/ai.vigil.core`]);
        await bot.waitSent(({ text }) => /core/.test(text ?? ''));
        await until('core is ready', async () => (await mac.ready(version)).includes('core'));
        assert.deepEqual(await mac.changed(before), ['core']);
      },
    );

    await t.test(
      'over ssh alone it runs in the domain of the user, says so, and moves to the screen',
      async () => {
        await launchd.reboot('ssh');
        await until('all are ready', async () => (await mac.ready(version)).length === everybody.length);
        const { stdout, stderr } = await mac.vigil('restart', 'core');
        assert.match(stdout, /^1 of 1 ready again/);
        assert.match(stderr, new RegExp(`nobody is logged in at the screen, so user/${uid} it is`));
        launchd.login('screen');
        mac.forget();
        assert.match(await mac.must('restart'), new RegExp(`^${all} of ${all} ready again`));
        assert.equal(
          mac.asked('bootout').filter((call) => call.includes(`user/${uid}`)).length,
          everybody.length,
        );
        assert.equal(launchd.pids().length, everybody.length);
      },
    );
  });
});
