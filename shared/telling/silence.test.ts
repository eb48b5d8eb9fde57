import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasEnded, isSilenced, matches } from './silence.ts';

const NOW = 1_800_000_000_000;
const HOUR_ms = 3_600_000;
const of = (more = {}) => ({ cause: 'a', at: NOW, until_at: NOW + HOUR_ms, ended_at: null, ...more });

test('a silence is of one cause, or of all that its pattern fits as a whole', () => {
  const fitting = [
    ['service core', 'service core'],
    ['service *', 'service core'],
    ['*', 'anything at all'],
    ['breaker */claude-*', 'breaker anthropic/claude-opus-5-5'],
    ['*core', 'service core'],
    ['a*b*b', 'abb'],
    ['backup*', 'backup'],
    ['a.c', 'a.c'],
  ];
  const others = [
    ['service core', 'service cores'],
    ['service *', 'a service core'],
    ['breaker */claude-*', 'breaker claude-opus'],
    ['a*b*b', 'ab'],
    ['ab*ba', 'aba'],
    ['a.c', 'abc'],
    ['', 'a'],
  ];
  for (const [pattern = '', cause = ''] of fitting)
    assert.ok(matches(pattern, cause), `${pattern}: ${cause}`);
  for (const [pattern = '', cause = ''] of others)
    assert.ok(!matches(pattern, cause), `${pattern}: ${cause}`);
});

test('it lasts until its end, or until it is ended', () => {
  assert.equal(isSilenced('a', [of()], NOW), true);
  assert.equal(isSilenced('a', [of()], NOW + HOUR_ms - 1), true);
  assert.equal(isSilenced('a', [of()], NOW + HOUR_ms), false);
  assert.equal(isSilenced('a', [of({ ended_at: NOW + 1 })], NOW + 2), false);
  assert.equal(isSilenced('b', [of()], NOW), false);
  assert.equal(isSilenced('a', [of({ ended_at: NOW }), of()], NOW + 1), true, 'another one of it lasts');
});

test('after a clock that was set back by more than a minute it is over, rather than endless', () => {
  assert.equal(isSilenced('a', [of()], NOW - 60_000), true);
  assert.equal(isSilenced('a', [of()], NOW - 60_001), false);
});

test('that it has ended since is known on both sides', () => {
  const end_at = NOW + HOUR_ms;
  assert.equal(hasEnded('a', [of()], NOW, end_at), true);
  assert.equal(hasEnded('a', [of()], NOW, end_at - 1), false);
  assert.equal(hasEnded('a', [of()], end_at, end_at + 1), false, 'told since');
  assert.equal(hasEnded('a', [of({ ended_at: NOW + 5 })], NOW, NOW + 5), true);
});
