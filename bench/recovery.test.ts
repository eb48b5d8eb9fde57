/** What an installed Vigil survives: the facts, on one machine. How soon, `recovery.ts` measures. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceName } from '#shared/manifest.ts';
import { noBox } from '#shared/testing/box.ts';
import { installVigil, names, noClock } from '#shared/testing/installed.ts';
import { until } from '#shared/testing/scratch.ts';
import { crashUntilGivenUp, cutPower, fullDisk, offline, strike } from './recovery/faults.ts';

/** A service pings every 5 seconds: two pings may be lost. */
const QUIET_s = 12;
/** Longer than that: whom an outage kept from pinging would have been killed. */
const AWAY_ms = (QUIET_s + 3) * 1000;
const PATIENCE_ms = 90_000;

test('what an installed Vigil survives', { skip: noBox, timeout: 400_000 }, async (t) => {
  const vigil = await installVigil(t, {
    changes: [`WatchdogSec=${QUIET_s}`],
    config: '[watchdog]\nlook_s = 1\ncalm_s = 3\ngrace_s = 12\n',
  });
  const { box } = vigil;
  await box.must(`mkdir -p '/etc/systemd/system/vigil-failed@.service.d'
    printf '[Service]\\nEnvironment=RETRY_FIRST_S=4\\n' >'/etc/systemd/system/vigil-failed@.service.d/test.conf'
    systemctl daemon-reload`);
  const afresh = () => box.must('systemctl reset-failed');

  await t.test('installed, every service is ready, and a message is answered', async () => {
    const standings = await vigil.standings();
    assert.deepEqual(
      names.filter((name) => standings.get(name)?.state !== 'active'),
      [],
    );
    await vigil.ask('is anybody there?');
  });

  await t.test('killed, each is ready again', async () => {
    await strike(vigil, names, (name) => vigil.signal(name, 'KILL'), PATIENCE_ms);
    await vigil.ask('after the kills');
    await afresh();
  });

  await t.test('one that is stopped, or turns in a loop without end, is replaced, and only it', async () => {
    const hung: readonly ServiceName[] = names.filter((name) => name !== 'watchdog');
    const [recovery] = await strike(
      vigil,
      hung,
      (name) => (hung.indexOf(name) % 2 === 0 ? vigil.signal(name, 'STOP') : vigil.ail(name, 'loop')),
      PATIENCE_ms,
    );
    assert.deepEqual(recovery?.others, []);
    const timeouts = await box.must(
      `journalctl --no-pager -o cat | sed -n 's/^vigil-\\(.*\\).service: Watchdog timeout.*/\\1/p' | sort`,
    );
    assert.deepEqual(timeouts.split('\n'), hung.toSorted());
    await vigil.ask('after the hangs');
    await afresh();
  });

  await t.test('one that takes too much memory is ended alone', async () => {
    const [recovery] = await strike(vigil, ['telegram'], (name) => vigil.ail(name, 'hog'), PATIENCE_ms);
    assert.deepEqual(recovery?.others, []);
    await vigil.ask('after the hog');
    await afresh();
  });

  await t.test('after a power cut all are back, and every message is answered, once', async () => {
    const cut = await cutPower(vigil, 20);
    assert.deepEqual(cut.lost, []);
    // Whether a send had arrived when the power went nobody can know: it is sent again, and counted.
    assert.ok(cut.doubled.length <= cut.in_doubt, `answered twice: ${cut.doubled}`);
  });

  await t.test(
    'one that keeps crashing is given up, told of once, tried again, and told of once more',
    async () => {
      await box.must('touch /var/lib/vigil/failed/router.part');
      const after = (await vigil.bot.sent()).at(-1)?.seq ?? 0;
      const told = async (words: RegExp) => (await vigil.told(after)).filter(({ text }) => words.test(text));
      const before = await vigil.standings();
      assert.equal(await crashUntilGivenUp(vigil, 'cron'), 5);
      await until('it is told', async () => (await told(/^⚠️.*cron/)).length > 0, PATIENCE_ms);
      await vigil.renewed(before, ['cron'], PATIENCE_ms);
      await until('its end is told', async () => (await told(/^✅.*cron/)).length > 0, PATIENCE_ms);
      const texts = (await told(/cron/)).map(({ text }) => text);
      assert.equal(texts.length, 2, texts.join('\n\n'));
      assert.match(texts[0] ?? '', /cron is down: it has failed too often/);
      assert.ok(
        await box.must('ls /var/lib/vigil/failed/router.part'),
        'what is being written is left alone',
      );
      await afresh();
    },
  );

  await t.test(
    'nobody is restarted because the world is away, the disk is full or the clock is set',
    async () => {
      const before = await vigil.standings();
      const unharmed = async (since: string) => {
        await vigil.ask(since, PATIENCE_ms);
        assert.deepEqual(await vigil.changed(before), [], since);
      };
      await offline(vigil, AWAY_ms);
      await unharmed('after the outage');
      await fullDisk(vigil, AWAY_ms);
      await unharmed('after the full disk');
      if (noClock) return;
      await vigil.setClock(3600);
      await sleep(AWAY_ms);
      await unharmed('an hour later');
    },
  );

  await t.test('switched off nothing runs, not even after a reboot; switched on, all are back', async () => {
    await box.must('vigil off for a test');
    assert.equal(await vigil.processes(), 0);
    await box.reboot();
    assert.equal(await vigil.processes(), 0);
    await box.must('vigil on');
    await vigil.ready();
    await vigil.ask('on again');
  });
});
