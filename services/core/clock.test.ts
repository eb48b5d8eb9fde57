import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Clock, systemClock } from '#shared/base/clock.ts';
import { startRehearsal } from '#shared/messages/rehearsal.ts';
import { homeOf, prepareHome, socketOf } from '#shared/runtime/home.ts';
import { run } from '#shared/runtime/service.ts';
import { openStore } from '#shared/store/store.ts';
import * as inbound from '#shared/tables/inbound.ts';
import type { Query } from '#shared/tables/op.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { core } from './service.ts';

for (const [what, day_ms] of [
  ['ahead', 86_400_000],
  ['back', -86_400_000],
] as const) {
  test(`a clock that jumps a day ${what} keeps no message waiting`, async (t) => {
    const home = homeOf({ VIGIL_HOME: scratch(t) });
    prepareHome(home);
    writeFileSync(home.config, '');
    let ahead_ms = 0;
    const clock: Clock = { now: () => systemClock.now() + ahead_ms, mono: systemClock.mono };
    const running = run(core, { home, clock, beat_ms: 50 });
    await running.ready;
    t.after(() => running.stop());
    const store = await openStore({ directory: home.state, principal: 'cli' });
    t.after(() => store.close());
    const say = (key: string) =>
      store.commit([
        inbound.receive({
          source: 'test',
          source_key: key,
          channel: 'terminal',
          conversation: 'terminal:main',
          chat: null,
          sender: 'me',
          text: key,
          message_ref: null,
          payload_json: '{}',
          received_at: clock.now(),
          state: 'pending',
          note: null,
        }),
      ]);
    const states: Query<{ state: string }> = {
      verb: 'test',
      sql: 'SELECT state FROM inbound ORDER BY id',
      args: [],
    };
    const waiting: Query<{ due_at: number }> = {
      verb: 'test',
      sql: `SELECT due_at FROM turn WHERE state = 'waiting'`,
      args: [],
    };

    // Without a router the turn waits for a time that the jump moves a day away.
    await say('before');
    await until('the turn waits', async () => (await store.read(waiting))[0]);
    ahead_ms = day_ms;
    const path = socketOf(home, 'router');
    const model = await startRehearsal({ listen: { path }, keyHint: 'none' });
    t.after(model.close);
    await until('it is answered', async () => (await store.read(states))[0]?.state === 'answered');
    await say('after');
    await until('so is the next', async () => (await store.read(states))[1]?.state === 'answered');
  });
}
