/**
 * What an owner can have done, seen from their chat: every tool and two MCP servers, in a whole house with the rehearsal
 * model, the real tools and the real sandbox.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { root } from '#shared/base/root.ts';
import * as exchange from '#shared/tables/exchange.ts';
import * as mcp_server from '#shared/tables/mcp_server.ts';
import * as share from '#shared/tables/share.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { homeServer, type Lamps } from '#shared/testing/mcp-home.ts';
import { MAIL_TOKEN, PIXEL, serveMcp } from '#shared/testing/mcp-mail.ts';
import { type Phone, phoneOf } from '#shared/testing/phone.ts';
import { put } from '#shared/testing/remembered.ts';
import { until } from '#shared/testing/scratch.ts';

let house: House;
/** Why programs cannot be run on this machine; null when they can. */
let unboxed: string | null;
let chats = 100;
const lamps: Lamps = { kitchen: 'off' };
const endings: (() => unknown)[] = [];

/** A page, and a search engine that has found it. */
const web = createServer((asked, answer) => {
  const { port } = web.address() as AddressInfo;
  if (asked.url?.startsWith('/search')) {
    const url = `http://localhost:${port}/found`;
    answer.end(JSON.stringify({ results: [{ title: 'Bread', url, content: 'How to bake it' }] }));
  } else {
    answer.setHeader('content-type', 'text/html').end(`<h1>Page ${asked.url}</h1><p>Flour and water.</p>`);
  }
});

before(async () => {
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  const { port } = web.address() as AddressInfo;
  const home = await serveMcp({ after: (end: () => unknown) => endings.push(end) }, () => homeServer(lamps));
  house = await buildHouse({
    key: false,
    config: `[tools]
allowed_hosts = ["localhost"]
lan_hosts = ["localhost", "127.0.0.1"]
search_url = "http://localhost:${port}"
[tools.mcp.mail]
command = ${JSON.stringify(process.execPath)}
args = [${JSON.stringify(join(root, 'shared', 'testing', 'mcp-mail.ts'))}]
secrets = ["MAIL_TOKEN"]
[tools.mcp.home]
url = ${JSON.stringify(home.url)}
lan = ["localhost"]
tools = { list_lamps = "allow" }
`,
  });
  writeFileSync(join(house.home.credentials, 'mcp', 'mail.env'), `MAIL_TOKEN=${MAIL_TOKEN}\n`, {
    mode: 0o600,
  });
  const skill = join(house.home.workspace, 'skills', 'brew');
  mkdirSync(skill, { recursive: true });
  writeFileSync(
    join(skill, 'SKILL.md'),
    '---\nname: brew\ndescription: How to brew coffee\n---\nGrind first.\n',
  );
  const store = await house.store();
  // Node and the mail server lie where the sandbox does not look by itself.
  const seen = [root, realpathSync(join(root, 'node_modules')), join(process.execPath, '..', '..')];
  await store.commit(seen.map((path) => share.open({ path, mode: 'read', given_at: Date.now() })));
  await house.start();
  const { text } = await newPhone().ask(call('run_command', { command: 'true' }), /^Tool run_command /);
  unboxed = /exit code 0/.test(text) ? null : text;
});

after(async () => {
  await house.close();
  for (const end of endings) await end();
  web.closeAllConnections();
  web.close();
});

const newPhone = () => phoneOf(house, ++chats);
const call = (name: string, input: object = {}) => `call tool ${name} with ${JSON.stringify(input)}`;
/** Has the model call a tool. The rehearsal model tells the beginning of its result. */
const use = (phone: Phone, name: string, input: object, result: RegExp) =>
  phone.ask(
    call(name, input),
    new RegExp(`^Tool (${name}|use_tool) answered: “(?:[\\s\\S]*${result.source})`),
  );
const refused = (phone: Phone, name: string, input: object, result: RegExp) =>
  phone.ask(call(name, input), new RegExp(`^Tool (${name}|use_tool) failed: “[\\s\\S]*${result.source}`));

