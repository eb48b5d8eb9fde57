/** launchd is simulated here (shared/testing/launchd-double); the programs and the property lists are real. */

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { root } from '#shared/base/root.ts';
import { type ServiceName, services } from '#shared/manifest.ts';
import { kickstart } from '#shared/runtime/launchctl.ts';
import { alive, buildHouse } from '#shared/testing/house.ts';
import { type Login, startLaunchd } from '#shared/testing/launchd-double/launchd.ts';
import { until } from '#shared/testing/scratch.ts';
import { labelOf } from '#shared/units/launchd.ts';
import { launchdOf } from './launchd.ts';
import { placeOf } from './place.ts';

const everybody = services.map(({ name }) => name);
/** What the releases made here hold. */
const few: readonly ServiceName[] = ['core', 'cron', 'telegram'];

/** A service that says which release it is of, and ends when it is asked to. */
const obedient = (version: string) => `
echo ${version} >>"$VIGIL_HOME/starts.txt"
trap 'exit 143' TERM
sleep 1000 & wait
`;
/** Takes Node's place where many are started: it has the shell run the program. */
const shell = '#!/bin/sh\nfor program; do :; done\nexec /bin/sh "$program"\n';

/** A Mac's user with a release of small programs, and launchd. */
async function mac(t: TestContext, login: Login = 'screen') {
  const user = mkdtempSync(join(tmpdir(), 'vigil-mac-'));
  const place = placeOf('mac', user);
  const launchd = await startLaunchd({
    directory: join(user, 'launchd'),
    home: user,
    login,
    throttle_ms: 200,
  });
  t.after(async () => {
    await launchd.close();
    rmSync(user, { recursive: true });
  });
  mkdirSync(place.home.credentials, { recursive: true, mode: 0o700 });
  writeFileSync(join(place.home.credentials, 'telegram.env'), '');
  const said: string[] = [];
  const supervisor = () => launchdOf(place, { program: launchd.launchctl, say: (text) => said.push(text) });

  function release(version: string, edit: (text: string, service: ServiceName) => string = (text) => text) {
    const folder = join(place.prefix, 'releases', version);
    for (const name of ['bin', 'services', 'launchd']) mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'bin', 'node'), shell, { mode: 0o755 });
    for (const name of few) {
      writeFileSync(join(folder, 'services', `${name}.cjs`), obedient(version));
      const list = join('launchd', `${labelOf(name)}.plist`);
      writeFileSync(join(folder, list), edit(readFileSync(join(root, list), 'utf8'), name));
    }
    rmSync(join(place.prefix, 'current'), { force: true });
    symlinkSync(folder, join(place.prefix, 'current'));
    return folder;
  }

  return {
    user,
    place,
    launchd,
    said,
    supervisor,
    release,
    /** The calls of one command, by service, since the last time it was asked for. */
    asked(command: string) {
      const found = launchd.calls.filter(({ args }) => args[0] === command).map(({ args }) => args.join(' '));
      return found.map((line) => /ai\.vigil\.(\w+)/.exec(line)?.[1] ?? line).sort();
    },
    forget: () => launchd.calls.splice(0),
    starts: () => readFileSync(join(place.home.directory, 'starts.txt'), 'utf8').trim().split('\n'),
    async running(version: string) {
      const file = join(place.home.directory, 'starts.txt');
      await until(
        `all run ${version}`,
        () =>
          existsSync(file) &&
          readFileSync(file, 'utf8')
            .split('\n')
            .filter((line) => line === version).length >= few.length,
      );
    },
  };
}

async function pidsOf(supervisor: ReturnType<typeof launchdOf>): Promise<(number | null)[]> {
  const found = await supervisor.standings();
  return few.map((name) => found.get(name)?.pid ?? null);
}

