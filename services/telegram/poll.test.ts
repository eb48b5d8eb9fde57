import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { Api } from 'grammy/web';
import { httpFetch } from '#shared/base/fetch.ts';
import { root } from '#shared/base/root.ts';
import { prepareHome } from '#shared/runtime/home.ts';
import { run, service } from '#shared/runtime/service.ts';
import { buildHouse, OWNER, TOKEN } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { config } from './config.ts';
import { poll } from './poll.ts';

type Report = { services: { name: string; phase: string; doing: string | null; problem: string | null }[] };

test('when another program reads the updates, the bridge stays up, says so, and goes on when it has gone', async (t) => {
  const house = await buildHouse();
  t.after(() => house.close());
  prepareHome(house.home);
  const clientOf = () => new Api(TOKEN, { apiRoot: house.bot.root, fetch: httpFetch() });
  /** The bridge's own poll, with a shorter wait. */
  const reader = service({
    name: 'telegram',
    config,
    async start(ctx) {
      const once = poll(ctx, { id: Number.parseInt(TOKEN, 10), api: clientOf(), transcribes: false }, 300);
      ctx.work<never>({ name: 'poll', idle_ms: 0, look: async () => void (await once()), async act() {} });
    },
  });
  const running = run(reader, { home: house.home });
  t.after(() => running.stop());
  await running.ready;
  const status = () => {
    const program = join(root, 'scripts/vigil.ts');
    const env = { ...process.env, VIGIL_HOME: house.home.directory };
    const report: Report = JSON.parse(
      execFileSync(process.execPath, [program, 'status', '--json'], { env }).toString(),
    );
    return report.services.find(({ name }) => name === 'telegram');
  };
  const told = () =>
    house.read<{ problem: string | null }>(`SELECT problem FROM heartbeat WHERE service = 'telegram'`);
  const waiting = async () =>
    (await house.bot.calls({ method: 'getUpdates' })).filter((call) => call.outcome === 'pending');
  const mine = await until('it polls', async () => (await waiting())[0]);

  const leaving = new AbortController();
  const other = clientOf().getUpdates({ timeout: 50 }, leaving.signal as never);
  const gone = assert.rejects(other);
  await until('it has been told', async () => (await told())[0]?.problem);
  assert.match(mine.outcome, /^Conflict/);
  const during = status();
  assert.equal(during?.phase, 'ready');
  assert.match(during?.problem ?? '', /409 Conflict: terminated by other getUpdates request/);
  assert.match(during?.doing ?? '', /another program reads the updates/);

  leaving.abort();
  await gone;
  await house.bot.say({ chat_id: OWNER, text: 'are you there?' });
  await until('the problem is over', async () => (await told())[0]?.problem === null);
  const after = status();
  assert.deepEqual([after?.phase, after?.problem, after?.doing], ['ready', null, 'polling']);
  const stored = await until('it is stored', async () => {
    const rows = await house.read<{ text: string }>('SELECT text FROM inbound');
    return rows.length > 0 && rows;
  });
  assert.deepEqual(stored, [{ text: 'are you there?' }]);
});
