/**
 * The first hour as its owner has it, on a machine with a systemd of its own: a clone, a word in the foreground, and the
 * setup on a terminal as root, killed and left on the way; then the terminal is closed, and the house goes on.
 */

import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { type Box, boxFor, noBox } from '#shared/testing/box.ts';
import { KEY, OWNER, TOKEN } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { noTerminal, onTerminal, type Terminal } from '#shared/testing/terminal.ts';

const packages = realpathSync(join(root, 'node_modules'));
const node = process.execPath;
/** A release is made on the way, and every service starts. */
const LONG_ms = 60_000;

/** Telegram, a provider and ntfy in the box; what they have heard is asked at port 9003. */
const WORLD = `
  import { createServer } from 'node:http';
  import { startAlarmRoutes } from '${root}/shared/testing/alarm-routes.ts';
  import { startBotApi } from '${root}/shared/testing/bot-api.ts';
  import { startMessagesApi } from '${root}/shared/testing/messages-api.ts';
  const bot = await startBotApi({ token: '${TOKEN}', port: 9001 });
  const model = await startMessagesApi({ key: '${KEY}', port: 9002 });
  const routes = await startAlarmRoutes();
  createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://here');
    const asked = {
      '/say': () => bot.say({ chat_id: ${OWNER}, text: searchParams.get('text') }),
      '/sent': async () => (await bot.sent()).map(({ text }) => text),
      '/asked': () => model.calls(),
      '/alarms': () => routes.notifications,
      '/topic': () => routes.ntfy('vigil-test'),
    }[pathname];
    response.end(JSON.stringify((await asked?.()) ?? null));
  }).listen(9003, '127.0.0.1');`;

function world(box: Box, path: string): Promise<string> {
  const ask = `fetch('http://127.0.0.1:9003${path}').then((said) => said.text()).then(console.log)`;
  return box.must(`${node} -e "${ask}"`);
}

/** A user with a checkout of this very source, its packages and its Node, and the world around. */
async function ownersMachine(box: Box): Promise<void> {
  await box.must(`cat >/root/world.mjs <<'END'
${WORLD}
END
    systemd-run --quiet --unit=world ${node} /root/world.mjs
    useradd -m ada && mkdir /home/ada/vigil && cd ${root} &&
    tar -c --exclude=./node_modules --exclude='./.[!ce]*' . | tar -x -C /home/ada/vigil &&
    cd /home/ada/vigil && ln -s ${packages} node_modules &&
    bin=.runtime/node-$(sed -n s/^NODE_VERSION=//p scripts/ground.sh)/bin &&
    mkdir -p $bin && cp ${node} $bin/node && chown -R -h ada:ada /home/ada`);
  const topic = await until('the world is there', () => world(box, '/topic').catch(() => null), LONG_ms);
  await box.must(`cat >/root/answers.toml <<'END'
[key]
endpoint = "http://127.0.0.1:9002"
[bot]
api_root = "http://127.0.0.1:9001"
[settings]
alarm = "ntfy"
alarm_url = ${topic}
END
    chmod 600 /root/answers.toml`);
}

/** As that user types it in the checkout. */
const ada = (command: string) =>
  `cd /home/ada/vigil && setpriv --reuid=ada --regid=ada --init-groups env HOME=/home/ada ${command}`;

