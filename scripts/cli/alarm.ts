/** The alarms: what is wrong and what was told of it, what somebody looks after or does not want to hear of, and tests. */

import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { readSecret } from '#shared/runtime/credentials.ts';
import { homeOf } from '#shared/runtime/home.ts';
import type { Store } from '#shared/store/store.ts';
import * as acknowledgement from '#shared/tables/acknowledgement.ts';
import * as alert from '#shared/tables/alert.ts';
import * as alert_wish from '#shared/tables/alert_wish.ts';
import * as incident from '#shared/tables/incident.ts';
import * as member from '#shared/tables/member.ts';
import * as silence from '#shared/tables/silence.ts';
import * as telling from '#shared/tables/telling.ts';
import { isSilenced } from '#shared/telling/silence.ts';
import { spanOf } from '../../services/core/controls/task.ts';
import { harmless } from './explain.ts';
import { follow, openHouse } from './house.ts';
import { table } from './table.ts';

const MOST = 20;
const PATIENCE_ms = 10_000;
/** The bridge alone has a minute. */
const TEST_PATIENCE_ms = 120_000;

export function alarm(program: Command): void {
  const verb = program.command('alarm').description('What the owner is told when something is wrong.');
  verb
    .command('list', { isDefault: true })
    .description('Show what is wrong, and what was of late, with when it was told by which route.')
    .option('--json', 'print it for a program')
    .action(list);
  verb
    .command('ack')
    .description('Say that you look after an incident: you are not reminded of it, and hear of its end.')
    .argument('<id>', 'as in the list')
    .action((id: string) => ask({ kind: 'acknowledge', about: id }, 'acknowledged'));
  verb
    .command('silence')
    .description(
      'Hear nothing of a cause for a while. It is still written down, and told if it outlasts that.',
    )
    .argument('<cause>', 'as in the list; a * stands for anything: "breaker *"')
    .requiredOption('--for <time>', 'for how long: 90m, 2h, 3d', span)
    .option('--reason <words>', 'why')
    .action((about: string, { for: for_ms, reason }: { for: number; reason?: string }) =>
      ask(
        { kind: 'silence', about, until_at: systemClock.now() + for_ms, ...(reason && { reason }) },
        'silent',
      ),
    );
  verb.command('silences').description('Show what you hear nothing of, and for how long.').action(silences);
  verb
    .command('unsilence')
    .description('End a silence; what is still wrong is told.')
    .argument('<id>', 'as `alarm silences` shows it')
    .action((id: string) => ask({ kind: 'unsilence', about: id }, 'ended'));
  verb.command('rules').description('Show what is told of, and from which bound on.').action(rules);
  verb
    .command('test')
    .description('Send a test alarm by every route, past the services, and say what arrived where.')
    .option('--through', 'through the services, the way of every alarm')
    .action(({ through }: { through?: boolean }) => (through ? testThrough() : test()));
}

function span(value: string): number {
  const ms = spanOf(value);
  if (ms === null || ms === 0) throw new InvalidArgumentError('expected a time such as 90m, 2h or 3d');
  return ms;
}

type Row = {
  id: number | null;
  state: string;
  since_at: number;
  until_at: number | null;
  severity: string;
  told: string;
  text: string;
  cause: string;
};

async function list(options: { json?: boolean }): Promise<void> {
  const { store } = await openHouse();
  try {
    const now = systemClock.now();
    const incidents = await store.read(incident.latest(MOST));
    const ids = incidents.map(({ id }) => id);
    const [tellings, seen, silenced, alerts] = await Promise.all([
      store.read(telling.ofIncidents(ids)),
      store.read(acknowledgement.ofIncidents(ids)),
      store.read(silence.inForce(now)),
      store.read(alert.open),
    ]);
    const pending = alerts.filter(({ state }) => state === 'pending');
    const rows = incidents.map((one) => ({
      ...one,
      acknowledged_at: seen.find(({ incident_id }) => incident_id === one.id)?.at ?? null,
      silenced: one.closed_at === null && isSilenced(one.cause, silenced, now),
      told: tellings
        .filter(({ incident_id }) => incident_id === one.id)
        .map(({ phase, posted_at, told_at, routes_json, error }) => ({
          phase,
          posted_at,
          told_at,
          routes: JSON.parse(routes_json) as telling.Routes,
          error,
        })),
    }));
    if (options.json) {
      process.stdout.write(`${JSON.stringify([...pending, ...rows])}\n`);
      return;
    }
    const lines: Row[] = [
      ...pending.map(({ since_at, severity, text, cause }) => ({
        ...{ id: null, state: 'pending', since_at, until_at: null, severity, told: '', text, cause },
      })),
      ...rows.map((one) => ({
        ...{ id: one.id, since_at: one.opened_at, until_at: one.closed_at, cause: one.cause },
        state: stateOf(one, alerts),
        severity: one.severity,
        told:
          one.told.map(({ phase, told_at, routes }) => `${phase}: ${routesOf(told_at, routes)}`).join('; ') ||
          'not yet',
        text: one.text,
      })),
    ];
    process.stdout.write(lines.length > 0 ? drawn(lines) : 'Nothing is wrong, and nothing was.\n');
  } finally {
    await store.close();
  }
}

function stateOf(
  one: incident.Incident & { acknowledged_at: number | null; silenced: boolean },
  alerts: readonly alert.Alert[],
): string {
  if (one.closed_at !== null) return 'over';
  const firing = alerts.some(({ cause, state }) => cause === one.cause && state === 'firing');
  return [
    firing ? 'firing' : 'open',
    ...(one.acknowledged_at === null ? [] : ['looked after']),
    ...(one.silenced ? ['silent'] : []),
  ].join(', ');
}

