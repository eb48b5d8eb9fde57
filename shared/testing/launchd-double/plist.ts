/**
 * A reader of property lists that knows only what we use of launchd.plist(5), and refuses all else: launchd itself
 * ignores a key that is misspelt, drops a value of the wrong type, and says nothing.
 */

import assert from 'node:assert/strict';

type Value = string | number | boolean | Value[] | { [key: string]: Value };

export type Job = {
  Label: string;
  Program?: string;
  ProgramArguments?: string[];
  EnvironmentVariables?: { [name: string]: string };
  RunAtLoad?: boolean;
  KeepAlive?: { SuccessfulExit: boolean };
  ThrottleInterval?: number;
  ExitTimeOut?: number;
  ProcessType?: string;
  /** An integer is decimal: 63 is 077. */
  Umask?: number;
  SoftResourceLimits?: { NumberOfFiles: number };
  LimitLoadToSessionType?: string[];
  UserName?: string;
};

const types: { readonly [key: string]: string } = {
  Label: 'string',
  Program: 'string',
  ProgramArguments: 'array',
  EnvironmentVariables: 'dict',
  'EnvironmentVariables.HOME': 'string',
  RunAtLoad: 'boolean',
  KeepAlive: 'dict',
  'KeepAlive.SuccessfulExit': 'boolean',
  ThrottleInterval: 'integer',
  ExitTimeOut: 'integer',
  ProcessType: 'string',
  Umask: 'integer',
  SoftResourceLimits: 'dict',
  'SoftResourceLimits.NumberOfFiles': 'integer',
  LimitLoadToSessionType: 'array',
  UserName: 'string',
};

const values: { readonly [key: string]: readonly string[] } = {
  ProcessType: ['Background', 'Standard', 'Adaptive', 'Interactive'],
  LimitLoadToSessionType: ['Aqua', 'Background', 'LoginWindow', 'StandardIO'],
};

/** @throws AssertionError that says what it met instead */
export function readPlist(text: string): Job {
  const header = text.match(
    /^<\?xml version="1\.0" encoding="UTF-8"\?>\n(?:<!-- [^-]+ -->\n)?<!DOCTYPE plist .*>\n/,
  );
  assert.ok(header, 'expected declaration and document type');
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
      for (let item = nextTag(); item !== '</array>'; item = nextTag()) {
        const { type, value: entry } = value(item, at);
        assert.equal(type, 'string', `${at}: expected strings, got ${type}`);
        items.push(entry);
      }
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
      for (const word of values[path] ? [entry].flat() : []) {
        assert.ok(values[path]?.includes(String(word)), `${path}: unknown word ${word}`);
      }
      entries[key] = entry;
    }
    return entries;
  };
  expect('<plist version="1.0">', nextTag());
  expect('<dict>', nextTag());
  const job = dict('');
  expect('</plist>', nextTag());
  assert.equal(tokens.join('').trim(), '');
  assert.ok(job.Label, 'no Label');
  assert.ok(job.Program ?? job.ProgramArguments, 'neither Program nor ProgramArguments');
  assert.notEqual(job.ExitTimeOut, 0, 'ExitTimeOut 0 is for ever, and can stall a shutdown');
  return job as Job;
}
