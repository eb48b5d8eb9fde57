/**
 * Every service of the house on one screen; data only. Unit files, property lists, the README's table, the
 * supervisor of `scripts/start` and the list that `vigil status` prints are all made from it.
 */

export type ServiceName =
  | 'alerts'
  | 'backup'
  | 'console'
  | 'core'
  | 'cron'
  | 'memory'
  | 'metrics'
  | 'router'
  | 'telegram'
  | 'tools'
  | 'upstream'
  | 'watchdog';

export type Service = {
  name: ServiceName;
  /** One sentence: what it does. */
  about: string;
  /** What its absence means to its owner. */
  without: string;
  /** `none`: Unix sockets only. `loopback`: listens on 127.0.0.1. `outbound`: opens connections to the internet. */
  network: readonly ('loopback' | 'outbound')[];
  /** Files below `credentials/`, without `.env`, that this service alone may read; `mcp/*` is each in that folder. */
  secrets: readonly string[];
  /** The secret without which the service has nothing to do: the foreground suite leaves it out then. */
  needs?: string;
  /** The most memory the service may take before the system kills it. */
  memory_mb: number;
  /** No sign of life for this long means that it hangs. */
  quiet_s: number;
  /** How long a drain may take between SIGTERM and SIGKILL. */
  stop_s: number;
  /** launchd's word for how much throttling it bears: a person waits for `interactive` ones. */
  pace: 'interactive' | 'standard';
  /** It starts programs of the machine, in a sandbox that it makes itself. */
  exec?: true;
  /** It also runs while the store cannot be opened: it is there to tell of that. */
  storeless?: true;
  /** Programs of the machine that it starts as they are, where they are installed. */
  programs?: readonly string[];
  /** It shows what all have logged. */
  readsLogs?: true;
  /** It may run as several processes, its workers, on one store (VIGIL_WORKER=1, 2 …). */
  workers?: true;
};

export const services: readonly Service[] = [
  {
    name: 'router',
    about:
      'the model routing proxy: every call routed, capped and accounted, Anthropic Messages API in and out',
    without: 'no model can be asked, and messages wait',
    network: ['loopback', 'outbound'],
    secrets: ['anthropic', 'providers'],
    memory_mb: 512,
    quiet_s: 30,
    stop_s: 20,
    pace: 'interactive',
    workers: true,
  },
  {
    name: 'core',
    about: 'the core daemon: takes inbound messages, runs the agent turn, writes replies',
    without: 'messages wait',
    network: [],
    secrets: [],
    memory_mb: 512,
    quiet_s: 30,
    stop_s: 20,
    pace: 'interactive',
  },
  {
    name: 'tools',
    about: "runs the agent's tool calls, each as far as it is allowed to, programs in a sandbox",
    without: 'no tool can be used',
    network: ['outbound'],
    secrets: ['search', 'mcp/*'],
    memory_mb: 512,
    quiet_s: 30,
    stop_s: 20,
    pace: 'interactive',
    exec: true,
  },
  {
    name: 'telegram',
    about: 'the Telegram bridge: updates in, messages out',
    without: 'what is written here waits',
    network: ['outbound'],
    secrets: ['telegram', 'transcribe'],
    needs: 'telegram',
    memory_mb: 384,
    quiet_s: 30,
    stop_s: 20,
    pace: 'interactive',
  },
  {
    name: 'cron',
    about: 'turns due schedules into work; every due slot is a row',
    without: 'no job begins',
    network: [],
    secrets: [],
    memory_mb: 256,
    quiet_s: 30,
    stop_s: 10,
    pace: 'interactive',
  },
  {
    name: 'watchdog',
    about: 'sees that everything beats and moves, has it restarted, and tells the owner by itself',
    without: 'nobody looks whether the others work',
    network: ['outbound'],
    secrets: ['watchdog'],
    memory_mb: 256,
    quiet_s: 30,
    stop_s: 10,
    pace: 'interactive',
    storeless: true,
  },
  {
    name: 'memory',
    about: 'makes of what was said what is remembered, and forgets it for good when told to',
    without: 'nothing new is remembered, and nothing forgotten',
    network: [],
    secrets: [],
    memory_mb: 384,
    quiet_s: 30,
    stop_s: 20,
    pace: 'interactive',
  },
  {
    name: 'upstream',
    about:
      'watches what the house depends on: providers, Telegram, the network, models, prices, releases, advisories',
    without: 'nobody notices what changes outside',
    network: ['outbound'],
    secrets: [],
    memory_mb: 256,
    quiet_s: 30,
    stop_s: 10,
    pace: 'standard',
  },
  {
    name: 'metrics',
    about:
      'counts what happens for Prometheus (`/metrics`), says how all is (`/health`), measures the answers',
    without: 'nothing is counted',
    network: ['loopback'],
    secrets: [],
    memory_mb: 256,
    quiet_s: 30,
    stop_s: 10,
    pace: 'standard',
  },
  {
    name: 'alerts',
    about:
      'holds all against the alert rules, and tells the owner what is wrong and what is over; pings outwards',
    without: 'the watchdog tells what is wrong by itself, later',
    network: ['outbound'],
    secrets: [],
    memory_mb: 256,
    quiet_s: 30,
    stop_s: 10,
    pace: 'interactive',
  },
  {
    name: 'console',
    about: 'the web console: how all is, what was done and why, the local chat, and the halt',
    without: 'there is no console in the browser',
    network: ['loopback'],
    secrets: [],
    memory_mb: 256,
    quiet_s: 30,
    stop_s: 10,
    pace: 'interactive',
    readsLogs: true,
  },
  {
    name: 'backup',
    about: 'verified snapshots and their copies elsewhere, retention, pruning',
    without: 'no backup is made',
    network: ['outbound'],
    secrets: ['backup'],
    programs: ['/usr/bin/restic', '/usr/local/bin/restic', '/usr/bin/rsync', '/usr/bin/ssh'],
    memory_mb: 512,
    quiet_s: 50,
    stop_s: 20,
    pace: 'standard',
  },
];

/** What the house does for itself at set times: `cron` makes the slots, the service named does the work. */
export type HouseJob = {
  name: string;
  service: ServiceName;
  /** Five cron fields, local time. */
  spec: string;
  /** What becomes of the times that were missed: one of them is made up for, or none. */
  missed: 'once' | 'skip';
};

export const houseJobs: readonly HouseJob[] = [
  { name: 'hourly backup', service: 'backup', spec: '7 * * * *', missed: 'once' },
  { name: 'daily backup', service: 'backup', spec: '40 3 * * *', missed: 'once' },
  { name: 'consolidate memory', service: 'memory', spec: '20 3 * * *', missed: 'once' },
  { name: 'prune', service: 'backup', spec: '20 4 * * *', missed: 'once' },
  { name: 'alarm test', service: 'alerts', spec: '0 11 * * 1', missed: 'skip' },
  { name: 'weekly report', service: 'metrics', spec: '0 8 * * 1', missed: 'once' },
];

/** Whether the manifest gives the service this secret. */
export function mayRead({ secrets }: Service, secret: string): boolean {
  return secrets.some((name) =>
    name.endsWith('*') ? secret.startsWith(name.slice(0, -1)) : secret === name,
  );
}

/** The manifest's entry for `name`; a name outside the manifest is a bug of the caller. */
export function serviceOf(name: ServiceName): Service {
  const found = services.find((service) => service.name === name);
  if (!found) throw new Error(`no service is called '${name}' in the manifest`);
  return found;
}