function drawn(rows: readonly Row[]): string {
  const cells = rows.map(({ id, since_at, until_at, state, severity, told, cause, text }) => [
    String(id ?? ''),
    time(since_at),
    until_at === null ? state : time(until_at),
    severity,
    told,
    harmless(cause),
    harmless(text.replace(/\s+/g, ' ')),
  ]);
  return table(['>id', 'since', 'until', 'severity', 'told', 'cause', 'what'], cells);
}

async function silences(): Promise<void> {
  const { store } = await openHouse();
  try {
    const all = await store.read(silence.inForce(systemClock.now()));
    const cells = all.map(({ id, cause, until_at, given_by, reason }) =>
      [String(id), cause, time(until_at), given_by, reason ?? ''].map(harmless),
    );
    const columns = ['>id', 'cause', 'until', 'by', 'why'];
    process.stdout.write(cells.length > 0 ? table(columns, cells) : 'Nothing is silenced.\n');
  } finally {
    await store.close();
  }
}

async function rules(): Promise<void> {
  const [{ readSection }, { rulesOf }, { limitsOf }, { rowOf }, { config }] = await Promise.all([
    import('#shared/runtime/config.ts'),
    import('../../services/alerts/rules.ts'),
    import('../../services/alerts/limits.ts'),
    import('../../services/alerts/words.ts'),
    import('../../services/alerts/config.ts'),
  ]);
  const file = homeOf().config;
  // What is never there to be found needs somebody outside who looks.
  const all = rulesOf(limitsOf(file, readSection(file, 'alerts', config))).filter(
    ({ measure }) => measure.kind !== 'absent',
  );
  process.stdout.write(table(['rule', 'when', 'for', 'severity'], all.map(rowOf)));
}

type Asked = Pick<alert_wish.Wish, 'kind' | 'about'> & { reason?: string; until_at?: number };

/** @param done how the outcome begins where it is what was asked for */
async function ask(asked: Asked, done: string): Promise<void> {
  const { store } = await openHouse();
  try {
    const outcome = await outcomeOf(store, asked, PATIENCE_ms);
    process.stdout.write(`${outcome ?? 'asked for; alerts does it when it runs'}\n`);
    if (outcome?.startsWith(done) === false) process.exitCode = 1;
  } finally {
    await store.close();
  }
}

async function outcomeOf(store: Store, asked: Asked, patience_ms: number): Promise<string | null> {
  const given = { given_by: userInfo().username, now: systemClock.now() };
  const [[wished]] = await store.commit([alert_wish.post({ ...asked, ...given })]);
  const until = performance.now() + patience_ms;
  let outcome: string | null = null;
  await follow(store, async () => {
    const [found] = await store.read(alert_wish.named(wished?.id ?? 0));
    outcome = found?.outcome ?? null;
    return outcome !== null || performance.now() > until;
  });
  return outcome;
}

async function testThrough(): Promise<void> {
  const { store } = await openHouse();
  try {
    const outcome = await outcomeOf(store, { kind: 'test', about: '' }, TEST_PATIENCE_ms);
    process.stdout.write(`${outcome ?? 'nobody took it up: alerts is not running'}\n`);
    const arrived = outcome?.split('\n').every((line) => line.endsWith(': arrived'));
    if (!arrived) process.exitCode = 1;
  } finally {
    await store.close();
  }
}

function time(at: number): string {
  return new Date(at).toLocaleString('sv').slice(0, 16);
}

function routesOf(told_at: number | null, routes: telling.Routes): string {
  const names = Object.keys(routes).join(', ');
  return told_at === null ? `${names || 'nowhere'} so far` : `${time(told_at).slice(11)} ${names}`;
}

async function test(): Promise<void> {
  const home = homeOf();
  const secret = readSecret(home, 'watchdog');
  if (secret === null) {
    throw new Misconfigured(
      'alarm: there is no credentials/watchdog.env, so the watchdog has no way of its own',
      'put TELEGRAM_BOT_TOKEN and, for a second route, ALARM_NTFY_URL or ALARM_WEBHOOK_URL there (docs/watchdog.md)',
    );
  }
  const { namedOwners } = await import('#shared/runtime/owners.ts');
  const { hasSecondRoute, sendDirect, sendSecond } = await import('../../services/watchdog/send.ts');
  const owners = new Set([...namedOwners(home.config), ...(await pairedOwners())]);
  const word = {
    text: 'This is a test of the alarm: all is well.',
    cause: 'test',
    severity: 'info' as const,
    at: systemClock.now(),
  };
  const past = <T>(_target: string, _action: string, work: () => Promise<T>) => work();
  const direct = await sendDirect(past, secret, [...owners], word);
  const second = await sendSecond(past, secret, word);
  for (const route of Object.keys({ ...direct.routes, ...second.routes })) {
    const whom = route === 'direct' ? `Telegram, to ${[...owners].join(', ')}` : route;
    process.stdout.write(`arrived: ${whom}\n`);
  }
  const errors = [...direct.errors, ...second.errors];
  if (!hasSecondRoute(secret)) {
    errors.push('second route: none; set ALARM_NTFY_URL or ALARM_WEBHOOK_URL in credentials/watchdog.env');
  }
  for (const error of errors) process.stdout.write(`not arrived: ${error}\n`);
  if (errors.length > 0) process.exitCode = 1;
}

/** The store may be what is broken. */
async function pairedOwners(): Promise<number[]> {
  try {
    const { store } = await openHouse();
    try {
      return (await store.read(member.current)).map(({ user_id }) => user_id);
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof Misconfigured)) throw error;
    return [];
  }
}
