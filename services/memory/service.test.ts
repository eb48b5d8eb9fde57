/** The service as a process of its own, in a house whose other services are not there. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
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
