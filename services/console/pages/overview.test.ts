/** The house in one sentence and in figures, without a browser. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Standing } from '#shared/metrics/standing.ts';
import * as alertWish from '#shared/tables/alert_wish.ts';
import type { Incident } from '#shared/tables/incident.ts';
import type { Sums } from '#shared/tables/total.ts';
import { visitTo } from '#shared/testing/visit.ts';
import { config } from '../config.ts';
import { boxesOf, overview, quantile, state, tokens } from './overview.ts';

const HOUR_ms = 3_600_000;

const stood = (states: Partial<Record<string, Standing['state']>> = {}): Standing[] =>
  (['router', 'core', 'telegram'] as const).map((service) => ({
    service,
    state: states[service] ?? 'up',
    beat: null,
    silent_ms: 0,
  }));
const trouble = (severity: Incident['severity'], text: string): Incident => ({
  id: 1,
  cause: text,
  service: 'watchdog',
  severity,
  text,
  opened_at: 1,
  closed_at: null,
});

test('one sentence says how the house is, the worst first', () => {
  const disk = trouble('critical', 'The disk is nearly full.\nMore of it.');
  const slow = trouble('warning', 'The model is slow.');
  assert.deepEqual(state(null, stood(), []), { tone: 'good', say: 'All is well: 3 services are at work.' });
  assert.deepEqual(state(null, stood({ telegram: 'off' }), [trouble('info', 'News.')]), {
    tone: 'good',
    say: 'All is well: 2 services are at work.',
  });
  assert.deepEqual(state(null, stood({ core: 'starting' }), []), { tone: 'calm', say: 'core is starting.' });
  assert.deepEqual(
    state(null, stood({ core: 'stopped', router: 'stopping' }), []).say,
    'router is stopping and core is stopped.',
  );
  assert.deepEqual(state(null, stood(), [slow]), { tone: 'warn', say: 'The model is slow.' });
  assert.deepEqual(state(null, stood(), [disk, slow]), {
    tone: 'bad',
    say: 'The disk is nearly full. And 1 more.',
  });
  assert.deepEqual(state(null, stood({ core: 'silent' }), [disk]), {
    tone: 'bad',
    say: 'core does not work: messages wait.',
  });
  assert.equal(
    state(null, stood({ core: 'silent', router: 'misconfigured' }), []).say,
    'router and core do not work.',
  );
  assert.match(
    state('2026-11-22T03:12:00.000Z by ada', stood({ core: 'silent' }), [disk]).say,
    /^All is halted since 2026-11-2\d \d\d:12, by ada\.$/,
  );
  assert.equal(state('', stood(), []).say, 'All is halted.');
});

test('a quantile is a value that was measured', () => {
  const sorted = Array.from({ length: 100 }, (_, nth) => nth + 1);
  assert.equal(quantile(sorted, 0.95), 95);
  assert.equal(quantile(sorted, 0.5), 50);
  assert.equal(quantile([7], 0.95), 7);
  assert.equal(quantile([], 0.95), null);
});

test('the tokens of today are held against the usual day by the same time', () => {
  const noon = new Date(2026, 10, 22, 12, 0).getTime();
  const hour = (day: number, at: number, input_tokens: number) => ({
    ...({
      output_tokens: 0,
      cache_read_tokens: 0,
      cache_write_5m_tokens: 0,
      cache_write_1h_tokens: 0,
    } as Sums),
    input_tokens,
    name: new Date(2026, 10, 22 - day, at).getTime(),
  });
  const hours = [hour(0, 9, 500), hour(1, 9, 100), hour(1, 18, 9000), hour(2, 12, 300), hour(8, 9, 70_000)];
  assert.deepEqual(tokens(hours, noon), { today: 500, usual: 200 });
  assert.deepEqual(tokens([], noon), { today: 0, usual: 0 });
});

test('half an hour is up, partly up, down, or was not watched', () => {
  const look = (slot_at: number, up: number) => ({ slot_at, looks: 10, up });
  const boxes = boxesOf(
    [look(0, 10), look(HOUR_ms / 2, 10), look(HOUR_ms * 0.75, 5), look(HOUR_ms, 0)],
    0,
    HOUR_ms / 2,
  );
  assert.deepEqual(
    boxes.slice(0, 4).map(({ tone }) => tone),
    ['good', 'warn', 'bad', 'plain'],
  );
  assert.match(boxes[1]?.say ?? '', /up in 75 %/);
});

test('a house without a day behind it has an overview', async (t) => {
  const { visit } = await visitTo(t, config);
  const text = String(await (await overview.show(visit)).body);
  assert.match(text, /no call in this hour/);
  assert.match(text, /never|silent/);
  assert.doesNotMatch(text, /NaN|undefined|Infinity/);
});

test('what is seen is asked of those who tell of it', async (t) => {
  const { visit, as } = await visitTo(t, config);
  const done = await overview.actions?.acknowledge?.(visit, new Map([['incident', '7']]));
  assert.deepEqual(done, { say: 'Seen: it is not told again.', subject: 'incident 7' });
  const [wish] = await (await as('alerts')).read(alertWish.pending);
  assert.deepEqual([wish?.kind, wish?.about, wish?.given_by], ['acknowledge', '7', visit.by]);
  assert.equal((await overview.actions?.acknowledge?.(visit, new Map()))?.refused, true);
});
