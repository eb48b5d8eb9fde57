/**
 * Vigil as its owner has it: installed by its own command on a machine with a systemd, which runs it from then on.
 * Telegram and the model are outside of that machine, so that a power cut of it does not touch them; they are reached
 * by a socket of this machine that the box sees.
 */

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { root } from '../base/root.ts';
import { isRemembered } from '../base/untrusted.ts';
import { type ServiceName, services } from '../manifest.ts';
import type { MessagesRequest } from '../messages/request-fields.ts';
import { turnsOf } from '../messages/request-rules.ts';
import type { Sent } from './bot-api/world.ts';
import { type RunningBotApi, startBotApi } from './bot-api.ts';
import { type Box, boxFor } from './box.ts';
import { KEY, OWNER, RAISED, TOKEN } from './house.ts';
import { type MessagesApi, startMessagesApi } from './messages-api.ts';
import { PATIENCE_ms, until } from './scratch.ts';

export const names: readonly ServiceName[] = services.map(({ name }) => name);

/** What systemd says of a service. */
export type Standing = {
  state: string;
  result: string;
  pid: number;
  /** How often systemd has restarted it by itself. */
  restarts: number;
  /** Since when it is ready, on the clock of `monotonic_ms`. */
  ready_at_ms: number;
};
export type Standings = ReadonlyMap<ServiceName, Standing>;

export type Installed = {
  box: Box;
  bot: RunningBotApi;
  model: MessagesApi;
  standings(): Promise<Standings>;
  /** Waits until all these are active, and gives how they stand. */
  ready(which?: readonly ServiceName[], within_ms?: number): Promise<Standings>;
  /** Waits until another process of each is ready; gives when each was. */
  renewed(before: Standings, which: readonly ServiceName[], within_ms: number): Promise<Standings>;
  /** Who is another process than before. */
  changed(before: Standings): Promise<ServiceName[]>;
  signal(name: ServiceName, signal: string): Promise<void>;
  /** From now on it turns in a loop without end, or takes memory without end. */
  ail(name: ServiceName, ailment: 'loop' | 'hog'): Promise<void>;
  /** The wall clock of every service goes on so much ahead of the machine's. */
  setClock(ahead_s: number): Promise<void>;
  /** Processes of Vigil's users. */
  processes(): Promise<number>;
  /** What the owner was told and had not asked for. */
  told(after?: number): Promise<Sent[]>;
  /** Says something and waits for its answer. */
  ask(text: string, within_ms?: number): Promise<void>;
};

const libfaketime = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
].find((path) => existsSync(path));
/** Why the clock cannot be set here, or false when it can. */
export const noClock = libfaketime ? false : 'needs libfaketime: apt-get install faketime';

/** CLOCK_MONOTONIC, by which systemd tells when a service became ready: the box has the same. */
export const monotonic_ms = (): number => Number(process.hrtime.bigint()) / 1e6;

const ANSWER = 'answer to: ';

/**
 * @param options.config lines of config.toml
 * @param options.changes lines of `[Service]` that go into a drop-in of every service
 */
