/**
 * What a command line would do, as far as that can be read from it: every program that it names, wherever it hides, the
 * hosts and paths among their words, and what "always" could mean for it. Pure.
 *
 * Reading decides what the owner is asked. It confines nothing: whatever was overlooked here still runs in the
 * sandbox, with no more hosts and paths than were granted. So this errs towards refusing what it cannot read.
 */

import { domainToASCII } from 'node:url';
import { type Command, forEachChild, parse, type Redirection, type SyntaxNode, type Word } from 'unbash';

export type Reading = {
  /** Each program that would run, by its base name, in the order of the line. */
  programs: string[];
  /** The hosts that are named, in ASCII. A program may try others: nobody has granted it those. */
  hosts: string[];
  /** What is written to, and whatever else looks like a path, as it stands there. */
  writes: string[];
  paths: string[];
  /** Each program with its words as far as they are known, for settings that begin so. */
  lines: string[];
  /** What each command of the line is an instance of; null when no such likeness would hold next time. */
  shapes: string[] | null;
};

/** `why` is for the model: what to do instead. */
export type Unreadable = { why: string };

class Refused extends Error {}

/** A line within a line within a line: nobody writes that to be read. */
const DEEPEST = 5;
const LONGEST_chars = 16_384;

const SHELLS = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'zsh']);
/** What they run stands in a file that may change, or in a language that is not read here. */
const INTERPRETERS = new Set(
  'python python2 python3 node deno bun tsx ts-node perl ruby php lua luajit awk gawk mawk nawk Rscript osascript tclsh expect vi vim nvim ex ed emacs gdb lldb sqlite3 fish csh tcsh pwsh jshell m4 dc bc'.split(
    ' ',
  ),
);
/** They change the machine or who one is, or reach round the sandbox. */
const PRIVILEGED = new Set(
  'sudo su doas pkexec runuser setpriv newgrp mount umount fusermount fusermount3 chroot pivot_root unshare nsenter bwrap firejail setcap mknod insmod modprobe rmmod kexec iptables ip6tables nft sysctl shutdown reboot poweroff halt init telinit systemctl systemd-run launchctl service crontab at batch useradd userdel usermod groupadd passwd chpasswd visudo docker podman nerdctl ctr lxc lxc-attach machinectl mkfs fdisk parted losetup cryptsetup swapon'.split(
    ' ',
  ),
);
/** They never open a connection: an address among their words is only text. */
const LOCAL = new Set(
  'echo printf cat head tail grep egrep fgrep rg sed sort uniq wc cut tr tee test [ true false ls pwd cd mkdir rm cp mv touch basename dirname jq diff date sleep'.split(
    ' ',
  ),
);

/** Programs that run another: their options that take a word, and how many words of their own come before it. */
const WRAPPERS: Record<string, { valued?: readonly string[]; own?: number }> = {
  env: { valued: ['-u', '--unset', '-C', '--chdir'] },
  nice: { valued: ['-n', '--adjustment'] },
  ionice: { valued: ['-c', '-n', '--class', '--classdata'] },
  nohup: {},
  setsid: {},
  time: { valued: ['-f', '-o', '--format', '--output'] },
  timeout: { valued: ['-s', '-k', '--signal', '--kill-after'], own: 1 },
  stdbuf: { valued: ['-i', '-o', '-e'] },
  taskset: { own: 1 },
  flock: { valued: ['-w', '-E'], own: 1 },
  command: {},
  builtin: {},
  exec: { valued: ['-a'] },
  xargs: {
    valued: ['-I', '-i', '-n', '-P', '-L', '-d', '-E', '-s', '-a', '--max-args', '--max-procs', '--arg-file'],
  },
  parallel: { valued: ['-j', '--jobs', '-I', '-N', '-a'] },
  watch: { valued: ['-n', '--interval'] },
  strace: { valued: ['-o', '-e', '-s', '-p', '-u'] },
  busybox: {},
  toybox: {},
};

