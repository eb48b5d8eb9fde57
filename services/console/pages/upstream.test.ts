import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as finding from '#shared/tables/finding.ts';
import * as probe from '#shared/tables/probe.ts';
import * as request from '#shared/tables/probe_request.ts';
import { visitTo } from '#shared/testing/visit.ts';
import { config } from '../config.ts';
import { upstream } from './upstream.ts';

const NOW = Date.UTC(2026, 10, 22, 12);

test('what is watched is shown with its state, its latency and its share, and what was found with its cure', async (t) => {
  const { visit, as } = await visitTo(t, config, { now: NOW });
  const store = await as('upstream');
  await store.commit([
    probe.watch('network', 'a resolver', NOW),
    probe.watch('provider anthropic', '<img src=x onerror=alert(1)>', NOW),
    probe.watch('page kernel', 'https://example.org', NOW),
  ]);
  await store.commit([probe.worked('network', { now: NOW - 5000, due_at: NOW + 60_000, latency_ms: 12 })]);
  await store.commit([
    probe.failed('provider anthropic', { now: NOW - 5000, due_at: NOW, error: 'HTTP <b>529</b>' }),
  ]);
  await store.commit([
    finding.open(
      {
        cause: 'provider anthropic',
        kind: 'outage',
        severity: 'critical',
        text: 'It is down.',
        cure: 'Wait.',
      },
      { now: NOW, told_at: null, over_at: null },
    ),
  ]);
  const page = String(await (await upstream.show(visit)).body);
  assert.match(page, /network<\/td><td[^>]*><span class="pill good">ok/);
  assert.match(page, /12 ms/);
  assert.match(page, /100\.0 %/);
  assert.match(page, /failed 1×/);
  assert.match(page, /HTTP &lt;b&gt;529/);
  assert.match(page, /not yet/);
  assert.match(page, /It is down\.<br><small>Wait\./);
  assert.doesNotMatch(page, /<img|<b>529/);
});

test('a look now is asked for once, of one or of all', async (t) => {
  const { visit, as } = await visitTo(t, config, { now: NOW });
  await (await as('upstream')).commit([
    probe.watch('network', 'a', NOW),
    probe.watch('page kernel', 'b', NOW),
  ]);
  const look = (fields: [string, string][]) => upstream.actions?.look?.(visit, new Map(fields));
  assert.match((await look([['watch', 'network']]))?.say ?? '', /A look at 'network' is asked for/);
  await look([['watch', 'network']]);
  await look([]);
  const asked = await visit.ctx.store.read(request.all);
  assert.deepEqual(
    asked.map(({ watch, asked_by }) => [watch, asked_by]),
    [
      ['network', visit.by],
      ['page kernel', visit.by],
    ],
  );
  assert.ok((await look([['watch', 'nobody']]))?.refused);
  assert.match(String(await (await upstream.show(visit)).body), /asked for/);
});
