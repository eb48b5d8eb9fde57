/** What is watched, by the config: each with where it is, how often it is looked at, and how. */

import * as z from 'zod/mini';
import { PRESET_ALIASES } from '#shared/base/models.ts';
import { readSection, shared } from '#shared/runtime/config.ts';
import type { Found } from '#shared/tables/finding.ts';
import type { Probe } from '#shared/tables/probe.ts';
import { advisoriesOf, type Versions } from './advisory.ts';
import type { Config, Page } from './config.ts';
import type { Get } from './get.ts';
import { newsOf, readSeen } from './page.ts';
import { releaseOf } from './release.ts';
import { statusOf } from './status.ts';
import { quoted } from './text.ts';

/** What a look brought. Whatever goes wrong is thrown. */
export type Sight = {
  latency_ms: number;
  /** For the next look, and for the verdict; left out: as before. */
  seen?: object;
  /** News of this moment. */
  news?: Found;
};

export type Watch = {
  name: string;
  about: string;
  every_ms: number;
  /** It tells whether something can be reached: looked at without a network too, and soon again when it fails. */
  reach: boolean;
  look(get: Get, before: Probe, now: number): Promise<Sight>;
};

const MINUTE_ms = 60_000;
const HOUR_ms = 3_600_000;

/** As much of the router's section as it needs. */
const routes = z.looseObject({
  aliases: z._default(z.record(z.string(), z.unknown()), {}),
  providers: z._default(
    z.record(z.string(), z.looseObject({ base_url: z.url(), kind: z._default(z.string(), 'anthropic') })),
    {},
  ),
});

export type Models = { name: string; aliases: string[] }[];

/** The models that the aliases lead to, and the providers that answer for them. */
export function usedBy(file: string): { models: Models; providers: { name: string; url: string }[] } {
  const { aliases, providers } = readSection(file, 'router', routes);
  const { name: asked } = readSection(file, 'model', shared.model);
  const all: Record<string, unknown> = { ...PRESET_ALIASES, ...aliases };
  if (!Object.hasOwn(all, asked)) all['[model]'] = [asked];
  const models = new Map<string, Set<string>>();
  const used = new Set<string>();
  for (const [alias, setting] of Object.entries(all)) {
    for (const target of targetsIn(setting)) {
      const slash = target.indexOf('/');
      const named = slash > 0 && Object.hasOwn(providers, target.slice(0, slash));
      const model = named ? target.slice(slash + 1) : target;
      used.add(named ? target.slice(0, slash) : 'anthropic');
      models.set(model, (models.get(model) ?? new Set()).add(alias));
    }
  }
  return {
    models: [...models].map(([name, by]) => ({ name, aliases: [...by] })),
    providers: [...used].map((name) => {
      const { base_url, kind } = providers[name] ?? { base_url: '', kind: 'anthropic' };
      // Without a key the answer is a refusal, and costs nothing.
      return {
        name,
        url: base_url && base_url.replace(/\/$/, '') + (kind === 'openai' ? '/models' : '/v1/models'),
      };
    }),
  };
}

/** The words of an alias: "a", ["a", ["b", { target = "c" }]], { targets = […], otherwise = "an alias" }. */
function targetsIn(setting: unknown): string[] {
  if (typeof setting === 'string') return [setting];
  if (Array.isArray(setting)) return setting.flatMap(targetsIn);
  const { target, targets } = (setting ?? {}) as { target?: unknown; targets?: unknown };
  return targetsIn(targets ?? target ?? []);
}

