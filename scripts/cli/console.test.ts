/** The way into the console, as the shell prints it. What the link then does is tested with the console. */

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hashOf } from '#shared/base/access.ts';
import { root } from '#shared/base/root.ts';
import { printed, quietHome, vigil } from '#shared/testing/cli.ts';
import { buildHouse } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

test('a link is printed once, by number, and kept by its hash for a minute', async (t) => {
  const house = await buildHouse();
  t.after(() => house.close());
  await house.serve('console');
  const { code, stdout } = await vigil(house.home, ['console']);
  assert.equal(code, 0);
  const [, port, token = ''] = /^http:\/\/127\.0\.0\.1:(\d+)\/login\?link=([\w-]{43})\n$/.exec(stdout) ?? [];
  assert.equal(Number(port), house.port + 5);
  const [row] = await house.read<{ lasts: number; kind: string }>(
    'SELECT kind, expires_at - made_at AS lasts FROM console_link WHERE hash = ?',
    hashOf(token),
  );
  assert.deepEqual({ ...row }, { kind: 'in', lasts: 60_000 });

  // Opened by a file of its own: what stands in a command line everybody can read.
  const [programs, seen] = [join(house.home.directory, 'programs'), join(house.home.directory, 'seen')];
  mkdirSync(programs);
  for (const name of ['open', 'xdg-open']) {
    writeFileSync(join(programs, name), `#!/bin/sh\nprintf %s "$*" > ${seen}\n`, { mode: 0o755 });
  }
  const env = { ...process.env, VIGIL_HOME: house.home.directory, PATH: `${programs}:${process.env.PATH}` };
  const opened = await printed([process.execPath, join(root, 'scripts', 'vigil.ts'), 'console', '--open'], {
    env,
  });
  const file = await until('the browser was asked', () =>
    (statSync(seen, { throwIfNoEntry: false })?.size ?? 0) > 0 ? readFileSync(seen, 'utf8') : null,
  );
  assert.ok(!file.includes('link='));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.ok(readFileSync(file, 'utf8').includes(opened.stdout.trim()));
});

test('a console that does not run gives no link, and those who were in can be sent away all the same', async (t) => {
  const { home, router } = await quietHome(t);
  const { code, stdout, stderr } = await vigil(home, ['console']);
  assert.deepEqual([code, stdout], [78, '']);
  assert.match(stderr, /not running.*\n.*cure: start Vigil/);
  assert.equal((await vigil(home, ['console', '--end'])).stdout, 'whoever was in the console is out\n');
  const rows = await router.read<{ kind: string }>({
    verb: 'test',
    sql: 'SELECT kind FROM console_link',
    args: [],
  });
  assert.deepEqual(
    rows.map(({ kind }) => kind),
    ['end'],
  );
});
