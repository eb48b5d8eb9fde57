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
  tries: 0,
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
    ['critical, and the bridge was quicker', { critical: true, usual: 'sent' }, false, 'second'],
    ['critical, and the second route is dead', { critical: true, usual: 'sent', tries: 1 }, true, ''],
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
  const at_hand = { severity: 'critical', opened_at: at } as const;
  const begun = {
    ...at_hand,
    phase: 'begun',
    text: 'core hangs: no sign of life.',
    closed_at: null,
  } as const;
  const over = { ...at_hand, phase: 'over', closed_at: at + 90_000 } as const;
  assert.equal(wordsOf([begun]), '⚠️ core hangs: no sign of life.');
  const full = { ...over, text: 'The disk that holds the store has 3 MB left.' };
  assert.equal(wordsOf([full]), '✅ Over: The disk that holds the store has 3 MB left (after 90 s)');
  assert.equal(
    wordsOf([begun, { ...over, text: begun.text }, { ...begun, text: 'router is down.' }]),
    '⚠️\n• core hangs: no sign of life.\n• router is down.\n\n✅ Over: core hangs (after 90 s)',
  );
});

test('what is only worth knowing is told once, when it is over', () => {
  const slept = { severity: 'info', phase: 'over', opened_at: at, closed_at: at + 3_600_000 } as const;
  assert.equal(
    wordsOf([{ ...slept, text: 'The machine slept for 60 min.' }]),
    'ℹ️ The machine slept for 60 min.',
  );
});