export function watchesOf(config: Config, file: string, versions: Versions | null): Watch[] {
  const often = config.every_s * 1000;
  const daily = config.daily_hours * HOUR_ms;
  const on = (kind: Config['watch'][number]) => config.watch.includes(kind);
  const watches: Watch[] = [];
  const add = (name: string, url: string, every_ms: number, look: Watch['look'], reach = false) =>
    watches.push({ name, about: url, every_ms, reach, look });

  if (on('network')) {
    const { network_url: url, network_says: says } = config;
    add('network', url, often, (get) => lookAtNetwork(get, url, says), true);
  }
  if (on('providers')) {
    for (const { name, url } of usedBy(file).providers) {
      const at = url || `${config.anthropic_url.replace(/\/$/, '')}/v1/models`;
      add(`provider ${name}`, at, often, (get) => lookWhetherThere(get, at), true);
    }
  }
  if (on('telegram')) {
    const { telegram_url: url } = config;
    add('telegram', url, often, (get) => lookWhetherThere(get, url), true);
  }
  if (on('status')) {
    for (const [provider, url] of Object.entries(config.status_pages)) {
      add(`status ${provider}`, url, often, async (get, _before, now) => {
        const { text, latency_ms } = await read(get, url);
        return { latency_ms, seen: statusOf(text, now) };
      });
    }
  }
  if (on('releases') && config.releases_url) {
    const { releases_url: url } = config;
    add('releases', url, daily, async (get) => {
      const { text, latency_ms } = await read(get, url);
      return { latency_ms, seen: releaseOf(text) };
    });
  }
  if (on('advisories') && versions) {
    const { advisories_url: url } = config;
    add('advisories', url, daily, async (get) => {
      const { text, latency_ms } = await read(get, url, { body: JSON.stringify(versions) });
      return { latency_ms, seen: { advisories: advisoriesOf(text, versions) } };
    });
  }
  if (on('pages')) {
    for (const [name, page] of Object.entries(config.pages)) {
      add(
        `page ${name}`,
        `${page.url} ${conditionOf(page.when)}`,
        page.every_minutes * MINUTE_ms,
        (get, before, now) => lookAtPage(get, name, page, before, now),
      );
    }
  }
  return watches;
}

async function lookAtNetwork(get: Get, url: string, says: string): Promise<Sight> {
  const { status, text, latency_ms, header } = await get(url, { follow: false });
  const right = says === '' ? status === 204 && text === '' : status === 200 && text.includes(says);
  if (right) return { latency_ms };
  const location = header('location');
  const host = location !== null && URL.parse(location, url)?.host;
  throw new Error(
    `somebody else answers in its place (HTTP ${status}${host ? `, to ${quoted(host, 100)}` : ''}): a network that wants you to sign in first`,
  );
}

/** Any answer of its own will do; a gateway's word that nobody is behind it will not. */
async function lookWhetherThere(get: Get, url: string): Promise<Sight> {
  const { status, latency_ms } = await get(url, { follow: false });
  if (status >= 500) throw new Error(`HTTP ${status}`);
  return { latency_ms };
}

async function read(get: Get, url: string, asked = {}) {
  const got = await get(url, asked);
  if (got.status !== 200) throw new Error(`HTTP ${got.status}`);
  if (got.cut) throw new Error('its answer is longer than 1 MB');
  return got;
}

async function lookAtPage(get: Get, name: string, page: Page, before: Probe, now: number): Promise<Sight> {
  const known = readSeen(before.seen_json);
  const got = await get(page.url, {
    headers: {
      ...(known.etag !== null && { 'if-none-match': known.etag }),
      ...(known.modified !== null && { 'if-modified-since': known.modified }),
    },
  });
  const { latency_ms } = got;
  if (got.status === 304) return { latency_ms };
  if (got.status !== 200) throw new Error(`HTTP ${got.status}`);
  const { seen, news } = newsOf(page.when, known, got.text);
  const next = { ...seen, etag: got.header('etag'), modified: got.header('last-modified') };
  if (news === null) return { latency_ms, seen: next };
  const text = [
    `${name} ${happened(page.when)}: ${quoted(got.url)}`,
    ...news.map((line) => `> ${line}`),
  ].join('\n');
  return {
    latency_ms,
    seen: next,
    news: {
      cause: `page ${name} ${new Date(now).toISOString()}`,
      kind: 'news',
      severity: 'info',
      text,
      cure: null,
    },
  };
}

function conditionOf(when: Page['when']): string {
  if (typeof when === 'string') return `(${when})`;
  return 'contains' in when ? `(contains "${when.contains}")` : `(lacks "${when.lacks}")`;
}

function happened(when: Page['when']): string {
  if (when === 'changes') return 'has changed';
  if (when === 'new items') return 'has something new';
  return 'contains' in when
    ? `says "${quoted(when.contains)}" now`
    : `does not say "${quoted(when.lacks)}" any more`;
}
