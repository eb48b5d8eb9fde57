import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../testing/scratch.ts';
import { filterOf, openLogs } from './logs.ts';

const at = (second: number) => new Date(Date.UTC(2026, 7, 1, 12, 0, second)).toISOString();
const line = (second: number, event: string, more = {}) =>
  `${JSON.stringify({ level: 'info', time: at(second), event, ...more })}\n`;

function write(folder: string, file: string, text: string): void {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, text);
}

const eventsOf = (lines: Iterable<{ line: string }>) => [...lines].map(({ line }) => JSON.parse(line).event);

test('the logs of all services are one, newest first, over every file that is kept', (t) => {
  const folder = scratch(t);
  write(folder, 'core/core.1.log', line(1, 'a') + line(4, 'd'));
  write(folder, 'core/core.2.log', line(6, 'f'));
  write(folder, 'router/router.9.log', line(2, 'b'));
  write(folder, 'router/router.10.log', `${line(5, 'e')}not one of ours\n`);
  write(folder, 'router-1/router-1.1.log', line(3, 'c'));
  assert.deepEqual(eventsOf(openLogs(folder, []).backwards()), ['f', 'e', 'd', 'c', 'b', 'a']);
  assert.deepEqual(eventsOf(openLogs(folder, ['router']).backwards()), ['e', 'c', 'b']);
  assert.deepEqual(eventsOf(openLogs(join(folder, 'nothing'), []).backwards()), []);
});

test('a line is whole wherever it lies in the file, also one that is longer than what is read at once', (t) => {
  const folder = scratch(t);
  const texts = [10, 65_000, 70_000, 200_000, 1].map((length, i) =>
    line(i, `e${i}`, { text: 'x'.repeat(length) }),
  );
  write(folder, 'core/core.1.log', texts.join(''));
  const found = [...openLogs(folder, []).backwards()].map(({ line }) => `${line}\n`);
  assert.deepEqual(found.reverse(), texts);
});

test('what is older than a time is found over all files, a boundary to the line', (t) => {
  const folder = scratch(t);
  const second = (n: number) => line(n, `e${n}`, { text: 'x'.repeat(n % 3 === 0 ? 9000 : n) });
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => second(from + i)).join('');
  write(folder, 'core/core.1.log', lines(0, 20));
  write(folder, 'core/core.2.log', `torn\n${lines(20, 40)}`);
  write(folder, 'cron/cron.1.log', line(30, 'cron'));
  for (const boundary of [0, 1, 19, 20, 21, 30, 39, 40]) {
    const found = eventsOf(openLogs(folder, [], at(boundary)).backwards());
    const wanted = Array.from({ length: boundary }, (_, i) => `e${boundary - 1 - i}`);
    assert.deepEqual(
      found.filter((event) => event !== 'cron'),
      wanted,
      `before ${boundary}`,
    );
    assert.equal(found.includes('cron'), boundary > 30);
  }
});

test('what comes is seen once, over the next file and the removal of the last, and half a line waits', (t) => {
  const folder = scratch(t);
  write(folder, 'core/core.1.log', line(1, 'before'));
  const logs = openLogs(folder, []);
  assert.deepEqual(eventsOf(logs.more()), []);
  write(folder, 'core/core.1.log', line(2, 'a') + line(3, 'b').slice(0, 20));
  assert.deepEqual(eventsOf(logs.more()), ['a']);
  write(folder, 'core/core.1.log', line(3, 'b').slice(20));
  write(folder, 'core/core.2.log', line(5, 'd'));
  write(folder, 'cron/cron.1.log', line(4, 'c'));
  assert.deepEqual(eventsOf(logs.more()), ['b', 'c', 'd']);
  rmSync(join(folder, 'core', 'core.1.log'));
  rmSync(join(folder, 'core', 'core.2.log'));
  writeFileSync(join(folder, 'core', 'core.3.log'), line(6, 'e'));
  assert.deepEqual(eventsOf(logs.more()), ['e']);
  assert.deepEqual(eventsOf(openLogs(folder, ['core']).backwards()), ['e']);
});

test('a line is wanted for its level, and for an id that it bears, not for the words in it', () => {
  const of = (values: object) => JSON.stringify({ level: 'warn', time: at(1), ...values });
  const warnings = filterOf({ level: 'warn' });
  assert.ok(warnings(of({})));
  assert.ok(!warnings(of({ level: 'info' })));
  assert.ok(warnings(of({ level: 'fatal' })));
  const mine = filterOf({ level: 'debug', id: '0199f3c2' });
  assert.ok(mine(of({ turn: '0199f3c2-7b1a' })));
  assert.ok(!mine(of({ msg: 'about 0199f3c2' })));
  assert.ok(!mine(of({ turn: '0199f3c3' })));
});
