/**
 * `config.toml`: one section per service, and the few that all share. A service reads its own section and the shared
 * ones, and refuses to start on the first thing that it does not understand: a setting that is silently ignored is a
 * setting that its owner believes in.
 */

import { readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import * as z from 'zod/mini';
import { codeOf, Misconfigured, messageOf } from '../base/errors.ts';
import { nearest } from '../base/spelling.ts';
import { services } from '../manifest.ts';
import { integer, type Section, section, setting } from './setting.ts';

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const usd = z.number().check(z.gte(0), z.lte(1_000_000));

/** The sections that are not one service's own. */
export const shared = {
  owner: section({
    time_zone: setting(
      z
        .string()
        .check(
          z.refine(
            (name) => name === '' || isZone(name),
            'expected the name of a time zone, such as Europe/Berlin',
          ),
        ),
      '',
      'Where the owner is, by the name of the time zone: "Europe/Berlin". "": what the machine says.',
    ),
    quiet: setting(
      z
        .string()
        .check(
          z.regex(
            /^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/,
            'expected "22:00-07:30", or "" for none',
          ),
        ),
      '22:00-07:30',
      'When nothing is said that nobody asked for and that can wait; it is gathered and told afterwards. "": never.',
    ),
  }),
  model: section({
    name: setting(
      z.string().check(z.minLength(1)),
      'default',
      'What answers: an alias of [router.aliases], or the name of a model.',
    ),
    max_tokens: setting(integer(1, 128_000), 4096, 'The longest answer, in tokens.'),
    idle_s: setting(
      integer(1, 3600),
      90,
      'A model that says nothing for so many seconds is given up, and asked again later.',
    ),
  }),
  budget: section({
    hour_usd: setting(usd, 1, 'The most that all model calls together may cost in an hour, in US dollars.'),
    day_usd: setting(usd, 3, 'The same for a day, from midnight to midnight where the machine is.'),
    month_usd: setting(usd, 40, 'The same for a calendar month.'),
    turn_usd: setting(usd, 0.5, 'The most that one answer may cost, all its model calls together.'),
    calls_per_hour: setting(
      integer(0, 1_000_000_000),
      1000,
      'The most model calls in an hour, free ones too.',
    ),
    unasked_percent: setting(
      integer(0, 100),
      30,
      'How much of the day may go to work that nobody asked for (jobs, memory, checks).',
    ),
    alert_usd: setting(
      usd,
      0,
      'A word to the owner once a day has cost so much; 0: none. At 80 % of every budget there is one anyway.',
    ),
  }),
  limits: section({
    requests_per_minute: setting(
      integer(1, 10_000_000),
      60,
      'The most model calls in a minute, over all and at each target.',
    ),
    tokens_per_minute: setting(
      integer(1, 1_000_000_000),
      100_000,
      'The most tokens in a minute, what comes from a cache not counted, over all and at each target.',
    ),
    queue: setting(
      integer(0, 100_000),
      100,
      'So many calls wait when a limit is reached; one more is refused.',
    ),
    wait_s: setting(integer(0, 3600), 30, 'A call waits so long at most, then it is refused.'),
  }),
  store: section({
    flush: setting(
      z.enum(['full', 'normal']),
      'full',
      '"full": what Vigil has acknowledged survives a power cut. "normal": quicker on slow disks, and a power cut loses the last seconds.',
    ),
    checkpoint_pages: setting(
      integer(10, 10_000),
      1000,
      'The write-ahead log is folded into the store after so many pages of 4 KiB.',
    ),
    wal_limit_mb: setting(
      integer(1, 1024),
      16,
      'The write-ahead log is cut back to this size once it has grown beyond it.',
    ),
  }),
  log: section({
    level: setting(
      z.enum(['debug', 'info', 'warn', 'error']),
      'info',
      'What is logged: this level and everything more serious.',
    ),
    size_mb: setting(z.number().check(z.gte(0.25), z.lte(1024)), 50, 'The size of one log file, in MB.'),
    files: setting(integer(1, 100), 5, 'How many log files each service keeps …'),
    days: setting(integer(1, 3650), 14, '… and for how many days after they were last written to.'),
  }),
} as const;

export type Shared = { [Name in keyof typeof shared]: z.infer<(typeof shared)[Name]> };

/**
 * Reads the shared sections and `own`, the section that bears the service's name.
 * @throws Misconfigured with every fault that was found
 */
export function readConfig<S extends Section>(
  file: string,
  own: { name: string; section: S },
): { shared: Shared; own: z.infer<S> } {
  const sections: Record<string, Section> = { ...shared, [own.name]: own.section };
  const names = [...Object.keys(shared), ...services.map((service) => service.name)];
  const values = checked(file, sections, names);
  // Each value has just been parsed by the schema whose type it is given here.
  return { shared: values as unknown as Shared, own: values[own.name] as z.infer<S> };
}

/** As if nothing were set: for whoever must still say what is wrong with the file. */
export function defaultConfig<S extends Section>(own: {
  name: string;
  section: S;
}): ReturnType<typeof readConfig<S>> {
  const values = valuesOf({ ...shared, [own.name]: own.section }, {}, []);
  return { shared: values as unknown as Shared, own: values[own.name] as z.infer<S> };
}

/**
 * One section as the file has it now, for what may change while a service runs.
 * @throws Misconfigured with every fault of that section
 */
export function readSection<S extends Section>(file: string, name: string, section: S): z.infer<S> {
  const values = checked(file, { [name]: section }, Object.keys(parsed(file)));
  return values[name] as z.infer<S>;
}

/** Every section of the house at once: what `vigil config check` and the suite look at before anything starts. */
export function checkConfig(file: string, own: Record<string, Section>): Record<string, unknown> {
  const sections = { ...shared, ...own };
  return checked(file, sections, Object.keys(sections));
}

function checked(file: string, sections: Record<string, Section>, names: string[]): Record<string, unknown> {
  const raw = parsed(file);
  const faults = Object.keys(raw)
    .filter((name) => !names.includes(name))
    .map((name) => `[${name}]: unknown section${didYouMean(name, names)}`);
  const values = valuesOf(sections, raw, faults);
  if (faults.length > 0) {
    throw new Misconfigured(
      `config: ${file} has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n  ${faults.join('\n  ')}`,
      'correct it; config.example.toml shows every setting with its default',
    );
  }
  return values;
}

/** What is wrong with them is added to `faults`. */
function valuesOf(
  sections: Record<string, Section>,
  raw: ReturnType<typeof parsed>,
  faults: string[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, section] of Object.entries(sections)) {
    const result = section.safeParse(raw[name] ?? {});
    if (result.success) values[name] = result.data;
    else faults.push(...result.error.issues.flatMap((issue) => describe(name, section, issue, raw[name])));
  }
  return values;
}

