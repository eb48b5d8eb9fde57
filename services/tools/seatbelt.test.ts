import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seatbelt } from './seatbelt.ts';

test('on macOS the profile opens what is shown and the one door, and closes the rest (simulated)', async () => {
  const view = {
    cwd: "/Users/ann/it's/workspace",
    env: { TOKEN: "it's" },
    readable: ['/Users/ann/recipes'],
    writable: ["/Users/ann/it's/workspace", '/Users/ann/garden'],
    kept: ['/Users/ann/garden/.git/hooks'],
  };
  const [shell, flag, line = ''] = await seatbelt(view, ['/bin/bash', '-c', 'echo "$TOKEN"'], 4567);
  assert.deepEqual([shell, flag], ['/bin/bash', '-c']);
  const section = (title: string) => line.split(`; ${title}\n`)[1]?.split('\n; ')[0] ?? '';
  assert.match(line, /^cd '\/Users\/ann\/it'\\''s\/workspace' && exec env /);
  assert.match(line, /\(deny default/);
  const network = section('Network').match(/localhost:\d+|\*:\*/g);
  assert.deepEqual(new Set(network), new Set(['localhost:4567']));
  for (const closed of ['/Users', '/Volumes', '/private/var', '/Library/Keychains']) {
    assert.ok(section('File read').includes(`(subpath "${closed}")`), closed);
  }
  assert.ok(section('File read').includes('(subpath "/Users/ann/recipes")'));
  const [opened = '', denied = ''] = section('File write').split('(deny file-write*');
  assert.deepEqual(opened.match(/subpath "[^"]+/g)?.length, 2);
  assert.ok(denied.includes('(subpath "/Users/ann/garden/.git/hooks")'));
});
