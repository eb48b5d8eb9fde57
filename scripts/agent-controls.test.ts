/**
 * How an owner steers from their chat: the commands, the buttons, the stop, the halt, and an answer that grows while it is
 * written. A whole house with the real tools; the model is a scripted one that charges for its calls.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { commands } from '#shared/commands.ts';
import type { MessagesRequest } from '#shared/messages/request-fields.ts';
import { vigil } from '#shared/testing/cli.ts';
import { buildHouse, type House, OWNER } from '#shared/testing/house.ts';
import { defaultScript, heard, type Reply } from '#shared/testing/messages-script.ts';
import { buttonsOf, phoneOf } from '#shared/testing/phone.ts';
import { until } from '#shared/testing/scratch.ts';

let house: House;
/** Why programs cannot be run on this machine; null when they can. */
let unboxed: string | null;
let chats = 500;
const newPhone = () => phoneOf(house, ++chats);

before(async () => {
  house = await buildHouse();
  house.model.script(model);
  await house.start();
  const { text } = await newPhone().ask('run true', /^it said: /);
  unboxed = /exit code 0/.test(text) ? null : text;
});
afterEach(() => house.model.latency({}));
after(() => house.close());

const LONG = Array.from({ length: 385 }, (_, i) => `## Part ${i}\n\nWhat there is to say of it.`).join(
  '\n\n',
);