describe('launchd as the supervisor', () => {
  test('what a release holds is installed byte for byte, closed to others, once', async (t) => {
    const { place, supervisor, release, launchd } = await mac(t);
    const folder = release('1');
    const files = few.map((name) => `${labelOf(name)}.plist`).sort();
    assert.deepEqual((await supervisor().install(folder)).sort(), files);
    assert.deepEqual(readdirSync(place.units).sort(), files);
    for (const file of files) {
      assert.deepEqual(readFileSync(join(place.units, file)), readFileSync(join(root, 'launchd', file)));
      assert.equal(statSync(join(place.units, file)).mode & 0o777, 0o600);
    }
    assert.deepEqual(await supervisor().install(folder), []);
    assert.deepEqual(launchd.calls, [], 'installing starts nothing');
  });

  test("Node stays at one path, and is the installed release's", async (t) => {
    const { place, supervisor, release } = await mac(t);
    const node = join(place.prefix, 'runtime', 'node-24', 'bin', 'node');
    const first = release('1');
    await supervisor().install(first);
    const { ino } = statSync(node);
    await supervisor().install(release('2'));
    assert.equal(statSync(node).ino, ino, 'what is the same is left alone');
    const third = release('3');
    writeFileSync(join(third, 'bin', 'node'), `${shell}\n# newer`);
    for (const installed of [third, first]) {
      await supervisor().install(installed);
      assert.deepEqual(readFileSync(node), readFileSync(join(installed, 'bin', 'node')));
      assert.equal(statSync(node).mode & 0o777, 0o755);
    }
  });

  test('an unchanged property list is never unloaded: restart drains, and runs what is current', async (t) => {
    const { supervisor, release, running, asked, forget } = await mac(t);
    await supervisor().install(release('1'));
    await supervisor().start();
    await running('1');
    const before = await pidsOf(supervisor());
    forget();
    assert.deepEqual(await supervisor().install(release('2')), []);
    await supervisor().restart();
    await running('2');
    const after = await pidsOf(supervisor());
    assert.ok(after.every((pid) => pid !== null && !before.includes(pid)));
    assert.deepEqual(asked('bootout'), []);
    assert.deepEqual(asked('bootstrap'), []);
    assert.deepEqual(asked('kill'), [...few].sort());
  });

  test('a changed property list is unloaded and loaded once, also by a command that comes after a crash', async (t) => {
    const { supervisor, release, running, asked, forget } = await mac(t);
    await supervisor().install(release('1'));
    await supervisor().start();
    await running('1');
    const changed = release('2', (text, name) =>
      name === 'core' ? text.replace('<integer>4096</integer>', '<integer>4095</integer>') : text,
    );
    assert.deepEqual(await supervisor().install(changed), ['ai.vigil.core.plist']);
    forget();
    await supervisor().restart();
    await running('2');
    assert.deepEqual([asked('bootout'), asked('bootstrap')], [['core'], ['core']]);
    forget();
    await supervisor().restart(['core']);
    assert.deepEqual([asked('bootout'), asked('bootstrap'), asked('kill')], [[], [], ['core']]);
  });

  test('a property list that launchd refuses leaves the service loaded with the former one', async (t) => {
    const { place, supervisor, release, running, said } = await mac(t);
    await supervisor().install(release('1'));
    await supervisor().start();
    await running('1');
    await supervisor().install(
      release('2', (text, name) => (name === 'core' ? text.replace('ExitTimeOut', 'ExitTimeout') : text)),
    );
    await assert.rejects(supervisor().restart(), {
      name: 'Misconfigured',
      message:
        /ai\.vigil\.core: the new property list is refused, and the former one is loaded again\n {2}cure/,
    });
    const { core } = Object.fromEntries(await supervisor().standings());
    assert.equal(core?.state, 'active');
    assert.deepEqual(
      readFileSync(join(place.units, 'ai.vigil.core.plist')),
      readFileSync(join(root, 'launchd', 'ai.vigil.core.plist')),
    );
    assert.deepEqual(said, []);
  });

  test('a service that does not end when it is asked to is killed after its time, and started', async (t) => {
    const { supervisor, release, running, asked } = await mac(t);
    const folder = release('1', (text) => text.replace(/(<key>ExitTimeOut<\/key>\s*<integer>)\d+/, '$11'));
    await supervisor().install(folder);
    await supervisor().start();
    await running('1');
    const before = (await supervisor().standings()).get('core')?.pid ?? 0;
    process.kill(before, 'SIGSTOP');
    await supervisor().restart(['core']);
    const pid = await until('core is back', async () => {
      const { pid } = (await supervisor().standings()).get('core') ?? {};
      return pid === before ? null : pid;
    });
    assert.ok(alive(pid) && !alive(before));
    assert.ok(asked('kickstart').includes('core'));
  });

  test('off leaves no process, also after a power cut; on brings all back', async (t) => {
    const { supervisor, release, running, launchd } = await mac(t);
    await supervisor().install(release('1'));
    await supervisor().enable();
    await supervisor().start();
    await running('1');
    const pids = launchd.pids();
    assert.equal(pids.length, few.length);
    await supervisor().disable();
    await supervisor().stop();
    assert.ok(!pids.some(alive));
    const standings = await supervisor().standings();
    const states = few.map((name) => standings.get(name)?.state);
    assert.deepEqual([...new Set(states)], ['stopped']);
    assert.equal(standings.get('router')?.state, 'absent', 'it has no property list');
    await launchd.reboot('screen');
    assert.deepEqual(launchd.pids(), []);
    await supervisor().enable();
    await supervisor().start();
    assert.equal(launchd.pids().length, few.length);
    await launchd.reboot('screen');
    assert.equal(launchd.pids().length, few.length, 'a login starts them');
    await launchd.reboot('nobody');
    assert.deepEqual(launchd.pids(), [], 'agents run for somebody who is logged in');
  });

  test('over ssh alone they run in the domain of the user, and move when somebody sits down at the screen', async (t) => {
    const { supervisor, release, launchd, said, user } = await mac(t, 'ssh');
    await supervisor().install(release('1'));
    const overSsh = supervisor();
    await overSsh.start();
    await overSsh.restart(['core']);
    assert.equal(said.length, 1, 'the reason is told once');
    assert.match(said[0] ?? '', /nobody is logged in at the screen, so user\/\d+ it is/);
    assert.equal(launchd.pids().length, few.length);

    launchd.login('screen');
    assert.equal(launchd.pids().length, 2 * few.length, 'the login loads them once more');
    await supervisor().start();
    assert.equal(launchd.pids().length, few.length);
    const uid = statSync(user).uid;
    const { stdout } = await promisify(execFile)(launchd.launchctl, ['list']);
    for (const name of few) assert.match(stdout, new RegExp(`^\\d+\t0\t${labelOf(name)}$`, 'm'));
    assert.ok(launchd.calls.some(({ args }) => args.join(' ') === `bootout user/${uid}/ai.vigil.core`));
    await supervisor().stop();
    assert.deepEqual(launchd.pids(), []);
  });

  test('with nobody logged in, it says who is to log in', async (t) => {
    const { supervisor, release } = await mac(t, 'nobody');
    await supervisor().install(release('1'));
    await assert.rejects(
      supervisor().start(),
      /logged in neither at the screen nor over ssh\n {2}cure: log in/,
    );
  });

  test('what somebody else is still unloading is loaded all the same', async (t) => {
    const { supervisor, release, running, launchd, user } = await mac(t);
    const folder = release('1');
    await supervisor().install(folder);
    await supervisor().start();
    await running('1');
    const target = `gui/${statSync(user).uid}/ai.vigil.core`;
    const core = (await supervisor().standings()).get('core')?.pid ?? 0;
    process.kill(core, 'SIGSTOP');
    await promisify(execFile)(launchd.launchctl, ['bootout', target]);
    const looked = () => launchd.calls.filter(({ args }) => args.join(' ') === `print ${target}`).length;
    const before = looked();
    const starting = supervisor().start(['core']);
    await until('it has seen the one that is leaving', () => looked() > before + 2);
    process.kill(core, 'SIGCONT');
    await starting;
    assert.equal((await supervisor().standings()).get('core')?.state, 'active');
  });

  test('a crash is started again, an end with 0 is not, until it is asked for', async (t) => {
    const { supervisor, release, running, place } = await mac(t);
    await supervisor().install(release('1'));
    await supervisor().start();
    await running('1');
    const standing = async () => (await supervisor().standings()).get('core');
    const first = (await standing())?.pid ?? 0;
    process.kill(first, 'SIGKILL');
    const second = await until('it is back', async () => {
      const pid = (await standing())?.pid;
      return pid === first ? null : pid;
    });
    writeFileSync(join(place.prefix, 'current', 'services', 'core.cjs'), 'exit 0');
    process.kill(second, 'SIGKILL');
    await until('it stays down', async () => (await standing())?.state === 'stopped');
    writeFileSync(join(place.prefix, 'current', 'services', 'core.cjs'), obedient('1'));
    await supervisor().start(['core']);
    assert.equal((await standing())?.state, 'active');
  });

  test('no service does it to itself', async (t) => {
    const { supervisor, release, launchd } = await mac(t);
    await supervisor().install(release('1'));
    t.after(() => delete process.env.XPC_SERVICE_NAME);
    process.env.XPC_SERVICE_NAME = 'ai.vigil.core';
    await assert.rejects(supervisor().restart(), /ai\.vigil\.core cannot do this to itself/);
    await assert.rejects(kickstart('core', { program: launchd.launchctl }), /cannot kickstart itself/);
    assert.deepEqual(launchd.calls, []);
  });

  test('uninstalled, launchd knows nothing of us, and other lists stay', async (t) => {
    const { supervisor, release, place, launchd } = await mac(t);
    await supervisor().install(release('1'));
    await supervisor().start();
    const other = join(place.units, 'com.example.other.plist');
    writeFileSync(other, '');
    await supervisor().disable();
    await supervisor().uninstall();
    assert.deepEqual(
      JSON.parse(readFileSync(join(place.prefix, '..', 'launchd', 'disabled.json'), 'utf8')),
      [],
    );
    assert.deepEqual(readdirSync(place.units), ['com.example.other.plist']);
    assert.deepEqual(launchd.pids(), []);
    assert.deepEqual(readdirSync(join(place.home.state, 'run')), []);
    await supervisor().uninstall();
  });

  test('a service that the release no longer has is unloaded and forgotten', async (t) => {
    const { supervisor, release, place, launchd, running } = await mac(t);
    await supervisor().install(release('1'));
    await supervisor().start();
    await running('1');
    const next = release('2');
    rmSync(join(next, 'launchd', 'ai.vigil.cron.plist'));
    assert.deepEqual(await supervisor().install(next), ['ai.vigil.cron.plist']);
    assert.ok(!existsSync(join(place.units, 'ai.vigil.cron.plist')));
    assert.equal(launchd.pids().length, few.length - 1);
    assert.equal((await supervisor().standings()).get('cron')?.state, 'absent');
  });

  test('without launchctl it says that this needs a Mac', async (t) => {
    const { place } = await mac(t);
    await assert.rejects(launchdOf(place, { program: '/nowhere/launchctl' }).start(), /this needs a Mac/);
  });
});

