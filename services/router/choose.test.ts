import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Candidate, choose, needsOf, reasonOf } from './choose.ts';
import type { Target } from './route.ts';

const candidate = (name: string, more: Partial<Candidate> & { weight?: number } = {}): Candidate => {
  const { weight = 1, ...rest } = more;
  return { target: { name, weight } as Target, rank: 0, refused: null, tries: 0, busy: 0, ...rest };
};

const taken = (candidates: Candidate[], home?: string) => choose(candidates, home)?.target.name;

test('of nobody, or of those that are all out of the question, nobody is taken', () => {
  assert.equal(taken([]), undefined);
  assert.equal(
    taken([candidate('a', { refused: 'breaker' }), candidate('b', { refused: 'limit' })]),
    undefined,
  );
});

test('the preferred rank answers however busy it is, and the next when nobody of it is left', () => {
  const [a, b] = [candidate('a', { busy: 9 }), candidate('b', { rank: 1 })];
  assert.equal(taken([b, a]), 'a');
  assert.equal(taken([b, { ...a, refused: 'breaker' }]), 'b');
});

test('of equals the least busy answers, for its weight', () => {
  assert.equal(taken([candidate('a', { busy: 2 }), candidate('b', { busy: 1 })]), 'b');
  const heavy = (busy: number) => taken([candidate('heavy', { busy, weight: 3 }), candidate('light')]);
  assert.equal(heavy(1.9), 'heavy');
  assert.equal(heavy(2.1), 'light');
  assert.equal(taken([candidate('first'), candidate('second')]), 'first', 'the first of two idle ones');
});

test('a conversation stays at home among equals, but not below its rank, nor where it was tried before others', () => {
  const [a, b] = [candidate('a'), candidate('b', { busy: 50 })];
  assert.equal(taken([a, b], 'b'), 'b');
  assert.equal(taken([a, { ...b, rank: 1 }], 'b'), 'a');
  assert.equal(taken([a, { ...b, tries: 1 }], 'b'), 'a');
  assert.equal(taken([a, { ...b, refused: 'breaker' }], 'b'), 'a');
});

test('a target is tried twice before the request goes down a rank, and again when all have been tried twice', () => {
  const ranked = (a: number, b: number) =>
    taken([candidate('a', { tries: a }), candidate('b', { rank: 1, tries: b })]);
  assert.deepEqual(
    [ranked(0, 0), ranked(1, 0), ranked(2, 0), ranked(2, 1), ranked(2, 2)],
    ['a', 'a', 'b', 'b', 'a'],
  );
});

test('the record says who was taken and what spoke against each of the others', () => {
  const mine = candidate('mine', { tries: 1 });
  const others = [
    candidate('open', { refused: 'breaker: open' }),
    candidate('tried', { tries: 2 }),
    candidate('cheap', { rank: 1, tries: 1 }),
    candidate('busy', { tries: 1, busy: 3 }),
  ];
  assert.deepEqual(JSON.parse(reasonOf('default', [...others, mine], mine, 'mine')), {
    asked: 'default',
    taken: 'mine',
    because: 'the conversation is at home there',
    others: [
      { target: 'open', why: 'breaker: open' },
      { target: 'tried', why: 'tried 2 times' },
      { target: 'cheap', why: 'less preferred' },
      { target: 'busy', why: 'busier' },
    ],
  });
  assert.equal('because' in JSON.parse(reasonOf('default', [mine], mine, undefined)), false);
});

const image = { type: 'image', source: {} };
const document = { type: 'document', source: {} };

for (const [what, request, needs] of [
  ['a plain question', { messages: [{ role: 'user', content: 'hi' }] }, []],
  ['an empty list of tools', { tools: [] }, []],
  ['a tool', { tools: [{ name: 'x' }] }, ['tools']],
  ['thinking', { thinking: { type: 'adaptive' } }, ['thinking']],
  ['thinking that is disabled', { thinking: { type: 'disabled' } }, []],
  ['an image', { messages: [{ content: [{ type: 'text' }, image] }] }, ['images']],
  [
    'a document within a result',
    { messages: [{ content: [{ type: 'tool_result', content: [document] }] }] },
    ['documents'],
  ],
  [
    'both',
    { tools: [{}], messages: [{ content: [image] }, { content: [document] }] },
    ['tools', 'images', 'documents'],
  ],
  [
    'nonsense',
    { messages: [null, 5, { content: [null, 5, 'x'] }, { content: {} }], thinking: null, tools: 'x' },
    [],
  ],
] as const) {
  test(`${what} needs ${needs.join(', ') || 'nothing special'}`, () => {
    assert.deepEqual([...needsOf(request as Record<string, unknown>)], needs);
  });
}

test('what is nested without end is looked into without falling', () => {
  const text = '[{"type":"tool_result","content":'.repeat(100_000);
  const content = JSON.parse(`${text}[]${'}]'.repeat(100_000)}`);
  assert.equal(needsOf({ messages: [{ role: 'user', content }] }).size, 0);
});
