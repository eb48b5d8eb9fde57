/**
 * A night of a whole house: real processes whose wall clock is set from station to station (libfaketime), with the quiet
 * hours, jobs, an alarm that can wait and one that cannot, backups, the hour that Berlin's clocks repeat or leave out,
 * and a machine that sleeps from one to six.
 *
 *   node bench/night.ts [--step 15]
 *
 * Prints hour by hour what happened, of the night in October and of the one in March, and what of it was wrong.
 */

import { parseArgs } from 'node:util';
import { sleep } from '#shared/base/clock.ts';
import { services } from '#shared/manifest.ts';
import { turnsOf } from '#shared/messages/request-rules.ts';
import { openStore } from '#shared/store/store.ts';
import * as incident from '#shared/tables/incident.ts';
import * as schedule from '#shared/tables/schedule.ts';
import type { Slot } from '#shared/tables/slot.ts';
import { buildHouse, OWNER } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { clockOf } from '#shared/testing/wall-clock.ts';
import { table } from './table.ts';

const ZONE = 'Europe/Berlin';
const MINUTE_ms = 60_000;
const HOUR_ms = 60 * MINUTE_ms;

/** Local midnight of the night, and how many hours later the clocks show 06:00. */
const SEASONS = {
  autumn: { midnight: Date.parse('2026-10-24T22:00Z'), six_h: 7 },
  spring: { midnight: Date.parse('2027-03-27T23:00Z'), six_h: 5 },
} as const;
export type Season = keyof typeof SEASONS;

const wall = new Intl.DateTimeFormat('sv-SE', { timeZone: ZONE, timeStyle: 'short' });
const offset = new Intl.DateTimeFormat('en', { timeZone: ZONE, timeZoneName: 'shortOffset' });
const shown = (at: number) => wall.format(at);
/** `02 GMT+1`: of the two hours of that name each is one. */
const hourOf = (at: number) => `${shown(at).slice(0, 2)} ${offset.format(at).split(' ').at(-1)}`;

const JOBS = [
  { name: 'evening', spec: '0 22 * * *', prompt: 'Say: the evening word', missed: 'once' },
  { name: 'half past two', spec: '30 2 * * *', prompt: 'Say: the night word', missed: 'once' },
  { name: 'quarters', spec: 'every 15m', prompt: 'Be silent', missed: 'once' },
  { name: 'all of them', spec: '0 * * * *', prompt: 'Be silent', missed: 'all' },
  { name: 'none of them', spec: '0 * * * *', prompt: 'Be silent', missed: 'skip' },
] as const;

export type Night = {
  /** Each slot in the order of its time. */
  slots: Slot[];
  /** What the owner's chat was sent, and when it was by the house's clock. */
  heard: { at: number; text: string }[];
  incidents: incident.Incident[];
  canaries: { answered: number; others: number };
  backups: { job: string; made_at: number }[];
  midnight: number;
  six_at: number;
  rows: string[][];
};

