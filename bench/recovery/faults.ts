/** What befalls an installed Vigil, and how it came out of it. Figures only: whoever asks judges them. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceName } from '#shared/manifest.ts';
import { OWNER } from '#shared/testing/house.ts';
import { type Installed, monotonic_ms } from '#shared/testing/installed.ts';
import { until } from '#shared/testing/scratch.ts';

export type Recovery = {
  service: ServiceName;
  /** From the blow until it was ready again. */
  after_ms: number;
  /** Who else was restarted meanwhile. */
  others: ServiceName[];
};

/** Strikes these services at once, and waits until each is ready in a new process. */
export async function strike(
  vigil: Installed,
  which: readonly ServiceName[],
  blow: (name: ServiceName) => Promise<void>,
  within_ms: number,
): Promise<Recovery[]> {
  const before = await vigil.standings();
  const struck_ms = new Map<ServiceName, number>();
  for (const name of which) {
    struck_ms.set(name, monotonic_ms());
    await blow(name);
  }
  const after = await vigil.renewed(before, which, within_ms);
  const others = (await vigil.changed(before)).filter((name) => !which.includes(name));
  return which.map((service) => ({
    service,
    after_ms: (after.get(service)?.ready_at_ms ?? Number.NaN) - (struck_ms.get(service) ?? 0),
    others,
  }));
}

/** Has it crash whenever it is up, until systemd gives it up. Gives how many crashes that took. */
export async function crashUntilGivenUp(vigil: Installed, name: ServiceName): Promise<number> {
  const crashed = new Set<number>();
  for (;;) {
    const found = await until(`${name} is up again, or given up`, async () => {
      const found = (await vigil.standings()).get(name);
      if (found?.state === 'failed' || (found?.state === 'active' && !crashed.has(found.pid))) return found;
      await sleep(100);
      return null;
    });
    if (found.state === 'failed') return crashed.size;
    await vigil.signal(name, 'KILL');
    crashed.add(found.pid);
  }
}

export type Cut = {
  /** From the start of systemd until the last service was ready. */
  ready_ms: number;
  said: number;
  /** Messages without an answer, further answers to one, and how many sends Vigil itself knew to be in doubt. */
  lost: string[];
  doubled: string[];
  in_doubt: number;
};

/** Cuts the power while messages come and answers are made and sent. */
export async function cutPower(vigil: Installed, count: number): Promise<Cut> {
  const { bot, model, box } = vigil;
  const after = (await bot.sent()).at(-1)?.seq ?? 0;
  const answers = async () =>
    (await bot.sent({ after, chat_id: OWNER })).filter(({ text }) => text.includes('cut-'));
  const messages = Array.from({ length: count }, (_, nth) => `cut-${nth + 1}.`);
  model.latency({ first_ms: 200 });
  const talking = (async () => {
    for (const text of messages) {
      await bot.say({ chat_id: OWNER, text });
      await sleep(100);
    }
  })();
  await until('some are answered, and others are not', async () => (await answers()).length >= 2);
  await box.crash();
  await talking;
  const ready_ms = await sinceBoot(vigil);
  const timesOf = async (message: string) =>
    (await answers()).filter(({ text }) => text.includes(message)).length;
  const unanswered = async () => {
    const times = await Promise.all(messages.map(timesOf));
    return messages.filter((_, nth) => times[nth] === 0);
  };
  await until('all are answered', async () => (await unanswered()).length === 0).catch(() => {});
  model.latency({});
  // What comes after the last: a doubled one would be sent before it.
  await vigil.ask('after the cut');
  const times = await Promise.all(messages.map(timesOf));
  return {
    ready_ms,
    said: count,
    lost: messages.filter((_, nth) => times[nth] === 0),
    doubled: messages.filter((_, nth) => (times[nth] ?? 0) > 1),
    in_doubt: Number(
      await box.must(
        `cd /opt/vigil/current && bin/node -p "new (require('better-sqlite3'))('/var/lib/vigil/vigil.db', { readonly: true }).prepare('SELECT sum(uncertain) FROM outbound').pluck().get()"`,
      ),
    ),
  };
}

/** From the start of systemd until the last service is ready. */
export async function sinceBoot(vigil: Installed): Promise<number> {
  const ready = await vigil.ready();
  const booted_us = await vigil.box.must('systemctl show --property=UserspaceTimestampMonotonic --value');
  return Math.max(...[...ready.values()].map(({ ready_at_ms }) => ready_at_ms)) - Number(booted_us) / 1000;
}

/** Nothing of the world answers, for so long. */
export async function offline(vigil: Installed, for_ms: number): Promise<void> {
  const world = [vigil.bot, vigil.model];
  for (const server of world) await server.network('down');
  await sleep(for_ms);
  for (const server of world) await server.network('up');
}

/** The disk takes not a byte more, for so long. */
export async function fullDisk(vigil: Installed, for_ms: number): Promise<void> {
  const fill = `fallocate -l "$(df --output=avail -B1 /var/lib/vigil | tail -n 1)" /var/lib/filler; cat /dev/zero >>/var/lib/filler`;
  await vigil.box.exec(fill);
  await sleep(for_ms);
  await vigil.box.must('rm /var/lib/filler');
}

export type Memory = { service: ServiceName; cgroup_mib: number; pss_mib: number; limit_mib: number };

export async function memory(vigil: Installed): Promise<Memory[]> {
  const rows: Memory[] = [];
  for (const [service, { pid }] of await vigil.standings()) {
    const [cgroup, limit, pss_kib] = (
      await vigil.box.must(
        `systemctl show --property=MemoryCurrent --value vigil-${service}; systemctl show --property=MemoryMax --value vigil-${service}; awk '/^Pss:/ { print $2 }' /proc/${pid}/smaps_rollup`,
      )
    )
      .split('\n')
      .map(Number);
    const mib = (bytes = Number.NaN) => bytes / 1024 / 1024;
    rows.push({
      service,
      cgroup_mib: mib(cgroup),
      limit_mib: mib(limit),
      pss_mib: mib((pss_kib ?? 0) * 1024),
    });
  }
  return rows;
}
