import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type ServiceName, serviceOf, services } from '#shared/manifest.ts';
import { readPlist } from '#shared/testing/launchd-double/plist.ts';
import { labelOf, launchdFiles } from '#shared/units/launchd.ts';
import { nodeOptions } from '#shared/units/process.ts';

const python = spawnSync('python3', ['--version']).status === 0;

describe('launchd property lists', () => {
  it('hold known keys of the right type, each once', () => {
    for (const { path, text } of launchdFiles(services)) assert.doesNotThrow(() => readPlist(text), path);
  });

  it('are read so strictly that a typing error is refused', () => {
    const text = plistOf('core');
    const broken: [string, string, RegExp][] = [
      ['ExitTimeOut', 'ExitTimeout', /unknown key ExitTimeout/],
      ['RunAtLoad', 'Label', /Label twice/],
      ['<string>Aqua</string>', '<string>Aqau</string>', /unknown word Aqau/],
      ['<integer>63</integer>', '<string>63</string>', /Umask: expected integer, got string/],
      ['<string>Aqua</string>', '<string>Aqau</string>', /unknown word Aqau/],
      ['<integer>63</integer>', '<integer>077x</integer>', /integer '077x'/],
      ['2&gt;&amp;1', '2>&1', /unescaped/],
      ['</array>', '</dict>', /<\/dict>/],
      ['</plist>', '', /<\/plist>/],
    ];
    for (const [from, to, complaint] of broken)
      assert.throws(() => readPlist(text.replace(from, to)), complaint);
  });

  it('say what the manifest says', () => {
    for (const service of services) {
      const job = readPlist(plistOf(service.name));
      assert.equal(job.Label, labelOf(service.name));
      assert.ok(
        Number(job.ExitTimeOut) > service.stop_s,
        'a drain may take as long as the manifest grants it',
      );
      assert.equal(String(job.ProcessType).toLowerCase(), service.pace);
      assert.equal(job.Umask, 0o077);
    }
  });

  it('name no home: the same file serves every user', () => {
    for (const { path, text } of launchdFiles(services))
      assert.doesNotMatch(text, /\/Users\/|\/home\/|~/, path);
  });

  it('start the service of the current release, in its home', () => {
    using home = temporaryHome(
      'console.error(process.pid, process.env.VIGIL_HOME, process.execArgv.join(" "))',
    );
    const { pid, status } = home.start();
    assert.equal(status, 0);
    const options = nodeOptions(serviceOf('core')).join(' ');
    assert.equal(home.log('crash.txt'), `${pid} ${home.path}/.vigil ${options}\n`);
  });

  it('keep the text of a crash over the restarts that follow', () => {
    using home = temporaryHome('if (process.env.CRASH) throw new Error("the last words")');
    assert.equal(home.start({ CRASH: '1' }).status, 1, 'launchd restarts what does not exit with 0');
    assert.match(home.log('crash.txt'), /the last words/);
    home.start();
    home.start();
    assert.equal(home.log('crash.txt'), '');
    assert.match(home.log('crash.previous.txt'), /the last words/);
  });

  it('start nothing while the house is switched off', () => {
    using home = temporaryHome('process.exit(1)');
    assert.equal(home.start().status, 1);
    writeFileSync(join(home.path, '.vigil', 'STOPPED'), '');
    assert.equal(home.start().status, 0, 'launchd leaves alone what exits with 0');
  });

  it('start nothing without the secret that it is all about, and start it once that is there', () => {
    using home = temporaryHome('process.exit(1)', 'telegram');
    assert.equal(home.start().status, 0);
    const credentials = join(home.path, '.vigil', 'credentials');
    mkdirSync(credentials);
    writeFileSync(join(credentials, 'telegram.env'), '');
    assert.equal(home.start().status, 1);
  });

  it('hold no secret and name every program by its whole path', () => {
    for (const { path, text } of launchdFiles(services)) {
      const { ProgramArguments: [program, , script] = [], EnvironmentVariables } = readPlist(text);
      assert.equal(EnvironmentVariables, undefined, path);
      assert.equal(program, '/bin/sh');
      assert.match(script ?? '', /^exec "\$VIGIL_HOME\/runtime\/node-24\/bin\/node" /m);
    }
  });
});

describe('launchd property lists, by the word of another reader', {
  skip: python ? false : 'there is no python3',
}, () => {
  it('are property lists to it as well, with the same in them', () => {
    for (const { path, text } of launchdFiles(services)) {
      const program =
        'import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))';
      const { status, stdout, stderr } = spawnSync('python3', ['-c', program], {
        input: text,
        encoding: 'utf8',
      });
      assert.equal(status, 0, `${path}: ${stderr}`);
      assert.deepEqual(JSON.parse(stdout), readPlist(text), path);
    }
  });
});

function plistOf(name: ServiceName): string {
  const [file] = launchdFiles([serviceOf(name)]);
  assert.ok(file);
  return file.text;
}

/** A home with a release in which the service is the given script; `start` runs the property list's own program. */
function temporaryHome(script: string, service: ServiceName = 'core') {
  const path = mkdtempSync(join(tmpdir(), 'vigil home '));
  const current = join(path, '.vigil', 'current');
  const runtime = join(path, '.vigil', 'runtime', 'node-24', 'bin');
  mkdirSync(join(current, 'services'), { recursive: true });
  mkdirSync(runtime, { recursive: true });
  symlinkSync(process.execPath, join(runtime, 'node'));
  writeFileSync(join(current, 'services', `${service}.cjs`), script);
  const [program, ...args] = readPlist(plistOf(service)).ProgramArguments as [string, ...string[]];
  return {
    path,
    start: (env = {}) => spawnSync(program, args, { env: { HOME: path, PATH: '/usr/bin:/bin', ...env } }),
    log: (name: string) => {
      const file = join(path, '.vigil', 'logs', service, name);
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}