/** @param step_min how far the clock is set ahead at a time while the machine is awake */
export async function night(season: Season, step_min: number): Promise<Night> {
  const { midnight, six_h } = SEASONS[season];
  const six_at = midnight + six_h * HOUR_ms;
  const begin = midnight - 2 * HOUR_ms - 2 * MINUTE_ms;
  const heard: Night['heard'] = [];
  const house = await buildHouse({
    config: `[owner]\ntime_zone = "${ZONE}"\nquiet = "22:00-07:30"\n[watchdog]\nlook_s = 1\ngrace_s = 8\ncanary_s = 300\n`,
    heard: ({ method, args }) => {
      if (method === 'sendMessage') heard.push({ at: clock.now(), text: String(args.text) });
    },
  });
  const clock = clockOf(house, begin);
  try {
    house.model.script((request) => {
      const blocks = turnsOf(request).at(-1)?.blocks ?? [];
      const text = blocks.map(({ block }) => (block.type === 'text' ? block.text : '')).join('\n');
      return /Say: (.*)/.exec(text)?.[1] ?? (text.includes('Be silent') ? 'NOTHING' : 'I am here');
    });
    await house.bot.jump(begin - Date.now());
    const suite = await house.start([], clock.env);
    const store = await house.store();
    const owner = { channel: 'telegram', chat: String(OWNER), conversation: `telegram:${OWNER}` } as const;
    await store.commit(
      JOBS.map(({ spec, ...job }) =>
        schedule.put({
          ...{ ...job, ...owner, state: 'active', given_by: 'me', at: clock.now() },
          spec: spec.startsWith('every')
            ? `${spec} from ${new Date(begin - 13 * MINUTE_ms).toISOString().slice(0, 19)}Z`
            : spec,
        }),
      ),
    );

    /** What has come is over, and nothing is held up. */
    const settled = async (at: number) => {
      const [open] = await house.read<{ n: number }>(
        `SELECT (SELECT count(*) FROM slot WHERE state IN ('due', 'started')) + (SELECT count(*) FROM inbound WHERE state IN ('pending', 'taken'))
           + (SELECT count(*) FROM slot_outcome) AS n`,
      );
      const [last] = await house.read<{ at: number }>(
        `SELECT max(due_at) AS at FROM slot WHERE job = 'quarters'`,
      );
      const [hourly] = await house.read<{ at: number }>(
        `SELECT max(due_at) AS at FROM slot WHERE job = 'hourly backup'`,
      );
      const seven = Math.floor((at - 7 * MINUTE_ms) / HOUR_ms) * HOUR_ms + 7 * MINUTE_ms;
      const quarter = Math.floor(at / (15 * MINUTE_ms)) * 15 * MINUTE_ms;
      return (
        open?.n === 0 &&
        (last?.at ?? 0) >= Math.min(quarter, at) &&
        (seven < begin || (hourly?.at ?? 0) >= seven)
      );
    };
    const go = async (at: number) => {
      await house.bot.jump(at - clock.now());
      clock.set(at);
      await until(`all that was due by ${shown(at)} is over`, () => settled(at));
    };
    /** The watchdog judges again, and its own message goes the whole way. */
    const green = (since: number) =>
      until(
        'a canary is answered',
        async () =>
          (
            await house.read(
              `SELECT 1 FROM inbound WHERE source = 'canary' AND state = 'answered' AND received_at >= ?`,
              since,
            )
          ).length > 0,
      );
    const ahead = async (to: number) => {
      for (let at = clock.now(); at < to - 1000; ) {
        const next = (Math.floor(at / (step_min * MINUTE_ms)) + 1) * step_min * MINUTE_ms + 1000;
        at = Math.min(next, to);
        await go(at);
      }
    };

    await ahead(midnight - 1 * HOUR_ms + 8 * MINUTE_ms);
    await green(clock.now() - MINUTE_ms);
    const said = heard.length;
    await house.bot.say({ chat_id: OWNER, text: 'are you awake?' });
    await until('the owner is answered by night', () => heard.length > said);
    const core = await openStore({ directory: house.home.state, principal: 'core' });
    const report = (severity: 'warning' | 'critical') =>
      core.commit([
        incident.open({
          cause: `a ${severity}`,
          service: 'core',
          severity,
          text: `This is ${severity}.`,
          now: clock.now(),
        }),
      ]);
    await report('warning');
    await report('critical');
    await until('what is critical passes', () => heard.some(({ text }) => text.includes('critical')));
    await ahead(midnight + HOUR_ms);

    // Asleep from one to six: nobody runs, and the monotonic clock stands.
    const pids = [
      suite.child.pid ?? 0,
      ...(await Promise.all(services.map(({ name }) => house.pidOf(name)))),
    ];
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    try {
      await house.bot.jump(six_at - clock.now());
      clock.set(six_at);
      await house.bot.say({ chat_id: OWNER, text: 'good morning' });
      await sleep(1000);
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    }
    const before = heard.length;
    await until('all that was due by night is over', () => settled(six_at));
    await until('the owner is answered in the morning', () => heard.length > before);
    await green(six_at);
    await ahead(six_at + 1.5 * HOUR_ms + 1000);
    await until('the night is told', () => heard.some(({ text }) => text.includes('could wait')));
    await core.commit([
      incident.close('a warning', 'core', clock.now()),
      incident.close('a critical', 'core', clock.now()),
    ]);
    await ahead(six_at + 2 * HOUR_ms + 8 * MINUTE_ms);
    await core.close();

    const slots = await house.read<Slot>('SELECT * FROM slot ORDER BY due_at, id');
    const incidents = await house.read<incident.Incident>('SELECT * FROM incident ORDER BY id');
    const canaries = await house.read<{ received_at: number; state: string }>(
      `SELECT received_at, state FROM inbound WHERE source = 'canary'`,
    );
    const backups = await house.read<{ job: string; made_at: number }>(
      'SELECT job, made_at FROM backup ORDER BY made_at',
    );
    const hours = new Map<string, number>();
    for (let at = begin; at <= clock.now(); at += MINUTE_ms)
      if (!hours.has(hourOf(at))) hours.set(hourOf(at), at);
    const rows = [...hours.keys()].map((hour) => {
      const here = (at: number | null) => at !== null && hourOf(at) === hour;
      const count = (state: string) =>
        String(slots.filter((one) => one.state === state && here(one.due_at)).length);
      return [
        hour,
        ...['done', 'skipped', 'failed'].map(count),
        String(slots.filter((one) => one.started_at !== null && here(one.started_at)).length),
        String(backups.filter(({ made_at }) => here(made_at)).length),
        String(canaries.filter(({ received_at }) => here(received_at)).length),
        String(incidents.filter(({ opened_at }) => here(opened_at)).length),
        String(heard.filter(({ at }) => here(at)).length),
      ];
    });
    const answered = canaries.filter(({ state }) => state === 'answered').length;
    return {
      ...{ slots, heard, incidents, backups, midnight, six_at, rows },
      canaries: { answered, others: canaries.length - answered },
    };
  } finally {
    await house.close();
  }
}

const HEAD = ['hour', 'done', 'skipped', 'failed', 'began', 'backups', 'canaries', 'incidents', 'messages'];

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { step: { type: 'string', default: '15' } } });
  for (const season of ['autumn', 'spring'] as const) {
    const { rows, heard, incidents, canaries } = await night(season, Number(values.step));
    console.log(`\n${season}\n${table(HEAD, rows)}`);
    console.log(canaries);
    for (const { at, text } of heard) console.log(`${shown(at)}  ${text.replaceAll('\n', '\n       ')}`);
    for (const one of incidents) console.log(shown(one.opened_at), one.severity, one.cause, one.text);
  }
}

if (import.meta.main) await main();
