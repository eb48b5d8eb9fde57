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
import { launchdFiles } from '#shared/units/launchd.ts';
import { nodeOptions } from '#shared/units/process.ts';

type Value = string | number | boolean | Value[] | { [key: string]: Value };

/** Every key that we use and what launchd.plist(5) has it hold. launchd ignores what it does not know. */
const types: Record<string, string> = {
  Label: 'string',
  ProgramArguments: 'array',
  RunAtLoad: 'boolean',
  KeepAlive: 'dict',
  'KeepAlive.SuccessfulExit': 'boolean',
  ThrottleInterval: 'integer',
  ExitTimeOut: 'integer',
  ProcessType: 'string',
  Umask: 'integer',
  SoftResourceLimits: 'dict',
  'SoftResourceLimits.NumberOfFiles': 'integer',
};

describe('launchd property lists', () => {
  it('hold known keys of the right type, each once', () => {
    for (const { path, text } of launchdFiles(services)) assert.doesNotThrow(() => read(text), path);
  });

  it('are read so strictly that a typing error is refused', () => {
    const text = plistOf('core');
    const broken: [string, string, RegExp][] = [
      ['ExitTimeOut', 'ExitTimeout', /unknown key ExitTimeout/],
      ['RunAtLoad', 'Label', /Label twice/],
      ['<integer>63</integer>', '<string>63</string>', /Umask: expected integer, got string/],
      ['<integer>63</integer>', '<integer>077x</integer>', /integer '077x'/],
      ['2&gt;&amp;1', '2>&1', /unescaped/],
      ['</array>', '</dict>', /<\/dict>/],
      ['</plist>', '', /<\/plist>/],
    ];
    for (const [from, to, complaint] of broken) assert.throws(() => read(text.replace(from, to)), complaint);
  });

  it('say what the manifest says', () => {
    for (const service of services) {
      const job = read(plistOf(service.name));
      assert.equal(job.Label, `ai.vigil.${service.name}`);
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
});

function plistOf(name: ServiceName): string {
  const [file] = launchdFiles([serviceOf(name)]);
  assert.ok(file);
  return file.text;
}

/** A home with a release in which `core` is the given script; `start` runs the property list's own program. */
function temporaryHome(script: string) {
  const path = mkdtempSync(join(tmpdir(), 'vigil home '));
  const current = join(path, '.vigil', 'current');
  mkdirSync(join(current, 'bin'), { recursive: true });
  mkdirSync(join(current, 'services'));
  symlinkSync(process.execPath, join(current, 'bin', 'node'));
  writeFileSync(join(current, 'services', 'core.js'), script);
  const [program, ...args] = read(plistOf('core')).ProgramArguments as [string, ...string[]];
  return {
    path,
    start: (env = {}) => spawnSync(program, args, { env: { HOME: path, PATH: '/usr/bin:/bin', ...env } }),
    log: (name: string) => {
      const file = join(path, '.vigil', 'logs', 'core', name);
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}

/** A reader that knows only the elements we write, and refuses all else. */
function read(text: string): { [key: string]: Value } {
  const header = text.match(
    /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<!-- [^-]+ -->\n<!DOCTYPE plist .*>\n/,
  );
  assert.ok(header, 'expected declaration, note and document type');
  const tokens = text.slice(header[0].length).match(/<[^>]*>|[^<]+/g) ?? [];
  const next = () => tokens.shift() ?? 'the end of the file';
  const expect = (wanted: string, got: string) => assert.equal(got, wanted, `expected ${wanted}, got ${got}`);
  const nextTag = () => {
    let token = next();
    if (token.trim() === '') token = next();
    return token;
  };
  const content = (tag: string) => {
    const raw = next();
    assert.doesNotMatch(raw.replaceAll(/&(amp|lt|gt);/g, ''), /[&>]/, 'unescaped character');
    expect(`</${tag}>`, next());
    return raw.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
  };
  const value = (tag: string, at: string): { type: string; value: Value } => {
    if (tag === '<true/>' || tag === '<false/>') return { type: 'boolean', value: tag === '<true/>' };
    if (tag === '<string>') return { type: 'string', value: content('string') };
    if (tag === '<integer>') {
      const digits = content('integer');
      assert.match(digits, /^\d+$/, `${at}: integer '${digits}'`);
      return { type: 'integer', value: Number(digits) };
    }
    if (tag === '<array>') {
      const items: Value[] = [];
      for (let item = nextTag(); item !== '</array>'; item = nextTag()) items.push(value(item, at).value);
      return { type: 'array', value: items };
    }
    expect('<dict>', tag);
    return { type: 'dict', value: dict(at) };
  };
  const dict = (at: string): { [key: string]: Value } => {
    const entries: { [key: string]: Value } = {};
    for (let tag = nextTag(); tag !== '</dict>'; tag = nextTag()) {
      expect('<key>', tag);
      const key = content('key');
      const path = at ? `${at}.${key}` : key;
      assert.ok(Object.hasOwn(types, path), `unknown key ${path}`);
      assert.ok(!Object.hasOwn(entries, key), `${path} twice`);
      const { type, value: entry } = value(nextTag(), path);
      assert.equal(type, types[path], `${path}: expected ${types[path]}, got ${type}`);
      entries[key] = entry;
    }
    return entries;
  };
  expect('<plist version="1.0">', nextTag());
  expect('<dict>', nextTag());
  const job = dict('');
  expect('</plist>', nextTag());
  assert.equal(tokens.join('').trim(), '');
  return job;
}