test('from a clone to a house that runs by itself: killed, left and gone on with, and nothing said is lost', {
  skip: noBox || noTerminal,
}, async (t) => {
  const box = await boxFor(t, {
    binds: { [root]: root, [packages]: packages, [join(node, '..', '..')]: join(node, '..', '..') },
  });
  await ownersMachine(box);
  const began = performance.now();
  await box.must(
    'systemd-run --quiet --unit=start --uid=ada --setenv=HOME=/home/ada /home/ada/vigil/scripts/start --no-chat',
  );
  await until(
    'it answers in the foreground',
    async () => (await box.exec(ada("scripts/vigil send 'my number is 4711'"))).code === 0,
    LONG_ms,
  );
  t.diagnostic(
    `from a clone with its packages to the first answer: ${Math.round(performance.now() - began)} ms`,
  );

  const setup = (): Terminal => {
    const asSudo = 'SUDO_USER=ada TERM=xterm scripts/vigil setup --answers /root/answers.toml';
    return onTerminal(t, box.command(`cd /home/ada/vigil && exec env ${asSudo}`), { columns: 60 });
  };
  // In the box there is none but ours.
  const kill = async (terminal: Terminal) => {
    await box.must("pkill -KILL -f 'vigil.js (setup|install)'");
    await terminal.exit;
  };

  let terminal = setup();
  await terminal.shows('Who shall answer?', LONG_ms);
  terminal.type('\r');
  await terminal.shows('The key');
  terminal.type(`${KEY}\r`);
  await terminal.shows('The token', LONG_ms);
  await kill(terminal);

  terminal = setup();
  await terminal.shows('The token', LONG_ms);
  terminal.type(`${TOKEN}\r`);
  await terminal.shows('Waiting for the tap', LONG_ms);
  await kill(terminal);

  terminal = setup();
  await terminal.shows('There is a token already', LONG_ms);
  terminal.type('\r');
  const [, code = ''] = await terminal.shows(/start=(\w{8})/, LONG_ms);
  await world(box, `/say?text=/start%20${code}`);
  await terminal.shows('You are in', LONG_ms);
  const [sandbox = ''] = await terminal.shows(/Programs run in the sandbox|And now\?/, LONG_ms);
  const without = sandbox === 'And now?';
  if (without) terminal.type('\x1b[B\r');
  await terminal.shows('Enter accepts all of it', LONG_ms);
  terminal.type('\r');
  await terminal.shows('How shall it run?', LONG_ms);
  terminal.type('\x03');
  await terminal.shows('Go on with: scripts/vigil setup');
  assert.equal(await terminal.exit, 130);
  assert.equal(await box.must('find /home/ada/vigil -user root'), '', 'what root has made is hers');

  /** What was put off is asked again. */
  const goOn = async () => {
    const next = setup();
    if (without) {
      await next.shows('And now?', LONG_ms);
      next.type('\x1b[B\r');
    }
    return next;
  };
  terminal = await goOn();
  await terminal.shows('How shall it run?', LONG_ms);
  terminal.type('\r');
  await terminal.shows('May ada use vigil without sudo?', LONG_ms);
  terminal.type('\r');
  await terminal.shows('scripts/start runs on', LONG_ms);
  terminal.type('\r');
  await terminal.shows('install the units of', LONG_ms);
  await kill(terminal);
  assert.notEqual((await box.exec('systemctl is-active start')).code, 0, 'one reader of the bot at a time');

  terminal = setup();
  // Killed a moment later, it had done all of it, and there is nothing left to ask.
  const done = /vigil \S+ is installed/;
  let [next = ''] = await terminal.shows(/May ada use|And now\?|vigil \S+ is installed/, LONG_ms);
  if (next === 'And now?') {
    terminal.type('\x1b[B\r');
    [next = ''] = await terminal.shows(/May ada use|vigil \S+ is installed/, LONG_ms);
  }
  if (!done.test(next)) {
    terminal.type('\r');
    await terminal.shows(done, LONG_ms);
  }
  await terminal.shows('answer to: ping', LONG_ms);
  await terminal.shows(/arrived: Telegram, to 4242\s+│\s+arrived: ntfy/, LONG_ms);
  await terminal.shows('You can close this terminal.', LONG_ms);
  terminal.close();

  assert.match(await world(box, '/alarms'), /This is a test of the alarm/);
  assert.match(await box.must("vigil send 'which number was it?'"), /answer to: which number/);
  assert.match(
    await world(box, '/asked'),
    /my number is 4711/,
    'what was said in the checkout is remembered',
  );
  await world(box, '/say?text=still%20there');
  await until('the bot answers', async () => /answer to: still there/.test(await world(box, '/sent')));
  type Found = { name: string; state: string; what: string };
  const found: Found[] = JSON.parse((await box.exec('vigil doctor --json')).stdout);
  const wrong = found.filter(({ state }) => state === 'fault' || state === 'warning');
  assert.deepEqual(wrong, []);
  assert.match(
    (await box.exec(ada('scripts/start --no-chat'))).stderr,
    /switched off .* taken over by the installation in \/opt\/vigil/,
  );
});
