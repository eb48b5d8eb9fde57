/**
 * What can befall a process from within, on order: loaded into a service by `NODE_OPTIONS=--import=…`, it does what the
 * file says whose path is in `AILMENT` when SIGUSR2 comes.
 */

import { readFileSync } from 'node:fs';

process.on('SIGUSR2', () => {
  const ailment = readFileSync(process.env.AILMENT ?? '', 'utf8');
  if (ailment === 'loop') for (;;);
  if (ailment === 'hog') {
    const all: Buffer[] = [];
    for (;;) all.push(Buffer.alloc(10_000_000, 1));
  }
  throw new Error(`expected loop or hog, got ${JSON.stringify(ailment)}`);
});
