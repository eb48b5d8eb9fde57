import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noSmallDisk } from '#shared/testing/full-disk.ts';
import { outages, QUICK, suffer } from './outages.ts';

const CHOSEN = [
  'core, given up',
  'core, frozen together with alerts',
  'watchdog, frozen',
  'the store, disk full',
];

describe('the owner hears of an outage and of its end, and the message is answered once', {
  concurrency: 3,
}, () => {
  for (const outage of outages) {
    const name = `${outage.service}, ${outage.fault}`;
    if (!CHOSEN.includes(name)) continue;
    it(name, { skip: outage.disk_kb ? noSmallDisk : false }, async () => {
      const { told_ms, over_ms, message, answers, words } = await suffer(outage, QUICK);
      assert.ok(told_ms !== null, `the owner heard only: ${words.join('; ')}`);
      assert.ok(over_ms !== null, `the owner heard only: ${words.join('; ')}`);
      assert.equal(answers, 1);
      if (!outage.waits) assert.ok(message, 'answered meanwhile');
      assert.equal(new Set(words).size, words.length, words.join('; '));
    });
  }
});
