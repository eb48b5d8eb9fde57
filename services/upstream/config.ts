/** What outside is watched, how often, and by which way. */

import * as z from 'zod/mini';
import { integer, section, setting } from '#shared/runtime/setting.ts';

const url = z.url({ protocol: /^https?$/ });
const perhaps = z.union([z.literal(''), url]);
const word = z.string().check(z.minLength(1), z.maxLength(500));
const day = z.iso.date();

export const KINDS = [
  'network',
  'providers',
  'status',
  'telegram',
  'models',
  'prices',
  'releases',
  'advisories',
  'pages',
] as const;
export const SEVERITIES = ['low', 'moderate', 'high', 'critical'] as const;

const page = z.strictObject({
  url,
  every_minutes: z._default(integer(1, 100_000), 60),
  when: z._default(
    z.union([
      z.enum(['changes', 'new items']),
      z.strictObject({ contains: word }),
      z.strictObject({ lacks: word }),
    ]),
    'changes',
  ),
});

export const config = section({
  watch: setting(
    z.array(z.enum(KINDS)),
    [...KINDS],
    'What is watched. What is left out is never looked at; []: nothing.',
  ),
  every_s: setting(
    integer(1, 86_400),
    120,
    'How often it looks whether the network, the providers and Telegram can be reached, and at status pages.',
  ),
  again_s: setting(
    integer(1, 3600),
    20,
    'After a failure it looks again so soon: an outage is told when the second look has failed too.',
  ),
  daily_hours: setting(
    z.number().check(z.gte(0.01), z.lte(1000)),
    24,
    'How often it looks at releases and advisories.',
  ),
  proxy: setting(
    perhaps,
    '',
    'The HTTP proxy that leads outside: "http://proxy.example:3128". "": what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say, if anything.',
  ),
  no_proxy: setting(
    z.string(),
    'localhost,127.0.0.1,::1',
    'With proxy: the hosts that it is not asked for, with commas between.',
  ),
  network_url: setting(
    url,
    'http://cp.cloudflare.com/generate_204',
    'What tells whether there is a network, and whether it is a captive one: a plain http address whose answer is known.',
  ),
  network_says: setting(z.string(), '', 'What its answer contains; "": nothing at all, with status 204.'),
  anthropic_url: setting(
    url,
    'https://api.anthropic.com',
    "Where Anthropic's models are, when credentials/anthropic.env names another place.",
  ),
  telegram_url: setting(url, 'https://api.telegram.org', 'Where the Bot API is.'),
  status_pages: setting(
    z.record(word, url),
    { anthropic: 'https://status.anthropic.com/api/v2/summary.json' },
    'The status pages of providers, by the name of each: a summary.json of Statuspage, or an RSS or Atom feed.',
  ),
  retirements: setting(
    z.record(word, day),
    {},
    'The last days of models, where Vigil does not know them: { "model-name" = "2027-01-31" }.',
  ),
  prices_days: setting(integer(1, 10_000), 90, 'A price list that is older is told.'),
  releases_url: setting(
    perhaps,
    '',
    'Where Vigil\'s own releases are announced: JSON with version, url and notes, or an Atom feed of releases. "": nowhere.',
  ),
  advisories_url: setting(
    url,
    'https://registry.npmjs.org/-/npm/v1/security/advisories/bulk',
    'Who is asked for advisories on the packages that Vigil is made of.',
  ),
  advisory_severity: setting(z.enum(SEVERITIES), 'high', 'What is less severe is not told.'),
  pages: setting(
    z.record(z.string().check(z.regex(/^[\w-]{1,40}$/)), page),
    {},
    'Pages and feeds of your own, by name: [upstream.pages.kernel] url = "https://www.kernel.org/", and if need be every_minutes (60) and when: "changes", "new items" (of a feed), { contains = "in stock" }, or lacks instead.',
  ),
});

export type Config = z.infer<typeof config>;
export type Page = Config['pages'][string];
