import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waysOf } from './trial.ts';

const at = 1_800_000_000_000;

test('of each way that is set up it is said whether the test arrived, and if not, why', () => {
  const said = (
    told: { routes?: object; error?: string; tries?: number; told_at?: number | null },
    posted: string[],
  ) => {
    const { routes = {}, error = null, tries = 1, told_at = at } = told;
    const ways = waysOf({ routes_json: JSON.stringify(routes), error, tries, told_at }, posted);
    return ways.map(({ name, why }) => `${name}: ${why ?? 'arrived'}`);
  };
  assert.deepEqual(said({ routes: { usual: at, direct: at, webhook: at } }, ['sent']), [
    'bridge: arrived',
    'direct: arrived',
    'webhook: arrived',
  ]);
  assert.deepEqual(said({ error: 'direct: no; not now; ntfy: 403: go away' }, ['dead']), [
    'bridge: not delivered within a minute',
    'direct: no; not now',
    'ntfy: 403: go away',
  ]);
  assert.deepEqual(said({ routes: { ntfy: at }, error: 'ntfy: at first' }, []), ['ntfy: arrived']);
  // What the watchdog has told the bridge notes as sent.
  assert.deepEqual(said({ routes: { direct: at } }, ['sent']), [
    'bridge: not delivered within a minute',
    'direct: arrived',
  ]);
  assert.deepEqual(said({ tries: 0, told_at: null }, ['sent']), [
    'bridge: arrived',
    'direct: the watchdog did not take it up',
  ]);
  assert.deepEqual(said({ tries: 0 }, ['sent', 'dead']), ['bridge: not delivered within a minute']);
});
