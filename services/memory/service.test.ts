/** The service as a process of its own, in a house whose other services are not there. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '#shared/store/store.ts';
import * as wish from '#shared/tables/wish.ts';
import { buildHouse } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

test('killed in the middle of its wishes, again and again, it grants each once', async (t) => {
  const house = await buildHouse({ telegram: false, key: false });
  t.after(() => house.close());
  const store = await house.store();
  const many = 200;
  const asked = { scope: 'owner', given_by: 'owner', at: Date.now() };
  for (let i = 0; i < many; i++) {
    const text =
      i % 4 ? `My favourite ${String.fromCharCode(97 + (i % 20))} is ${i}` : `The shelf ${i} holds jars`;
    await store.commit([wish.post({ ...asked, kind: 'remember', text })]);
  }
  const over = async () =>
    (await house.read<{ n: number }>("SELECT count(*) AS n FROM wish WHERE state <> 'pending'"))[0]?.n ?? 0;
  for (let kills = 0; kills < 3; kills++) {
    const before = await over();
    const service = await house.serve('memory');
    await until('some are granted', async () => (await over()) > before);
    service.child.kill('SIGKILL');
    await service.exit;
  }
  assert.ok((await over()) < many, 'it was killed in the middle');
  await house.serve('memory');
  await until('all are granted', async () => (await over()) === many);
  const one = async (sql: string) =>
    (await house.read<{ n: number }>(`SELECT count(*) AS n FROM ${sql}`))[0]?.n;
  assert.equal(await one("wish WHERE state = 'done'"), many);
  assert.equal(await one('memory'), many);
  assert.equal(await one("memory_change WHERE op = 'add'"), many);
  assert.equal(await one('(SELECT wish_id FROM memory GROUP BY wish_id)'), many);
  const profile = async () =>
    (await house.read<{ text: string }>("SELECT text FROM profile WHERE scope = 'owner'"))[0]?.text;
  // The last word on each of fifteen things is in force.
  assert.equal(await one("memory WHERE status = 'active' AND slot IS NOT NULL"), 15);
  await until('the profile says the newest', async () => (await profile())?.includes('is 199'));
});

test('what the owner says in a chat is in the profile a moment later', async (t) => {
  const config = '[memory]\nrules_after_s = 0\n';
  const house = await buildHouse({ telegram: false, key: false, config });
  t.after(() => house.close());
  await house.serve('memory');
  const core = await openStore({ directory: house.home.state, principal: 'core' });
  t.after(() => core.close());
  const said = ['terminal:main', 'user', 'Well, I live in Rome.', Date.now(), 't', 3];
  const sql = 'INSERT INTO message (conversation, role, text, at, turn_id, trust) VALUES (?,?,?,?,?,?)';
  await core.commit([{ verb: 'test', sql, args: said, rings: 'message' }]);
  const profile = "SELECT text FROM profile WHERE scope = 'owner'";
  const [told] = await until('it is learnt', async () => {
    const rows = await house.read<{ text: string }>(profile);
    return rows.length > 0 && rows;
  });
  assert.equal(told?.text, 'Facts:\n- I live in Rome');
});
