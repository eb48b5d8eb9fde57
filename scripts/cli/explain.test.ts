/** The life of a message, from a store that has seen one, as the command line tells it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vigil } from '#shared/testing/cli.ts';
import { DECISION, lived, TURN } from '#shared/testing/lived.ts';

test('the life of a message is told in the order in which it happened, with what it cost', async (t) => {
  const home = await lived(t);
  const { code, stdout, stderr } = await vigil(home, ['explain', 'last']);
  assert.deepEqual([code, stderr], [0, '']);
  const lines = stdout.split('\n').slice(1);
  const expected = [
    / 0 {2}received {2}inbound 1 from 7 by telegram:1: what is the weather\?/,
    / 10 {2}turn/,
    / 20 {2}asked {5}default → one\/m$/,
    / 30 {2}answered {2}refused \(overloaded_error\) · /,
    / 40 {2}asked {5}default → two\/m, attempt 2 · not one\/m: tried 1 times$/,
    / 640 {2}answered {2}ok · 1\.5k tokens in \(500 from cache\), 20 out · \$0\.012 · 600 ms, the first word after 300$/,
    / 645 {2}recalled {2}memory 1: The owner lives in Bonn\. · score 3\.2 · text 2\.8, day 0\.4$/,
    / 645 {2}recalled {2}message 99: forgotten since · score 3\.2$/,
    / 650 {2}decided {3}tool fetch_url · confidence 0\.9 · It has to be looked up\.$/,
    / 650 {2}tool {6}fetch_url \{"url"/,
    / 900 {2}result {4}fetch_url: done · 200 ms · 30 bytes · from web https:\/\/weather\.example$/,
    / 901 {2}read {6}words of strangers: web https/,
    / 950 {2}warning {3}core turn\.postponed: no answer · 3 times · tried again later$/,
    / 1000 {2}ended {5}done$/,
    / 1100 {2}sent {6}reply sent: Sun\. · message 902$/,
    / 9000 {2}rated {5}👎 by 7 · made up$/,
    / 9500 {2}checked {3}unsupported · "Sun\."$/,
    /^$/,
    /^done · 990 ms · 2 model calls, 3\.0k tokens, \$0\.012 · 1 tool calls · 1 errors$/,
  ];
  for (const [i, pattern] of expected.entries()) assert.match(lines[i] ?? '', pattern);
  assert.ok(!stdout.includes('\u001b'), 'what was said commands no terminal');
});

test('a turn is found by its message, by what answered it, by its decision, and by the beginning of their ids', async (t) => {
  const home = await lived(t);
  for (const what of ['1', 'telegram:902', TURN, DECISION.slice(0, 13)]) {
    const { code, stdout } = await vigil(home, ['explain', what, '--json']);
    assert.equal(code, 0, what);
    const told: { turn: { id: string }; events: unknown[] } = JSON.parse(stdout);
    assert.deepEqual([told.turn.id, told.events.length], [TURN, 17], what);
  }
});

test('a message that was never answered is told as far as it came, and nothing is told of what is not there', async (t) => {
  const home = await lived(t);
  const refused = await vigil(home, ['explain', '2']);
  assert.match(refused.stdout, /received {2}inbound 2 from 7 .* · refused · a stranger/);
  for (const what of ['telegram:1', '0190cccc']) {
    const { code, stderr } = await vigil(home, ['explain', what]);
    assert.equal(code, 78, what);
    assert.match(stderr, /nothing goes by/);
  }
});

test('--full prints what was asked and answered, and says what is not kept', async (t) => {
  const home = await lived(t);
  const { stdout } = await vigil(home, ['explain', 'last', '--full']);
  assert.match(stdout, /call c1: asked\nnot kept/);
  assert.match(
    stdout,
    /call c2: asked\n\{\n {2}"model": "m",\n {2}"system": "be good"\n\}\n── answered\nevent: message_start/,
  );
});

test('decisions are listed with their reasons, by action and time', async (t) => {
  const home = await lived(t);
  const { stdout } = await vigil(home, ['decisions']);
  assert.match(
    stdout,
    /0190aaaa-1111 {2}\S+ \S+ {2}tool fetch_url +0\.9 +\$0\.012 {2}m +It has to be looked up\./,
  );
  const listed = async (...args: string[]) =>
    (JSON.parse((await vigil(home, ['decisions', '--json', ...args])).stdout) as unknown[]).length;
  assert.equal(await listed('--action', 'tool'), 1);
  assert.equal(await listed('--action', 'answer'), 0);
  assert.equal(await listed('--since', '2m'), 1);
  assert.equal((await vigil(home, ['decisions', '--since', 'soon'])).code, 64);
});