describe('the watchdog kickstarts', () => {
  for (const login of ['screen', 'ssh'] as const) {
    test(`a service that hangs, with somebody at the ${login}`, async (t) => {
      const { supervisor, release, running, launchd } = await mac(t, login);
      await supervisor().install(release('1'));
      await supervisor().start();
      await running('1');
      const hung = (await supervisor().standings()).get('core')?.pid ?? 0;
      process.kill(hung, 'SIGSTOP');
      await kickstart('core', { program: launchd.launchctl });
      const pid = await until('another runs', async () => {
        const { pid } = (await supervisor().standings()).get('core') ?? {};
        return pid === hung ? null : pid;
      });
      assert.ok(alive(pid) && !alive(hung));
    });
  }

  test('what launchd does not have is an error that says where it looked', async (t) => {
    const { launchd } = await mac(t);
    await assert.rejects(kickstart('core', { program: launchd.launchctl }), (error: Error) => {
      assert.match(error.message, /gui\/\d+: 113 Could not find service .*user\/\d+: 113 /);
      return true;
    });
  });
});

test('what docs/macos.md says to type installs it by hand, and takes it away', async (t) => {
  const { user, place, launchd, release, supervisor, running } = await mac(t);
  const folder = release('1');
  const type = async (section: string) => {
    const docs = readFileSync(join(root, 'docs', 'macos.md'), 'utf8');
    const [, lines = assert.fail(`no '${section}'`)] =
      new RegExp(`<!-- ${section} -->\n\`\`\`sh\n([^\`]+)`).exec(docs) ?? [];
    const env = { HOME: user, PATH: `${join(user, 'launchd')}:${process.env.PATH}` };
    return promisify(execFile)('sh', ['-euc', lines], { env });
  };
  const { stdout } = await type('by hand');
  for (const name of few) assert.match(stdout, new RegExp(`^\\d+\t0\t${labelOf(name)}$`, 'm'));
  await running('1');
  assert.deepEqual(await supervisor().install(folder), [], 'it is what the installer would have done');
  assert.equal(statSync(join(place.units, 'ai.vigil.core.plist')).mode & 0o777, 0o600);
  await type('away');
  assert.deepEqual(readdirSync(place.units), []);
  await until('nothing of it runs', () => launchd.pids().length === 0);
});

