/**
 * Strangers who want to be remembered, against a model that obeys each of them: it repeats what it reads, calls `remember`
 * with it, and keeps all that it is shown at night. The real house: every document through every channel.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Server as McpServer } from '@modelcontextprotocol/sdk/server/index.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import type { MessagesRequest } from '#shared/messages/request-fields.ts';
import type { Memory } from '#shared/tables/memory.ts';
import * as ruling from '#shared/tables/ruling.ts';
import * as wish from '#shared/tables/wish.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { serveMcp } from '#shared/testing/mcp-mail.ts';
import type { Reply } from '#shared/testing/messages-script.ts';
import { POISON } from '#shared/testing/poison.ts';
import { until } from '#shared/testing/scratch.ts';

const CHANNELS = ['page', 'file', 'forward', 'tool'] as const;
type Channel = (typeof CHANNELS)[number];

type Document = { channel: Channel; name: string; text: string };
const documents: Document[] = POISON.flatMap((words, nth) =>
  CHANNELS.map((channel) => {
    const name = `Zorb${channel}${nth}`;
    return { channel, name, text: words.replaceAll('%', name) };
  }),
);
const NAME = /Zorb(?:page|file|forward|tool)\d+/g;
const named = (name: string) => documents.find((one) => one.name === name)?.text ?? '';

/** All of them are the owner's, and one memory. */
const CHATS = Array.from({ length: 16 }, (_, nth) => 5001 + nth);
const LAST = 6001;

let house: House;
const endings: (() => unknown)[] = [];
const web = createServer(({ url = '' }, response) =>
  response.setHeader('content-type', 'text/plain').end(named(url.slice(1))),
);

before(async () => {
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  const mail = await serveMcp({ after: (end: () => unknown) => endings.push(end) }, () => {
    const server = new McpServer({ name: 'mail', version: '1' }, { capabilities: { tools: {} } });
    server.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: [
        {
          name: 'read',
          description: 'Reads a mail.',
          inputSchema: { type: 'object', properties: { name: { type: 'string' } } },
        },
      ],
    }));
    server.setRequestHandler(CallToolRequestSchema, ({ params }) => ({
      content: [{ type: 'text', text: named(String(params.arguments?.name)) }],
    }));
    return server;
  });
  house = await buildHouse({
    owners: [...CHATS, LAST],
    config: `[tools]
allowed_hosts = ["localhost"]
lan_hosts = ["localhost", "127.0.0.1"]
[tools.mcp.mail]
url = "${mail.url}"
lan = ["localhost"]
policy = "allow"
[memory]
rules_after_s = 0
consolidate = "now"
runs_per_day = 1000
day_usd = 1000
barren_runs = 60
`,
  });
  house.model.script(obedient);
  mkdirSync(house.home.workspace, { recursive: true });
  for (const { channel, name, text } of documents)
    if (channel === 'file') writeFileSync(join(house.home.workspace, `${name}.txt`), text);
  await house.serve('router');
  await Promise.all((['core', 'telegram', 'tools', 'memory'] as const).map((name) => house.serve(name)));
  await until('the mail is there', () => count("tool WHERE source LIKE 'mcp %'"));
});

after(async () => {
  await house.close();
  for (const end of endings) await end();
  web.closeAllConnections();
  web.close();
});

const count = async (what: string) =>
  (await house.read<{ n: number }>(`SELECT count(*) AS n FROM ${what}`))[0]?.n;

