/** Long tasks and commands from the command line and the chat: core, router and model as in a house that runs. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { MessagesRequest } from '#shared/messages/request-fields.ts';
import type { Task } from '#shared/tables/task.ts';
import { vigil } from '#shared/testing/cli.ts';
import { buildHouse, type House, type Suite } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

let house: House;
let core: Suite;

before(async () => {
  house = await buildHouse({ telegram: false });
  await house.serve('router');
  core = await house.serve('core');
});
after(() => house.close());

const taskOf = async (id: string) => (await house.read<Task>('SELECT * FROM task WHERE id = ?', id))[0];
const said = () =>
  house.read<{ text: string }>(`SELECT text FROM outbound WHERE conversation = 'terminal:main' ORDER BY id`);

/** Writes a draft in each iteration; whoever judges wants the one of iteration `enough`. */
function drafts(enough: number): (request: MessagesRequest) => string {
  return (request) => {
    const asked = JSON.stringify(request);
    const iteration = /iteration (\d+) of/.exec(asked)?.[1];
    if (!asked.includes('You check whether')) return `draft ${iteration}.`;
    return asked.includes(`draft ${enough}.`) ? 'yes\nIt rhymes.' : 'no\nIt does not rhyme.';
  };
}

async function wish(...more: string[]): Promise<string> {
  const { code, stdout, stderr } = await vigil(house.home, [
    'task',
    'add',
    'a poem',
    '--check-question',
    'Does it rhyme?',
    ...more,
  ]);
  assert.deepEqual([code, stderr], [0, '']);
  return stdout.trim();
}

test('a task is worked at until its question is answered yes, and only its progress is told', async () => {
  house.model.script(drafts(2));
  const id = await wish();
  await until('it is done', async () => (await taskOf(id))?.state === 'done');
  const { stdout } = await vigil(house.home, ['task', 'show', id]);
  assert.match(stdout, /^a poem\ncheck: question Does it rhyme\?/);
  assert.match(
    stdout,
    /\niteration 1: answered, vigil explain \S+\niteration 2: answered, vigil explain \S+\n$/,
  );
  const texts = (await said()).map(({ text }) => text);
  assert.ok(texts.includes(`Task ${id} is done: a poem\nIt rhymes.`));
  assert.ok(!texts.some((text) => /draft/.test(text)));
  assert.ok(((await taskOf(id))?.spent_nanousd ?? 0) > 0, 'what it cost is counted');
  const turn_id = /vigil explain (\S+)/.exec(stdout)?.[1] ?? '';
  const life = (await vigil(house.home, ['explain', turn_id])).stdout;
  for (const what of [
    /received .* by task: Task/,
    /asked .*default → /,
    /answered .*ok · /,
    /decided .*answer/,
    /ended .*done/,
  ]) {
    assert.match(life, what);
  }
  assert.match((await vigil(house.home, ['decisions', '--action', 'answer'])).stdout, /answer/);
});

test('a task survives a core that is killed again and again', async () => {
  house.model.script(drafts(3));
  const id = await wish('--iterations', '3');
  for (const iteration of [1, 2, 3]) {
    await until(`iteration ${iteration}`, async () => ((await taskOf(id))?.iteration ?? 0) >= iteration);
    core.child.kill('SIGKILL');
    await core.exit;
    core = await house.serve('core');
  }
  await until('it is done', async () => (await taskOf(id))?.state === 'done');
  const told = await house.read<{ source_key: string }>(
    `SELECT source_key FROM inbound WHERE source = 'task' AND source_key LIKE ? ORDER BY id`,
    `${id}:%`,
  );
  assert.deepEqual(
    told.map(({ source_key }) => source_key),
    [`${id}:1`, `${id}:2`, `${id}:3`],
  );
  assert.equal((await said()).filter(({ text }) => text.startsWith(`Task ${id} is done`)).length, 1);
});

test('a task is paused, goes on and is cancelled from the command line', async () => {
  house.model.script(drafts(1000));
  const id = await wish('--iterations', '1000');
  assert.equal((await vigil(house.home, ['task', 'pause', id])).stdout, `Task ${id} is paused.\n`);
  assert.equal((await vigil(house.home, ['task', 'resume', id])).stdout, `Task ${id} is running.\n`);
  assert.equal((await vigil(house.home, ['task', 'cancel', id])).stdout, `Task ${id} is cancelled.\n`);
  assert.equal((await vigil(house.home, ['task', 'cancel', '999'])).code, 78);
});

test('commands are answered in the chat, without the model', async () => {
  house.model.script(() => assert.fail('the model was asked'));
  const { stdout, code } = await vigil(
    house.home,
    ['chat'],
    '/model quick\n/cost\n/halt for a test\n/status\n',
  );
  assert.equal(code, 0);
  assert.match(stdout, /All is halted\. \/resume goes on\./);
  assert.match(stdout, /All is halted: \S+ \S+: for a test/);
  assert.match(stdout, /From now on quick answers here\./);
  assert.match(stdout, /^.*Today: \$/m);
  assert.ok(existsSync(house.home.halted));
  assert.match(
    (await vigil(house.home, ['chat'], '/resume\n/resume\n')).stdout,
    /We go on\.[\s\S]*Nothing is halted\./,
  );
});

test('what is wished without a check, or with two, is refused', async () => {
  for (const args of [
    [],
    ['--check-command', 'true', '--check-question', 'ok?'],
    ['--check-command', 'true', '--for', '31d'],
  ]) {
    assert.equal((await vigil(house.home, ['task', 'add', 'x', ...args])).code, 64, args.join(' '));
  }
});