/** Where they go to when they fetch packages. */
const REGISTRIES: { programs: readonly string[]; verbs: readonly string[]; hosts: readonly string[] }[] = [
  {
    programs: ['npm', 'pnpm', 'yarn', 'bun'],
    verbs: ['install', 'i', 'ci', 'add', 'update', 'outdated', 'audit', 'view', 'publish'],
    hosts: ['registry.npmjs.org'],
  },
  {
    programs: ['pip', 'pip3', 'uv', 'pipx'],
    verbs: ['install', 'download', 'add', 'sync'],
    hosts: ['pypi.org', 'files.pythonhosted.org'],
  },
  {
    programs: ['cargo'],
    verbs: ['add', 'fetch', 'install', 'update'],
    hosts: ['index.crates.io', 'static.crates.io'],
  },
  { programs: ['go'], verbs: ['get', 'install', 'mod'], hosts: ['proxy.golang.org', 'sum.golang.org'] },
  { programs: ['gem', 'bundle'], verbs: ['install', 'update', 'add'], hosts: ['rubygems.org'] },
];

/** Their first word says what they do, and the words after it what they do it to. */
const VERBED = new Set('git npm pnpm yarn pip pip3 uv cargo go gem bundle make gh'.split(' '));

/** Their paths are written to: all of them, or the last. */
const WRITES_ALL = new Set('tee mkdir touch rm rmdir chmod chown chgrp truncate mv shred unlink'.split(' '));
const WRITES_LAST = new Set('cp ln install rsync scp'.split(' '));
/** An option of that program names what is written. */
const WRITES_OPTION: Record<string, readonly string[]> = {
  curl: ['-o', '--output', '--output-dir', '-D', '--dump-header', '-c', '--cookie-jar'],
  wget: ['-O', '--output-document', '-P', '--directory-prefix', '-o'],
  tar: ['-C', '--directory'],
  unzip: ['-d'],
  sort: ['-o', '--output'],
  dd: ['of'],
  git: ['-C', '--git-dir', '--work-tree'],
  find: ['-fprint', '-fprintf', '-fls'],
};

type Input = { kind: 'none' } | { kind: 'text'; text: string } | { kind: 'unknown' };
type Found = Omit<Reading, 'shapes'> & { shapes: string[]; plain: boolean };
type Words = readonly (string | null)[];

export function readCommand(line: string): Reading | Unreadable {
  const found: Found = { programs: [], lines: [], hosts: [], writes: [], paths: [], shapes: [], plain: true };
  try {
    script(line, found, { kind: 'none' }, 0);
  } catch (error) {
    if (error instanceof Refused) return { why: error.message };
    throw error;
  }
  const { plain, shapes, programs, lines, ...sets } = found;
  return {
    programs,
    lines,
    hosts: [...new Set(sets.hosts)].sort(),
    writes: [...new Set(sets.writes)],
    paths: [...new Set(sets.paths)],
    shapes: plain && shapes.length > 0 ? [...new Set(shapes)] : null,
  };
}

