import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { untrusted } from '#shared/base/untrusted.ts';
import { halt } from '#shared/runtime/halt.ts';
import * as share from '#shared/tables/share.ts';
import * as turn from '#shared/tables/turn.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { openWorkbench } from '#shared/testing/workbench.ts';
import { runCommand } from './command.ts';

const sandboxed = process.platform === 'linux' && spawnSync('bwrap', ['--version']).error === undefined;

async function bench(t: TestContext) {
  const bench = await openWorkbench();
  t.after(() => bench.close());
  await bench.house.serve('tools');
  const run = (command: string, more: object = {}) => bench.call('run_command', { command, ...more });
  return { ...bench, run };
}

/** What a program printed stands in a frame. */
const said = (words: string, stream = 'stdout') => untrusted(stream, words);

/** Whether a program with this word among its arguments runs on the machine. */
function runs(word: string): boolean {
  return readdirSync('/proc').some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(word);
    } catch {
      return false; // it has just ended
    }
  });
}

test('what is about to be run is told in one line', () => {
  assert.equal(runCommand.about({ command: 'git status' }), 'run git status');
  assert.equal(runCommand.about({ command: 'cd x\nmake' }), 'run cd x …');
  assert.equal(runCommand.about({ command: 'y'.repeat(200) }), `run ${'y'.repeat(100)} …`);
});

describe('run_command', { skip: !sandboxed && 'needs bubblewrap, on Linux' }, () => {
  test('a command is run where it was asked to, and the model is told how it ended and what it said', async (t) => {
    const { run, house } = await bench(t);
    const first = await run('mkdir sub; echo out; echo err >&2; exit 4');
    assert.deepEqual(
      [first.state, first.text, first.source],
      ['done', `exit code 4\n${said('out')}\n${said('err', 'stderr')}`, 'what a command printed'],
    );
    assert.equal(
      (await run('pwd', { cwd: 'sub' })).text,
      `exit code 0\n${said(`${house.home.workspace}/sub`)}`,
    );
    const outside = await run('pwd', { cwd: '/etc' });
    assert.deepEqual(
      [outside.state, /expected to work in the workspace/.test(outside.text)],
      ['failed', true],
    );
  });

  test('a command that takes too long is a failure, with what it said until then', async (t) => {
    const { run } = await bench(t);
    const { state, text } = await run('echo begun; sleep 60', { timeout_s: 1 });
    assert.deepEqual([state, text], ['failed', `stopped: it took longer than 1 s\n${said('begun')}`]);
  });

  test('hosts that a program asked for, unseen in its command line, are refused and named', async (t) => {
    const { run, house } = await bench(t);
    writeFileSync(join(house.home.workspace, 'ask'), 'curl -s https://one.test https://two.test; echo done');
    const { text } = await run('sh ask');
    assert.match(text, /refused by the sandbox: one\.test, two\.test\. Name a host in `hosts`/);
  });

  test('a folder that the owner shares is there for the next command', async (t) => {
    const { run, house } = await bench(t);
    const path = realpathSync(scratch(t));
    writeFileSync(join(path, 'recipe'), 'bread');
    assert.match((await run(`cat ${path}/recipe`)).text, /No such file/);
    await (await house.store()).commit([share.open({ path, mode: 'read', given_at: 0 })]);
    assert.equal((await run(`cat ${path}/recipe`)).text, `exit code 0\n${said('bread')}`);
  });

  test('/stop and the halt end what runs at once, with all that it has started', async (t) => {
    const { ask, over, store, house, turn: open } = await bench(t);
    for (const [index, end] of ['stop', 'halt'].entries()) {
      const mark = `${process.pid}88.${index}`;
      const mine = await open();
      const id = await ask('run_command', { command: `setsid sleep ${mark} & sleep ${mark}` }, mine);
      await until('it runs', () => runs(mark));
      if (end === 'stop') await store.commit([turn.stop(mine.id, { now: Date.now(), error: 'stopped' })]);
      else halt(house.home.halted, 'for a test');
      await until('none of it lives', () => !runs(mark));
      assert.notEqual((await over(id)).state, 'done');
    }
    assert.ok(existsSync(house.home.halted));
  });
});