function parsed(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const missing = codeOf(error) === 'ENOENT';
    throw new Misconfigured(
      `config: ${file} ${missing ? 'is not there' : `cannot be read (${messageOf(error)})`}`,
      missing ? 'copy config.example.toml there' : `give its owner the right to read it: chmod 600 ${file}`,
      { cause: error },
    );
  }
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = error.message.split('\n')[0]?.replace('Invalid TOML document: ', '');
    throw new Misconfigured(
      `config: ${file}:${error.line}:${error.column}: not TOML: ${what}`,
      `correct line ${error.line} (https://toml.io shows the syntax)`,
      { cause: error },
    );
  }
}

/** One fault as a person reads it: where, what was expected, what was got, and perhaps what was meant. */
function describe(name: string, section: Section, issue: z.core.$ZodIssue, raw: unknown): string[] {
  const where = [`[${name}]`, ...issue.path].join(' ');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(
      (key) => `[${name}] ${key}: unknown key${didYouMean(key, Object.keys(section.shape))}`,
    );
  }
  const got = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    raw,
  );
  // What was got is said in its own words: zod knows its type only, and JSON has no word for NaN.
  const expected = issue.message.replace(/^Invalid (input|option): /, '').replace(/, received \w+$/, '');
  return [`${where}: ${expected}, got ${typeof got === 'number' ? got : JSON.stringify(got)}`];
}

function didYouMean(word: string, words: string[]): string {
  const near = nearest(word, words);
  return near ? `; did you mean '${near}'?` : `; expected one of ${words.join(', ')}`;
}