/** "run …" is run, and what came of it told; all else is answered with itself. */
function model(request: MessagesRequest): Reply {
  const words = heard(request);
  const [, command] = /(?:^|\n)run (.*)$/.exec(words) ?? [];
  if (command) return { text: 'I run it.', tools: [{ name: 'run_command', input: { command } }] };
  if (/^\[\{"type":"text"/.test(words)) return `it said: ${words}`;
  if (/^Goal: .*\n\nQuestion: /.test(words)) return 'yes\nIt rhymes.';
  if (words === 'tell me everything') return LONG;
  return defaultScript(request);
}

const requests = () => house.model.calls().map(({ body }) => body as MessagesRequest);
/** Whether a process with this in its command line is there, wherever it runs. */
const runs = (mark: string) =>
  execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' })
    .split('\n')
    .some((line) => line.includes(mark) && !line.startsWith('ps '));

/** A command that would run for an hour, known by its number. */
function endless(): { command: string; mark: string } {
  const mark = `sleep 3600.${process.pid}${++chats}`;
  return { command: `run ${mark}`, mark };
}

const gone = (mark: string) => until(`${mark} is gone`, () => !runs(mark));

test('a ping costs no more than 2,000 tokens of input, with all tools offered', async () => {
  await newPhone().ask('ping', /^answer to: ping$/);
  assert.ok((requests().at(-1)?.tools?.length ?? 0) >= 9);
  const billed = house.model.calls().at(-1)?.billed;
  assert.ok(billed);
  const all = billed.input_tokens + billed.cache_creation_input_tokens + billed.cache_read_input_tokens;
  assert.ok(all > 500 && all <= 2000, `${all} tokens`);
});

test('every command is answered', async () => {
  const answers: Record<string, [words: string, answer: RegExp]> = {
    stop: ['/stop', /^There is nothing in work here/],
    new: ['/new', /^We begin anew/],
    status: ['/status', /^Vigil [\s\S]*core: ready[\s\S]*Today: \$0\.\d+ of/],
    cost: ['/cost', /^Today: \$0\.\d+ of[\s\S]*in \d+ calls/],
    model: ['/model', /^default answers here\./],
    jobs: ['/jobs', /^Nothing is done on a schedule here\.$/],
    task: ['/task', /^Say: \/task <goal> check:/],
    memory: ['/memory', /^I remember nothing yet/],
    remember: ['/remember', /^Say \/remember/],
    forget: ['/forget', /^Say \/forget/],
    approve: ['/approve', /^Nothing waits for your yes/],
    persona: ['/persona', /^There are no standing instructions/],
    halt: ['/halt dinner', /^All is halted: .*dinner[\s\S]*\/resume goes on/],
    resume: ['/resume', /^It goes on\.$/],
    help: ['/help', /^\/stop: [\s\S]*\/help: /],
    start: ['/start', /^Hello, User\./],
  };
  assert.deepEqual(Object.keys(answers).sort(), commands.map(({ name }) => name).sort());
  const phone = newPhone();
  for (const { name } of commands) {
    const [words, answer] = answers[name] ?? ['', /^$/];
    await phone.ask(words, answer);
  }
  await phone.ask('/dance', /^There is no \/dance/);
});

test('/new leaves behind what was said, and /model chooses who answers', async () => {
  const phone = newPhone();
  await phone.ask('one', /^answer to: one$/);
  await phone.ask('two', /^answer to: two$/);
  assert.equal(requests().at(-1)?.messages.length, 3);
  await phone.ask('/new', /^We begin anew/);
  await phone.ask('/model quick', /^From now on quick answers here\.$/);
  const usual = requests().at(-1)?.model;
  await phone.ask('three', /^answer to: three$/);
  assert.equal(requests().at(-1)?.messages.length, 1);
  assert.notEqual(requests().at(-1)?.model, usual);
  await phone.ask('/model usual', /^default answers here again\.$/);
});

test('a thumb is kept and marked, the last one counts, and of a bad one it is asked why', async () => {
  const phone = newPhone();
  const answer = await phone.ask('how do I look?', /^answer to:/);
  const labels = async () => buttonsOf((await phone.hear(/^answer to:/)).message).map(({ text }) => text);
  await phone.press(answer, /👍/);
  assert.deepEqual(await labels(), ['✓ 👍', '👎']);
  await phone.press(answer, /👎/);
  assert.deepEqual(await labels(), ['👍', '✓ 👎']);
  const asked = await phone.hear(/^What was wrong with it\?$/);
  assert.deepEqual(
    buttonsOf(asked.message).map(({ text }) => text),
    ['Made up', 'Not helpful'],
  );
  await phone.press(asked, /^Made up$/);
  await until('all is kept', async () => {
    const rows = await house.read<{ good: number; why: string | null }>(
      'SELECT r.good, r.why FROM rating r JOIN turn t ON t.id = r.turn_id WHERE t.chat = ? ORDER BY r.at',
      String(phone.chat),
    );
    return rows.at(-1)?.good === 0 && rows.at(-1)?.why === 'made up';
  });
});

test('a task is worked at until its check passes, and its message follows it', async (t) => {
  if (unboxed) return t.skip(unboxed);
  const phone = newPhone();
  const progress = await phone.ask(
    '/task be done check: true',
    /^Task \d+: be done\nworking, iteration 1 of 10/,
  );
  assert.deepEqual(
    buttonsOf(progress.message).map(({ text }) => text),
    ['Pause', 'Cancel'],
  );
  const done = await phone.hear(/^Task \d+: be done\ndone/);
  assert.equal(done.message_id, progress.message_id);
  await phone.ask('/task', /^\d+\. done \(1\/10/);
  await phone.ask('/task a poem check: Does it rhyme?', /^Task \d+: a poem\nworking/);
  await phone.hear(/^Task \d+ is done: a poem\nIt rhymes\.$/);
});

test('a task is paused, resumed and cancelled by its buttons', async (t) => {
  if (unboxed) return t.skip(unboxed);
  const phone = newPhone();
  const shown = await phone.ask('/task wait check: false iterations 900', /^Task \d+: wait\nworking/);
  await phone.press(shown, /^Pause$/);
  await phone.press(await phone.hear(/^Task \d+: wait\npaused/), /^Resume$/);
  await phone.press(await phone.hear(/^Task \d+: wait\n(working|checking)/), /^Cancel$/);
  const { message } = await phone.hear(/^Task \d+: wait\ncancelled/);
  assert.deepEqual(buttonsOf(message), []);
});

for (const how of ['/stop', 'the Stop button']) {
  test(`${how} ends a command at once, and the next message is answered`, async (t) => {
    if (unboxed) return t.skip(unboxed);
    const phone = newPhone();
    const { command, mark } = endless();
    await phone.say(command);
    await until('it runs', () => runs(mark));
    const shown = await phone.hear(/I run it\.\n\nrun_command: sleep 3600/);
    if (how === '/stop') await phone.say('/stop');
    else await phone.press(shown, /Stop/);
    await gone(mark);
    await phone.hear(/^Stopped\.$/);
    await phone.ask('and now?', /^answer to: and now\?$/);
    const last = JSON.stringify(requests().at(-1)?.messages);
    assert.match(last, /The turn was ended: there is no result\..*and now\?/);
    // What was shown of it loses its button.
    await house.bot.waitSent(
      ({ seq, message_id, message }) =>
        seq > shown.seq && message_id === shown.message_id && buttonsOf(message).length === 0,
    );
  });
}

test('/halt ends a command at once and starts nothing more; /resume answers what waited', async (t) => {
  if (unboxed) return t.skip(unboxed);
  const [phone, other] = [newPhone(), newPhone()];
  const { command, mark } = endless();
  await phone.say(command);
  await until('it runs', () => runs(mark));
  await other.ask('/halt enough', /^All is halted: .*enough/);
  await gone(mark);
  assert.ok(existsSync(house.home.halted));
  const asked = requests().length;
  await other.ask('are you there?', /^All is halted\. What you write is kept/);
  await other.ask('/status', /HALTED: .*enough[\s\S]*Waiting for an answer: 1/);
  assert.equal(requests().length, asked);
  await other.say('/resume');
  await other.hear(/^It goes on\.$/);
  await other.hear(/^answer to: are you there\?$/);
  await phone.hear(/^it said: .*interrupted/);
  assert.ok(!runs(mark));
});

test('who types the code that the machine shows is let in, and the owners hear of it', async () => {
  const owner = phoneOf(house, OWNER);
  await owner.ask('hello', /^answer to: hello$/);
  const guest = phoneOf(house, 9_001, { id: 9_001, first_name: 'Mia' });
  await guest.ask('hello', /^This is a private agent\./);
  const { stdout } = await vigil(house.home, ['pair', '--json']);
  const { code } = JSON.parse(stdout);
  await guest.ask('AAAA-AAAA', /^This code is wrong/);
  await guest.ask(code, /^You are in, Mia/);
  await owner.hear(/^Mia \(9001\) was let in/);
  await guest.ask('hello again', /^answer to: hello again$/);
  await phoneOf(house, 9_002, { id: 9_002 }).ask(`/start ${code}`, /^This code is wrong/);
});

test('an answer too long for a chat is its beginning, and a file with all of it', async () => {
  const phone = newPhone();
  await phone.say('tell me everything');
  await phone.hear(/^Part 0\n[\s\S]*\(The whole answer is in the file\.\)$/);
  const { document } = (
    await house.bot.waitSent(({ chat_id, method }) => chat_id === phone.chat && method === 'sendDocument')
  ).message;
  assert.match(document?.file_name ?? '', /^answer-\d+\.md$/);
  assert.equal(document?.file_size, Buffer.byteLength(LONG));
});

test('a slow answer grows in one message, which tells what its tools are at, and becomes the answer', async (t) => {
  if (unboxed) return t.skip(unboxed);
  const phone = newPhone();
  await phone.say('run sleep 1.5; echo rested');
  const shown = await phone.hear(/^I run it\.\n\nrun_command: sleep 1\.5; echo rested$/);
  assert.deepEqual(
    buttonsOf(shown.message).map(({ text }) => text),
    ['⏹ Stop'],
  );
  house.model.latency({ per_chunk_ms: 300 });
  const half = await phone.hear(/^it said: (?![\s\S]*<\/untrusted>)/);
  const whole = await phone.hear(/^it said: [\s\S]*rested[\s\S]*<\/untrusted>/);
  assert.deepEqual([half.message_id, whole.message_id], [shown.message_id, shown.message_id]);
  assert.deepEqual(
    buttonsOf(whole.message).map(({ text }) => text),
    ['👍', '👎'],
  );
});

test('a voice message that nobody can listen to is said to be kept', async () => {
  const voice = { ...(await house.bot.upload({ name: 'v.ogg', text: 'x' })), duration: 1 };
  const phone = newPhone();
  await phone.say(undefined, { voice });
  await phone.hear(/^I cannot listen to recordings yet: set transcribe/);
});
