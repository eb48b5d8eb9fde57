/**
 * What a call may do: at once, with its owner's word, or not at all. Pure: all facts in, a verdict out.
 *
 * A tool says by its nature what it may do unasked; here the owner's settings, what they have always allowed, and the
 * strangers whose words the turn has read come on top. A denial by nature stands whatever the settings say. Of settings,
 * deny wins over ask, and ask over allow.
 *
 * A turn that has read the words of strangers may still do what stays inside, and reach what the owner has named before
 * (`allowed_hosts`, a permission, an address in their own words). It may not do anything else outside, or anything that
 * lasts, unasked; and nothing that is asked then can be allowed for always.
 */

import { resolve } from 'node:path';
import { names } from './address.ts';
import type { Allowed, Rule, Verdict } from './registry.ts';
import { hostName, readCommand } from './shell.ts';

export type Answer = 'allow' | 'ask' | 'deny';

export type Settings = {
  policy: Readonly<Record<string, Answer>>;
  commands: Readonly<Record<string, Answer>>;
  allowed_hosts: readonly string[];
};

export type Asked = {
  tool: string;
  input: unknown;
  /** The call in a line. */
  about: string;
  /** The tool's own word. */
  own: Verdict;
  settings: Settings;
  permissions: readonly { tool: string; rule: Rule }[];
  /** Whose words the turn has read. */
  taints: readonly string[];
  /** Addresses that stand in the owner's own words, or came in search results. */
  known: readonly string[];
  workspace: string;
  /** What may be done at a path, followed to what it names. */
  at(path: string, reach: 'read' | 'write'): Verdict;
};

/** What "always" stands for, of a command: each is one of these, and goes and writes nowhere else. */
type CommandRule = { commands: readonly string[]; hosts: readonly string[]; paths: readonly string[] };

/** What a call comes to by its nature, and what it would be asked for if the settings want that. */
type Nature = {
  do: Answer;
  why?: string;
  scope: string;
  rule: Rule | null;
  grants: Allowed;
  /** Whether a permission covers it. */
  covered: boolean;
  /** What the settings say of it in particular. */
  set: readonly Answer[];
};

/** What cannot be shown in full cannot be asked. Telegram's messages hold 4,096 characters. */
const LONGEST_SCOPE_chars = 3000;
/** What they do outlasts the turn, and works on when nobody looks. */
const LASTING = new Set(['schedule_create', 'schedule_change', 'schedule_delete', 'forget']);
const NOTHING: Allowed = { hosts: [], paths: [] };

export function verdictOn(asked: Asked): Verdict {
  const { tool, settings, taints } = asked;
  if (asked.own.do === 'deny') return asked.own;
  const set = Object.entries(settings.policy)
    .filter(([name]) => name === tool || (name.endsWith('*') && tool.startsWith(name.slice(0, -1))))
    .map(([, answer]) => answer);
  if (set.includes('deny')) return denied(`the settings deny ${tool} ([tools.policy])`);
  if (asked.own.do === 'question') return asked.own;

  const nature = natureOf(asked, asked.own);
  const word = strongest([...set, ...nature.set]);
  if (nature.do === 'deny' || word === 'deny') {
    return denied(nature.why ?? 'the settings deny this command ([tools.commands])');
  }
  const tainted = taints.length > 0;
  const does = tainted && LASTING.has(tool) ? 'ask' : nature.do;
  // Neither a setting nor a permission was given with the words of these strangers in view.
  const firm = tool === 'propose_persona' || (tainted && (tool.startsWith('mcp_') || LASTING.has(tool)));
  const lifted = !firm && (nature.covered || (word === 'allow' && !tainted));
  if (lifted || (does === 'allow' && word !== 'ask')) return { do: 'allow', grants: nature.grants };
  if (nature.scope.length > LONGEST_SCOPE_chars) {
    return denied(
      `this must be asked, and ${nature.scope.length} characters are too many to show: do it in smaller steps, or put what is long into a file first`,
    );
  }
  const rule = tainted ? null : nature.rule;
  return { do: 'ask', scope: nature.scope, rule, grants: nature.grants };
}

function denied(why: string): Verdict {
  return { do: 'deny', why };
}

function strongest(answers: readonly Answer[]): Answer | undefined {
  return (['deny', 'ask', 'allow'] as const).find((answer) => answers.includes(answer));
}

function natureOf(asked: Asked, own: Exclude<Verdict, { do: 'deny' | 'question' }>): Nature {
  if (asked.tool === 'run_command') return commandNature(asked);
  const { command } = asked.input as { command?: string };
  // What a job runs is allowed when it is made, for all of its times.
  if (asked.tool === 'schedule_create' && command !== undefined) {
    const nature = commandNature({ ...asked, tool: 'run_command', input: { command } });
    return { ...nature, scope: `${asked.tool}: ${asked.about}\n\n${nature.scope}`, rule: null };
  }
  if (asked.tool === 'fetch_url') return addressNature(asked);
  const asks = own.do === 'ask';
  const rule = asks ? own.rule : null;
  return {
    do: own.do,
    scope: asks ? own.scope : `${asked.tool}: ${asked.about}`,
    rule,
    grants: own.grants ?? NOTHING,
    covered: rule !== null && rulesOf(asked).some((given) => JSON.stringify(given) === JSON.stringify(rule)),
    set: [],
  };
}

