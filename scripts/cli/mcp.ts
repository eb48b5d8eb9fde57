import { existsSync, readFileSync, rmSync } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';
import { parseEnv, styleText } from 'node:util';
import { type Command, InvalidArgumentError } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { Misconfigured, messageOf } from '#shared/base/errors.ts';
import { secretFile } from '#shared/runtime/credentials.ts';
import { type Home, homeOf, lockOf } from '#shared/runtime/home.ts';
import * as mcp_server from '#shared/tables/mcp_server.ts';
import { SERVER_NAME } from '../../services/tools/mcp/name.ts';
import { installed } from './host.ts';
import { openHouse } from './house.ts';
import { table } from './table.ts';

type Options = {
  url?: string;
  secret: string[];
  secretFile?: string;
  host: string[];
  lan: string[];
  env: string[];
};

export function mcp(program: Command): void {
  const verb = program
    .command('mcp')
    .description('Servers of the Model Context Protocol, whose tools the agent may use.')
    .addHelpText('after', EXAMPLES);
  verb
    .command('add')
    .description('Add a server to config.toml; a running Vigil starts it within three seconds.')
    .argument('<name>', 'what it is called: its tools are mcp_<name>_<tool>', name)
    .argument('[command...]', 'the program and its arguments, after --; it runs in the sandbox')
    .option('--url <url>', 'where it listens, instead of a program')
    .option(
      '--secret <variable>',
      'a variable that it is given and nobody else; its value is asked for',
      every,
      [],
    )
    .option('--secret-file <file>', 'take the values from this file of VARIABLE=value lines')
    .option('--env <VARIABLE=value>', 'a variable that is no secret', every, [])
    .option('--host <host>', 'a host of the internet that the program may reach', every, [])
    .option('--lan <host>', 'a host of your own network that it may reach', every, [])
    .addHelpText('after', EXAMPLES)
    .action(add);
  verb
    .command('list', { isDefault: true })
    .description('Show every server: whether it runs, and what it offers.')
    .option('--json', 'print it for a program')
    .action(list);
  verb
    .command('remove')
    .description('Remove a server from config.toml, and its secrets with it.')
    .argument('<name>', 'as in vigil mcp list')
    .action(remove);
}

const EXAMPLES = `
Examples:
  vigil mcp add mail --secret MAIL_TOKEN --host imap.example.com -- npx -y mail-mcp --read-only
  vigil mcp add home --url http://home.local:8123/api/mcp --lan home.local --secret HOME_TOKEN
  pass show mail | vigil mcp add mail --secret MAIL_TOKEN -- mail-mcp

Values of secrets are asked for on a terminal, and else read from standard input, one line each. A server at a
URL is given its first secret as "Authorization: Bearer …". Calls are asked about: see [tools.mcp] in config.example.toml.`;

function name(value: string): string {
  if (SERVER_NAME.test(value)) return value;
  throw new InvalidArgumentError(`expected a-z and 0-9 (20 at most, the first a letter), got '${value}'`);
}

function every(value: string, before: string[]): string[] {
  return [...before, value];
}

