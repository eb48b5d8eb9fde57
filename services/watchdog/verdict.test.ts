import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Service, serviceOf } from '#shared/manifest.ts';
import type { Heartbeat } from '#shared/tables/heartbeat.ts';
import { config } from './config.ts';
import { type Facts, judge } from './verdict.ts';

const NOW = 1_800_000_000_000;
const at = (ago_s: number) => NOW - ago_s * 1000;

function beat(service: string, more: Partial<Heartbeat> = {}): Heartbeat {
  return {
    service,
    worker: 0,
    pid: 1,
    instance: `${service}-1`,
    boot_id: 'b',
    version: '0.1.0',
    phase: 'ready',
    doing: 'waiting for work',
    since_at: at(100),
    progressed_at: at(1),
    beat_at: at(1),
    rss_bytes: 50 * 2 ** 20,
    loop_delay_ms: 0,
    problem: null,
    ...more,
  };
}

const expected: Service[] = [
  serviceOf('router'),
  serviceOf('core'),
  serviceOf('telegram'),
  serviceOf('backup'),
];

/** All is well, but for what is given. `beats` are laid over the well ones. */
function facts(more: Partial<Omit<Facts, 'beats'>> & { beats?: Heartbeat[]; dead?: string[] } = {}): Facts {
  const { beats = [], dead = [], ...rest } = more;
  const rows = [...expected.map(({ name }) => beat(name)), ...beats];
  return {
    now: NOW,
    watched_from_at: at(3600),
    config: config.parse({}),
    expected,
    beats: new Map(rows.map((row) => [row.service, row])),
    alive: new Set(expected.map(({ name }) => name).filter((name) => !dead.includes(name))),
    unready_since: new Map(),
    problem_since: new Map(),
    failed: new Map(),
    halted: false,
    queues: [],
    turns: [],
    slots: [],
    silent_at: 0,
    polled_at: at(30),
    canary: null,
    disk_free_mb: 50_000,
    wal_mb: 4,
    ...rest,
  };
}

const silent = (name: string, ago_s: number, more: Partial<Heartbeat> = {}) =>
  beat(name, { beat_at: at(ago_s), progressed_at: at(ago_s), ...more });
const canary = (
  state: 'pending' | 'taken' | 'answered' | 'dead',
  ago_s: number,
  error: string | null = null,
) => ({
  received_at: at(ago_s),
  state,
  error,
  answered_at: null,
});

