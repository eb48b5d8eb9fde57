/** What an owner says on the command line, as a client of the router meets it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vigil } from '#shared/testing/cli.ts';
import { buildHouse } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

test('a key works until its budget is used up, again once that is raised, and no more once it is revoked', async (t) => {
  const house = await buildHouse({ telegram: false });
  t.after(() => house.close());
  await house.start();
  const { stdout } = await vigil(house.home, ['key', 'add', 'laptop', '--day-usd', '0.000001']);
  const [, base, key = ''] = /^ANTHROPIC_BASE_URL=(.*)\nANTHROPIC_API_KEY=(.*)\n$/.exec(stdout) ?? [];
  const ask = async () => {
    const response = await fetch(`${base}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': key },
      body: JSON.stringify({
        model: 'quick',
        max_tokens: 100,
        messages: [{ role: 'user', content: 'hello' }],
      }),
    });
    return { status: response.status, body: await response.text() };
  };

  const refused = await ask();
  assert.equal(refused.status, 402, refused.body);
  // The command that the refusal names is the one that helps.
  const [, command = ''] = /scripts\/vigil (budget raise key:laptop:day 1)\b/.exec(refused.body) ?? [];
  const raised = await vigil(house.home, command.split(' '));
  assert.match(raised.stdout, /^\$1\.00 added: the limit is now \$1\.000001, \$1\.00 of it is left,/);
  const answered = await ask();
  assert.equal(answered.status, 200, answered.body);

  const shown = async (...args: string[]) =>
    JSON.parse((await vigil(house.home, [...args, '--json'])).stdout);
  const [row] = (await shown('cost', '--by', 'key')).rows;
  assert.deepEqual([row.name, row.calls], ['laptop', 1]);
  assert.ok(row.cost_nanousd > 0);
  const [listed] = await shown('key', 'list');
  assert.equal(listed.spent_today_nanousd, row.cost_nanousd);
  const { budgets } = await shown('budget', 'show');
  for (const name of ['hour', 'day', 'month', 'key:laptop:day']) {
    const budget = budgets.find((other: { name: string }) => other.name === name);
    assert.deepEqual([budget.spent_nanousd, budget.held_nanousd], [row.cost_nanousd, 0], name);
  }

  assert.equal((await vigil(house.home, ['budget', 'set', 'day', '0'])).code, 0);
  await until('the router goes by it', async () => (await ask()).status === 402);
  assert.equal((await vigil(house.home, ['key', 'revoke', 'laptop'])).code, 0);
  assert.equal((await ask()).status, 401);
});
