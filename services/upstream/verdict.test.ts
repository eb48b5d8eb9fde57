import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Breaker } from '#shared/tables/breaker.ts';
import type { Probe } from '#shared/tables/probe.ts';
import { config } from './config.ts';
import { type Facts, isOffline, judge, standingOf } from './verdict.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const AGAIN_ms = 20_000;

const probe = (watch: string, more: Partial<Probe> = {}): Probe => ({
  ...{
    watch,
    about: watch,
    due_at: NOW,
    looked_at: NOW,
    ok_at: NOW,
    latency_ms: 10,
    failures: 0,
    failed_at: null,
  },
  ...{ error: null, looks: 1, good: 1, seen_json: '{}' },
  ...more,
});
/** Failed so often, the first time so long ago. */
const failing = (watch: string, failures: number, since_ms: number, more: Partial<Probe> = {}) =>
  probe(watch, {
    failures,
    failed_at: NOW - since_ms,
    ok_at: NOW - 600_000,
    error: 'it does not answer',
    ...more,
  });
const open = (target: string): Breaker => ({
  ...{ target, state: 'open', failures: 5, due_at: NOW, changed_at: NOW, error: 'HTTP 529' },
});
const facts = (probes: readonly Probe[], more: Partial<Facts> = {}): Facts => ({
  ...{
    now: NOW,
    config: config.parse({}),
    probes,
    breakers: [],
    models: [],
    prices_rev: '2026-11-22',
    version: '1.0.0',
  },
  ...more,
});
const causes = (of: Facts) => judge(of).found.map(({ cause }) => cause);

const NET = 'network';
const TG = 'telegram';
const A = 'provider a';

test('one failure is none; two are when there is time between them, or one when calls fail as well', () => {
  assert.equal(standingOf(probe(A, { looked_at: null, ok_at: null }), AGAIN_ms), 'unsure');
  assert.equal(standingOf(probe(A), AGAIN_ms), 'up');
  assert.equal(standingOf(failing(A, 1, 60_000), AGAIN_ms), 'unsure');
  assert.equal(standingOf(failing(A, 1, 0), AGAIN_ms, true), 'down');
  assert.equal(standingOf(failing(A, 2, 9_999), AGAIN_ms), 'unsure');
  assert.equal(standingOf(failing(A, 2, 10_000), AGAIN_ms), 'down');
});

test('who is away, and what of it nobody can know', () => {
  const down = (watch: string) => failing(watch, 2, 30_000);
  const table: [what: string, probes: Probe[], found: string[], unsure: string[]][] = [
    ['all is well', [probe(NET), probe(TG), probe(A)], [], []],
    ['the provider', [probe(NET), probe(TG), down(A)], ['provider a'], []],
    ['Telegram', [probe(NET), down(TG), probe(A)], ['telegram is away'], []],
    [
      'both, and the network is there',
      [probe(NET), down(TG), down(A)],
      ['telegram is away', 'provider a'],
      [],
    ],
    ['everything', [down(NET), down(TG), down(A)], ['network'], ['telegram is away', 'provider a']],
    ['the address that is looked at alone', [down(NET), probe(TG), probe(A)], [], []],
    [
      'everything, and one has failed but once',
      [down(NET), failing(TG, 1, 5000), down(A)],
      ['network'],
      ['telegram is away', 'provider a'],
    ],
    [
      'the network has failed once',
      [failing(NET, 1, 5000), down(TG), down(A)],
      [],
      ['network', 'telegram is away', 'provider a'],
    ],
    [
      'nobody has looked at the network since',
      [probe(NET, { looked_at: NOW - 40_000, ok_at: NOW - 40_000 }), down(TG)],
      [],
      ['telegram is away'],
    ],
    ['the network is not watched', [down(TG)], ['telegram is away'], []],
    ['nothing but the network is watched', [down(NET)], ['network'], []],
  ];
  for (const [what, probes, found, unsure] of table) {
    const verdict = judge(facts(probes));
    assert.deepEqual([verdict.found.map(({ cause }) => cause), verdict.unsure], [found, unsure], what);
    assert.equal(isOffline(probes, AGAIN_ms), found.includes('network'), what);
  }
});

