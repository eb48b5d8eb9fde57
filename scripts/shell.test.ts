/** What runs before there is a Node is POSIX shell: dash, the bash 3.2 of a Mac, or whatever else is /bin/sh. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { readPlist } from '#shared/testing/launchd-double/plist.ts';

const has = (program: string) => spawnSync(program, ['-c', ':']).error === undefined;

function scripts(): Map<string, string> {
  const found = new Map<string, string>();
  for (const folder of ['scripts', 'scripts/units']) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      const text = entry.isFile() ? readFileSync(join(root, path), 'utf8') : '';
      if (text.startsWith('#!/bin/sh\n') || path.endsWith('.sh')) found.set(path, text);
    }
  }
  for (const list of readdirSync(join(root, 'launchd'))) {
    const { ProgramArguments = [] } = readPlist(readFileSync(join(root, 'launchd', list), 'utf8'));
    found.set(list, ProgramArguments[2] ?? '');
  }
  return found;
}

test('shellcheck finds nothing in any shell script, nor in what a property list says', {
  skip: has('shellcheck') ? false : 'needs shellcheck',
}, () => {
  // SC2015: `one && other || continue` is meant; to go on cannot fail.
  const options = ['--shell=sh', '--exclude=SC1091,SC2015', '--format=gcc', '-'];
  for (const [name, input] of scripts()) {
    assert.equal(spawnSync('shellcheck', options, { input, encoding: 'utf8' }).stdout, '', name);
  }
});

for (const shell of ['dash', 'bash', 'mksh', 'busybox']) {
  test(`${shell} reads every shell script`, { skip: has(shell) ? false : `there is no ${shell}` }, () => {
    const options = { bash: ['--posix', '-n'], busybox: ['sh', '-n'] }[shell] ?? ['-n'];
    for (const [name, input] of scripts()) {
      assert.equal(spawnSync(shell, options, { input, encoding: 'utf8' }).stderr, '', name);
    }
  });
}
