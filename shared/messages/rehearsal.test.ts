import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { remembered, untrusted } from '../base/untrusted.ts';
import { type Rehearsal, rehearsalModel, startRehearsal } from './rehearsal.ts';

const keyHint =
  'put ANTHROPIC_API_KEY=… into /home/me/vigil/.vigil/credentials/anthropic.env and start again';
const label = `\n\n— rehearsal model, not a real one. For real answers: ${keyHint}`;

let server: Rehearsal;
let client: Anthropic;

before(async () => {
  server = await startRehearsal({ listen: { host: '127.0.0.1', port: 0 }, keyHint });
  const port = 'port' in server.listen ? server.listen.port : 0;
  client = new Anthropic({ apiKey: 'any', baseURL: `http://127.0.0.1:${port}`, maxRetries: 0 });
});
after(() => server.close());

type Messages = Anthropic.MessageCreateParamsNonStreaming['messages'];
type Extra = Partial<Anthropic.MessageCreateParamsNonStreaming>;

const tools: Anthropic.Tool[] = [
  { name: 'weather', description: 'the weather', input_schema: { type: 'object' } },
  { name: 'remember', input_schema: { type: 'object' } },
];

function ask(said: string | Messages, extra: Extra = {}) {
  const messages: Messages = typeof said === 'string' ? [{ role: 'user', content: said }] : said;
  return client.messages.create({ model: rehearsalModel, max_tokens: 1000, messages, ...extra });
}

/** What it answers, without its label, which must be there. */
async function answerTo(said: string | Messages, extra: Extra = {}): Promise<string> {
  const { content, model } = await ask(said, extra);
  assert.equal(model, rehearsalModel);
  const [block] = content;
  assert.ok(block?.type === 'text');
  assert.ok(block.text.endsWith(label), `no label: ${block.text}`);
  return block.text.slice(0, -label.length);
}

for (const [said, answer] of [
  ['echo Hello,  World\nand more', 'Hello,  World\nand more'],
  ['count to 5', '1, 2, 3, 4, 5'],
  ['count to 1', '1'],
  ['Count up to 100.', Array.from({ length: 100 }, (_, index) => index + 1).join(', ')],
  ['count to 101', 'I count to any number from 1 to 100.'],
  ['count to 0', 'I count to any number from 1 to 100.'],
  ['count words in the quick brown fox', '4 words.'],
  ['how many letters are in Grüße, 42!', '5 letters.'],
  ['count the words in: one', '1 word.'],
  ['what is 12*7', '12*7 = 84'],
  ["What's (1 + 2) * 3?", '(1 + 2) * 3 = 9'],
  ['0.1+0.2', '0.1+0.2 = 0.3'],
  ['what is 1/0', '1/0 has no value: it divides by zero or is too large.'],
  ['what was my first message', 'This is your first message in this conversation.'],
  ['what did I say before?', 'Nothing: this is your first message in this conversation.'],
  ['call tool weather', 'I cannot call “weather”: this request offers no tools.'],
] as const) {
  test(`it answers “${said.replace(/\s+/g, ' ')}”`, async () => {
    assert.equal(await answerTo(said), answer);
  });
}

test('it greets', async () => {
  for (const said of ['hi', 'Hello!', 'good morning dear Vigil', '/start']) {
    assert.match(await answerTo(said), /^Hello! /, said);
  }
});

test('what is remembered of a message is not taken for the message', async () => {
  const content = ['echo tea', remembered('- [the owner said] echo coffee'), untrusted('memory', 'echo rum')];
  const blocks = content.map((text) => ({ type: 'text' as const, text }));
  assert.equal(await answerTo([{ role: 'user', content: blocks }]), 'tea');
});

test('it tells date and time', async () => {
  for (const said of ['what time is it?', "what's the date", 'What day is it today?', 'the time']) {
    const answer = await answerTo(said);
    assert.match(answer, /^It is \w+day,? \d+ \w+ \d{4}/, said);
    assert.match(answer, /\d\d:\d\d:\d\d/);
  }
});

test('it says honestly what it sees when it has no rule', async () => {
  const answer = await answerTo('why is the sky blue?', { tools });
  assert.match(
    answer,
    /^I see 1 message; the last one has 5 words\. I answer by rule and have no rule for it\./,
  );
  assert.match(answer, /Tools offered: weather, remember\.$/);
});

test('it remembers the conversation, and takes its own label for no part of it', async () => {
  const talk: Messages = [
    { role: 'user', content: 'echo one' },
    { role: 'assistant', content: `one${label}` },
    { role: 'user', content: 'echo two' },
    { role: 'assistant', content: `two${label}` },
  ];
  const then = (content: string) => answerTo([...talk, { role: 'user', content }]);
  assert.equal(await then('what was my first message?'), 'Your first message was: “echo one”');
  assert.equal(await then('what was my last message?'), 'Your previous message was: “echo two”');
  assert.equal(await then('what did I say before?'), 'Before this you said: “echo two”');
  assert.equal(await then('what did you say?'), 'I said: “two”');
  assert.match(await then('hm'), /^I see 5 messages/);
});