/** The model's last request for this chat, as it was sent. */
async function lastRequest({ chat }: Phone): Promise<{ system: { text: string }[] }> {
  const id = await until('the call is on the books', async () => {
    const [row] = await house.read<{ id: string; kept: number }>(
      `SELECT c.id, EXISTS (SELECT 1 FROM exchange e WHERE e.call_id = c.id) AS kept
       FROM call c JOIN turn t ON t.id = c.turn_id WHERE t.chat = ? ORDER BY c.opened_at DESC LIMIT 1`,
      String(chat),
    );
    return row?.kept ? row.id : null;
  });
  const [kept] = await (await house.store()).read(exchange.of(id));
  assert.ok(kept);
  const bytes = kept.encoding === 'gzip' ? gunzipSync(kept.request) : kept.request;
  return JSON.parse(Buffer.from(bytes).toString());
}

test('a command runs in the workspace, and says what it printed', async (t) => {
  if (unboxed) return t.skip(unboxed);
  const phone = newPhone();
  await use(phone, 'run_command', { command: 'echo from the sandbox | tee note.txt' }, /from the sandbox/);
  assert.equal(readFileSync(join(house.home.workspace, 'note.txt'), 'utf8'), 'from the sandbox\n');
  await use(phone, 'run_command', { command: 'cat missing.txt' }, /exit code 1[\s\S]*No such file/);
});

test('a command that goes out is asked about with its host, and what is always allowed is not asked again', async (t) => {
  if (unboxed) return t.skip(unboxed);
  if (!existsSync('/usr/bin/curl')) return t.skip('there is no curl');
  const { port } = web.address() as AddressInfo;
  // The sandbox has a 127.0.0.1 of its own; through the proxy it is the machine's.
  const visit = call('run_command', { command: `curl -s --noproxy - http://127.0.0.1:${port}/oven` });
  const [phone, other] = [newPhone(), newPhone()];
  await phone.say(visit);
  const asked = await phone.hear(
    /^Run a command:[\s\S]*It may reach: 127\.0\.0\.1\n[\s\S]*Always would allow: every/,
  );
  await phone.press(asked, /^Always for this$/);
  await phone.hear(/✓ Always allowed/);
  await phone.hear(/^Tool run_command answered: “[\s\S]*Page \/oven/);
  await other.ask(visit, /^Tool run_command answered: “[\s\S]*Page \/oven/);
  await other.say(call('run_command', { command: 'curl -s http://example.org' }));
  await other.press(await other.hear(/It may reach: example\.org/), /^Deny$/);
  await other.hear(/^Tool run_command failed: “The owner denied this/);
});

test('files are written, read, changed, listed and searched', async () => {
  const phone = newPhone();
  await use(phone, 'write_file', { path: 'list.md', content: 'eggs\nmilk\n' }, /list\.md/);
  await use(phone, 'read_file', { path: 'list.md' }, /eggs\nmilk/);
  await use(phone, 'edit_file', { path: 'list.md', old: 'milk', new: 'oat milk' }, /list\.md/);
  await use(phone, 'list_files', {}, /list\.md/);
  await use(phone, 'search_files', { pattern: 'oat' }, /list\.md.*oat milk/);
  assert.equal(readFileSync(join(house.home.workspace, 'list.md'), 'utf8'), 'eggs\noat milk\n');
});

test('a file outside the workspace is asked for, and the house itself stays closed', async () => {
  const phone = newPhone();
  await phone.say(call('read_file', { path: join(root, '..', 'elsewhere.txt') }));
  const asked = await phone.hear(/elsewhere\.txt/);
  await phone.press(asked, /^Deny$/);
  await phone.hear(/^Tool read_file failed: “The owner denied this/);
  await refused(phone, 'read_file', { path: house.home.config }, /not allowed/);
});

test('an allowed page is opened, a search finds another, and that one is opened', async () => {
  const phone = newPhone();
  const { port } = web.address() as AddressInfo;
  await use(
    phone,
    'fetch_url',
    { url: `http://localhost:${port}/bread` },
    /Page \/bread[\s\S]*Flour and water/,
  );
  await use(phone, 'web_search', { query: 'bread' }, /Bread\s+url: http:\/\/localhost:\d+\/found/);
  await use(phone, 'fetch_url', { url: `http://localhost:${port}/found` }, /Page \/found/);
});

