import assert from 'node:assert/strict';
import { test } from 'node:test';
import { homeOf, prepareHome } from '../runtime/home.ts';
import { openStore } from '../store/store.ts';
import * as schedule from '../tables/schedule.ts';
import { scratch } from '../testing/scratch.ts';
import { speak } from '../testing/spoken.ts';
import { plan, Unforgettable } from './plan.ts';
import { shown } from './shown.ts';

test('a plan shows what goes, by table, and what bears on it and stays; it changes nothing', async (t) => {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  const words = 'my locker opens with Zebra 88-41';
  await speak(home, [
    { turn: '01-a', text: words, answer: 'noted', at: 1000, memory: words },
    { turn: '02-b', text: 'what opens it', answer: `I think ${words}`, at: 900_000 },
    { turn: '03-c', text: 'and the weather today', answer: 'rain', at: 901_000 },
  ]);
  const core = await openStore({ directory: home.state, principal: 'core' });
  t.after(() => core.close());
  const recalled = `INSERT INTO recalled (turn_id, round, place, kind, ref, score, why_json, at) VALUES ('03-c', 1, 0, 'memory', 1, 1, '{}', 1)`;
  await core.commit([{ verb: 'test', sql: recalled, args: [] }]);

  const alone = await plan(core.read, { memories: [1], turns: [] }, { scope: 'owner' });
  assert.deepEqual(
    alone.related.map((one) => ['turn_id' in one ? one.turn_id : one.memory_id, one.why]),
    [
      ['01-a', 'it rests on this'],
      ['02-b', 'the same words'],
      ['03-c', 'the model was told of it'],
    ],
  );
  assert.deepEqual([alone.phrases, alone.shared], [[], [words]], 'what is said elsewhere is not struck');

  const both = await plan(core.read, { memories: [], turns: ['01-a', '02-b'] }, { scope: 'owner' });
  assert.deepEqual(both.gone.memory, [1, 2], 'the fact that rested on it, and the summary of its day');
  assert.deepEqual(both.phrases.includes(words), true);
  assert.deepEqual(both.shared, []);
  const rows = new Map(both.counts.map((one) => [one.table, one.rows]));
  assert.deepEqual([rows.get('message'), rows.get('step'), rows.get('summary')], [4, 4, 3]);
  await assert.rejects(plan(core.read, { memories: [9], turns: ['99-z'] }), Unforgettable);
  assert.equal((await core.read({ verb: 'test', sql: 'SELECT 1 FROM message', args: [] })).length, 6);
});

test('a group that forgets is shown nothing of what was said or set up elsewhere', async (t) => {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  const words = 'my locker opens with Zebra 88-41';
  const group = 'telegram:-5';
  await speak(home, [
    { turn: '01-a', text: words, answer: 'noted', at: 1000 },
    { turn: '02-b', text: words, answer: 'noted', at: 2000, conversation: group },
    { turn: '03-c', text: `again: ${words}`, answer: 'noted', at: 3000, conversation: group },
  ]);
  const core = await openStore({ directory: home.state, principal: 'core' });
  t.after(() => core.close());
  for (const [name, conversation] of [
    ['mine', 'telegram:42'],
    ['ours', group],
  ] as const)
    await core.commit([
      schedule.put({
        ...{ name, conversation, state: 'active', spec: '0 9 * * *', prompt: words },
        ...{ channel: 'telegram', chat: '42', given_by: '42', at: 1 },
      }),
    ]);
  const ours = await plan(core.read, { memories: [], turns: ['02-b'] }, { scope: group });
  assert.deepEqual(
    [ours.related.map((one) => 'turn_id' in one && one.turn_id), ours.setUp],
    [['03-c'], ['job ours']],
  );
  const mine = await plan(core.read, { memories: [], turns: ['01-a'] }, { scope: 'owner' });
  assert.deepEqual([mine.related, mine.setUp], [[], ['job mine', 'job ours']]);
  assert.deepEqual(ours.phrases, [], 'and still nothing is struck that others have said');
  const text = shown(ours, 1);
  assert.match(text, /^Said, .*:\n- .*, said: my locker .*\n… and 1 more\n\n/);
  assert.match(
    text,
    /\n\nThis stays, .*\n- [^#\n]*: again: .* \(the same words\)\n\nIts words also stand in job ours: /,
  );
});