function script(text: string, found: Found, stdin: Input, depth: number): void {
  if (text.length > LONGEST_chars) {
    throw new Refused(
      `the command has ${text.length} characters, ${LONGEST_chars} at most: put it in a file with write_file`,
    );
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
  if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(text)) {
    throw new Refused('the command has control characters: write them as escapes');
  }
  if (/[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/u.test(text)) {
    throw new Refused('the command has characters that nobody can see: write them as escapes');
  }
  if (depth > DEEPEST) throw new Refused('commands within commands within commands: write them one by one');
  walk(parse(text), found, stdin, depth);
}

/** What stands in a line that is nothing but commands one after the other. All else makes it no example for another. */
const PLAIN = new Set<SyntaxNode['type']>([
  'Script',
  'Statement',
  'AndOr',
  'Command',
  'Redirect',
  'FileDescriptor',
  'Word',
  'Literal',
  'SingleQuoted',
  'DoubleQuoted',
  'AnsiCQuoted',
]);

function walk(node: SyntaxNode, found: Found, stdin: Input, depth: number): void {
  if (!PLAIN.has(node.type)) found.plain = false;
  switch (node.type) {
    case 'Script': {
      const { errors } = node as ReturnType<typeof parse>;
      if (errors?.[0]) throw new Refused(`bash could not read the command: ${errors[0].message}`);
      break;
    }
    case 'Statement':
      if (node.background) found.plain = false;
      break;
    case 'Pipeline':
      for (const [i, command] of node.commands.entries()) {
        walk(command, found, i === 0 ? stdin : { kind: 'unknown' }, depth);
      }
      return;
    case 'CommandExpansion':
    case 'ArithmeticCommandExpansion':
    case 'ProcessSubstitution':
      if (!node.script) throw new Refused(`what ${node.text} would run cannot be read: write it out`);
      walk(node.script, found, { kind: 'none' }, depth + 1);
      return;
    case 'ParameterExpansion':
      // ${x@P} expands the value as a prompt, with the commands in it.
      if (node.operation?.type === 'Transform')
        throw new Refused(`${node.text} may run what a variable holds`);
      break;
    case 'Assignment': {
      const value = node.value.type === 'Word' ? literalOf(node.value) : null;
      noHiddenCode(value ?? '');
      pathsOf(value, found);
      break;
    }
    case 'Redirected': {
      const input = inputOf(node.redirects, { kind: 'none' });
      for (const redirect of node.redirects) walk(redirect, found, stdin, depth);
      walk(node.command, found, input.kind === 'none' ? stdin : { kind: 'unknown' }, depth);
      return;
    }
    case 'Redirect':
      redirected(node, found);
      break;
    case 'Coproc':
      forEachChild(node, (child) => walk(child, found, { kind: 'unknown' }, depth));
      return;
    case 'Command':
      called(node, found, inputOf(node.redirects, stdin), depth);
      break;
  }
  forEachChild(node, (child) => walk(child, found, stdin, depth));
}

/** Arithmetic evaluates what a variable holds, subscripts and their substitutions too. */
function noHiddenCode(text: string): void {
  if (/\[[^\]]*(\$\(|`)/.test(text))
    throw new Refused('a subscript with a command in it: run the command itself');
}

/** The value of a word; null when only bash will know it. */
function literalOf(word: Word): string | null {
  const plain = (parts: readonly { type: string; parts?: unknown }[] | undefined): boolean =>
    (parts ?? []).every(
      ({ type, parts: inner }) =>
        type === 'Literal' ||
        type === 'SingleQuoted' ||
        type === 'AnsiCQuoted' ||
        ((type === 'DoubleQuoted' || type === 'LocaleString') && plain(inner as typeof parts)),
    );
  return plain(word.parts) ? word.value : null;
}

function inputOf(redirects: readonly Redirection[], otherwise: Input): Input {
  let input = otherwise;
  for (const redirect of redirects) {
    if (redirect.type === 'HereDoc') {
      const literal =
        redirect.delimiter?.quoted || !redirect.body.parts?.some(({ type }) => type !== 'Literal');
      input = literal ? { kind: 'text', text: redirect.body.text } : { kind: 'unknown' };
    } else if (redirect.type === 'HereString') {
      const text = redirect.target ? literalOf(redirect.target) : null;
      input = text === null ? { kind: 'unknown' } : { kind: 'text', text };
    } else if (redirect.operator.startsWith('<')) {
      input = { kind: 'unknown' };
    }
  }
  return input;
}

function redirected(redirect: Extract<Redirection, { type: 'Redirect' }>, found: Found): void {
  const target = redirect.target ? literalOf(redirect.target) : null;
  // Standard input is no part of a shape, so a line with one stands for itself alone.
  if (target === null || redirect.operator.startsWith('<')) found.plain = false;
  if (target === null || /^(\d+-?|-)$/.test(target)) return;
  if (/^\/dev\/(tcp|udp)\//.test(target)) {
    throw new Refused(`${target} goes past the proxy, which is the only way out: use curl`);
  }
  found.paths.push(target);
  if (redirect.operator !== '<' && redirect.operator !== '<&') found.writes.push(target);
}

function called(command: Command, found: Found, stdin: Input, depth: number): void {
  if (!command.name) return;
  const words: (string | null)[] = [literalOf(command.name)];
  for (const arg of command.args) {
    if (arg.type === 'Word') words.push(literalOf(arg));
    else words.push(arg.value.type === 'Word' ? withName(arg.name, literalOf(arg.value)) : null);
  }
  run(words, found, stdin, depth);
  // A word that only bash will know may still begin with a host: https://example.com/$x
  const rest = command.args.filter((_, i) => words[i + 1] === null).map(({ text }) => text);
  found.hosts.push(...hostsOf(words[0] ?? '', rest).filter((host) => !/[$*?{}]/.test(host)));
  if (found.plain) found.shapes.push(shapeOf(words));
}

const withName = (name: string, value: string | null) => (value === null ? null : `${name}=${value}`);

/** One program and its words; those that run others are followed. */
function run(words: Words, found: Found, stdin: Input, depth: number): void {
  const [first, ...args] = words;
  if (first === undefined) return;
  if (first === null)
    throw new Refused('which program would run is only known when it does: name it plainly');
  if (!/^(\[\[?|[\w./+@:,~!-]+)$/.test(first)) {
    throw new Refused(`'${first}' is no plain name of a program: write it in ASCII letters`);
  }
  const name = first.slice(first.lastIndexOf('/') + 1);
  if (PRIVILEGED.has(name) || name.startsWith('mkfs.')) {
    throw new Refused(`${name} is not to be had here: whatever needs it is for the owner to do`);
  }
  found.programs.push(name);
  found.lines.push([name, ...args.map((arg) => arg ?? '…')].join(' '));
  for (const arg of args) pathsOf(arg, found);
  found.writes.push(...writesOf(name, args));
  found.hosts.push(...hostsOf(name, args));
  // A program of the workspace's own may be another one next time.
  if (first.includes('/') && !/^\/(usr\/)?s?bin\/[^/]+$/.test(first)) found.plain = false;
  if (INTERPRETERS.has(name)) {
    found.plain = false;
    const code = args.find((arg) => arg === null || !/^-./.test(arg));
    if (stdin.kind === 'unknown' && (code === undefined || code === '-') && !args.some(inline)) {
      throw new Refused(`what ${name} would run comes out of a pipe: save it to a file first, and read it`);
    }
    return;
  }
  if (SHELLS.has(name)) {
    shell(name, args, found, stdin, depth);
    return;
  }
  const inner = (text: string) => script(text, found, stdin, depth + 1);
  switch (name) {
    case 'eval':
      found.plain = false;
      inner(all(name, args).join(' '));
      return;
    case 'source':
    case '.':
      found.plain = false;
      file(name, args[0], found, stdin, depth);
      return;
    case 'trap':
    case 'alias':
      found.plain = false;
      for (const arg of all(name, args)) {
        const code = name === 'alias' ? arg.slice(arg.indexOf('=') + 1) : arg;
        if (name === 'alias' ? arg.includes('=') : !/^(-.*|\d+|[A-Z]+\d*)?$/.test(code)) inner(code);
      }
      return;
    case 'find':
      eachExec(args, (exec) => run([...exec, null], found, { kind: 'none' }, depth + 1), found);
      return;
    case 'read':
    case 'test':
    case '[':
    case 'let':
    case 'unset':
    case 'declare':
    case 'typeset':
    case 'local':
    case 'export':
    case 'printf':
      for (const arg of args) noHiddenCode(arg ?? '');
      return;
  }
  const wrapper = WRAPPERS[name];
  if (!wrapper) return;
  found.plain = false;
  if (name === 'command' && /^-[vV]+$/.test(args[0] ?? '')) return;
  const rest = wrapped(name, args, wrapper, inner);
  const more = name === 'xargs' || name === 'parallel' ? [null] : [];
  if (rest.length > 0) run([...rest, ...more], found, more.length > 0 ? { kind: 'none' } : stdin, depth + 1);
}

const inline = (arg: string | null) => arg !== null && /^(-[a-zA-Z]*[ceErnm]|--eval|--print|-p)$/.test(arg);

/** Their words, all of which must be known. */
function all(name: string, args: Words): string[] {
  return args.map((arg) => {
    if (arg === null) throw new Refused(`what ${name} would run is only known when it does: write it out`);
    return arg;
  });
}

/** What a wrapper runs: the words after its own. */
function wrapped(
  name: string,
  args: Words,
  { valued = [], own = 0 }: { valued?: readonly string[]; own?: number },
  inner: (text: string) => void,
): Words {
  let before = own;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? null;
    if (arg === null) throw new Refused(`what ${name} would run is only known when it does: write it out`);
    const split = name === 'env' ? /^(?:-[a-zA-Z]*S|--split-string)(?:=?)(.*)$/s.exec(arg) : null;
    if (split) {
      inner(
        all(
          name,
          [split[1] || null, ...args.slice(i + 1)].filter((one) => one !== '' && one !== null),
        ).join(' '),
      );
      return [];
    }
    if (name === 'flock' && arg === '-c') {
      inner(all(name, args.slice(i + 1, i + 2)).join(''));
      return [];
    }
    if (valued.includes(arg)) i++;
    else if (arg.startsWith('-') || (name === 'env' && /^\w+=/.test(arg))) continue;
    else if (before > 0) before--;
    else return args.slice(i);
  }
  return [];
}

function shell(name: string, args: Words, found: Found, stdin: Input, depth: number): void {
  found.plain = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === null || arg === undefined || arg === '--' || !/^[-+]./.test(arg)) {
      file(name, arg === '--' ? args[i + 1] : arg, found, stdin, depth);
      return;
    }
    if (arg === '-s') break;
    if (/^-[a-z]*c[a-z]*$/i.test(arg)) {
      const [code] = all(
        name,
        args
          .slice(i + 1)
          .filter((one) => one === null || !one.startsWith('-'))
          .slice(0, 1),
      );
      if (code?.includes('{}'))
        throw new Refused('{} within the code of a shell becomes code: pass it as "$1"');
      script(code ?? '', found, stdin, depth + 1);
      return;
    }
    if (/^[-+]\w*[oO]$|^--(rcfile|init-file)$/.test(arg)) i++;
  }
  file(name, undefined, found, stdin, depth);
}

/** The script that a shell is given: a file, or else what it reads. */
function file(
  name: string,
  path: string | null | undefined,
  found: Found,
  stdin: Input,
  depth: number,
): void {
  if (path === null) throw new Refused(`which script ${name} would run is only known when it does: name it`);
  const fromInput =
    path === undefined || path === '-' || /^\/(dev\/(stdin|fd\/)|proc\/[^/]+\/fd\/)/.test(path);
  if (!fromInput || stdin.kind === 'none') return;
  if (stdin.kind === 'unknown') {
    throw new Refused(`what ${name} would run comes out of a pipe: save it to a file first, and read it`);
  }
  script(stdin.text, found, { kind: 'unknown' }, depth + 1);
}

function eachExec(args: Words, each: (words: Words) => void, found: Found): void {
  for (let i = 0; i < args.length; i++) {
    if (!/^-(exec|execdir|ok|okdir)$/.test(args[i] ?? '')) continue;
    found.plain = false;
    const end = args.findIndex((arg, at) => at > i && (arg === ';' || arg === '+'));
    each(args.slice(i + 1, end < 0 ? undefined : end));
  }
}

/** Whatever looks like a path, also behind an option's `=` and curl's `@`. */
function pathsOf(arg: string | null, found: Found): void {
  if (arg === null) return;
  for (const part of [
    arg,
    arg.slice(arg.indexOf('=') + 1),
    arg.replace(/^.*?@/, ''),
    arg.replace(/^-\w/, ''),
  ]) {
    if (/^(\/|~|\.\.?(\/|$))/.test(part) || part.includes('/../')) found.paths.push(part);
  }
}

function writesOf(name: string, args: Words): string[] {
  const known = args.filter((arg) => arg !== null);
  const plain = known.filter((arg) => !arg.startsWith('-') && !/^[\w.-]+@?[\w.-]*:/.test(arg));
  const options = WRITES_OPTION[name] ?? [];
  const named = options.flatMap((option) =>
    known.flatMap((arg, i) => {
      if (arg === option) return known[i + 1] ?? [];
      if (arg.startsWith(`${option}=`)) return arg.slice(option.length + 1);
      return /^-\w$/.test(option) && arg.startsWith(option) ? arg.slice(2) : [];
    }),
  );
  if (WRITES_ALL.has(name) || (name === 'sed' && known.some((arg) => /^(-\w*i|--in-place)/.test(arg)))) {
    return [...named, ...plain];
  }
  return WRITES_LAST.has(name) ? [...named, ...plain.slice(-1)] : named;
}

const URL_IN = /(?:^|[=@'"\s(])[a-z][a-z0-9+.-]*:\/\/(?:[^/\s@]*@)?(\[[0-9a-f:.]+\]|[^/\s:?#'"\\]+)/gi;

function hostsOf(name: string, args: Words): string[] {
  if (LOCAL.has(name)) return [];
  const known = args.filter((arg) => arg !== null);
  const hosts = known.flatMap((arg) => [...arg.matchAll(URL_IN)].map((match) => match[1] ?? ''));
  const bare = known.filter((arg) => !arg.startsWith('-') && !arg.includes('://'));
  const [verb] = bare;
  for (const { programs, verbs, hosts: registry } of REGISTRIES) {
    if (programs.includes(name) && verbs.includes(verb ?? '')) hosts.push(...registry);
  }
  if (
    ['ssh', 'sftp', 'nc', 'ncat', 'netcat', 'telnet', 'ftp', 'ping', 'dig', 'nslookup', 'host'].includes(name)
  ) {
    hosts.push(
      ...bare.filter((arg) => /^([\w.-]+@)?[^\s/:@]*[.][^\s/:@]+$/.test(arg) || arg === 'localhost'),
    );
  }
  if (['curl', 'wget', 'http', 'https', 'xh', 'lftp', 'aria2c'].includes(name)) {
    hosts.push(...bare.filter((arg) => /^([^\s/@]+@)?[^\s/:=@]+\.[^\s/:=@]{2,}(:\d+)?(\/.*)?$/.test(arg)));
  }
  // user@host:path and host:path
  if (['git', 'scp', 'rsync', 'sftp', 'ssh'].includes(name)) {
    hosts.push(...bare.flatMap((arg) => /^(?:[\w.-]+@)?([^\s/:@]+\.[^\s/:@]+):/.exec(arg)?.[1] ?? []));
  }
  return hosts.map(hostName).filter((host) => host !== '');
}

/** A host as it is looked up: `user@Bücher.example:80/x` is `xn--bcher-kva.example`. */
export function hostName(text: string): string {
  const bare = text.replace(/^[^/]*@/, '').replace(/(?<!\[[^\]]*)[:/].*$/, '');
  return bare.startsWith('[') ? bare.toLowerCase() : domainToASCII(bare);
}

/**
 * What "always" could stand for. Of a program that is told what to do by its first word, options and the word after
 * each are as they were, the others are free: `git push -u origin …`. Of any other program the very same words.
 */
function shapeOf(words: Words): string {
  const [name = '', verb = '', ...rest] = words.map((word) => word ?? '');
  if (!VERBED.has(name) || !/^[a-z][a-z-]*$/.test(verb))
    return words.map((word) => quoted(word ?? '')).join(' ');
  const fixed = rest.filter((word, i) => word.startsWith('-') || rest[i - 1]?.startsWith('-'));
  return [name, verb, ...fixed].map(quoted).join(' ') + (fixed.length < rest.length ? ' …' : '');
}

function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
