import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AtWork, Due } from '#shared/tables/slot.ts';
import { endOf, instruction, skipped } from './run.ts';

const NOW = 1_790_000_000_000;
const due = (more: Partial<Due> = {}) =>
  ({
    due_at: NOW,
    reason: null,
    wanted_by: null,
    standing: 'active',
    busy: 0,
    missed: 'once',
    overlap: 'skip',
    ...more,
  }) as Due;

test('a run begins unless its job rests, another is at work, it is stale, or the money of the day is spent', () => {
  const cases: [Partial<Due>, number, RegExp | null][] = [
    [{}, 0, null],
    [{ standing: 'paused' }, 0, /paused/],
    [{ standing: 'deleted' }, 0, /deleted/],
    [{ standing: 'paused', wanted_by: 'me' }, 0, null],
    [{ busy: 1 }, 0, /still at work/],
    [{ missed: 'skip', due_at: NOW - 60_000 }, 0, null],
    [{ missed: 'skip', due_at: NOW - 60_001 }, 0, /missed/],
    [{ missed: 'skip', due_at: NOW - 60_001, overlap: 'queue' }, 0, null],
    [{ missed: 'once', due_at: NOW - 60_001 }, 0, null],
    [{ day_nanousd: 100 }, 99, null],
    [{ day_nanousd: 100 }, 100, /for the day are spent/],
    [{ day_nanousd: null }, 100, null],
  ];
  for (const [more, spent, expected] of cases) {
    const why = skipped(due(more), spent, NOW);
    if (expected === null) assert.equal(why, null, JSON.stringify(more));
    else assert.match(why ?? '', expected, JSON.stringify(more));
  }
});

const prompt = (more: Partial<AtWork>) =>
  endOf({ job: 'news', kind: 'prompt', worker: 'done', worker_error: null, said: null, ...more } as AtWork);

test('what the agent says is told, and NOTHING is not', () => {
  assert.deepEqual(prompt({ said: 'It rains.' }), { state: 'done', reason: null, tell: 'It rains.' });
  for (const said of ['NOTHING', 'nothing.', '**NOTHING**\n'])
    assert.deepEqual(prompt({ said }), { state: 'done', reason: 'nothing to say', tell: null });
  assert.equal(prompt({ said: 'Nothing new from Berlin.' }).tell, 'Nothing new from Berlin.');
  assert.match(instruction({ job: 'news', prompt: 'Tell me.', kind: 'prompt' }), /Tell me\.[\s\S]*NOTHING/);
});

test('a turn that was stopped or given up is a failure with its cause', () => {
  assert.deepEqual(prompt({ worker: 'dead', worker_error: 'no money' }).state, 'failed');
  assert.match(prompt({ worker: 'dead', worker_error: 'no money' }).tell ?? '', /"news" failed: no money/);
  assert.match(prompt({ worker_error: 'stopped by 7' }).tell ?? '', /stopped by 7/);
  assert.equal(prompt({ worker: 'held', worker_error: 'x' }).state, 'failed');
});

const command = (text: string, verdict = 'done') =>
  endOf({
    ...{ job: 'disk', kind: 'command', worker: 'done', worker_error: null, said: null, verdict },
    result_json: JSON.stringify([{ type: 'text', text }]),
  } as AtWork);

test('a command that ends well tells what it printed, and nothing when it printed nothing', () => {
  assert.deepEqual(command('exit code 0'), { state: 'done', reason: 'nothing to say', tell: null });
  const printed = command('exit code 0\n<untrusted source="stdout">\n91 %\nof /\n</untrusted>');
  assert.deepEqual(printed, { state: 'done', reason: null, tell: 'disk:\n91 %\nof /' });
});

test('a command that fails, is refused or broken off says so', () => {
  assert.match(
    command('exit code 2\n<untrusted source="stderr">\nno\n</untrusted>').tell ?? '',
    /exit code 2\nno$/,
  );
  for (const [text, verdict] of [
    ['not allowed: run x', 'denied'],
    ['stopped: after 60 s', 'failed'],
    ['interrupted', 'interrupted'],
  ]) {
    const { state, tell } = command(text ?? '', verdict);
    assert.equal(state, 'failed');
    assert.ok(tell?.includes(text ?? ''));
  }
  assert.ok((command(`exit code 1\n${'x'.repeat(9000)}`).tell ?? '').length < 3100);
});