export async function installVigil(
  of: { after(handler: () => Promise<void> | void): void },
  options: { config?: string; changes?: readonly string[] } = {},
): Promise<Installed> {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-installed-'));
  of.after(() => rmSync(folder, { recursive: true, force: true }));
  const outside = join(folder, 'outside');
  mkdirSync(outside);
  const program = join(root, 'scripts', 'release');
  const release = (await promisify(execFile)(program, [folder])).stdout.trim();

  const bot = await startBotApi({ token: TOKEN });
  of.after(() => bot.close());
  const model = await startMessagesApi({ key: KEY });
  of.after(() => model.close());
  model.script((request) => `${ANSWER}${spoken(request)}`);
  of.after(await reachable(bot.root, join(outside, 'telegram')));
  of.after(await reachable(model.root, join(outside, 'model')));

  const write = (file: string, text: string) => {
    // Renamed into place: who reads meanwhile reads the old or the new.
    writeFileSync(join(outside, `${file}.new`), text);
    renameSync(join(outside, `${file}.new`), join(outside, file));
  };
  write('clock', '+0\n');
  const box = await boxFor(of, {
    binds: {
      [release]: '/mnt/release',
      [outside]: '/mnt/outside',
      [join(root, 'shared', 'testing', 'ailment.ts')]: '/opt/ailment.ts',
    },
  });
  const clock = [
    `LD_PRELOAD=${libfaketime}`,
    'FAKETIME_TIMESTAMP_FILE=/mnt/outside/clock FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1',
  ];
  const dropIn = [
    '[Service]',
    `Environment=NODE_OPTIONS=--import=/opt/ailment.ts AILMENT=/mnt/outside/ailment ${libfaketime ? clock.join(' ') : ''}`,
    ...(options.changes ?? []),
  ].join('\n');
  const port = { telegram: 9001, model: 9002 };
  const wires = Object.entries(port).map(
    ([name, port]) => `
cat >outside-${name}.socket <<'END'
[Socket]
ListenStream=127.0.0.1:${port}
[Install]
WantedBy=sockets.target
END
cat >outside-${name}.service <<'END'
[Service]
ExecStart=/lib/systemd/systemd-socket-proxyd /mnt/outside/${name}
END
systemctl enable --quiet --now outside-${name}.socket`,
  );
  const { config: given = '' } = options;
  const told = given.includes('[owner]') ? given : `${given}\n[owner]\nquiet = ""\n`;
  const config = `${told}\n${RAISED}[telegram]\nowners = [${OWNER}]\n`;
  await box.must(`set -e; cd /etc/systemd/system
for name in ${names.join(' ')}; do mkdir vigil-$name.service.d; cat >vigil-$name.service.d/test.conf <<'END'
${dropIn}
END
done
${wires.join('\n')}
mkdir -p /etc/vigil; cat >/etc/vigil/config.toml <<'END'
${config}
END
mkdir -m 700 /root/secrets; cd /root/secrets; umask 077
printf 'TELEGRAM_BOT_TOKEN=${TOKEN}\\nTELEGRAM_API_ROOT=http://127.0.0.1:${port.telegram}\\n' | tee watchdog.env >telegram.env
printf 'ANTHROPIC_API_KEY=${KEY}\\nANTHROPIC_BASE_URL=http://127.0.0.1:${port.model}\\n' >anthropic.env
/mnt/release/bin/vigil install --credentials /root/secrets --yes`);

  const units = names.map((name) => `vigil-${name}.service`).join(' ');
  const SHOWN = 'ActiveState,Result,MainPID,NRestarts,ActiveEnterTimestampMonotonic';
  const installed: Installed = {
    box,
    bot,
    model,
    async standings() {
      const said = await box.must(`systemctl show --property=${SHOWN} ${units}`);
      return new Map(said.split('\n\n').map((text, index) => [names[index] ?? 'core', standingOf(text)]));
    },
    ready: (which = names, within_ms = PATIENCE_ms) =>
      waitFor(`ready: ${which}`, which, within_ms, ({ state }) => state === 'active'),
    renewed: (before, which, within_ms) =>
      waitFor(
        `renewed: ${which}`,
        which,
        within_ms,
        ({ state, pid }, name) => state === 'active' && pid !== before.get(name)?.pid,
      ),
    async changed(before) {
      const now = await installed.standings();
      return names.filter((name) => now.get(name)?.pid !== before.get(name)?.pid);
    },
    signal: async (name, signal) =>
      void (await box.must(`systemctl kill --kill-whom=main --signal=${signal} vigil-${name}`)),
    async ail(name, ailment) {
      write('ailment', ailment);
      await installed.signal(name, 'SIGUSR2');
    },
    setClock: async (ahead_s) => write('clock', `+${ahead_s}\n`),
    processes: async () => Number(await box.must(`ps -eo user:32= | grep -c '^vigil-' || true`)),
    async told(after = 0) {
      return (await bot.sent({ after, chat_id: OWNER })).filter(
        ({ method, text }) => method === 'sendMessage' && !text.startsWith(ANSWER),
      );
    },
    async ask(text, within_ms = PATIENCE_ms) {
      await bot.say({ chat_id: OWNER, text });
      await bot.waitSent((sent) => sent.text.startsWith(ANSWER) && sent.text.includes(text), within_ms);
    },
  };

  async function waitFor(
    what: string,
    which: readonly ServiceName[],
    within_ms: number,
    fact: (standing: Standing, name: ServiceName) => boolean,
  ): Promise<Standings> {
    let last: Standings = new Map();
    const found = async () => {
      last = await installed.standings();
      const all = which.every((name) => {
        const standing = last.get(name);
        return standing && fact(standing, name);
      });
      // Asking costs a core some of what those need that are waited for.
      if (!all) await sleep(250);
      return all;
    };
    await until(what, found, within_ms).catch(async (error) => {
      const journal = await box.must('journalctl -n 40 --no-pager -o short-precise');
      throw new Error(`${error.message}\n${JSON.stringify([...last])}\n${journal}`);
    });
    return last;
  }

  await installed.ready();
  return installed;
}

function standingOf(text: string): Standing {
  const fact = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? '';
  return {
    state: fact('ActiveState'),
    result: fact('Result'),
    pid: Number(fact('MainPID')),
    restarts: Number(fact('NRestarts')),
    ready_at_ms: Number(fact('ActiveEnterTimestampMonotonic')) / 1000,
  };
}

/** What was said last, without the time that stands above it. */
function spoken(request: MessagesRequest): string {
  const blocks = turnsOf(request).at(-1)?.blocks ?? [];
  const texts = blocks.flatMap(({ block }) => (block.type === 'text' ? [block.text] : []));
  return texts.filter((text) => !text.startsWith('[') && !isRemembered(text)).join('\n\n');
}

/** Makes a server reachable by a socket in a folder, as long as it listens. Gives how to end that. */
async function reachable(address: string, path: string): Promise<() => Promise<void>> {
  const { hostname, port } = new URL(address);
  const open = new Set<() => void>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const end = () => {
      near.destroy();
      far.destroy();
      open.delete(end);
    };
    open.add(end);
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return async () => {
    for (const end of open) end();
    await new Promise((resolve) => server.close(resolve));
  };
}
