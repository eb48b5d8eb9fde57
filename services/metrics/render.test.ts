import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { families, labelsJson } from '#shared/metrics/families.ts';
import type { Metric } from '#shared/tables/metric.ts';
import { render } from './render.ts';

const AWKWARD = 'a "quoted" \\ back\nslash, näme';

const asked = (model: string, status: string, value: number): Metric => ({
  name: 'agent_requests_total',
  labels: labelsJson('agent_requests_total', { status, model }),
  value,
});
const lines = (text: string, start: string) => text.split('\n').filter((line) => line.startsWith(start));

test('a label may hold anything, and is told so that it is read as it was', () => {
  const text = render([asked(AWKWARD, 'ok', 3)], []);
  const [line] = lines(text, 'agent_requests_total{').filter((line) => line.includes('status="ok"'));
  assert.equal(line, 'agent_requests_total{model="a \\"quoted\\" \\\\ back\\nslash, näme",status="ok"} 3');
});

test('what can happen is told as 0 before it has, so that its first time is an increase', () => {
  const text = render([asked('m', 'ok', 3)], []);
  assert.deepEqual(lines(text, 'agent_requests_total{model="m",status="refused"}'), [
    'agent_requests_total{model="m",status="refused"} 0',
  ]);
  assert.deepEqual(lines(text, 'agent_cron_slots_total'), [
    'agent_cron_slots_total{outcome="done"} 0',
    'agent_cron_slots_total{outcome="failed"} 0',
    'agent_cron_slots_total{outcome="skipped"} 0',
  ]);
  assert.equal(lines(text, 'agent_turn_duration_seconds_bucket').length, 9);
});

test('a histogram is told as its buckets, in their order, their sum and their number', () => {
  const name = 'agent_request_duration_seconds';
  const of = (suffix: string, value: number, le?: string): Metric => ({
    name: `${name}${suffix}`,
    labels: labelsJson(name, le === undefined ? { model: 'm' } : { model: 'm', le }),
    value,
  });
  // As the store brings them: sorted by their text, and only those that were counted.
  const text = render(
    [
      of('_bucket', 2, '+Inf'),
      of('_bucket', 1, '10'),
      of('_bucket', 1, '5'),
      of('_count', 2),
      of('_sum', 70),
    ],
    [],
  );
  assert.deepEqual(
    lines(text, `${name}_`).map((line) => line.slice(name.length)),
    [
      ...['0.5', '1', '2'].map((le) => `_bucket{model="m",le="${le}"} 0`),
      '_bucket{model="m",le="5"} 1',
      '_bucket{model="m",le="10"} 1',
      ...['30', '60'].map((le) => `_bucket{model="m",le="${le}"} 0`),
      '_bucket{model="m",le="+Inf"} 2',
      '_sum{model="m"} 70',
      '_count{model="m"} 2',
    ],
  );
});

test('each family says once what it means, also when there is nothing to tell', () => {
  const text = render([], []);
  assert.deepEqual(
    lines(text, '# TYPE ').map((line) => line.split(' ')[2]),
    families.map(({ name }) => name),
  );
  assert.equal(lines(text, '# HELP ').length, families.length);
});

test('promtool finds nothing to say against it', (t) => {
  const text = render(
    [asked(AWKWARD, 'ok', 3), asked('m', 'cut', 1e21)],
    [
      { name: 'agent_service_up', labels: { service: 'core' }, value: 1 },
      { name: 'agent_halted', labels: {}, value: 0 },
    ],
  );
  const { error, status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  if (error) return t.skip('promtool is not installed');
  assert.equal(`${stdout}${stderr}`, '');
  assert.equal(status, 0);
});
