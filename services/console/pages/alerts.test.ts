import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import * as alert_wish from '#shared/tables/alert_wish.ts';
import * as incident from '#shared/tables/incident.ts';
import type { Op } from '#shared/tables/op.ts';
import * as telling from '#shared/tables/telling.ts';
import { visitTo } from '#shared/testing/visit.ts';
import { config } from '../config.ts';
import { alerts } from './alerts.ts';

const NOW = Date.UTC(2026, 10, 22, 12);

async function troubled(t: TestContext) {
  const visiting = await visitTo(t, config, { now: NOW });
  await (await visiting.as('router')).commit([
    incident.open({
      cause: 'breaker anthropic/claude-opus-5-5',
      service: 'router',
      severity: 'critical',
      text: '<script>alert(1)</script> does not answer',
      now: NOW - 60_000,
    }),
  ]);
  const [open] = await visiting.visit.ctx.store.read(incident.ongoing);
  assert.ok(open);
  return { ...visiting, open };
}

const shown = async ({ visit }: Pick<Awaited<ReturnType<typeof troubled>>, 'visit'>) =>
  String(await (await alerts.show(visit)).body);
const act = ({ visit }: Awaited<ReturnType<typeof troubled>>, name: string, fields: Record<string, string>) =>
  alerts.actions?.[name]?.(visit, new Map(Object.entries(fields)));

/** Of tables whose rows only others write. */
const row = (sql: string, args: Op['args']): Op => ({ verb: 'a test’s own', sql, args });

test('nothing wrong is said in words', async (t) => {
  const page = await shown(await visitTo(t, config, { now: NOW }));
  for (const words of ['Every rule holds.', 'Nothing is wrong, and nothing was.', 'Nothing is silenced.'])
    assert.match(page, new RegExp(words));
});

test('an incident is shown with when and how it was told, and as text', async (t) => {
  const house = await troubled(t);
  assert.match(await shown(house), /not yet/);
  const told = { message: 'm', now: NOW - 50_000, told: { usual: NOW - 49_000, ntfy: NOW - 48_000 } };
  await (await house.as('watchdog')).commit([
    telling.post({ incident_id: house.open.id, phase: 'begun', ...told }),
  ]);
  const page = await shown(house);
  assert.match(page, /begun <time[^>]*>[^<]+<\/time> usual, ntfy/);
  assert.match(page, /open, critical/);
  assert.doesNotMatch(page, /<script/);
});

test('what the rules find is shown, pending and firing', async (t) => {
  const house = await troubled(t);
  const store = await house.as('alerts');
  const sql =
    'INSERT INTO alert (rule, labels, severity, state, value, text, cause, since_at, fired_at, seen_at) VALUES (?,?,?,?,?,?,?,?,?,?)';
  await store.commit([
    row(sql, [
      'BreakerOpen',
      '{"target":"<b>x</b>"}',
      'critical',
      'firing',
      2,
      'open',
      'breaker x',
      NOW,
      NOW,
      NOW,
    ]),
    row(sql, ['DiskLow', '{}', 'warning', 'pending', 1, 'little room', 'disk', NOW, null, NOW]),
  ]);
  const page = await shown(house);
  assert.match(page, /BreakerOpen<\/td><td[^>]*><span class="pill bad">firing, critical/);
  assert.match(page, /DiskLow<\/td><td[^>]*><span class="pill calm">pending/);
  assert.match(page, /target &lt;b&gt;x/);
});

test('each button asks for what it says, in the name of who pressed it', async (t) => {
  const house = await troubled(t);
  const { cause, id } = house.open;
  assert.match((await act(house, 'acknowledge', { incident: String(id) }))?.say ?? '', /is seen/);
  await act(house, 'silence', { cause, length: '4 hours', reason: 'known' });
  await act(house, 'test', {});
  const wishes = await house.visit.ctx.store.read(alert_wish.pending);
  assert.deepEqual(
    wishes.map(({ kind, about, reason, until_at, given_by }) => [kind, about, reason, until_at, given_by]),
    [
      ['acknowledge', String(id), null, null, house.visit.by],
      ['silence', cause, 'known', NOW + 4 * 3_600_000, house.visit.by],
      ['test', '', null, null, house.visit.by],
    ],
  );
  assert.match(await shown(house), /waits/);
  await (await house.as('alerts')).commit([
    alert_wish.handled(wishes[2]?.id ?? 0, 'arrived: <i>Telegram</i>', NOW),
  ]);
  assert.match(await shown(house), /arrived: &lt;i&gt;Telegram/);
});

test('a silence that is in force can be ended, and no other', async (t) => {
  const house = await troubled(t);
  const sql = 'INSERT INTO silence (cause, given_by, at, until_at) VALUES (?,?,?,?)';
  await (await house.as('alerts')).commit([
    row(sql, ['breaker *', 'ada', NOW - 2, NOW + 1]),
    row(sql, ['disk', 'ada', NOW - 2, NOW]),
  ]);
  const page = await shown(house);
  assert.match(page, /End it: the silence of breaker \*/);
  assert.doesNotMatch(page, /End it: the silence of disk/);
  assert.match((await act(house, 'unsilence', { silence: '1' }))?.say ?? '', /is told again/);
  assert.ok((await act(house, 'unsilence', { silence: '2' }))?.refused);
  const wishes = await house.visit.ctx.store.read(alert_wish.pending);
  assert.deepEqual(
    wishes.map(({ kind, about }) => [kind, about]),
    [['unsilence', '1']],
  );
});

test('what is over, a length that is none, and a cause of nothing are refused', async (t) => {
  const house = await troubled(t);
  await (await house.as('router')).commit([incident.close(house.open.cause, 'router', NOW)]);
  for (const [name, fields] of [
    ['acknowledge', { incident: String(house.open.id) }],
    ['acknowledge', { incident: '999' }],
    ['silence', { cause: 'disk', length: '100 years' }],
    ['silence', { cause: 'disk', length: 'constructor' }],
    ['silence', { cause: '  ', length: '1 hour' }],
  ] as const) {
    assert.ok((await act(house, name, fields))?.refused, JSON.stringify(fields));
  }
  assert.deepEqual(await house.visit.ctx.store.read(alert_wish.pending), []);
});
