import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { openStore } from '#shared/store/store.ts';
import * as finding from '#shared/tables/finding.ts';
import * as probe from '#shared/tables/probe.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';
import { buildHouse } from '#shared/testing/house.ts';

test('the list shows each watch with its state, and what was found', async (t) => {
  const { home } = await quietHome(t);
  assert.match((await vigil(home, ['upstream'])).stdout, /^Nothing is watched/);
  const store = await openStore({ directory: home.state, principal: 'upstream' });
  t.after(() => store.close());
  const now = Date.now();
  const outage = {
    cause: 'telegram is away',
    kind: 'outage',
    severity: 'warning',
    text: 'Away.',
    cure: null,
  } as const;
  await store.commit([
    ...['network', 'telegram', 'page shop'].map((watch) =>
      probe.watch(watch, `https://${watch}.example`, now - 1),
    ),
    probe.worked('network', { now: now - 90_000, due_at: now + 600_000, latency_ms: 42 }),
    probe.failed('telegram', { now, due_at: now, error: 'it does not answer\u001b[2J' }),
    finding.open(outage, { now, told_at: now, over_at: null }),
    finding.over(outage.cause, now + 60_000),
    finding.open(
      { ...outage, kind: 'news', cause: 'page shop 2026', text: 'shop\n> new' },
      { now, told_at: now, over_at: null },
    ),
  ]);
  const { stdout } = await vigil(home, ['upstream']);
  assert.match(stdout, /network +ok +9\d s ago +42 +100\.0 +in 10 min +https:\/\/network\.example/);
  assert.match(stdout, /telegram +failed 1× +never +0\.0 +now +it does not answer\?\[2J/);
  assert.match(stdout, /page shop +not yet +never/);
  assert.match(stdout, /holds +shop +shop > new\n.* \d\d:\d\d +telegram is away +Away\./);
  const { watches, findings } = JSON.parse((await vigil(home, ['upstream', 'list', '--json'])).stdout);
  assert.deepEqual([watches.length, findings.length], [3, 2]);
});

test('a check looks now, and says what it saw', async (t) => {
  const server = createServer((_request, response) => response.writeHead(204).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  const root = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  const house = await buildHouse({
    config: `[upstream]\nwatch = ["network", "telegram"]\nnetwork_url = "${root}"\ntelegram_url = "http://127.0.0.1:9"\n`,
  });
  t.after(() => house.close());
  const { home } = house;
  await house.store();
  const down = await vigil(home, ['upstream', 'check']);
  assert.equal(down.code, 78);
  assert.match(down.stderr, /the service is not running/);
  await house.serve('upstream');
  const one = await vigil(home, ['upstream', 'check', 'network']);
  assert.match(one.stdout, /network +ok +[01] s ago/);
  assert.doesNotMatch(one.stdout, /telegram/);
  assert.equal(one.code, 0);
  const all = await vigil(home, ['upstream', 'check']);
  assert.match(all.stdout, /telegram +failed [123]× +never .*the connection is refused/);
  assert.equal(all.code, 1);
  assert.match((await vigil(home, ['upstream', 'check', 'netwrok'])).stderr, /did you mean 'network'/);
});