test('the real services, on a simulated Mac: all are ready, what is killed is back, off is off, on is on', async (t) => {
  const user = mkdtempSync(join(tmpdir(), 'vigil-mac-'));
  const place = placeOf('mac', user);
  const release = join(place.prefix, 'releases', '1');
  mkdirSync(place.prefix, { mode: 0o700 });
  const house = await buildHouse({ directory: place.prefix });
  // A release made by hand.
  execFileSync(process.execPath, [join(root, 'scripts', 'bundle.ts'), release]);
  for (const name of ['package.json', 'config.example.toml', 'node_modules', 'launchd']) {
    symlinkSync(join(root, name), join(release, name));
  }
  mkdirSync(join(release, 'shared', 'store'), { recursive: true });
  symlinkSync(join(root, 'shared', 'store', 'migrations'), join(release, 'shared', 'store', 'migrations'));
  symlinkSync(join('releases', '1'), join(place.prefix, 'current'));
  mkdirSync(join(release, 'bin'));
  symlinkSync(process.execPath, join(release, 'bin', 'node'));

  const launchd = await startLaunchd({ directory: join(user, 'launchd'), home: user, throttle_ms: 300 });
  t.after(async () => {
    await launchd.close();
    await house.close();
    rmSync(user, { recursive: true });
  });
  const supervisor = launchdOf(place, { program: launchd.launchctl });
  await supervisor.install(release);
  await supervisor.enable();
  await supervisor.start();
  const first = await Promise.all(everybody.map((name) => house.pidOf(name)));
  const standings = await supervisor.standings();
  assert.deepEqual(
    everybody.map((name) => standings.get(name)?.pid),
    first,
    'launchd has the very processes that beat',
  );

  for (const pid of first) process.kill(pid, 'SIGKILL');
  const second = await until('all are back', async () => {
    const pids = await Promise.all(everybody.map((name) => house.pidOf(name)));
    return pids.some((pid) => first.includes(pid)) ? null : pids;
  });

  const core = second[everybody.indexOf('core')] ?? 0;
  process.kill(core, 'SIGSTOP');
  await kickstart('core', { program: launchd.launchctl });
  await until('the one that hung is replaced', async () => (await house.pidOf('core')) !== core);

  appendFileSync(house.home.config, '\n[weather]\n');
  await supervisor.restart(['cron']);
  await until('it is down for a person to mend', async () => {
    return (await supervisor.standings()).get('cron')?.state === 'stopped';
  });
  const crash = readFileSync(join(house.home.logs, 'cron', 'crash.txt'), 'utf8');
  assert.match(crash, /\[weather\]: unknown section/);
  writeFileSync(house.home.config, readFileSync(house.home.config, 'utf8').replace('\n[weather]\n', ''));

  writeFileSync(house.home.stopped, '');
  await supervisor.disable();
  await supervisor.stop();
  assert.deepEqual(launchd.pids(), []);
  await launchd.reboot('screen');
  assert.deepEqual(launchd.pids(), []);
  rmSync(house.home.stopped);
  await supervisor.enable();
  await supervisor.start();
  await Promise.all(everybody.map((name) => house.pidOf(name)));
  await supervisor.stop();
});
