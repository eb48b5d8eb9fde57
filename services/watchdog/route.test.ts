import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextStep, type Standing } from './route.ts';
import { wordsOf } from './words.ts';

const fresh: Standing = {
  critical: false,
  age_ms: 0,
  usual: 'waiting',
  bridge: true,
  held: false,
  routes: {},
  second: true,
};
const at = 1_800_000_000_000;

test('a message takes the usual way, then its own, and what is critical the second one too', () => {
  const cases: [title: string, given: Partial<Standing>, told: boolean, take: string][] = [
    ['the bridge has it', {}, false, ''],
    ['the bridge has delivered it', { usual: 'sent' }, true, ''],
    ['the bridge is late', { age_ms: 30_000 }, false, 'direct'],
    ['not quite', { age_ms: 29_999 }, false, ''],
    ['the bridge is down', { bridge: false }, false, 'direct'],
    ['it is on its way just now', { bridge: false, usual: 'sending', age_ms: 59_999 }, false, ''],
    ['on its way for too long', { usual: 'sending', age_ms: 60_000 }, false, 'direct'],
    ['the bridge has given it up', { usual: 'dead' }, false, 'direct'],
    ['nobody to send it to', { usual: 'none' }, false, 'direct'],
    ['it is quiet', { held: true, age_ms: 60_000, bridge: false }, false, ''],
    ['critical', { critical: true }, false, 'second'],
    ['critical, and the second route has it', { critical: true, routes: { ntfy: at } }, false, ''],
    ['critical without a second route', { critical: true, second: false }, false, ''],
    ['critical with a dead bridge', { critical: true, bridge: false }, false, 'second direct'],
    ['told directly', { routes: { direct: at } }, true, ''],
  ];
  for (const [title, given, told, take] of cases) {
    const step = nextStep({ ...fresh, ...given }, 30_000);
    assert.deepEqual([step.told, step.take.join(' ')], [told, take], title);
  }
});

test('what begins and what ends at one time is one message', () => {
  const begun = { phase: 'begun' as const, text: 'core hangs.', opened_at: at, closed_at: null };
  const over = { phase: 'over' as const, text: 'The disk is full.', opened_at: at, closed_at: at + 90_000 };
  assert.equal(wordsOf([begun]), '⚠️ core hangs.');
  assert.equal(wordsOf([over]), '✅ Over: The disk is full. (after 90 s)');
  assert.equal(
    wordsOf([begun, over, { ...begun, text: 'router died.' }]),
    '⚠️\n• core hangs.\n• router died.\n\n✅ Over: The disk is full. (after 90 s)',
  );
});