function rulesOf({ permissions, tool }: Asked): Rule[] {
  return permissions.filter((permission) => permission.tool === tool).map(({ rule }) => rule);
}

/** In the sandbox and without a network nothing goes out: what asks is a new host, or a path outside. */
function commandNature(asked: Asked): Nature {
  const { settings, workspace } = asked;
  const input = asked.input as { command: string; cwd?: string; hosts?: readonly string[] };
  const refused = (why: string): Nature => ({
    do: 'deny',
    why,
    scope: '',
    rule: null,
    grants: NOTHING,
    covered: false,
    set: [],
  });
  const reading = readCommand(input.command);
  if ('why' in reading) return refused(reading.why);

  const cwd = resolve(workspace, input.cwd ?? '.');
  const place = (path: string) => resolve(cwd, path.replace(/^~(?=\/|$)/, workspace));
  for (const path of reading.paths.map(place)) {
    const seen = asked.at(path, 'read');
    if (seen.do === 'deny') return refused(seen.why);
  }
  const outside: string[] = [];
  for (const path of reading.writes.map(place)) {
    if (SINKS.some((sink) => path === sink || path.startsWith(`${sink}/`))) continue;
    if (SYSTEM.test(path)) return refused(`${path} belongs to the system: nothing may be written there`);
    const written = asked.at(path, 'write');
    if (written.do === 'deny') return refused(written.why);
    if (written.do === 'ask')
      outside.push(...(written.grants.paths.length > 0 ? written.grants.paths : [path]));
  }
  const declared = (input.hosts ?? []).map(hostName);
  if (declared.includes('')) return refused('hosts: expected names of hosts, such as example.com');
  const hosts = [...new Set([...reading.hosts, ...declared])].filter(
    (host) => !names(settings.allowed_hosts, host, 443),
  );
  const paths = [...new Set(outside)];
  const scope = [
    'Run a command:',
    input.command.replace(/^/gm, '    '),
    ...(input.cwd ? [`in ${cwd}`] : []),
    ...(hosts.length > 0 ? [`It may reach: ${hosts.map(shownHost).join(', ')}`] : []),
    ...(paths.length > 0 ? [`It may write: ${paths.join(', ')}`] : []),
  ].join('\n');
  return {
    do: hosts.length + paths.length > 0 ? 'ask' : 'allow',
    scope,
    rule: reading.shapes && { commands: reading.shapes, hosts, paths },
    grants: { hosts: [...settings.allowed_hosts, ...hosts], paths },
    covered: rulesOf(asked).some((rule) => {
      const { commands, ...given } = rule as CommandRule;
      return (
        reading.shapes?.every((shape) => commands.includes(shape)) === true &&
        hosts.every((host) => given.hosts.includes(host)) &&
        paths.every((path) => given.paths.includes(path))
      );
    }),
    set: Object.entries(settings.commands)
      .filter(([words]) => reading.lines.some((line) => line === words || line.startsWith(`${words} `)))
      .map(([, answer]) => answer),
  };
}

/** The sandbox has its own of these. */
const SINKS = ['/dev/null', '/dev/stdout', '/dev/stderr', '/dev/fd', '/dev/tty', '/tmp', '/var/tmp'];
const SYSTEM = /^\/(bin|boot|dev|etc|lib\d*|proc|run|sbin|sys|usr|var)(\/|$)|^\/(System|Library)(\/|$)/;

/** An address that somebody else made up may bear away whatever the model knows, in its very letters. */
function addressNature(asked: Asked): Nature {
  const text = (asked.input as { url: string }).url;
  const url = URL.parse(text);
  const usable = url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  const host = url?.hostname ?? '';
  const known = asked.known.some((one) => withoutHash(one) === withoutHash(text));
  const rules = rulesOf(asked) as { host?: unknown }[];
  return {
    do: !usable ? 'deny' : known || names(asked.settings.allowed_hosts, host, 443) ? 'allow' : 'ask',
    ...(usable
      ? {}
      : { why: 'url: expected http:// or https:// and a host, without a name or a password in it' }),
    scope: `Open an address:\n    ${url?.href}\nIt reaches: ${shownHost(host)}`,
    rule: { host },
    // Half the web sends example.com to www.example.com, or the other way.
    grants: {
      hosts: [...asked.settings.allowed_hosts, host, host.replace(/^(www\.)?/, (www) => (www ? '' : 'www.'))],
      paths: [],
    },
    covered: rules.some((rule) => rule.host === host),
    set: [],
  };
}

function withoutHash(address: string): string | null {
  const url = URL.parse(address);
  if (url) url.hash = '';
  return url?.href ?? null;
}

/** A name in other letters than ASCII may look like one that it is not. */
function shownHost(host: string): string {
  return host.split('.').some((label) => label.startsWith('xn--')) ? `${host} (not in ASCII letters)` : host;
}

/** What "always" would allow, for the owner. */
export function alwaysInWords(tool: string, rule: Rule): string {
  if (tool === 'fetch_url') return `every address at ${rule.host}`;
  // The only other calls that can be allowed for always are those of servers, whatever they are given.
  if (tool !== 'run_command') return `every call of ${tool}, with whatever input`;
  const { commands, hosts, paths } = rule as CommandRule;
  const to = hosts.length > 0 ? `, reaching ${hosts.join(', ')}` : '';
  const into = paths.length > 0 ? `, writing ${paths.join(', ')}` : '';
  return commands.map((shape) => `every \`${shape}\``).join(' and ') + to + into;
}
