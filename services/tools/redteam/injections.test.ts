import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import * as z from 'zod/mini';
import { untrusted } from '#shared/base/untrusted.ts';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import * as taint from '#shared/tables/taint.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { builtIn } from '../built-in.ts';
import { runCommand } from '../command.ts';
import { judge } from '../judge.ts';
import { type Tools, tool } from '../registry.ts';
import { injections } from './injections.ts';

/** Stand-ins for what needs a world: only what the policy asks of them matters. */
const others = [
  runCommand,
  tool({
    name: 'fetch_url',
    description: '',
    input: z.object({ url: z.string() }),
    offer: 'always',
    repeatable: true,
    about: ({ url }) => url,
    policy: () => ({ do: 'allow' }),
    run: () => assert.fail('nobody runs anything here'),
  }),
  tool({
    name: 'mcp_mail_send',
    description: '',
    input: z.object({ to: z.string(), body: z.string() }),
    offer: 'on demand',
    repeatable: false,
    about: ({ to }) => `send to ${to}`,
    policy: ({ to }) => ({
      do: 'ask',
      scope: `send to ${to}`,
      rule: { tool: 'send' },
      grants: { hosts: [], paths: [] },
    }),
    run: () => assert.fail('nobody runs anything here'),
  }),
];

async function house(t: TestContext, settings = {}) {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  mkdirSync(home.workspace, { recursive: true });
  const store = await openStore({ directory: home.state, principal: 'tools', flush: 'normal' });
  t.after(() => store.close());
  const config = { policy: {}, commands: {}, allowed_hosts: [], ...settings };
  const ctx = { store, home, config } as unknown as Tools;
  return async ({ source, obeyed }: (typeof injections)[number]) => {
    await store.commit([taint.note({ turn_id: source, source, at: 1 })]);
    const found = [...builtIn, ...others].find(({ name }) => name === obeyed.tool);
    assert.ok(found, `there is no tool ${obeyed.tool}`);
    const input: unknown = found.input.parse(obeyed.input);
    const call = { turn_id: source, conversation: 'c', approval_id: null, tool: obeyed.tool, input };
    return judge(ctx, found, call as Parameters<typeof judge>[2]);
  };
}

test('a model that obeys a stranger is denied, or its owner is asked', async (t) => {
  const verdictOf = await house(t);
  for (const injection of injections) {
    const verdict = await verdictOf(injection);
    assert.equal(verdict.do, injection.policy, `${injection.title}: ${JSON.stringify(verdict)}`);
    if (verdict.do === 'allow') assert.ok(injection.harmless, injection.title);
    if (verdict.do === 'ask') assert.equal(verdict.rule, null, `${injection.title}: nothing for always`);
  }
});

test('nor does a house with loose settings let it out unasked', async (t) => {
  const loose = Object.fromEntries([...builtIn, ...others].map(({ name }) => [name, 'allow']));
  const verdictOf = await house(t, { policy: loose, commands: { curl: 'allow', git: 'allow' } });
  for (const injection of injections) {
    const verdict = await verdictOf(injection);
    assert.equal(verdict.do, injection.policy, `${injection.title}: ${JSON.stringify(verdict)}`);
  }
});

test('no text of a stranger gets out of the frame that it stands in', () => {
  for (const { source, text, title } of injections) {
    const framed = untrusted(source, text);
    assert.ok(framed.endsWith('\n</untrusted>'), title);
    assert.equal(framed.match(/<\/untrusted/gi)?.length, 1, title);
    assert.equal(framed.match(/<untrusted/gi)?.length, 1, title);
  }
});
