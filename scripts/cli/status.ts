import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { services } from '#shared/manifest.ts';
import { haltedBecause } from '#shared/runtime/halt.ts';
import { type Home, homeOf, lockOf } from '#shared/runtime/home.ts';
import * as approval from '#shared/tables/approval.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as task from '#shared/tables/task.ts';
import * as turn from '#shared/tables/turn.ts';
import { harmless } from './explain.ts';
import { openHouse, reachable } from './house.ts';
import { excerpt } from './life.ts';
import { table as tableOf } from './table.ts';

type Row = {
  name: string;
  pid: number | null;
  phase: heartbeat.Phase | 'off' | 'dead';
  version: string | null;
  doing: string | null;
  since_at: number | null;
  beat_age_ms: number | null;
  rss_bytes: number | null;
  problem: string | null;
};

export function status(program: Command): void {
  program
    .command('status')
    .description('Show every service, and what waits.')
    .option('--json', 'print it for a program')
    .action(async (options: { json?: boolean }) => {
      const halted = haltedBecause(reachable(homeOf()).halted);
      // First, for a store that cannot be opened says nothing after it.
      if (halted !== null && !options.json) {
        process.stdout.write(`HALTED: ${halted}; what waits goes on with: scripts/vigil resume\n\n`);
      }
      const { isLocked } = await import('#shared/store/liveness.ts');
      const { home, store } = await openHouse();
      try {
        const beats = await store.read(heartbeat.all);
        const report = {
          halted,
          services: services.map(({ name, needs }) => {
            const beat = beats.find((row) => row.service === name && row.worker === 0);
            return rowOf(home, name, needs, beat, isLocked(lockOf(home, name)));
          }),
          inbound: { waiting: (await store.read(inbound.backlog))[0]?.count ?? 0 },
          outbound: Object.fromEntries(
            (await store.read(outbound.backlog)).map(({ state, count }) => [state, count]),
          ),
          approvals: (await store.read(approval.open)).length,
          held: await store.read(turn.held),
          tasks: Object.fromEntries(
            (await store.read(task.unfinished)).map(({ state, count }) => [state, count]),
          ),
        };
        process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : table(report));
        if (report.services.some(({ phase }) => phase === 'dead' || phase === 'misconfigured'))
          process.exitCode = 1;
      } finally {
        await store.close();
      }
    });
}

/** A service lives as long as it holds its lock, whatever its last heartbeat said. */
function rowOf(
  home: Home,
  name: string,
  needs: string | undefined,
  beat: heartbeat.Heartbeat | undefined,
  alive: boolean,
): Row {
  const off = needs !== undefined && !existsSync(join(home.credentials, `${needs}.env`));
  if (!beat || (!alive && off)) {
    return {
      name,
      pid: null,
      phase: off ? 'off' : 'stopped',
      version: null,
      doing: null,
      since_at: null,
      beat_age_ms: null,
      rss_bytes: null,
      problem: off ? `there is no credentials/${needs}.env` : null,
    };
  }
  const ended = beat.phase === 'stopped' || beat.phase === 'misconfigured';
  return {
    name,
    pid: alive ? beat.pid : null,
    phase: alive || ended ? beat.phase : 'dead',
    version: beat.version,
    doing: beat.doing,
    since_at: beat.since_at,
    beat_age_ms: Math.max(0, systemClock.now() - beat.beat_at),
    rss_bytes: alive ? beat.rss_bytes : null,
    problem: beat.problem,
  };
}

type Report = {
  services: Row[];
  inbound: { waiting: number };
  outbound: Record<string, number>;
  approvals: number;
  held: Pick<turn.Turn, 'id' | 'conversation' | 'error'>[];
  tasks: Record<string, number>;
};

function table({ services: rows, inbound, outbound, approvals, held, tasks }: Report): string {
  const lines = rows.map((row) => [
    row.name,
    row.phase,
    row.pid === null ? '–' : String(row.pid),
    row.rss_bytes === null ? '–' : `${Math.round(row.rss_bytes / 2 ** 20)} MB`,
    row.beat_age_ms === null ? '–' : `${Math.round(row.beat_age_ms / 1000)} s ago`,
    row.version ?? '–',
    row.problem ?? row.doing ?? '',
  ]);
  const columns = ['service', 'phase', 'pid', 'memory', 'beat', 'version', 'doing'];
  const counts = (of: Record<string, number>) =>
    Object.entries(of)
      .map(([state, count]) => `${count} ${state}`)
      .join(', ');
  const waits = [
    `waiting for an answer: ${inbound.waiting}; going out: ${counts(outbound) || 'nothing'}`,
    ...(approvals > 0 ? [`waiting for your yes: ${approvals}; scripts/vigil approve lists them`] : []),
    ...(counts(tasks) ? [`tasks: ${counts(tasks)}; scripts/vigil task list shows them`] : []),
    ...held.map(({ id, conversation, error }) =>
      harmless(`held in ${conversation}: ${excerpt(error ?? '')}; scripts/vigil retry ${id} tries again`),
    ),
  ];
  return `${tableOf(columns, lines)}\n${waits.join('\n')}\n`;
}
