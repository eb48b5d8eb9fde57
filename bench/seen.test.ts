import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noSmallDisk } from '#shared/testing/full-disk.ts';
import { behold, faults, missedIn, QUICK } from './seen.ts';

const CHOSEN = [
  'a backup fails',
  'a budget is used up, and an answer waits for it',
  'the disk is nearly full',
];

describe('whatever is wrong is seen in Telegram, /health, /metrics, Prometheus and the console, and so is its end', {
  concurrency: 3,
}, () => {
  for (const fault of faults) {
    if (!CHOSEN.includes(fault.name)) continue;
    it(fault.name, { skip: fault.disk_kb ? noSmallDisk : false }, async () => {
      assert.deepEqual(missedIn(await behold(fault, QUICK)), []);
    });
  }
});