test('an address of the own network that no setting names stays closed, though its owner wrote it', async () => {
  const { port } = web.address() as AddressInfo;
  await refused(newPhone(), 'fetch_url', { url: `http://127.0.0.2:${port}/` }, /is at a private address/);
});

test('tools that are not offered are found by words, and called', async () => {
  const phone = newPhone();
  await use(phone, 'find_tools', { query: 'create a schedule' }, /schedule_create: Have/);
  const wanted = { name: 'schedule_list', input: {} };
  await phone.ask(call('use_tool', wanted), /^Tool use_tool answered: “There are no schedules here/);
});

test('the owner is asked with buttons, and the choice goes back to the model', async () => {
  const phone = newPhone();
  await phone.say(call('ask_owner', { question: 'Red or blue?', choices: ['red', 'blue'] }));
  await phone.press(await phone.hear(/^Red or blue\?/), /^blue$/);
  await phone.hear(/^Red or blue\?\n\n→ blue$/);
  await phone.hear(/^Tool ask_owner answered: “The owner chose: blue”/);
});

test('a file and a picture are sent to the chat', async () => {
  const phone = newPhone();
  writeFileSync(join(house.home.workspace, 'dot.png'), Buffer.from(PIXEL, 'base64'));
  await use(phone, 'write_file', { path: 'report.txt', content: 'all is well' }, /report\.txt/);
  await phone.say(call('send_file', { path: 'report.txt', caption: 'the report' }));
  const { message: file, method } = await phone.hear(/^the report$/);
  assert.deepEqual([method, file.document?.file_name], ['sendDocument', 'report.txt']);
  await phone.hear(/on its way/);
  await phone.say(call('send_file', { path: 'dot.png', caption: 'a dot' }));
  const picture = await phone.hear(/^a dot$/);
  assert.equal(picture.method, 'sendPhoto');
});

