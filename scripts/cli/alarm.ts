/** The alarms: whether they would arrive, and what was told when. */

import type { Command } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { readSecret } from '#shared/runtime/credentials.ts';
import { homeOf } from '#shared/runtime/home.ts';
import * as incident from '#shared/tables/incident.ts';
import * as member from '#shared/tables/member.ts';
import * as telling from '#shared/tables/telling.ts';
import { harmless } from './explain.ts';
import { openHouse } from './house.ts';
import { table } from './table.ts';

const MOST = 20;

export function alarm(program: Command): void {
  const verb = program.command('alarm').description('What the owner is told when something is wrong.');
  verb
    .command('list', { isDefault: true })
    .description('Show what is wrong, and what was of late, with when it was told by which route.')
    .option('--json', 'print it for a program')
    .action(list);
  verb
    .command('test')
    .description('Send a test alarm by every route, past the services, and say what arrived where.')
    .action(test);
}

async function list(options: { json?: boolean }): Promise<void> {
  const { store } = await openHouse();
  try {
    const incidents = await store.read(incident.latest(MOST));
    const tellings = await store.read(telling.ofIncidents(incidents.map(({ id }) => id)));
    const rows = incidents.map((one) => ({
      ...one,
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
    if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
    else if (rows.length === 0) process.stdout.write('Nothing is wrong, and nothing was.\n');
    else {
      const cells = rows.map(({ opened_at, closed_at, severity, text, told }) => [
        time(opened_at),
        closed_at === null ? 'open' : time(closed_at),
        severity,
        told.map(({ phase, told_at, routes }) => `${phase}: ${routesOf(told_at, routes)}`).join('; ') ||
          'not yet',
        harmless(text.replace(/\s+/g, ' ')),
      ]);
      process.stdout.write(table(['since', 'until', 'severity', 'told', 'what'], cells));
    }
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
