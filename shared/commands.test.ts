import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandList, commands, readCommand } from './commands.ts';

test('a command is read with what follows it and the bot that it is meant for', () => {
  assert.deepEqual(readCommand('/halt'), { name: 'halt', bot: null, rest: '' });
  assert.deepEqual(readCommand('/Halt@My_bot'), { name: 'halt', bot: 'My_bot', rest: '' });
  assert.deepEqual(readCommand('/task clean up\ncheck: ls '), {
    name: 'task',
    bot: null,
    rest: 'clean up\ncheck: ls',
  });
  for (const text of [
    '',
    '/',
    '//',
    '/ halt',
    'halt',
    ' /halt',
    '/halt!',
    '/usr/bin',
    `/${'x'.repeat(65)}`,
  ]) {
    assert.equal(readCommand(text), null, text);
  }
  assert.equal(readCommand(`/${'x'.repeat(64)}`)?.name.length, 64);
});

test('every command is one that Telegram takes into a menu, and stands there once', () => {
  for (const { name, about } of commands) {
    assert.match(name, /^[a-z0-9_]{1,32}$/);
    assert.ok(about.length >= 1 && about.length <= 256);
  }
  assert.equal(new Set(commands.map(({ name }) => name)).size, commands.length);
  assert.match(commandList(), /^\/halt \[why\]: /m);
  assert.doesNotMatch(commandList(), /^\/start/m, 'the hidden one is not told');
});
