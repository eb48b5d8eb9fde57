import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { lockOf } from '#shared/runtime/home.ts';
import { isLocked } from '#shared/store/liveness.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';
import { buildHouse } from '#shared/testing/house.ts';

test('off ends the foreground suite and keeps it from starting, until on', async (t) => {
  const house = await buildHouse({ telegram: false });
  t.after(() => house.close());
  const suite = await house.start();
  const { code, stdout } = await vigil(house.home, ['off', 'for', 'the', 'night']);
  assert.match(stdout, /^off: 0 processes, in \d+\.\d\d s/);
  assert.equal(code, 0);
  assert.equal(await suite.exit, 0);
  assert.equal(isLocked(lockOf(house.home, 'core')), false);

  const refused = await house.start();
  assert.equal(await refused.exit, 78);
  assert.match(refused.output(), /switched off/);
  assert.match(
    (await vigil(house.home, ['status'])).stdout,
    /^OFF: .* – for the night; nothing runs until: vigil on$/m,
  );

  assert.match(
    (await vigil(house.home, ['on'])).stdout,
    /^Vigil may run again\. Start it: scripts\/start\n$/,
  );
  assert.equal(existsSync(house.home.stopped), false);
  await house.start();
  await house.pidOf('core');
});

test('in a checkout, what is for an installation says what there is instead', async (t) => {
  const { home } = await quietHome(t);
  for (const [args, words] of [
    [['upgrade', '/nowhere'], /cure: here, an upgrade is a git pull/],
    [['rollback'], /cure: here, git checkout goes back/],
    [['releases'], /cure: here, git log shows/],
    [['restart', 'core'], /core does not run on .*\n {2}cure: start it/],
  ] as const) {
    const { code, stderr } = await vigil(home, [...args]);
    assert.equal(code, 78, stderr);
    assert.match(stderr, words);
  }
  const { code, stderr } = await vigil(home, ['restart', 'cor']);
  assert.equal(code, 64);
  assert.match(stderr, /did you mean 'core'\?/);
});
