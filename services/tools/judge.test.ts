import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import * as z from 'zod/mini';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import * as attachment from '#shared/tables/attachment.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as message from '#shared/tables/message.ts';
import * as step from '#shared/tables/step.ts';
import * as task from '#shared/tables/task.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import * as turn from '#shared/tables/turn.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { addressesIn, judge, openTo } from './judge.ts';
import { type Tools, tool } from './registry.ts';

const fetchUrl = tool({
  name: 'fetch_url',
  description: '',
  input: z.object({ url: z.string() }),
  offer: 'always',
  repeatable: true,
  about: ({ url }) => url,
  policy: () => ({ do: 'allow' }),
  run: () => assert.fail('nobody runs anything here'),
});

/** A conversation in which `said` was said, and the verdict on opening an address in it. */
async function talk(t: TestContext, said: { text: string; parts?: inbound.Part[] }) {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  const store = await openStore({ directory: home.state, principal: 'tools', flush: 'normal' });
  const core = await openStore({ directory: home.state, principal: 'core', flush: 'normal' });
  t.after(() => Promise.all([store.close(), core.close()]));
  const at = { conversation: 'c', channel: 'telegram', chat: '1', sender: '7', message_ref: null } as const;
  const came = { source: 's', source_key: 'k', payload_json: '{}', received_at: 1, note: null } as const;
  await core.commit([
    inbound.receive({ ...at, ...came, ...said, state: 'pending' }),
    turn.open('t', { owner: 'o', boot_id: 'b', now: 1, until_at: 2 }),
    inbound.take('t', 1),
    message.heard('t', 1, []),
  ]);
  const config = { policy: {}, commands: {}, allowed_hosts: [] };
  const ctx = { store, home, config } as unknown as Tools;
  return {
    core,
    store,
    async opens(url: string) {
      const call = { turn_id: 't', conversation: 'c', approval_id: null, tool: 'fetch_url', input: { url } };
      return (await judge(ctx, fetchUrl, call as Parameters<typeof judge>[2])).do;
    },
  };
}

test('an address in the own words of the owner opens unasked, a made-up one beside it does not', async (t) => {
  const { opens } = await talk(t, { text: 'Look at https://a.example/x?y=1, and (see Bücher.example/z).' });
  assert.equal(await opens('https://a.example/x?y=1'), 'allow');
  assert.equal(await opens('https://a.example/x?y=2'), 'ask');
  assert.equal(await opens('https://bücher.example/z'), 'allow');
  assert.equal(await opens('https://xn--bcher-kva.example/z'), 'allow');
});

test('a forwarded address is not in the words of the owner', async (t) => {
  const { opens } = await talk(t, { text: 'https://a.example/', parts: [{ kind: 'forward', from: 'Bob' }] });
  assert.equal(await opens('https://a.example/'), 'ask');
});

test('what a search has brought opens unasked, by our own tool or by the provider', async (t) => {
  const { core, store, opens } = await talk(t, { text: 'search for it' });
  const wish = {
    turn_id: 't',
    round: 1,
    use_id: 'u',
    decision_id: null,
    conversation: 'c',
    chat: '1',
    sender: '7',
  };
  await core.commit([
    tool_call.ask({
      ...wish,
      id: 'x',
      place: 0,
      channel: 'telegram',
      tool: 'web_search',
      input_json: '{}',
      now: 1,
    }),
    step.record({
      turn_id: 't',
      round: 1,
      kind: 'model',
      content_json: JSON.stringify([
        {
          type: 'web_search_tool_result',
          content: [{ type: 'web_search_result', url: 'https://b.example/1' }],
        },
        { type: 'text', text: 'https://c.example/' },
      ]),
      stop_reason: null,
      model: null,
      call_id: null,
      at: 1,
    }),
  ]);
  assert.equal(await opens('https://a.example/'), 'ask');
  const result_json = JSON.stringify([
    { type: 'text', text: '1. A page\nurl: https://a.example/\n> see https://d.example/' },
  ]);
  await store.commit([
    tool_call.finish({ id: 'x', attempt: 0 }, { state: 'done', result_json, source: 'web search', now: 2 }),
  ]);
  assert.equal(await opens('https://a.example/'), 'allow');
  assert.equal(await opens('https://b.example/1'), 'allow');
  assert.equal(await opens('https://d.example/'), 'ask', 'a stranger has written that one');
  assert.equal(await opens('https://c.example/'), 'ask', 'the model has made that one up');
});

test('addresses are found as people write them', () => {
  const found = (text: string) => [...new Set(addressesIn(text))];
  assert.deepEqual(found('none at all, e.g'), ['https://e.g']);
  assert.ok(found('see https://a.example/x).').includes('https://a.example/x'));
  assert.ok(found('https://a.example/x_(y)').includes('https://a.example/x_(y)'));
  assert.ok(found('a.example:8080/x').includes('https://a.example:8080/x'));
  assert.ok(found('[here](http://a.example)').includes('http://a.example'));
});

test('a chat and its tasks have the files that came to it, no other has', async (t) => {
  const directory = scratch(t);
  const store = await openStore({ directory, principal: 'telegram', flush: 'normal' });
  t.after(() => store.close());
  const came = { source: 's', channel: 'telegram', sender: '7', message_ref: null, note: null } as const;
  for (const chat of ['a', 'b']) {
    const about = { ...came, source_key: chat, conversation: chat, chat, payload_json: '{}', received_at: 1 };
    const file = { kind: 'document', file_id: chat, name: 'x', mime: 'text/plain', bytes: 1 } as const;
    await store.commit([
      inbound.receive({ ...about, text: '', state: 'pending' }),
      attachment.receive({ source: 's', source_key: chat }, { ...file, note: null }, 1),
    ]);
    const [[mine]] = await store.commit([attachment.claim(2, 3)]);
    assert.ok(mine);
    await store.commit([attachment.fetched(mine, { now: 2, path: `/files/${chat}`, bytes: 1, text: null })]);
  }
  const until = { most_iterations: 1, until_at: 9, budget_nanousd: 1, now: 1 };
  const wish = {
    goal: 'g',
    check_kind: 'question',
    check_text: 'c',
    channel: 'telegram',
    chat: 'a',
  } as const;
  const [[wished]] = await store.commit([task.add({ ...wish, ...until, conversation: 'a', sender: '7' })]);
  assert.ok(wished);
  const files = async (conversation: string) => (await openTo({ store }, { conversation })).files;
  assert.deepEqual(await files('a'), ['/files/a']);
  assert.deepEqual(await files('b'), ['/files/b']);
  assert.deepEqual(await files(task.conversationOf(wished.id)), ['/files/a']);
  assert.deepEqual(await files('c'), []);
});