test('a provider is one finding, by its way, its page and its calls', () => {
  const status = (level: string, more: Partial<Probe> = {}) =>
    probe('status a', { seen_json: JSON.stringify({ level, words: 'Elevated errors' }), ...more });
  const text = (probes: Probe[], breakers: Breaker[] = []) =>
    judge(facts(probes, { breakers })).found[0]?.text;
  assert.match(
    text([probe(A), status('major')]) ?? '',
    /^a has trouble; its status page says "Elevated errors"\. /,
  );
  assert.equal(text([probe(A), status('minor')]), undefined);
  assert.match(
    text([probe(A), status('minor')], [open('a/x')]) ?? '',
    /^a has trouble; its status page says "Elevated errors"; a\/x fails\. /,
  );
  assert.equal(text([probe(A), status('minor')], [open('b/x')]), undefined, 'the calls of another');
  assert.equal(text([probe(A), status('none')], [open('a/x')]), undefined, 'that is the router’s to tell');
  assert.equal(
    text([probe(A), status('major', { failures: 1, failed_at: NOW })]),
    undefined,
    'what it said is old',
  );
  const all = judge(
    facts([failing(A, 1, 0), status('critical')], { breakers: [open('a/x'), open('a/y')] }),
  ).found;
  assert.deepEqual(
    all.map(({ cause }) => cause),
    ['provider a'],
  );
  assert.match(
    all[0]?.text ?? '',
    /^a cannot be reached \(it does not answer\); its status page says "Elevated errors"; a\/x, a\/y fail\. Messages that need it wait/,
  );
});

test('the end of a model in use is told 60, 14 and 3 days before, on its day, and when it has passed', () => {
  const at = (date: string, models = [{ name: 'm', aliases: ['deep', 'review'] }]) =>
    judge(
      facts([], {
        now: Date.parse(date),
        models,
        config: config.parse({ watch: ['models'], retirements: { m: '2027-03-31' } }),
      }),
    ).found;
  const cause = (date: string) => at(date).map(({ cause }) => cause)[0];
  assert.equal(cause('2027-01-29T23:59:59Z'), undefined);
  assert.equal(cause('2027-01-30T00:00:00Z'), 'retirement m 60');
  assert.equal(cause('2027-03-16T23:59:59Z'), 'retirement m 60');
  assert.equal(cause('2027-03-17T00:00:00Z'), 'retirement m 14');
  assert.equal(cause('2027-03-28T00:00:00Z'), 'retirement m 3');
  assert.equal(cause('2027-03-31T00:00:00Z'), 'retirement m 0');
  assert.equal(cause('2027-04-01T00:00:00Z'), 'retirement m past');
  assert.equal(
    at('2027-03-30T12:00:00Z')[0]?.text,
    'The model m ends on 2027-03-31, in 1 day. It answers for deep, review.',
  );
  assert.deepEqual(at('2027-03-30', []), [], 'one that nobody uses');
  const known = [{ name: 'claude-sonnet-4-5', aliases: ['default'] }];
  assert.match(judge(facts([], { models: known })).found[0]?.text ?? '', /ends on 2026-11-30, in 8 days/);
});

test('a price list is old when it is older than it may be', () => {
  const at = (days: number) => causes(facts([], { now: Date.parse('2026-11-22') + days * 86_400_000 }));
  assert.deepEqual([at(90), at(91)], [[], ['prices 2026-11-22']]);
});

test('a newer release, and what is known against a package, are findings until they are mended', () => {
  const release = (version: string) =>
    probe('releases', { seen_json: JSON.stringify({ version, url: 'https://a.example', notes: 'n' }) });
  assert.deepEqual(causes(facts([release('1.0.1')])), ['release 1.0.1']);
  assert.deepEqual(causes(facts([release('1.0.0')])), []);
  assert.match(judge(facts([release('1.0.1')])).found[0]?.cure ?? '', /Nothing is installed by itself/);
  const one = { id: 'GHSA-1', package: 'p', severity: 'high', title: 't', url: 'u' };
  const advisories = probe('advisories', {
    seen_json: JSON.stringify({ advisories: [one, { ...one, severity: 'low' }] }),
  });
  assert.deepEqual(causes(facts([advisories])), ['advisory GHSA-1 p']);
  assert.deepEqual(
    causes(facts([probe('releases', { ok_at: null }), probe('advisories')])),
    [],
    'nothing read yet',
  );
});

test('what cannot be read for two days is told, and a provider that is away is no feed', () => {
  const days = 2 * 86_400_000;
  assert.deepEqual(causes(facts([failing('page p', 5, days)])), ['unread page p']);
  assert.deepEqual(causes(facts([failing('page p', 5, days - 1)])), []);
  assert.deepEqual(causes(facts([failing('page p', 4, days)])), []);
  assert.deepEqual(causes(facts([probe(NET), failing(A, 9, days)])), ['provider a']);
});

test('what is not watched is not judged', () => {
  const nothing = config.parse({ watch: [], retirements: { m: '2026-11-23' } });
  const models = [{ name: 'm', aliases: ['deep'] }];
  assert.deepEqual(causes(facts([], { config: nothing, models, prices_rev: '2020-01-01' })), []);
});