test('it calls a tool when asked to, and reports what came of it', async () => {
  const question = 'call tool weather with {"city":"Graz"}';
  const called = await ask(question, { tools });
  assert.equal(called.stop_reason, 'tool_use');
  const [use] = called.content;
  assert.ok(use?.type === 'tool_use');
  assert.deepEqual([use.name, use.input], ['weather', { city: 'Graz' }]);

  const outcome = (content: string, is_error: boolean) =>
    answerTo(
      [
        { role: 'user', content: question },
        { role: 'assistant', content: called.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content, is_error }] },
      ],
      { tools },
    );
  assert.equal(await outcome('sunny, 21 °C', false), 'Tool weather answered: “sunny, 21 °C”');
  assert.equal(await outcome('no such city', true), 'Tool weather failed: “no such city”');
});

test('it says why it does not call a tool', async () => {
  assert.equal(
    await answerTo('use the smell tool', { tools }),
    'There is no tool called “smell” here. There are: weather, remember.',
  );
  assert.equal(
    await answerTo('call weather with Graz', { tools }),
    'The input of a tool is a JSON object, and this is none: “Graz”',
  );
});

test('a tool that the request forces is called whatever was said', async () => {
  const any = await ask('hello', { tools, tool_choice: { type: 'any' } });
  const named = await ask('hello', { tools, tool_choice: { type: 'tool', name: 'remember' } });
  assert.deepEqual(
    [any, named].map(({ content: [block] }) => block?.type === 'tool_use' && block.name),
    ['weather', 'remember'],
  );
});

test('a stream comes word by word and adds up to the plain answer', async () => {
  const deltas: string[] = [];
  const stream = client.messages
    .stream({ model: 'x', max_tokens: 100, messages: [{ role: 'user', content: 'echo one two three' }] })
    .on('text', (delta) => deltas.push(delta));
  const { content, stop_reason } = await stream.finalMessage();
  assert.deepEqual(deltas.slice(0, 3), ['one', ' two', ' three']);
  assert.equal(stop_reason, 'end_turn');
  assert.deepEqual(content, (await ask('echo one two three')).content);
});

test('max_tokens cuts the answer but never the label', async () => {
  const { content, stop_reason, usage } = await ask('echo 123456789', { max_tokens: 2 });
  assert.deepEqual(content, [{ type: 'text', text: `12345678${label}`, citations: null }]);
  assert.equal(stop_reason, 'max_tokens');
  assert.equal(usage.output_tokens, 2);
  const whole = await ask('echo 12345678', { max_tokens: 2 });
  assert.equal(whole.stop_reason, 'end_turn');
});

test('a request without room for an answer gets none', async () => {
  const { content, stop_reason, usage } = await ask('echo x', { max_tokens: 0 });
  assert.deepEqual([content, stop_reason, usage.output_tokens], [[], 'max_tokens', 0]);
});

test('usage is estimated from what was sent', async () => {
  const { usage, content } = await ask('echo x');
  const [block] = content;
  assert.ok(block?.type === 'text');
  assert.equal(usage.output_tokens, Math.ceil(Buffer.byteLength(block.text) / 4));
  assert.ok(usage.input_tokens > 10 && usage.input_tokens < 50, `${usage.input_tokens}`);
});

test('it counts tokens and lists itself as the one model', async () => {
  const messages: Messages = [{ role: 'user', content: 'x'.repeat(400) }];
  const { input_tokens } = await client.messages.countTokens({ model: 'x', messages });
  assert.ok(input_tokens > 100 && input_tokens < 150, `${input_tokens}`);
  const ids: string[] = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.deepEqual(ids, [rehearsalModel]);
});

test('a long hostile message is answered at once', async () => {
  const started = performance.now();
  for (const said of [
    '1'.repeat(100_000),
    '.'.repeat(100_000),
    `call${' '.repeat(100_000)}!`,
    `count${' in'.repeat(30_000)}`,
  ]) {
    await ask(said);
  }
  assert.ok(performance.now() - started < 10_000, `${performance.now() - started} ms`);
});

test('on a Unix socket it answers its owner alone, and takes the place of a process that was killed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rehearsal-'));
  const path = join(folder, 'model.sock');
  try {
    const first = await startRehearsal({ listen: { path }, keyHint });
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    await assert.rejects(startRehearsal({ listen: { path }, keyHint }), { code: 'EADDRINUSE' });

    const ask = httpRequest({
      socketPath: path,
      path: '/v1/models',
      headers: { 'anthropic-version': '2023-06-01' },
    });
    ask.end();
    const [response] = await once(ask, 'response');
    assert.equal(response.statusCode, 200);
    response.resume();
    await first.close();

    await writeFile(path, '');
    const second = await startRehearsal({ listen: { path }, keyHint });
    await second.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});
