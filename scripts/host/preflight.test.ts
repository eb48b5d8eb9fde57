import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { scratch } from '#shared/testing/scratch.ts';
import { placeOf } from './place.ts';
import { demandCommand } from './preflight.ts';

test('a command of that name that is not ours stays, be it a link or a program', (t) => {
  const taken: [make: (command: string, prefix: string) => void, refused: boolean][] = [
    [() => {}, false],
    [(command, prefix) => symlinkSync(`${prefix}/current/bin/vigil`, command), false],
    [(command) => symlinkSync('/usr/bin/another', command), true],
    [(command, prefix) => symlinkSync(`${prefix}-another/bin/vigil`, command), true],
    [(command) => writeFileSync(command, ''), true],
  ];
  for (const [make, refused] of taken) {
    const place = placeOf('user', scratch(t));
    mkdirSync(dirname(place.command), { recursive: true });
    make(place.command, place.prefix);
    if (refused) assert.throws(() => demandCommand(place), /there already, and not ours/);
    else demandCommand(place);
  }
});