test('a schedule is created, listed, changed and deleted, and /jobs shows it', async () => {
  const phone = newPhone();
  const name = 'morning news';
  await use(phone, 'schedule_create', { name, when: '0 8 * * 1-5', prompt: 'tell the news' }, /morning news/);
  await use(phone, 'schedule_list', {}, /"morning news" \(0 8 \* \* 1-5/);
  await use(phone, 'schedule_change', { name, when: '30 7 * * *' }, /30 7/);
  await phone.ask('/jobs', /morning news: 30 7 \* \* \*: tell the news/);
  await phone.ask('/jobs pause morning news', /morning news is paused now/);
  await phone.ask('/jobs resume morning news', /morning news is active now/);
  await use(phone, 'schedule_delete', { name }, /deleted/);
  await phone.ask('/jobs', /Nothing is done on a schedule here/);
});

test('what shall be remembered is passed on, and what shall be forgotten once its owner has said yes', async () => {
  const phone = newPhone();
  const wished = (kind: string) =>
    until(`memory is asked to ${kind}`, async () => {
      const sql = 'SELECT text, memory_id FROM wish WHERE kind = ? AND conversation = ?';
      const rows = await house.read<{ text: string | null; memory_id: number | null }>(
        sql,
        kind,
        `telegram:${phone.chat}`,
      );
      return rows[0];
    });
  await use(phone, 'remember', { text: 'Tea, never coffee' }, /Remembered/);
  assert.equal((await wished('remember')).text, 'Tea, never coffee');
  const scope = `telegram:${phone.chat}`;
  await put(house.home.state, { memories: [{ scope, text: 'The cat is called Mia.' }] });
  const { text } = await use(phone, 'recall', {}, /#\d+, .*The cat is called Mia/);
  await phone.ask('/memory', /#\d+ The cat is called Mia/);
  await phone.ask('/forget cat', /^Forget this for good\?\n\nRemembered:\n#\d+ The cat is called Mia/);
  const id = Number(/#(\d+), [^#]*Mia/.exec(text)?.[1]);
  await phone.say(call('forget', { id }));
  const asked = await phone.hear(/forget for good:\nRemembered:\n#\d+ The cat is called Mia/);
  await phone.press(asked, /^Approve once$/);
  await phone.hear(/is being forgotten/);
  assert.equal((await wished('forget')).memory_id, id);
});

test('a skill is listed, and loaded', async () => {
  const phone = newPhone();
  await use(phone, 'skill', {}, /brew: How to brew coffee/);
  await use(phone, 'skill', { name: 'brew' }, /Grind first/);
  await refused(phone, 'skill', { name: 'brw' }, /did you mean "brew"\?/);
});

test('standing instructions are proposed, shown, approved, and told to the model from then on', async () => {
  const phone = newPhone();
  await phone.say(call('propose_persona', { text: 'Answer in rhymes.\n' }));
  const asked = await phone.hear(/change the standing instructions:\n\+ Answer in rhymes\./);
  await phone.press(asked, /^Approve once$/);
  await phone.hear(/The standing instructions are as proposed/);
  assert.equal(readFileSync(house.home.persona, 'utf8'), 'Answer in rhymes.\n');
  await phone.ask('/persona', /^Answer in rhymes\./);
  await phone.ask('hello', /^Hello!/);
  assert.match(
    (await lastRequest(phone)).system[0]?.text ?? '',
    /standing instructions:\nAnswer in rhymes\./,
  );
});

test('a mail server in the sandbox is found, and called once, always, or not at all', async (t) => {
  if (unboxed) return t.skip(unboxed);
  const store = await house.store();
  const mail = await until('the mail server is there, or cannot be', async () =>
    (await store.read(mcp_server.all)).find(({ name, state }) => name === 'mail' && state !== 'starting'),
  );
  assert.deepEqual([mail.state, mail.error], ['ready', null]);
  const send = (to: string) => call('mcp_mail_send', { to, text: 'hi' });
  const phone = newPhone();
  await use(phone, 'find_tools', { query: 'send a mail' }, /mcp_mail_send/);

  const tainted = await phone.ask(send('ann'), /^send of the MCP server mail/);
  assert.match(tainted.text, /it has read: .*mcp mail/);
  await phone.press(tainted, /^Approve once$/);
  await phone.hear(/^Tool use_tool answered: “[\s\S]*sent to ann \(hi\): 1 in all/);

  const second = newPhone();
  await second.press(await second.ask(send('bob'), /^send of the MCP server mail/), /^Deny$/);
  await second.hear(/^Tool use_tool failed: “The owner denied this/);
  await second.press(await second.ask(send('bob'), /^send of the MCP server mail/), /^Always for this$/);
  await second.hear(/sent to bob \(hi\): 2 in all/);
  // A chat that has read nothing of strangers is not asked any more, until it is taken back.
  const third = newPhone();
  await third.ask(send('cy'), /sent to cy \(hi\): 3 in all/);
  const { text } = await third.ask('/approve permissions', /mcp_mail_send/);
  await third.ask(`/approve revoke ${/^(\d+)\. mcp_mail_send/m.exec(text)?.[1]}`, /^Taken back/);
  await newPhone().ask(send('dan'), /^send of the MCP server mail/);
});

test('a server on the own network lists its lamps unasked, and is asked about before it turns one on', async () => {
  const phone = newPhone();
  await use(phone, 'find_tools', { query: 'turn lamps' }, /mcp_home_turn: /);
  await use(phone, 'mcp_home_list_lamps', {}, /"kitchen":"off"/);
  const other = newPhone();
  await other.say(call('mcp_home_turn', { lamp: 'kitchen', to: 'on' }));
  const asked = await other.hear(/^turn of the MCP server home/);
  assert.equal(lamps.kitchen, 'off');
  await other.press(asked, /^Approve once$/);
  await other.hear(/"kitchen":"on"/);
  assert.equal(lamps.kitchen, 'on');
});
