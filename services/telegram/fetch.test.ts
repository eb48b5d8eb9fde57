/** Files that come with messages, by the bridge as a real process. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Attachment } from '#shared/tables/attachment.ts';
import { buildHouse, type House, OWNER, type Suite, TOKEN } from '#shared/testing/house.ts';
import { scratch, until } from '#shared/testing/scratch.ts';

async function bridge(t: TestContext, config = ''): Promise<{ house: House; running: Suite }> {
  const house = await buildHouse();
  t.after(() => house.close());
  const file = house.home.config;
  writeFileSync(file, readFileSync(file, 'utf8').replace('[telegram]\n', `[telegram]\n${config}\n`));
  return { house, running: await house.serve('telegram') };
}

const filesOf = (house: House) => house.read<Attachment>('SELECT * FROM attachment ORDER BY id');
const ended = (house: House, count = 1) =>
  until('the files are there, or lost', async () => {
    const files = await filesOf(house);
    return files.length === count && files.every(({ state }) => state !== 'pending') && files;
  });
const send = (house: House, more: object) =>
  house.bot.say({ chat_id: OWNER, from: { id: OWNER }, more: more as never });
const told = (house: House) => until('its sender hears of it', async () => (await house.bot.sent())[0]?.text);

test('files lie in the state under their numbers, closed to others, and their message waits for them', async (t) => {
  const { house } = await bridge(t);
  await house.bot.fault({ kind: 'status', status: 502, body: 'html', method: 'download', times: 1 });
  const document = await house.bot.upload({
    name: '../../evil name.PDF',
    mime: 'application/pdf',
    text: 'hello',
  });
  await send(house, { document, caption: 'read this' });
  const [file] = await ended(house);
  assert.equal(file?.state, 'ready');
  assert.equal(file.path, join(house.home.files, '1.pdf'));
  assert.equal(file.bytes, 5);
  assert.equal(readFileSync(file.path, 'utf8'), 'hello');
  assert.equal(statSync(file.path).mode & 0o007, 0);
  const [message] = await house.read<{ state: string; text: string }>('SELECT state, text FROM inbound');
  assert.deepEqual({ ...message }, { state: 'pending', text: 'read this' });
});

test('a bridge that is killed in the middle of a download fetches it anew, and keeps no half of it', async (t) => {
  const { house, running } = await bridge(t);
  await house.bot.fault({ kind: 'slow', over_ms: 10_000, method: 'download', times: 1 });
  const text = 'x'.repeat(100_000);
  await send(house, { document: await house.bot.upload({ name: 'a.txt', text }) });
  const part = join(house.home.files, '1.txt.part');
  await until('a part of it is there', () => existsSync(part) && statSync(part).size > 0);
  running.child.kill('SIGKILL');
  await running.exit;
  await house.serve('telegram');
  const [file] = await ended(house);
  assert.equal(file?.state, 'ready');
  assert.equal(readFileSync(file.path ?? '', 'utf8'), text);
  assert.deepEqual(readdirSync(house.home.files), ['1.txt']);
});

test('half of a file is no file', async (t) => {
  const { house } = await bridge(t);
  await house.bot.fault({ kind: 'truncate', method: 'download', times: 1 });
  await send(house, { document: await house.bot.upload({ name: 'a.txt', text: '0123456789' }) });
  const [file] = await ended(house);
  assert.equal(readFileSync(file?.path ?? '', 'utf8'), '0123456789');
  assert.equal(file?.attempt, 2);
});

test('what Telegram will not give is told to its sender, and the token stands in no log', async (t) => {
  const { house } = await bridge(t);
  // Telegram does not always say how large a file is.
  const { file_size: _, ...large } = await house.bot.upload({ name: 'film.iso', size_bytes: 30 * 2 ** 20 });
  await send(house, { document: large, caption: 'take it' });
  assert.match(await told(house), /^I cannot fetch film\.iso: it has .* 20 MB at most/);
  const [file] = await ended(house);
  assert.deepEqual([file?.state, file?.path], ['failed', null]);
  await send(house, { document: { ...large, file_id: 'gone' } });
  assert.match((await ended(house, 2))[1]?.note ?? '', /wrong file_id.*send it again/);
  const logs = join(house.home.logs, 'telegram');
  const text = readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8'));
  assert.match(text.join(''), /file\.unfetched/);
  assert.ok(!text.join('').includes(TOKEN.split(':')[1] ?? ''));
});

test('a recording is heard by the program of the config, which is given the file', async (t) => {
  const program = join(scratch(t), 'listen');
  writeFileSync(program, '#!/bin/sh\necho "$1:"; cat "$2"\n');
  chmodSync(program, 0o755);
  const { house } = await bridge(t, `transcribe = { command = [${JSON.stringify(program)}, "en"] }`);
  await send(house, {
    voice: { ...(await house.bot.upload({ name: 'v.ogg', text: 'good morning' })), duration: 1 },
  });
  const [file] = await ended(house);
  assert.deepEqual([file?.state, file?.text], ['ready', 'en:\ngood morning']);
  const [message] = await house.read<{ state: string }>('SELECT state FROM inbound');
  assert.equal(message?.state, 'pending');
});

test('a recording that no program makes out is kept, and its sender told why', async (t) => {
  const program = join(scratch(t), 'listen');
  writeFileSync(program, '#!/bin/sh\nexit 0\n');
  chmodSync(program, 0o755);
  const { house } = await bridge(t, `transcribe = { command = [${JSON.stringify(program)}] }`);
  await send(house, { voice: { ...(await house.bot.upload({ name: 'v.ogg', text: 'x' })), duration: 1 } });
  assert.match(await told(house), /no words in v\.ogg\. Your message is kept/);
  const [file] = await ended(house);
  assert.deepEqual([file?.state, existsSync(file?.path ?? '')], ['failed', true]);
});

test('a recording is heard by a server that speaks as OpenAI’s does', async (t) => {
  const asked: { headers: IncomingMessage['headers']; form: FormData }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const headers = { 'content-type': request.headers['content-type'] ?? '' };
    const form = await new Response(Buffer.concat(chunks), { headers }).formData();
    asked.push({ headers: request.headers, form });
    response.end('{"text":" good morning\\n"}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/audio/transcriptions`;
  const house = await buildHouse();
  t.after(() => house.close());
  const { config, credentials } = house.home;
  mkdirSync(credentials, { recursive: true });
  writeFileSync(join(credentials, 'transcribe.env'), 'TRANSCRIBE_API_KEY=sk-listen\n', { mode: 0o600 });
  const text = readFileSync(config, 'utf8');
  writeFileSync(config, text.replace('[telegram]\n', `[telegram]\ntranscribe = { url = "${url}" }\n`));
  await house.serve('telegram');
  await send(house, {
    voice: { ...(await house.bot.upload({ name: 'v.ogg', text: 'bytes' })), duration: 1 },
  });
  const [file] = await ended(house);
  assert.equal(file?.text, 'good morning');
  const [{ headers, form } = { headers: {}, form: new FormData() }] = asked;
  assert.equal(headers.authorization, 'Bearer sk-listen');
  assert.equal(form.get('model'), 'whisper-1');
  const sent = form.get('file');
  assert.ok(sent instanceof File);
  assert.equal(await sent.text(), 'bytes');
});
