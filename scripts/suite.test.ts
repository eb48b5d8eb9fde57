/** The suite and the command line as their user meets them: one house for all, from its first start to its end. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { root, version } from '#shared/base/root.ts';
import { services } from '#shared/manifest.ts';
import { lockOf } from '#shared/runtime/home.ts';
import { restartDelay_ms } from '#shared/runtime/suite.ts';
import { isLocked } from '#shared/store/liveness.ts';
import { vigil } from '#shared/testing/cli.ts';
import { alive, buildHouse, type House, KEY, OWNER, type Suite, TOKEN } from '#shared/testing/house.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { noTerminal, onTerminal } from '#shared/testing/terminal.ts';

test('what dies is started again at once, then after a wait that doubles up to half a minute', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 8, 9, 10, 100].map(restartDelay_ms),
    [0, 0, 250, 500, 1000, 2000, 16_000, 30_000, 30_000, 30_000],
  );
});

test('a reader that has read enough is no accident', (t) => {
  const directory = scratch(t);
  writeFileSync(join(directory, 'config.toml'), '');
  const pipe = '{ "$0" "$1" config check; echo "ended with $?" >&2; } | exec 0<&-';
  const { stderr } = spawnSync('sh', ['-c', pipe, process.execPath, join(root, 'scripts', 'vigil.ts')], {
    encoding: 'utf8',
    env: { ...process.env, VIGIL_HOME: directory },
  });
  assert.equal(stderr, 'ended with 0\n');
});

describe('a house that runs', () => {
  let house: House;
  let suite: Suite;
  const said: string[] = [];

  /** A word that nobody has ever said. */
  function word(): string {
    const fresh = `zq${Math.random().toString(36).slice(2, 12)}`;
    said.push(fresh);
    return fresh;
  }

  before(async () => {
    house = await buildHouse();
    suite = await house.start();
  });
  after(() => house.close());

  test('it says that it is ready, and who is', () => {
    assert.match(
      suite.output(),
      /^vigil ready in \d+ ms: router, core, tools, telegram, cron, watchdog, memory, upstream, metrics, alerts, console, backup$/m,
    );
  });

  test('a message to the bot is answered', async () => {
    const text = word();
    await house.bot.say({ chat_id: OWNER, text });
    await house.bot.waitSent((sent) => sent.text === `answer to: ${text}`);
  });

  test('vigil status shows every service, for people and for programs', async () => {
    const [forPrograms, forPeople] = await Promise.all([
      vigil(house.home, ['status', '--json']),
      vigil(house.home, ['status']),
    ]);
    assert.equal(forPrograms.code, 0, forPrograms.stderr);
    const report = JSON.parse(forPrograms.stdout);
    assert.deepEqual(
      report.services.map((row: { name: string }) => row.name),
      services.map(({ name }) => name),
    );
    for (const row of report.services) {
      assert.deepEqual([row.phase, row.version, row.problem], ['ready', version, null], row.name);
      assert.ok(alive(row.pid) && row.rss_bytes > 1e6 && row.beat_age_ms < 20_000, JSON.stringify(row));
    }
    assert.deepEqual([report.inbound, report.outbound], [{ waiting: 0 }, {}]);
    assert.equal(forPeople.code, 0);
    for (const { name } of services)
      assert.match(forPeople.stdout, new RegExp(`^${name} +ready +\\d+ `, 'm'));
    assert.match(forPeople.stdout, /waiting for an answer: 0; going out: nothing/);
  });

  test('vigil send prints the answer, also as JSON, also when several ask at once', async () => {
    const words = [word(), word(), word()];
    const answers = await Promise.all([
      vigil(house.home, ['send', 'what', 'about', words[0] ?? '']),
      vigil(house.home, ['send', '--json', words[1] ?? '']),
      vigil(house.home, ['send', '-'], `${words[2]}\n`),
    ]);
    for (const { code, stderr } of answers) assert.deepEqual([code, stderr], [0, '']);
    // Messages that wait together are one turn: whoever asks gets the answer of the turn that holds their message.
    const rows = await house.read<{ text: string; answer: string }>(
      `SELECT i.text, o.text AS answer FROM inbound i JOIN outbound o ON o.turn_id = i.turn_id WHERE i.channel = 'terminal'`,
    );
    const answerTo = (text = '') => rows.find((row) => row.text.trim() === text)?.answer;
    assert.equal(answers[0]?.stdout, `${answerTo(`what about ${words[0]}`)}\n`);
    assert.equal(JSON.parse(answers[1]?.stdout ?? '').text, answerTo(words[1]));
    assert.equal(answers[2]?.stdout, `${answerTo(words[2])}\n`);
  });

  test('vigil send gives up after its timeout, and the message is answered all the same', async () => {
    house.model.script([{ match: 'slowly', reply: 'at last', delay_ms: 2500 }]);
    const { code, stdout, stderr } = await vigil(house.home, ['send', '--timeout', '1', 'slowly']);
    house.model.script([]);
    assert.deepEqual([code, stdout], [75, '']);
    assert.equal(stderr, 'vigil: no answer within 1 s; the message is kept, and is answered later\n');
    await until('it is answered', async () => {
      const [row] = await house.read(`SELECT 1 FROM outbound WHERE text = 'at last'`);
      return row;
    });
  });

  test('vigil send takes a command for one, and hears of an answer that is stopped', async () => {
    const models = house.model.calls().length;
    const told = await vigil(house.home, ['send', '/memory']);
    assert.deepEqual([told.code, told.stdout], [0, 'I remember nothing yet. /remember <what> begins.\n']);
    const help = await vigil(house.home, ['send', '/help']);
    assert.match(help.stdout, /^\/stop: /);
    assert.equal(house.model.calls().length, models, 'no model was asked');

    house.model.script([{ match: 'for ever', reply: 'never', delay_ms: 20_000 }]);
    const waiting = vigil(house.home, ['send', 'for ever']);
    await until('it is asked', async () => house.model.calls().length > models);
    assert.deepEqual((await vigil(house.home, ['send', '/stop'])).stdout, 'Stopped.\n');
    const { code, stdout, stderr } = await waiting;
    house.model.script([]);
    assert.deepEqual([code, stdout, stderr], [1, '', 'vigil: it was stopped, and has no answer\n']);
  });

  test('vigil send refuses what is no message, or no number of seconds', async () => {
    const [empty, blank, never] = await Promise.all([
      vigil(house.home, ['send', '']),
      vigil(house.home, ['send', '-'], ' \n'),
      vigil(house.home, ['send', '--timeout', '0', 'hello']),
    ]);
    for (const refusal of [empty, blank]) {
      assert.equal(refusal.code, 64);
      assert.match(refusal.stderr, /^error: expected a message, got nothing\n/);
      assert.doesNotMatch(refusal.stderr, /^ +at /m);
    }
    assert.equal(never.code, 64);
    assert.match(never.stderr, /expected a number of seconds, got '0'/);
  });

  test('vigil chat answers what is piped into it, and ends with the last answer', async () => {
    const words = [word(), word(), word()];
    const { code, stdout } = await vigil(house.home, ['chat'], `${words.join('\n')}\n`);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`answer to: ${words[2]}`));
    assert.equal((await vigil(house.home, ['chat'], '')).code, 0);
    assert.equal((await vigil(house.home, ['chat'], '/quit\n')).code, 0);
  });

  test('vigil chat on a terminal shows a prompt and the answer, and leaves at /quit', {
    skip: noTerminal,
  }, async (t) => {
    const text = word();
    const program = [process.execPath, join(root, 'scripts', 'vigil.ts'), 'chat'];
    const terminal = onTerminal(t, program, { env: { VIGIL_HOME: house.home.directory } });
    await terminal.shows('you › ');
    terminal.type(`${text}\r`);
    await terminal.shows(`answer to: ${text}`);
    terminal.type('/quit\r');
    assert.equal(await terminal.exit, 0);
    assert.match(terminal.shown(), /^Type a message, or \/help; \/quit or Ctrl-C leaves\./);
  });

  test('every verb explains itself, and an unknown one is refused', async () => {
    const [help, ...verbs] = await Promise.all(
      [[], ['status'], ['send'], ['chat'], ['config'], ['config', 'check']].map((args) =>
        vigil(house.home, [...args, '--help']),
      ),
    );
    assert.match(help?.stdout ?? '', /VIGIL_HOME/);
    for (const { code, stdout } of verbs) {
      assert.equal(code, 0);
      assert.match(stdout, /^Usage: vigil (status|send|chat|config)/);
    }
    const unknown = await vigil(house.home, ['staus']);
    assert.equal(unknown.code, 64);
    assert.match(unknown.stderr, /unknown command 'staus'\n\(Did you mean status\?\)/);
    const started = spawnSync(process.execPath, [join(root, 'scripts', 'suite.ts'), '--help'], {
      encoding: 'utf8',
    });
    assert.match(started.stdout, /^scripts\/start /);
    assert.equal(spawnSync(process.execPath, [join(root, 'scripts', 'suite.ts'), '--no-chatt']).status, 2);
  });

  test('a second suite on the same home is refused with the cure, and harms nobody', async () => {
    const second = await house.start();
    assert.equal(await second.exit, 78);
    assert.match(
      second.output(),
      /^vigil already runs on .*\n {2}cure: talk to it with scripts\/vigil chat, or stop it first/m,
    );
    assert.equal((await vigil(house.home, ['send', 'still there?'])).code, 0);
  });

  test('an update that is garbage is stored, and the next message is answered', async () => {
    const now = Math.floor(Date.now() / 1000);
    for (const update of [
      { message: null },
      { message: { text: 5 } },
      { callback_query: [] },
      {
        message: {
          message_id: 1,
          date: now,
          chat: { id: OWNER, type: 'private' },
          from: { id: OWNER },
          text: {},
        },
      },
    ]) {
      await house.bot.push(update);
    }
    const text = word();
    await house.bot.say({ chat_id: OWNER, text });
    await house.bot.waitSent((sent) => sent.text === `answer to: ${text}`);
    const rows = await house.read(`SELECT 1 FROM inbound WHERE state = 'ignored'`);
    assert.equal(rows.length, 4);
  });

  test('half a character is mended, not refused', async () => {
    const text = word();
    await house.bot.say({ chat_id: OWNER, text: `${text} a\ud800b\udc00` });
    await house.bot.waitSent((sent) => sent.text === `answer to: ${text} a\ufffdb\ufffd`);
  });

  test('a message of 5 MB, or the largest update, is declined politely, without a model call, whichever way it comes', async () => {
    const calls = house.model.calls().length;
    const huge = 'ä'.repeat(2.5 * 2 ** 20);
    const { code, stdout } = await vigil(house.home, ['send', '-'], huge);
    assert.equal(code, 1);
    const declined =
      /^Your message has (2621440|500000) characters, I read 102400 at most\. Send it in parts\.\n?$/;
    assert.match(stdout, declined);
    // Telegram's server lets no update through that is larger than 512 KB (telegram-bot-api, Client.cpp).
    await house.bot.push({
      message: {
        message_id: 999_999,
        date: Math.floor(Date.now() / 1000),
        chat: { id: OWNER, type: 'private', first_name: 'O' },
        from: { id: OWNER, is_bot: false, first_name: 'O' },
        text: 'a'.repeat(500_000),
      },
    });
    await house.bot.waitSent((sent) => declined.test(sent.text ?? ''));
    assert.equal(house.model.calls().length, calls);
    assert.equal((await vigil(house.home, ['send', 'and now?'])).code, 0);
  });

  test('neither a word that was said nor a secret is in the logs; what was said is in the store', async () => {
    const rows = await house.read<{ text: string }>('SELECT text FROM inbound WHERE text IS NOT NULL');
    const stored = rows.map((row) => row.text).join('\n');
    assert.ok(said.length >= 8);
    for (const text of said) assert.ok(stored.includes(text), text);

    const { logs } = house.home;
    const logged = readdirSync(logs, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
      .join('');
    assert.match(logged, /"event":"turn\.finished"/);
    for (const secret of [...said, KEY, TOKEN, TOKEN.split(':')[1]]) {
      assert.ok(secret && !logged.includes(secret) && !suite.output().includes(secret), secret);
    }
  });

  test('a service that is killed is back at once; killed again and again, after longer and longer', async () => {
    const first = await house.pidOf('core');
    process.kill(first, 'SIGKILL');
    const second = await until('it is back', async () => {
      const pid = await house.pidOf('core');
      return pid === first ? null : pid;
    });
    assert.match(suite.output(), /^vigil: core ended \(SIGKILL\); started again at once$/m);
    process.kill(second, 'SIGKILL');
    await until('it is back', async () => {
      const pid = await house.pidOf('core');
      return pid === second ? null : pid;
    });
    const text = word();
    assert.equal((await vigil(house.home, ['send', text])).stdout, `answer to: ${text}\n`);
  });

  test('a token that is revoked keeps telegram down, and nobody else; vigil status shows the cause', async () => {
    await house.bot.revoke();
    await until('telegram is down', () => !isLocked(lockOf(house.home, 'telegram')));
    const text = word();
    assert.equal((await vigil(house.home, ['send', text])).stdout, `answer to: ${text}\n`);
    const { code, stdout } = await vigil(house.home, ['status', '--json']);
    assert.equal(code, 1);
    const row = JSON.parse(stdout).services.find((service: { name: string }) => service.name === 'telegram');
    assert.deepEqual([row.phase, row.pid], ['misconfigured', null]);
    assert.match(
      row.problem,
      /the bot token is refused \(401 Unauthorized\)\n {2}cure: get the token from @BotFather/,
    );
    const told = suite.output().match(/^telegram: telegram: the bot token is refused/gm);
    assert.equal(told?.length, 1, 'it is told once, and not started again');
    assert.doesNotMatch(suite.output(), /telegram ended/);
    assert.match(
      (await vigil(house.home, ['status'])).stdout,
      /^telegram +misconfigured .*the bot token is refused/m,
    );
  });

  test('vigil config check says that all is in order, or what is not', async () => {
    const fine = await vigil(house.home, ['config', 'check']);
    assert.deepEqual([fine.code, fine.stdout], [0, `${house.home.config} is in order\n`]);
    const values = JSON.parse((await vigil(house.home, ['config', 'check', '--json'])).stdout);
    assert.deepEqual([values.telegram.owners, values.router.port], [[OWNER], house.port]);
    const text = readFileSync(house.home.config, 'utf8');
    writeFileSync(house.home.config, `${text}[weather]\n`);
    const broken = await vigil(house.home, ['config', 'check']);
    writeFileSync(house.home.config, text);
    assert.equal(broken.code, 78);
    assert.match(broken.stderr, /\[weather\]: unknown section/);
  });

  test('SIGTERM drains it: exit 0, and nothing is left running', async () => {
    const pids = await Promise.all([house.pidOf('core'), house.pidOf('router')]);
    assert.equal(await suite.stop(), 0);
    for (const pid of pids) assert.equal(alive(pid), false);
    for (const { name } of services) assert.equal(isLocked(lockOf(house.home, name)), false);
    assert.equal(
      readdirSync(join(house.home.state, 'run')).filter((file) => file.endsWith('.sock')).length,
      0,
    );
  });

  test('once it is stopped, vigil send and chat say how to start it', async () => {
    for (const args of [['send', 'hello'], ['chat']]) {
      const { code, stderr } = await vigil(house.home, args);
      assert.equal(code, 78);
      assert.match(stderr, /^vigil is not running on .*\n {2}cure: start it: scripts\/start --no-chat\n$/);
    }
  });
});
