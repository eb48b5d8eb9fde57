import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alert } from '#shared/tables/alert.ts';
import type { Finding } from './judge.ts';
import { usual } from './limits.ts';
import { type Rule, rulesOf } from './rules.ts';
import { type Look, settle } from './settle.ts';

const rules = rulesOf(usual);
const NOW = Date.UTC(2026, 10, 22, 12);

function ruleOf(name: string): Rule {
  const found = rules.find((rule) => rule.name === name);
  assert.ok(found);
  return found;
}

function found(name: string, labels = {}): Finding {
  return { rule: ruleOf(name), labels, value: 1, text: `${name}: so it is.` };
}

function row(name: string, of: Partial<Alert> = {}): Alert {
  const { labels = '{}' } = of;
  const cause = ruleOf(name).cause(JSON.parse(labels), NOW);
  return {
    id: 1,
    rule: name,
    labels,
    severity: 'warning',
    state: 'firing',
    value: 1,
    text: '',
    cause,
    since_at: NOW - 600_000,
    fired_at: NOW - 540_000,
    seen_at: NOW - 5000,
    resolved_at: null,
    ...of,
  };
}

function look(of: Partial<Look> = {}): Look {
  return { now: NOW, rules, due: new Set(rules), gap_ms: () => 15_000, ongoing: [], ended: [], ...of };
}

const incident = (cause: string) => ({ cause });
const pending = { state: 'pending', fired_at: null } as const;

test('what must last is pending first, and has no incident before it fires', () => {
  const first = settle([], [found('AgentErrorRateHigh')], look());
  assert.deepEqual([first.begun[0]?.state, first.begun[0]?.fired_at, first.opened], ['pending', null, []]);
  const early = row('AgentErrorRateHigh', { ...pending, since_at: NOW - 59_999 });
  assert.equal(settle([early], [found('AgentErrorRateHigh')], look()).changed[0]?.state, 'pending');
  const ripe = row('AgentErrorRateHigh', { ...pending, since_at: NOW - 60_000 });
  const fires = settle([ripe], [found('AgentErrorRateHigh')], look());
  assert.deepEqual([fires.changed[0]?.state, fires.changed[0]?.fired_at], ['firing', NOW]);
  assert.deepEqual(
    fires.opened.map(({ cause }) => cause),
    ['errors'],
  );
});

test('what was pending before a sleep or a restart begins anew, and so does what a clock was set back over', () => {
  const finding = found('AgentErrorRateHigh');
  const since = (of: Partial<Alert>) =>
    settle([row('AgentErrorRateHigh', { ...pending, ...of })], [finding], look()).changed[0]?.since_at;
  assert.equal(since({ seen_at: NOW - 15_000 }), NOW - 600_000);
  assert.equal(since({ seen_at: NOW - 15_001 }), NOW);
  assert.equal(since({ seen_at: NOW + 1 }), NOW);
  assert.equal(since({ since_at: NOW + 1 }), NOW);
});

test('what is pending and passes leaves nothing; what fires is over when it has stayed away', () => {
  const passed = settle([row('AgentDiskLow', pending)], [], look());
  assert.deepEqual([passed.dropped.length, passed.changed, passed.closed], [1, [], []]);
  const held = settle([row('AgentDiskLow', { seen_at: NOW - 59_999 })], [], look());
  assert.deepEqual([held.changed, held.closed], [[], []]);
  const over = settle([row('AgentDiskLow', { seen_at: NOW - 60_000 })], [], look());
  assert.deepEqual(
    [over.changed[0]?.state, over.changed[0]?.resolved_at, over.closed],
    ['resolved', NOW, ['disk']],
  );
  const back = settle([row('AgentDiskLow', { seen_at: NOW + 1 })], [], look());
  assert.equal(back.changed[0]?.state, 'resolved', 'a clock that was set back keeps nothing open');
});

test('of what was not looked at nothing is known; of what is no rule any more nothing remains', () => {
  const due = new Set(rules.filter(({ name }) => name !== 'AgentTokenUsageAnomalous'));
  const away = row('AgentTokenUsageAnomalous', { seen_at: NOW - 250_000 });
  assert.deepEqual(settle([away], [], look({ due })).changed, []);
  assert.equal(settle([away], [], look()).changed[0]?.state, 'resolved');
  const gone = { ...row('AgentDiskLow', { seen_at: NOW }), rule: 'AgentOfOld', cause: 'of old' };
  assert.deepEqual(settle([gone], [], look()).closed, ['of old']);
});

test('what somebody else has an incident of opens none, and neither does what is but a sign of it', () => {
  const dead = found('AgentServiceUnresponsive', { service: 'core' });
  const ripe = row('AgentServiceUnresponsive', { ...pending, labels: '{"service":"core"}' });
  assert.deepEqual(settle([ripe], [dead], look({ ongoing: [incident('service core')] })).opened, []);
  const wide = settle([ripe], [dead], look({ ongoing: [incident('everything')] }));
  assert.deepEqual([wide.changed[0]?.cause, wide.opened], ['everything', []]);
  assert.equal(settle([ripe], [dead], look({ ongoing: [incident('service cron')] })).opened.length, 1);

  const errors = row('AgentErrorRateHigh', pending);
  for (const away of ['network', 'provider anthropic', 'breaker anthropic/claude-opus-5-5']) {
    for (const seen of [{ ongoing: [incident(away)] }, { ended: [incident(away)] }]) {
      const sign = settle([errors], [found('AgentErrorRateHigh')], look(seen));
      assert.deepEqual([sign.changed[0]?.state, sign.changed[0]?.cause, sign.opened], ['firing', away, []]);
    }
  }
});

test('what goes on although its incident was ended is told after a while', () => {
  const finding = found('AgentMemoryHigh', { service: 'core' });
  const firing = row('AgentMemoryHigh', { labels: '{"service":"core"}' });
  assert.deepEqual(settle([firing], [finding], look({ ended: [incident('memory core')] })).opened, []);
  assert.deepEqual(
    settle([firing], [finding], look()).opened.map(({ cause }) => cause),
    ['memory core'],
  );
});

test('two rules of one cause have one incident, and it ends with the second of them', () => {
  const labels = '{"queue":"message"}';
  const long = found('AgentQueueLong', { queue: 'message' });
  const stuck = row('AgentQueueStuck', { id: 2, labels, seen_at: NOW - 60_000 });
  const both = [row('AgentQueueLong', { labels }), stuck];
  const ongoing = [incident('queue message')];
  const one = settle(both, [long], look({ ongoing }));
  assert.deepEqual([one.opened, one.closed], [[], []]);
  assert.deepEqual(settle([stuck], [], look({ ongoing })).closed, ['queue message']);
});

test('a budget is told by the name of its present period', () => {
  const { begun } = settle([], [found('AgentBudgetNearlySpent', { budget: 'key laptop month' })], look());
  assert.match(begun[0]?.cause ?? '', /^budget key laptop month 2026-11$/);
  const own = ruleOf('AgentBudgetNearlySpent').cause({ budget: 'unasked' }, NOW);
  assert.match(own, /^budget unasked 2026-11-22$/);
});
