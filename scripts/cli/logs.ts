/** The logs of all services as one, by time. */

import { styleText } from 'node:util';
import { type Command, InvalidArgumentError } from 'commander';
import { sleep } from '#shared/base/clock.ts';
import { codeOf, messageOf } from '#shared/base/errors.ts';
import type { Level } from '#shared/base/log.ts';
import { filterOf, LEVELS, openLogs } from '#shared/base/logs.ts';
import type { ServiceName } from '#shared/manifest.ts';
import { homeOf } from '#shared/runtime/home.ts';
import { NotPermitted, sudo } from '../host/permit.ts';
import { count } from './money.ts';
import { serviceNames } from './restart.ts';

type Options = {
  follow?: boolean;
  id?: string;
  since?: number;
  level: Level;
  lines?: number;
  json?: boolean;
};

const LOOK_ms = 200;

export function logs(program: Command): void {
  program
    .command('logs')
    .description('Show what the services have logged, all in one, by time.')
    .argument('[service...]', 'of whom', serviceNames, [])
    .option('-f, --follow', 'go on with what comes')
    .option('--id <id>', 'only what belongs to this turn, decision, call …')
    .option('--since <time>', 'from then on: 30s, 15m, 2h, 3d, or a date', moment)
    .option('--level <level>', 'this level and everything more serious', level, 'debug')
    .option('-n, --lines <n>', 'the last so many (default: 100; all with --since or --id)', count)
    .option('--json', 'print the lines as they are in the files')
    .addHelpText(
      'after',
      '\nExamples:\n  vigil logs -f\n  vigil logs telegram --since 1h --level warn\n  vigil logs --id 0199f3c2',
    )
    .action((names: ServiceName[], options: Options) => show(names, options).catch(refused));
}

async function show(names: ServiceName[], options: Options): Promise<void> {
  const wants = filterOf(options);
  const most = options.lines ?? (options.since === undefined && options.id === undefined ? 100 : Infinity);
  const print = (line: string) =>
    process.stdout.write(options.json ? `${line}\n` : `${human(JSON.parse(line))}\n`);
  const files = openLogs(homeOf().logs, names);
  const last: string[] = [];
  for (const { line, time } of files.backwards()) {
    if (last.length >= most || (options.since !== undefined && time < iso(options.since))) break;
    if (wants(line)) last.push(line);
  }
  for (const line of last.reverse()) print(line);
  if (last.length === 0 && !options.follow) {
    process.stderr.write(`nothing of that is in ${homeOf().logs}\n`);
  }
  while (options.follow) {
    for (const { line } of files.more()) if (wants(line)) print(line);
    await sleep(LOOK_ms);
  }
}

/** Of a machine's installation, each service's log is its own user's. */
function refused(error: unknown): never {
  if (codeOf(error) !== 'EACCES') throw error;
  throw new NotPermitted(`logs: ${messageOf(error)}`, sudo(), { cause: error });
}

const iso = (at: number) => new Date(at).toISOString();

/** `2026-08-01 14:03:22.120 warn  telegram  poll.failed attempt=3 error="…"`, in local time. */
export function human(values: Record<string, unknown>): string {
  const { level, time, agent, service, version, pid, event, msg, error, ...rest } = values;
  const at = new Date(String(time));
  const when = `${at.toLocaleString('sv-SE')}.${String(at.getMilliseconds()).padStart(3, '0')}`;
  const words = [String(event)];
  if (msg !== String(event).replace('.', ' ')) words.push(String(msg));
  for (const [key, value] of Object.entries(rest)) words.push(`${key}=${JSON.stringify(value)}`);
  if (error !== undefined) words.push(`error=${JSON.stringify(Object(error).message ?? error)}`);
  // Whoever wrote the text must not command the terminal.
  const text = words.join(' ').replace(/\p{Cc}/gu, ' ');
  const colour = { warn: 'yellow', error: 'red', fatal: 'red' }[String(level)] as 'red' | undefined;
  const word = String(level).padEnd(5);
  return `${styleText('dim', when)} ${colour ? styleText(colour, word) : word} ${String(service).padEnd(9)} ${text}`;
}

function level(value: string): Level {
  const found = LEVELS.find((name) => name === value);
  if (!found) throw new InvalidArgumentError(`expected one of ${LEVELS.join(', ')}`);
  return found;
}

const UNITS_ms: { [unit: string]: number } = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `2h` ago, or a date as JavaScript reads it. */
function moment(value: string): number {
  const [, amount, unit = ''] = /^(\d+)([smhd])$/.exec(value) ?? [];
  const at = amount ? Date.now() - Number(amount) * (UNITS_ms[unit] ?? 0) : Date.parse(value);
  if (Number.isNaN(at)) throw new InvalidArgumentError('expected 30s, 15m, 2h, 3d, or a date');
  return at;
}
