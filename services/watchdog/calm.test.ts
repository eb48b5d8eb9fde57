import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Memory, settle } from './calm.ts';
import type { Finding } from './verdict.ts';

const finding = (cause: string, more: Partial<Finding> = {}): Finding => ({
  cause,
  severity: 'warning',
  text: cause,
  ...more,
});
const CALM = { calm_ms: 15_000, blind: false };
const causes = ({ opened, closed }: ReturnType<typeof settle>) => [opened.map(({ cause }) => cause), closed];

test('what is found is opened once, and closed when it has been away for the whole calm', () => {
  const memory: Memory = new Map();
  assert.deepEqual(causes(settle(memory, [finding('a')], { ...CALM, now: 0 })), [['a'], []]);
  assert.deepEqual(causes(settle(memory, [finding('a')], { ...CALM, now: 5000 })), [[], []]);
  assert.deepEqual(causes(settle(memory, [], { ...CALM, now: 19_999 })), [[], []]);
  assert.deepEqual(causes(settle(memory, [], { ...CALM, now: 20_000 })), [[], ['a']]);
  assert.deepEqual(causes(settle(memory, [], { ...CALM, now: 25_000 })), [[], []]);
});

test('what comes and goes is closed late from the third time on', () => {
  const memory: Memory = new Map();
  for (const now of [0, 60_000, 120_000]) settle(memory, [finding('a')], { ...CALM, now });
  const flapping: Memory = new Map();
  for (const now of [0, 60_000]) {
    settle(flapping, [finding('a')], { ...CALM, now });
    assert.deepEqual(causes(settle(flapping, [], { ...CALM, now: now + 15_000 })), [[], ['a']]);
  }
  settle(flapping, [finding('a')], { ...CALM, now: 120_000 });
  assert.deepEqual(causes(settle(flapping, [], { ...CALM, now: 719_999 })), [[], []]);
  assert.deepEqual(causes(settle(flapping, [], { ...CALM, now: 720_000 })), [[], ['a']]);
});

test('while nothing can be seen nothing is over, and the calm begins anew', () => {
  const memory: Memory = new Map();
  settle(memory, [finding('a')], { ...CALM, now: 0 });
  assert.deepEqual(causes(settle(memory, [], { ...CALM, blind: true, now: 60_000 })), [[], []]);
  assert.deepEqual(causes(settle(memory, [], { ...CALM, now: 74_999 })), [[], []]);
  assert.deepEqual(causes(settle(memory, [], { ...CALM, now: 75_000 })), [[], ['a']]);
});

test('what only follows is not opened, and keeps open what was', () => {
  const memory: Memory = new Map();
  assert.deepEqual(causes(settle(memory, [finding('a', { follows: true })], { ...CALM, now: 0 })), [[], []]);
  settle(memory, [finding('a')], { ...CALM, now: 1000 });
  assert.deepEqual(causes(settle(memory, [finding('a', { follows: true })], { ...CALM, now: 60_000 })), [
    [],
    [],
  ]);
});

test('a clock that was set back keeps nothing open', () => {
  const memory: Memory = new Map();
  settle(memory, [finding('a')], { ...CALM, now: 1_000_000 });
  assert.deepEqual(causes(settle(memory, [], { ...CALM, now: 0 })), [[], ['a']]);
});
