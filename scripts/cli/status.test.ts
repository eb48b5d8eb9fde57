import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '#shared/store/store.ts';
import * as approval from '#shared/tables/approval.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as task from '#shared/tables/task.ts';
import * as turn from '#shared/tables/turn.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';

test('vigil status tells what waits for its owner, and nothing of it when nothing does', async (t) => {
  const { home } = await quietHome(t);
  const quiet = await vigil(home, ['status']);
  assert.doesNotMatch(quiet.stdout, /your yes|tasks|held|memory asks/);

  const [core, tools] = await Promise.all(
    (['core', 'tools'] as const).map((principal) => openStore({ directory: home.state, principal })),
  );
  assert.ok(core && tools);
  t.after(() => Promise.all([core.close(), tools.close()]));
  const now = Date.now();
  const on = { channel: 'terminal', conversation: 'terminal:main', chat: null, sender: 'ann' } as const;
  const said = {
    source: 'test',
    source_key: '1',
    text: 'hi',
    message_ref: null,
    payload_json: '{}',
    note: null,
  };
  const lease = { owner: 'o', boot_id: 'b', now, until_at: now };
  const [, [mine]] = await core.commit([
    inbound.receive({ ...on, ...said, received_at: now, state: 'pending' }),
    turn.open('turn-1', lease),
  ]);
  assert.ok(mine);
  const check = { goal: 'g', check_kind: 'question', check_text: 'c?' } as const;
  const most = { budget_nanousd: 1, most_iterations: 1, until_at: now };
  await core.commit([
    turn.hold(mine, { now, error: 'it broke\u001b[2J off' }),
    task.add({ ...on, ...check, ...most, now }),
  ]);
  const asked = {
    id: 'a',
    call_id: 'c',
    turn_id: 't',
    conversation: 'x',
    kind: 'approval',
    tool: 'look',
  } as const;
  const scope = { scope: 's', rule_json: null, grants_json: null, choices_json: '[]', taint: null };
  await tools.commit([approval.ask({ ...asked, ...scope, asked_at: now, expires_at: now + 1 })]);

  const { stdout } = await vigil(home, ['status']);
  assert.match(stdout, /^waiting for your yes: 1; scripts\/vigil approve lists them$/m);
  assert.match(stdout, /^tasks: 1 running; /m);
  assert.match(
    stdout,
    /^held in terminal:main: it broke\?\[2J off; scripts\/vigil retry turn-1 tries again$/m,
  );
  const report = JSON.parse((await vigil(home, ['status', '--json'])).stdout);
  assert.deepEqual([report.approvals, report.tasks, report.held[0].id], [1, { running: 1 }, 'turn-1']);
});
