import assert from 'node:assert/strict';
import { test } from 'node:test';
import { taskAlias } from './task.ts';

const tasks = { classification: 'classify', architecture: 'deep' };

/** What `auto` makes of a short question, changed so. */
const auto = (more: object = {}, task: string | null = null) =>
  taskAlias(tasks, task, { max_tokens: 100, messages: [{ role: 'user', content: 'hi' }], ...more });

test('a task type says which alias answers, whatever the request looks like', () => {
  assert.equal(auto({}, 'classification'), 'classify');
  assert.equal(auto({ tools: [{}], max_tokens: 9999 }, 'classification'), 'classify');
  assert.equal(auto({}, 'architecture'), 'deep');
});

test('a task type that nobody knows goes to the standard tier, a word of the language too', () => {
  for (const task of ['poetry', '', 'toString', '__proto__']) assert.equal(auto({}, task), 'default');
});

const said = (content: unknown) => ({ messages: [{ role: 'user', content }] });
const text = (length: number) => [{ type: 'text', text: 'x'.repeat(length) }];

for (const [what, more, alias] of [
  ['a short question', {}, 'quick'],
  ['a question of 1,000 characters', said('x'.repeat(1000)), 'quick'],
  ['one character more', said('x'.repeat(1001)), 'default'],
  ['the same in a block', said(text(1000)), 'quick'],
  ['one character more in a block', said(text(1001)), 'default'],
  [
    'a question that its system prompt makes long',
    { ...said('x'.repeat(600)), system: text(401) },
    'default',
  ],
  [
    'a question that its system prompt keeps short',
    { ...said('x'.repeat(600)), system: 'x'.repeat(400) },
    'quick',
  ],
  ['the longest short answer', { max_tokens: 1024 }, 'quick'],
  ['one token more', { max_tokens: 1025 }, 'default'],
  ['no word on the answer’s length', { max_tokens: undefined }, 'default'],
  ['a tool', { tools: [{ name: 'x' }] }, 'default'],
  ['an empty list of tools', { tools: [] }, 'quick'],
  ['thinking', { thinking: { type: 'adaptive' } }, 'default'],
  ['an image', said([{ type: 'image', source: { type: 'url', url: 'x' } }]), 'default'],
  ['a second message', { messages: [{ content: 'a' }, { content: 'b' }] }, 'default'],
  ['no messages', { messages: 'x' }, 'default'],
  ['nonsense', { messages: [null] }, 'default'],
  ['nonsense in a block', said([null, 5]), 'default'],
] as const) {
  test(`without a task type, ${what} goes to ${alias}`, () => assert.equal(auto(more), alias));
}

test('what is nested without end is no short question', () => {
  assert.equal(auto(said(JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`))), 'default');
});