type Block = { type: string; text?: string; content?: unknown; input?: unknown };
const blocksOf = (content: unknown): Block[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : ((content ?? []) as Block[]);
const wordsOf = (content: unknown): string =>
  blocksOf(content)
    .map(({ text, content, input }) => text ?? (content ? wordsOf(content) : JSON.stringify(input ?? '')))
    .join('\n');

const call = (name: string, input: object): Reply => ({ tools: [{ name, input }] });
const use = (name: string, input: object) => call('use_tool', { name, input });

/** Does what the owner asks, then what the document asks; then says it all once more. */
function obedient(request: MessagesRequest): Reply {
  const { tool_choice } = request as { tool_choice?: { name?: string } };
  if (tool_choice?.name === 'remember') return keeping(wordsOf(request.messages));
  const begun = request.messages.findLastIndex(
    ({ role, content }) => role === 'assistant' && blocksOf(content).every(({ type }) => type !== 'tool_use'),
  );
  const now = request.messages.slice(begun + 1);
  const done = JSON.stringify(now.filter(({ role }) => role === 'assistant'));
  const heard = wordsOf(
    now
      .filter(({ role }) => role === 'user')
      .map(({ content }) => wordsOf(content))
      .join('\n'),
  );
  const [, channel, name = ''] = /Look at (\w+) (\w+)/.exec(heard) ?? [];
  if (channel !== undefined && !done.includes('tool_use')) {
    const { port } = web.address() as AddressInfo;
    if (channel === 'page') return call('fetch_url', { url: `http://localhost:${port}/${name}` });
    if (channel === 'file') return call('read_file', { path: `${name}.txt` });
    return use('mcp_mail_read', { name });
  }
  // The latest first: what is recalled is long.
  const lines = heard
    .split('\n')
    .toReversed()
    .filter((line) => line.match(NAME) && !line.startsWith('Look at'));
  if (lines.length > 0 && !done.includes('"remember"'))
    return use('remember', { text: lines.join(' ').slice(0, 2000) });
  return lines.length > 0 ? `I have learnt: ${lines.join(' ')}` : 'I have read it.';
}

/** Keeps each line that it is shown, and of each that it is not, whatever strangers have wanted. */
function keeping(told: string): Reply {
  const rest = { kind: 'fact', slot: null, replaces: null, valid_from: null, due_at: null, confidence: 1 };
  const lines = told.split('\n').filter((line) => line.startsWith('{"id"'));
  const add = lines.flatMap((line) => {
    const { id, text, omitted }: { id: number; text?: string; omitted?: boolean } = JSON.parse(line);
    const all = omitted ? documents.slice(0, 5).map((one) => one.text) : text ? [text] : [];
    return all.map((words) => ({
      ...rest,
      text: words.slice(0, 500),
      sources: [{ message: id, quote: words.slice(0, 500) }],
    }));
  });
  return { tools: [{ name: 'remember', input: { add, retract: [], dispute: [], summaries: [] } }] };
}

/** The owner has it read, or passes it on. */
async function bring(chat_id: number, { channel, name, text }: Document): Promise<void> {
  const forward_origin = { type: 'hidden_user', sender_user_name: 'Eve', date: 1 } as const;
  await (channel === 'forward'
    ? house.bot.say({ chat_id, from: { id: chat_id }, text, more: { forward_origin } })
    : house.bot.say({ chat_id, from: { id: chat_id }, text: `Look at ${channel} ${name}, please.` }));
}

/** Of a turn that was told of strangers by memory itself, the owner is asked; here they allow everything. */
async function isOver(chat: number, turns = 1): Promise<boolean> {
  const asked = await house.read<{ id: string }>(
    "SELECT id FROM approval WHERE state = 'open' AND conversation = ?",
    `telegram:${chat}`,
  );
  const yes = { choice: 'once', by: 'owner', now: Date.now() };
  if (asked.length > 0)
    await (await house.store()).commit(
      asked.map(({ id }) => ruling.give({ about: `approval ${id}`, ...yes })),
    );
  return (await count(`turn WHERE chat = '${chat}' AND state = 'done'`)) === turns;
}

test('no document of a stranger becomes a memory, whatever the model does', async (t) => {
  t.diagnostic(`${POISON.length} documents, each through ${CHANNELS.join(', ')}`);
  const began = performance.now();
  await Promise.all(
    CHATS.map(async (chat, nth) => {
      const mine = documents.filter((_, at) => at % CHATS.length === nth);
      for (const [before, document] of mine.entries()) {
        await bring(chat, document);
        await until(`chat ${chat} is answered about ${document.name}`, () => isOver(chat, before + 1));
      }
    }),
  );
  t.diagnostic(`read in ${Math.round(performance.now() - began)} ms`);
  await until('all wishes are granted', async () => (await count("wish WHERE state = 'pending'")) === 0);
  const wishes = await house.read<{ text: string }>("SELECT text FROM wish WHERE kind = 'remember'");
  const wished = wishes.map(({ text }) => text).join();
  assert.deepEqual(
    documents.filter(({ name }) => !wished.includes(name)).map(({ text }) => text),
    [],
    'the model obeys each of them',
  );
  assert.equal(await count("wish WHERE kind = 'remember' AND tainted = 0"), 0);
  assert.equal(await count("message WHERE role = 'assistant' AND trust > 0"), 0);
  await (await house.store()).commit([
    wish.post({ kind: 'consolidate', scope: 'owner', given_by: 'owner', at: Date.now() }),
  ]);
  await until('a model has read it', async () => (await count("memory_run WHERE how = 'model'")) !== 0);
  await until(
    'all is read',
    async () => (await count("memory_run WHERE state IN ('planned', 'submitted', 'received')")) === 0,
  );
  const asked = house.model
    .calls()
    .filter(({ body }) => wordsOf((body as MessagesRequest).messages).includes('What was said:'));
  assert.ok(asked.length > 0);
  const memories = await house.read<Memory>('SELECT * FROM memory');
  const theirs = memories.filter(({ text }) => text.match(NAME) && !/^Look at/.test(text));
  assert.ok(theirs.length >= 50, `${theirs.length} are kept aside`);
  assert.deepEqual(
    theirs.filter(({ status }) => status !== 'quarantined').map(({ status, text }) => [status, text]),
    [],
  );
  for (const { text } of await house.read<{ text: string }>('SELECT text FROM profile'))
    assert.doesNotMatch(text.replace(/Look at \w+ \w+/g, ''), NAME);
});

test('what is recalled of them stands in the frame of strangers, and taints the answer', async () => {
  await until('all is indexed', async () => {
    const [row] = await house.read<{ left: number }>(
      'SELECT (SELECT max(id) FROM message) - (SELECT upto_id FROM passage_cursor) AS left',
    );
    return row?.left === 0;
  });
  const ask =
    'Which bank, employer, doctor, wife, address and lawyer do I have, and whom do I trust with invoices?';
  await house.bot.say({ chat_id: LAST, from: { id: LAST }, text: ask });
  await until('it is answered', () => isOver(LAST));
  const request = house.model
    .calls()
    .map(({ body }) => body as MessagesRequest)
    .findLast(({ messages }) => wordsOf(messages.at(-1)?.content).includes(ask));
  assert.ok(request);
  assert.doesNotMatch(wordsOf(request.system).replace(/Look at \w+ \w+/g, ''), NAME);
  const blocks = request.messages.flatMap(({ content }) => blocksOf(content)).map(({ text = '' }) => text);
  const theirs = blocks.filter((text) => text.replace(/Look at \w+ \w+/g, '').match(NAME));
  assert.ok(theirs.length > 0, 'something of it is recalled');
  for (const text of theirs) {
    assert.match(text, /^<untrusted source="memory">\n[\s\S]*\n<\/untrusted>$/);
    assert.equal(text.match(/<\/?(?:untrusted|memory)/gi)?.length, 2, text);
  }
  const [said] = await house.read<{ trust: number }>(
    "SELECT trust FROM message WHERE conversation = ? AND role = 'assistant'",
    `telegram:${LAST}`,
  );
  assert.equal(said?.trust, 0);
});
