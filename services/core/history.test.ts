/** What the model is told of files, on real files. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '#shared/testing/scratch.ts';
import { MOST_REQUEST_bytes } from './content.ts';
import { fitting, messagesOf, sizeOf } from './history.ts';

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
