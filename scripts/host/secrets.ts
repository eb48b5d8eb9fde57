/** The secrets of a house: their files, and their change, in which the old ones stay until the new ones work. */

import { existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { Misconfigured } from '#shared/base/errors.ts';
import { nearest } from '#shared/base/spelling.ts';
import { mayRead, type ServiceName, services } from '#shared/manifest.ts';
import { readSecret, type Secret } from '#shared/runtime/credentials.ts';
import type { Home } from '#shared/runtime/home.ts';
import { flush } from './releases.ts';

type Known = {
  /** Asked for in this order; an optional one is only taken when it is given. */
  variables: { [variable: string]: { shape?: RegExp; optional?: true } };
  /** Where the old one is taken back. */
  revoke: string;
};

const TOKEN = { shape: /^\d{6,}:[\w-]{30,}$/ };
const KEY = { shape: /^\S{16,}$/ };
const ADDRESS = { shape: /^https?:\/\/\S+$/, optional: true } as const;

const KNOWN: { [name: string]: Known } = {
  telegram: {
    variables: { TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT: ADDRESS },
    revoke: '@BotFather has revoked the old token when it made the new one (/revoke)',
  },
  watchdog: {
    variables: {
      ALARM_NTFY_URL: ADDRESS,
      ALARM_NTFY_TOKEN: { optional: true },
      ALARM_WEBHOOK_URL: ADDRESS,
      TELEGRAM_BOT_TOKEN: { ...TOKEN, optional: true },
      TELEGRAM_API_ROOT: ADDRESS,
    },
    revoke: 'take the old topic or webhook back where it was made',
  },
  anthropic: {
    variables: { ANTHROPIC_API_KEY: KEY, ANTHROPIC_BASE_URL: ADDRESS },
    revoke: 'delete the old key at console.anthropic.com, Settings, API keys',
  },
  search: { variables: { BRAVE_API_KEY: KEY }, revoke: 'delete the old key where it was made' },
  transcribe: { variables: { TRANSCRIBE_API_KEY: KEY }, revoke: 'delete the old key where it was made' },
};

export function revocation(name: string): string {
  return KNOWN[name]?.revoke ?? 'take the old one back where it was made';
}

/** What is asked for when nobody has handed over a file. */
export function askedFor(name: string): string[] {
  const variables = Object.entries(KNOWN[name]?.variables ?? {});
  return variables.filter(([, { optional }]) => !optional).map(([variable]) => variable);
}

/** The services that read it. @throws Misconfigured when none does */
export function usersOf(name: string): ServiceName[] {
  const users = services.filter((service) => mayRead(service, name)).map((service) => service.name);
  if (users.length > 0 && /^[\w-]+(\/[\w-]+)?$/.test(name)) return users;
  const names = services.flatMap(({ secrets }) => secrets);
  const near = nearest(name, names);
  throw new Misconfigured(
    `credentials: no service reads '${name}'`,
    near ? `did you mean '${near}'?` : `choose one of ${names.join(', ')}`,
  );
}

export type Entry = {
  name: string;
  users: ServiceName[];
  /** Each variable with the end of its value; null where there is no file. */
  variables: { [variable: string]: string } | null;
  problem: string | null;
};

/** What there is, without saying it. */
export function listSecrets(home: Home): Entry[] {
  const declared = services.flatMap(({ secrets }) => secrets).filter((name) => !/[*/]/.test(name));
  const there = existsSync(home.credentials)
    ? readdirSync(home.credentials, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.env'))
        .map((file) => file.slice(0, -'.env'.length))
    : [];
  return [...new Set([...declared, ...there.sort()])].map((name) => {
    const users = services.filter((service) => mayRead(service, name)).map((service) => service.name);
    try {
      const secret = readSecret(home, name);
      const ends = Object.entries(secret ?? {}).map(([key, value = '']) => [key, ending(value)]);
      return { name, users, variables: secret && Object.fromEntries(ends), problem: null };
    } catch (error) {
      if (!(error instanceof Misconfigured)) throw error;
      return { name, users, variables: {}, problem: error.message };
    }
  });
}

/** The last four characters of what is long enough to lose them. */
export function ending(value: string): string {
  return value.length >= 16 ? `…${value.slice(-4)}` : '…';
}

/**
 * What somebody has handed over: lines of NAME=value, or the value alone where one variable is asked for.
 * @throws Misconfigured when it cannot be right; what was handed over is not in its words
 */
export function readHanded(name: string, text: string): Secret {
  const asked = askedFor(name);
  const bare = text.trim();
  const lines = /^[A-Z][A-Z0-9_]*\s*=/m.test(bare);
  const secret: Secret = lines || asked.length !== 1 ? parseEnv(bare) : { [asked[0] ?? '']: bare };
  demandShape(name, secret);
  return secret;
}

function demandShape(name: string, secret: Secret): void {
  const wrong = (what: string, cure: string) => new Misconfigured(`credentials: ${name}: ${what}`, cure);
  const given = Object.entries(secret).filter(([, value]) => value);
  if (given.length === 0) throw wrong('nothing was given', 'hand over lines of NAME=value');
  const variables = KNOWN[name]?.variables;
  for (const [variable, value = ''] of given) {
    const known = variables?.[variable];
    if (variables && !known) {
      throw wrong(`${variable} is none of its variables`, `choose from ${Object.keys(variables).join(', ')}`);
    }
    if (known?.shape && !known.shape.test(value)) {
      throw wrong(
        `${variable} does not look like one (${value.length} characters)`,
        'copy it whole, and nothing else',
      );
    }
    if (/[\r\n]/.test(value)) throw wrong(`${variable} has more than one line`, 'hand over one line');
  }
  for (const variable of askedFor(name)) {
    if (!secret[variable]) throw wrong(`${variable} is missing`, `hand over ${variable}=…`);
  }
}

/** The bot's token is there twice: the watchdog must be able to speak when the bridge's copy cannot be read. */
function filesOf(name: string, secret: Secret): [string, Secret][] {
  if (name !== 'telegram') return [[name, secret]];
  return [
    [name, secret],
    ['watchdog', secret],
  ];
}

/**
 * Puts the variables in the place of those of the same name.
 * @param works tells whether the users take it; it throws when they do not, and then the old ones are back
 */
export async function changeSecret(
  home: Home,
  name: string,
  secret: Secret,
  works: (users: ServiceName[]) => Promise<void>,
): Promise<ServiceName[]> {
  const changed = filesOf(name, secret);
  const users = [...new Set(changed.flatMap(([name]) => usersOf(name)))];
  const undo: (() => void)[] = [];
  try {
    for (const [name, variables] of changed) undo.push(write(home, name, variables));
    await works(users);
  } catch (error) {
    for (const step of undo.reverse()) step();
    // With the old ones again, as far as that helps; the first failure is the one to hear of.
    if (undo.length === changed.length) await works(users).catch(() => {});
    throw error;
  }
  for (const [name] of changed) rmSync(oldOf(home, name), { force: true });
  return users;
}

/** Sets these variables and leaves the file's others; an undefined one goes. */
export function keepSecret(home: Home, name: string, variables: Secret): void {
  write(home, name, variables);
  rmSync(oldOf(home, name), { force: true });
}

/** As it is read again: such a file knows no escapes. */
function quoted(variable: string, value: string): string {
  for (const mark of ['', "'", '"', '`']) {
    const text = mark + value + mark;
    if (parseEnv(`${variable}=${text}\n`)[variable] === value) return text;
  }
  throw new Misconfigured(
    `credentials: the value of ${variable} has every kind of quotation mark in it, which no credentials file can hold`,
    'choose another secret',
  );
}

const fileOf = (home: Home, name: string) => join(home.credentials, `${name}.env`);
const oldOf = (home: Home, name: string) => `${fileOf(home, name)}.old`;

/** Whole or not at all, closed to others from the first byte. @returns the way back */
function write(home: Home, name: string, variables: Secret): () => void {
  const file = fileOf(home, name);
  const old = oldOf(home, name);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const before = readSecret(home, name);
  const lines = Object.entries({ ...before, ...variables }).map(([key, value]) =>
    value === undefined ? '' : `${key}=${quoted(key, value)}\n`,
  );
  const part = `${file}.part`;
  rmSync(part, { force: true });
  writeFileSync(part, lines.join(''), { mode: 0o600, flag: 'wx' });
  flush(part);
  if (before) {
    rmSync(old, { force: true });
    linkSync(file, old);
  }
  renameSync(part, file);
  flush(dirname(file));
  return () => {
    if (before) renameSync(old, file);
    else rmSync(file, { force: true });
  };
}