/** What is found: cause, and whose restart is wanted, or `-`. */
const cases: [title: string, given: Facts, found: string[]][] = [
  ['all is well', facts(), []],
  ['a beat as old as is allowed', facts({ beats: [silent('core', 30)] }), []],
  [
    'an older beat of a living process: it hangs',
    facts({ beats: [silent('core', 31)] }),
    ['service core core'],
  ],
  [
    'the same of a dead process',
    facts({ beats: [silent('core', 31)], dead: ['core'] }),
    ['service core core'],
  ],
  ['each has its own patience', facts({ beats: [silent('backup', 49)] }), []],
  ['one that starts is given longer', facts({ beats: [silent('core', 119, { phase: 'starting' })] }), []],
  [
    'one that hangs in its start is not restarted',
    facts({ beats: [silent('core', 121, { phase: 'starting' })] }),
    ['service core -'],
  ],
  [
    'one that begins again and again, and is never ready',
    facts({ beats: [beat('core', { phase: 'starting' })], unready_since: new Map([['core', at(121)]]) }),
    ['service core -'],
  ],
  [
    'one that a person must mend is not restarted',
    facts({
      beats: [silent('telegram', 20, { phase: 'misconfigured', problem: 'token' })],
      dead: ['telegram'],
    }),
    ['service telegram -'],
  ],
  [
    'one that was stopped a moment ago',
    facts({ beats: [silent('core', 30, { phase: 'stopped' })], dead: ['core'] }),
    [],
  ],
  [
    'one that was stopped, and stays so',
    facts({ beats: [silent('core', 31, { phase: 'stopped' })], dead: ['core'] }),
    ['service core -'],
  ],
  [
    'what the supervisor has reported',
    facts({ beats: [beat('core', { phase: 'starting' })], failed: new Map([['core', 'core has failed']]) }),
    ['service core -'],
  ],
  [
    'one that was given up when it had been ready is told at once, and left to its supervisor',
    facts({ beats: [silent('core', 40)], dead: ['core'], failed: new Map([['core', 'core has failed']]) }),
    ['service core -'],
  ],
  [
    'all silent at once is one finding, and nobody is restarted',
    facts({ beats: expected.map(({ name }) => silent(name, 31)) }),
    ['everything -'],
  ],
  [
    'as long as all have just missed a beat, none is judged alone',
    facts({
      beats: [silent('core', 31), ...['router', 'telegram', 'backup'].map((name) => silent(name, 27))],
    }),
    [],
  ],
  [
    'when all were silent until a moment ago, one beats again before the others',
    facts({ beats: [silent('core', 130), silent('router', 130)], silent_at: at(11) }),
    [],
  ],
  [
    'who is still silent then, hangs',
    facts({ beats: [silent('core', 130)], silent_at: at(12) }),
    ['service core core'],
  ],
  [
    'two that are silent while others beat are two',
    facts({ beats: [silent('core', 40), silent('router', 40)] }),
    ['service router router', 'service core core'],
  ],
  ['after a sleep nobody is judged', facts({ beats: [silent('core', 900)], watched_from_at: at(29) }), []],
  [
    'what happened while nobody watched does not count',
    facts({ beats: [silent('core', 900)], watched_from_at: at(31) }),
    ['service core core'],
  ],
  [
    'no step of work in time',
    facts({ beats: [beat('core', { progressed_at: at(901) })] }),
    ['progress core core'],
  ],
  ['a snapshot may take longer', facts({ beats: [beat('backup', { progressed_at: at(901) })] }), []],
  [
    'a problem is told when it has lasted',
    facts({ beats: [beat('router', { problem: 'x' })], problem_since: new Map([['router', at(46)]]) }),
    ['problem router -'],
  ],
  [
    'and not before',
    facts({ beats: [beat('router', { problem: 'x' })], problem_since: new Map([['router', at(45)]]) }),
    [],
  ],
  ['four fifths of its memory', facts({ beats: [beat('core', { rss_bytes: 0.8 * 512 * 2 ** 20 })] }), []],
  ['more of it', facts({ beats: [beat('core', { rss_bytes: 0.82 * 512 * 2 ** 20 })] }), ['memory core -']],
  [
    'all of it and more',
    facts({ beats: [beat('core', { rss_bytes: 1.1 * 512 * 2 ** 20 })] }),
    ['memory core core'],
  ],
  ['a queue that moves', facts({ queues: [{ name: 'message', since_at: at(300) }] }), []],
  ['a queue that does not', facts({ queues: [{ name: 'message', since_at: at(301) }] }), ['queue message -']],
  [
    'while all is halted, nothing has to move',
    facts({ halted: true, queues: [{ name: 'message', since_at: 0 }] }),
    [],
  ],
  [
    'an answer past its time',
    facts({ turns: [{ id: 't', conversation: 'c', changed_at: at(3000) }] }),
    ['turns past their time -'],
  ],
  [
    'a job past its time',
    facts({ slots: [{ job: 'hourly backup', due_at: at(3000), state: 'due' }] }),
    ['jobs past their time -'],
  ],
  ['a canary on its way', facts({ canary: canary('taken', 30) }), []],
  ['a canary that does not come back', facts({ canary: canary('taken', 31) }), ['canary -']],
  ['a canary that was turned away', facts({ canary: canary('dead', 1, 'no router') }), ['canary -']],
  ['a canary that came back', facts({ canary: canary('answered', 400) }), []],
  ['polls that come to an end', facts({ polled_at: at(240) }), []],
  ['polls that do not', facts({ polled_at: at(241) }), ['polling telegram']],
  [
    'a network that is away is no reason to restart the bridge',
    facts({ polled_at: at(4000), beats: [beat('telegram', { problem: 'Telegram: ENOTFOUND' })] }),
    [],
  ],
  ['room on the disk', facts({ disk_free_mb: 1024 }), []],
  ['none', facts({ disk_free_mb: 1023 }), ['disk -']],
  ['a write-ahead log that grows', facts({ wal_mb: 129 }), ['wal -']],
];

test('what is wrong is found, and what can be mended by a restart is said', async (t) => {
  for (const [title, given, found] of cases) {
    await t.test(title, () => {
      const { findings } = judge(given);
      assert.deepEqual(
        findings.map(({ cause, restart = '-' }) => `${cause} ${restart}`),
        found,
      );
    });
  }
});

test('a canary that dies with the core is no news of its own', () => {
  const { findings } = judge(facts({ beats: [silent('core', 40)], canary: canary('taken', 60) }));
  assert.deepEqual(
    findings.map(({ cause, follows }) => [cause, follows ?? false]),
    [
      ['service core', false],
      ['canary', true],
    ],
  );
});

test('while it cannot see, nothing counts as over', () => {
  assert.equal(judge(facts({ watched_from_at: at(1) })).blind, true);
  assert.equal(judge(facts({ beats: expected.map(({ name }) => silent(name, 31)) })).blind, true);
  assert.equal(judge(facts()).blind, false);
});
