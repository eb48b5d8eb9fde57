/** What a house says and does when what it is given is broken: each time the fault, the cure, and no harm to others. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { services } from '#shared/manifest.ts';
import { lockOf } from '#shared/runtime/home.ts';
import { isLocked } from '#shared/store/liveness.ts';
import { FILE } from '#shared/store/store.ts';
import { vigil } from '#shared/testing/cli.ts';
import { noSmallDisk, smallDisk } from '#shared/testing/full-disk.ts';
import { alive, buildHouse, type House, type HouseOptions, OWNER } from '#shared/testing/house.ts';
import { PATIENCE_ms, until } from '#shared/testing/scratch.ts';

async function houseFor(t: TestContext, options: HouseOptions = {}): Promise<House> {
  const house = await buildHouse(options);
  t.after(() => house.close());
  return house;
}

/** How often `what` stands in `text`. */
const times = (text: string, what: string | RegExp) => text.split(what).length - 1;

/** A message through Telegram and back. */
async function answered(house: House, text: string, within_ms = PATIENCE_ms): Promise<void> {
  await house.bot.say({ chat_id: OWNER, text });
  await house.bot.waitSent((sent) => sent.text === `answer to: ${text}`, within_ms);
}

describe('bad input', { concurrency: 2 }, () => {
  for (const [what, config, fault] of [
    ['broken TOML', '[core\n', 'not TOML: '],
    ['a wrong type', '[store]\nflush = 3\n', '[store] flush: expected one of "full"|"normal", got 3'],
    ['an unknown section', '[wether]\n', '[wether]: unknown section'],
  ] as const) {
    test(`${what} in config.toml: exit 78, and the fault is told once, though three services find it`, async (t) => {
      const house = await houseFor(t);
      writeFileSync(house.home.config, config);
      const suite = await house.start();
      assert.equal(await suite.exit, 78);
      assert.equal(times(suite.output(), fault), 1, suite.output());
      assert.equal(times(suite.output(), 'cure: '), 1, suite.output());
      assert.doesNotMatch(suite.output(), /^ +at /m, 'no stack trace');
    });
  }

  test('an unknown key of one service keeps that service down, and the others work', async (t) => {
    const house = await houseFor(t);
    appendFileSync(house.home.config, '[telegram.x]\n');
    const suite = await house.start();
    assert.match(
      suite.output(),
      /^telegram: config: .*\n {2}\[telegram\] x: unknown key; expected one of owners, groups, transcribe$/m,
    );
    assert.match(
      suite.output(),
      /^vigil ready in \d+ ms: router, core, tools, cron, watchdog, memory, upstream, metrics, alerts, console, backup \(telegram is down\)$/m,
    );
    assert.equal((await vigil(house.home, ['send', 'hello'])).stdout, 'answer to: hello\n');
    assert.equal(await suite.stop(), 0);
  });

  test('a secret that others may read keeps its service down; chmod is the cure, and it works', async (t) => {
    const house = await houseFor(t);
    const file = join(house.home.credentials, 'telegram.env');
    chmodSync(file, 0o644);
    const suite = await house.start();
    const cure = /telegram: credentials: .* is open to others .*\n {2}cure: (chmod 600 (\S+))$/m.exec(
      suite.output(),
    );
    assert.equal(cure?.[2], file, suite.output());
    const { stdout } = await vigil(house.home, ['status', '--json']);
    const row = JSON.parse(stdout).services.find((service: { name: string }) => service.name === 'telegram');
    assert.equal(row.phase, 'misconfigured');
    assert.match(row.problem, /is open to others/);
    await suite.stop();
    chmodSync(file, 0o600);
    await house.start();
    await answered(house, 'hello');
  });

  test('without a token telegram is left out, and the suite says where to put one', async (t) => {
    const house = await houseFor(t, { telegram: false });
    const suite = await house.start();
    assert.match(
      suite.output(),
      /^vigil ready in \d+ ms: router, core, tools, cron, watchdog, memory, upstream, metrics, alerts, console, backup \(telegram is off: no credentials\/telegram\.env\)$/m,
    );
    const { code, stdout } = await vigil(house.home, ['status', '--json']);
    assert.equal(code, 0, 'nothing is wrong');
    const row = JSON.parse(stdout).services.find((service: { name: string }) => service.name === 'telegram');
    assert.deepEqual([row.phase, row.problem], ['off', 'there is no credentials/telegram.env']);
  });

  test('a port that is taken keeps the router down, with the cure; what was said waits for it', async (t) => {
    const house = await houseFor(t);
    const other = createServer().listen(house.port, '127.0.0.1');
    await once(other, 'listening');
    const suite = await house.start();
    assert.match(
      suite.output(),
      new RegExp(
        `^router: port ${house.port} on 127\\.0\\.0\\.1 is taken by another program\\n {2}cure: stop that program`,
        'm',
      ),
    );
    const { code } = await vigil(house.home, ['send', '--timeout', '0.5', 'are you there?']);
    assert.equal(code, 75);
    await suite.stop();
    other.close();
    await once(other, 'close');
    await house.start();
    await until('it is answered', async () => {
      const [row] = await house.read(`SELECT 1 FROM outbound WHERE text = 'answer to: are you there?'`);
      return row;
    });
  });

  for (const [what, spoil] of [
    ['cut in half', (file: string) => truncateSync(file, statSync(file).size / 2)],
    ['another kind of file', (file: string) => writeFileSync(file, 'a letter to a friend\n'.repeat(400))],
  ] as const) {
    test(`a store that is ${what} is refused once, with the cure, and left as it is`, async (t) => {
      const house = await houseFor(t, { telegram: false });
      await (await house.start()).stop();
      const file = join(house.home.state, FILE);
      for (const tail of ['-wal', '-shm']) rmSync(`${file}${tail}`, { force: true });
      spoil(file);
      const before = readFileSync(file);
      const suite = await house.start();
      assert.equal(await suite.exit, 78);
      assert.equal(times(suite.output(), '\n  cure: '), 1, suite.output());
      assert.match(suite.output(), /store: .* it was left untouched\n {2}cure: /);
      assert.deepEqual(readFileSync(file), before);
      const status = await vigil(house.home, ['status']);
      assert.equal(status.code, 78);
      assert.match(status.stderr, /it was left untouched\n {2}cure: /);
    });
  }

  test('the off switch keeps everything down', async (t) => {
    const house = await houseFor(t);
    writeFileSync(house.home.stopped, '');
    const suite = await house.start();
    assert.equal(await suite.exit, 78);
    assert.match(
      suite.output(),
      /^vigil is switched off \(.*STOPPED is there\)\n {2}cure: remove .*STOPPED$/m,
    );
    assert.equal(existsSync(join(house.home.state, FILE)), false);
  });

  test('a read-only disk is told with the cure, by the suite and by the command line', {
    skip: noSmallDisk,
  }, async (t) => {
    const disk = smallDisk(t, 16_384);
    const house = await houseFor(t, { directory: disk.directory });
    await (await house.start()).stop();
    disk.remount('ro');
    const suite = await house.start();
    assert.equal(await suite.exit, 78, suite.output());
    assert.equal(times(suite.output(), 'cure: '), 1, suite.output());
    assert.match(suite.output(), /read-only file system[\s\S]*cure: .*\bwrite\b/i);
    assert.doesNotMatch(suite.output(), /^ +at /m, 'no stack trace');
    const sent = await vigil(house.home, ['send', 'hello']);
    assert.equal(sent.code, 78, sent.stderr);
    assert.match(sent.stderr, /cannot be written[\s\S]*cure: /);
    disk.remount('rw');
    await (await house.start()).stop();
  });

  test('a full disk loses nothing: what Telegram was told of is answered, once there is room', {
    skip: noSmallDisk,
  }, async (t) => {
    const disk = smallDisk(t, 16_384);
    const config = '[store]\ncheckpoint_pages = 10\nwal_limit_mb = 1\n';
    const house = await houseFor(t, { directory: disk.directory, config });
    const suite = await house.start();
    await answered(house, 'before');
    // The model is asked just before the disk fills up: its answer finds no room.
    const long = Array.from({ length: 900 }, (_, n) => `long answer ${n}`).join(', ');
    house.model.script([{ match: 'slowly', reply: long, delay_ms: 1500 }]);
    const asked = house.model.calls().length;
    await house.bot.say({ chat_id: OWNER, text: 'slowly' });
    await until('the model is asked', () => house.model.calls().length > asked);
    const filler = join(disk.directory, 'filler');
    assert.throws(() => writeFileSync(filler, Buffer.alloc(32 << 20)), { code: 'ENOSPC' });
    await house.bot.say({ chat_id: OWNER, text: 'into the full disk' });
    await until('core finds no room for its answer', () => / core \S+ .*disk is full/.test(suite.output()));
    rmSync(filler);
    await house.bot.waitSent((sent) => sent.text === 'answer to: into the full disk');
    await answered(house, 'after');
    // A preview of the long one may or may not have come through: its final text takes its place.
    const sent = (await house.bot.sent({ chat_id: OWNER })).filter(({ method }) => method.startsWith('send'));
    const said = sent.map(({ text, message }) => text || (message.document?.file_name ?? ''));
    assert.equal(new Set(said).size, said.length, `nothing is said twice: ${said.join(' | ')}`);
    const whole = sent.flatMap(({ message }) => message.document?.file_size ?? []);
    assert.deepEqual(whole, [Buffer.byteLength(long)], 'the long one came whole');
    assert.equal(house.model.calls().length, 4, 'and was paid for once');
    assert.equal(await suite.stop(), 0);
  });

  test('when the supervisor is killed its services end by themselves, and a new one starts at once', async (t) => {
    const house = await houseFor(t);
    const suite = await house.start();
    const pids = await Promise.all(services.map(({ name }) => house.pidOf(name)));
    suite.child.kill('SIGKILL');
    await suite.exit;
    const next = house.start();
    await until('the old services have ended', () => !pids.some(alive));
    assert.match((await next).output(), /vigil ready/);
    for (const { name } of services) assert.ok(isLocked(lockOf(house.home, name)));
    await answered(house, 'hello');
  });
});