async function add(called: string, argv: string[], options: Options, command: Command): Promise<void> {
  const home = homeOf();
  const { url } = options;
  if ((url === undefined) === (argv.length === 0)) {
    command.error('error: expected either --url, or a program and its arguments after --');
  }
  const { checkConfig } = await import('#shared/runtime/config.ts');
  const { sections } = await import('../sections.ts');
  const { replace } = await import('./replace.ts');
  const { withTable } = await import('./toml.ts');
  const { tools } = checkConfig(home.config, sections) as { tools: { mcp: object } };
  if (called in tools.mcp) {
    throw new Misconfigured(
      `mcp: '${called}' is there already`,
      `vigil mcp remove ${called}, and add it anew`,
    );
  }
  const [first] = options.secret;
  const server = {
    ...(url === undefined ? { command: argv[0] ?? '', args: argv.slice(1) } : { url }),
    ...(url !== undefined && first !== undefined && { headers: { Authorization: `Bearer $${first}` } }),
    ...(options.env.length > 0 && {
      env: Object.fromEntries(options.env.map((pair) => assignment(pair, command))),
    }),
    ...(options.secret.length > 0 && { secrets: options.secret }),
    ...(options.host.length > 0 && { hosts: options.host }),
    ...(options.lan.length > 0 && { lan: options.lan }),
  };
  const file = secretFile(home, `mcp/${called}`);
  // The secret comes first: a server that is in the config is started.
  if (options.secret.length > 0) await keep(home, called, await valuesOf(options, command));
  try {
    replace(
      home.config,
      (text) => withTable(text, ['tools', 'mcp', called], server),
      (part) => checkConfig(part, sections),
    );
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
  const kept = options.secret.length > 0 ? `, its secrets in ${file}` : '';
  process.stdout.write(`${called} is in ${home.config}${kept}; vigil mcp list shows how it is\n`);
  if (options.secret.length > 0) await handOver(home);
}

async function keep(home: Home, called: string, values: [string, string][]): Promise<void> {
  const { keepSecret } = await import('../host/secrets.ts');
  const name = `mcp/${called}`;
  try {
    // Of one of that name that is gone, nothing stays.
    rmSync(secretFile(home, name), { force: true });
    keepSecret(home, name, Object.fromEntries(values));
  } catch (error) {
    if (error instanceof Misconfigured) throw error;
    throw new Misconfigured(
      `mcp: ${secretFile(home, name)} cannot be written (${messageOf(error)})`,
      'run this as its owner',
      { cause: error },
    );
  }
}

/** systemd hands secrets over at a start: an installed service has those that there were then. */
async function handOver(home: Home): Promise<void> {
  const host = installed();
  if (host?.place.profile === 'mac' || host?.place.home.config !== home.config) return;
  if (existsSync(home.stopped)) return;
  const { insist } = await import('../host/insist.ts');
  await insist({ home, supervisor: host.supervisor }, host.supervisor.restart(['tools']), 20_000);
  process.stdout.write('tools was started anew, with the secrets that there are now\n');
}

function assignment(pair: string, command: Command): [string, string] {
  const [, variable, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(pair) ?? [];
  if (variable === undefined || value === undefined)
    command.error(`error: --env: expected VARIABLE=value, got '${pair}'`);
  return [variable, value];
}

/** The values of the secrets: never on the command line, where every user of the machine can read them. */
async function valuesOf({ secret, secretFile }: Options, command: Command): Promise<[string, string][]> {
  let given: (string | undefined)[];
  if (secretFile !== undefined) {
    const variables = parseEnv(readFileSync(secretFile, 'utf8'));
    given = secret.map((variable) => variables[variable]);
  } else if (process.stdin.isTTY) {
    given = [];
    const { askHidden } = await import('./secret.ts');
    for (const variable of secret) given.push((await askHidden(variable)) ?? '');
  } else given = (await textOf(process.stdin)).split('\n');
  return secret.map((variable, i) => {
    const value = given[i]?.trim();
    if (!value) command.error(`error: expected a value for ${variable}, got none`);
    return [variable, value];
  });
}

async function list(options: { json?: boolean }): Promise<void> {
  const { checkConfig } = await import('#shared/runtime/config.ts');
  const { sections } = await import('../sections.ts');
  const { isLocked } = await import('#shared/store/liveness.ts');
  const { home, store } = await openHouse();
  try {
    const { tools } = checkConfig(home.config, sections) as {
      tools: { mcp: Record<string, { command?: string; url?: string; policy: string }> };
    };
    const rows = await store.read(mcp_server.all);
    const running = isLocked(lockOf(home, 'tools'));
    const servers = Object.entries(tools.mcp).map(([name, { command, url, policy }]) => {
      const row = running ? rows.find((one) => one.name === name) : undefined;
      return {
        name,
        at: url ?? command ?? '',
        policy,
        state: row?.state ?? (running ? 'starting' : 'not running'),
        tools: row?.tools ?? 0,
        since_at: row?.since_at ?? null,
        error: row?.error ?? null,
      };
    });
    if (options.json) {
      process.stdout.write(`${JSON.stringify(servers)}\n`);
      return;
    }
    if (servers.length === 0) {
      process.stdout.write('There is no MCP server yet. vigil mcp add <name> adds one.\n');
      return;
    }
    const now = systemClock.now();
    process.stdout.write(
      table(
        ['name', 'at', 'state', '>tools', 'calls', 'since'],
        servers.map((one) => [
          one.name,
          one.at,
          one.state,
          String(one.tools),
          one.policy,
          one.since_at === null ? '–' : ago(now - one.since_at),
        ]),
      ),
    );
    for (const { name, error } of servers) {
      if (error !== null) process.stdout.write(`${styleText('red', `${name}:`)} ${error}\n`);
    }
  } finally {
    await store.close();
  }
}

function ago(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'just now';
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}

async function remove(called: string): Promise<void> {
  const { checkConfig } = await import('#shared/runtime/config.ts');
  const { sections } = await import('../sections.ts');
  const { replace } = await import('./replace.ts');
  const { withoutTable } = await import('./toml.ts');
  const home = homeOf();
  const { tools } = checkConfig(home.config, sections) as { tools: { mcp: object } };
  const file = secretFile(home, `mcp/${called}`);
  const known = SERVER_NAME.test(called) && (called in tools.mcp || existsSync(file));
  if (!known) {
    const names = Object.keys(tools.mcp);
    throw new Misconfigured(
      `mcp: there is none called '${called}'`,
      names.length > 0
        ? `choose one of ${names.join(', ')}`
        : 'nothing is to be done: there is no MCP server',
    );
  }
  if (called in tools.mcp) {
    replace(
      home.config,
      (text) => withoutTable(text, ['tools', 'mcp', called]),
      (part) => checkConfig(part, sections),
    );
  }
  const hadSecrets = existsSync(file);
  rmSync(file, { force: true });
  process.stdout.write(`${called} is removed${hadSecrets ? ', and its secrets' : ''}\n`);
  if (hadSecrets) await handOver(home);
}
