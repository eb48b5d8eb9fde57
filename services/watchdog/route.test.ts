import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextOfTrial, nextStep, type Standing } from './route.ts';

const fresh: Standing = {
  critical: false,
  age_ms: 0,
  usual: 'waiting',
  bridge: true,
  held: false,
  routes: {},
  tries: 0,
  second: true,
  direct: true,
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

test('a test takes each way there is for itself, three times where it fails, and leaves the bridge a minute', () => {
  const cases: [title: string, given: Partial<Standing>, told: boolean, take: string][] = [
    ['at first', {}, false, 'direct second'],
    ['without a second route', { second: false }, false, 'direct'],
    ['one has failed', { tries: 2, routes: { direct: at } }, false, 'second'],
    ['three times', { tries: 3, routes: { direct: at } }, false, ''],
    ['and the bridge has delivered', { tries: 3, routes: { direct: at }, usual: 'sent' }, true, ''],
    ['and it has given up', { routes: { direct: at, ntfy: at }, usual: 'dead' }, true, ''],
    ['the bridge is not there', { routes: { direct: at, ntfy: at }, age_ms: 59_999 }, false, ''],
    ['for a minute', { routes: { direct: at, ntfy: at }, age_ms: 60_000 }, true, ''],
    ['there is no other way', { direct: false, second: false, usual: 'sent' }, true, ''],
  ];
  for (const [title, given, told, take] of cases) {
    const step = nextOfTrial({ ...fresh, ...given });
    assert.deepEqual([step.told, step.take.join(' ')], [told, take], title);
  }
});
