import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContentBlock } from '@anthropic-ai/sdk/resources/messages';
import { boundReached, repeated } from './bounds.ts';
import { inWords, replyOf, visible } from './reply.ts';

const said = (...texts: string[]) =>
  replyOf({ content: texts.map((text) => ({ type: 'text', text, citations: null }) satisfies ContentBlock) });

test('how sure the model is is taken from its words, and never made up', () => {
  assert.deepEqual(
    [said('Paris.\n<confidence>0.9</confidence>').text, said('x<confidence>0.9</confidence>').confidence],
    ['Paris.', 0.9],
  );
  for (const words of [
    'none',
    '<confidence>1.5</confidence>',
    '<confidence>sure</confidence>',
    '<confidence>-1</confidence>',
  ]) {
    assert.equal(said(words).confidence, null, words);
  }
  assert.equal(said('<confidence>0</confidence>').confidence, 0);
  assert.equal(said('<confidence>1</confidence>').confidence, 1);
});

test('while it is written, nobody sees half of how sure it is', () => {
  const whole = 'Paris.\n<confidence>0.9</confidence>';
  for (let end = 7; end <= whole.length; end++) {
    assert.equal(visible(whole.slice(0, end)), 'Paris.');
  }
  assert.equal(visible('1 < 2 and so on'), '1 < 2 and so on');
});

test('what a tool is wanted for is told in a line', () => {
  assert.equal(inWords({ tool: 'run_command', input: { command: 'ls\n-la' } }), 'run_command: ls -la');
  assert.equal(inWords({ tool: 'recall', input: {} }), 'recall');
  assert.equal(inWords({ tool: 'x', input: { path: 'y'.repeat(500) } }).length, 100);
});

test('a turn ends at its bounds and not before', () => {
  const bounds = { rounds: 2, turn_minutes: 1, turn_tokens: 100 };
  assert.equal(boundReached({ round: 2, worked_ms: 60_000, tokens: 100 }, bounds), null);
  assert.match(boundReached({ round: 3, worked_ms: 0, tokens: 0 }, bounds) ?? '', /2 rounds/);
  assert.match(boundReached({ round: 1, worked_ms: 60_001, tokens: 0 }, bounds) ?? '', /1 minutes/);
  assert.match(boundReached({ round: 1, worked_ms: 0, tokens: 101 }, bounds) ?? '', /101 tokens/);
});

test('the third time the same is wanted is a loop, also within one round', () => {
  const wish = { use_id: 'a', tool: 'look', input: { at: 1 } };
  const before = { tool: 'look', input_json: '{"at":1}' };
  assert.equal(repeated([wish], [before]), undefined);
  assert.equal(repeated([wish], [before, before]), wish);
  assert.equal(repeated([wish, wish, wish], []), wish);
  assert.equal(repeated([{ ...wish, input: { at: 2 } }], [before, before]), undefined);
});
