/** What the model is told of files, on real files. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '#shared/testing/scratch.ts';
import { MOST_REQUEST_bytes } from './content.ts';
import { fitting, messagesOf, sizeOf, told } from './history.ts';

const MB = 2 ** 20;

function fileOf(folder: string, name: string, mime: string, bytes: number) {
  const path = join(folder, name);
  writeFileSync(path, 'x'.repeat(bytes));
  return { type: 'file' as const, path, name, mime };
}

function stepOf(turn_id: string, content: unknown[]) {
  const nothing = { stop_reason: null, model: null, call_id: null, at: 0 };
  return { ...nothing, turn_id, round: 1, kind: 'heard' as const, content_json: JSON.stringify(content) };
}

test('a file counts as what it is sent as, so that files alone make a conversation long', (t) => {
  const folder = scratch(t);
  const steps = [1, 2, 3, 4, 5].map((n) =>
    stepOf(`t${n}`, [fileOf(folder, `${n}.txt`, 'text/plain', 100 * 1024)]),
  );
  assert.ok(sizeOf(steps) > 500 * 1024);
  const kept = fitting(steps, 384 * 1024);
  assert.deepEqual(
    kept.map(({ turn_id }) => turn_id),
    ['t3', 't4', 't5'],
  );
});

test('a request holds as many files as the API takes, the latest first, and names the others', (t) => {
  const folder = scratch(t);
  const half = MOST_REQUEST_bytes / 2;
  const files = ['old', 'mid', 'new'].map((name) => fileOf(folder, name, 'application/pdf', half));
  const told = files.map((file) => ({ role: 'user' as const, content: [file] }));
  const shown = messagesOf(told).flatMap(({ content }) =>
    Array.isArray(content) ? content.map(({ type }) => type) : [],
  );
  assert.deepEqual(shown, ['text', 'document', 'document']);
  assert.ok(JSON.stringify(messagesOf(told)).length < 32 * MB);
  assert.match(JSON.stringify(messagesOf(told)[0]), /old.*read_file shows it again/);
});

const words = (text: string) => [{ type: 'text' as const, text }];
const stepIn = (
  turn_id: string,
  round: number,
  kind: 'heard' | 'recalled' | 'model' | 'tools',
  text: string,
) => ({
  ...stepOf(turn_id, words(text)),
  ...{ round, kind },
});
/** The texts of a request, `|` where the cache is marked. */
const shape = (said: ReturnType<typeof told>) =>
  messagesOf(said).flatMap(({ content }) =>
    typeof content === 'string'
      ? []
      : content.map((block) => ('text' in block ? `${block.text}${block.cache_control ? '|' : ''}` : '')),
  );

test('what is recalled stands behind the mark of the cache for as long as its turn lasts', () => {
  const past = [stepIn('t1', 1, 'heard', 'one'), stepIn('t1', 1, 'model', 'uno')];
  const heard = { kind: 'heard', content: words('two') } as const;
  const recalled = { kind: 'recalled', content: words('tea') } as const;
  assert.deepEqual(shape(told(past, [], [heard, recalled], null)), ['one|', 'uno', 'two|', 'tea']);
  const present = [
    stepIn('t2', 1, 'heard', 'two'),
    stepIn('t2', 1, 'recalled', 'tea'),
    stepIn('t2', 1, 'model', 'look'),
  ];
  const tools = { kind: 'tools', content: words('seen') } as const;
  assert.deepEqual(shape(told(past, present, [tools], null)), ['one', 'uno', 'two|', 'tea', 'look', 'seen|']);
  const later = [...present, stepIn('t2', 2, 'tools', 'seen'), stepIn('t2', 2, 'model', 'again')];
  assert.deepEqual(shape(told(past, later, [tools], null)), [
    ...['one', 'uno', 'two|', 'tea', 'look', 'seen|', 'again', 'seen|'],
  ]);
});

test('a turn finds in the cache what the one before it began with, however many rounds that one took', () => {
  const round = (n: number) => [stepIn('t1', n, 'model', `look ${n}`), stepIn('t1', n, 'tools', `seen ${n}`)];
  const past = [
    stepIn('t1', 1, 'heard', 'one'),
    ...[1, 2, 3].flatMap(round),
    stepIn('t1', 4, 'model', 'uno'),
  ];
  const marked = shape(told(past, [], [{ kind: 'heard', content: words('two') }], null)).filter((text) =>
    text.endsWith('|'),
  );
  assert.deepEqual(
    marked,
    ['one|', 'seen 3|', 'two|'],
    'with the system prompt four, which is as many as the API takes',
  );
});
